//! What a route asks of a request beside host, path and method: its headers, its query.
//!
//! Values are compared as they were sent, letter by letter; names of headers without regard to case.
//! A header that comes in several lines fits if one of them does.

use std::fmt;

use regex_lite::{Regex, RegexBuilder};

use crate::http1::{Field, is_token};

/// Bytes a compiled expression may take: what a long alternative needs, not what an attacker wants.
const REGEX_SIZE: usize = 256 * 1024;
/// How deep groups may lie in each other.
const REGEX_DEPTH: u32 = 32;

/// A regular expression whose search takes time in proportion to the text.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    regex: Regex,
}

impl Pattern {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it, or that it is too large.
    pub fn parse(text: &str) -> Result<Pattern, String> {
        if text.is_empty() {
            return Err("it is empty".to_owned());
        }
        let built = RegexBuilder::new(text).size_limit(REGEX_SIZE).nest_limit(REGEX_DEPTH).build();
        let regex = built.map_err(|error| format!("'{text}' is no regular expression: {error}"))?;
        Ok(Pattern { text: text.to_owned(), regex })
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// True if it is found in `bytes`; text that is not UTF-8 fits none.
    pub fn fits(&self, bytes: &[u8]) -> bool {
        std::str::from_utf8(bytes).is_ok_and(|text| self.regex.is_match(text))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.text == other.text
    }
}

/// What is asked of a value.
#[derive(Clone, PartialEq, Debug)]
enum Test {
    Present,
    Absent,
    Equals(String),
    Fits(Pattern),
}

impl Test {
    fn holds<'a>(&self, mut values: impl Iterator<Item = &'a [u8]>) -> bool {
        match self {
            Test::Present => values.next().is_some(),
            Test::Absent => values.next().is_none(),
            Test::Equals(wanted) => values.any(|value| value == wanted.as_bytes()),
            Test::Fits(pattern) => values.any(|value| pattern.fits(value)),
        }
    }

    /// True if no value could hold for both.
    fn excludes(&self, other: &Test) -> bool {
        match (self, other) {
            (Test::Absent, Test::Absent) => false,
            (Test::Absent, _) | (_, Test::Absent) => true,
            (Test::Equals(one), Test::Equals(other)) => one != other,
            _ => false,
        }
    }
}

/// Splits `!name`, `name`, `name<sign>value` and `name ~ pattern`. A `~` is a sign where a blank is
/// before it, and a letter of the name where not.
fn split(text: &str, sign: char) -> Result<(String, Test), String> {
    let clean = |part: &str| part.trim_matches([' ', '\t']).to_owned();
    if let Some(name) = text.strip_prefix('!') {
        return Ok((clean(name), Test::Absent));
    }
    let is_sign = |(at, letter): &(usize, char)| {
        *letter == sign || *letter == '~' && text[..*at].ends_with([' ', '\t'])
    };
    match text.char_indices().find(is_sign).map(|(at, _)| at) {
        None => Ok((clean(text), Test::Present)),
        Some(at) if text[at..].starts_with('~') => {
            Ok((clean(&text[..at]), Test::Fits(Pattern::parse(&clean(&text[at + 1..]))?)))
        }
        Some(at) => Ok((clean(&text[..at]), Test::Equals(clean(&text[at + sign.len_utf8()..])))),
    }
}

fn show(f: &mut fmt::Formatter<'_>, name: &str, test: &Test, sign: &str) -> fmt::Result {
    match test {
        Test::Present => f.write_str(name),
        Test::Absent => write!(f, "!{name}"),
        Test::Equals(value) => write!(f, "{name}{sign}{value}"),
        Test::Fits(pattern) => write!(f, "{name} ~ {}", pattern.text),
    }
}

/// `x-env: test`, `x-env ~ ^te`, `x-env` or `!x-env`.
#[derive(Clone, PartialEq, Debug)]
pub struct HeaderTest {
    name: String,
    test: Test,
}

impl HeaderTest {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<HeaderTest, String> {
        let (name, test) = split(text, ':')?;
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(format!("'{name}' is not the name of a header"));
        }
        Ok(HeaderTest { name: name.to_ascii_lowercase(), test })
    }

    fn holds(&self, asked: &Asking<'_>) -> bool {
        self.test.holds(asked.header(self.name.as_bytes()))
    }
}

impl fmt::Display for HeaderTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, &self.name, &self.test, ": ")
    }
}

/// `v=2`, `v ~ ^[0-9]+$`, `debug` or `!debug`.
#[derive(Clone, PartialEq, Debug)]
pub struct QueryTest {
    name: String,
    test: Test,
}

impl QueryTest {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<QueryTest, String> {
        let (name, test) = split(text, '=')?;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic() && !b"&#=".contains(&byte)) {
            return Err(format!("'{name}' is not the name of a parameter"));
        }
        Ok(QueryTest { name, test })
    }

    fn holds(&self, asked: &Asking<'_>) -> bool {
        let parameters = asked.query.split(|byte| *byte == b'&').filter(|part| !part.is_empty());
        self.test.holds(parameters.filter_map(|part| match memchr::memchr(b'=', part) {
            Some(at) if part[..at] == *self.name.as_bytes() => Some(&part[at + 1..]),
            None if part == self.name.as_bytes() => Some(&[][..]),
            _ => None,
        }))
    }
}

impl fmt::Display for QueryTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, &self.name, &self.test, "=")
    }
}

/// What routes look at in a request.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The host, with a port or not.
    pub host: &'a [u8],
    /// The path without its query.
    pub path: &'a [u8],
    /// The query without its `?`.
    pub query: &'a [u8],
    /// The method.
    pub method: &'a [u8],
    /// What `fields` are positions in.
    pub bytes: &'a [u8],
    /// The field lines.
    pub fields: &'a [Field],
}

impl<'a> Asking<'a> {
    /// The values of the header `name`, which is in lower case.
    pub fn header(&self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let bytes = self.bytes;
        let is_it = move |field: &&Field| field.name.of(bytes).eq_ignore_ascii_case(name);
        self.fields.iter().filter(is_it).map(move |field| field.value.of(bytes))
    }
}

/// All that a route asks beside host, path and method; all of it must hold.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Conditions {
    headers: Box<[HeaderTest]>,
    query: Box<[QueryTest]>,
}

impl Conditions {
    /// Of a route; none where it asks nothing.
    pub fn new(headers: Option<&[HeaderTest]>, query: Option<&[QueryTest]>) -> Option<Box<Conditions>> {
        let (headers, query) = (headers.unwrap_or_default(), query.unwrap_or_default());
        if headers.is_empty() && query.is_empty() {
            return None;
        }
        Some(Box::new(Conditions { headers: headers.into(), query: query.into() }))
    }

    /// How many there are: the more, the closer the route.
    pub fn count(&self) -> usize {
        self.headers.len() + self.query.len()
    }

    /// True for a request that they all hold for.
    pub fn hold(&self, asked: &Asking<'_>) -> bool {
        self.headers.iter().all(|test| test.holds(asked)) && self.query.iter().all(|test| test.holds(asked))
    }

    /// True if every condition of `other` is one of ours too.
    pub fn include(&self, other: &Conditions) -> bool {
        other.headers.iter().all(|test| self.headers.contains(test))
            && other.query.iter().all(|test| self.query.contains(test))
    }

    /// True if no request meets both.
    pub fn exclude(&self, other: &Conditions) -> bool {
        // A header or parameter may come twice, but who sends it twice means neither.
        let headers = self.headers.iter().any(|one| {
            other.headers.iter().any(|other| one.name == other.name && one.test.excludes(&other.test))
        });
        let query = self.query.iter().any(|one| {
            other.query.iter().any(|other| one.name == other.name && one.test.excludes(&other.test))
        });
        headers || query
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(headers: &[&str], query: &[&str], line: &str, sent: &str) -> bool {
        let head = format!("GET {line} HTTP/1.1\r\nHost: a\r\n{sent}\r\n");
        let mut fields = Vec::new();
        let parsed = crate::http1::RequestHead::parse(head.as_bytes(), &mut fields).unwrap();
        let headers: Vec<_> = headers.iter().map(|text| HeaderTest::parse(text).unwrap()).collect();
        let query: Vec<_> = query.iter().map(|text| QueryTest::parse(text).unwrap()).collect();
        let conditions = Conditions::new(Some(&headers), Some(&query)).unwrap();
        conditions.hold(&parsed.asking(head.as_bytes(), &fields))
    }

    #[test]
    fn headers_are_asked_for() {
        let sent = "X-Env: test\r\nX-User: 17\r\nX-Env: more\r\nX~A: b~c\r\n";
        for (test, wanted) in [
            ("x-env: test", true),
            ("X-ENV: more", true),
            ("x-env: tes", false),
            ("x-env", true),
            ("!x-env", false),
            ("!x-none", true),
            ("x-user ~ ^[0-9]+$", true),
            ("x-user ~ ^[a-z]+$", false),
            ("x-none ~ .*", false),
            ("x~a", true),
            ("!x~b", true),
            ("x~a: b~c", true),
            ("x~a ~ ^b~", true),
        ] {
            assert_eq!(holds(&[test], &[], "/", sent), wanted, "{test}");
        }
        assert!(!holds(&["x-env", "x-none"], &[], "/", sent));
    }

    #[test]
    fn parameters_are_asked_for() {
        for (test, wanted) in [
            ("v=2", true),
            ("v=", false),
            ("debug", true),
            ("!debug", false),
            ("!v2", true),
            ("v ~ ^[0-9]$", true),
            ("d", false),
        ] {
            assert_eq!(holds(&[], &[test], "/x?a=1&v=2&&debug", ""), wanted, "{test}");
        }
        assert!(!holds(&[], &["v"], "/x", ""));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for text in ["", "!", "a b: c", "x ~ (", "x ~ ", ": a", "x ~ (a{1000}){1000}"] {
            assert!(HeaderTest::parse(text).is_err(), "{text}");
        }
        for text in ["", "=a", "a&b=c", "v ~ ["] {
            assert!(QueryTest::parse(text).is_err(), "{text}");
        }
        for text in ["x-a: b", "!x-a", "x-a", "x-a ~ ^b$", "x~a", "x~a ~ ~"] {
            assert_eq!(HeaderTest::parse(text).unwrap().to_string(), text);
        }
        let deep = format!("{}a{}", "(".repeat(100), ")".repeat(100));
        assert!(Pattern::parse(&deep).is_err());
    }

    #[test]
    fn who_asks_more_is_closer_and_who_differs_excludes() {
        let conditions = |tests: &[&str]| {
            let tests: Vec<_> = tests.iter().map(|text| HeaderTest::parse(text).unwrap()).collect();
            *Conditions::new(Some(&tests), None).unwrap()
        };
        let (one, two) = (conditions(&["a: 1"]), conditions(&["b", "a: 1"]));
        assert!(two.include(&one) && !one.include(&two));
        assert!(one.exclude(&conditions(&["a: 2"])) && one.exclude(&conditions(&["!a"])));
        assert!(!one.exclude(&conditions(&["c: 2"])) && !one.exclude(&conditions(&["a ~ ."])));
    }
}
