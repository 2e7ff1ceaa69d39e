//! Bytes from socket to socket by splice(2): they pass through a pipe in the kernel and not through us.
//!
//! A direction holds a pipe while bytes are in it; a silent connection holds none. Pipes are the
//! worker's, and kept for the next one.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::Moved;
use crate::wire::Wire;
use crate::worker::Worker;

/// What is asked for; a pipe that the system leaves smaller works as well (fs.pipe-user-pages-soft).
const SIZE: usize = 256 * 1024;
/// Pipes kept for the next connections.
const KEPT: usize = 64;

/// An empty pipe: its end to read from, its end to write to.
struct Pipe {
    out: OwnedFd,
    into: OwnedFd,
}

/// The pipes of a worker that nobody uses.
#[derive(Default)]
pub(crate) struct Pipes {
    free: RefCell<Vec<Pipe>>,
}

impl Pipes {
    fn take(&self) -> io::Result<Pipe> {
        if let Some(pipe) = self.free.borrow_mut().pop() {
            return Ok(pipe);
        }
        let (out, into) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
        if let Err(error) = fcntl_setpipe_size(&into, SIZE) {
            tracing::debug!("a pipe stays small: {error}");
        }
        Ok(Pipe { out, into })
    }

    fn put(&self, pipe: Pipe) {
        let mut free = self.free.borrow_mut();
        if free.len() < KEPT {
            free.push(pipe);
        }
    }

    /// Closes those that a quiet time does not need: two system objects each. Gives how many.
    pub(crate) fn shrink(&self) -> usize {
        let mut free = self.free.borrow_mut();
        let keep = free.len() / 2;
        free.drain(keep..).count()
    }
}

/// One direction.
struct Direction<'a> {
    from: &'a TcpStream,
    to: &'a TcpStream,
    pipes: &'a Pipes,
    pipe: Option<Pipe>,
    /// Bytes in the pipe.
    held: usize,
    carried: &'a Cell<u64>,
    moved: bool,
    ended: bool,
}

impl<'a> Direction<'a> {
    fn new(
        from: &'a TcpStream,
        to: &'a TcpStream,
        pipes: &'a Pipes,
        carried: &'a Cell<u64>,
    ) -> Direction<'a> {
        Direction { from, to, pipes, pipe: None, held: 0, carried, moved: false, ended: false }
    }

    /// Carries what can be carried now; ready once this direction has ended and the other side was told so.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.held == 0 {
                let read = self.poll_fill(context);
                if self.held == 0
                    && let Some(pipe) = self.pipe.take()
                {
                    self.pipes.put(pipe);
                }
                if ready!(read)? == 0 {
                    self.ended = true;
                    return Poll::Ready(Ok(()));
                }
            }
            ready!(self.poll_drain(context))?;
        }
    }

    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.from.poll_read_ready(context))?;
            if self.pipe.is_none() {
                self.pipe = Some(self.pipes.take()?);
            }
            let Some(pipe) = &self.pipe else { return Poll::Ready(Ok(0)) };
            let moved = self.from.try_io(Interest::READABLE, || {
                let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
                Ok(splice(self.from, None, &pipe.into, None, SIZE, flags)?)
            });
            match moved {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                moved => {
                    self.held = *moved.as_ref().unwrap_or(&0);
                    self.moved |= self.held > 0;
                    return Poll::Ready(moved);
                }
            }
        }
    }

    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.held > 0 {
            let Some(pipe) = &self.pipe else { return Poll::Ready(Ok(())) };
            let moved = self.to.try_io(Interest::WRITABLE, || {
                let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
                Ok(splice(&pipe.out, None, self.to, None, self.held, flags)?)
            });
            match moved {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(bytes) => {
                    self.held -= bytes.min(self.held);
                    self.carried.set(self.carried.get() + bytes as u64);
                    self.moved = true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.to.poll_write_ready(context))?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Carries both ways until both have ended, one has failed or nothing moved for `patience`. What moved is
/// added to `moved`.
pub(super) async fn run(
    worker: &Rc<Worker>,
    mut client: TcpStream,
    mut server: TcpStream,
    timer: u32,
    patience: Duration,
    moved: &Moved,
) {
    let broke = {
        let mut up = Direction::new(&client, &server, &worker.pipes, &moved.received);
        let mut down = Direction::new(&server, &client, &worker.pipes, &moved.sent);
        worker.timers.arm(timer, worker.timers.now(), patience);
        poll_fn(|context| {
            for direction in [&mut up, &mut down] {
                if direction.ended {
                    continue;
                }
                match direction.poll(context) {
                    Poll::Pending => {}
                    Poll::Ready(Ok(())) => {
                        if rustix::net::shutdown(direction.to, rustix::net::Shutdown::Write).is_err() {
                            return Poll::Ready(true);
                        }
                    }
                    Poll::Ready(Err(_)) => return Poll::Ready(true),
                }
            }
            if up.ended && down.ended {
                return Poll::Ready(false);
            }
            if std::mem::take(&mut up.moved) | std::mem::take(&mut down.moved) {
                worker.timers.arm(timer, worker.timers.now(), patience);
            }
            if worker.timers.expired(timer) { Poll::Ready(true) } else { Poll::Pending }
        })
        .await
    };
    if broke {
        // What broke off is not to look like an end.
        Wire::reset(&mut client);
        Wire::reset(&mut server);
    }
}
