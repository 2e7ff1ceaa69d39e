//! Where a request goes instead of where it asked to: another path, another host, another URL.

use super::pattern::PathPattern;

/// The host, and with it a port, that a message is given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Authority(pub String);

impl Authority {
    /// Reads `example.com`, `example.com:8443` or `[::1]:80`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Authority, String> {
        let has_port = text.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']'));
        let (host, port) = has_port.map_or((text, None), |(host, port)| (host, Some(port)));
        super::HostPattern::parse(host).and_then(|pattern| match pattern {
            super::HostPattern::Exact(_) => Ok(()),
            _ => Err(format!("'{host}' stands for many hosts")),
        })?;
        match port.map(str::parse::<u16>) {
            Some(Err(_) | Ok(0)) => Err(format!("'{}' is not a port", port.unwrap_or_default())),
            _ => Ok(Authority(text.to_ascii_lowercase())),
        }
    }
}

edgekit_core::config! {
    /// Another path or host on the way to the server
    pub struct Rewrite {
        /// Instead of the path's beginning that the route is for
        live prefix: Option<PathPattern>, like "/v2";
        /// Instead of the whole path; the query stays
        live path: Option<PathPattern>, like "/index.html";
        /// Instead of the host
        live host: Option<Authority>, like "app.internal";
    }
}

edgekit_core::config! {
    /// An answer that sends the client elsewhere
    pub struct Redirect {
        /// Its status
        live status: Option<u16>, in 301..=308, like 301;
        /// The scheme it is sent to
        live scheme: Option<Scheme>, like "https";
        /// The host it is sent to, with a port if need be
        live host: Option<Authority>, like "www.example.com";
        /// Instead of the path's beginning that the route is for
        live prefix: Option<PathPattern>, like "/new";
        /// Instead of the whole path; the query stays
        live path: Option<PathPattern>, like "/new";
    }
}

edgekit_core::words! {
    /// How a server is spoken to.
    pub enum Scheme {
        /// In the clear.
        Http = "http",
        /// Over TLS.
        Https = "https",
    }
}

/// How the path of a request changes.
#[derive(Clone, PartialEq, Eq, Debug)]
enum PathChange {
    None,
    /// So many bytes at the front are replaced.
    Prefix(usize, Box<[u8]>),
    Whole(Box<[u8]>),
}

impl PathChange {
    fn new(matched: usize, prefix: Option<&PathPattern>, whole: Option<&PathPattern>) -> PathChange {
        match (prefix, whole) {
            (_, Some(path)) => PathChange::Whole(path.0.as_bytes().into()),
            (Some(prefix), None) => PathChange::Prefix(matched, prefix.prefix().as_bytes().into()),
            (None, None) => PathChange::None,
        }
    }

    /// Writes `target` (a path with its query) as it becomes.
    fn write(&self, out: &mut Vec<u8>, target: &[u8], path: usize) {
        let rest = match self {
            PathChange::None => target,
            PathChange::Prefix(matched, prefix) => {
                out.extend_from_slice(prefix);
                let rest = target.get(*matched..).unwrap_or_default();
                // `/api?q` as `/`: nothing is left of the path, and a path is never empty.
                if prefix.is_empty() && !rest.starts_with(b"/") {
                    out.push(b'/');
                }
                rest
            }
            PathChange::Whole(whole) => {
                out.extend_from_slice(whole);
                target.get(path..).unwrap_or_default()
            }
        };
        out.extend_from_slice(rest);
    }
}

/// A [`Rewrite`] or [`Redirect`], ready to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Retarget {
    scheme: Option<Scheme>,
    host: Option<Box<[u8]>>,
    path: PathChange,
}

impl Retarget {
    /// Of a rewrite, none if it changes nothing. `matched` is the length of the route's own prefix.
    pub fn rewrite(settings: &Rewrite, matched: usize) -> Option<Box<Retarget>> {
        let Rewrite { prefix, path, host } = settings;
        if prefix.is_none() && path.is_none() && host.is_none() {
            return None;
        }
        let path = PathChange::new(matched, prefix.as_ref(), path.as_ref());
        let host = host.as_ref().map(|host| host.0.as_bytes().into());
        Some(Box::new(Retarget { scheme: None, host, path }))
    }

    /// Of a redirect, with its status; none if there is none.
    pub fn redirect(settings: &Redirect, matched: usize) -> Option<(u16, Retarget)> {
        let Redirect { status, scheme, host, prefix, path } = settings;
        if !settings.is_one() {
            return None;
        }
        let path = PathChange::new(matched, prefix.as_ref(), path.as_ref());
        let host = host.as_ref().map(|host| host.0.as_bytes().into());
        Some((status.unwrap_or(301), Retarget { scheme: *scheme, host, path }))
    }

    /// The host that takes the place of the client's.
    pub fn host(&self) -> Option<&[u8]> {
        self.host.as_deref()
    }

    /// Writes the target of a request as it becomes; `path` is the length of its path.
    pub fn target(&self, out: &mut Vec<u8>, target: &[u8], path: usize) {
        // `OPTIONS *` asks for no path.
        if target.starts_with(b"/") {
            self.path.write(out, target, path)
        } else {
            out.extend_from_slice(target)
        }
    }

    /// Writes the line that says where to.
    pub fn location(&self, out: &mut Vec<u8>, scheme: &str, host: &[u8], target: &[u8], path: usize) {
        out.extend_from_slice(b"location: ");
        let scheme = self.scheme.map_or(scheme, |scheme| scheme.word());
        let own = without_default_port(host, self.scheme);
        let host = self.host.as_deref().unwrap_or(own);
        if !host.is_empty() {
            out.extend_from_slice(scheme.as_bytes());
            out.extend_from_slice(b"://");
            out.extend_from_slice(host);
        }
        self.target(out, target, path);
        out.extend_from_slice(b"\r\n");
    }
}

impl Redirect {
    /// True if the section says anything.
    pub fn is_one(&self) -> bool {
        let Redirect { status, scheme, host, prefix, path } = self;
        status.is_some() || scheme.is_some() || host.is_some() || prefix.is_some() || path.is_some()
    }
}

/// Who is sent to another scheme is sent to that scheme's own port.
fn without_default_port(host: &[u8], scheme: Option<Scheme>) -> &[u8] {
    match memchr::memrchr(b':', host) {
        Some(at) if scheme.is_some() && (!host.starts_with(b"[") || host.get(at - 1) == Some(&b']')) => {
            &host[..at]
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Option<PathPattern> {
        Some(PathPattern::parse(text).unwrap())
    }

    fn rewritten(matched: usize, prefix: Option<&str>, whole: Option<&str>, target: &str) -> String {
        let settings = Rewrite { prefix: prefix.and_then(path), path: whole.and_then(path), host: None };
        let mut out = Vec::new();
        let length = target.find('?').unwrap_or(target.len());
        Retarget::rewrite(&settings, matched).unwrap().target(&mut out, target.as_bytes(), length);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn paths_are_rewritten() {
        for (matched, prefix, target, wanted) in [
            (4, "/v2", "/api/x?q=1", "/v2/x?q=1"),
            (4, "/v2", "/api", "/v2"),
            (4, "/", "/api/x", "/x"),
            (4, "/", "/api", "/"),
            (4, "/", "/api?q", "/?q"),
            (0, "/v2", "/x", "/v2/x"),
            (4, "/v2/", "/api/x", "/v2/x"),
            (4, "/v2", "*", "*"),
        ] {
            assert_eq!(rewritten(matched, Some(prefix), None, target), wanted, "{prefix} {target}");
        }
        assert_eq!(rewritten(0, None, Some("/index.html"), "/a/b?c=d"), "/index.html?c=d");
    }

    #[test]
    fn clients_are_sent_elsewhere() {
        let none = Redirect { status: None, scheme: None, host: None, prefix: None, path: None };
        assert!(Retarget::redirect(&none, 0).is_none());
        let line = |settings: &Redirect, host: &str| {
            let (status, redirect) = Retarget::redirect(settings, 4).unwrap();
            let mut out = Vec::new();
            redirect.location(&mut out, "http", host.as_bytes(), b"/old/x?q", 6);
            (status, String::from_utf8(out).unwrap())
        };
        let https = Redirect { scheme: Some(Scheme::Https), ..none.clone() };
        assert_eq!(line(&https, "a:8080"), (301, "location: https://a/old/x?q\r\n".to_owned()));
        assert_eq!(line(&https, "[::1]:80").1, "location: https://[::1]/old/x?q\r\n");
        let host =
            Redirect { host: Some(Authority::parse("b:1").unwrap()), status: Some(308), ..none.clone() };
        assert_eq!(line(&host, "a:8080"), (308, "location: http://b:1/old/x?q\r\n".to_owned()));
        let prefix = Redirect { prefix: path("/new"), ..none };
        assert_eq!(line(&prefix, "a:1").1, "location: http://a:1/new/x?q\r\n");
    }

    #[test]
    fn authorities() {
        for text in ["a", "a:1", "[::1]", "[::1]:80", "10.0.0.1:9"] {
            assert!(Authority::parse(text).is_ok(), "{text}");
        }
        for text in ["", "a:", "a:0", "a:b", "*.a", "*", "a/b", "::1:80"] {
            assert!(Authority::parse(text).is_err(), "{text}");
        }
    }
}
