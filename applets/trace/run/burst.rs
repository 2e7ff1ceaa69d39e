//! One reading of the ring: records are handled, and printed lines handed on before they grow old.
//!
//! While records come thick the ring's reader does not sleep, so "flush when the ring is drained" alone would hold
//! lines back until the buffer of 64 KiB is full. Neighbours: `session` starts a burst, `events` handles.

use std::ops::ControlFlow;
use std::time::Duration;

use edgekit_bpf::ring::Reader;

use super::events::Events;

/// A silence after which the reader of our output comes first: its line waits no longer than the next record may.
const PAUSE: Duration = Duration::from_micros(4);
/// The longest a line is held back while records keep coming: 5,000 writes a second cost some 1 % of a CPU.
const HELD: Duration = Duration::from_micros(200);

pub(super) struct Burst<'e, 's> {
    events: &'e mut Events<'s>,
    /// Lines may be handed on before the buffer is full.
    flush: bool,
    flushed: Duration,
}

impl<'e, 's> Burst<'e, 's> {
    pub(super) fn new(events: &'e mut Events<'s>, flush: bool) -> Burst<'e, 's> {
        let flushed = events.now();
        Burst { events, flush, flushed }
    }
}

impl Reader for Burst<'_, '_> {
    fn record(&mut self, bytes: &[u8]) -> ControlFlow<()> {
        self.events.handle(bytes)
    }

    fn idle(&mut self, silence: Duration) {
        if !self.flush {
            return;
        }
        let now = self.events.now();
        if silence >= PAUSE || now.saturating_sub(self.flushed) >= HELD {
            self.events.flush();
            self.flushed = now;
        }
    }
}
