//! Keys that sign bundles, and the signed lists that say which count.
//!
//! | room | knows |
//! |---|---|
//! | `file` | key files: PKCS#8 and SubjectPublicKeyInfo in PEM, as openssl writes them |
//! | `signed` | a text with signatures below it |
//! | `list` | which keys count, how many it takes, and how one list follows another |
//! | `secrecy` | key files of those who may read: X25519 |
//!
//! Keys that sign are Ed25519 (RFC 8032), and are for nothing else. Neighbours: `trust` asks whether enough of them signed.

mod file;
pub(crate) mod list;
pub(crate) mod secrecy;
pub(crate) mod signed;

pub use file::{PublicKey, SecretKey};
pub(crate) use file::{generate, read_public, read_secret};
pub use secrecy::Opener;
