//! State to the disk, a little at a time: each second the states of rules that were called are encoded, and handed
//! to the [`Keeper`] if they changed.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use super::Engine;
use crate::{
    Fault, FaultKind, Value,
    graph::NodeId,
    state::{self, Keeper, StateError},
    timer::Now,
};

/// How long a state may be newer than what was handed over.
const EVERY: Duration = Duration::from_secs(1);

/// What is to be saved, and when.
#[derive(Debug)]
pub(super) struct Saving {
    keeper: Option<Keeper>,
    /// When the next round begins.
    due: Option<Duration>,
    /// Where the round that runs has come to.
    at: Option<NodeId>,
}

impl Saving {
    pub(super) fn new(keeper: Option<Keeper>) -> Saving {
        Saving { keeper, due: None, at: None }
    }

    pub(super) fn keeper(&self) -> Option<&Keeper> {
        self.keeper.as_ref()
    }

    /// True if a round has begun and is not done.
    pub(super) fn is_busy(&self) -> bool {
        self.at.is_some()
    }

    /// When the next round begins, if something changed since the last.
    pub(super) fn next(&self) -> Option<Duration> {
        self.due
    }

    /// What is on disk for a rule, with its digest.
    pub(super) fn restore(&self, rule: &Arc<str>) -> Result<Option<(Value, u64)>, StateError> {
        let Some(keeper) = &self.keeper else { return Ok(None) };
        Ok(keeper.load(rule)?.map(|state| {
            let saved = digest(state.to_json().to_string().as_bytes());
            (state, saved)
        }))
    }
}

/// Tells whether a state differs from the one saved; collisions cost a delay until the next change.
pub(super) fn digest(encoded: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    encoded.hash(&mut hasher);
    hasher.finish()
}

impl Engine {
    /// Begins a round when it is time, and goes on with it until `until` on the monotonic clock.
    pub(super) fn save(&mut self, now: Now, until: Duration) {
        if self.saving.keeper.is_none() {
            return;
        }
        if self.saving.at.is_none() {
            match self.saving.due {
                // A round is planned with the first change and comes a while after it: all in between share it.
                None if self.serving.seats.iter().any(|seat| seat.calls != seat.saved_at) => {
                    self.saving.due = Some(now.boot + EVERY);
                    return;
                }
                Some(due) if due <= now.boot => {
                    self.saving.due = None;
                    self.saving.at = Some(0);
                }
                _ => return,
            }
        }
        while let Some(node) = self.saving.at {
            if node >= self.serving.seats.len() {
                self.saving.at = None;
                return;
            }
            self.saving.at = Some(node + 1);
            if self.save_one(node) && self.options.clock.monotonic() >= until {
                return;
            }
        }
    }

    /// Hands over all states that may have changed.
    pub(super) fn save_all(&mut self) {
        (self.saving.due, self.saving.at) = (None, None);
        for node in 0..self.serving.seats.len() {
            self.save_one(node);
        }
    }

    /// Hands over one state if it changed; false if there was nothing to look at.
    fn save_one(&mut self, node: NodeId) -> bool {
        let (Some(keeper), seat) = (&self.saving.keeper, &mut self.serving.seats[node]) else { return false };
        if seat.calls == seat.saved_at {
            return false;
        }
        seat.saved_at = seat.calls;
        let info = &seat.rule.info;
        let encoded = seat.rule.state().and_then(|state| {
            state::encode(&info.name, &state).map_err(|error| {
                Fault::at(FaultKind::Memory, &info.place.file, info.place.line, error.to_string())
                    .of(&info.name)
            })
        });
        match encoded {
            Ok(encoded) => {
                seat.metrics.state_bytes = encoded.len();
                let digest = Some(digest(&encoded));
                if digest != seat.saved {
                    seat.saved = digest;
                    keeper.save(&info.name, encoded);
                }
            }
            Err(fault) => {
                seat.metrics.errors += 1;
                seat.metrics.last_error = Some(fault.to_string().into());
                self.fault(fault);
            }
        }
        true
    }
}
