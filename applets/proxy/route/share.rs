//! Shares of requests: how many go to which cluster, are mirrored, delayed or refused.

use std::fmt;
use std::time::Duration;

/// A cluster and its share: `blue=90`, or `blue` for a share of 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Weighted {
    /// The cluster.
    pub cluster: String,
    /// Its share.
    pub weight: u32,
}

/// The largest share.
const MOST: u32 = 1_000_000;

impl Weighted {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Weighted, String> {
        let (cluster, weight) = match text.split_once('=') {
            None => (text, 1),
            Some((cluster, digits)) => match digits.trim().parse::<u32>() {
                Ok(weight) if weight <= MOST => (cluster.trim(), weight),
                _ => return Err(format!("'{digits}' is not a share of 0 to {MOST}")),
            },
        };
        if cluster.is_empty() {
            return Err("it names no cluster".to_owned());
        }
        Ok(Weighted { cluster: cluster.to_owned(), weight })
    }
}

impl fmt::Display for Weighted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.cluster, self.weight)
    }
}

/// A share in per cent, to a thousandth of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Percent(u32);

impl Percent {
    /// Every one.
    pub const ALL: Percent = Percent(100_000);

    /// Reads `5%` or `0.5%`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Percent, String> {
        let number = text.strip_suffix('%').ok_or_else(|| format!("'{text}' does not end with '%'"))?;
        match number.trim().parse::<f64>() {
            Ok(share) if (0.0..=100.0).contains(&share) => Ok(Percent((share * 1000.0).round() as u32)),
            _ => Err(format!("'{number}' is not a share of 0 to 100 per cent")),
        }
    }

    /// So much of `whole`, rounded down.
    pub fn of(self, whole: u64) -> u64 {
        (u128::from(whole) * u128::from(self.0) / 100_000) as u64
    }

    /// True if `count` of `all` is not more.
    pub fn allows(self, count: usize, all: usize) -> bool {
        count as u128 * 100_000 <= all as u128 * u128::from(self.0)
    }

    /// True if `count` of `all` is not less.
    pub fn reached(self, count: usize, all: usize) -> bool {
        count as u128 * 100_000 >= all as u128 * u128::from(self.0)
    }

    /// Whether this one is among them; `dice` is any number.
    pub fn takes(self, dice: u64) -> bool {
        ((u128::from(dice) * 100_000) >> 64) < u128::from(self.0)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", f64::from(self.0) / 1000.0)
    }
}

edgekit_core::config! {
    /// Faults that are made on purpose, to see how clients take them
    pub struct Injection {
        /// How long requests are held back
        live delay: Option<Duration>, in "1ms"..="10m", like "2s";
        /// How many of them
        live delay_share: Percent = "100%";
        /// The status they are answered with instead
        live abort: Option<u16>, in 400..=599, like 503;
        /// How many of them
        live abort_share: Percent = "100%";
    }
}

edgekit_core::config! {
    /// Copies of requests, whose answers nobody sees
    pub struct Mirror {
        /// Where they go
        live cluster: Option<String>, like "test";
        /// How many are copied
        live share: Percent = "100%";
    }
}

/// Clusters by their shares.
#[derive(PartialEq, Eq, Debug)]
pub struct Split {
    /// The end of each one's part of the whole, and its position in the snapshot.
    parts: Box<[(u64, Option<usize>)]>,
    whole: u64,
}

impl Split {
    /// Compiles them; `place` finds a cluster.
    pub fn new(shares: &[Weighted], place: impl Fn(&str) -> Option<usize>) -> Split {
        let mut whole = 0;
        let part = |share: &Weighted| {
            whole += u64::from(share.weight);
            (whole, place(&share.cluster))
        };
        Split { parts: shares.iter().map(part).collect(), whole }
    }

    /// The cluster of one request; `dice` is any number.
    pub fn pick(&self, dice: u64) -> Option<usize> {
        let at = ((u128::from(dice) * u128::from(self.whole)) >> 64) as u64;
        let part = self.parts.partition_point(|(end, _)| *end <= at);
        self.parts.get(part).and_then(|(_, cluster)| *cluster)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::Dice;

    #[test]
    fn shares_are_read() {
        for (text, shown) in [("a=3", "a=3"), ("a", "a=1"), ("a = 0", "a=0")] {
            assert_eq!(Weighted::parse(text).unwrap().to_string(), shown);
        }
        for text in ["", "=1", "a=x", "a=-1", "a=1000001"] {
            assert!(Weighted::parse(text).is_err(), "{text}");
        }
        for text in ["0%", "0.5%", "100%"] {
            assert_eq!(Percent::parse(text).unwrap().to_string(), text);
        }
        for text in ["5", "-1%", "101%", "x%"] {
            assert!(Percent::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn each_gets_its_share() {
        let shares = ["a=1", "b=0", "c=3"].map(|text| Weighted::parse(text).unwrap());
        let split = Split::new(&shares, |name| Some(usize::from(name.as_bytes()[0] - b'a')));
        let dice = Dice::new(7);
        let mut counts = [0_u32; 3];
        for _ in 0..40_000 {
            counts[split.pick(dice.roll()).unwrap()] += 1;
        }
        // Within five standard deviations.
        assert!(counts[1] == 0 && counts[0].abs_diff(10_000) < 450, "{counts:?}");
        let tenth = Percent::parse("10%").unwrap();
        let taken = (0..40_000).filter(|_| tenth.takes(dice.roll())).count();
        assert!(taken.abs_diff(4_000) < 300, "{taken}");
        assert!(Percent::ALL.takes(u64::MAX) && !Percent(0).takes(0));
    }
}
