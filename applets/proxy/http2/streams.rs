//! The streams of one connection (RFC 9113 §5.1): a slab, found by number, and what is remembered of
//! those that are over.

use std::collections::VecDeque;
use std::task::Waker;

use super::frame::Code;
use crate::http1::Lines;

/// Streams that ended and are remembered.
const REMEMBERED: usize = 128;
/// Places that an idle connection keeps.
const KEPT_PLACES: usize = 4;
/// A buffer that grew larger is not kept for the next stream.
const KEPT: usize = 1024;

/// One stream.
#[derive(Default, Debug)]
pub(super) struct Stream {
    /// Its number; 0 is a free place.
    pub(super) id: u32,
    /// The other side may still send.
    pub(super) receives: bool,
    /// We may still send.
    pub(super) sends: bool,
    /// Why it ended before its time.
    pub(super) reset: Option<Code>,
    /// Bytes of DATA we may send; a smaller initial window makes it negative.
    pub(super) send_window: i64,
    /// Bytes of DATA the other side may send.
    pub(super) receive_window: u32,
    /// Bytes that were read since it was told of.
    pub(super) consumed: u32,
    /// DATA that nobody has read yet, from `at` on.
    pub(super) data: Vec<u8>,
    pub(super) at: usize,
    /// What content-length still lets come.
    pub(super) left: Option<u64>,
    /// The answer's head, on the side that asked.
    pub(super) head: Option<Box<super::message::Answer>>,
    /// What followed the body.
    pub(super) trailers: Option<Box<Lines>>,
    /// A task works for it: the place is not given to another.
    pub(super) held: bool,
    /// The head of the message that comes is there; nobody may send DATA before it.
    pub(super) heard: bool,
    /// Errors are told as gRPC tells them.
    pub(super) is_grpc: bool,
    /// It asked to become a tunnel.
    pub(super) tunnels: bool,
    /// Where the last frame we sent lies in the outbox.
    pub(super) frame: Option<u64>,
    /// It waits for its own window.
    pub(super) blocked: bool,
    /// It waits with others, for the connection's window or for room.
    pub(super) queued: bool,
    /// The other side reset it, maybe after we did.
    pub(super) is_theirs: bool,
    /// It was asked with HEAD: the answer has no body whatever it says of its length.
    pub(super) to_head: bool,
    /// Who works for it.
    pub(super) waker: Option<Waker>,
}

impl Stream {
    /// DATA that can be read now.
    pub(super) fn unread(&self) -> &[u8] {
        self.data.get(self.at..).unwrap_or_default()
    }

    pub(super) fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    /// Whoever works for it is woken by `waker`.
    pub(super) fn await_with(&mut self, waker: &Waker) {
        if self.waker.as_ref().is_none_or(|known| !known.will_wake(waker)) {
            self.waker = Some(waker.clone());
        }
    }

    /// The other side allows more: wakes it if it waits for that.
    pub(super) fn widened(&mut self) {
        if std::mem::take(&mut self.blocked) {
            self.wake();
        }
    }

    fn is_over(&self) -> bool {
        !self.held && !self.receives && !self.sends
    }
}

/// How a stream that is gone ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Past {
    /// We reset it: frames that were under way are ignored.
    Ours,
    /// The other side did.
    Theirs,
    /// Both sides had said all.
    Whole,
    /// It was never opened: a higher number came first.
    Skipped,
}

/// All streams of a connection.
#[derive(Default, Debug)]
pub(super) struct Streams {
    places: Vec<Stream>,
    free: Vec<u32>,
    /// Numbers and places in use, by number: numbers only grow, so the newest is last.
    open: Vec<(u32, u32)>,
    past: VecDeque<(u32, Past)>,
    /// The highest number that was remembered once.
    forgotten: u32,
}

impl Streams {
    /// A new one.
    pub(super) fn open(&mut self, id: u32, receive_window: u32, send_window: i64) -> u32 {
        let stream = Stream {
            id,
            receives: true,
            sends: true,
            send_window,
            receive_window,
            held: true,
            heard: true,
            ..Stream::default()
        };
        let place = match self.free.pop() {
            Some(place) => {
                let old = &mut self.places[place as usize];
                let data = std::mem::take(&mut old.data);
                *old = Stream { data, ..stream };
                place
            }
            None => {
                self.places.push(stream);
                (self.places.len() - 1) as u32
            }
        };
        self.open.push((id, place));
        place
    }

    /// How many are in use.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// The place of a number.
    pub(super) fn find(&self, id: u32) -> Option<u32> {
        match self.open.last() {
            Some((last, place)) if *last == id => Some(*place),
            _ => self.open.binary_search_by_key(&id, |(id, _)| *id).ok().map(|at| self.open[at].1),
        }
    }

    /// The stream at a place.
    pub(super) fn at(&mut self, place: u32) -> &mut Stream {
        &mut self.places[place as usize]
    }

    /// The same, to look at.
    pub(super) fn peek(&self, place: u32) -> &Stream {
        &self.places[place as usize]
    }

    /// True if this place is this stream's.
    pub(super) fn has(&self, place: u32, id: u32) -> bool {
        self.places.get(place as usize).is_some_and(|stream| stream.id == id)
    }

    /// The places of streams above a number.
    pub(super) fn after(&self, last: u32) -> Vec<u32> {
        self.open.iter().filter(|(id, _)| *id > last).map(|(_, place)| *place).collect()
    }

    /// Every stream in use.
    pub(super) fn each(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.places.iter_mut().filter(|stream| stream.id != 0)
    }

    /// Gives the place back once nobody needs it; true if it was.
    pub(super) fn close(&mut self, place: u32) -> bool {
        let stream = &mut self.places[place as usize];
        if stream.id == 0 || !stream.is_over() {
            return false;
        }
        let mut data = std::mem::take(&mut stream.data);
        data.clear();
        if data.capacity() > KEPT {
            data = Vec::new();
        }
        let id = stream.id;
        *stream = Stream { data, ..Stream::default() };
        if let Ok(at) = self.open.binary_search_by_key(&id, |(id, _)| *id) {
            self.open.remove(at);
        }
        self.free.push(place);
        if self.open.is_empty() && self.places.len() > KEPT_PLACES {
            // What many streams needed at once does not stay with an idle connection.
            (self.places, self.free) = (Vec::new(), Vec::new());
        }
        true
    }

    /// Remembers how one ended.
    pub(super) fn remember(&mut self, id: u32, past: Past) {
        if self.past.len() == REMEMBERED
            && let Some((oldest, _)) = self.past.pop_front()
        {
            self.forgotten = self.forgotten.max(oldest);
        }
        self.past.push_back((id, past));
    }

    /// The other side resets one that we had reset: nothing of it is under way any more.
    pub(super) fn reset_too(&mut self, id: u32) {
        if let Some((_, past)) =
            self.past.iter_mut().rev().find(|(one, past)| *one == id && *past == Past::Ours)
        {
            *past = Past::Theirs;
        }
    }

    /// How one that is gone ended.
    pub(super) fn past(&self, id: u32) -> Past {
        match self.past.iter().rev().find(|(one, _)| *one == id) {
            Some((_, past)) => *past,
            // What cannot be known for sure is not held against the other side.
            None if id <= self.forgotten => Past::Ours,
            None => Past::Skipped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_used_again_and_none_is_kept_for_nobody() {
        let mut streams = Streams::default();
        for round in 0..10 {
            let ids: Vec<u32> = (0..8).map(|number| round * 100 + number * 2 + 1).collect();
            let places: Vec<u32> = ids.iter().map(|id| streams.open(*id, 10, 10)).collect();
            assert_eq!(streams.len(), 8);
            for (id, place) in ids.iter().zip(&places) {
                assert_eq!(streams.find(*id), Some(*place));
                assert!(!streams.close(*place));
                let stream = streams.at(*place);
                (stream.receives, stream.sends, stream.held) = (false, false, false);
            }
            // In another order than they came.
            for place in [3, 0, 7, 1, 2, 6, 4, 5] {
                assert!(streams.close(places[place]));
                assert_eq!(streams.find(ids[place]), None);
            }
            assert!(streams.places.is_empty() && streams.open.is_empty());
        }
    }

    #[test]
    fn resets_are_remembered_for_a_while() {
        let mut streams = Streams::default();
        for id in 0..200 {
            streams.remember(id * 2 + 1, if id % 2 == 0 { Past::Ours } else { Past::Theirs });
        }
        assert_eq!((streams.past(399), streams.past(397)), (Past::Theirs, Past::Ours));
        assert_eq!((streams.past(3), streams.past(401)), (Past::Ours, Past::Skipped));
    }
}
