//! A text with signatures below it: how a manifest and a list of keys are signed.
//!
//! ```text
//! name = "gateway"
//! …
//! # signature ed25519 KEY SIGNATURE
//! ```
//! In TOML the lines of signatures are comments, so the whole is still TOML. What is signed is the context (so that
//! a signed list of keys is never taken for a signed manifest) and every byte before the first of those lines; there
//! is no other form the text could be brought into first. Neighbours: `list`, `bundle::head`; `trust` decides
//! whether the signers are enough.

use super::{PublicKey, SecretKey};
use crate::hex::{self, Hex};

/// What each line of a signature begins with.
const MARK: &str = "# signature ed25519 ";
/// Signatures of one text, at most.
pub(crate) const MAX_SIGNATURES: usize = 64;

/// What a text is, so that it counts as nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Context {
    /// The manifest of a bundle.
    Manifest,
    /// A list of keys.
    Keys,
}

impl Context {
    fn prefix(self) -> &'static [u8] {
        match self {
            Context::Manifest => b"edgekit bundle manifest 1\n",
            Context::Keys => b"edgekit bundle keys 1\n",
        }
    }
}

/// A text and its signatures.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Signed {
    context: Context,
    text: String,
    signatures: Vec<(PublicKey, [u8; 64])>,
}

impl Signed {
    /// A text nobody has signed yet. It ends with a line break and holds no line of a signature.
    pub(crate) fn new(context: Context, text: String) -> Signed {
        Signed { context, text, signatures: Vec::new() }
    }

    /// Takes text and signatures apart.
    ///
    /// # Errors
    /// What is wrong, as a sentence's end: `it is not UTF-8 text`.
    pub(crate) fn parse(context: Context, bytes: &[u8]) -> Result<Signed, &'static str> {
        let whole = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8 text")?;
        // A first line that is a signature would sign nothing.
        let end = match whole.find(&format!("\n{MARK}")) {
            Some(at) => at + 1,
            None => whole.len(),
        };
        let (text, rest) = whole.split_at(end);
        if !text.ends_with('\n') || whole.starts_with(MARK) {
            return Err("it does not end with a line break");
        }
        let mut signatures = Vec::new();
        for line in rest.split_inclusive('\n') {
            let signature = line
                .strip_prefix(MARK)
                .and_then(|line| line.strip_suffix('\n'))
                .and_then(|line| line.split_once(' '))
                .and_then(|(key, signature)| Some((hex::decode(key).map(Hex)?, hex::decode(signature)?)));
            signatures.push(signature.ok_or("a line after the first signature is none")?);
            if signatures.len() > MAX_SIGNATURES {
                return Err("it has more signatures than may be");
            }
        }
        // In order and each key once: the same signatures are the same bytes.
        if signatures.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            return Err("its signatures are not in the order of their keys");
        }
        Ok(Signed { context, text: text.to_owned(), signatures })
    }

    /// The text without signatures.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The keys that signed, whoever they are; not checked.
    pub(crate) fn signers(&self) -> impl Iterator<Item = PublicKey> {
        self.signatures.iter().map(|(key, _)| *key)
    }

    /// Signs, in the place of an older signature by the same key.
    pub(crate) fn sign(&mut self, key: &SecretKey) {
        let public = key.public();
        let signature = key.sign(&self.message());
        self.signatures.retain(|(key, _)| *key != public);
        let place = self.signatures.partition_point(|(key, _)| *key < public);
        self.signatures.insert(place, (public, signature));
    }

    /// How many of `keys` signed.
    ///
    /// # Errors
    /// The key whose signature is of something else: a text that was changed, whoever else signed it.
    pub(crate) fn count(&self, keys: &[PublicKey]) -> Result<usize, PublicKey> {
        let message = self.message();
        let mut count = 0;
        for (key, signature) in &self.signatures {
            if keys.contains(key) {
                if !key.verifies(&message, signature) {
                    return Err(*key);
                }
                count += 1;
            }
        }
        Ok(count)
    }

    /// Text and signatures as they are stored.
    pub(crate) fn to_text(&self) -> String {
        let mut whole = self.text.clone();
        for (key, signature) in &self.signatures {
            whole.push_str(&format!("{MARK}{key} {}\n", hex::encode(signature)));
        }
        whole
    }

    fn message(&self) -> Vec<u8> {
        [self.context.prefix(), self.text.as_bytes()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed() -> Signed {
        let mut signed = Signed::new(Context::Keys, "a = 1\n".to_owned());
        signed.sign(&SecretKey::of_seed(1));
        signed.sign(&SecretKey::of_seed(2));
        signed
    }

    #[test]
    fn reads_back_and_counts() {
        let signed = signed();
        let text = signed.to_text();
        let again = Signed::parse(Context::Keys, text.as_bytes()).expect("it parses");
        assert_eq!(again, signed);
        let [a, b, c] = [1, 2, 3].map(|seed| SecretKey::of_seed(seed).public());
        assert_eq!(again.count(&[a, b, c]), Ok(2));
        assert_eq!(again.count(&[a, a]), Ok(1));
        assert_eq!(again.count(&[c]), Ok(0));
    }

    #[test]
    fn signing_twice_changes_nothing() {
        let (mut again, once) = (signed(), signed());
        again.sign(&SecretKey::of_seed(1));
        assert_eq!(again, once);
    }

    #[test]
    fn another_context_is_another_text() {
        let text = signed().to_text();
        let other = Signed::parse(Context::Manifest, text.as_bytes()).expect("it parses");
        let key = SecretKey::of_seed(1).public();
        assert_eq!(other.count(&[key]), Err(key));
    }

    #[test]
    fn each_changed_byte_is_seen() {
        let text = signed().to_text();
        let keys = [1, 2].map(|seed| SecretKey::of_seed(seed).public());
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let counted = Signed::parse(Context::Keys, &bytes).map(|signed| signed.count(&keys));
            assert!(!matches!(counted, Ok(Ok(2))), "byte {at}");
        }
    }

    #[test]
    fn what_is_no_signed_text_is_refused() {
        let good = signed().to_text();
        let lines: Vec<&str> = good.split_inclusive('\n').collect();
        for wrong in [
            lines[1].to_owned(),
            "a = 1".to_owned(),
            good.trim_end().to_owned(),
            format!("{good}b = 2\n"),
            format!("{}{}{}", lines[0], lines[2], lines[1]),
            format!("{}{}{}", lines[0], lines[1], lines[1]),
            format!("{}# signature ed25519 00 00\n", lines[0]),
        ] {
            assert!(Signed::parse(Context::Keys, wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(Signed::parse(Context::Keys, b"\xff\n").is_err());
    }
}
