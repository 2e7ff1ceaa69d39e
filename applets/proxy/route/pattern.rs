//! Hosts and paths as a route names them.

use std::fmt;

/// `example.com`, `*.example.com` or `*`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HostPattern {
    /// This name or address, in lower case.
    Exact(String),
    /// Every name below this one: `.example.com`.
    Suffix(String),
    /// Every host.
    Any,
}

impl HostPattern {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<HostPattern, String> {
        if text == "*" {
            return Ok(HostPattern::Any);
        }
        let (name, is_suffix) = match text.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (text, false),
        };
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
        let literal = name.starts_with('[') && name.ends_with(']') && !is_suffix;
        match name {
            "" => Err("it is empty".to_owned()),
            name if name.contains('*') => Err("a '*' may stand only for the first label".to_owned()),
            name if literal && name[1..name.len() - 1].parse::<std::net::Ipv6Addr>().is_err() => {
                Err(format!("'{name}' is not an address"))
            }
            name if !literal && name.contains(':') => Err("a host has no port here".to_owned()),
            name if !literal && (!name.chars().all(fits) || name.len() > 253) => {
                Err(format!("'{name}' is not a host"))
            }
            name if is_suffix => Ok(HostPattern::Suffix(format!(".{}", name.to_ascii_lowercase()))),
            name => Ok(HostPattern::Exact(name.to_ascii_lowercase())),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostPattern::Exact(name) => f.write_str(name),
            HostPattern::Suffix(name) => write!(f, "*{name}"),
            HostPattern::Any => f.write_str("*"),
        }
    }
}

/// A path that begins with `/`, without a query.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathPattern(pub String);

impl PathPattern {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<PathPattern, String> {
        match text {
            _ if !text.starts_with('/') => Err(format!("'{text}' does not start with '/'")),
            _ if text.contains(['?', '#']) => Err("a path has neither '?' nor '#'".to_owned()),
            _ if !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Err("it holds a character that must be written as %XX".to_owned())
            }
            _ => Ok(PathPattern(text.to_owned())),
        }
    }

    /// As a prefix: without the `/` at its end, which changes nothing.
    pub fn prefix(&self) -> &str {
        self.0.strip_suffix('/').unwrap_or(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for text in ["*", "*.example.com", "example.com", "[::1]", "10.0.0.1", "localhost"] {
            assert_eq!(HostPattern::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "*.", "a.*.b", "*a", "a:80", "[x]", "a b", "ä"] {
            assert!(HostPattern::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn paths() {
        assert_eq!(PathPattern::parse("/").unwrap().prefix(), "");
        assert_eq!(PathPattern::parse("/a/").unwrap().prefix(), "/a");
        for text in ["", "a", "/a?b", "/a#b", "/a b", "/ä"] {
            assert!(PathPattern::parse(text).is_err(), "{text}");
        }
    }
}
