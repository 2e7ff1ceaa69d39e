//! Headers that a route sets or takes away.
//!
//! Those that frame a message or belong to one connection are ours and cannot be edited: an edit must
//! not be able to make two servers see two different messages.

use std::fmt;

use super::target::Retarget;
use crate::http1::is_token;

/// Headers nobody edits.
const OURS: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// The name of a header, in lower case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeaderName(pub String);

impl HeaderName {
    /// Reads a name that may be edited.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<HeaderName, String> {
        let name = text.to_ascii_lowercase();
        match name.as_str() {
            "" => Err("the name is empty".to_owned()),
            name if !name.bytes().all(is_token) => Err(format!("'{name}' is not the name of a header")),
            name if OURS.contains(&name) => Err(format!("'{name}' is the proxy's own")),
            _ => Ok(HeaderName(name)),
        }
    }
}

/// `name: value`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeaderLine {
    name: HeaderName,
    value: String,
}

impl HeaderLine {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<HeaderLine, String> {
        let (name, value) = text.split_once(':').ok_or_else(|| format!("'{text}' has no ':'"))?;
        let value = value.trim_matches([' ', '\t']);
        if value.bytes().any(|byte| byte != b'\t' && (byte < b' ' || byte == 0x7f)) {
            return Err("the value holds a control character".to_owned());
        }
        Ok(HeaderLine { name: HeaderName::parse(name)?, value: value.to_owned() })
    }
}

impl fmt::Display for HeaderLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name.0, self.value)
    }
}

/// What is set and taken away, ready to be written.
#[derive(PartialEq, Eq, Debug)]
pub struct Edits {
    /// Whole lines, each with its end.
    pub lines: Box<[u8]>,
    /// Names whose lines are left out, those that are set among them.
    removed: Box<[Box<[u8]>]>,
    /// Where a request goes instead.
    pub target: Option<Box<Retarget>>,
}

impl Edits {
    /// Compiles them.
    pub fn new(set: &[HeaderLine], removed: &[HeaderName]) -> Edits {
        Edits::with(set, &[], removed, None)
    }

    /// Compiles them, with lines that are added to those of the same name, and another target.
    pub fn with(
        set: &[HeaderLine],
        added: &[HeaderLine],
        removed: &[HeaderName],
        target: Option<Box<Retarget>>,
    ) -> Edits {
        let lines: String = set.iter().chain(added).map(|line| format!("{line}\r\n")).collect();
        let names = set.iter().map(|line| &line.name).chain(removed);
        let removed = names.map(|name| name.0.as_bytes().into()).collect();
        Edits { lines: lines.into_bytes().into(), removed, target }
    }

    /// True if the line of this name is left out.
    pub fn removes(&self, name: &[u8]) -> bool {
        self.removed.iter().any(|removed| removed.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn framing_cannot_be_edited() {
        for line in
            ["Content-Length: 1", "transfer-encoding: x", "Host: a", "a b: c", ": c", "x", "x: a\nb: c"]
        {
            assert!(HeaderLine::parse(line).is_err(), "{line}");
        }
        assert_eq!(HeaderLine::parse("X-Edge:  a b ").unwrap().to_string(), "x-edge: a b");
    }

    #[test]
    fn what_is_added_joins() {
        let added = [HeaderLine::parse("X-A: 2").unwrap()];
        let edits = Edits::with(&[], &added, &[], None);
        assert_eq!(&*edits.lines, b"x-a: 2\r\n");
        assert!(!edits.removes(b"x-a"));
    }

    #[test]
    fn what_is_set_replaces() {
        let edits = Edits::new(
            &[HeaderLine::parse("X-A: 1").unwrap(), HeaderLine::parse("x-b: 2").unwrap()],
            &[HeaderName::parse("X-C").unwrap()],
        );
        assert_eq!(&*edits.lines, b"x-a: 1\r\nx-b: 2\r\n");
        assert!(edits.removes(b"X-a") && edits.removes(b"x-C") && !edits.removes(b"x-d"));
    }
}
