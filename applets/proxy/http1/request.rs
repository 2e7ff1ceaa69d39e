//! The head of a request: read strictly, refused where two readers could disagree (RFC 9112).

use std::mem::MaybeUninit;

use super::fault::Fault;
use super::field::{self, Field, Framing, Known, MAX_FIELDS, Span, tokens};
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

impl RequestHead {
    /// Reads a whole head, empty line included. `fields` is filled.
    ///
    /// # Errors
    /// The fault that refuses it.
    pub fn parse(bytes: &[u8], fields: &mut Vec<Field>) -> Result<RequestHead, Fault> {
        let mut headers = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let mut request = httparse::Request::new(&mut []);
        match request.parse_with_uninit_headers(bytes, &mut headers) {
            Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
            Err(httparse::Error::TooManyHeaders) => return Err(Fault::TooManyFields),
            Err(httparse::Error::Version) => return Err(Fault::Version),
            _ => return Err(Fault::Syntax),
        }
        let (Some(method), Some(path), Some(minor)) = (request.method, request.path, request.version) else {
            return Err(Fault::Syntax);
        };
        field::note(bytes, request.headers, fields);
        let framing = Framing::read(bytes, fields, minor)?;
        let (mut host, mut hosts, mut expects, mut upgrade) = (Span::default(), 0, false, None);
        let mut trailers = false;
        for field in &*fields {
            match field.known {
                Known::Host => {
                    hosts += 1;
                    host = field.value;
                }
                Known::Expect if field.value.of(bytes).eq_ignore_ascii_case(b"100-continue") => {
                    // HTTP/1.0 knows no interim answers (RFC 9110 §10.1.1).
                    expects = minor > 0;
                }
                Known::Expect => return Err(Fault::Expectation),
                Known::Hop if minor > 0 && is_te(field.name.of(bytes)) => {
                    trailers |=
                        tokens(field.value.of(bytes)).any(|word| word.eq_ignore_ascii_case(b"trailers"));
                }
                Known::Upgrade if framing.upgrade && minor > 0 => upgrade = Some(field.value),
                _ => {}
            }
        }
        if hosts > 1 || hosts == 0 && minor > 0 || !host_fits(host.of(bytes)) {
            return Err(Fault::Host);
        }
        if method == "CONNECT" {
            return Err(Fault::Method);
        }
        let target = target(bytes, path.as_bytes(), method, &mut host)?;
        let query =
            memchr::memchr(b'?', target.of(bytes)).map_or(target.of(bytes), |at| &target.of(bytes)[..at]);
        let body = match (framing.chunked, framing.length) {
            (true, _) => BodyKind::Chunked,
            (false, None | Some(0)) => BodyKind::Empty,
            (false, Some(length)) => BodyKind::Length(length),
        };
        Ok(RequestHead {
            length: bytes.len(),
            method: Span::of_piece(bytes, method.as_bytes()),
            target,
            path: Span::of_piece(bytes, query),
            host,
            minor,
            body,
            keep_alive: !framing.close && (minor > 0 || framing.keep_alive),
            // Leave to send nothing need not be asked for, and some servers never give it (RFC 9110 §10.1.1).
            expects: expects && body != BodyKind::Empty,
            upgrade,
            nominates: framing.nominates,
            trailers,
        })
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

fn is_te(name: &[u8]) -> bool {
    // No other of its kind is as short.
    name.len() == 2
}

/// Brings the target into origin form; the host of a URL is the one that counts (RFC 9112 §3.2.2).
fn target(bytes: &[u8], target: &[u8], method: &str, host: &mut Span) -> Result<Span, Fault> {
    if !target.iter().all(u8::is_ascii_graphic) || memchr::memchr(b'#', target).is_some() {
        return Err(Fault::Target);
    }
    if target.starts_with(b"/") || target == b"*" && method == "OPTIONS" {
        return Ok(Span::of_piece(bytes, target));
    }
    let scheme = [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|scheme| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    let rest = scheme.map(|scheme| &target[scheme.len()..]).ok_or(Fault::Target)?;
    // A URL without a path would need one made up: it is refused rather than copied.
    let at = memchr::memchr2(b'/', b'?', rest).filter(|at| rest[*at] == b'/').ok_or(Fault::Target)?;
    let (authority, path) = rest.split_at(at);
    if authority.is_empty() || !host_fits(authority) {
        return Err(Fault::Host);
    }
    *host = Span::of_piece(bytes, authority);
    Ok(Span::of_piece(bytes, path))
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
    host.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:[]!$&'()*+;=%".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

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
