//! Heads with the changes of a judge in them, as they would have come: they are read again by the same strict
//! reader, so that no change can frame a message anew.

use super::field::{Field, Known};
use super::request::{BodyKind, RequestHead};
use super::response::ResponseHead;
use super::write::{decimal, length_line, line, parts};
use crate::judge::Changes;

/// A request's head, changed.
pub(super) fn request(
    out: &mut Vec<u8>,
    bytes: &[u8],
    head: &RequestHead,
    fields: &[Field],
    changes: &Changes,
) {
    let target = changes.target.as_deref().unwrap_or(head.target.of(bytes));
    let host = changes.host.as_deref().unwrap_or(head.host.of(bytes));
    parts(out, &[head.method.of(bytes), b" ", target]);
    parts(out, &[if head.minor == 0 { b" HTTP/1.0\r\n" } else { b" HTTP/1.1\r\n" }]);
    if !host.is_empty() {
        line(out, b"host", host);
    }
    rest(out, bytes, fields, changes);
    if let Some(protocol) = head.upgrade.filter(|_| head.minor == 2) {
        // In HTTP/2 it is said elsewhere (RFC 8441).
        parts(out, &[b"connection: upgrade\r\nupgrade: ", protocol.of(bytes), b"\r\n"]);
    }
    framing(out, head.body, None);
    out.extend_from_slice(b"\r\n");
}

/// An answer's head, changed.
pub(super) fn response(
    out: &mut Vec<u8>,
    bytes: &[u8],
    head: &ResponseHead,
    fields: &[Field],
    changes: &Changes,
) {
    out.extend_from_slice(b"HTTP/1.1 ");
    decimal(out, u64::from(changes.status.unwrap_or(head.status)));
    let reason = match changes.status {
        Some(status) => super::fault::reason(status).as_bytes(),
        None => head.reason.of(bytes),
    };
    parts(out, &[b" ", reason, b"\r\n"]);
    rest(out, bytes, fields, changes);
    framing(out, head.body, head.content_length);
    out.extend_from_slice(b"\r\n");
}

/// The lines that stay, then those that are set.
fn rest(out: &mut Vec<u8>, bytes: &[u8], fields: &[Field], changes: &Changes) {
    for field in fields {
        let name = field.name.of(bytes);
        let is_changed = changes.fields.iter().any(|(changed, _)| changed.eq_ignore_ascii_case(name));
        if !is_changed && !matches!(field.known, Known::Host | Known::Length | Known::Encoding) {
            line(out, name, field.value.of(bytes));
        }
    }
    for (name, value) in &changes.fields {
        if let Some(value) = value {
            line(out, name, value);
        }
    }
}

fn framing(out: &mut Vec<u8>, body: BodyKind, told: Option<u64>) {
    match (body, told) {
        (BodyKind::Chunked, _) => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        // An answer to HEAD tells the length of a body that does not come.
        (BodyKind::Length(length), _) | (_, Some(length)) => length_line(out, length),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(head: &str, changes: &Changes) -> (String, RequestHead) {
        let (bytes, mut fields) = (head.as_bytes(), Vec::new());
        let read = RequestHead::parse(bytes, &mut fields).unwrap();
        let mut out = Vec::new();
        request(&mut out, bytes, &read, &fields, changes);
        let again = RequestHead::parse(&out, &mut fields).unwrap();
        assert_eq!((read.body, read.keep_alive, read.expects), (again.body, again.keep_alive, again.expects));
        (String::from_utf8(out).unwrap(), again)
    }

    #[test]
    fn what_frames_a_message_stays() {
        let changes = Changes {
            target: Some(b"/new?x=1".to_vec()),
            host: Some(b"b:81".to_vec()),
            fields: vec![(b"x-a".to_vec(), Some(b"2".to_vec())), (b"x-b".to_vec(), None)],
            ..Changes::default()
        };
        for framing in ["Content-Length: 3", "Transfer-Encoding: chunked", "Accept: */*"] {
            let head = format!("POST /old HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n{framing}\r\nx-b: 1\r\n\r\n");
            let (text, read) = changed(&head, &changes);
            assert!(text.starts_with("POST /new?x=1 HTTP/1.1\r\nhost: b:81\r\n"), "{text}");
            assert!(text.contains("x-a: 2\r\n") && !text.contains("X-A") && !text.contains("x-b"), "{text}");
            assert_eq!(read.host.of(text.as_bytes()), b"b:81");
        }
        let (text, _) = changed("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &Changes::default());
        assert_eq!(text, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    }

    #[test]
    fn an_answer_keeps_its_body() {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nServer: x\r\n\r\n";
        let mut fields = Vec::new();
        let read = ResponseHead::parse(head.as_bytes(), &mut fields, false).unwrap();
        let mut out = Vec::new();
        let changes =
            Changes { status: Some(404), fields: vec![(b"server".to_vec(), None)], ..Changes::default() };
        response(&mut out, head.as_bytes(), &read, &fields, &changes);
        assert_eq!(out, b"HTTP/1.1 404 Not Found\r\ncontent-length: 3\r\n\r\n");
    }
}
