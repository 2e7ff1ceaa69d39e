//! The head of a request: read strictly, refused where two readers could disagree (RFC 9112).

use super::fault::Fault;
use super::field::{Field, Span, tokens};
use super::line::Progress;
use super::scan;
use crate::buffer;
use crate::route::Asking;

/// How the body of a message is framed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyKind {
    /// There is none.
    Empty,
    /// So many bytes.
    Length(u64),
    /// In chunks.
    Chunked,
    /// Until the connection ends; answers only.
    UntilEnd,
}

/// A request's head; its pieces are in the bytes it was read from.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead {
    /// Bytes of the head.
    pub length: usize,
    /// The method.
    pub method: Span,
    /// What is asked for, in origin form (`/path?query`, or `*`).
    pub target: Span,
    /// `target` without its query.
    pub path: Span,
    /// The host with its port; empty if HTTP/1.0 gave none.
    pub host: Span,
    /// 0 or 1.
    pub minor: u8,
    /// How the body is framed.
    pub body: BodyKind,
    /// The client would send another request after this one.
    pub keep_alive: bool,
    /// The client waits for 100 before it sends the body.
    pub expects: bool,
    /// The protocol the client would go over to.
    pub upgrade: Option<Span>,
    /// Connection names other fields that go no further.
    pub nominates: bool,
    /// The client takes trailers, and wants them (RFC 9110 §10.1.4).
    pub trailers: bool,
}

/// What the first line says.
#[derive(Clone, Copy, Debug)]
struct Start {
    method: Span,
    target: Span,
    path: Span,
    /// Of a target that is a whole URL; it is the one that counts (RFC 9112 §3.2.2).
    host: Option<Span>,
    minor: u8,
}

/// A request's head as it arrives.
#[derive(Clone, Copy, Default, Debug)]
pub struct RequestReader {
    start: Option<Start>,
    progress: Progress,
}

impl RequestReader {
    /// The length of the first line, once it was read.
    pub fn first_line(&self) -> Option<usize> {
        self.progress.first_line()
    }

    /// Reads what is there of a head, more of it with each call; gives it once it is whole. `fields` is
    /// filled, and must be the same at each call.
    ///
    /// # Errors
    /// The fault that refuses it, as soon as no more bytes could make it right.
    pub fn read(&mut self, bytes: &[u8], fields: &mut Vec<Field>) -> Result<Option<RequestHead>, Fault> {
        let start = match self.start {
            Some(start) => start,
            None => match self.progress.first(bytes, start)? {
                Some(start) => *self.start.insert(start),
                None => return Ok(None),
            },
        };
        match self.progress.fields(bytes, fields, start.minor)? {
            Some(length) => self.head(bytes, &start, length).map(Some),
            None => Ok(None),
        }
    }

    /// Puts together what was read.
    fn head(&self, bytes: &[u8], start: &Start, length: usize) -> Result<RequestHead, Fault> {
        let (notes, minor) = (&self.progress.notes, start.minor);
        let host = match notes.host {
            _ if notes.hosts => return Err(Fault::Host),
            None if minor > 0 => return Err(Fault::Host),
            host => host.unwrap_or_default(),
        };
        if !host_fits(host.of(bytes)) {
            return Err(Fault::Host);
        }
        if notes.wishes {
            return Err(Fault::Expectation);
        }
        let body = match (notes.chunked, notes.length) {
            (true, _) => BodyKind::Chunked,
            (false, None | Some(0)) => BodyKind::Empty,
            (false, Some(length)) => BodyKind::Length(length),
        };
        Ok(RequestHead {
            length,
            method: start.method,
            target: start.target,
            path: start.path,
            host: start.host.unwrap_or(host),
            minor,
            body,
            keep_alive: notes.keeps(minor),
            // HTTP/1.0 knows no interim answers. Leave to send nothing need not be asked for, and some
            // servers never give it (RFC 9110 §10.1.1).
            expects: notes.expects && minor > 0 && body != BodyKind::Empty,
            upgrade: notes.upgrade.filter(|_| notes.upgrades && minor > 0),
            nominates: notes.nominates,
            trailers: notes.trailers && minor > 0,
        })
    }
}

impl RequestHead {
    /// Reads a whole head, empty line included. `fields` is filled.
    ///
    /// # Errors
    /// The fault that refuses it.
    pub fn parse(bytes: &[u8], fields: &mut Vec<Field>) -> Result<RequestHead, Fault> {
        if bytes.len() > buffer::CAPACITY {
            return Err(Fault::HeadTooLong);
        }
        match RequestReader::default().read(bytes, fields)? {
            Some(head) if head.length == bytes.len() => Ok(head),
            _ => Err(Fault::Syntax),
        }
    }

    /// What routes look at.
    pub fn asking<'a>(&self, bytes: &'a [u8], fields: &'a [Field]) -> Asking<'a> {
        let (path, target) = (self.path.of(bytes), self.target.of(bytes));
        Asking {
            host: self.host.of(bytes),
            path,
            query: target.get(path.len() + 1..).unwrap_or_default(),
            method: self.method.of(bytes),
            bytes,
            fields,
        }
    }

    /// True if the request may be sent twice without harm (RFC 9110 §9.2.2).
    pub fn is_idempotent(&self, bytes: &[u8]) -> bool {
        matches!(self.method.of(bytes), b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE" | b"PUT" | b"DELETE")
    }

    /// True if the answer has no body whatever its fields say.
    pub fn is_head(&self, bytes: &[u8]) -> bool {
        self.method.of(bytes) == b"HEAD"
    }

    /// True if `protocols` holds what the client would upgrade to.
    pub fn upgrades_to(&self, bytes: &[u8], protocols: &[String]) -> bool {
        self.upgrade.is_some_and(|wanted| {
            let mut words = tokens(wanted.of(bytes)).peekable();
            words.peek().is_some()
                && words.all(|word| protocols.iter().any(|one| one.as_bytes().eq_ignore_ascii_case(word)))
        })
    }
}

/// Reads the first line; gives its length too.
fn start(bytes: &[u8]) -> Result<(Start, usize), Fault> {
    let method = scan::token(bytes);
    if method == 0 || bytes.get(method) != Some(&b' ') {
        return Err(Fault::Syntax);
    }
    let from = method + 1;
    let path = from + scan::target(&bytes[from..], false);
    let to = match bytes.get(path) {
        Some(b'?') => path + scan::target(&bytes[path..], true),
        _ => path,
    };
    match bytes.get(to) {
        Some(b' ') if to > from => {}
        Some(b'#' | 0x80..) => return Err(Fault::Target),
        _ => return Err(Fault::Syntax),
    }
    let rest = &bytes[to + 1..];
    let minor = match rest.get(..8) {
        Some(b"HTTP/1.1") => 1,
        Some(b"HTTP/1.0") => 0,
        _ => return Err(Fault::Version),
    };
    if rest.get(8..10) != Some(b"\r\n") {
        return Err(Fault::Syntax);
    }
    let method = Span::new(0, method);
    if method.of(bytes) == b"CONNECT" {
        return Err(Fault::Method);
    }
    let (host, from) = match &bytes[from..path] {
        [b'/', ..] => (None, from),
        b"*" if path == to && method.of(bytes) == b"OPTIONS" => (None, from),
        url => {
            let (start, end) = authority(url)?;
            (Some(Span::new(from + start, from + end)), from + end)
        }
    };
    let (target, path) = (Span::new(from, to), Span::new(from, path));
    Ok((Start { method, target, path, host, minor }, to + 11))
}

/// Where the authority of a URL is, which a path follows.
fn authority(url: &[u8]) -> Result<(usize, usize), Fault> {
    let scheme = [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|scheme| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    let start = scheme.map(|scheme| scheme.len()).ok_or(Fault::Target)?;
    // A URL without a path would need one made up: it is refused rather than copied.
    let length = memchr::memchr(b'/', &url[start..]).ok_or(Fault::Target)?;
    if length == 0 || !host_fits(&url[start..start + length]) {
        return Err(Fault::Host);
    }
    Ok((start, start + length))
}

/// True if a head that was refused for `fault` is HTTP/2's to answer for: it begins as the preface does,
/// or its first line names no version of HTTP at all, as no client of HTTP/1.x would.
pub(super) fn is_of_http2(fault: Fault, bytes: &[u8]) -> bool {
    // The method of the preface is reserved for it (RFC 9113 §11.6).
    let begins = bytes.starts_with(b"PRI ");
    match fault {
        // There is nothing to tell a client that is gone, or that has not said all of it.
        Fault::Truncated | Fault::SlowHead => false,
        Fault::Version => {
            let line = &bytes[..memchr::memchr(b'\r', bytes).unwrap_or(bytes.len())];
            begins || !line.rsplit(|byte| *byte == b' ').next().is_some_and(|word| word.starts_with(b"HTTP/"))
        }
        _ => begins,
    }
}

/// Letters of a host and its port; no user, no path, no list.
pub(crate) fn host_fits(host: &[u8]) -> bool {
    host.iter().copied().all(scan::is_of_host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::MAX_FIELDS;

    fn parse(head: &str) -> Result<(RequestHead, Vec<u8>), Fault> {
        let mut fields = Vec::new();
        RequestHead::parse(head.as_bytes(), &mut fields).map(|parsed| (parsed, head.as_bytes().to_vec()))
    }

    fn get(fields: &str) -> Result<(RequestHead, Vec<u8>), Fault> {
        parse(&format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
    }

    #[test]
    fn a_preface_is_told_from_a_head_that_is_wrong() {
        let fault = |head: &str| parse(head).unwrap_err();
        for head in
            ["PRI * HTTP/2.0\r\n\r\n", "PRI * HTTP/2.0\r\nA: b\r\n\r\n", "INVALID CONNECTION PREFACE\r\n\r\n"]
        {
            assert!(is_of_http2(fault(head), head.as_bytes()), "{head:?}");
        }
        for head in [
            "GET / HTTP/2.0\r\n\r\n",
            "GET / HTTP/3.0\r\nHost: a\r\n\r\n",
            "GET /\r\nHost: a\r\n\r\n",
            "hello\r\n\r\n",
        ] {
            assert!(!is_of_http2(fault(head), head.as_bytes()), "{head:?}");
        }
        assert!(is_of_http2(Fault::BareLf, b"PRI * HTTP/2.0\n\n"));
        assert!(!is_of_http2(Fault::SlowHead, b"PRI * HT"));
    }

    #[test]
    fn plain_ones_are_read() {
        let (head, bytes) =
            parse("POST /a/b?c=d HTTP/1.1\r\nHost: a:80\r\nContent-Length: 5\r\n\r\n").unwrap();
        assert_eq!(head.method.of(&bytes), b"POST");
        assert_eq!((head.target.of(&bytes), head.path.of(&bytes)), (&b"/a/b?c=d"[..], &b"/a/b"[..]));
        assert_eq!((head.host.of(&bytes), head.body), (&b"a:80"[..], BodyKind::Length(5)));
        assert!(head.keep_alive && !head.is_idempotent(&bytes));
        assert_eq!(get("Transfer-Encoding: Chunked\r\n").unwrap().0.body, BodyKind::Chunked);
        assert!(!get("Connection: x, close\r\n").unwrap().0.keep_alive);
        assert!(!parse("GET / HTTP/1.0\r\n\r\n").unwrap().0.keep_alive);
        assert!(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").unwrap().0.keep_alive);
        assert!(get("Expect: 100-Continue\r\nContent-Length: 5\r\n").unwrap().0.expects);
        assert!(!get("Expect: 100-Continue\r\n").unwrap().0.expects);
    }

    #[test]
    fn a_url_brings_its_own_host() {
        let (head, bytes) = parse("GET http://b:1/c?d HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        assert_eq!((head.host.of(&bytes), head.target.of(&bytes)), (&b"b:1"[..], &b"/c?d"[..]));
        for target in
            ["http://", "http://b", "http:///c", "http://u@b/", "ftp://b/", "b:1", "*", "/a#b", "/\u{e4}"]
        {
            let refused = parse(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
            assert!(matches!(refused, Err(Fault::Target | Fault::Host | Fault::Syntax)), "{target}");
        }
    }

    #[test]
    fn what_two_could_read_differently_is_refused() {
        let cases = [
            ("Content-Length: 1\r\nContent-Length: 1\r\n", Fault::TwoLengths),
            ("Content-Length: 1, 1\r\n", Fault::Length),
            ("Content-Length: +1\r\n", Fault::Length),
            ("Content-Length:\r\n", Fault::Length),
            ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", Fault::LengthAndEncoding),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Fault::Encoding),
            ("Transfer-Encoding: gzip, chunked\r\n", Fault::UnknownEncoding),
            ("Transfer-Encoding: xchunked\r\n", Fault::UnknownEncoding),
            ("Transfer-Encoding:\r\n", Fault::UnknownEncoding),
            ("Transfer-Encoding : chunked\r\n", Fault::Syntax),
            ("Transfer-Encoding: \x0bchunked\r\n", Fault::Syntax),
            ("X: a\r\n b\r\n", Fault::Syntax),
            (" X: a\r\n", Fault::Syntax),
            ("X: a\rb\r\n", Fault::Syntax),
            ("X: a\0b\r\n", Fault::Syntax),
            (": a\r\n", Fault::Syntax),
            ("X\r\n", Fault::Syntax),
            ("Host: b\r\n", Fault::Host),
            ("Expect: 200-ok\r\n", Fault::Expectation),
        ];
        for (fields, fault) in cases {
            assert_eq!(get(fields).err(), Some(fault), "{fields:?}");
        }
        let cases = [
            ("GET / HTTP/1.1\r\n\r\n", Fault::Host),
            ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Fault::Host),
            ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", Fault::Host),
            ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", Fault::Host),
            ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", Fault::Syntax),
            ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", Fault::Syntax),
            ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", Fault::Version),
            ("GET /\r\nHost: a\r\n\r\n", Fault::Syntax),
            ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", Fault::Method),
            ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Fault::Encoding),
            ("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", Fault::Syntax),
        ];
        for (head, fault) in cases {
            assert_eq!(parse(head).err(), Some(fault), "{head:?}");
        }
        // `,` and `/` are one bit from `-` and `.`: no shortcut may take them for what names may hold.
        for name in ["a-,b", "--,", "a,-b", "a/b", "a\u{e4}", "a\u{7f}", "(a)"] {
            assert_eq!(get(&format!("{name}: c\r\n")).err(), Some(Fault::Syntax), "{name}");
        }
        let many = "x: y\r\n".repeat(MAX_FIELDS);
        assert_eq!(get(&many).err(), Some(Fault::TooManyFields));
    }

    #[test]
    fn an_upgrade_needs_both_fields_and_a_known_protocol() {
        let websocket = ["websocket".to_owned()];
        let upgrades =
            |fields| get(fields).map(|(head, bytes)| head.upgrades_to(&bytes, &websocket)).unwrap();
        assert!(upgrades("Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"));
        assert!(!upgrades("Upgrade: websocket\r\n"));
        assert!(!upgrades("Connection: upgrade\r\nUpgrade: h2c\r\n"));
        assert!(!upgrades("Connection: upgrade\r\nUpgrade: websocket, h2c\r\n"));
    }
}
