//! What follows a body: which of its fields go on, and how they are put for either protocol.
//!
//! A trailer comes when a message has been judged and routed by its head: what frames, routes, changes
//! a request, proves who asks, or says what the body is, is not believed that late (RFC 9110 §6.5.1) and
//! goes no further. Trailers of a request go to servers of HTTP/2 alone. `pump.rs` asks; `chunked.rs` brings the text of HTTP/1.1, HTTP/2 its fields.

use super::field::{Field, Known, Lines, Span};
use super::scan::is_token;

/// Fields that mean nothing good behind a body, beside those the proxy has something to do with.
const REFUSED: [&[u8]; 38] = [
    b"accept-ranges",
    b"age",
    b"authentication-info",
    b"authorization",
    b"cache-control",
    b"clear-site-data",
    b"content-encoding",
    b"content-language",
    b"content-location",
    b"content-range",
    b"content-type",
    b"cookie",
    b"date",
    b"expires",
    b"if-match",
    b"if-modified-since",
    b"if-none-match",
    b"if-range",
    b"if-unmodified-since",
    b"location",
    b"max-forwards",
    b"pragma",
    b"priority",
    b"proxy-authenticate",
    b"proxy-authentication-info",
    b"proxy-authorization",
    b"range",
    b"retry-after",
    b"set-cookie",
    b"strict-transport-security",
    b"vary",
    b"via",
    b"warning",
    b"www-authenticate",
    b"x-accel-redirect",
    b"x-real-ip",
    b"x-request-id",
    b"x-sendfile",
];

/// True if a field of this name may follow a body.
fn goes_on(name: &[u8]) -> bool {
    !name.is_empty()
        && name.iter().copied().all(is_token)
        && Known::of(name) == Known::Other
        && !REFUSED.iter().any(|one| one.eq_ignore_ascii_case(name))
}

/// Leaves out what may not follow a body; none if nothing is left.
pub(super) fn allowed(mut lines: Box<Lines>) -> Option<Box<Lines>> {
    let Lines { bytes, fields } = &mut *lines;
    fields.retain(|field| goes_on(field.name.of(bytes)));
    (!fields.is_empty()).then_some(lines)
}

/// The fields of lines that a chunked body brought (`name:value`, LF), names in lower case; none if
/// nothing is left.
pub(super) fn read(text: &[u8]) -> Option<Box<Lines>> {
    let mut lines = Box::new(Lines::default());
    for line in text.split(|byte| *byte == b'\n') {
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        let start = lines.bytes.len();
        lines.bytes.extend(name.iter().map(u8::to_ascii_lowercase));
        lines.bytes.extend_from_slice(value);
        let (middle, end) = (start + name.len(), lines.bytes.len());
        let (name, value) = (Span::new(start, middle), Span::new(middle, end));
        lines.fields.push(Field { name, value, known: Known::Other });
    }
    allowed(lines)
}

/// The lines that [`read`] reads.
pub(super) fn text(out: &mut Vec<u8>, lines: &Lines) {
    for field in &lines.fields {
        let (name, value) = (field.name.of(&lines.bytes), field.value.of(&lines.bytes));
        super::write::parts(out, &[name, b":", value, b"\n"]);
    }
}

/// Writes what ends a chunked body: the last chunk, and these lines.
pub(super) fn end(out: &mut Vec<u8>, lines: &Lines) {
    out.extend_from_slice(b"0\r\n");
    for field in &lines.fields {
        super::write::line(out, field.name.of(&lines.bytes), field.value.of(&lines.bytes));
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(text: &str) -> Option<String> {
        let (mut out, mut again) = (Vec::new(), Vec::new());
        let lines = read(text.as_bytes())?;
        super::text(&mut again, &lines);
        end(&mut out, &*read(&again)?);
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn fields_go_from_lines_to_lines() {
        let text = "X-Sum: a:b \ngrpc-status:0\nempty:\n";
        assert_eq!(through(text).unwrap(), "0\r\nx-sum: a:b\r\ngrpc-status: 0\r\nempty: \r\n\r\n");
        assert_eq!(through(""), None);
    }

    #[test]
    fn what_would_be_believed_too_late_is_left_out() {
        for refused in [
            "Content-Length: 5",
            "content_length: 5",
            "Transfer-Encoding: chunked",
            "Host: b",
            "Connection: x",
            "TE: trailers",
            "Trailer: x",
            "Authorization: Basic x",
            "SET-COOKIE: a=b",
            "Content-Type: text/html",
            "If-Match: x",
            "X-Forwarded-For: 1.2.3.4",
            "Traceparent: x",
            "a(b: c",
            ": c",
        ] {
            assert_eq!(through(&format!("{refused}\n")), None, "{refused}");
            let kept = through(&format!("{refused}\nx-sum: 1\n")).unwrap();
            assert_eq!(kept, "0\r\nx-sum: 1\r\n\r\n", "{refused}");
        }
    }
}
