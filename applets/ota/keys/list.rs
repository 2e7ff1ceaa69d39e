//! Which keys count, and how many of them it takes: a list that is signed itself, so that it can be replaced.
//!
//! A device trusts one list. The next one has the next number and is signed by enough keys of the list before it and
//! by enough of its own, as root metadata of The Update Framework is (§5.3): so keys can be added, withdrawn and
//! replaced, step by step, by a bundle that brings the lists it needs. No number is left out.
//!
//! Neighbours: `signed` holds text and signatures, `trust` follows the lists of a bundle.

use edgekit_core::config::{self, Settings};

use super::signed::{Context, MAX_SIGNATURES, Signed};
use crate::fault::Fault;
use crate::hex::Hex;
use crate::moment::Moment;

/// Bytes of a list with its signatures, at most.
pub(crate) const MAX: usize = 64 << 10;

edgekit_core::config! {
    /// Keys whose signatures count
    pub(crate) struct Keys {
        /// Of this file
        live format: u32, in 1..=1, like 1;
        /// Which list it is; the one after it has the next number
        live number: u64, in 1..=1_000_000, like 1;
        /// How many of the keys must have signed
        live threshold: u32, in 1..=64, like 2;
        /// When it stops counting
        live expires: Option<Moment>, like "2027-01-31";
        /// The keys
        live keys: Vec<Hex>, like ["d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"];
    }
}

/// A list that was read; whom to believe is the caller's business.
#[derive(Clone, Debug)]
pub(crate) struct List {
    pub(crate) keys: Keys,
    pub(crate) signed: Signed,
}

impl Keys {
    /// The text that is signed.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("format = 1\nnumber = {}\nthreshold = {}\n", self.number, self.threshold);
        if let Some(expires) = self.expires {
            text.push_str(&format!("expires = \"{expires}\"\n"));
        }
        text.push_str("keys = [\n");
        for key in &self.keys {
            text.push_str(&format!("    \"{key}\",\n"));
        }
        text + "]\n"
    }

    /// What does not fit together.
    fn fault(&self) -> Option<String> {
        let mut sorted = self.keys.clone();
        edgekit_core::sort::natural(&mut sorted);
        if self.keys.is_empty() || self.keys.len() > MAX_SIGNATURES {
            return Some(format!("it has {} keys, and must have 1 to {MAX_SIGNATURES}", self.keys.len()));
        }
        if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            return Some("a key is in it twice".to_owned());
        }
        if self.threshold as usize > self.keys.len() {
            return Some(format!(
                "it asks for {} signatures and has {} keys",
                self.threshold,
                self.keys.len()
            ));
        }
        None
    }
}

impl List {
    /// A list nobody has signed yet.
    ///
    /// # Errors
    /// What does not fit together.
    pub(crate) fn new(keys: Keys) -> Result<List, Fault> {
        match keys.fault() {
            Some(fault) => Err(Fault::Text(format!("the list of keys makes no sense: {fault}"))),
            None => Ok(List { signed: Signed::new(Context::Keys, keys.to_text()), keys }),
        }
    }

    /// Reads a list; `place` is what it is called in messages.
    ///
    /// # Errors
    /// What is wrong with it, with line and column.
    pub(crate) fn parse(place: &str, bytes: &[u8]) -> Result<List, Fault> {
        let wrong = |what: &str| Fault::Input {
            place: place.to_owned(),
            what: format!("is no list of keys: {what}"),
            hint: "'edgekit ota keys create' makes one",
        };
        if bytes.starts_with(b"-----BEGIN ") {
            return Err(Fault::Input {
                place: place.to_owned(),
                what: "is a key, and no list of keys".to_owned(),
                hint: "single keys are given by --key; 'edgekit ota keys create' makes a list of them",
            });
        }
        if bytes.len() > MAX {
            return Err(wrong(&format!("it is longer than {MAX} bytes")));
        }
        let signed = Signed::parse(Context::Keys, bytes).map_err(wrong)?;
        let keys: Keys = read(place, signed.text())?;
        match keys.fault() {
            Some(fault) => Err(wrong(&fault)),
            None => Ok(List { keys, signed }),
        }
    }

    /// True if enough of its own keys signed it.
    pub(crate) fn is_signed_by_itself(&self) -> bool {
        self.is_signed_by(&self.keys)
    }

    /// True if enough of the keys of `other` signed it, and none wrongly.
    pub(crate) fn is_signed_by(&self, other: &Keys) -> bool {
        self.signed.count(&other.keys).is_ok_and(|count| count >= other.threshold as usize)
    }

    /// True if this one comes right after `before`, and may.
    pub(crate) fn follows(&self, before: &Keys) -> bool {
        self.keys.number == before.number + 1 && self.is_signed_by(before) && self.is_signed_by_itself()
    }
}

/// A text against its description; the first fault with its place.
pub(crate) fn read<T: Settings>(place: &str, text: &str) -> Result<T, Fault> {
    let loaded = config::parse(T::SECTION, "ota", place, text.as_bytes().to_vec()).map_err(|problems| {
        let first = problems.0.first();
        let message = first.map(ToString::to_string).unwrap_or_default();
        match first.and_then(|problem| problem.hint.as_deref()) {
            Some(hint) => Fault::Text(format!("{message} ({hint})")),
            None => Fault::Text(message),
        }
    })?;
    loaded.get().map_err(|error| Fault::Text(error.to_string()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::keys::SecretKey;

    /// A list of keys made from seeds, signed by keys of seeds.
    pub(crate) fn list(number: u64, threshold: u32, keys: &[u8], signers: &[u8]) -> List {
        let keys = keys.iter().map(|seed| SecretKey::of_seed(*seed).public()).collect();
        let keys = Keys { format: 1, number, threshold, expires: None, keys };
        let mut list = List::new(keys).expect("it fits");
        signers.iter().for_each(|seed| list.signed.sign(&SecretKey::of_seed(*seed)));
        list
    }

    #[test]
    fn a_list_reads_back() {
        let made = list(3, 2, &[1, 2, 3], &[1, 3]);
        let again = List::parse("keys.toml", made.signed.to_text().as_bytes()).expect("it reads");
        assert_eq!(again.keys, made.keys);
        assert!(again.is_signed_by_itself());
    }

    #[test]
    fn a_list_follows_the_one_that_signed_it() {
        let first = list(1, 2, &[1, 2, 3], &[1, 2]);
        for (next, follows) in [
            (list(2, 1, &[4], &[1, 2, 4]), true),
            (list(2, 2, &[2, 3, 4], &[2, 3]), true),
            (list(2, 1, &[4], &[1, 2]), false),
            (list(2, 1, &[4], &[1, 4]), false),
            (list(3, 1, &[4], &[1, 2, 4]), false),
            (list(1, 1, &[4], &[1, 2, 4]), false),
        ] {
            assert_eq!(next.follows(&first.keys), follows, "{}", next.signed.to_text());
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_place() {
        let good = list(1, 1, &[1], &[]).signed.to_text();
        for (wrong, why) in [
            (good.replace("threshold = 1", "threshold = 2"), "asks for 2 signatures"),
            (good.replace("format = 1", "format = 2"), "k:1:"),
            (good.replace("number = 1", "numbr = 1"), "did you mean 'number'?"),
            (good.replace("\",\n", "0\",\n"), "k:5:"),
            (good.replace("keys = [", "keys = [\n \"x\","), "k:"),
        ] {
            let error = List::parse("k", wrong.as_bytes()).expect_err(&wrong).to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
