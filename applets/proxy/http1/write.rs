//! Heads as they are sent on: whole lines appended to a buffer that is kept, nothing allocated.

use std::io::Write;
use std::net::SocketAddr;

use super::asker::Own;
use super::fault::reason;
use super::field::{Field, Known, nominated};
use super::request::{BodyKind, RequestHead};
use super::response::ResponseHead;
use crate::config::Forwarded;
use crate::route::Edits;
use crate::traces::Trace;

/// Who asked, and what the server is told of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client<'a> {
    /// Its address without the port.
    pub address: &'a str,
    /// `http`, later `https`.
    pub scheme: &'a str,
    /// Which fields say so.
    pub forwarded: Forwarded,
    /// What the client itself was told is passed on.
    pub trusted: bool,
    /// The trace it belongs to, where requests are followed.
    pub trace: Option<&'a Trace>,
}

/// Writes the head of a request for the server.
pub(super) fn request(
    out: &mut Vec<u8>,
    bytes: &[u8],
    head: &RequestHead,
    fields: &[Field],
    client: &Client<'_>,
    edits: &Edits,
    upgrade: bool,
) {
    parts(out, &[head.method.of(bytes), b" "]);
    let mut host = head.host.of(bytes);
    match &edits.target {
        None => out.extend_from_slice(head.target.of(bytes)),
        Some(changed) => {
            changed.target(out, head.target.of(bytes), head.path.of(bytes).len());
            host = changed.host().unwrap_or(host);
        }
    }
    parts(out, &[b" HTTP/1.1\r\nhost: ", host, b"\r\n"]);
    let (x, standard) = match client.forwarded {
        Forwarded::X => (true, false),
        Forwarded::Standard => (false, true),
        Forwarded::Both => (true, true),
        Forwarded::None => (false, false),
    };
    let (mut told_for, mut told_standard, mut told_x) = (None, None, false);
    for field in fields {
        let (name, value) = (field.name.of(bytes), field.value.of(bytes));
        match field.known {
            Known::Other => {}
            Known::Expect if head.expects => {}
            Known::ForwardedFor if client.trusted && x => {
                told_for = Some(match told_for {
                    // Several lines are one list: those before the last are passed on as they are.
                    Some(before) => {
                        line(out, b"x-forwarded-for", before);
                        value
                    }
                    None => value,
                });
                continue;
            }
            Known::Forwarded if client.trusted && standard => {
                if let Some(before) = told_standard.replace(value) {
                    line(out, b"forwarded", before);
                }
                continue;
            }
            Known::ForwardedX if client.trusted => told_x = true,
            Known::ForwardedFor | Known::Forwarded if client.trusted => {}
            Known::Via => {}
            Known::TraceParent if client.trace.is_none() => {}
            Known::TraceState if client.trace.is_none_or(|trace| trace.keeps_state) => {}
            _ => continue,
        }
        if head.nominates && nominated(bytes, fields, name) || edits.removes(name) {
            continue;
        }
        line(out, name, value);
    }
    match head.body {
        BodyKind::Length(length) => length_line(out, length),
        BodyKind::Chunked | BodyKind::UntilEnd => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        // A method that means a body says that there is none (RFC 9110 §8.6).
        _ if matches!(head.method.of(bytes), b"POST" | b"PUT" | b"PATCH") => length_line(out, 0),
        _ => {}
    }
    if x {
        out.extend_from_slice(b"x-forwarded-for: ");
        if let Some(before) = told_for {
            parts(out, &[before, b", "]);
        }
        parts(out, &[client.address.as_bytes(), b"\r\n"]);
        if !told_x {
            parts(out, &[b"x-forwarded-proto: ", client.scheme.as_bytes(), b"\r\n"]);
        }
    }
    if standard {
        out.extend_from_slice(b"forwarded: ");
        if let Some(before) = told_standard {
            parts(out, &[before, b", "]);
        }
        let quoted = client.address.contains(':');
        let (open, close): (&[u8], &[u8]) = if quoted { (b"\"[", b"]\"") } else { (b"", b"") };
        parts(out, &[b"for=", open, client.address.as_bytes(), close]);
        parts(out, &[b";proto=", client.scheme.as_bytes(), b"\r\n"]);
    }
    if let Some(trace) = client.trace {
        out.extend_from_slice(&trace.line());
    }
    let version: &[u8] = match head.minor {
        0 => b"via: 1.0",
        1 => b"via: 1.1",
        _ => b"via: 2",
    };
    parts(out, &[version, b" edgekit\r\n"]);
    if let Some(protocol) = head.upgrade.filter(|_| upgrade) {
        parts(out, &[b"connection: upgrade\r\nupgrade: ", protocol.of(bytes), b"\r\n"]);
    } else if head.trailers {
        // Said anew: what follows an answer is passed on.
        out.extend_from_slice(b"connection: te\r\nte: trailers\r\n");
    }
    parts(out, &[&edits.lines, b"\r\n"]);
}

/// What the client is told about the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ending {
    /// It ends after this answer.
    pub close: bool,
    /// The client speaks HTTP/1.0, where keeping it must be said.
    pub old: bool,
}

impl Ending {
    fn write(self, out: &mut Vec<u8>) {
        match self {
            Ending { close: true, .. } => out.extend_from_slice(b"connection: close\r\n"),
            Ending { old: true, .. } => out.extend_from_slice(b"connection: keep-alive\r\n"),
            _ => {}
        }
    }
}

/// Writes the head of an answer for the client. `chunked` says how its body will be framed.
pub(super) fn response(
    out: &mut Vec<u8>,
    bytes: &[u8],
    head: &ResponseHead,
    fields: &[Field],
    edits: &Edits,
    chunked: bool,
    ending: Ending,
) {
    out.extend_from_slice(b"HTTP/1.1 ");
    decimal(out, u64::from(head.status));
    parts(out, &[b" ", head.reason.of(bytes), b"\r\n"]);
    for field in fields {
        let (name, value) = (field.name.of(bytes), field.value.of(bytes));
        match field.known {
            Known::Connection | Known::Length | Known::Encoding | Known::Hop => continue,
            // Only the answer that goes over to it says so; 426 names what it wants.
            Known::Upgrade if head.status != 101 && head.status != 426 => continue,
            _ => {}
        }
        if head.nominates && field.known != Known::Upgrade && nominated(bytes, fields, name)
            || edits.removes(name)
        {
            continue;
        }
        line(out, name, value);
    }
    if head.status == 101 {
        out.extend_from_slice(b"connection: upgrade\r\n");
    } else if head.status >= 200 {
        match head.content_length {
            _ if chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            Some(length) if head.status != 204 => length_line(out, length),
            _ => {}
        }
        ending.write(out);
    }
    parts(out, &[&edits.lines, b"\r\n"]);
}

/// Writes an answer of our own, whole.
pub(super) fn answer(out: &mut Vec<u8>, own: &Own<'_>, date: &[u8], ending: Ending) {
    let Own { status, body, .. } = *own;
    out.extend_from_slice(b"HTTP/1.1 ");
    decimal(out, u64::from(status));
    parts(out, &[b" ", reason(status).as_bytes(), b"\r\ndate: ", date, b"\r\n"]);
    if !matches!(status, 204 | 304) {
        if !body.is_empty() {
            out.extend_from_slice(b"content-type: text/plain\r\n");
        }
        length_line(out, body.len() as u64);
    }
    ending.write(out);
    parts(out, &[own.lines, own.edits.map_or(&[][..], |edits| &edits.lines), b"\r\n"]);
    if !own.to_head {
        out.extend_from_slice(body);
    }
}

pub(super) fn line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    parts(out, &[name, b": ", value, b"\r\n"]);
}

pub(super) fn length_line(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"content-length: ");
    decimal(out, length);
    out.extend_from_slice(b"\r\n");
}

pub(super) fn parts(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// Appends a number.
pub fn decimal(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(digits(number, &mut [0; 20]));
}

/// A number in decimal, at the end of `room`.
pub(crate) fn digits(mut number: u64, room: &mut [u8; 20]) -> &[u8] {
    let mut at = room.len();
    loop {
        at -= 1;
        room[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &room[at..];
        }
    }
}

/// An address with its port. Those of IPv4 are put by hand, as every line of the access log has one.
pub(super) fn address(room: &mut [u8; 64], address: SocketAddr) -> &[u8] {
    let mut left = &mut room[..];
    // The longest address has 58 letters.
    let _fits = match address {
        SocketAddr::V6(_) => write!(left, "{address}"),
        SocketAddr::V4(address) => {
            let [a, b, c, d] = address.ip().octets();
            let numbers = [(b'.', a), (b'.', b), (b'.', c), (b':', d)];
            numbers
                .iter()
                .try_for_each(|(after, number)| {
                    left.write_all(digits(u64::from(*number), &mut [0; 20]))?;
                    left.write_all(&[*after])
                })
                .and_then(|()| left.write_all(digits(u64::from(address.port()), &mut [0; 20])))
        }
    };
    let left = left.len();
    &room[..room.len() - left]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::{HeaderLine, HeaderName};

    const NONE: fn() -> Edits = || Edits::new(&[], &[]);

    fn sent(head: &str, forwarded: Forwarded, trusted: bool, edits: &Edits) -> String {
        let (bytes, mut fields) = (head.as_bytes(), Vec::new());
        let parsed = RequestHead::parse(bytes, &mut fields).unwrap();
        let client = Client { address: "::1", scheme: "http", forwarded, trusted, trace: None };
        let mut out = Vec::new();
        let upgrade = parsed.upgrades_to(bytes, &["websocket".to_owned()]);
        request(&mut out, bytes, &parsed, &fields, &client, edits, upgrade);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_belongs_to_one_connection_stays_there() {
        let head = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close, X-Mine, Host\r\nX-Mine: 1\r\nKeep-Alive: 5\r\n\
                    TE: deflate\r\nProxy-Connection: x\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nAccept: */*\r\n\r\n";
        let wanted = "GET /x HTTP/1.1\r\nhost: a\r\nAccept: */*\r\nvia: 1.1 edgekit\r\n\r\n";
        assert_eq!(sent(head, Forwarded::None, false, &NONE()), wanted);
        let head = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: TE\r\nTE: gzip;q=0.5, Trailers\r\n\r\n";
        let wanted =
            "GET /x HTTP/1.1\r\nhost: a\r\nvia: 1.1 edgekit\r\nconnection: te\r\nte: trailers\r\n\r\n";
        assert_eq!(sent(head, Forwarded::None, false, &NONE()), wanted);
    }

    #[test]
    fn servers_learn_who_asked() {
        let head = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 9.9.9.9\r\nForwarded: for=9.9.9.9\r\n\r\n";
        let lines = |forwarded, trusted| {
            let sent = sent(head, forwarded, trusted, &NONE());
            sent.lines().filter(|line| line.contains("orwarded")).collect::<Vec<_>>().join("|")
        };
        assert_eq!(lines(Forwarded::X, false), "x-forwarded-for: ::1|x-forwarded-proto: http");
        assert_eq!(
            lines(Forwarded::Standard, true),
            "X-Forwarded-For: 9.9.9.9|forwarded: for=9.9.9.9, for=\"[::1]\";proto=http"
        );
        let both = lines(Forwarded::Both, true);
        assert!(
            both.contains("x-forwarded-for: 9.9.9.9, ::1") && both.contains("for=9.9.9.9, for="),
            "{both}"
        );
    }

    #[test]
    fn edits_are_carried_out() {
        let edits =
            Edits::new(&[HeaderLine::parse("x-a: new").unwrap()], &[HeaderName::parse("cookie").unwrap()]);
        let head = "POST / HTTP/1.1\r\nHost: a\r\nX-A: old\r\nCookie: c\r\n\r\n";
        let wanted =
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\nvia: 1.1 edgekit\r\nx-a: new\r\n\r\n";
        assert_eq!(sent(head, Forwarded::None, false, &edits), wanted);
    }

    #[test]
    fn an_upgrade_is_asked_for_anew() {
        let head = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n";
        let sent = sent(head, Forwarded::None, false, &NONE());
        assert!(sent.ends_with("connection: upgrade\r\nupgrade: websocket\r\n\r\n"), "{sent}");
    }

    #[test]
    fn answers_are_framed_anew() {
        let head = "HTTP/1.1 200 Fine\r\nServer: s\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n";
        let mut fields = Vec::new();
        let parsed = ResponseHead::parse(head.as_bytes(), &mut fields, false).unwrap();
        let mut out = Vec::new();
        let ending = Ending { close: false, old: true };
        response(&mut out, head.as_bytes(), &parsed, &fields, &NONE(), true, ending);
        let wanted = "HTTP/1.1 200 Fine\r\nServer: s\r\nX-A: b\r\ntransfer-encoding: chunked\r\nconnection: keep-alive\r\n\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }

    #[test]
    fn addresses() {
        for text in ["0.0.0.0:0", "127.0.0.1:8080", "255.255.255.255:65535", "[::1]:80", "[fe80::1%4]:1"] {
            let told: SocketAddr = text.parse().unwrap();
            assert_eq!(std::str::from_utf8(address(&mut [0; 64], told)).unwrap(), text);
        }
    }

    #[test]
    fn numbers() {
        for number in [0, 7, 10, 12_345, u64::MAX] {
            let mut out = Vec::new();
            decimal(&mut out, number);
            assert_eq!(out, number.to_string().as_bytes());
        }
    }
}
