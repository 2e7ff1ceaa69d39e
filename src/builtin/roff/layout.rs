//! From blocks to text of some width, with or without faces.

use edgekit_core::{Ctx, term};

use super::inline::{Face, Glyph};
use super::parse::{Block, Page};

/// Columns of one level.
const INDENT: usize = 4;

/// How text is laid out.
pub(crate) struct Layout {
    width: usize,
    faces: bool,
}

impl Layout {
    /// For standard output: the terminal's width and colours, plain in a pipe.
    pub(crate) fn for_output(ctx: &Ctx) -> Layout {
        let width = if ctx.stdout_is_tty() { term::width() } else { term::DEFAULT_WIDTH };
        Layout { width: width.min(term::WIDEST), faces: ctx.stdout_paint().is_on() }
    }

    /// The whole page with its head and foot.
    pub(crate) fn page(&self, page: &Page) -> String {
        let mut text = self.edge(&page.title, "", &page.title);
        self.blocks(&mut text, &page.blocks);
        text.push('\n');
        text.push_str(&self.edge(&page.source, &page.date, &page.title));
        text
    }

    /// One section, without head and foot.
    pub(crate) fn section(&self, page: &Page, title: &str) -> String {
        let is_section = |block: &Block| matches!(block, Block::Section(_));
        let start =
            page.blocks.iter().position(|block| matches!(block, Block::Section(name) if name == title));
        let blocks = start.map_or(&[][..], |start| &page.blocks[start..]);
        let length = blocks.iter().skip(1).position(is_section).map_or(blocks.len(), |next| next + 1);
        let mut text = String::new();
        self.blocks(&mut text, &blocks[..length]);
        text.trim_start_matches('\n').to_owned()
    }

    fn edge(&self, left: &str, middle: &str, right: &str) -> String {
        let used = left.chars().count() + middle.chars().count() + right.chars().count();
        let free = self.width.saturating_sub(used);
        let (before, after) = (" ".repeat(free / 2), " ".repeat(free - free / 2));
        format!("{left}{before}{middle}{after}{right}\n")
    }

    fn blocks(&self, text: &mut String, blocks: &[Block]) {
        // Nothing stands between a heading and what it heads.
        let mut after_heading = false;
        for block in blocks {
            match block {
                Block::Section(title) => {
                    text.push('\n');
                    self.line(text, 0, &bold(title));
                    after_heading = true;
                    continue;
                }
                Block::Subsection(title) => {
                    text.push('\n');
                    self.line(text, INDENT / 2, &bold(title));
                    after_heading = true;
                    continue;
                }
                Block::Paragraph { depth, tag, text: body, gap } => {
                    if *gap && !after_heading {
                        text.push('\n');
                    }
                    let start = (depth + 1) * INDENT;
                    match tag {
                        Some(tag) => self.tagged(text, start, tag, body),
                        None => self.fill(text, start, body),
                    }
                }
                Block::Lines { depth, lines } => {
                    if !after_heading {
                        text.push('\n');
                    }
                    for line in lines {
                        self.line(text, (depth + 1) * INDENT, line);
                    }
                }
            }
            after_heading = false;
        }
    }

    /// A tag, and its body on the same line where the tag is short enough to stand beside it.
    fn tagged(&self, text: &mut String, start: usize, tag: &[Glyph], body: &[Glyph]) {
        let beside = INDENT * 2;
        if tag.len() + 1 < beside && !body.is_empty() {
            let mut joined = tag.to_vec();
            joined.extend(std::iter::repeat_n(('\u{a0}', Face::Plain), beside - tag.len() - 1));
            joined.push((' ', Face::Plain));
            joined.extend_from_slice(body);
            self.fill_hanging(text, start, start + beside, &joined);
        } else {
            self.line(text, start, tag);
            self.fill(text, start + INDENT, body);
        }
    }

    fn fill(&self, text: &mut String, start: usize, glyphs: &[Glyph]) {
        self.fill_hanging(text, start, start, glyphs);
    }

    /// Fills lines with words, the first from column `first`, the others from `rest`.
    fn fill_hanging(&self, text: &mut String, first: usize, rest: usize, glyphs: &[Glyph]) {
        let mut start = first;
        let mut line: Vec<Glyph> = Vec::new();
        for word in glyphs.split(|(letter, _)| *letter == ' ').filter(|word| !word.is_empty()) {
            if !line.is_empty() && start + line.len() + 1 + word.len() > self.width {
                self.line(text, start, &line);
                line.clear();
                start = rest;
            }
            if !line.is_empty() {
                line.push((' ', Face::Plain));
            }
            line.extend_from_slice(word);
        }
        if !line.is_empty() {
            self.line(text, start, &line);
        }
    }

    /// One line; faces change only where they must.
    fn line(&self, text: &mut String, start: usize, glyphs: &[Glyph]) {
        if !glyphs.is_empty() {
            text.extend(std::iter::repeat_n(' ', start));
        }
        let mut current = Face::Plain;
        for (letter, face) in glyphs {
            if self.faces && *face != current {
                text.push_str(match face {
                    Face::Plain => "\x1b[0m",
                    Face::Bold => "\x1b[0;1m",
                    Face::Italic => "\x1b[0;4m",
                });
                current = *face;
            }
            text.push(if *letter == '\u{a0}' { ' ' } else { *letter });
        }
        if current != Face::Plain {
            text.push_str("\x1b[0m");
        }
        text.push('\n');
    }
}

fn bold(title: &str) -> Vec<Glyph> {
    title.chars().map(|letter| (letter, Face::Bold)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#".\" comment
.ie \n(.g .ds Aq \(aq
.TH EDGEKIT\-X 1 2026\-08\-01 "edgekit"
.SH NAME
edgekit\-x \- a test
.SH OPTIONS
.TP
\fB\-o\fR
short
.TP
\fB\-\-a\-long\-option\fR \fIFILE\fR
with a body that does not fit into one line of forty columns
.RS
.PP
nested
.RE
.SH EXAMPLES
.nf
edgekit x   | wc
.fi
"#;

    #[test]
    fn a_page_is_laid_out_in_columns() {
        let page = Page::parse(PAGE);
        assert!(page.unknown.is_empty(), "{:?}", page.unknown);
        let text = Layout { width: 40, faces: false }.page(&page);
        let expected = "\
EDGEKIT-X(1)                EDGEKIT-X(1)

NAME
    edgekit-x - a test

OPTIONS
    -o      short

    --a-long-option FILE
        with a body that does not fit
        into one line of forty columns

        nested

EXAMPLES
    edgekit x   | wc

edgekit     2026-08-01      EDGEKIT-X(1)
";
        assert_eq!(text, expected);
    }

    #[test]
    fn one_section_can_be_had_alone_with_faces() {
        let page = Page::parse(PAGE);
        let text = Layout { width: 40, faces: true }.section(&page, "EXAMPLES");
        assert_eq!(text, "\x1b[0;1mEXAMPLES\x1b[0m\n    edgekit x   | wc\n");
        assert_eq!(Layout { width: 40, faces: true }.section(&page, "NONE"), "");
    }
}
