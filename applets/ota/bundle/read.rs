//! A bundle that is believed: its parts, each proven before it is handed on.
//!
//! Only [`Opened::check`] makes a [`Bundle`] out of a head, after trust was asked; what only looks
//! ([`Opened::unchecked`]) says so in its name. Memory is two lists of hashes (at most 4 and 5 MiB, for an image of
//! 128 GiB), one block as stored, one unpacked, one page. Neighbours: `head`, `layout`, `tree`, `delta`.

use super::head::Head;
use super::layout::{self, ENTRY, Kind};
use super::manifest::{Component, Manifest};
use super::seal::BundleKey;
use super::shelf::Shelf;
use super::source::{Reader, Source};
use super::tree::{self, Hash, PAGE};
use crate::delta::{Decoder, Wrong};
use crate::fault::Fault;
use crate::hex::Hex;
use crate::image::Image;
use crate::keys::Opener;
use crate::moment::Moment;
use crate::trust::{Approval, Trust};

/// A bundle whose head is read and not believed yet.
pub struct Opened<'a> {
    reader: Reader<'a>,
    head: Head,
}

/// A bundle with its manifest.
pub struct Bundle<'a> {
    reader: Reader<'a>,
    pub(crate) head: Head,
    pub(crate) manifest: Manifest,
    shelf: Option<Shelf>,
    key: Option<BundleKey>,
}

/// What is done with a page: its number and its bytes.
pub type Sink<'s> = &'s mut dyn FnMut(u64, &[u8]) -> Result<(), Fault>;

/// A block, proven.
struct Stored<'b> {
    /// As they are stored, to be opened where they are.
    bytes: &'b mut [u8],
    /// Which one it is.
    number: u64,
    /// Where it lies in the bundle.
    at: u64,
    /// The first of its pages, and how many it makes.
    first: u64,
    pages: u64,
}

/// Opens a bundle: reads its head.
pub fn open(source: &mut dyn Source) -> Result<Opened<'_>, Fault> {
    let mut reader = Reader::new(source);
    let head = Head::read(&mut reader)?;
    Ok(Opened { reader, head })
}

impl<'a> Opened<'a> {
    /// Asks who vouches for it, and reads the manifest then.
    pub fn check(self, trust: &dyn Trust, now: Moment) -> Result<(Bundle<'a>, Approval), Fault> {
        let approval = trust.check(&self.head, now)?;
        Ok((self.unchecked()?, approval))
    }

    /// What it is called in messages.
    pub fn place(&self) -> &str {
        &self.head.place
    }

    /// Reads the manifest of whoever wrote it: to be looked at, never to be installed.
    pub fn unchecked(self) -> Result<Bundle<'a>, Fault> {
        let Opened { reader, head } = self;
        let manifest = Manifest::parse(&head.place, head.signed.text())?;
        let brought = (!head.lists.is_empty()).then(|| Hex(*blake3::hash(&head.lists).as_bytes()));
        if brought != manifest.lists {
            return Err(reader.damaged(0, "its lists of keys are not those the manifest names"));
        }
        Ok(Bundle { reader, head, manifest, shelf: None, key: None })
    }
}

impl Bundle<'_> {
    /// What the deployment of it is called: the digest of the manifest as it is signed.
    pub fn id(&self) -> Hex {
        Hex(*blake3::hash(self.head.signed.text().as_bytes()).as_bytes())
    }

    /// The component of this name.
    pub fn component(&self, name: &str) -> Result<&Component, Fault> {
        self.manifest.component.get(name).ok_or_else(|| {
            let names: Vec<&str> = self.manifest.component.keys().map(String::as_str).collect();
            let place = &self.head.place;
            Fault::Absent(
                format!("'{place}' has no component '{name}'"),
                format!("it has: {}", names.join(", ")),
            )
        })
    }

    /// True if its blocks are sealed and no key of ours has opened them.
    pub fn is_closed(&self) -> bool {
        !self.manifest.recipient.is_empty() && self.key.is_none()
    }

    /// Opens sealed blocks with the one of these keys they are sealed for; nothing is to be done where none are.
    ///
    /// # Errors
    /// [`Fault::Unfit`] where they are sealed for others, or what was wrapped for us was changed.
    pub fn unseal(&mut self, openers: &[Opener]) -> Result<(), Fault> {
        if !self.is_closed() {
            return Ok(());
        }
        let find = |opener: &Opener| {
            let wrapped = self.manifest.recipient.values().find(|recipient| recipient.to == opener.public)?;
            BundleKey::unwrap(&opener.secret, &opener.public, wrapped)
        };
        self.key = openers.iter().find_map(find);
        match self.key {
            Some(_) => Ok(()),
            None => Err(self.closed()),
        }
    }

    fn closed(&self) -> Fault {
        let (place, count) = (&self.head.place, self.manifest.recipient.len());
        let keys = if count == 1 { "1 key".to_owned() } else { format!("{count} keys") };
        Fault::Unfit(
            format!("'{place}' is encrypted to {keys}, and none that was given opens it"),
            "give the secret key it was made for: --decrypt-with FILE, or decrypt_file of the configuration",
        )
    }

    /// Keeps what is fetched for the next process, and takes what an earlier one left.
    pub fn shelve(&mut self, shelf: Shelf) {
        self.shelf = Some(shelf);
    }

    /// All was used: what was kept for the next process is removed.
    pub fn clear(&mut self) {
        self.shelf.take().into_iter().for_each(Shelf::clear);
    }

    /// The hashes of a component's pages.
    pub fn pages(&mut self, component: &str) -> Result<Vec<Hash>, Fault> {
        let digest = self.component(component)?.digest;
        let (at, len) = self.part(component, Kind::Pages)?;
        let is_it = |list: &[u8]| tree::digest(list.as_chunks().0) == digest.0;
        match self.list(&digest.0, at, len, "the list of an image's pages", &is_it)? {
            Some(list) => Ok(list.as_chunks().0.to_vec()),
            None => Err(self
                .reader
                .damaged(at, format!("the pages of '{component}' are not those of its digest"))),
        }
    }

    /// A list of hashes, from the shelf or the bundle, if it is the one of the digest.
    fn list(
        &mut self,
        digest: &Hash,
        at: u64,
        len: usize,
        what: &'static str,
        is_it: &dyn Fn(&[u8]) -> bool,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let kept = self.shelf.as_ref().and_then(|shelf| shelf.list(digest, len));
        if let Some(list) = kept.filter(|list| is_it(list)) {
            return Ok(Some(list));
        }
        self.reader.go_to(at)?;
        let mut list = vec![0; len];
        self.reader.fill(&mut list, what)?;
        if !is_it(&list) {
            return Ok(None);
        }
        if let Some(shelf) = &self.shelf {
            shelf.keep(digest, &list);
        }
        Ok(Some(list))
    }

    /// Reads a payload and hands on every page, proven; `old` is the image a delta is against.
    pub fn pour(
        &mut self,
        component: &str,
        payload: &str,
        pages: &[Hash],
        old: &dyn Image,
        sink: Sink<'_>,
    ) -> Result<(), Fault> {
        self.pour_from(0, component, payload, pages, old, sink)
    }

    /// [`Bundle::pour`] from a page on: blocks before it are passed over, and not read where the source can jump.
    pub fn pour_from(
        &mut self,
        from: u64,
        component: &str,
        payload: &str,
        pages: &[Hash],
        old: &dyn Image,
        sink: Sink<'_>,
    ) -> Result<(), Fault> {
        let size = self.component(component)?.size;
        let mut decoder = Decoder::new()?;
        let mut page = vec![0; PAGE];
        let place = self.head.place.clone();
        let is_delta =
            self.component(component)?.payload.get(payload).is_some_and(|payload| payload.source.is_some());
        let key = match &self.key {
            Some(key) => Some(key.payload(component, payload)?),
            None if self.is_closed() => return Err(self.closed()),
            None => None,
        };
        self.blocks(from, component, payload, &mut |block| {
            let wrong = |wrong| match wrong {
                Wrong::Block(what) => Fault::Damaged { place: place.clone(), at: block.at, what: what.to_owned() },
                Wrong::Fault(fault) => fault,
            };
            let packed = match &key {
                Some(key) => {
                    let opened = key.open(block.number, block.bytes);
                    opened.ok_or_else(|| wrong(Wrong::Block("a block cannot be decrypted")))?
                }
                None => block.bytes,
            };
            decoder.begin(packed, block.first * PAGE as u64).map_err(wrong)?;
            for number in block.first..block.first + block.pages {
                let bytes = &mut page[..tree::page_len(size, number)];
                decoder.page(old, bytes).map_err(wrong)?;
                let expected = usize::try_from(number).ok().and_then(|number| pages.get(number));
                if expected != Some(&tree::page_hash(bytes, number, pages.len() as u64)) {
                    // The block is the one that was signed: what differs is the old image, or the author's tool.
                    return Err(match is_delta {
                        true => Fault::Source(format!(
                            "page {number} of '{component}' does not come out right: the old image is another one"
                        )),
                        false => wrong(Wrong::Block("a page does not come out as the manifest says")),
                    });
                }
                if number >= from {
                    sink(number, bytes)?;
                }
            }
            decoder.end().map_err(wrong)
        })
    }

    /// Reads a payload and proves its blocks, without unpacking them.
    pub fn prove(
        &mut self,
        component: &str,
        payload: &str,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), Fault> {
        self.blocks(0, component, payload, &mut |block| {
            progress(block.bytes.len() as u64);
            Ok(())
        })
    }

    /// Reads all of it: every list, every block, every page of full images that we can open, and nothing after.
    ///
    /// # Errors
    /// The first thing that is not as the manifest says.
    pub fn prove_all(&mut self, progress: &mut dyn FnMut(u64)) -> Result<(), Fault> {
        // Names and whether it is a delta, so that reading may change the rest.
        let components: Vec<(String, Vec<(String, bool)>)> = self
            .manifest
            .component
            .iter()
            .map(|(name, component)| {
                let payloads = component.payload.iter();
                (
                    name.clone(),
                    payloads.map(|(name, payload)| (name.clone(), payload.source.is_some())).collect(),
                )
            })
            .collect();
        for (component, payloads) in &components {
            let pages = self.pages(component)?;
            for (payload, is_delta) in payloads {
                if *is_delta || self.is_closed() {
                    self.prove(component, payload, progress)?;
                } else {
                    let nothing: &[u8] = &[];
                    self.pour(component, payload, &pages, &nothing, &mut |_, bytes| {
                        progress(bytes.len() as u64);
                        Ok(())
                    })?;
                }
            }
        }
        self.reader.end()
    }

    fn blocks(
        &mut self,
        from: u64,
        component: &str,
        payload: &str,
        each: &mut dyn FnMut(Stored<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let index = self.index(component, payload)?;
        let (start, _) = self.part(component, Kind::Blocks(payload))?;
        self.reader.go_to(start)?;
        let (mut first, mut stored) = (0, Vec::new());
        for (number, (len, pages, hash)) in (0..).zip(index.as_chunks::<ENTRY>().0.iter().map(entry)) {
            let at = self.reader.at();
            if first + pages <= from {
                self.reader.go_to(at + len as u64)?;
                first += pages;
                continue;
            }
            stored.resize(len, 0);
            self.block(&mut stored, &hash)?;
            each(Stored { bytes: &mut stored, number, at, first, pages })?;
            first += pages;
        }
        Ok(())
    }

    /// Reads the block at hand, proven; from the shelf so far as it is there.
    fn block(&mut self, stored: &mut [u8], hash: &Hash) -> Result<(), Fault> {
        let at = self.reader.at();
        let held = self.shelf.as_mut().map_or(0, |shelf| shelf.begin(hash, stored));
        self.reader.go_to(at + held as u64)?;
        let shelf = &mut self.shelf;
        self.reader.fill_with(&mut stored[held..], "a block", &mut |piece| {
            shelf.iter_mut().for_each(|shelf| shelf.add(piece));
        })?;
        if blake3::hash(stored).as_bytes() == hash {
            return Ok(());
        }
        self.shelf.iter_mut().for_each(Shelf::forget);
        if held > 0 {
            let what = "what an earlier run had fetched of a block is damaged, and was removed: run it again";
            return Err(Fault::Machine(what.to_owned()));
        }
        Err(self.reader.damaged(at, "a block is not the one that was signed"))
    }

    /// The list of a payload's blocks, proven and added up.
    fn index(&mut self, component: &str, payload: &str) -> Result<Vec<u8>, Fault> {
        let of = self.component(component)?;
        let pages = of.pages();
        let Some(payload_) = of.payload.get(payload) else {
            let what = format!("component '{component}' has no payload '{payload}'");
            return Err(Fault::Absent(what, "'edgekit ota bundle inspect' lists them".to_owned()));
        };
        let (digest, stored) = (payload_.index, payload_.stored);
        let (at, len) = self.part(component, Kind::Index(payload))?;
        let is_it = |list: &[u8]| *blake3::hash(list).as_bytes() == digest.0;
        let Some(index) = self.list(&digest.0, at, len, "the list of a payload's blocks", &is_it)? else {
            return Err(self
                .reader
                .damaged(at, format!("the list of blocks of '{component}' is not the one that was signed")));
        };
        let most = self.manifest.max_stored();
        let (mut bytes, mut made) = (0, 0);
        for (len, pages, _) in index.as_chunks::<ENTRY>().0.iter().map(entry) {
            if len == 0 || len > most || pages == 0 {
                return Err(self
                    .reader
                    .damaged(at, "a block has a length or a number of pages that none can have"));
            }
            bytes += len as u64;
            made += pages;
        }
        match bytes == stored && made == pages {
            true => Ok(index),
            false => Err(self
                .reader
                .damaged(at, "the blocks of a payload do not add up to what the manifest says")),
        }
    }

    /// Where a part lies. Lists are short enough for memory, by the limits of the manifest.
    fn part(&self, component: &str, kind: Kind<'_>) -> Result<(u64, usize), Fault> {
        let parts = layout::parts(&self.manifest, self.head.len());
        let part = parts.iter().find(|part| part.component == component && part.kind == kind);
        let part = part.ok_or_else(|| Fault::Machine(format!("'{component}' has no part {kind:?}")))?;
        Ok((part.at, usize::try_from(part.len).unwrap_or(usize::MAX)))
    }
}

/// Length, pages and hash of a block.
fn entry(entry: &[u8; ENTRY]) -> (usize, u64, Hash) {
    let [a, b, c, d, e, f, g, h, hash @ ..] = *entry;
    (u32::from_le_bytes([a, b, c, d]) as usize, u64::from(u32::from_le_bytes([e, f, g, h])), hash)
}
