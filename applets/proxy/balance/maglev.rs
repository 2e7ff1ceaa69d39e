//! Maglev's table (Eisenbud et al., NSDI 2016, §3.4): a key costs one look-up, shares are even to a
//! part in a hundred, and an endpoint that goes moves few keys beside its own.

use super::Member;
use super::hash::xxh64;

/// Places of the table: a prime, so that every step visits all of them.
const SIZE: u64 = 65_537;

/// Positions among the members.
#[derive(Debug)]
pub(super) struct Maglev {
    places: Box<[u16]>,
}

struct Turn {
    position: u16,
    offset: u64,
    skip: u64,
    next: u64,
    weight: f64,
    target: f64,
}

impl Turn {
    /// The next place it would like.
    fn step(&mut self) -> usize {
        let place = (self.offset + self.skip * self.next) % SIZE;
        self.next += 1;
        place as usize
    }
}

impl Maglev {
    pub(super) fn new(members: &[Member]) -> Maglev {
        const FREE: u16 = u16::MAX;
        // Parts of one, divided as Envoy divides them: what is rounded decides about a few places.
        let sum = members.iter().map(|member| f64::from(member.weight)).sum::<f64>();
        let heaviest = f64::from(members.iter().map(|member| member.weight).max().unwrap_or(1)) / sum;
        let turn = |(position, member): (usize, &Member)| {
            let key = member.address.to_string();
            let turn = Turn {
                position: position as u16,
                offset: xxh64(key.as_bytes(), 0) % SIZE,
                skip: xxh64(key.as_bytes(), 1) % (SIZE - 1) + 1,
                next: 0,
                weight: f64::from(member.weight) / sum,
                target: 0.0,
            };
            (key, turn)
        };
        // Who comes first takes a place that two would like: by address, so that no order of a file matters.
        let members = members.iter().enumerate().take(usize::from(FREE));
        let mut turns: Vec<(String, Turn)> = members.map(turn).collect();
        edgekit_core::sort::by(&mut turns, |(one, _), (other, _)| one.cmp(other));
        let mut places = vec![FREE; SIZE as usize].into_boxed_slice();
        let (mut filled, mut round) = (0, 0.0);
        while filled < SIZE && !turns.is_empty() {
            round += 1.0;
            for (_, turn) in &mut turns {
                // Who has half the weight of the heaviest takes a place every other round.
                if filled == SIZE || round * turn.weight < turn.target {
                    continue;
                }
                turn.target += heaviest;
                let place = loop {
                    let place = turn.step();
                    if places[place] == FREE {
                        break place;
                    }
                };
                places[place] = turn.position;
                filled += 1;
            }
        }
        Maglev { places }
    }

    pub(super) fn find(&self, hash: u64) -> usize {
        self.places.get((hash % SIZE) as usize).map_or(0, |position| usize::from(*position))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{members, shares};
    use super::*;

    #[test]
    fn shares_are_even_and_follow_weights() {
        let table = Maglev::new(&members(&[1; 5]));
        assert!(shares(5, |hash| table.find(hash)).iter().all(|share| (0.19..0.21).contains(share)));
        let table = Maglev::new(&members(&[1, 3]));
        assert!((0.24..0.26).contains(&shares(2, |hash| table.find(hash))[0]));
    }

    #[test]
    fn the_order_of_members_is_nothing() {
        let all = members(&[3, 1, 2, 1]);
        let turned: Vec<Member> = all.iter().rev().cloned().collect();
        let (one, other) = (Maglev::new(&all), Maglev::new(&turned));
        let differs = |hash: &u64| all[one.find(*hash)].address != turned[other.find(*hash)].address;
        assert_eq!((0..SIZE).filter(differs).count(), 0);
    }

    #[test]
    fn who_goes_moves_few_keys_of_others() {
        let all = members(&[1; 10]);
        let (before, after) = (Maglev::new(&all), Maglev::new(&all[..9]));
        let others: Vec<u64> = (0..SIZE).filter(|hash| before.find(*hash) != 9).collect();
        let moved = others.iter().filter(|hash| before.find(**hash) != after.find(**hash)).count();
        assert!(moved * 10 < others.len(), "{moved} of {}", others.len());
    }
}
