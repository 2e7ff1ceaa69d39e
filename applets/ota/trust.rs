//! Who may say what is installed: the second of the four traits.
//!
//! [`KeyTrust`] believes a list of Ed25519 keys and whatever list follows it. A client of The Update Framework, whose
//! roles and metadata travel where the lists of keys do here, will be another [`Trust`]; so will the certificates of
//! RAUC's bundles, whose formats bring their own head.
//!
//! Neighbours: `bundle::read` asks before it reads a manifest, `keys` knows keys and lists, `policy` is asked after.

use std::path::{Path, PathBuf};

use edgekit_core::Paths;

use crate::bundle::Head;
use crate::fault::Fault;
use crate::keys::list::{Keys, List, MAX};
use crate::keys::{self, PublicKey};
use crate::moment::Moment;

/// Decides whether a head comes from who may write one.
pub trait Trust {
    /// Who vouches for the head, at this time.
    ///
    /// # Errors
    /// [`Fault::Untrusted`], with what is missing.
    fn check(&self, head: &Head, now: Moment) -> Result<Approval, Fault>;
}

/// What a check found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Approval {
    /// The keys that count and signed.
    pub signers: Vec<PublicKey>,
    /// How many were needed.
    pub threshold: u32,
    /// The number of the list of keys that was in force, if it came from one.
    pub list: Option<u64>,
}

/// Trust in keys.
#[derive(Clone, Debug)]
pub struct KeyTrust {
    keys: Keys,
    /// False for keys that were named one by one: no list can follow them.
    is_list: bool,
}

impl KeyTrust {
    /// Any `threshold` of these public key files.
    ///
    /// # Errors
    /// Those of reading, and a threshold nobody can reach.
    pub(crate) fn files(files: &[impl AsRef<Path>], threshold: u32) -> Result<KeyTrust, Fault> {
        let read = |path: &_| keys::read_public(AsRef::<Path>::as_ref(path));
        let keys = files.iter().map(read).collect::<Result<_, _>>()?;
        let list = List::new(Keys { format: 1, number: 1, threshold, expires: None, keys })?;
        Ok(KeyTrust { keys: list.keys, is_list: false })
    }

    /// The list in a file. It must be signed by enough of its own keys.
    ///
    /// # Errors
    /// Those of reading; [`Fault::Untrusted`].
    pub(crate) fn list(path: &Path) -> Result<KeyTrust, Fault> {
        let list = read_list(path)?;
        if !list.is_signed_by_itself() {
            let place = path.display();
            let asked = list.keys.threshold;
            return Err(Fault::Untrusted(
                format!("the list of keys '{place}' is not signed by {asked} of its own keys"),
                "sign it with 'edgekit ota keys sign', or fetch it again from where you trust it",
            ));
        }
        Ok(KeyTrust { keys: list.keys, is_list: true })
    }

    /// The same, or a newer list that was kept since, in the words of its file: what a bundle brought once counts from
    /// then on, so that a key that was taken out of the lists stays out.
    ///
    /// # Errors
    /// What is wrong with the newer list, [`Fault::Untrusted`] if it does not follow.
    pub(crate) fn newest(self, kept: Option<&[u8]>) -> Result<KeyTrust, Fault> {
        let Some(text) = kept else { return Ok(self) };
        let list = List::parse("the list of keys in the state", text)?;
        match list.keys.number > self.keys.number {
            true if self.is_list => Ok(KeyTrust { keys: list.keys, is_list: true }),
            _ => Ok(self),
        }
    }

    /// The list in force once those that a bundle brings were followed.
    fn follow(&self, head: &Head) -> Result<Keys, Fault> {
        let mut keys = self.keys.clone();
        for list in head.key_lists()? {
            if list.keys.number <= keys.number || !self.is_list {
                continue;
            }
            if !list.follows(&keys) {
                return Err(Fault::Untrusted(
                    format!(
                        "list {} of keys in '{}' does not follow list {}",
                        list.keys.number, head.place, keys.number
                    ),
                    "each list is signed by enough keys of the one before and of its own, and none may be left out",
                ));
            }
            keys = list.keys;
        }
        Ok(keys)
    }
}

impl Trust for KeyTrust {
    fn check(&self, head: &Head, now: Moment) -> Result<Approval, Fault> {
        let place = &head.place;
        let keys = self.follow(head)?;
        if let Some(expires) = keys.expires.filter(|expires| *expires <= now) {
            return Err(Fault::Untrusted(
                format!("list {} of keys expired at {expires}", keys.number),
                "a bundle with a newer list renews it; check the clock of this machine too",
            ));
        }
        let count = head.signed.count(&keys.keys).map_err(|key| {
            Fault::Untrusted(
                format!("the manifest of '{place}' is not what key {key} signed"),
                "it was changed after it was signed; fetch it again, or do not use it",
            )
        })?;
        if count < keys.threshold as usize {
            let (asked, signed) = (keys.threshold, head.signed.signers().count());
            return Err(Fault::Untrusted(
                match (count, signed) {
                    (_, 0) => format!("'{place}' is not signed"),
                    (0, _) => format!("'{place}' is signed by nobody who is trusted here"),
                    _ => {
                        format!("'{place}' has {count} of the {asked} signatures it takes, of {signed} in it")
                    }
                },
                "it must be signed by keys that are trusted here: 'edgekit ota bundle inspect' lists who signed",
            ));
        }
        let signers = head.signed.signers().filter(|key| keys.keys.contains(key)).collect();
        Ok(Approval { signers, threshold: keys.threshold, list: self.is_list.then_some(keys.number) })
    }
}

/// The list of keys that counts where no other is named.
pub(crate) fn standard(paths: &Paths) -> PathBuf {
    paths.config.join("ota/keys.toml")
}

/// Nothing says whom to believe. It is a matter of the device, not of the bundle.
pub(crate) fn nobody() -> Fault {
    Fault::Config(
        "there is nobody to believe".to_owned(),
        "put a list of keys ('edgekit ota keys create') at ota/keys.toml beside ota.toml".to_owned(),
    )
}

/// Reads a list of keys from a file.
pub(crate) fn read_list(path: &Path) -> Result<List, Fault> {
    use std::io::Read;
    let file = std::fs::File::open(path).map_err(Fault::io("open", path))?;
    let mut bytes = Vec::new();
    file.take(MAX as u64 + 1).read_to_end(&mut bytes).map_err(Fault::io("read", path))?;
    List::parse(&path.display().to_string(), &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::head::join_lists;
    use crate::keys::SecretKey;
    use crate::keys::list::tests::list;
    use crate::keys::signed::{Context, Signed};

    fn head(signers: &[u8], lists: &[List]) -> Head {
        let mut signed = Signed::new(Context::Manifest, "format = 1\n".to_owned());
        signers.iter().for_each(|seed| signed.sign(&SecretKey::of_seed(*seed)));
        Head { place: "x.ekb".to_owned(), signed, lists: join_lists(lists) }
    }

    fn trust(list: List) -> KeyTrust {
        KeyTrust { keys: list.keys, is_list: true }
    }

    fn check(trust: &KeyTrust, head: &Head) -> Result<Approval, String> {
        trust.check(head, Moment(1_000_000)).map_err(|fault| fault.to_string())
    }

    #[test]
    fn enough_of_the_right_keys() {
        let two = trust(list(1, 2, &[1, 2, 3], &[]));
        assert_eq!(check(&two, &head(&[1, 3], &[])).expect("two").signers.len(), 2);
        assert!(check(&two, &head(&[1, 2, 3, 9], &[])).is_ok());
        let few = check(&two, &head(&[1, 9], &[])).expect_err("one");
        assert_eq!(few, "'x.ekb' has 1 of the 2 signatures it takes, of 2 in it");
        assert!(check(&two, &head(&[], &[])).is_err());
    }

    #[test]
    fn keys_rotate_by_lists_that_follow_each_other() {
        let one = list(1, 1, &[1], &[1]);
        let (two, three) = (list(2, 2, &[2, 3], &[1, 2, 3]), list(3, 1, &[4], &[2, 3, 4]));
        let all = [one.clone(), two.clone(), three.clone()];
        let device = trust(one);
        assert_eq!(check(&device, &head(&[4], &all)).expect("rotated").list, Some(3));
        assert_eq!(check(&trust(two.clone()), &head(&[4], &all)).expect("rotated").list, Some(3));
        assert!(check(&device, &head(&[1], &all)).is_err(), "the old key is gone");
        let gap = check(&device, &head(&[4], &[three])).expect_err("a gap");
        assert_eq!(gap, "list 3 of keys in 'x.ekb' does not follow list 1");
        assert!(
            check(&device, &head(&[2, 3], &[list(2, 2, &[2, 3], &[2, 3])])).is_err(),
            "not by the old key"
        );
    }

    #[test]
    fn a_list_that_was_kept_counts_from_then_on() {
        let (one, two) = (list(1, 1, &[1], &[1]), list(2, 1, &[2], &[1, 2]));
        let text = two.signed.to_text();
        let kept = trust(one.clone()).newest(Some(text.as_bytes())).expect("it follows");
        assert!(check(&kept, &head(&[1], &[])).is_err(), "the old key is gone for good");
        assert_eq!(check(&kept, &head(&[2], &[])).expect("the new key").list, Some(2));
        let newer = trust(list(3, 1, &[3], &[3])).newest(Some(text.as_bytes())).expect("it is older");
        assert!(check(&newer, &head(&[3], &[])).is_ok());
        assert!(check(&trust(one).newest(None).expect("none"), &head(&[1], &[])).is_ok());
    }

    #[test]
    fn a_list_ends_and_a_newer_one_renews_it() {
        let mut old = list(1, 1, &[1], &[]);
        old.keys.expires = Some(Moment(1_000_000));
        let device = trust(old);
        assert!(check(&device, &head(&[1], &[])).expect_err("expired").contains("expired at 1970-01-12"));
        assert!(check(&device, &head(&[2], &[list(2, 1, &[2], &[1, 2])])).is_ok());
    }
}
