//! The few words that user space and the programs share: see [`crate::plan::control`].
//!
//! Shared memory where the kernel can (5.5), so that looking at the exit word costs no call; calls where not.

use std::sync::atomic::Ordering;

use edgekit_bpf::map::{Map, SharedArray};

use super::load::Maps;
use crate::plan::{Plan, control};

/// Access to the control words. A program that needs none has none: then all words are zero.
pub(super) struct Control<'m> {
    map: Option<&'m Map>,
    shared: Option<SharedArray>,
}

impl<'m> Control<'m> {
    pub(super) fn new(plan: &Plan, maps: &'m Maps) -> Control<'m> {
        let map = maps.get(plan.control);
        Control { map, shared: map.and_then(|map| map.share().ok()) }
    }

    pub(super) fn set(&self, word: u32, value: u64) -> Result<(), edgekit_bpf::Error> {
        if let Some(cell) = self.shared.as_ref().and_then(|shared| shared.words().get(word as usize)) {
            cell.store(value, Ordering::Release);
            return Ok(());
        }
        let Some(map) = self.map else { return Ok(()) };
        let mut bytes = map.lookup(&FIRST)?.unwrap_or_default();
        if let Some(place) = bytes.get_mut(word as usize * 8..word as usize * 8 + 8) {
            place.copy_from_slice(&value.to_ne_bytes());
            map.update(&FIRST, &bytes)?;
        }
        Ok(())
    }

    fn get(&self, word: u32) -> u64 {
        if let Some(cell) = self.shared.as_ref().and_then(|shared| shared.words().get(word as usize)) {
            return cell.load(Ordering::Acquire);
        }
        // A word that cannot be read is as good as one that was not written.
        let bytes = self.map.and_then(|map| map.lookup(&FIRST).ok().flatten()).unwrap_or_default();
        let place = bytes.get(word as usize * 8..word as usize * 8 + 8);
        place.and_then(|b| b.try_into().ok()).map_or(0, u64::from_ne_bytes)
    }

    /// The code of exit(), once a program has called it.
    pub(super) fn exit(&self) -> Option<u8> {
        self.get(control::EXIT).checked_sub(1).map(|code| (code & 0xff) as u8)
    }
}

/// The key of an array's only value.
const FIRST: [u8; 4] = [0; 4];
