//! A ring of hashes: a key goes to the next point on it, and an endpoint that comes or goes moves
//! only the keys beside its own points.

use super::Member;
use super::hash::xxh64;

/// Points of an endpoint of weight 1, so that shares are even within a few per cent. It does not
/// depend on who else is there: who comes or goes moves nobody else's points.
const POINTS: u64 = 160;
/// A weight of 1, as members have it.
const UNIT: u64 = 1000;
/// Points of a ring, at most: above it every endpoint has half as many, and so on.
const MOST: u64 = 64 * 1024;

/// Points by their hash, each with a position among the members.
#[derive(Debug)]
pub(super) struct Ring {
    points: Box<[(u64, u32)]>,
}

impl Ring {
    pub(super) fn new(members: &[Member]) -> Ring {
        let whole: u64 = members.iter().map(|member| u64::from(member.weight) * POINTS / UNIT).sum();
        let halvings = (0..u64::BITS).find(|halvings| whole >> halvings <= MOST).unwrap_or(0);
        let mut points = Vec::new();
        for (position, member) in members.iter().enumerate() {
            let count = ((u64::from(member.weight) * POINTS / UNIT) >> halvings).max(1);
            let own = member.address.to_string();
            for number in 0..count {
                points.push((xxh64(format!("{own}_{number}").as_bytes(), 0), position as u32));
            }
        }
        edgekit_core::sort::natural(&mut points);
        Ring { points: points.into() }
    }

    pub(super) fn find(&self, hash: u64) -> usize {
        let at = self.points.partition_point(|(point, _)| *point < hash);
        self.points.get(at).or(self.points.first()).map_or(0, |(_, position)| *position as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{members, shares};
    use super::*;

    #[test]
    fn shares_follow_weights() {
        let ring = Ring::new(&members(&[1000, 1000, 2000]));
        let found = shares(3, |hash| ring.find(hash));
        assert!((0.20..0.30).contains(&found[0]) && (0.44..0.56).contains(&found[2]), "{found:?}");
    }

    #[test]
    fn who_goes_takes_only_its_own_keys() {
        let all = members(&[1000; 5]);
        let (before, after) = (Ring::new(&all), Ring::new(&all[..4]));
        let hashes = (0..10_000_u64).map(|key| xxh64(&key.to_le_bytes(), 0));
        let moved = hashes.filter(|hash| before.find(*hash) != 4 && before.find(*hash) != after.find(*hash));
        assert_eq!(moved.count(), 0);
    }
}
