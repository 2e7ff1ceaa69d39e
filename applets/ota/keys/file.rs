//! Key files: what `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` write, and read.
//!
//! A secret key is made here, written once with permission for its owner alone, and read only from a file that
//! nobody else may read. It is never printed and never taken from a flag. Neighbours: `signed` signs with it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use zeroize::Zeroizing;

use crate::fault::Fault;
use crate::hex::{self, Hex};

/// Bytes of a key file that are looked at.
const MAX: u64 = 16 << 10;
/// SubjectPublicKeyInfo of Ed25519 (RFC 8410 §4) up to the key itself.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A public key; the key itself is its name.
pub type PublicKey = Hex;

/// A key that signs.
pub struct SecretKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl SecretKey {
    /// The public half.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// A signature.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes.copy_from_slice(self.pair.sign(message).as_ref());
        bytes
    }

    fn of(pair: Ed25519KeyPair) -> Option<SecretKey> {
        let public = PublicKey::try_from_bytes(pair.public_key().as_ref())?;
        Some(SecretKey { pair, public })
    }

    /// A key for tests and fixtures: the same seed makes the same key.
    #[cfg(test)]
    pub(crate) fn of_seed(seed: u8) -> SecretKey {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("a seed");
        SecretKey::of(pair).expect("a key")
    }
}

impl Hex {
    fn try_from_bytes(bytes: &[u8]) -> Option<Hex> {
        bytes.try_into().ok().map(Hex)
    }

    /// True if this key made that signature of the message.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }
}

/// Makes a pair and writes it: the secret one with mode 0600, both only where nothing is yet.
pub(crate) fn generate(secret: &Path, public: &Path) -> Result<PublicKey, Fault> {
    let failed = |_| Fault::Machine("no key could be made: the system gave no random bytes".to_owned());
    let pair = Ed25519KeyPair::generate().map_err(failed)?;
    let document = pair.to_pkcs8v1().map_err(failed)?;
    let key = SecretKey::of(pair).ok_or_else(|| failed(aws_lc_rs::error::Unspecified))?;
    let spki = [&SPKI[..], &key.public.0].concat();
    write_pair((secret, document.as_ref()), (public, &spki))?;
    Ok(key.public)
}

/// Writes both halves: the secret one with mode 0600, both only where nothing is yet.
pub(super) fn write_pair(secret: (&Path, &[u8]), public: (&Path, &[u8])) -> Result<(), Fault> {
    for path in [secret.0, public.0] {
        if path.symlink_metadata().is_ok() {
            return Err(Fault::io("create", path)(rustix::io::Errno::EXIST.into()));
        }
    }
    let text = Zeroizing::new(pem("PRIVATE KEY", secret.1));
    create(secret.0, 0o600, text.as_bytes())?;
    create(public.0, 0o644, pem("PUBLIC KEY", public.1).as_bytes()).inspect_err(|_| forget(secret.0))
}

fn create(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), Fault> {
    let options = |options: &mut OpenOptions| options.write(true).create_new(true).mode(mode).open(path);
    let mut file = options(&mut OpenOptions::new()).map_err(Fault::io("create", path))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(Fault::io("write", path)).inspect_err(|_| forget(path))
}

/// Half a pair is of use to nobody: what was made a moment ago is removed. The fault at hand says the rest.
fn forget(path: &Path) {
    let _is_gone = std::fs::remove_file(path);
}

/// What a file should hold.
pub(super) struct Wanted {
    /// `an Ed25519 secret key`.
    pub(super) what: &'static str,
    /// Who makes one.
    pub(super) hint: &'static str,
    pub(super) is_secret: bool,
    /// The last number of its algorithm (RFC 8410 §3).
    pub(super) algorithm: u8,
}

/// Ed25519 and X25519.
const SIGNS: u8 = 0x70;
pub(super) const OPENS: u8 = 0x6e;

impl Wanted {
    /// What the file at a path is instead.
    pub(super) fn not(&self, path: &Path, text: &str) -> Fault {
        let has = |label: &str| text.contains(&format!("-----BEGIN {label}-----"));
        let is_of = |algorithm: u8| {
            let der = unpem("PRIVATE KEY", text).or_else(|| unpem("PUBLIC KEY", text)).map(Zeroizing::new);
            der.is_some_and(|der| der.windows(5).any(|five| five == [0x06, 0x03, 0x2b, 0x65, algorithm]))
        };
        let (what, hint) = if has("ENCRYPTED PRIVATE KEY") {
            (
                "is locked with a password",
                "write it without one, for its owner alone: 'openssl pkey -in OLD -out NEW'",
            )
        } else if self.is_secret && has("PUBLIC KEY") {
            ("is a public key, and a secret one is needed", "'edgekit ota keygen NAME' wrote it to NAME.key")
        } else if !self.is_secret && has("PRIVATE KEY") {
            ("is a secret key, and a public one is needed", "'edgekit ota keygen NAME' wrote it to NAME.pub")
        } else if self.algorithm == SIGNS && is_of(OPENS) {
            (
                "is a key for encryption, not for signatures",
                "make one that signs with 'edgekit ota keygen NAME'",
            )
        } else if self.algorithm == OPENS && is_of(SIGNS) {
            (
                "is a key for signatures, not for encryption",
                "make one for encryption with 'edgekit ota keygen --encryption NAME'",
            )
        } else if !self.is_secret && text.contains("threshold =") {
            ("is a list of keys, and a single one is needed", "lists are given by --keys")
        } else {
            let (place, what) = (path.display().to_string(), format!("is not {}", self.what));
            return Fault::Input { place, what, hint: self.hint };
        };
        Fault::Input { place: path.display().to_string(), what: what.to_owned(), hint }
    }
}

/// Reads a secret key.
pub(crate) fn read_secret(path: &Path) -> Result<SecretKey, Fault> {
    let wanted = Wanted {
        what: "an Ed25519 secret key",
        hint: "make one with 'edgekit ota keygen NAME'",
        is_secret: true,
        algorithm: SIGNS,
    };
    read_private(path, &wanted, |der| {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok().and_then(SecretKey::of)
    })
}

/// The secret key in a file that nobody else may read, by its PKCS#8.
pub(super) fn read_private<T>(
    path: &Path,
    wanted: &Wanted,
    key: impl FnOnce(&[u8]) -> Option<T>,
) -> Result<T, Fault> {
    let mut file = File::open(path).map_err(Fault::io("open", path))?;
    let mode = file.metadata().map_err(Fault::io("look at", path))?.mode() & 0o777;
    let text = Zeroizing::new(read(&mut file, path)?);
    let Some(der) = unpem("PRIVATE KEY", &text).map(Zeroizing::new) else {
        return Err(wanted.not(path, &text));
    };
    if mode & 0o077 != 0 {
        return Err(Fault::Input {
            place: path.display().to_string(),
            what: format!("is a secret key that others may read: its permissions are {mode:04o}"),
            hint: "give it to its owner alone with 'chmod 600', and make a new key if somebody may have read it",
        });
    }
    key(&der).ok_or_else(|| wanted.not(path, &text))
}

/// Reads a public key.
pub(crate) fn read_public(path: &Path) -> Result<PublicKey, Fault> {
    let wanted = Wanted {
        what: "an Ed25519 public key",
        hint: "'edgekit ota keygen NAME' writes one to NAME.pub",
        is_secret: false,
        algorithm: SIGNS,
    };
    read_public_as(path, &SPKI, &wanted)
}

/// The public key in a file, in PEM behind these bytes or as digits.
pub(super) fn read_public_as(path: &Path, spki: &[u8], wanted: &Wanted) -> Result<PublicKey, Fault> {
    let text = Zeroizing::new(read(&mut File::open(path).map_err(Fault::io("open", path))?, path)?);
    let key = unpem("PUBLIC KEY", &text);
    let key = key.and_then(|der| der.strip_prefix(spki).and_then(PublicKey::try_from_bytes));
    key.or_else(|| hex::decode(text.trim()).map(Hex)).ok_or_else(|| wanted.not(path, &text))
}

/// A key file as text; what is none has no key in it.
fn read(file: &mut File, path: &Path) -> Result<String, Fault> {
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX).read_to_end(&mut bytes).map_err(Fault::io("read", path))?;
    Ok(std::str::from_utf8(&bytes).unwrap_or_default().to_owned())
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 7468: base64 in lines of 64 between two marks.
fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in der.chunks(48) {
        for three in line.chunks(3) {
            let [a, b, c] = [0, 1, 2].map(|at| u32::from(three.get(at).copied().unwrap_or(0)));
            let bits = a << 16 | b << 8 | c;
            for (at, shift) in [18, 12, 6, 0].into_iter().enumerate() {
                let digit = DIGITS[(bits >> shift & 63) as usize];
                text.push(if at <= three.len() { char::from(digit) } else { '=' });
            }
        }
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

/// The first piece of this label.
fn unpem(label: &str, text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let (mut der, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for byte in body.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=') {
        bits = bits << 6 | u32::try_from(DIGITS.iter().position(|digit| *digit == byte)?).ok()?;
        held += 6;
        if held >= 8 {
            held -= 8;
            der.push((bits >> held) as u8);
        }
    }
    Some(der)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pem_is_that_of_openssl() {
        // Made with openssl 3.0 from the key of RFC 8032 §7.1, test 1.
        let text = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";
        let der = unpem("PUBLIC KEY", text).expect("PEM");
        assert_eq!(
            hex::encode(&der[12..]),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
        assert_eq!(pem("PUBLIC KEY", &der), text);
        for len in 0..100 {
            let der: Vec<u8> = (0..len).collect();
            assert_eq!(unpem("X", &pem("X", &der)), Some(der));
        }
    }

    #[test]
    fn a_signature_is_of_its_message_and_key() {
        let (key, other) = (SecretKey::of_seed(1), SecretKey::of_seed(2));
        let mut signature = key.sign(b"message");
        assert!(key.public().verifies(b"message", &signature));
        assert!(!key.public().verifies(b"massage", &signature));
        assert!(!other.public().verifies(b"message", &signature));
        signature[63] ^= 1;
        assert!(!key.public().verifies(b"message", &signature));
    }
}
