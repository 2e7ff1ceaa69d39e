//! A byte stream as the hot path wants it: looked at without a buffer, written without waiting first.
//!
//! [`Stream`] is a connection of either kind, clear or TLS: one type, so that what is written over it
//! is compiled once. A stream of HTTP/2 is another implementation.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::io::{AsyncWrite, Interest};
use tokio::net::TcpStream;

use crate::http1::Lines;
use crate::http2::Asked;
use crate::secure::{ClientSession, ServerSession};

/// One end of an exchange.
pub trait Wire {
    /// Ready once a read would not wait: an idle connection holds no buffer.
    fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Reads; 0 is the end.
    fn poll_read(&mut self, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes some of `parts`. Until it is ready the same bytes are passed again: some of them may be
    /// sealed in a record already.
    fn poll_write(&mut self, context: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>>;

    /// Tells the other side that nothing more comes.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Makes the coming close a reset: the other side learns that it has not got all.
    fn reset(&mut self);

    /// Says before a close that all was said, where there is a word for it (TLS).
    fn farewell(&mut self) {}

    /// Whether it frames messages itself: one is over at its end, not where its length says.
    fn frames(&self) -> bool {
        false
    }

    /// Says that the message being written is whole, where the wire frames messages itself (HTTP/2).
    ///
    /// # Errors
    /// The other side takes no more of it.
    fn finish(&mut self, _trailers: Option<Box<Lines>>) -> io::Result<()> {
        Ok(())
    }

    /// What followed the body of the message that was read, where the wire frames messages itself.
    fn trailers(&mut self) -> Option<Box<Lines>> {
        None
    }
}

/// A connection.
#[derive(Debug)]
pub enum Stream {
    /// As it is.
    Clear(TcpStream),
    /// From a client, secured.
    Server(Box<ServerSession>),
    /// To a server, secured.
    Client(Box<ClientSession>),
    /// A stream of a connection to a server that others ask as well.
    Shared(Box<Asked>),
}

impl Stream {
    /// Nothing came on it: neither bytes nobody asked for nor its end. Costs no system call where
    /// nothing came.
    pub fn is_quiet(&mut self) -> bool {
        let mut nobody = Context::from_waker(Waker::noop());
        match self {
            Stream::Clear(stream) => stream.try_io(Interest::READABLE, || Ok(())).is_err(),
            // Tickets and keys may come at any time, and are taken.
            Stream::Server(session) => session.poll_read(&mut nobody, &mut [0]).is_pending(),
            Stream::Client(session) => session.poll_read(&mut nobody, &mut [0]).is_pending(),
            // Asked once, never again.
            Stream::Shared(_) => false,
        }
    }
}

impl Stream {
    /// It is of a connection on which others were asked before.
    pub fn is_kept(&self) -> bool {
        matches!(self, Stream::Shared(asked) if asked.is_kept())
    }

    /// Its two ends agreed on HTTP/2 in their handshake.
    pub fn is_http2(&self) -> bool {
        matches!(self, Stream::Client(session) if session.engine().alpn_protocol() == Some(b"h2"))
    }

    /// The server says that it has done nothing with what was asked.
    pub fn was_refused(&self) -> bool {
        matches!(self, Stream::Shared(asked) if asked.was_refused())
    }
}

impl Wire for Stream {
    fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Stream::Clear(stream) => stream.poll_readable(context),
            Stream::Server(session) => session.poll_readable(context),
            Stream::Client(session) => session.poll_readable(context),
            Stream::Shared(asked) => asked.poll_readable(context),
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Stream::Clear(stream) => Wire::poll_read(stream, context, into),
            Stream::Server(session) => session.poll_read(context, into),
            Stream::Client(session) => session.poll_read(context, into),
            Stream::Shared(asked) => asked.poll_read(context, into),
        }
    }

    fn poll_write(&mut self, context: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match self {
            Stream::Clear(stream) => Wire::poll_write(stream, context, parts),
            Stream::Server(session) => session.poll_write(context, parts),
            Stream::Client(session) => session.poll_write(context, parts),
            Stream::Shared(asked) => asked.poll_write(context, parts),
        }
    }

    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Stream::Clear(stream) => stream.poll_end(context),
            Stream::Server(session) => session.poll_end(context),
            Stream::Client(session) => session.poll_end(context),
            Stream::Shared(asked) => asked.poll_end(context),
        }
    }

    fn reset(&mut self) {
        match self {
            Stream::Clear(stream) => Wire::reset(stream),
            Stream::Server(session) => session.reset(),
            Stream::Client(session) => session.reset(),
            Stream::Shared(asked) => asked.reset(),
        }
    }

    fn farewell(&mut self) {
        match self {
            Stream::Clear(_) => {}
            Stream::Server(session) => session.farewell(),
            Stream::Client(session) => session.farewell(),
            Stream::Shared(_) => {}
        }
    }

    fn frames(&self) -> bool {
        matches!(self, Stream::Shared(_))
    }

    fn finish(&mut self, trailers: Option<Box<Lines>>) -> io::Result<()> {
        match self {
            Stream::Shared(asked) => asked.finish(trailers),
            _ => Ok(()),
        }
    }

    fn trailers(&mut self) -> Option<Box<Lines>> {
        match self {
            Stream::Shared(asked) => asked.trailers(),
            _ => None,
        }
    }
}

impl Wire for TcpStream {
    fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_read_ready(context)
    }

    fn poll_read(&mut self, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_read_ready(context))?;
            let mut read = None;
            let tried = self.try_io(Interest::READABLE, || {
                let (bytes, _) = recv(&*self, &mut *into, RecvFlags::empty())?;
                read = Some(bytes);
                // What did not fill the buffer was all: no second read is needed to learn it.
                if (1..into.len()).contains(&bytes) { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            match (read, tried) {
                (Some(bytes), _) => return Poll::Ready(Ok(bytes)),
                (None, Err(error)) if error.kind() != io::ErrorKind::WouldBlock => {
                    return Poll::Ready(Err(error));
                }
                (None, _) => {}
            }
        }
    }

    fn poll_write(&mut self, context: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        loop {
            let written = match parts {
                [one] => self.try_io(Interest::WRITABLE, || Ok(send(&*self, one, SendFlags::NOSIGNAL)?)),
                parts => self.try_write_vectored(parts),
            };
            match written {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.poll_write_ready(context))?;
                }
                written => return Poll::Ready(written),
            }
        }
    }

    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(self), context)
    }

    fn reset(&mut self) {
        if let Err(error) = self.set_zero_linger() {
            tracing::debug!("reset: {error}");
        }
    }
}

/// Bytes read and thrown away before a connection is closed, at most.
const LINGER: usize = 256 * 1024;

/// Ends a connection whose client may still be sending: a close with unread bytes would be a reset,
/// and take our last answer with it. `late` says when there was patience enough.
pub(crate) async fn linger<W: Wire>(wire: &mut W, scratch: &mut [u8], late: impl Fn() -> bool) {
    if poll_fn(|context| wire.poll_end(context)).await.is_err() {
        return;
    }
    let mut thrown = 0;
    while thrown < LINGER {
        let read = poll_fn(|context| match wire.poll_read(context, scratch) {
            Poll::Pending if late() => Poll::Ready(Ok(0)),
            read => read,
        });
        match read.await {
            Ok(0) | Err(_) => return,
            Ok(bytes) => thrown += bytes,
        }
    }
}
