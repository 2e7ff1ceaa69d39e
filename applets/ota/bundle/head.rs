//! What stands in front of a bundle, and is in memory before anything is believed: manifest, signatures, lists of
//! keys.
//!
//! | bytes | hold |
//! |---|---|
//! | 0–7 | `8F 45 4B 42 0D 0A 1A 0A`: no text file begins like this, and a transfer that changes line ends breaks it |
//! | 8–11 | format of the file, 1 |
//! | 12–15 | length of the signed manifest, at most 1 MiB |
//! | 16–19 | length of the lists of keys, at most 1 MiB |
//! | 20–23 | 0 |
//! | 24–55 | BLAKE3 of bytes 0–23 and of manifest and lists |
//!
//! Numbers are little-endian. The lengths are looked at before memory is taken, and the hash, which proves nothing
//! about who wrote it, tells damage from forgery. A list of keys is its length in four bytes and its text.
//! Neighbours: `trust` judges, `read` goes on with the body.

use blake3::Hasher;

use super::source::Reader;
use super::tree::HASH;
use crate::fault::Fault;
use crate::keys::list;
use crate::keys::signed::{Context, Signed};

pub(crate) const MAGIC: [u8; 8] = *b"\x8fEKB\r\n\x1a\n";
const FORMAT: u32 = 1;
/// Bytes before the manifest.
pub(crate) const LEN: usize = 24 + HASH;
/// Bytes of the signed manifest, and of all lists of keys, at most.
pub(crate) const MAX_TEXT: usize = 1 << 20;

/// The head of a bundle, not judged yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// What the bundle is called in messages.
    pub(crate) place: String,
    pub(crate) signed: Signed,
    /// Lists of keys, the oldest first, as they are stored.
    pub(crate) lists: Vec<u8>,
}

impl Head {
    /// Reads the head; the reader stands at the body then.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Head, Fault> {
        let mut fixed = [0; LEN];
        reader.fill(&mut fixed[..8], "its first mark")?;
        if fixed[..8] != MAGIC {
            let place = reader.place().to_owned();
            let what = "is not an update bundle".to_owned();
            return Err(Fault::Input {
                place,
                what,
                hint: "bundles are made by 'edgekit ota bundle create'",
            });
        }
        reader.fill(&mut fixed[8..], "the head")?;
        let number = |at: usize| u32::from_le_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
        if number(8) != FORMAT {
            let what = format!("is a bundle of format {}, and this version reads {FORMAT}", number(8));
            let place = reader.place().to_owned();
            return Err(Fault::Input { place, what, hint: "a newer edgekit may read it; or it is damaged" });
        }
        let lengths = [(12, "the manifest"), (16, "the lists of keys")].map(|(at, what)| {
            let len = number(at) as usize;
            if len > MAX_TEXT {
                let why = format!("{what} would have {len} bytes, and may have {MAX_TEXT}");
                return Err(reader.damaged(at as u64, why));
            }
            Ok(len)
        });
        let [text, lists] = lengths;
        let (mut text, mut lists) = (vec![0; text?], vec![0; lists?]);
        reader.fill(&mut text, "the manifest")?;
        reader.fill(&mut lists, "the lists of keys")?;
        if fixed[24..] != checksum(&fixed[..24], &text, &lists) {
            return Err(reader.damaged(0, "its head is not what was written"));
        }
        let signed = Signed::parse(Context::Manifest, &text)
            .map_err(|what| reader.damaged(LEN as u64, format!("the manifest cannot be read: {what}")))?;
        Ok(Head { place: reader.place().to_owned(), signed, lists })
    }

    /// The bytes up to the body.
    ///
    /// # Errors
    /// Where a text is longer than it may be.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, Fault> {
        let text = self.signed.to_text();
        let mut bytes = MAGIC.to_vec();
        bytes.extend(FORMAT.to_le_bytes());
        for (len, what) in [(text.len(), "the manifest"), (self.lists.len(), "the lists of keys")] {
            let fits = u32::try_from(len).ok().filter(|_| len <= MAX_TEXT);
            let too_long = || Fault::Text(format!("{what} would have {len} bytes, and may have {MAX_TEXT}"));
            bytes.extend(fits.ok_or_else(too_long)?.to_le_bytes());
        }
        bytes.extend([0; 4]);
        let sum = checksum(&bytes, text.as_bytes(), &self.lists);
        bytes.extend(sum);
        bytes.extend(text.as_bytes());
        bytes.extend(&self.lists);
        Ok(bytes)
    }

    /// Bytes before the body.
    pub(crate) fn len(&self) -> u64 {
        (LEN + self.signed.to_text().len() + self.lists.len()) as u64
    }

    /// The lists of keys it brings, the oldest first, not judged yet.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn key_lists(&self) -> Result<Vec<list::List>, Fault> {
        let wrong = || Fault::Text(format!("the lists of keys in '{}' cannot be told apart", self.place));
        let mut rest = self.lists.as_slice();
        let mut lists = Vec::new();
        while let Some((len, after)) = rest.split_first_chunk() {
            let len = usize::try_from(u32::from_le_bytes(*len)).map_err(|_| wrong())?;
            let (text, after) = after.split_at_checked(len).ok_or_else(wrong)?;
            lists.push(list::List::parse(&format!("{}:keys", self.place), text)?);
            rest = after;
        }
        if rest.is_empty() { Ok(lists) } else { Err(wrong()) }
    }
}

/// Lists of keys as they are stored.
pub(crate) fn join_lists(lists: &[list::List]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for list in lists {
        let text = list.signed.to_text();
        // A list that was read or made is far shorter than 4 GiB.
        bytes.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes
}

fn checksum(fixed: &[u8], text: &[u8], lists: &[u8]) -> [u8; HASH] {
    *Hasher::new().update(fixed).update(text).update(lists).finalize().as_bytes()
}
