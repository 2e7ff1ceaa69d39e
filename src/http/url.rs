//! An address we can speak to: `http` or `https`, host, port, path and query.
//!
//! Checked once, here; everything behind it can rely on it. Also RFC 3986 §5, which turns the
//! `Location` of a redirect into the next address. Credentials in an address are refused: secrets
//! come from files.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use hyper::Uri;

/// A checked address. Displayed without its query, which may hold a secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Url {
    https: bool,
    /// Lower case, without brackets.
    host: String,
    port: u16,
    /// Starts with `/`; no fragment.
    target: String,
}

impl Url {
    /// Longest address that is looked at, in bytes (RFC 9110 §4.1 asks for 8000 at least).
    pub const MAX: usize = 16 * 1024;

    /// Checks an absolute address. A fragment is dropped; bytes that may not stand there (spaces,
    /// non-ASCII) are percent-encoded, as browsers do.
    pub fn parse(text: &str) -> Result<Url, &'static str> {
        if text.len() > Url::MAX {
            return Err("the address is too long");
        }
        let text = encode(text.split('#').next().unwrap_or_default());
        let uri: Uri = text.parse().map_err(|_| "not an address")?;
        let https = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(_) => return Err("neither http nor https"),
            None => return Err("the address has no http:// or https://"),
        };
        let authority = uri.authority().ok_or("the address has no host")?;
        if authority.as_str().contains('@') {
            return Err("the address holds credentials, which belong in a file");
        }
        let default = if https { 443 } else { 80 };
        let (host, port) = host_and_port(authority.as_str())?;
        // `host:` with nothing behind is the default port (RFC 3986 §3.2.3).
        let port = port.filter(|port| !port.is_empty()).map_or(Ok(default), |port| match number(port) {
            Some(port) => Ok(port),
            None => Err("not a port"),
        })?;
        if port == 0 {
            return Err("port 0 cannot be connected to");
        }
        let target = match uri.path_and_query().map(|target| target.as_str()) {
            None | Some("") => "/".to_owned(),
            Some(target) if target.starts_with('?') => format!("/{target}"),
            Some(target) => target.to_owned(),
        };
        Ok(Url { https, host: host.to_ascii_lowercase(), port, target })
    }

    /// Where `location` leads from here (RFC 3986 §5.2).
    pub fn join(&self, location: &str) -> Result<Url, &'static str> {
        let location = location.split('#').next().unwrap_or_default().trim();
        let scheme = if self.https { "https" } else { "http" };
        if has_scheme(location) {
            return Url::parse(location);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return Url::parse(&format!("{scheme}://{rest}"));
        }
        let path = self.target.split('?').next().unwrap_or_default();
        let target = if location.is_empty() {
            self.target.clone()
        } else if location.starts_with('?') {
            format!("{path}{location}")
        } else {
            let (path_given, query_given) = location.split_once('?').unwrap_or((location, ""));
            let whole = if path_given.starts_with('/') {
                path_given.to_owned()
            } else {
                format!("{}/{path_given}", path.rsplit_once('/').map_or("", |(folder, _)| folder))
            };
            let mark = if location.contains('?') { "?" } else { "" };
            format!("{}{mark}{query_given}", without_dots(&whole))
        };
        Url::parse(&format!("{scheme}://{}{target}", self.authority()))
    }

    /// True for `https`.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Host name or address, lower case, IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Never 0.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, as the request line has them.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// `host` or `host:port` where the port is not the scheme's own: the `Host` header.
    pub fn authority(&self) -> String {
        let default = if self.https { 443 } else { 80 };
        if self.port == default { bracketed(&self.host) } else { self.host_port() }
    }

    /// `host:port`, the port always there: what CONNECT asks for.
    pub fn host_port(&self) -> String {
        format!("{}:{}", bracketed(&self.host), self.port)
    }

    /// Everything, query included: the request line for a proxy.
    pub fn absolute(&self) -> String {
        let scheme = if self.https { "https" } else { "http" };
        format!("{scheme}://{}{}", self.authority(), self.target)
    }

    /// Same scheme, host and port: credentials may go along.
    pub fn is_same_origin(&self, other: &Url) -> bool {
        (self.https, &self.host, self.port) == (other.https, &other.host, other.port)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        let path = self.target.split('?').next().unwrap_or_default();
        write!(f, "{scheme}://{}{path}", self.authority())
    }
}

/// Splits an authority without credentials; the host is a name or an address, without brackets.
fn host_and_port(authority: &str) -> Result<(&str, Option<&str>), &'static str> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or("a bracket is not closed")?;
        if host.parse::<Ipv6Addr>().is_err() {
            return Err("not an IPv6 address between the brackets");
        }
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err("not a port"),
        };
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    if host.is_empty() {
        return Err("the address has no host");
    }
    if !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')) {
        return Err("the host is not a name (names beyond ASCII are written xn--…)");
    }
    Ok((host, port))
}

/// Digits and nothing else: `parse` alone would take a `+`.
fn number(text: &str) -> Option<u16> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn bracketed(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(_)) => format!("[{host}]"),
        _ => host.to_owned(),
    }
}

/// `scheme ":"` before any `/`, `?` (RFC 3986 §3.1).
fn has_scheme(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    })
}

/// RFC 3986 §5.2.4 on a path that starts with `/`.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    format!("/{}", kept.join("/"))
}

/// Percent-encodes what may stand in no address: controls, spaces, quotes, non-ASCII.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.trim().bytes() {
        if byte.is_ascii_graphic()
            && !matches!(byte, b'"' | b'<' | b'>' | b'`' | b'\\' | b'^' | b'{' | b'|' | b'}')
        {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checked_once() {
        let url = Url::parse("HTTPS://Box.Example:8443/a b?q=ü#part").unwrap();
        assert_eq!((url.host(), url.port(), url.target()), ("box.example", 8443, "/a%20b?q=%C3%BC"));
        assert_eq!(url.to_string(), "https://box.example:8443/a%20b");
        let six = Url::parse("http://[::1]").unwrap();
        assert_eq!(
            (six.host(), six.authority(), six.host_port()),
            ("::1", "[::1]".into(), "[::1]:80".into())
        );
        assert_eq!(Url::parse("http://x?q").unwrap().target(), "/?q");
        for wrong in [
            "",
            "box",
            "//box/",
            "ftp://box/",
            "http://",
            "http://u:p@box/",
            "http://box:0/",
            "http://box:99999/",
            "http://box:x/",
            "http://[1::2::3]/",
            "http:///path",
            "http://b[/",
            "http://[::1]x/",
            "http://b%41/",
            "http://bücher/",
            "http://box:+80/",
        ] {
            assert!(Url::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn joins_as_rfc_3986_says() {
        let base = Url::parse("http://a/b/c/d;p?q").unwrap();
        for (reference, expected) in [
            ("g", "http://a/b/c/g"),
            ("./g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("", "http://a/b/c/d;p?q"),
            ("..", "http://a/b/"),
            ("../../g", "http://a/g"),
            ("../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("g;x=1/../y", "http://a/b/c/y"),
            ("https://b/x", "https://b/x"),
            ("#frag", "http://a/b/c/d;p?q"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
        ] {
            assert_eq!(base.join(reference).unwrap().absolute(), expected, "{reference}");
        }
        assert!(base.join("mailto:x@y").is_err());
    }
}
