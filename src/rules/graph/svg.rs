//! The graph as a picture: sources on the left, rules in layers, edges as curves named by their topic.
//!
//! One file with no script and no font of its own, readable on a light and a dark page. Within a layer the rules
//! stand where their neighbours are (a few sweeps of the barycentre rule), which keeps most edges from crossing.

use std::{
    collections::HashMap,
    fmt::{self, Write as _},
};

use super::Graph;

const WIDTH: usize = 190;
const HEIGHT: usize = 44;
const GAP_X: usize = 90;
const GAP_Y: usize = 22;
const MARGIN: usize = 20;
/// Sweeps over the layers; more change little.
const SWEEPS: usize = 6;
/// Letters of a name that fit in a box.
const LETTERS: usize = 24;

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#1b1f24}.s{font-size:10px;fill:#57606a}\
    rect{fill:#fff;stroke:#57606a}.o rect{fill:#eef6ff;stroke:#0969da}\
    path{fill:none;stroke:#8c959f}path:hover{stroke:#0969da;stroke-width:2}marker path{fill:#8c959f;stroke:none}\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.s{fill:#9198a1}rect{fill:#151b23;stroke:#9198a1}\
    .o rect{fill:#0c2d6b;stroke:#4493f8}}";

/// Something drawn as a box: a topic from outside or a rule.
struct Boxed<'a> {
    title: &'a str,
    under: String,
    outside: bool,
    layer: usize,
    row: usize,
}

impl Graph {
    /// The graph as SVG.
    pub fn svg(&self) -> String {
        let (mut boxes, edges) = self.boxes();
        settle(&mut boxes, &edges);
        let columns = boxes.iter().map(|each| each.layer + 1).max().unwrap_or(1);
        let rows = boxes.iter().map(|each| each.row + 1).max().unwrap_or(1);
        let width = 2 * MARGIN + columns * (WIDTH + GAP_X) - GAP_X;
        let height = 2 * MARGIN + rows * (HEIGHT + GAP_Y) - GAP_Y;
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" role=\"img\"><title>rules</title><style>{STYLE}</style>\
             <defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" \
             markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>\n"
        );
        for (from, to, topic) in &edges {
            let (from, to) = (&boxes[*from], &boxes[*to]);
            let (x1, y1) = (from.x() + WIDTH, from.y() + HEIGHT / 2);
            let (x2, y2) = (to.x(), to.y() + HEIGHT / 2);
            let bend = (x2.saturating_sub(x1) / 2).max(GAP_X / 2);
            // A String takes all that is written.
            let _ = writeln!(
                out,
                "<path marker-end=\"url(#a)\" d=\"M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}\"><title>{}</title></path>",
                x1 + bend,
                x2 - bend,
                Escaped(topic)
            );
        }
        for each in &boxes {
            let _ = each.draw(&mut out);
        }
        out.push_str("</svg>\n");
        out
    }

    /// Boxes, and edges between them by index.
    fn boxes(&self) -> (Vec<Boxed<'_>>, Vec<(usize, usize, &str)>) {
        let topics = self.topics(true);
        let at: HashMap<&str, usize> = topics.iter().enumerate().map(|(at, topic)| (*topic, at)).collect();
        let rules = topics.len();
        let mut boxes: Vec<Boxed<'_>> = topics
            .iter()
            .map(|title| Boxed { title, under: "source".to_owned(), outside: true, layer: 0, row: 0 })
            .collect();
        boxes.extend(self.nodes.iter().zip(&self.layers).map(|(node, layer)| {
            let under = match node.priority {
                0 => node.place.to_string(),
                priority => format!("{}, priority {priority}", node.place),
            };
            Boxed { title: &node.name, under, outside: false, layer: layer + 1, row: 0 }
        }));
        let edges = self.edges().filter_map(|(from, to, topic)| {
            let from = from.map(|from| from + rules).or_else(|| at.get(topic).copied())?;
            Some((from, to + rules, topic))
        });
        let edges = edges.collect();
        (boxes, edges)
    }
}

/// Gives each box its row.
fn settle(boxes: &mut [Boxed<'_>], edges: &[(usize, usize, &str)]) {
    let mut layers: Vec<Vec<usize>> = Vec::new();
    for (at, each) in boxes.iter_mut().enumerate() {
        if layers.len() <= each.layer {
            layers.resize_with(each.layer + 1, Vec::new);
        }
        each.row = layers[each.layer].len();
        layers[each.layer].push(at);
    }
    let mut near: Vec<Vec<usize>> = vec![Vec::new(); boxes.len()];
    for (from, to, _) in edges {
        near[*from].push(*to);
        near[*to].push(*from);
    }
    for sweep in 0..SWEEPS {
        let count = layers.len();
        for step in 0..count {
            let layer = if sweep % 2 == 0 { step } else { count - 1 - step };
            let middle = |at: usize| match near[at].len() {
                0 => boxes[at].row * 1000,
                several => near[at].iter().map(|&other| boxes[other].row * 1000).sum::<usize>() / several,
            };
            let mut row: Vec<(usize, usize)> = layers[layer].iter().map(|&at| (middle(at), at)).collect();
            edgekit_core::sort::natural(&mut row);
            layers[layer] = row.into_iter().map(|(_, at)| at).collect();
            for (row, &at) in layers[layer].iter().enumerate() {
                boxes[at].row = row;
            }
        }
    }
}

impl Boxed<'_> {
    fn x(&self) -> usize {
        MARGIN + self.layer * (WIDTH + GAP_X)
    }

    fn y(&self) -> usize {
        MARGIN + self.row * (HEIGHT + GAP_Y)
    }

    fn draw(&self, out: &mut String) -> fmt::Result {
        let (x, y) = (self.x(), self.y());
        let round = if self.outside { HEIGHT / 2 } else { 6 };
        let class = if self.outside { " class=\"o\"" } else { "" };
        writeln!(
            out,
            "<g{class}><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
             rx=\"{round}\"/><text x=\"{}\" y=\"{}\">{}</text><text class=\"s\" x=\"{}\" y=\"{}\">{}</text></g>",
            Escaped(&format!("{} ({})", self.title, self.under)),
            x + 14,
            y + 19,
            Escaped(&short(self.title, LETTERS)),
            x + 14,
            y + 34,
            Escaped(&short(&self.under, LETTERS + 8)),
        )
    }
}

/// The end is what tells long names and paths apart.
fn short(text: &str, letters: usize) -> String {
    let count = text.chars().count();
    if count <= letters {
        return text.to_owned();
    }
    std::iter::once('…').chain(text.chars().skip(count + 1 - letters)).collect()
}

/// Text inside of markup.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                // Not allowed in XML, whatever way it is written.
                control if control.is_control() => f.write_char('\u{fffd}')?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}
