//! Text → tokens, one at a time and without state beyond a position, so that
//! the parser can look ahead by lexing again from where it was.
//!
//! A token is only a kind and a range; what a number or a string means is
//! decoded by `literal` when it is used, so that nothing is reported twice.
//! Attach points and C directives do not follow these rules: the parser takes
//! them as raw text and moves the lexer behind them.

/// One token; `start..end` are bytes of the text the lexer was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Tok,
    pub start: usize,
    pub end: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tok {
    Ident,
    /// Starts with a digit.
    Int,
    /// With both quotes.
    Str,
    /// A string without its closing quote before the end of the text.
    OpenStr,
    /// `$name`
    Var,
    /// `$1`
    Positional,
    /// `$#`
    PositionalCount,
    /// `@` or `@name`
    Map,
    Punct(Punct),
    /// A character no token begins with.
    Unknown,
    /// `/*` without its end.
    OpenComment,
    Eof,
}

macro_rules! puncts {
    ($($name:ident $text:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Punct { $($name,)* }

        impl Punct {
            pub(super) fn text(self) -> &'static str {
                match self { $(Punct::$name => $text,)* }
            }
        }

        /// Longest first, so that the first that fits is the right one.
        const PUNCTS: &[(&str, Punct)] = &[$(($text, Punct::$name),)*];
    };
}

puncts! {
    ShlEq "<<=", ShrEq ">>=",
    Inc "++", Dec "--", Arrow "->", Shl "<<", Shr ">>", Le "<=", Ge ">=", EqEq "==", Ne "!=",
    AndAnd "&&", OrOr "||", PlusEq "+=", MinusEq "-=", StarEq "*=", SlashEq "/=", PercentEq "%=",
    AndEq "&=", OrEq "|=", CaretEq "^=", DotDot "..",
    LBrace "{", RBrace "}", LParen "(", RParen ")", LBracket "[", RBracket "]",
    Semi ";", Comma ",", Colon ":", Question "?", Dot ".", Eq "=", Lt "<", Gt ">",
    Plus "+", Minus "-", Star "*", Slash "/", Percent "%", And "&", Or "|", Caret "^",
    Not "!", Tilde "~",
}

#[derive(Clone, Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    pos: usize,
    end: usize,
}

pub(super) fn is_ident_start(b: u8) -> bool {
    b.is_ascii_alphabetic() || b == b'_'
}

pub(super) fn is_ident_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Lexer<'a> {
        Lexer { text, pos: 0, end: text.len() }
    }

    /// Only the bytes `start..end` of the text.
    pub(super) fn within(text: &'a str, start: usize, end: usize) -> Lexer<'a> {
        Lexer { text, pos: start, end: end.min(text.len()) }
    }

    pub(super) fn seek(&mut self, pos: usize) {
        self.pos = pos.min(self.end);
    }

    fn byte(&self, at: usize) -> u8 {
        if at < self.end { self.text.as_bytes()[at] } else { 0 }
    }

    pub(super) fn next(&mut self) -> Token {
        if let Some(open) = self.skip_layout() {
            return open;
        }
        let start = self.pos;
        if start >= self.end {
            return Token { kind: Tok::Eof, start, end: start };
        }
        let kind = self.scan(start);
        Token { kind, start, end: self.pos }
    }

    /// Spaces, comments and C's line continuations. Gives a token when a
    /// comment does not end.
    fn skip_layout(&mut self) -> Option<Token> {
        loop {
            match self.byte(self.pos) {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => self.pos += 1,
                b'\\' if matches!(self.byte(self.pos + 1), b'\n' | b'\r') => self.pos += 2,
                b'/' if self.byte(self.pos + 1) == b'/' => {
                    let rest = &self.text.as_bytes()[self.pos..self.end];
                    self.pos += rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
                }
                b'/' if self.byte(self.pos + 1) == b'*' => {
                    let start = self.pos;
                    let body = &self.text.as_bytes()[start + 2..self.end];
                    let Some(length) = body.windows(2).position(|w| w == b"*/") else {
                        self.pos = self.end;
                        return Some(Token { kind: Tok::OpenComment, start, end: start + 2 });
                    };
                    self.pos = start + 2 + length + 2;
                }
                _ => return None,
            }
        }
    }

    fn scan(&mut self, start: usize) -> Tok {
        let first = self.byte(start);
        match first {
            b if is_ident_start(b) => {
                self.take_ident(start);
                Tok::Ident
            }
            b'0'..=b'9' => {
                self.take_ident(start);
                Tok::Int
            }
            b'$' => self.scan_dollar(start),
            b'@' => {
                self.pos = start + 1;
                if is_ident_start(self.byte(self.pos)) {
                    self.take_ident(self.pos);
                }
                Tok::Map
            }
            b'"' => self.scan_string(start),
            _ => self.scan_punct(start),
        }
    }

    fn take_ident(&mut self, from: usize) {
        let rest = &self.text.as_bytes()[from..self.end];
        self.pos = from + rest.iter().position(|&b| !is_ident_byte(b)).unwrap_or(rest.len());
    }

    fn scan_dollar(&mut self, start: usize) -> Tok {
        self.pos = start + 1;
        match self.byte(self.pos) {
            b'#' => {
                self.pos += 1;
                Tok::PositionalCount
            }
            b'0'..=b'9' => {
                let rest = &self.text.as_bytes()[self.pos..self.end];
                self.pos += rest.iter().position(|b| !b.is_ascii_digit()).unwrap_or(rest.len());
                Tok::Positional
            }
            b if is_ident_start(b) => {
                self.take_ident(self.pos);
                Tok::Var
            }
            _ => Tok::Unknown,
        }
    }

    fn scan_string(&mut self, start: usize) -> Tok {
        self.pos = start + 1;
        while self.pos < self.end {
            match self.byte(self.pos) {
                b'"' => {
                    self.pos += 1;
                    return Tok::Str;
                }
                b'\\' => self.pos += 2,
                _ => self.pos += 1,
            }
        }
        self.pos = self.end;
        Tok::OpenStr
    }

    fn scan_punct(&mut self, start: usize) -> Tok {
        let rest = &self.text.as_bytes()[start..self.end];
        if let Some((text, punct)) = PUNCTS.iter().find(|(text, _)| rest.starts_with(text.as_bytes())) {
            self.pos = start + text.len();
            return Tok::Punct(*punct);
        }
        // `pos` only ever stops on a character's first byte.
        let width = self.text[start..].chars().next().map_or(1, char::len_utf8);
        self.pos = (start + width).min(self.end);
        Tok::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(Tok, &str)> {
        let mut lexer = Lexer::new(text);
        let mut out = Vec::new();
        loop {
            let token = lexer.next();
            if token.kind == Tok::Eof {
                return out;
            }
            out.push((token.kind, &text[token.start..token.end]));
        }
    }

    #[test]
    fn tokens() {
        use Tok::{Int, Map, Positional, PositionalCount, Var};
        let list = kinds("$x <<= @[1] /* } */ + $1 // end\n $# @a_1 .. 0x1F");
        assert_eq!(
            list,
            [
                (Var, "$x"),
                (Tok::Punct(Punct::ShlEq), "<<="),
                (Map, "@"),
                (Tok::Punct(Punct::LBracket), "["),
                (Int, "1"),
                (Tok::Punct(Punct::RBracket), "]"),
                (Tok::Punct(Punct::Plus), "+"),
                (Positional, "$1"),
                (PositionalCount, "$#"),
                (Map, "@a_1"),
                (Tok::Punct(Punct::DotDot), ".."),
                (Int, "0x1F"),
            ]
        );
    }

    #[test]
    fn unfinished_things() {
        assert_eq!(kinds("\"a\\\""), [(Tok::OpenStr, "\"a\\\"")]);
        assert_eq!(kinds("\"a\\"), [(Tok::OpenStr, "\"a\\")]);
        assert_eq!(kinds("x /* y"), [(Tok::Ident, "x"), (Tok::OpenComment, "/*")]);
        assert_eq!(kinds("é$"), [(Tok::Unknown, "é"), (Tok::Unknown, "$")]);
    }

    #[test]
    fn longest_punctuation_wins() {
        for (i, (text, _)) in PUNCTS.iter().enumerate() {
            let shadowed = PUNCTS[..i].iter().find(|(earlier, _)| text.starts_with(earlier));
            assert_eq!(shadowed, None, "{text}");
        }
    }
}
