//! One TLS connection: rustls between a socket and the plain bytes of a [`Wire`].
//!
//! rustls decides and seals; the bytes on their way lie in memory of the worker's (`bytes.rs`), so that
//! an idle connection keeps nothing but its keys. A read and a write cost one system call each, as on
//! a clear connection: a record is read whole where it came whole, and sealed into one write.

use std::io::{self, IoSlice};
use std::ops::DerefMut;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, UnbufferedConnectionCommon, UnbufferedStatus,
};
use tokio::net::TcpStream;

use super::bytes::{Bytes, RECORD, Spares};
use crate::wire::Wire;

/// The most plain bytes of a record (RFC 8446 §5.1).
const FRAGMENT: usize = 16 * 1024;
/// Header, content type and the longest tag and nonce of a record.
const OVERHEAD: usize = 64;

/// Which side of a handshake we are: rustls has a type for each.
pub trait Engine: DerefMut<Target = UnbufferedConnectionCommon<Self::Data>> {
    type Data;
    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;
}

impl Engine for UnbufferedServerConnection {
    type Data = ServerConnectionData;
    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }
}

impl Engine for UnbufferedClientConnection {
    type Data = ClientConnectionData;
    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }
}

/// One side of a TLS connection.
pub struct Session<E> {
    tcp: TcpStream,
    engine: E,
    spares: Rc<Spares>,
    /// Records that came and were not opened yet.
    inbound: Option<Bytes>,
    /// Records that are to be written.
    outbound: Option<Bytes>,
    /// Plain bytes that found no room where they were wanted.
    plain: Vec<u8>,
    taken: usize,
    /// Plain bytes in `outbound` of which the writer has not been told yet.
    sealed: usize,
    state: State,
}

#[derive(Clone, Copy, Default)]
struct State {
    /// The handshake is over.
    open: bool,
    /// A record is in `inbound`, or opened, for which there was no room.
    more: bool,
    /// The peer said that nothing more comes.
    ended: bool,
    /// We did, or are about to.
    ending: bool,
    shut: bool,
}

/// What is wanted of [`Session::turn`].
enum Task<'a> {
    /// Plain bytes, as many as there are.
    Open(&'a mut [u8]),
    /// These in a record.
    Seal(&'a [u8]),
    /// The words that end a session.
    End,
}

impl<E: Engine> Session<E> {
    pub(crate) fn new(tcp: TcpStream, engine: E, spares: Rc<Spares>) -> Session<E> {
        Session {
            tcp,
            engine,
            spares,
            inbound: None,
            outbound: None,
            plain: Vec::new(),
            taken: 0,
            sealed: 0,
            state: State::default(),
        }
    }

    /// The socket, for the end of a handshake that failed.
    pub(crate) fn tcp(&mut self) -> &mut TcpStream {
        &mut self.tcp
    }

    /// The socket, to be asked.
    pub(crate) fn socket(&self) -> &TcpStream {
        &self.tcp
    }

    pub(crate) fn engine(&self) -> &E {
        &self.engine
    }

    /// Carries the handshake on; `seen` is shown what came before rustls takes it.
    ///
    /// # Errors
    /// Those of the socket, and [`io::ErrorKind::InvalidData`] around rustls' own.
    pub(crate) fn poll_handshake(
        &mut self,
        context: &mut Context<'_>,
        seen: &mut dyn FnMut(&[u8]),
    ) -> Poll<io::Result<()>> {
        loop {
            let turned = self.turn(Task::Open(&mut []));
            // Also what tells the peer why it was refused.
            let flushed = self.poll_flush(context);
            turned?;
            if self.state.open {
                // What is left to write goes out with the first answer, or before the next read.
                return Poll::Ready(match flushed {
                    Poll::Ready(Err(error)) => Err(error),
                    _ => Ok(()),
                });
            }
            if let Poll::Ready(Err(error)) = flushed {
                return Poll::Ready(Err(error));
            }
            if self.state.ended {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            ready!(self.poll_fill(context))?;
            if let Some(inbound) = &self.inbound {
                seen(inbound.filled());
            }
        }
    }

    /// Reads records from the socket.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let spares = &self.spares;
        let inbound = self.inbound.get_or_insert_with(|| spares.take());
        // A record is never longer; messages of a handshake may be.
        let wanted = match RECORD.saturating_sub(inbound.filled().len()) {
            0 => RECORD,
            left => left,
        };
        let room = inbound.room(wanted);
        if room.is_empty() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "a message is too long")));
        }
        match Wire::poll_read(&mut self.tcp, context, room) {
            // An end that nobody announced may be somebody else's doing (RFC 8446 §6.1).
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            Poll::Ready(Ok(bytes)) => {
                inbound.add(bytes);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                self.let_go();
                Poll::Pending
            }
        }
    }

    /// Gives empty memory back.
    fn let_go(&mut self) {
        for side in [&mut self.inbound, &mut self.outbound] {
            if side.as_ref().is_some_and(Bytes::is_empty)
                && let Some(bytes) = side.take()
            {
                self.spares.put(bytes);
            }
        }
    }

    /// Lets rustls go on until the task is done or more records are needed; gives the plain bytes that
    /// were opened or sealed.
    fn turn(&mut self, mut task: Task<'_>) -> io::Result<usize> {
        let mut done = 0;
        let mut fault: Option<rustls::Error> = None;
        self.state.more = false;
        loop {
            let incoming = self.inbound.as_mut().map_or(&mut [][..], Bytes::filled_mut);
            let UnbufferedStatus { mut discard, state } = self.engine.process(incoming);
            let goes_on = match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    // It may have come with the last words of the handshake.
                    self.state.open = true;
                    let next = traffic.peek_len().map_or(0, |length| length.get());
                    let room = match &task {
                        Task::Open(into) => into.len() - done,
                        _ => 0,
                    };
                    // One that fits nowhere waits; one that is longer than any room is kept in part.
                    let waits = next > room && (done > 0 || matches!(&task, Task::Open(_)) && room == 0);
                    self.state.more |= waits;
                    if !waits && let Some(record) = traffic.next_record() {
                        let record = record.map_err(io::Error::other)?;
                        discard += record.discard;
                        let here = record.payload.len().min(room);
                        if let Task::Open(into) = &mut task {
                            into[done..done + here].copy_from_slice(&record.payload[..here]);
                            done += here;
                        }
                        self.plain.extend_from_slice(&record.payload[here..]);
                    }
                    !waits
                }
                Ok(ConnectionState::EncodeTlsData(mut message)) => {
                    let spares = &self.spares;
                    let outbound = self.outbound.get_or_insert_with(|| spares.take());
                    let mut encoded = message.encode(outbound.room(1));
                    if let Err(EncodeError::InsufficientSize(size)) = &encoded {
                        encoded = message.encode(outbound.room(size.required_size));
                    }
                    outbound.add(encoded.map_err(io::Error::other)?);
                    true
                }
                Ok(ConnectionState::TransmitTlsData(message)) => {
                    message.done();
                    true
                }
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    self.state.open = true;
                    let spares = &self.spares;
                    match &task {
                        Task::Open(_) => {}
                        Task::Seal(plain) => {
                            let outbound = self.outbound.get_or_insert_with(|| spares.take());
                            let room = outbound.room(plain.len() + OVERHEAD);
                            let written = match traffic.encrypt(plain, room) {
                                Err(EncryptError::InsufficientSize(size)) => {
                                    traffic.encrypt(plain, outbound.room(size.required_size))
                                }
                                written => written,
                            };
                            outbound.add(written.map_err(io::Error::other)?);
                            done = plain.len();
                        }
                        Task::End => {
                            let outbound = self.outbound.get_or_insert_with(|| spares.take());
                            let written = traffic.queue_close_notify(outbound.room(OVERHEAD));
                            outbound.add(written.map_err(io::Error::other)?);
                        }
                    }
                    false
                }
                Ok(ConnectionState::PeerClosed) => {
                    self.state.ended = true;
                    true
                }
                Ok(ConnectionState::Closed) => {
                    self.state.ended = true;
                    false
                }
                Ok(ConnectionState::BlockedHandshake) => false,
                // Early data is not offered; states to come are not known.
                Ok(_) => return Err(io::ErrorKind::InvalidData.into()),
                Err(error) => {
                    let is_first = fault.is_none();
                    fault = fault.or(Some(error));
                    is_first
                }
            };
            if let Some(inbound) = &mut self.inbound {
                inbound.consume(discard);
            }
            // After a fault nothing is read any more, and what is to be said of it is all there.
            if !goes_on || fault.is_some() && !self.engine.wants_write() {
                break;
            }
        }
        self.let_go();
        match fault {
            Some(fault) => Err(io::Error::new(io::ErrorKind::InvalidData, fault)),
            None => Ok(done),
        }
    }

    /// Writes what is sealed.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(outbound) = self.outbound.as_mut().filter(|outbound| !outbound.is_empty()) {
            let written = Wire::poll_write(&mut self.tcp, context, &[IoSlice::new(outbound.filled())]);
            match ready!(written)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                bytes => outbound.consume(bytes),
            }
        }
        self.let_go();
        if self.state.ending && !self.state.shut {
            self.state.shut = true;
            return self.tcp.poll_end(context);
        }
        Poll::Ready(Ok(()))
    }

    fn take_plain(&mut self, into: &mut [u8]) -> usize {
        let left = &self.plain[self.taken..];
        let count = left.len().min(into.len());
        into[..count].copy_from_slice(&left[..count]);
        self.taken += count;
        if self.taken == self.plain.len() {
            self.plain = Vec::new();
            self.taken = 0;
        }
        count
    }
}

impl<E: Engine> Wire for Session<E> {
    fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.state.more || self.state.ended || !self.plain.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if let Poll::Ready(Err(error)) = self.poll_flush(context) {
            return Poll::Ready(Err(error));
        }
        self.tcp.poll_readable(context)
    }

    fn poll_read(&mut self, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        if !self.plain.is_empty() {
            return Poll::Ready(Ok(self.take_plain(into)));
        }
        // What a handshake or a change of keys left behind; who reads does not wait for it.
        if (self.outbound.is_some() || self.state.ending)
            && let Poll::Ready(Err(error)) = self.poll_flush(context)
        {
            return Poll::Ready(Err(error));
        }
        loop {
            if self.state.more {
                let read = self.turn(Task::Open(into))?;
                if read > 0 {
                    return Poll::Ready(Ok(read));
                }
            }
            if self.state.ended {
                return Poll::Ready(Ok(0));
            }
            ready!(self.poll_fill(context))?;
            let read = self.turn(Task::Open(into))?;
            if read > 0 {
                return Poll::Ready(Ok(read));
            }
        }
    }

    fn poll_write(&mut self, context: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if self.sealed == 0 {
            let sealed = match parts {
                [] => 0,
                [one] => self.turn(Task::Seal(&one[..one.len().min(FRAGMENT)]))?,
                parts => {
                    let mut together = self.spares.take();
                    for part in parts {
                        let room = together.room(1);
                        let count = part.len().min(room.len()).min(FRAGMENT - together.filled().len());
                        together.room(1)[..count].copy_from_slice(&part[..count]);
                        together.add(count);
                    }
                    let sealed = self.turn(Task::Seal(together.filled()));
                    self.spares.put(together);
                    sealed?
                }
            };
            if sealed == 0 {
                return Poll::Ready(Ok(0));
            }
            self.sealed = sealed;
        }
        ready!(self.poll_flush(context))?;
        Poll::Ready(Ok(std::mem::take(&mut self.sealed)))
    }

    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.state.ending {
            self.state.ending = true;
            self.turn(Task::End)?;
        }
        self.poll_flush(context)
    }

    fn reset(&mut self) {
        // Nor is it said that this was all.
        (self.state.ending, self.state.shut) = (true, true);
        Wire::reset(&mut self.tcp);
    }

    fn farewell(&mut self) {
        // Who cannot take it now goes without.
        if self.state.open
            && !self.state.ending
            && self.outbound.is_none()
            && self.turn(Task::End).is_ok()
            && let Some(outbound) = &self.outbound
        {
            drop(self.tcp.try_write(outbound.filled()));
        }
    }
}

impl<E> std::fmt::Debug for Session<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("tcp", &self.tcp).finish_non_exhaustive()
    }
}
