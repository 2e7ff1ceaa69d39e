//! Not faster than so many bytes a second: a token bucket that sleeps instead of dropping.
//!
//! What is not read stays in the socket, and the sender slows down by itself (RFC 9293 §3.8.6). Neighbour: `pull.rs`,
//! which pays for each piece before it asks for the next one.

use std::time::Duration;

use tokio::time::Instant;

/// What may be spent at once after a pause: a tenth of a second's worth.
const BURST: Duration = Duration::from_millis(100);

/// A limit, and when the next byte is due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Bytes a second; at least one.
    rate: u64,
    due: Instant,
}

impl Pace {
    pub(crate) fn new(rate: u64) -> Pace {
        Pace { rate: rate.max(1), due: Instant::now() }
    }

    /// When `bytes` more, which are here, are paid for.
    pub(crate) fn pay(&mut self, bytes: usize) -> Instant {
        let now = Instant::now();
        let from = now.checked_sub(BURST).map_or(self.due, |earliest| self.due.max(earliest));
        let nanos = u128::from(bytes as u64) * 1_000_000_000 / u128::from(self.rate);
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.due = from.checked_add(cost).unwrap_or(from);
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_limit_is_kept_whatever_the_pieces() {
        for piece in [1_usize, 700, 64 << 10, 1 << 20] {
            let start = Instant::now();
            let mut pace = Pace::new(1 << 20);
            for _ in 0..(32_usize << 20) / piece.max(4096) {
                tokio::time::sleep_until(pace.pay(piece.max(4096))).await;
            }
            let took = start.elapsed().as_secs_f64();
            assert!((took / 32.0 - 1.0).abs() < 0.05, "{piece}: {took}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_not_saved_up() {
        let mut pace = Pace::new(1000);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        let start = Instant::now();
        tokio::time::sleep_until(pace.pay(10_000)).await;
        assert!(start.elapsed() >= Duration::from_secs(9), "{:?}", start.elapsed());
        assert!(Pace::new(0).pay(usize::MAX) > start, "no rate divides by nothing");
    }
}
