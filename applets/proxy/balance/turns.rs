//! Turns by weight: the order in which endpoints of different weights are asked, smooth and short.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Member;

/// Turns of an order, at most, unless there are more endpoints: weights are rounded to fit.
const MOST: u64 = 4096;

/// Positions among the members, each as often as its weight says.
#[derive(Debug)]
pub(super) struct Turns {
    order: Box<[u32]>,
}

impl Turns {
    /// None where every turn is alike.
    pub(super) fn new(members: &[Member]) -> Option<Turns> {
        let first = members.first()?.weight;
        if members.iter().all(|member| member.weight == first) {
            return None;
        }
        let common =
            members.iter().fold(0, |common, member| divisor(common, u64::from(member.weight))).max(1);
        let whole: u64 = members.iter().map(|member| u64::from(member.weight) / common).sum();
        let most = MOST.max(members.len() as u64);
        let count = |member: &Member| {
            let weight = u64::from(member.weight) / common;
            if whole <= most { weight } else { (weight * most / whole).max(1) }
        };
        // The next turn is that of whoever is due first: halfway through its own share of the round.
        let mut due: BinaryHeap<Reverse<(u64, u32, u64)>> = BinaryHeap::new();
        const ROUND: u64 = 1 << 40;
        for (position, member) in members.iter().enumerate() {
            let step = ROUND / count(member);
            due.push(Reverse((step / 2, position as u32, step)));
        }
        let length = members.iter().map(count).sum::<u64>();
        let mut order = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        for _ in 0..length {
            let Some(Reverse((at, position, step))) = due.pop() else { break };
            order.push(position);
            due.push(Reverse((at + step, position, step)));
        }
        Some(Turns { order: order.into() })
    }

    /// Whose turn `number` is.
    pub(super) fn find(&self, number: usize) -> usize {
        self.order.get(number % self.order.len().max(1)).map_or(0, |position| *position as usize)
    }
}

fn divisor(one: u64, other: u64) -> u64 {
    if other == 0 { one } else { divisor(other, one % other) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::members;
    use super::*;

    #[test]
    fn each_gets_its_turns_and_nobody_two_at_once_without_need() {
        assert!(Turns::new(&members(&[2, 2])).is_none());
        let turns = Turns::new(&members(&[10, 20, 30])).unwrap();
        let order: Vec<usize> = (0..6).map(|number| turns.find(number)).collect();
        let count = |wanted| order.iter().filter(|position| **position == wanted).count();
        assert_eq!((count(0), count(1), count(2)), (1, 2, 3), "{order:?}");
        assert!(order.windows(3).all(|turns| turns.iter().any(|turn| *turn != 2)), "{order:?}");
        let turns = Turns::new(&members(&[1, 999, 1000])).unwrap();
        assert!(turns.order.len() <= 4096);
        let heavy = Turns::new(&members(&[1, 1000, 999, 998, 997])).unwrap();
        assert!(heavy.order.contains(&0));
    }
}
