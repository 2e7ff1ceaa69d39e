//! Group commit: many writers, one flush.
//!
//! Records queue up in groups. Who waits while nobody leads becomes the leader: it takes the oldest group, writes
//! and flushes it without the queue's lock, so that the next group fills meanwhile, applies it to the state, and
//! wakes those whose records were in it and one of the next.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, OnceLock, PoisonError},
};

use super::{Access, GROUP, Journal, LARGEST_STEP, State, Tail, format::Body, hold};
use crate::{Error, File, block::round_up, error::Result};

/// Groups that are waiting to be written, the oldest first.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) groups: VecDeque<(Arc<Slot>, Body)>,
    pub(super) leading: bool,
}

/// Where the writers of a group wait for what became of it.
#[derive(Debug, Default)]
pub(super) struct Slot {
    outcome: OnceLock<Result<()>>,
    turn: Condvar,
}

/// A record that was handed over: [`Journal::wait`] for it, or for one handed over later.
#[derive(Clone, Debug)]
#[must_use = "a record is not durable before it was waited for"]
pub struct Ticket(Arc<Slot>);

impl<S: State> Journal<S> {
    /// Hands over a record without waiting, so that several share a flush. Order is the order of the calls.
    ///
    /// # Errors
    /// [`Error::TooLarge`]; nothing was handed over.
    pub fn submit(&self, record: &[u8]) -> Result<Ticket> {
        let limit = self.largest_record();
        if record.len() > limit {
            return Err(Error::TooLarge { path: self.path.clone(), len: record.len(), limit });
        }
        let mut queue = hold(&self.queue);
        let room = GROUP.min(limit);
        match queue.groups.back_mut() {
            Some((slot, body)) if body.used() + record.len() <= room => {
                body.push(record);
                Ok(Ticket(slot.clone()))
            }
            _ => {
                let (slot, mut body) = (Arc::<Slot>::default(), Body::default());
                body.push(record);
                queue.groups.push_back((slot.clone(), body));
                Ok(Ticket(slot))
            }
        }
    }

    /// Waits until a record is durable and applied.
    ///
    /// # Errors
    /// As [`Journal::append`]; all records of a group share their fate.
    pub fn wait(&self, ticket: Ticket) -> Result<()> {
        let mut queue = hold(&self.queue);
        loop {
            if let Some(outcome) = ticket.0.outcome.get() {
                return outcome.clone();
            }
            if queue.leading {
                queue = ticket.0.turn.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let Some((slot, body)) = queue.groups.pop_front() else { continue };
            queue.leading = true;
            drop(queue);
            let mut lead = Lead { journal: self, slot, outcome: None };
            lead.outcome = Some(self.commit(&body));
            drop(lead);
            queue = hold(&self.queue);
        }
    }

    /// Makes a group durable and applies it.
    fn commit(&self, body: &Body) -> Result<()> {
        let mut tail = hold(&self.tail);
        let tail = &mut *tail;
        self.writable(tail)?;
        let Access::Write(file) = &tail.access else {
            return Err(Error::ReadOnly { path: self.path.clone() });
        };
        if tail.end + body.span(file.block()) as u64 > self.cap() {
            self.rewrite(tail, body.used() as u64)?;
        }
        let Access::Write(file) = &tail.access else {
            return Err(Error::ReadOnly { path: self.path.clone() });
        };
        let span = body.span(file.block());
        let end = tail.end + span as u64;
        if end > tail.len {
            // Fails cleanly on a full disk: the file grows, or is as it was. The length is flushed first, so that no
            // group ever reaches past the end of the file, and one that does tells of a file cut short.
            self.grow(&**file, &mut tail.len, end, true).map_err(Error::io("enlarge", &self.path))?;
        }
        body.encode(tail.epoch, tail.seq, tail.salt, tail.buf.zeroed(span));
        if let Err(error) = file.write_at(tail.end, tail.buf.bytes()).and_then(|()| file.sync()) {
            return Err(self.stop(tail, error));
        }
        (tail.end, tail.seq) = (end, tail.seq + 1);
        tail.buf.shrink_over(GROUP);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for record in body.records() {
            state.apply(record);
        }
        Ok(())
    }

    /// Makes sure of space up to `end`, its length durable if it is to settle: blocks are made here, once, and
    /// written over from then on.
    pub(super) fn grow(&self, file: &dyn File, len: &mut u64, end: u64, settle: bool) -> io::Result<()> {
        if end <= *len {
            return Ok(());
        }
        // A small store stays small; a large one does not grow often.
        let step = (*len).clamp((self.cap() / 64).clamp(super::format::START, LARGEST_STEP), LARGEST_STEP);
        let new = round_up(end, step).min(self.cap()).max(end);
        let new = round_up(new, super::format::START);
        file.reserve(new)?;
        if settle {
            file.sync()?;
        }
        // Blocks that are only reserved would be converted one by one later, each at the price of a transaction.
        let mut zeros = crate::block::BlockBuf::default();
        let mut at = *len;
        while at < new {
            let n = (new - at).min(GROUP as u64);
            file.write_at(at, zeros.zeroed(n as usize))?;
            at += n;
        }
        *len = new;
        Ok(())
    }

    /// After a failed write or flush nobody knows what is on the disk: no more until it is read again.
    pub(super) fn stop(&self, tail: &mut Tail, source: io::Error) -> Error {
        let error = Error::Stopped { path: self.path.clone(), source: Arc::new(source) };
        tail.access = Access::Stopped(error.clone());
        error
    }
}

/// The turn of a leader; given up even if its state panics, so that nobody waits for ever.
struct Lead<'a, S> {
    journal: &'a Journal<S>,
    slot: Arc<Slot>,
    outcome: Option<Result<()>>,
}

impl<S> Drop for Lead<'_, S> {
    fn drop(&mut self) {
        let outcome = self.outcome.take().unwrap_or_else(|| {
            let error = Error::Stopped {
                path: self.journal.path.clone(),
                source: Arc::new(io::Error::other("a thread panicked while it applied a record")),
            };
            hold(&self.journal.tail).access = Access::Stopped(error.clone());
            Err(error)
        });
        let mut queue = hold(&self.journal.queue);
        queue.leading = false;
        // Set once: a slot leaves the queue with its only leader.
        let _first = self.slot.outcome.set(outcome);
        self.slot.turn.notify_all();
        // One of each, because the writer of the oldest may not be waiting yet.
        for (slot, _) in &queue.groups {
            slot.turn.notify_one();
        }
    }
}
