//! The head of an answer, read as strictly as that of a request: a server that two readers could
//! understand differently is answered for with 502.

use super::fault::Fault;
use super::field::{Field, Span};
use super::line::Progress;
use super::request::BodyKind;
use super::scan;
use crate::buffer;

/// An answer's head; its pieces are in the bytes it was read from.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead {
    /// Bytes of the head.
    pub length: usize,
    /// The status code.
    pub status: u16,
    /// The words after it.
    pub reason: Span,
    /// How the body is framed.
    pub body: BodyKind,
    /// What Content-Length says, also where there is no body (HEAD, 304).
    pub content_length: Option<u64>,
    /// The server would answer another request on this connection.
    pub keep_alive: bool,
    /// Connection names other fields that go no further.
    pub nominates: bool,
}

/// What the first line says.
#[derive(Clone, Copy, Debug)]
struct Start {
    status: u16,
    reason: Span,
    minor: u8,
}

/// An answer's head as it arrives.
#[derive(Clone, Copy, Default, Debug)]
pub struct ResponseReader {
    start: Option<Start>,
    progress: Progress,
}

impl ResponseReader {
    /// Reads what is there of a head, more of it with each call; gives it once it is whole. `fields` is
    /// filled, and must be the same at each call. `to_head` says that the request was HEAD.
    ///
    /// # Errors
    /// [`Fault::BadAnswer`], as soon as no more bytes could make it right.
    pub fn read(
        &mut self,
        bytes: &[u8],
        fields: &mut Vec<Field>,
        to_head: bool,
    ) -> Result<Option<ResponseHead>, Fault> {
        let bad = |_| Fault::BadAnswer;
        let start = match self.start {
            Some(start) => start,
            None => match self.progress.first(bytes, start).map_err(bad)? {
                Some(start) => *self.start.insert(start),
                None => return Ok(None),
            },
        };
        let whole = self.progress.fields(bytes, fields, start.minor).map_err(bad)?;
        Ok(whole.map(|length| self.head(&start, length, to_head)))
    }

    /// Puts together what was read.
    fn head(&self, start: &Start, length: usize, to_head: bool) -> ResponseHead {
        let notes = &self.progress.notes;
        let body = match (start.status, notes.chunked, notes.length) {
            _ if to_head => BodyKind::Empty,
            (100..=199 | 204 | 304, ..) => BodyKind::Empty,
            (_, true, _) => BodyKind::Chunked,
            (_, false, Some(0)) => BodyKind::Empty,
            (_, false, Some(length)) => BodyKind::Length(length),
            (_, false, None) => BodyKind::UntilEnd,
        };
        ResponseHead {
            length,
            status: start.status,
            reason: start.reason,
            body,
            content_length: notes.length,
            keep_alive: notes.keeps(start.minor) && body != BodyKind::UntilEnd,
            nominates: notes.nominates,
        }
    }
}

impl ResponseHead {
    /// Reads a whole head. `to_head` says that the request was HEAD.
    ///
    /// # Errors
    /// [`Fault::BadAnswer`].
    pub fn parse(bytes: &[u8], fields: &mut Vec<Field>, to_head: bool) -> Result<ResponseHead, Fault> {
        if bytes.len() > buffer::CAPACITY {
            return Err(Fault::BadAnswer);
        }
        match ResponseReader::default().read(bytes, fields, to_head)? {
            Some(head) if head.length == bytes.len() => Ok(head),
            _ => Err(Fault::BadAnswer),
        }
    }
}

/// Reads the first line; gives its length too. Words after the status need not be there (RFC 9112 §4),
/// and are left out where they are no ASCII.
fn start(bytes: &[u8]) -> Result<(Start, usize), Fault> {
    let minor = match bytes.get(..9) {
        Some(b"HTTP/1.1 ") => 1,
        Some(b"HTTP/1.0 ") => 0,
        _ => return Err(Fault::BadAnswer),
    };
    let status = match bytes.get(9..12) {
        Some(&[first @ b'1'..=b'5', second @ b'0'..=b'9', third @ b'0'..=b'9']) => {
            u16::from(first - b'0') * 100 + u16::from(second - b'0') * 10 + u16::from(third - b'0')
        }
        _ => return Err(Fault::BadAnswer),
    };
    let (from, to) = match bytes.get(12) {
        Some(b' ') => (13, 13 + scan::value(&bytes[13..])),
        _ => (12, 12),
    };
    if bytes.get(to..to + 2) != Some(b"\r\n") {
        return Err(Fault::BadAnswer);
    }
    let reason = if bytes[from..to].is_ascii() { Span::new(from, to) } else { Span::default() };
    Ok((Start { status, reason, minor }, to + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(head: &str, to_head: bool) -> Result<ResponseHead, Fault> {
        ResponseHead::parse(head.as_bytes(), &mut Vec::new(), to_head)
    }

    #[test]
    fn bodies_are_framed_by_status_method_and_fields() {
        let cases = [
            ("200 OK", "", false, BodyKind::UntilEnd, false),
            ("200 OK", "Content-Length: 3\r\n", false, BodyKind::Length(3), true),
            ("200 OK", "Content-Length: 3\r\n", true, BodyKind::Empty, true),
            ("200 OK", "Transfer-Encoding: chunked\r\n", false, BodyKind::Chunked, true),
            ("204 No Content", "", false, BodyKind::Empty, true),
            ("304 Not Modified", "Content-Length: 3\r\n", false, BodyKind::Empty, true),
            ("101 Switching Protocols", "", false, BodyKind::Empty, true),
            ("200", "Content-Length: 0\r\nConnection: close\r\n", false, BodyKind::Empty, false),
        ];
        for (status, fields, to_head, body, keep_alive) in cases {
            let head = parse(&format!("HTTP/1.1 {status}\r\n{fields}\r\n"), to_head).unwrap();
            assert_eq!((head.body, head.keep_alive), (body, keep_alive), "{status} {fields}");
        }
    }

    #[test]
    fn what_cannot_be_framed_for_sure_is_refused() {
        for fields in [
            "Content-Length: 1\r\nContent-Length: 2\r\n",
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: identity\r\n",
            "X: a\r\n b\r\n",
            "X : a\r\n",
        ] {
            assert_eq!(
                parse(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n"), false).err(),
                Some(Fault::BadAnswer)
            );
        }
        assert!(parse("HTTP/1.1 600 X\r\n\r\n", false).is_err());
        assert!(parse("HTTP/1.0 200 X\r\nTransfer-Encoding: chunked\r\n\r\n", false).is_err());
    }
}
