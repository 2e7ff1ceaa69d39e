//! Blocks that only some devices can read: sealed with a key of the bundle's own, which is wrapped for each of them.
//!
//! | what | how |
//! |---|---|
//! | key of the bundle | 32 random bytes |
//! | wrapped for a recipient | X25519 with a share made for this (RFC 7748), HKDF-SHA256 (RFC 5869) of the secret with both public keys as salt, ChaCha20-Poly1305 (RFC 8439) with a nonce of zeros, used once |
//! | key of a payload | HKDF-SHA256 of the bundle's key with component and payload as info |
//! | block | ChaCha20-Poly1305, its number as nonce |
//!
//! Sealed is what is stored: hashes of blocks are of sealed bytes, so a bundle is proven without any key, and order,
//! number and ends are signed as ever. What stays readable is said in `man 5 edgekit-bundle`. Neighbours: `write` seals,
//! `read` opens, `keys::secrecy` reads the keys of recipients.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey, X25519};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::rand;
use zeroize::Zeroizing;

use super::manifest::Recipient;
use crate::fault::Fault;
use crate::hex::{self, Hex};

/// Bytes that sealing adds to a block.
pub(crate) const TAG: usize = 16;
/// Bytes of a wrapped key.
const WRAPPED: usize = 32 + TAG;

/// The key of a bundle.
pub(crate) struct BundleKey(Zeroizing<[u8; 32]>);

/// The key of a payload.
pub(crate) struct PayloadKey(LessSafeKey);

/// Lengths of what is derived.
struct Len32;

impl KeyType for Len32 {
    fn len(&self) -> usize {
        32
    }
}

impl BundleKey {
    /// A new one.
    pub(crate) fn generate() -> Result<BundleKey, Fault> {
        let mut key = Zeroizing::new([0; 32]);
        rand::fill(&mut *key).map_err(|_| failed())?;
        Ok(BundleKey(key))
    }

    /// For whoever holds the secret half of `recipient`.
    pub(crate) fn wrap(&self, recipient: &Hex) -> Result<Recipient, Fault> {
        let mut share = Zeroizing::new([0; 32]);
        rand::fill(&mut *share).map_err(|_| failed())?;
        let share = PrivateKey::from_private_key(&X25519, &*share).map_err(|_| failed())?;
        let public = public_half(&share)?;
        let key = agreed(&share, recipient, &public, recipient).ok_or_else(failed)?;
        let mut wrapped = self.0.to_vec();
        let sealed = key.seal_in_place_append_tag(number_nonce(0), Aad::empty(), &mut wrapped);
        sealed.map_err(|_| failed())?;
        Ok(Recipient { to: *recipient, share: public, key: hex::encode(&wrapped) })
    }

    /// What was wrapped for the holder of `secret`; `None` for any other, and for what was changed.
    pub(crate) fn unwrap(secret: &PrivateKey, public: &Hex, wrapped: &Recipient) -> Option<BundleKey> {
        let key = agreed(secret, &wrapped.share, &wrapped.share, public)?;
        let mut bytes = Zeroizing::new(hex::decode::<WRAPPED>(&wrapped.key)?);
        let opened = key.open_in_place(number_nonce(0), Aad::empty(), &mut bytes[..]).ok()?;
        Some(BundleKey(Zeroizing::new((&*opened).try_into().ok()?)))
    }

    /// For one payload, whose name is not part of any other's.
    pub(crate) fn payload(&self, component: &str, payload: &str) -> Result<PayloadKey, Fault> {
        // Names hold no zero byte.
        let info = [b"edgekit bundle payload 1", component.as_bytes(), payload.as_bytes()].join(&0);
        derive(&[], &self.0[..], &info).map(PayloadKey).ok_or_else(failed)
    }
}

impl PayloadKey {
    /// Seals block `number`.
    pub(crate) fn seal(&self, number: u64, block: &mut Vec<u8>) -> Result<(), Fault> {
        self.0.seal_in_place_append_tag(number_nonce(number), Aad::empty(), block).map_err(|_| failed())
    }

    /// Opens block `number` where it is; `None` if it was not sealed so.
    pub(crate) fn open<'b>(&self, number: u64, block: &'b mut [u8]) -> Option<&'b [u8]> {
        self.0.open_in_place(number_nonce(number), Aad::empty(), block).ok().map(|opened| &*opened)
    }
}

/// The public half of a secret key.
pub(crate) fn public_half(secret: &PrivateKey) -> Result<Hex, Fault> {
    let public = secret.compute_public_key().map_err(|_| failed())?;
    public.as_ref().try_into().map(Hex).map_err(|_| failed())
}

/// The key both sides come to.
fn agreed(own: &PrivateKey, theirs: &Hex, share: &Hex, recipient: &Hex) -> Option<LessSafeKey> {
    let salt = [share.0, recipient.0].concat();
    let theirs = UnparsedPublicKey::new(&X25519, &theirs.0);
    // A public key of small order makes a secret that everybody knows, and is refused here.
    agreement::agree(own, theirs, (), |secret| derive(&salt, secret, b"edgekit bundle key 1").ok_or(())).ok()
}

fn derive(salt: &[u8], secret: &[u8], info: &[u8]) -> Option<LessSafeKey> {
    let mut key = Zeroizing::new([0; 32]);
    let prk = Salt::new(HKDF_SHA256, salt).extract(secret);
    prk.expand(&[info], Len32).ok()?.fill(&mut *key).ok()?;
    UnboundKey::new(&CHACHA20_POLY1305, &*key).ok().map(LessSafeKey::new)
}

fn number_nonce(number: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&number.to_le_bytes());
    Nonce::assume_unique_for_key(nonce)
}

fn failed() -> Fault {
    Fault::Machine("the cryptography could not be set up".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(seed: u8) -> (PrivateKey, Hex) {
        let secret = PrivateKey::from_private_key(&X25519, &[seed; 32]).expect("a key");
        let public = public_half(&secret).expect("its public half");
        (secret, public)
    }

    #[test]
    fn a_wrapped_key_is_for_its_recipient() {
        let ((one, one_public), (two, two_public)) = (secret(1), secret(2));
        let key = BundleKey::generate().expect("a key");
        let wrapped = key.wrap(&one_public).expect("wrapped");
        let back = BundleKey::unwrap(&one, &one_public, &wrapped).expect("unwrapped");
        assert_eq!(*back.0, *key.0);
        assert!(BundleKey::unwrap(&two, &two_public, &wrapped).is_none());
        for at in 0..WRAPPED * 2 {
            let mut changed = wrapped.clone();
            let other = if changed.key.as_bytes()[at] == b'0' { "1" } else { "0" };
            changed.key.replace_range(at..=at, other);
            assert!(BundleKey::unwrap(&one, &one_public, &changed).is_none(), "{at}");
        }
        let mut changed = wrapped.clone();
        changed.share.0[3] ^= 1;
        assert!(BundleKey::unwrap(&one, &one_public, &changed).is_none());
        // A point of small order.
        assert!(key.wrap(&Hex([0; 32])).is_err());
        assert!(
            BundleKey::unwrap(&one, &one_public, &Recipient { share: Hex([0; 32]), ..wrapped }).is_none()
        );
    }

    #[test]
    fn a_block_is_of_its_place() {
        let key = BundleKey::generate().expect("a key");
        let payload = key.payload("rootfs", "full").expect("a key");
        let mut block = b"bytes".to_vec();
        payload.seal(7, &mut block).expect("sealed");
        assert_eq!(block.len(), 5 + TAG);
        assert_eq!(payload.open(7, &mut block.clone()), Some(&b"bytes"[..]));
        assert_eq!(payload.open(8, &mut block.clone()), None);
        for (component, name) in [("rootfs", "delta-1"), ("app", "full"), ("rootf", "sfull")] {
            let other = key.payload(component, name).expect("a key");
            assert_eq!(other.open(7, &mut block.clone()), None);
        }
        block[2] ^= 1;
        assert_eq!(payload.open(7, &mut block), None);
    }
}
