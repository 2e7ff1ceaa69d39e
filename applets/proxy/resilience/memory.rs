//! `max_rss` held by staged actions: what costs least is given up first.
//!
//! | of the limit | what is done |
//! |---|---|
//! | 80 % | buffers and idle connections to endpoints are not kept |
//! | 90 % | idle connections of clients are closed, new ones turned away, but for a few |
//! | share of buffers used up | requests are answered with 503; exchanges that stand still for a second are cut |
//!
//! The process is looked at ten times a second, and only where there is a limit; between two looks each
//! worker holds the number of exchanges that fit what was left. Neighbours: `worker` acts on
//! [`Memory::stage`], `worker/exchanges.rs` counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use edgekit_core::Error;
use tokio::sync::Notify;

use crate::buffer;
use crate::worker::Shared;

/// How often the process is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Bytes of one exchange: two buffers, two heads, tables.
const EXCHANGE: u64 = 2 * buffer::CAPACITY as u64 + 4096;
/// The part of the limit that is left to what is not counted, in parts of a hundred.
const SPARE: u64 = 10;
/// Exchanges a worker may have whatever the limit.
const LEAST: usize = 4;

/// How far things have gone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    /// Nothing is done.
    Calm,
    /// Nothing is kept for later.
    Lean,
    /// Nobody new comes in, and who is idle goes.
    Tight,
}

/// What memory allows now.
#[derive(Debug)]
pub struct Memory {
    /// In bytes; 0 is no limit.
    limit: AtomicU64,
    stage: AtomicU8,
    /// Exchanges each worker may have.
    allowed: AtomicUsize,
    /// There is another limit.
    news: Notify,
}

impl Default for Memory {
    fn default() -> Memory {
        Memory {
            limit: AtomicU64::new(0),
            stage: AtomicU8::new(0),
            allowed: AtomicUsize::new(usize::MAX),
            news: Notify::new(),
        }
    }
}

impl Memory {
    /// Sets the limit in bytes, or takes it away.
    pub fn limit(&self, bytes: Option<u64>) {
        self.limit.store(bytes.unwrap_or(0), Ordering::Relaxed);
        if bytes.is_none() {
            self.stage.store(0, Ordering::Relaxed);
            self.allowed.store(usize::MAX, Ordering::Relaxed);
        }
        self.news.notify_one();
    }

    /// How far things have gone.
    pub fn stage(&self) -> Stage {
        match self.stage.load(Ordering::Relaxed) {
            0 => Stage::Calm,
            1 => Stage::Lean,
            _ => Stage::Tight,
        }
    }

    /// Exchanges each worker may have.
    pub fn allowed(&self) -> usize {
        self.allowed.load(Ordering::Relaxed)
    }

    /// Judges by what the process holds (bytes) and how many exchanges are in it; gives the stage.
    fn judge(&self, resident: u64, exchanges: u64, workers: usize) -> Stage {
        let limit = self.limit.load(Ordering::Relaxed);
        if limit == 0 {
            return Stage::Calm;
        }
        let percent = resident.saturating_mul(100) / limit;
        // Back only once it is clearly better: else each look would change it.
        let before = self.stage();
        let reached = |stage: Stage, from: u64| percent >= from - if before >= stage { 5 } else { 0 };
        let stage = match () {
            () if reached(Stage::Tight, 90) => Stage::Tight,
            () if reached(Stage::Lean, 80) => Stage::Lean,
            () => Stage::Calm,
        };
        self.stage.store(stage as u8, Ordering::Relaxed);
        let base = resident.saturating_sub(exchanges * EXCHANGE);
        let left = (limit - limit / 100 * SPARE).saturating_sub(base) / EXCHANGE;
        let each = usize::try_from(left).unwrap_or(usize::MAX) / workers.max(1);
        self.allowed.store(each.max(LEAST), Ordering::Relaxed);
        stage
    }
}

/// Looks at the process as long as the service runs; sleeps where there is no limit.
///
/// # Errors
/// None: a process that cannot be looked at is a warning.
pub(crate) async fn watch(shared: Arc<Shared>, workers: usize) -> Result<(), Error> {
    let mut told = Stage::Calm;
    loop {
        if shared.memory.limit.load(Ordering::Relaxed) == 0 {
            // A limit comes with a reload.
            shared.memory.news.notified().await;
            continue;
        }
        match resident() {
            Some(resident) => {
                let exchanges = shared.stats.sum(|cells| &cells.exchanges);
                let stage = shared.memory.judge(resident, exchanges, workers);
                if stage > told {
                    tracing::warn!(resident, ?stage, "memory is short");
                } else if stage == Stage::Calm && told != Stage::Calm {
                    tracing::info!(resident, "memory is enough again");
                }
                told = stage;
            }
            None => tracing::warn!("cannot read how much memory is used: max_rss is not held"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Bytes the process holds in memory.
pub(crate) fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn stages_follow_and_do_not_flutter() {
        let memory = Memory::default();
        assert_eq!((memory.judge(900 * MIB, 0, 1), memory.allowed()), (Stage::Calm, usize::MAX));
        memory.limit(Some(100 * MIB));
        for (resident, wanted) in [
            (50, Stage::Calm),
            (80, Stage::Lean),
            (76, Stage::Lean),
            (74, Stage::Calm),
            (91, Stage::Tight),
            (86, Stage::Tight),
            (84, Stage::Lean),
            (10, Stage::Calm),
        ] {
            assert_eq!(memory.judge(resident * MIB, 0, 1), wanted, "{resident}");
        }
        memory.limit(None);
        assert_eq!(memory.allowed(), usize::MAX);
    }

    #[test]
    fn exchanges_share_what_is_left() {
        let memory = Memory::default();
        memory.limit(Some(24 * MIB));
        memory.judge(8 * MIB, 0, 2);
        let alone = memory.allowed();
        assert!((150..250).contains(&alone), "{alone}");
        // What they hold themselves does not count against them.
        memory.judge(8 * MIB + 100 * EXCHANGE, 100, 2);
        assert_eq!(memory.allowed(), alone);
        memory.judge(30 * MIB, 0, 2);
        assert_eq!(memory.allowed(), LEAST);
    }
}
