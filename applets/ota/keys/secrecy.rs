//! Keys of those who may read: what `openssl genpkey -algorithm x25519` and `openssl pkey -pubout` write, and read.
//!
//! Neighbours: `file` has the shape of key files, `bundle::seal` uses them.

use std::path::Path;

use aws_lc_rs::agreement::{PrivateKey, X25519};
use aws_lc_rs::rand;
use zeroize::Zeroizing;

use super::file::{self, OPENS, Wanted};
use crate::bundle::seal;
use crate::fault::Fault;
use crate::hex::Hex;

/// SubjectPublicKeyInfo of X25519 (RFC 8410 §4) up to the key itself.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00];
/// PKCS#8 of X25519 (RFC 8410 §7) up to the key itself.
const PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20];

/// A key that opens what was sealed for its public half.
pub struct Opener {
    pub(crate) secret: PrivateKey,
    pub(crate) public: Hex,
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opener").field("public", &self.public).finish_non_exhaustive()
    }
}

impl Opener {
    /// Of the 32 bytes of a secret key; every 32 bytes are one.
    pub(crate) fn of(secret: &[u8]) -> Option<Opener> {
        let secret = PrivateKey::from_private_key(&X25519, secret).ok()?;
        let public = seal::public_half(&secret).ok()?;
        Some(Opener { secret, public })
    }
}

/// Makes a pair and writes it, as [`super::generate`] does.
pub(crate) fn generate(secret: &Path, public: &Path) -> Result<Hex, Fault> {
    let failed = || Fault::Machine("no key could be made: the system gave no random bytes".to_owned());
    let mut der = Zeroizing::new([0; PKCS8.len() + 32]);
    der[..PKCS8.len()].copy_from_slice(&PKCS8);
    rand::fill(&mut der[PKCS8.len()..]).map_err(|_| failed())?;
    let opener = Opener::of(&der[PKCS8.len()..]).ok_or_else(failed)?;
    let spki = [&SPKI[..], &opener.public.0].concat();
    file::write_pair((secret, &der[..]), (public, &spki))?;
    Ok(opener.public)
}

/// Reads a secret key.
pub(crate) fn read_secret(path: &Path) -> Result<Opener, Fault> {
    let wanted = Wanted {
        what: "an X25519 secret key",
        hint: "make one with 'edgekit ota keygen --encryption NAME'",
        is_secret: true,
        algorithm: OPENS,
    };
    file::read_private(path, &wanted, |der| der.strip_prefix(&PKCS8[..]).and_then(Opener::of))
}

/// Reads a public key.
pub(crate) fn read_public(path: &Path) -> Result<Hex, Fault> {
    let wanted = Wanted {
        what: "an X25519 public key",
        hint: "'edgekit ota keygen --encryption NAME' writes one to NAME.pub",
        is_secret: false,
        algorithm: OPENS,
    };
    file::read_public_as(path, &SPKI, &wanted)
}
