//! The head of an answer, read as strictly as that of a request: a server that two readers could
//! understand differently is answered for with 502.

use std::mem::MaybeUninit;

use super::fault::Fault;
use super::field::{self, Field, Framing, MAX_FIELDS, Span};
use super::request::BodyKind;

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

impl ResponseHead {
    /// Reads a whole head. `to_head` says that the request was HEAD.
    ///
    /// # Errors
    /// [`Fault::BadAnswer`].
    pub fn parse(bytes: &[u8], fields: &mut Vec<Field>, to_head: bool) -> Result<ResponseHead, Fault> {
        let mut headers = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut []);
        let config = httparse::ParserConfig::default();
        match config.parse_response_with_uninit_headers(&mut response, bytes, &mut headers) {
            Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
            _ => return Err(Fault::BadAnswer),
        }
        let (Some(status), Some(minor)) = (response.code, response.version) else {
            return Err(Fault::BadAnswer);
        };
        if !(100..=599).contains(&status) {
            return Err(Fault::BadAnswer);
        }
        let reason = Span::of_piece(bytes, response.reason.unwrap_or_default().as_bytes());
        field::note(bytes, response.headers, fields);
        let framing = Framing::read(bytes, fields, minor).map_err(|_| Fault::BadAnswer)?;
        let body = match (status, framing.chunked, framing.length) {
            _ if to_head => BodyKind::Empty,
            (100..=199 | 204 | 304, ..) => BodyKind::Empty,
            (_, true, _) => BodyKind::Chunked,
            (_, false, Some(0)) => BodyKind::Empty,
            (_, false, Some(length)) => BodyKind::Length(length),
            (_, false, None) => BodyKind::UntilEnd,
        };
        let keep_alive = !framing.close && (minor > 0 || framing.keep_alive) && body != BodyKind::UntilEnd;
        Ok(ResponseHead {
            length: bytes.len(),
            status,
            reason: if response.reason.is_some() { reason } else { Span::default() },
            body,
            content_length: framing.length,
            keep_alive,
            nominates: framing.nominates,
        })
    }
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
