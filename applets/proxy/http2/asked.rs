//! A stream that asks a server, as a [`Wire`] of HTTP/1.1: text of a head in, text of a head out,
//! bodies as they are.
//!
//! What was read as HTTP/2 cannot hold what would end a line (`message.rs`), and what was written as
//! HTTP/1.1 is ours (`http1/write.rs`): nothing can be split on the way.

use std::fmt;
use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use super::frame::Code;
use super::hpack::Encoder;
use super::message::Answer;
use super::stream::{Handle, lower};
use super::websocket;
use crate::http1::{Lines, decimal};
use crate::wire::Wire;

const KEY: &[u8] = b"sec-websocket-key";
const ACCEPT: &[u8] = b"sec-websocket-accept";

/// One request and its answer.
pub struct Asked {
    handle: Handle,
    scheme: &'static str,
    /// The connection was there before.
    is_kept: bool,
    /// The head of the request is out.
    has_begun: bool,
    /// The head of the answer is read, down to the bytes in `text`.
    was_heard: bool,
    text: Vec<u8>,
    at: usize,
    /// What the side that asks for a WebSocket is to be told, as the server is not asked to.
    accept: Option<Box<[u8; 28]>>,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").field("place", &self.handle.place()).finish_non_exhaustive()
    }
}

impl Asked {
    pub(super) fn new(handle: Handle, scheme: &'static str, is_kept: bool) -> Asked {
        let (text, at) = (Vec::new(), 0);
        Asked { handle, scheme, is_kept, has_begun: false, was_heard: false, text, at, accept: None }
    }

    /// Others were asked on this connection before.
    pub fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// The server says that it has done nothing with the request: it may be asked again.
    pub fn was_refused(&self) -> bool {
        let link = self.handle.link().borrow();
        link.streams.peek(self.handle.place()).reset == Some(Code::Refused)
    }

    /// Sends the head that is at the beginning of `text`; gives its length.
    fn begin(&mut self, context: &Context<'_>, text: &[u8]) -> Poll<io::Result<usize>> {
        let end = memchr::memmem::find(text, b"\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
        let head = Head::of(&text[..end + 2]).ok_or(io::ErrorKind::InvalidData)?;
        let mut link = self.handle.link().borrow_mut();
        let place = self.handle.place();
        match link.connects() {
            _ if head.upgrade.is_none() => {}
            Some(true) => {}
            Some(false) => {
                // Nobody waits for an answer to what was not asked.
                link.reset(place, Code::Cancel);
                return Poll::Ready(Err(io::ErrorKind::Unsupported.into()));
            }
            None => {
                link.streams.at(place).await_with(context.waker());
                return Poll::Pending;
            }
        }
        let stream = link.streams.at(place);
        (stream.to_head, stream.tunnels) = (head.method == b"HEAD", head.upgrade.is_some());
        link.send_head(place, |encoder, out| head.write(encoder, out, self.scheme.as_bytes()));
        self.accept = head.key.filter(|_| head.upgrade.is_some()).map(|key| Box::new(websocket::accept(key)));
        self.has_begun = true;
        Poll::Ready(Ok(end + 4))
    }

    /// Puts the head of an answer into words.
    fn hear(&mut self, answer: &Answer) {
        let Answer { status, lines: Lines { bytes, fields } } = answer;
        let link = self.handle.link().borrow();
        let opens = link.streams.peek(self.handle.place()).tunnels && (200..300).contains(status);
        self.was_heard = *status >= 200;
        self.at = 0;
        self.text.clear();
        self.text.extend_from_slice(b"HTTP/1.1 ");
        decimal(&mut self.text, if opens { 101 } else { u64::from(*status) });
        self.text.extend_from_slice(b" \r\n");
        for field in fields {
            if opens && field.name.of(bytes) == ACCEPT {
                continue;
            }
            for part in [field.name.of(bytes), b": ", field.value.of(bytes), b"\r\n"] {
                self.text.extend_from_slice(part);
            }
        }
        if opens {
            self.text.extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\n");
            if let Some(accept) = &self.accept {
                for part in [ACCEPT, b": ", &accept[..], b"\r\n"] {
                    self.text.extend_from_slice(part);
                }
            }
        } else if self.was_heard {
            // A stream is asked once.
            self.text.extend_from_slice(b"connection: close\r\n");
        }
        self.text.extend_from_slice(b"\r\n");
    }
}

impl Wire for Asked {
    fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let has_head = self.handle.link().borrow().streams.peek(self.handle.place()).head.is_some();
        if has_head || self.at < self.text.len() {
            return Poll::Ready(Ok(()));
        }
        self.handle.poll_readable(context)
    }

    fn poll_read(&mut self, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.at == self.text.len() && !self.was_heard {
            let mut link = self.handle.link().borrow_mut();
            let stream = link.streams.at(self.handle.place());
            match stream.head.take() {
                Some(answer) => {
                    drop(link);
                    self.hear(&answer);
                }
                None if stream.reset.is_some() => {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
                }
                None => {
                    stream.await_with(context.waker());
                    return Poll::Pending;
                }
            }
        }
        let left = self.text.get(self.at..).unwrap_or_default();
        if left.is_empty() {
            return self.handle.poll_read(context, into);
        }
        let bytes = left.len().min(into.len());
        into[..bytes].copy_from_slice(&left[..bytes]);
        self.at += bytes;
        if self.at == self.text.len() && self.was_heard {
            (self.text, self.at) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(bytes))
    }

    fn poll_write(&mut self, context: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match parts.first() {
            Some(text) if !self.has_begun => self.begin(context, text),
            _ => self.handle.poll_write(context, parts),
        }
    }

    fn poll_end(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.handle.finish(None))
    }

    fn reset(&mut self) {
        self.handle.reset(Code::Cancel);
    }

    fn finish(&mut self, trailers: Option<Box<Lines>>) -> io::Result<()> {
        let tunnels = self.handle.link().borrow().streams.peek(self.handle.place()).tunnels;
        // The request that opens a tunnel has no body and no end.
        if tunnels && !self.was_heard { Ok(()) } else { self.handle.finish(trailers) }
    }

    fn trailers(&mut self) -> Option<Box<Lines>> {
        self.handle.trailers()
    }

    fn frames(&self) -> bool {
        true
    }
}

/// A head as `http1/write.rs` writes it.
struct Head<'a> {
    method: &'a [u8],
    target: &'a [u8],
    host: &'a [u8],
    upgrade: Option<&'a [u8]>,
    /// Of a WebSocket.
    key: Option<&'a [u8]>,
    lines: &'a [u8],
}

impl<'a> Head<'a> {
    /// Reads what we wrote; none if we did not.
    fn of(text: &'a [u8]) -> Option<Head<'a>> {
        let end = memchr::memchr(b'\r', text)?;
        let (first, lines) = (&text[..end], text.get(end + 2..)?);
        let (method, rest) = first.split_at(memchr::memchr(b' ', first)?);
        let target = rest[1..].strip_suffix(b" HTTP/1.1")?;
        let mut head = Head { method, target, host: b"", upgrade: None, key: None, lines };
        for (name, value) in each(lines) {
            match name {
                b"host" => head.host = value,
                b"upgrade" => head.upgrade = Some(value),
                _ if name.eq_ignore_ascii_case(KEY) => head.key = Some(value),
                _ => {}
            }
        }
        Some(head)
    }

    fn write(&self, encoder: &mut Encoder, out: &mut Vec<u8>, scheme: &[u8]) {
        encoder.field(out, b":method", if self.upgrade.is_some() { b"CONNECT" } else { self.method });
        if let Some(protocol) = self.upgrade {
            encoder.field(out, b":protocol", protocol);
        }
        encoder.field(out, b":scheme", scheme);
        if !self.host.is_empty() {
            encoder.field(out, b":authority", self.host);
        }
        encoder.field(out, b":path", self.target);
        let mut takes_trailers = false;
        for (name, value) in each(self.lines) {
            match name {
                b"host" | b"connection" | b"transfer-encoding" | b"upgrade" => continue,
                b"te" => {
                    takes_trailers = true;
                    continue;
                }
                _ if self.upgrade.is_some() && name.eq_ignore_ascii_case(KEY) => continue,
                _ if name.eq_ignore_ascii_case(b"content-type") => {
                    takes_trailers |= value.starts_with(b"application/grpc");
                }
                _ => {}
            }
            lower(encoder, out, name, value);
        }
        if takes_trailers {
            // Servers of gRPC want to hear that trailers arrive; they do.
            encoder.field(out, b"te", b"trailers");
        }
    }
}

/// Lines as names and values.
fn each(lines: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    lines.split(|byte| *byte == b'\n').filter_map(|line| {
        let (name, value) = line.split_at(memchr::memchr(b':', line)?);
        Some((name, value[1..].trim_ascii()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http2::hpack::Decoder;

    fn fields(text: &str) -> String {
        let head = Head::of(text.as_bytes()).unwrap();
        let (mut encoder, mut block, mut fields) = (Encoder::default(), Vec::new(), Vec::new());
        head.write(&mut encoder, &mut block, b"http");
        let each = |name: &[u8], value: &[u8]| {
            fields.push(format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value)));
        };
        Decoder::new(4096).decode(&block, &mut Vec::new(), each).unwrap();
        fields.join("|")
    }

    #[test]
    fn heads_are_translated() {
        let text = "POST /a?b HTTP/1.1\r\nhost: h:1\r\nContent-Type: application/grpc\r\nX-A: b: c\r\n\
                    transfer-encoding: chunked\r\n";
        let wanted = ":method=POST|:scheme=http|:authority=h:1|:path=/a?b|content-type=application/grpc|x-a=b: c|te=trailers";
        assert_eq!(fields(text), wanted);
        let text = "GET /chat HTTP/1.1\r\nhost: h\r\nSec-WebSocket-Key: k\r\nconnection: upgrade\r\nupgrade: websocket\r\n";
        let wanted = ":method=CONNECT|:protocol=websocket|:scheme=http|:authority=h|:path=/chat";
        assert_eq!(fields(text), wanted);
    }
}
