//! From a page's source to blocks: headings, paragraphs with or without a tag, lines kept as they are.

use super::inline::{Face, Glyph, read};

/// A manual page, ready to be laid out.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Name and section, as in `EDGEKIT(7)`.
    pub title: String,
    /// The foot's left, middle: source and date.
    pub source: String,
    pub date: String,
    pub blocks: Vec<Block>,
    /// Macros that were not understood; empty for every page that is shipped.
    pub unknown: Vec<String>,
}

/// A piece of a page. `depth` counts levels of indentation beyond the section's.
#[derive(Debug)]
pub(crate) enum Block {
    Section(String),
    Subsection(String),
    Paragraph { depth: usize, tag: Option<Vec<Glyph>>, text: Vec<Glyph>, gap: bool },
    Lines { depth: usize, lines: Vec<Vec<Glyph>> },
}

impl Page {
    /// Reads a page.
    pub(crate) fn parse(source: &str) -> Page {
        let mut parser = Parser::default();
        for line in source.lines() {
            parser.line(line);
        }
        parser.finish();
        parser.page
    }

    /// The titles of its sections.
    pub(crate) fn sections(&self) -> impl Iterator<Item = &str> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Section(title) => Some(title.as_str()),
            _ => None,
        })
    }
}

#[derive(Default)]
struct Parser {
    page: Page,
    face: Face,
    /// Nested `.RS` … `.RE`.
    nested: usize,
    tag: Option<Vec<Glyph>>,
    /// The next line of text is the tag of a `.TP`.
    tag_next: bool,
    /// Inside the body of a `.TP` or `.IP`.
    hanging: bool,
    text: Vec<Glyph>,
    gap: bool,
    kept: Option<Vec<Vec<Glyph>>>,
}

impl Parser {
    fn line(&mut self, line: &str) {
        match line.strip_prefix(['.', '\'']) {
            Some(request) => {
                let (name, rest) = request.split_once(char::is_whitespace).unwrap_or((request, ""));
                self.request(name, rest);
            }
            None => {
                let glyphs = read(line, &mut self.face);
                self.add(glyphs);
            }
        }
    }

    fn add(&mut self, glyphs: Vec<Glyph>) {
        if let Some(lines) = &mut self.kept {
            lines.push(glyphs);
        } else if self.tag_next {
            self.tag = Some(glyphs);
            self.tag_next = false;
        } else if glyphs.is_empty() {
            self.paragraph();
        } else {
            if !self.text.is_empty() {
                self.text.push((' ', Face::Plain));
            }
            self.text.extend(glyphs);
        }
    }

    fn request(&mut self, name: &str, rest: &str) {
        match name {
            "TH" => self.title(&words(rest)),
            "SH" | "SS" => {
                self.finish();
                (self.nested, self.hanging, self.face) = (0, false, Face::Plain);
                let title = words(rest).join(" ");
                let title: String =
                    read(&title, &mut Face::Plain).into_iter().map(|(letter, _)| letter).collect();
                self.page.blocks.push(if name == "SH" {
                    Block::Section(title)
                } else {
                    Block::Subsection(title)
                });
            }
            "PP" | "P" | "LP" => {
                self.paragraph();
                self.hanging = false;
            }
            "TP" | "TQ" => {
                self.paragraph();
                self.gap = name == "TP";
                (self.tag_next, self.hanging) = (true, true);
            }
            "IP" => {
                self.paragraph();
                self.tag = words(rest).first().map(|tag| read(tag, &mut Face::Plain));
                self.hanging = true;
            }
            "RS" | "RE" => {
                self.paragraph();
                self.nested = if name == "RS" { self.nested + 1 } else { self.nested.saturating_sub(1) };
                self.hanging = false;
            }
            "br" => self.flush(false),
            "sp" => self.paragraph(),
            "nf" | "EX" => {
                self.flush(true);
                self.kept = Some(Vec::new());
            }
            "fi" | "EE" => self.flush(true),
            "B" | "I" | "R" | "BI" | "BR" | "IB" | "IR" | "RB" | "RI" => {
                let glyphs = alternate(name, &words(rest));
                self.add(glyphs);
            }
            // Comments, and the definitions with which generated pages guard their quotes.
            "" | "\\\"" | "ie" | "el" | "ds" | "ad" | "nh" | "hy" => {}
            other if other.starts_with("\\\"") => {}
            other => self.page.unknown.push(other.to_owned()),
        }
    }

    fn title(&mut self, words: &[String]) {
        let word = |index: usize| {
            let source = words.get(index).map_or("", String::as_str);
            read(source, &mut Face::Plain).into_iter().map(|(letter, _)| letter).collect::<String>()
        };
        self.page.title = format!("{}({})", word(0), word(1));
        self.page.date = word(2);
        self.page.source = word(3);
    }

    fn depth(&self) -> usize {
        self.nested + usize::from(self.hanging)
    }

    /// Ends the paragraph; the next one starts after an empty line.
    fn paragraph(&mut self) {
        self.flush(true);
        self.face = Face::Plain;
    }

    fn flush(&mut self, next_gap: bool) {
        if let Some(lines) = self.kept.take() {
            let depth = self.depth();
            self.page.blocks.push(Block::Lines { depth, lines });
        } else if self.tag.is_some() || !self.text.is_empty() {
            let depth = self.depth();
            let tag = self.tag.take();
            // The tag stands where the text around the list stands.
            let depth = if tag.is_some() { depth.saturating_sub(1) } else { depth };
            let text = std::mem::take(&mut self.text);
            self.page.blocks.push(Block::Paragraph { depth, tag, text, gap: self.gap });
        } else if !next_gap {
            return;
        }
        self.gap = next_gap;
    }

    fn finish(&mut self) {
        self.flush(true);
    }
}

/// The arguments of a request; quotes hold one together.
fn words(rest: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut letters = rest.chars().peekable();
    while let Some(&letter) = letters.peek() {
        if letter == ' ' {
            letters.next();
            continue;
        }
        let quoted = letter == '"';
        if quoted {
            letters.next();
        }
        let mut word = String::new();
        while let Some(letter) = letters.next() {
            match letter {
                '"' if quoted && letters.peek() == Some(&'"') => {
                    letters.next();
                    word.push('"');
                }
                '"' if quoted => break,
                ' ' if !quoted => break,
                '\\' => {
                    word.push('\\');
                    word.extend(letters.next());
                }
                other => word.push(other),
            }
        }
        found.push(word);
    }
    found
}

/// `.BR a b`: the words without spaces between, the faces in turn; `.B a b`: with spaces, one face.
fn alternate(name: &str, words: &[String]) -> Vec<Glyph> {
    let faces: Vec<Face> = name
        .chars()
        .map(|letter| match letter {
            'B' => Face::Bold,
            'I' => Face::Italic,
            _ => Face::Plain,
        })
        .collect();
    let mut glyphs = Vec::new();
    for (word, face) in words.iter().zip(faces.iter().copied().cycle()) {
        if faces.len() == 1 && !glyphs.is_empty() {
            glyphs.push((' ', face));
        }
        glyphs.extend(read(word, &mut { face }));
    }
    glyphs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_quotes_together() {
        assert_eq!(words(r#"a "b c" d\ e """#), ["a", "b c", "d\\ e", ""]);
    }

    #[test]
    fn unknown_macros_are_reported() {
        let page = Page::parse(".TH X 1 d s\n.SH NAME\nx\n.Bl -tag\n");
        assert_eq!(page.unknown, ["Bl"]);
        assert_eq!(page.sections().collect::<Vec<_>>(), ["NAME"]);
    }
}
