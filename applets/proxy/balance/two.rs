//! The less loaded of two taken by chance: nearly as even as asking all, and no herd runs to the one
//! that looks best (Mitzenmacher, The Power of Two Choices).

use super::dice::Dice;
use super::members::{Member, Members};

/// What a server is taken to need that has not answered yet, in seconds.
const UNKNOWN: f64 = 0.03;

/// Requests in flight, by weight.
pub(super) fn requests(member: &Member) -> f64 {
    f64::from(member.state.in_flight() + 1) / f64::from(member.weight.max(1))
}

/// How long a request would wait: the recent latency (peaks count at once, and fade) times what is in
/// flight, by weight.
pub(super) fn latency(member: &Member) -> f64 {
    let latency = member.state.latency().filter(|latency| *latency > 0.0).unwrap_or(UNKNOWN);
    latency * requests(member)
}

/// A position among the members, of which there are two at least.
pub(super) fn pick(
    members: &Members,
    dice: &Dice,
    spared: &impl Fn(usize) -> bool,
    cost: fn(&Member) -> f64,
) -> usize {
    let count = members.list.len();
    let one = dice.below(count);
    // Another one, each with the same chance.
    let other = (one + 1 + dice.below(count - 1)) % count;
    match (spared(one), spared(other)) {
        (false, true) => one,
        (true, false) => other,
        _ if cost(&members.list[other]) < cost(&members.list[one]) => other,
        _ => one,
    }
}
