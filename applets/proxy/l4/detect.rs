//! What a connection begins with, looked at and left where it is.
//!
//! The bytes stay in the kernel: what is passed on needs no copy of them, and what reads them next
//! reads them as if nobody had looked.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use rustix::net::{RecvFlags, recv};
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::address::{self, Header};
use crate::secure::hello::{self, Hello, Wanted};
use crate::worker::Worker;

/// Shows `look` what has come, each time there is more of it, until it has seen enough. None if the client
/// ended or took too long, or if `look` wants no more than it was shown.
async fn watch<T>(
    worker: &Worker,
    stream: &TcpStream,
    timer: u32,
    most: usize,
    mut look: impl FnMut(&[u8]) -> Option<Option<T>>,
) -> Option<T> {
    let mut scratch = worker.spares.take();
    let mut seen = 0;
    let found = poll_fn(|context| {
        loop {
            let into = scratch.room(most);
            let into = &mut into[..most];
            match peek(context, stream, into, seen) {
                Poll::Ready(Ok(there)) if there > seen => {
                    seen = there;
                    if let Some(found) = look(&into[..there]) {
                        return Poll::Ready(found);
                    }
                }
                Poll::Ready(_) => return Poll::Ready(None),
                Poll::Pending if worker.timers.expired(timer) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
    worker.spares.put(scratch);
    found
}

/// Copies what is there without taking it; waits while it is no more than was `seen`.
fn peek(
    context: &mut Context<'_>,
    stream: &TcpStream,
    into: &mut [u8],
    seen: usize,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_read_ready(context))?;
        let looked = stream.try_io(Interest::READABLE, || {
            let (there, _) = recv(stream, &mut *into, RecvFlags::PEEK)?;
            // The same as before is nothing new: the next bytes raise readiness again.
            if there > 0 && there == seen { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(there) }
        });
        match looked {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            looked => return Poll::Ready(looked),
        }
    }
}

/// What a TLS client asks for; none if it is none, or says nothing in time.
pub(crate) async fn hello(worker: &Worker, stream: &TcpStream, timer: u32) -> Option<Wanted> {
    watch(worker, stream, timer, hello::MOST, |bytes| match Hello::read(bytes) {
        Hello::Partial => None,
        Hello::Other => Some(None),
        Hello::Whole(wanted) => Some(Some(wanted)),
    })
    .await
}

/// Whose connection it is, by the PROXY header it must begin with; takes the header. None if there is none.
pub(crate) async fn forwarded(worker: &Worker, stream: &TcpStream, timer: u32) -> Option<Header> {
    let header = watch(worker, stream, timer, address::MOST, |bytes| match Header::read(bytes) {
        Header::Partial => None,
        Header::Wrong => Some(None),
        whole => Some(Some(whole)),
    })
    .await?;
    let Header::Whole { mut length, .. } = header else { return None };
    // They are there: they have just been seen.
    let mut scratch = [0; 256];
    while length > 0 {
        let part = length.min(scratch.len());
        let (taken, _) = recv(stream, &mut scratch[..part], RecvFlags::empty()).ok()?;
        if taken == 0 {
            return None;
        }
        length -= taken;
    }
    Some(header)
}
