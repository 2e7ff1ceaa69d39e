//! Reads files and says what is in them: certificates, keys and revocation lists, as PEM (several in
//! one file) or DER.
//!
//! What held a key is wiped when dropped; aws-lc wipes its own. The buffer base64 is decoded from
//! inside `rustls-pki-types` is not ours to wipe.
//!
//! Neighbours: `pem.rs` and `der.rs` take bytes apart, `key.rs` and `pair.rs` judge what is found.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::certificate::Certificate;
use crate::der::{self, Reader};
use crate::error::{Error, Place, Problem};
use crate::pem::{self, Label};

/// The largest file of a certificate chain or key: a hundred certificates fit many times.
pub(crate) const PAIR_LIMIT: u64 = 1 << 20;
/// The largest file of trusted certificates or revocation lists; public bundles have 250 kB.
pub(crate) const TRUST_LIMIT: u64 = 32 << 20;

/// What tells one state of an open file from another without reading it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stamp {
    size: u64,
    modified: (i64, u64),
    changed: (i64, u64),
}

/// A file's bytes, wiped when dropped: they may be a key.
pub(crate) struct Content {
    pub(crate) data: Zeroizing<Vec<u8>>,
    /// Permission bits.
    pub(crate) mode: u32,
}

/// Reads `name` within `folder` (or by itself); messages call it `shown`.
pub(crate) fn read(
    folder: Option<&OwnedFd>,
    name: &Path,
    shown: &Path,
    limit: u64,
) -> Result<Content, Error> {
    let fail = |problem| Error::in_file(shown, problem);
    // Without NONBLOCK, opening a pipe waits for its writer.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = match folder {
        Some(folder) => rustix::fs::openat(folder, name, flags, Mode::empty()),
        None => rustix::fs::open(name, flags, Mode::empty()),
    };
    let file = File::from(opened.map_err(|error| fail(Problem::Read(error.into())))?);
    let before = stat(&file).map_err(|error| fail(Problem::Read(error)))?;
    if !before.regular {
        return Err(fail(Problem::NotAFile));
    }
    if before.stamp.size > limit {
        return Err(fail(Problem::TooLarge(limit)));
    }
    // Sized at once, so that growing leaves no copy of a key behind.
    let capacity = usize::try_from(before.stamp.size).unwrap_or(0) + 1;
    let mut data = Zeroizing::new(Vec::with_capacity(capacity));
    (&file).take(before.stamp.size + 1).read_to_end(&mut data).map_err(|error| fail(Problem::Read(error)))?;
    let after = stat(&file).map_err(|error| fail(Problem::Read(error)))?;
    if after.stamp != before.stamp || data.len() as u64 != before.stamp.size {
        return Err(fail(Problem::Moving));
    }
    Ok(Content { data, mode: before.mode })
}

struct Stat {
    stamp: Stamp,
    regular: bool,
    mode: u32,
}

fn stat(file: &File) -> std::io::Result<Stat> {
    use std::os::unix::fs::MetadataExt;
    let meta = file.metadata()?;
    let nanoseconds = |value: i64| u64::try_from(value).unwrap_or(0);
    Ok(Stat {
        stamp: Stamp {
            size: meta.size(),
            modified: (meta.mtime(), nanoseconds(meta.mtime_nsec())),
            changed: (meta.ctime(), nanoseconds(meta.ctime_nsec())),
        },
        regular: meta.is_file(),
        mode: meta.mode() & 0o7777,
    })
}

/// One thing in a file.
pub(crate) struct Found {
    pub(crate) place: Place,
    pub(crate) item: Item,
}

pub(crate) enum Item {
    Certificate(Box<Certificate>),
    Key(Zeroizing<PrivateKeyDer<'static>>),
    EncryptedKey,
    Crl(CertificateRevocationListDer<'static>),
    Other(String),
}

impl Item {
    /// For `but it holds …`.
    fn kind(&self) -> String {
        match self {
            Item::Certificate(_) => "a certificate".to_owned(),
            Item::Key(_) => "a private key".to_owned(),
            Item::EncryptedKey => "an encrypted private key".to_owned(),
            Item::Crl(_) => "a revocation list".to_owned(),
            Item::Other(label) => format!("'{label}'"),
        }
    }
}

/// The kinds of things found, each once.
pub(crate) fn kinds(found: &[Found]) -> Vec<String> {
    let mut kinds: Vec<String> = Vec::new();
    for one in found {
        let kind = one.item.kind();
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

/// What is in the bytes of the file at `path`, in order.
pub(crate) fn items(path: &Path, data: &[u8]) -> Result<Vec<Found>, Error> {
    if !pem::is_pem(data) {
        return from_der(path, data);
    }
    let at = |line| Place { path: path.to_owned(), line: Some(line) };
    let blocks = pem::blocks(data).map_err(|flaw| Error::at(at(flaw.line), Problem::Pem(flaw.what)))?;
    let mut found = Vec::with_capacity(blocks.len());
    for block in blocks {
        let place = at(block.line);
        let malformed = |what| Error::at(place.clone(), Problem::Malformed(what));
        let item = match block.label {
            Label::Certificate => {
                let der = CertificateDer::from(block.der.to_vec());
                Item::Certificate(Box::new(Certificate::parse(der).ok_or_else(|| malformed("certificate"))?))
            }
            Label::Pkcs8Key => Item::Key(Zeroizing::new(PrivateKeyDer::Pkcs8(block.der.to_vec().into()))),
            Label::Pkcs1Key => Item::Key(Zeroizing::new(PrivateKeyDer::Pkcs1(block.der.to_vec().into()))),
            Label::Sec1Key => Item::Key(Zeroizing::new(PrivateKeyDer::Sec1(block.der.to_vec().into()))),
            Label::EncryptedKey => Item::EncryptedKey,
            Label::Crl => Item::Crl(crl(&block.der).ok_or_else(|| malformed("revocation list"))?),
            // What OpenSSL writes before a key, and belongs to it.
            Label::Other(label) if label == "EC PARAMETERS" => continue,
            Label::Other(label) => Item::Other(label),
        };
        found.push(Found { place, item });
    }
    Ok(found)
}

/// A DER file holds one thing, and nothing but its structure says which.
fn from_der(path: &Path, data: &[u8]) -> Result<Vec<Found>, Error> {
    let fail = |problem| Err(Error::in_file(path, problem));
    let one = |item| Ok(vec![Found { place: Place::file(path), item }]);
    if data.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let mut file = Reader(data);
    let Some(mut outer) = file.enter(der::SEQUENCE).filter(|_| file_ends(data)) else {
        return fail(Problem::Malformed("PEM or DER file"));
    };
    let (first, second) = (outer.any(), outer.any());
    match (first.map(|element| (element.tag, element.content)), second.map(|element| element.tag)) {
        (Some((der::INTEGER, [3])), Some(der::SEQUENCE)) => return fail(Problem::Pkcs12),
        // EncryptedPrivateKeyInfo (RFC 5958).
        (Some((der::SEQUENCE, _)), Some(der::OCTET_STRING)) => return one(Item::EncryptedKey),
        (Some((der::INTEGER, _)), _) => {}
        _ => {
            if let Some(certificate) = Certificate::parse(CertificateDer::from(data.to_vec())) {
                return one(Item::Certificate(Box::new(certificate)));
            }
            return match crl(data) {
                Some(crl) => one(Item::Crl(crl)),
                None => fail(Problem::Malformed("certificate, key or revocation list")),
            };
        }
    }
    match PrivateKeyDer::try_from(data) {
        Ok(key) => one(Item::Key(Zeroizing::new(key.clone_key()))),
        Err(_) => fail(Problem::Malformed("private key")),
    }
}

fn file_ends(data: &[u8]) -> bool {
    let mut file = Reader(data);
    file.any().is_some() && file.is_empty()
}

fn crl(data: &[u8]) -> Option<CertificateRevocationListDer<'static>> {
    webpki::BorrowedCertRevocationList::from_der(data).ok()?;
    Some(CertificateRevocationListDer::from(data.to_vec()))
}

/// Every certificate of a file, in its order. Blocks of other kinds are passed over.
pub fn certificates(path: &Path) -> Result<Vec<Certificate>, Error> {
    let content = read(None, path, path, TRUST_LIMIT)?;
    let found = items(path, &content.data)?;
    let kinds = kinds(&found);
    let certificates: Vec<Certificate> = found
        .into_iter()
        .filter_map(|one| match one.item {
            Item::Certificate(certificate) => Some(*certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(Error::in_file(path, Problem::Absent { wanted: "certificate", found: kinds }));
    }
    Ok(certificates)
}

/// Every revocation list of a file.
pub fn crls(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, Error> {
    let content = read(None, path, path, TRUST_LIMIT)?;
    let found = items(path, &content.data)?;
    let kinds = kinds(&found);
    let crls: Vec<_> = found
        .into_iter()
        .filter_map(|one| match one.item {
            Item::Crl(crl) => Some(crl),
            _ => None,
        })
        .collect();
    if crls.is_empty() {
        return Err(Error::in_file(path, Problem::Absent { wanted: "revocation list", found: kinds }));
    }
    Ok(crls)
}
