//! The name of an entry: `edgekit-GENERATION-SLOT[+LEFT[-DONE]].conf`, with `.off` behind it for one nobody starts.

use std::fmt;

/// What a name says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    /// The higher is wanted.
    pub generation: u64,
    /// What it starts.
    pub slot: String,
    /// Tries left; none are counted without.
    pub left: Option<u32>,
    /// Tries made.
    pub done: Option<u32>,
    /// `conf` or `efi`.
    pub ending: &'static str,
    /// Out of systemd-boot's sight.
    pub off: bool,
}

impl Entry {
    pub(super) fn parse(name: &str) -> Option<Entry> {
        let (name, off) = name.strip_suffix(".off").map_or((name, false), |name| (name, true));
        let (stem, ending) = ["conf", "efi"]
            .into_iter()
            .find_map(|ending| Some((name.strip_suffix(ending)?.strip_suffix('.')?, ending)))?;
        let (stem, count) = stem.split_once('+').map_or((stem, None), |(stem, count)| (stem, Some(count)));
        let (generation, slot) = stem.strip_prefix("edgekit-")?.split_once('-')?;
        let (left, done) = match count {
            None => (None, None),
            Some(count) => match count.split_once('-') {
                None => (Some(number(count)?), None),
                Some((left, done)) => (Some(number(left)?), Some(number(done)?)),
            },
        };
        // Nine digits and no zero in front, so that names sort as numbers and there is always a higher one.
        let plain = number(generation).filter(|_| generation.len() < 10 && !generation.starts_with('0'))?;
        if slot.is_empty() {
            return None;
        }
        Some(Entry { generation: plain.into(), slot: slot.to_owned(), left, done, ending, off })
    }

    /// The order in which systemd-boot looks at entries, the first the greatest.
    pub(super) fn rank(&self) -> (bool, bool, u64, &str) {
        (!self.off, self.left != Some(0), self.generation, &self.slot)
    }
}

fn number(digits: &str) -> Option<u32> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "edgekit-{}-{}", self.generation, self.slot)?;
        if let Some(left) = self.left {
            write!(f, "+{left}")?;
            if let Some(done) = self.done {
                write!(f, "-{done}")?;
            }
        }
        write!(f, ".{}{}", self.ending, if self.off { ".off" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_are_none_of_ours() {
        for name in [
            "debian.conf",
            "edgekit-a.conf",
            "edgekit-01-a.conf",
            "edgekit-1-.conf",
            "edgekit-1-a+x.conf",
            "edgekit-1-a.txt",
            "edgekit-1-a+1-.conf",
            "edgekit-1234567890-a.conf",
            "",
        ] {
            assert_eq!(Entry::parse(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn names_read_back(
            generation in 1..1_000_000_000_u64,
            slot in "[a-z0-9_]{1,8}",
            count in any::<Option<(u32, Option<u32>)>>(),
            efi: bool,
            off: bool,
        ) {
            let (left, done) = count.map_or((None, None), |(left, done)| (Some(left), done));
            let ending = if efi { "efi" } else { "conf" };
            let entry = Entry { generation, slot, left, done, ending, off };
            prop_assert_eq!(Entry::parse(&entry.to_string()), Some(entry));
        }

        #[test]
        fn any_name_is_read_or_not(name in "(edgekit-)?[0-9a+.-]{0,12}(conf|efi)?(.off)?") {
            if let Some(entry) = Entry::parse(&name) {
                prop_assert_eq!(Entry::parse(&entry.to_string()), Some(entry));
            }
        }
    }
}
