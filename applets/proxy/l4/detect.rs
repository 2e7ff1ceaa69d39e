//! What a connection begins with, looked at and left where it is.
//!
//! The bytes stay in the kernel: what is passed on needs no copy of them, and what reads them next
//! reads them as if nobody had looked.

use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

use rustix::net::{RecvFlags, recv};
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::address::{self, Header};
use crate::secure::hello::{self, Hello, Wanted};
use crate::worker::Worker;

/// The first and the longest pause before another look at bytes that are not all there.
const PAUSES: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(20)];

/// Shows `look` what has come, each time there is more of it, until it has seen enough. None if the client
/// ended or took too long, or if `look` wants no more than it was shown.
async fn watch<T>(
    worker: &Worker,
    stream: &TcpStream,
    timer: u32,
    most: usize,
    look: impl FnMut(&[u8]) -> Option<Option<T>>,
) -> Option<T> {
    let mut scratch = worker.spares.take();
    let found = watch_with(worker, stream, timer, &mut scratch.room(most)[..most], look).await;
    worker.spares.put(scratch);
    found
}

async fn watch_with<T>(
    worker: &Worker,
    stream: &TcpStream,
    timer: u32,
    into: &mut [u8],
    mut look: impl FnMut(&[u8]) -> Option<Option<T>>,
) -> Option<T> {
    let ([mut pause, longest], mut seen) = (PAUSES, 0);
    loop {
        let readable = poll_fn(|context| match stream.poll_read_ready(context) {
            Poll::Pending if worker.timers.expired(timer) => Poll::Ready(None),
            readable => readable.map(Result::ok),
        });
        readable.await?;
        let peeked = stream.try_io(Interest::READABLE, || Ok(recv(stream, &mut *into, RecvFlags::PEEK)?.0));
        match peeked {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) | Ok(0) => return None,
            Ok(there) if there > seen => {
                [pause, _] = PAUSES;
                seen = there;
                if let Some(found) = look(&into[..there]) {
                    return found;
                }
            }
            Ok(_) if worker.timers.expired(timer) => return None,
            Ok(_) => {
                // The socket stays readable by what is left in it, and so raises no event for more: whoever
                // reads it next must find it so. Few clients come in pieces, and those are looked at again.
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(longest);
            }
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
