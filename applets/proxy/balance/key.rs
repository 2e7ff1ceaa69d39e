//! What of a request decides where rings and tables send it.

use std::fmt;
use std::net::IpAddr;

use super::hash::xxh64;
use crate::http1::is_token;
use crate::route::Asking;

/// `source`, `path`, `header:NAME` or `cookie:NAME`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HashKey {
    /// The client's address.
    Source,
    /// The path.
    Path,
    /// A header, its name in lower case.
    Header(String),
    /// A cookie.
    Cookie(String),
}

impl HashKey {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<HashKey, String> {
        let named = |name: &str| match name {
            "" => Err("a name is missing".to_owned()),
            name if !name.bytes().all(is_token) => Err(format!("'{name}' is not a name")),
            name => Ok(name.to_owned()),
        };
        match text.split_once(':') {
            None if text == "source" => Ok(HashKey::Source),
            None if text == "path" => Ok(HashKey::Path),
            Some(("header", name)) => Ok(HashKey::Header(named(name.trim())?.to_ascii_lowercase())),
            Some(("cookie", name)) => Ok(HashKey::Cookie(named(name.trim())?)),
            _ => Err(format!("'{text}' is not a part of a request")),
        }
    }

    /// The hash of a request; none if it has no such header or cookie.
    pub fn of(&self, asked: &Asking<'_>, source: IpAddr) -> Option<u64> {
        match self {
            HashKey::Source => Some(match source.to_canonical() {
                IpAddr::V4(address) => xxh64(&address.octets(), 0),
                IpAddr::V6(address) => xxh64(&address.octets(), 0),
            }),
            HashKey::Path => Some(xxh64(asked.path, 0)),
            HashKey::Header(name) => asked.header(name.as_bytes()).next().map(|value| xxh64(value, 0)),
            HashKey::Cookie(name) => asked.header(b"cookie").find_map(|line| {
                let pairs = line.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
                let mut values =
                    pairs.filter_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
                values.next().map(|value| xxh64(value, 0))
            }),
        }
    }
}

impl fmt::Display for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HashKey::Source => f.write_str("source"),
            HashKey::Path => f.write_str("path"),
            HashKey::Header(name) => write!(f, "header:{name}"),
            HashKey::Cookie(name) => write!(f, "cookie:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found() {
        let head = "GET /a?b HTTP/1.1\r\nHost: a\r\nX-User: 17\r\nCookie: a=1; id=x; id=y\r\n\r\n";
        let mut fields = Vec::new();
        let parsed = crate::http1::RequestHead::parse(head.as_bytes(), &mut fields).unwrap();
        let asked = parsed.asking(head.as_bytes(), &fields);
        let of = |key: &str| HashKey::parse(key).unwrap().of(&asked, IpAddr::from([10, 0, 0, 1]));
        assert_eq!(of("header:x-user"), Some(xxh64(b"17", 0)));
        assert_eq!(of("cookie:id"), Some(xxh64(b"x", 0)));
        assert_eq!(of("path"), Some(xxh64(b"/a", 0)));
        assert_eq!(of("source"), Some(xxh64(&[10, 0, 0, 1], 0)));
        assert_eq!((of("header:none"), of("cookie:i")), (None, None));
        for text in ["", "header", "header:", "cookie:a b", "host", "source:x"] {
            assert!(HashKey::parse(text).is_err(), "{text}");
        }
    }
}
