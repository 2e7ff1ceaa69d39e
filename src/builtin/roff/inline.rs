//! One line of roff text: its escapes resolved, each letter with its face.

/// How a letter looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Face {
    #[default]
    Plain,
    Bold,
    Italic,
}

/// A letter and its face. A non-breaking space is kept as one until it is laid out.
pub(crate) type Glyph = (char, Face);

/// The named characters our pages use, by roff's two-letter names.
const NAMED: [(&str, char); 14] = [
    ("aq", '\''),
    ("dq", '"'),
    ("lq", '“'),
    ("rq", '”'),
    ("oq", '‘'),
    ("cq", '’'),
    ("bu", '•'),
    ("em", '—'),
    ("en", '–'),
    ("ti", '~'),
    ("ha", '^'),
    ("ga", '`'),
    ("rs", '\\'),
    ("Aq", '\''),
];

/// Reads `text`, starting in `face`, and leaves the face it ends with.
pub(crate) fn read(text: &str, face: &mut Face) -> Vec<Glyph> {
    let mut glyphs = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        if letter != '\\' {
            glyphs.push((letter, *face));
            continue;
        }
        match rest.next() {
            Some('f') => *face = face_of(&name(&mut rest)),
            Some('(') => {
                let named: String = rest.by_ref().take(2).collect();
                glyphs.extend(character(&named).map(|letter| (letter, *face)));
            }
            Some('[') => {
                let named: String = rest.by_ref().take_while(|letter| *letter != ']').collect();
                glyphs.extend(character(&named).map(|letter| (letter, *face)));
            }
            Some('*') => {
                let named = name(&mut rest);
                glyphs.extend(character(&named).map(|letter| (letter, *face)));
            }
            Some('-') => glyphs.push(('-', *face)),
            Some('e' | '\\') => glyphs.push(('\\', *face)),
            Some(' ' | '~') => glyphs.push(('\u{a0}', *face)),
            // A comment ends the line; zero-width marks vanish; any other letter stands for itself.
            Some('"') | None => break,
            Some('&' | '|' | '^' | ':' | '%' | 'c' | ')') => {}
            Some(other) => glyphs.push((other, *face)),
        }
    }
    glyphs
}

/// The name after `\f` or `\*`: one letter, `(xx` or `[name]`.
fn name(rest: &mut std::str::Chars<'_>) -> String {
    match rest.next() {
        Some('(') => rest.by_ref().take(2).collect(),
        Some('[') => rest.by_ref().take_while(|letter| *letter != ']').collect(),
        Some(letter) => letter.to_string(),
        None => String::new(),
    }
}

fn face_of(name: &str) -> Face {
    match name {
        "B" | "CB" => Face::Bold,
        "I" | "CI" => Face::Italic,
        _ => Face::Plain,
    }
}

fn character(name: &str) -> Option<char> {
    NAMED.iter().find(|(known, _)| *known == name).map(|(_, letter)| *letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        read(text, &mut Face::Plain).into_iter().map(|(letter, _)| letter).collect()
    }

    #[test]
    fn escapes_become_letters() {
        assert_eq!(plain(r"\-\-json it\(aqs a \(lqword\(rq \\ \e\&"), "--json it's a “word” \\ \\");
        assert_eq!(plain(r"don\*(Aqt"), "don't");
        assert_eq!(plain(r"a\~b"), "a\u{a0}b");
        assert_eq!(plain("broken \\"), "broken ");
    }

    #[test]
    fn faces_last_until_changed() {
        let mut face = Face::Plain;
        let glyphs = read(r"a\fBb\fIc", &mut face);
        assert_eq!(glyphs, [('a', Face::Plain), ('b', Face::Bold), ('c', Face::Italic)]);
        assert_eq!(face, Face::Italic);
    }
}
