//! What a head may say in HTTP/2 (RFC 9113 §8.2, §8.3), and how it becomes what the rest of the proxy
//! works on: names and values in one piece of memory, with their positions.
//!
//! Whatever HTTP/1.1 would read differently is malformed here: a line's end or a zero byte within a
//! value, fields that frame or belong to one connection, a length that is not that of the DATA. So a
//! translation cannot be split into two messages.

use crate::http1::{
    BodyKind, Fault, Field, Known, Lines, MAX_FIELDS, RequestHead, Span, host_fits, is_token, number,
};

/// What a field counts beside its text (RFC 9113 §10.5.1).
const OVERHEAD: usize = 32;

/// What a head belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Request,
    Answer,
    Trailers,
}

/// Why a head is not what it should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    /// It breaks the protocol: the stream is reset.
    Malformed,
    /// It is understood, and answered by us.
    Fault(Fault),
}

/// The head of an answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) lines: Lines,
}

/// A request as it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) head: RequestHead,
    /// It opens a tunnel (RFC 8441).
    pub(super) tunnels: bool,
    /// It expects answers as gRPC gives them, errors too.
    pub(super) is_grpc: bool,
}

/// Pseudo fields, in the order of [`PSEUDO`].
const PSEUDO: [&[u8]; 6] = [b":method", b":scheme", b":authority", b":path", b":protocol", b":status"];
const STATUS: usize = 5;

/// Puts a head together, field by field. What is wrong is noted and said at the end: the block is
/// read to its end in any case, as the next one builds on it.
#[derive(Debug)]
pub(super) struct Collector {
    kind: Kind,
    pub(super) lines: Lines,
    pseudo: [Option<Span>; 6],
    host: Option<Span>,
    length: Option<u64>,
    cookies: usize,
    size: usize,
    limit: usize,
    has_fields: bool,
    expects: bool,
    refuses_expectation: bool,
    is_grpc: bool,
    /// The client takes trailers.
    trailers: bool,
    is_malformed: bool,
    has_too_many: bool,
}

impl Collector {
    /// An empty one.
    pub(super) fn new(kind: Kind, mut lines: Lines, limit: usize) -> Collector {
        lines.bytes.clear();
        lines.fields.clear();
        Collector {
            kind,
            lines,
            pseudo: [None; 6],
            host: None,
            length: None,
            cookies: 0,
            size: 0,
            limit,
            has_fields: false,
            expects: false,
            refuses_expectation: false,
            is_grpc: false,
            trailers: false,
            is_malformed: false,
            has_too_many: false,
        }
    }

    /// Takes one field.
    pub(super) fn add(&mut self, name: &[u8], value: &[u8]) {
        self.size += name.len() + value.len() + OVERHEAD;
        // What is refused is not looked at: a byte of a block may be a field as long as the table.
        if self.is_malformed || self.size > self.limit {
            return;
        }
        if !value_fits(value) {
            self.is_malformed = true;
        } else if name.first() == Some(&b':') {
            self.pseudo(name, value);
        } else {
            self.field(name, value);
        }
    }

    fn pseudo(&mut self, name: &[u8], value: &[u8]) {
        let found = PSEUDO.iter().position(|one| *one == name);
        let fits = match (self.kind, found) {
            (_, None) | (Kind::Trailers, _) => false,
            (Kind::Request, Some(at)) => at != STATUS,
            (Kind::Answer, Some(at)) => at == STATUS,
        };
        let Some(at) = found.filter(|_| fits && !self.has_fields) else {
            self.is_malformed = true;
            return;
        };
        let value = self.put(value);
        self.is_malformed |= self.pseudo[at].replace(value).is_some();
    }

    fn field(&mut self, name: &[u8], value: &[u8]) {
        self.has_fields = true;
        if !name_fits(name) {
            self.is_malformed = true;
            return;
        }
        let known = Known::of(name);
        match known {
            Known::Connection | Known::Encoding | Known::Upgrade => self.is_malformed = true,
            Known::Hop => match name {
                b"te" => {
                    self.trailers = value.eq_ignore_ascii_case(b"trailers");
                    self.is_malformed |= !self.trailers;
                }
                b"keep-alive" | b"proxy-connection" => self.is_malformed = true,
                _ => {}
            },
            Known::Length => {
                let length = number(value).filter(|_| self.length.is_none() && self.kind != Kind::Trailers);
                self.is_malformed |= length.is_none();
                self.length = length;
            }
            Known::Expect => {
                self.expects = value.eq_ignore_ascii_case(b"100-continue");
                self.refuses_expectation |= !self.expects;
            }
            Known::Other if name == b"cookie" => self.cookies += 1,
            Known::Other if name == b"content-type" => {
                self.is_grpc = value.starts_with(b"application/grpc");
            }
            _ => {}
        }
        self.has_too_many |= self.lines.fields.len() >= MAX_FIELDS;
        if self.is_malformed || self.has_too_many {
            return;
        }
        let (name, value) = (self.put(name), self.put(value));
        if known == Known::Host {
            self.is_malformed |= self.host.replace(value).is_some();
        }
        self.lines.fields.push(Field { name, value, known });
    }

    /// Copies a text behind the others, as long as the head is not too long.
    fn put(&mut self, text: &[u8]) -> Span {
        if self.size > self.limit {
            return Span::default();
        }
        let start = self.lines.bytes.len();
        self.lines.bytes.extend_from_slice(text);
        Span::new(start, self.lines.bytes.len())
    }

    fn check(&self) -> Result<(), Refusal> {
        match self {
            _ if self.is_malformed => Err(Refusal::Malformed),
            _ if self.size > self.limit => Err(Refusal::Fault(Fault::HeadTooLong)),
            _ if self.has_too_many => Err(Refusal::Fault(Fault::TooManyFields)),
            _ => Ok(()),
        }
    }

    /// Errors are told as gRPC tells them.
    pub(super) fn is_grpc(&self) -> bool {
        self.is_grpc
    }

    /// What content-length says.
    pub(super) fn length(&self) -> Option<u64> {
        self.length
    }

    /// The whole as a request. `key` makes up what a WebSocket over HTTP/1.1 begins with.
    pub(super) fn request(&mut self, ends: bool, key: impl FnOnce() -> [u8; 24]) -> Result<Request, Refusal> {
        let malformed = Err(Refusal::Malformed);
        self.check()?;
        let [method, scheme, authority, path, protocol, _] = self.pseudo;
        let Some(mut method) = method else { return malformed };
        let bytes = &self.lines.bytes;
        let is_connect = method.of(bytes) == b"CONNECT";
        if method.of(bytes).is_empty() || !method.of(bytes).iter().all(|byte| is_token(*byte)) {
            return malformed;
        }
        if is_connect && protocol.is_none() {
            // It has an authority and nothing else (§8.5).
            return match (authority, path, scheme) {
                (Some(_), None, None) => Err(Refusal::Fault(Fault::Method)),
                _ => malformed,
            };
        }
        let (Some(target), Some(_)) = (path, scheme) else { return malformed };
        if target.of(bytes).is_empty() || protocol.is_some() && (!is_connect || ends) {
            return malformed;
        }
        let host = match (authority, self.host) {
            // Two that differ would be two hosts for two readers.
            (Some(authority), Some(host)) if !authority.of(bytes).eq_ignore_ascii_case(host.of(bytes)) => {
                return malformed;
            }
            (Some(host), _) | (None, Some(host)) if !host.of(bytes).is_empty() => host,
            _ => return Err(Refusal::Fault(Fault::Host)),
        };
        if !host_fits(host.of(bytes)) {
            return Err(Refusal::Fault(Fault::Host));
        }
        let text = target.of(bytes);
        let fits = text.iter().all(u8::is_ascii_graphic) && memchr::memchr(b'#', text).is_none();
        if !fits || text[0] != b'/' && !(text == b"*" && method.of(bytes) == b"OPTIONS") {
            return Err(Refusal::Fault(Fault::Target));
        }
        if self.refuses_expectation {
            return Err(Refusal::Fault(Fault::Expectation));
        }
        if ends && self.length.is_some_and(|length| length > 0) {
            return malformed;
        }
        let path = target.cut(memchr::memchr(b'?', text));
        let body = match self.length {
            _ if ends || is_connect => BodyKind::Empty,
            Some(0) => BodyKind::Empty,
            Some(length) => BodyKind::Length(length),
            None => BodyKind::UntilEnd,
        };
        if self.cookies > 1 {
            self.join_cookies();
        }
        if protocol.is_some() {
            // Towards HTTP/1.1 it is an upgrade (RFC 8441 §5).
            method = self.append(b"GET");
            let (name, value) = (self.append(b"sec-websocket-key"), self.append(&key()));
            self.lines.fields.push(Field { name, value, known: Known::Other });
        }
        let head = RequestHead {
            length: self.lines.bytes.len(),
            method,
            target,
            path,
            host,
            minor: 2,
            body,
            keep_alive: true,
            expects: self.expects && body != BodyKind::Empty,
            upgrade: protocol,
            nominates: false,
            trailers: self.trailers,
        };
        Ok(Request { head, tunnels: is_connect, is_grpc: self.is_grpc })
    }

    /// The whole as the status of an answer.
    pub(super) fn status(&self) -> Result<u16, Refusal> {
        self.check()?;
        let status = self.pseudo[STATUS].and_then(|status| number(status.of(&self.lines.bytes)));
        match status.and_then(|status| u16::try_from(status).ok()) {
            // Nobody goes over to another protocol here (§8.6).
            Some(status) if (100..=599).contains(&status) && status != 101 => Ok(status),
            _ => Err(Refusal::Malformed),
        }
    }

    /// The whole as trailers.
    pub(super) fn trailers(&self) -> Result<(), Refusal> {
        self.check()
    }

    fn append(&mut self, text: &[u8]) -> Span {
        let start = self.lines.bytes.len();
        self.lines.bytes.extend_from_slice(text);
        Span::new(start, self.lines.bytes.len())
    }

    /// Crumbs of a cookie are one line in HTTP/1.1 (§8.2.3).
    fn join_cookies(&mut self) {
        let Lines { bytes, fields } = &mut self.lines;
        let start = bytes.len();
        let mut first: Option<usize> = None;
        let mut kept = 0;
        for at in 0..fields.len() {
            let field = fields[at];
            if field.name.of(bytes) == b"cookie" {
                let crumb = field.value.range();
                if first.is_some() {
                    bytes.extend_from_slice(b"; ");
                }
                bytes.extend_from_within(crumb);
                if first.is_some() {
                    continue;
                }
                first = Some(kept);
            }
            fields[kept] = field;
            kept += 1;
        }
        fields.truncate(kept);
        if let Some(field) = first.and_then(|at| fields.get_mut(at)) {
            field.value = Span::new(start, bytes.len());
        }
    }
}

/// What a byte may be part of.
const NAME: u8 = 1;
const VALUE: u8 = 2;
const BYTES: [u8; 256] = bytes();

const fn bytes() -> [u8; 256] {
    let (mut bytes, mut byte) = ([0; 256], 0);
    while byte < 256 {
        let is_name = matches!(byte as u8, b'a'..=b'z' | b'0'..=b'9' | b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-')
            || matches!(byte as u8, b'.' | b'^' | b'_' | b'`' | b'|' | b'~');
        let is_value = byte == b'\t' as usize || byte >= b' ' as usize && byte != 0x7f;
        bytes[byte] = if is_name { NAME } else { 0 } | if is_value { VALUE } else { 0 };
        byte += 1;
    }
    bytes
}

fn name_fits(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| BYTES[usize::from(*byte)] & NAME != 0)
}

fn value_fits(value: &[u8]) -> bool {
    let is_blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    !is_blank(value.first())
        && !is_blank(value.last())
        && value.iter().all(|byte| BYTES[usize::from(*byte)] & VALUE != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [(&str, &str); 4] =
        [(":method", "GET"), (":scheme", "http"), (":path", "/a?b"), (":authority", "host:80")];

    fn collect(kind: Kind, fields: &[(&str, &str)]) -> Collector {
        let mut collector = Collector::new(kind, Lines::default(), 1000);
        fields.iter().for_each(|(name, value)| collector.add(name.as_bytes(), value.as_bytes()));
        collector
    }

    fn request(fields: &[(&str, &str)], ends: bool) -> Result<(Request, Collector), Refusal> {
        let mut collector = collect(Kind::Request, fields);
        collector.request(ends, || [b'k'; 24]).map(|request| (request, collector))
    }

    fn with(more: &[(&str, &str)]) -> Result<(Request, Collector), Refusal> {
        request(&[&PLAIN[..], more].concat(), true)
    }

    fn lines(collector: &Collector) -> String {
        let bytes = &collector.lines.bytes;
        let text = |span: Span| String::from_utf8_lossy(span.of(bytes)).into_owned();
        let lines = collector.lines.fields.iter();
        lines.map(|field| format!("{}={}", text(field.name), text(field.value))).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn plain_ones_are_read() {
        let (Request { head, .. }, collector) =
            with(&[("accept", "*/*"), ("te", "trailers"), ("content-type", "application/grpc+proto")])
                .unwrap();
        let bytes = &collector.lines.bytes;
        assert_eq!((head.method.of(bytes), head.target.of(bytes)), (&b"GET"[..], &b"/a?b"[..]));
        assert_eq!((head.path.of(bytes), head.host.of(bytes)), (&b"/a"[..], &b"host:80"[..]));
        assert_eq!((head.body, head.length), (BodyKind::Empty, bytes.len()));
        assert!(collector.is_grpc);
        let body =
            |length: &str| request(&[&PLAIN[..], &[("content-length", length)]].concat(), false).unwrap();
        assert_eq!(body("7").0.head.body, BodyKind::Length(7));
        assert_eq!(request(&PLAIN, false).unwrap().0.head.body, BodyKind::UntilEnd);
    }

    #[test]
    fn crumbs_are_joined() {
        let (_, collector) =
            with(&[("cookie", "a=b"), ("x", "y"), ("cookie", "c=d"), ("cookie", "e")]).unwrap();
        assert_eq!(lines(&collector), "cookie=a=b; c=d; e|x=y");
    }

    #[test]
    fn what_http1_would_read_differently_is_malformed() {
        for field in [
            ("x", "a\r\nb: c"),
            ("x", "a\nb"),
            ("x", "a\0"),
            ("x", " a"),
            ("x", "a\t"),
            ("X", "a"),
            ("x y", "a"),
            ("x:", "a"),
            ("x\r\ny", "a"),
            ("", "a"),
            ("transfer-encoding", "chunked"),
            ("connection", "close"),
            ("keep-alive", "5"),
            ("proxy-connection", "x"),
            ("upgrade", "h2c"),
            ("te", "gzip"),
            ("host", "other"),
            ("content-length", "x"),
            ("content-length", "1"),
            (":path", "/b"),
            (":status", "200"),
            (":nobody", "a"),
        ] {
            assert_eq!(with(&[field]).err(), Some(Refusal::Malformed), "{field:?}");
        }
        assert!(with(&[("host", "HOST:80")]).is_ok());
        assert!(with(&[("content-length", "0"), ("content-length", "0")]).is_err());
        assert!(with(&[("host", "host:80"), ("host", "host:80")]).is_err());
        for missing in 0..3 {
            let fields: Vec<_> = PLAIN.into_iter().enumerate().filter(|(at, _)| *at != missing).collect();
            let fields: Vec<_> = fields.into_iter().map(|(_, field)| field).collect();
            assert_eq!(request(&fields, true).err(), Some(Refusal::Malformed), "{missing}");
        }
        let late = [&[("x", "y")][..], &PLAIN].concat();
        assert_eq!(request(&late, true).err(), Some(Refusal::Malformed));
    }

    #[test]
    fn what_is_understood_and_wrong_is_answered() {
        let replaced = |name: &str, value| {
            let fields = PLAIN.map(|(one, old)| (one, if one == name { value } else { old }));
            request(&fields, true).err()
        };
        assert_eq!(replaced(":path", "a"), Some(Refusal::Fault(Fault::Target)));
        assert_eq!(replaced(":path", "/a b"), Some(Refusal::Fault(Fault::Target)));
        assert_eq!(replaced(":path", "*"), Some(Refusal::Fault(Fault::Target)));
        assert_eq!(replaced(":path", ""), Some(Refusal::Malformed));
        assert_eq!(replaced(":authority", "u@host"), Some(Refusal::Fault(Fault::Host)));
        assert_eq!(replaced(":authority", ""), Some(Refusal::Fault(Fault::Host)));
        assert_eq!(replaced(":method", "G T"), Some(Refusal::Malformed));
        assert_eq!(with(&[("expect", "x")]).err(), Some(Refusal::Fault(Fault::Expectation)));
        assert_eq!(with(&[("x", &"y".repeat(2000))]).err(), Some(Refusal::Fault(Fault::HeadTooLong)));
        let connect = [(":method", "CONNECT"), (":authority", "a:1")];
        assert_eq!(request(&connect, false).err(), Some(Refusal::Fault(Fault::Method)));
    }

    #[test]
    fn a_websocket_becomes_an_upgrade() {
        let fields = [
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "https"),
            (":path", "/chat"),
            (":authority", "a"),
            ("sec-websocket-version", "13"),
        ];
        let (Request { head, tunnels, .. }, collector) = request(&fields, false).unwrap();
        let bytes = &collector.lines.bytes;
        assert!(tunnels && head.method.of(bytes) == b"GET" && head.body == BodyKind::Empty);
        assert!(head.upgrades_to(bytes, &["websocket".to_owned()]));
        assert!(lines(&collector).ends_with("|sec-websocket-key=kkkkkkkkkkkkkkkkkkkkkkkk"));
        let get = fields.map(|(name, value)| (name, if name == ":method" { "GET" } else { value }));
        assert_eq!(request(&get, false).err(), Some(Refusal::Malformed));
    }

    #[test]
    fn answers_and_trailers() {
        assert_eq!(collect(Kind::Answer, &[(":status", "204"), ("x", "y")]).status(), Ok(204));
        for wrong in [
            &[("x", "y")][..],
            &[(":status", "101")],
            &[(":status", "2x")],
            &[(":status", "200"), (":path", "/")],
        ] {
            assert_eq!(collect(Kind::Answer, wrong).status(), Err(Refusal::Malformed), "{wrong:?}");
        }
        assert!(collect(Kind::Trailers, &[("grpc-status", "0")]).trailers().is_ok());
        for wrong in [(":status", "200"), ("content-length", "1"), ("connection", "x")] {
            assert!(collect(Kind::Trailers, &[wrong]).trailers().is_err(), "{wrong:?}");
        }
    }
}
