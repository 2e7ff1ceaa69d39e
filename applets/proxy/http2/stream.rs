//! A stream as the rest of the proxy sees it: a [`Wire`] that frames its messages itself.
//!
//! [`Handle`] is what both sides share; [`Asking`] is a stream of a client, told heads of answers.
//! A handle that is dropped before its message is whole resets the stream.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll};

use super::connection::Connection;
use super::frame::Code;
use super::hpack::Encoder;
use crate::http1::{Asker, Ending, Field, Known, Lines, Own, ResponseHead, decimal, digits, nominated};
use crate::route::Edits;
use crate::wire::Wire;

/// A connection that its driver and its streams share.
pub(super) type Link = Rc<RefCell<Connection>>;

/// A stream that is worked for.
pub(super) struct Handle {
    link: Link,
    place: u32,
}

impl Handle {
    /// Of the stream at `place`, which holds it until this is dropped.
    pub(super) fn new(link: Link, place: u32) -> Handle {
        Handle { link, place }
    }

    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    pub(super) fn place(&self) -> u32 {
        self.place
    }

    pub(super) fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut link = self.link.borrow_mut();
        let stream = link.streams.at(self.place);
        if !stream.unread().is_empty() || !stream.receives {
            return Poll::Ready(Ok(()));
        }
        stream.await_with(context.waker());
        Poll::Pending
    }

    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut link = self.link.borrow_mut();
        match link.read(self.place, into) {
            Ok(Some(bytes)) => Poll::Ready(Ok(bytes)),
            Ok(None) => {
                link.streams.at(self.place).await_with(context.waker());
                Poll::Pending
            }
            Err(_) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }

    pub(super) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.link.borrow_mut().send_data(self.place, parts, context.waker()) {
            Ok(Some(bytes)) => Poll::Ready(Ok(bytes)),
            Ok(None) => Poll::Pending,
            Err(_) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    pub(super) fn finish(&mut self, trailers: Option<Box<Lines>>) -> io::Result<()> {
        let ended = self.link.borrow_mut().send_end(self.place, trailers);
        ended.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    pub(super) fn trailers(&mut self) -> Option<Box<Lines>> {
        self.link.borrow_mut().streams.at(self.place).trailers.take()
    }

    pub(super) fn reset(&mut self, code: Code) {
        let mut link = self.link.borrow_mut();
        let stream = link.streams.peek(self.place);
        if stream.reset.is_none() && (stream.sends || stream.receives) {
            link.reset(self.place, code);
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.link.borrow_mut().release(self.place);
    }
}

/// A stream whose other end asks.
pub(super) struct Asking {
    pub(super) handle: Handle,
}

impl Wire for Asking {
    fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.handle.poll_readable(context)
    }

    fn poll_read(&mut self, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        self.handle.poll_read(context, into)
    }

    fn poll_write(&mut self, context: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.handle.poll_write(context, parts)
    }

    fn poll_end(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.handle.finish(None))
    }

    fn reset(&mut self) {
        self.handle.reset(Code::Internal);
    }

    fn frames(&self) -> bool {
        true
    }

    fn finish(&mut self, trailers: Option<Box<Lines>>) -> io::Result<()> {
        self.handle.finish(trailers)
    }

    fn trailers(&mut self) -> Option<Box<Lines>> {
        self.handle.trailers()
    }
}

impl Asker for Asking {
    const CHUNKS: bool = false;

    fn answer(
        &mut self,
        _: &mut Vec<u8>,
        bytes: &[u8],
        head: &ResponseHead,
        fields: &[Field],
        edits: &Edits,
        _chunked: bool,
        _: Ending,
    ) {
        let mut link = self.handle.link.borrow_mut();
        let tunnels = link.streams.peek(self.handle.place).tunnels;
        let number = match head.status {
            101 if tunnels => 200,
            // A server that did not go over to the other protocol has not opened a tunnel.
            200..=299 if tunnels => 502,
            number => number,
        };
        link.send_head(self.handle.place, |encoder, out| {
            status(encoder, out, number);
            for field in fields {
                let (name, value) = (field.name.of(bytes), field.value.of(bytes));
                match field.known {
                    Known::Connection | Known::Length | Known::Encoding | Known::Hop | Known::Upgrade => {
                        continue;
                    }
                    _ if head.nominates && nominated(bytes, fields, name) || edits.removes(name) => continue,
                    _ if tunnels && name.eq_ignore_ascii_case(b"sec-websocket-accept") => continue,
                    _ => lower(encoder, out, name, value),
                }
            }
            if let Some(length) = head.content_length.filter(|_| head.status >= 200 && head.status != 204) {
                length_field(encoder, out, length);
            }
            edited(encoder, out, &edits.lines);
        });
    }

    fn own(&mut self, body: &mut Vec<u8>, own: &Own<'_>, date: &[u8], _: Ending) {
        let mut link = self.handle.link.borrow_mut();
        let is_grpc = own.is_fault && link.streams.peek(self.handle.place).is_grpc;
        link.send_head(self.handle.place, |encoder, out| {
            status(encoder, out, if is_grpc { 200 } else { own.status });
            encoder.field(out, b"date", date);
            if is_grpc {
                encoder.field(out, b"content-type", b"application/grpc");
                let mut number = Vec::with_capacity(2);
                decimal(&mut number, grpc_status(own.status));
                encoder.field(out, b"grpc-status", &number);
                encoder.field(out, b"grpc-message", own.body);
            } else if !matches!(own.status, 204 | 304) {
                if !own.body.is_empty() {
                    encoder.field(out, b"content-type", b"text/plain");
                }
                length_field(encoder, out, own.body.len() as u64);
            }
            edited(encoder, out, own.lines);
            edited(encoder, out, own.edits.map_or(&[][..], |edits| &edits.lines));
        });
        if !own.to_head && !is_grpc && !matches!(own.status, 204 | 304) {
            body.extend_from_slice(own.body);
        }
    }
}

/// What gRPC makes of a status (its document on the mapping of HTTP's).
fn grpc_status(status: u16) -> u64 {
    match status {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        413 | 431 => 8,
        429 | 502..=504 => 14,
        _ => 2,
    }
}

fn status(encoder: &mut Encoder, out: &mut Vec<u8>, status: u16) {
    let digit = |unit: u16| b'0' + (status / unit % 10) as u8;
    encoder.field(out, b":status", &[digit(100), digit(10), digit(1)]);
}

fn length_field(encoder: &mut Encoder, out: &mut Vec<u8>, number: u64) {
    encoder.field(out, b"content-length", digits(number, &mut [0; 20]));
}

/// Writes a field whose name may be in any case.
pub(super) fn lower(encoder: &mut Encoder, out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    // HTTP/1.1 forgives blanks around a value.
    let value = value.trim_ascii();
    let mut short = [0; 64];
    if !name.iter().any(u8::is_ascii_uppercase) {
        encoder.field(out, name, value);
    } else if let Some(short) = short.get_mut(..name.len()) {
        short.copy_from_slice(name);
        short.make_ascii_lowercase();
        encoder.field(out, short, value);
    } else {
        encoder.field(out, &name.to_ascii_lowercase(), value);
    }
}

/// Writes whole lines, `name: value`, as a route sets them.
fn edited(encoder: &mut Encoder, out: &mut Vec<u8>, mut lines: &[u8]) {
    while let Some(end) = memchr::memchr(b'\n', lines) {
        let line = lines[..end].strip_suffix(b"\r").unwrap_or(&lines[..end]);
        if let Some(colon) = memchr::memchr(b':', line) {
            lower(encoder, out, &line[..colon], line[colon + 1..].trim_ascii());
        }
        lines = &lines[end + 1..];
    }
}
