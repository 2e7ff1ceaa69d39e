//! Sorting in small code, for lists that are short or sorted once.
//!
//! Each use of the standard library's stable sort brings five kilobytes of code for its one type, and
//! so does collecting into a `BTreeMap`; here all types share one sort of positions. What sorts
//! hundreds of thousands of entries (the kernel's symbols) keeps the standard one.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// So few are sorted in place, by insertion.
const FEW: usize = 12;

/// Sorts by an order; what is equal keeps its order.
pub fn by<T>(items: &mut [T], order: impl Fn(&T, &T) -> Ordering) {
    if items.len() <= FEW {
        for end in 1..items.len() {
            let mut at = end;
            while at > 0 && order(&items[at - 1], &items[at]).is_gt() {
                items.swap(at - 1, at);
                at -= 1;
            }
        }
        return;
    }
    let mut target = targets(items.len(), &|a, b| order(&items[a], &items[b]));
    for at in 0..items.len() {
        while target[at] != at {
            let to = target[at];
            items.swap(at, to);
            target.swap(at, to);
        }
    }
}

/// Sorts by a key; what is equal keeps its order.
pub fn by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    by(items, |a, b| key(a).cmp(&key(b)));
}

/// Sorts by the type's own order.
pub fn natural<T: Ord>(items: &mut [T]) {
    by(items, T::cmp);
}

/// A map of pairs; the last of several with one key stays.
pub fn map<K: Ord, V>(pairs: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    map.extend(pairs);
    map
}

/// Where each position goes.
fn targets(length: usize, order: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut sorted: Vec<usize> = (0..length).collect();
    #[allow(clippy::disallowed_methods, reason = "the one sort all others share")]
    sorted.sort_by(|&a, &b| order(a, b));
    let mut target = vec![0; length];
    for (to, from) in sorted.into_iter().enumerate() {
        target[from] = to;
    }
    target
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_sorts_as_the_standard_library_does(keys in proptest::collection::vec(0u8..20, 0..60)) {
            let mut ours: Vec<(u8, usize)> = keys.into_iter().enumerate().map(|(at, key)| (key, at)).collect();
            let mut theirs = ours.clone();
            by_key(&mut ours, |(key, _)| *key);
            #[allow(clippy::disallowed_methods, reason = "the model")]
            theirs.sort_by_key(|(key, _)| *key);
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn the_last_of_equal_keys_stays() {
        assert_eq!(map([(1, 'a'), (0, 'b'), (1, 'c')]), BTreeMap::from([(0, 'b'), (1, 'c')]));
    }
}
