//! Makes bundles: from images, and from other bundles with other signatures.
//!
//! The manifest stands first and needs what comes after it, so payloads are written to a file without a name beside
//! the bundle, then all of it in order; the bundle appears under its name whole or not at all. Every block is
//! unpacked again and its pages compared before it counts: an image that changes while it is read, or a fault of ours,
//! ends here and not on a device. The same input makes the same bytes: no time, no path and no order of a folder is in
//! them.
//!
//! Neighbours: `manifest`, `head`, `layout` describe what is written; `delta` makes the blocks.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use edgekit_core::config::Named;
use edgekit_store::Disk;
use edgekit_store::publish::Draft;

use super::head::{Head, join_lists};
use super::manifest::{Component, Manifest, Payload};
use super::seal::{BundleKey, PayloadKey};
use super::tree::{self, Hash, PAGE};
use crate::delta::{self, Block, Cover, Decoder, Method};
use crate::fault::Fault;
use crate::hex::{self, Hex};
use crate::image::{self, Image};
use crate::keys::SecretKey;
use crate::keys::list::List;
use crate::keys::signed::{Context, Signed};

/// What a bundle is made of. The components of `manifest` are filled in.
#[derive(Debug)]
pub(crate) struct Recipe {
    pub(crate) manifest: Manifest,
    pub(crate) lists: Vec<List>,
    /// Public keys of those who can read it; everybody can, if there is none.
    pub(crate) recipients: Vec<Hex>,
    pub(crate) components: Vec<Ingredient>,
    /// False to leave out the full images.
    pub(crate) full: bool,
    /// How to look for what images share; by their sizes if it is not said.
    pub(crate) method: Option<Method>,
}

/// An image, and the old ones deltas are made against.
#[derive(Debug)]
pub(crate) struct Ingredient {
    pub(crate) name: String,
    pub(crate) image: PathBuf,
    pub(crate) sources: Vec<PathBuf>,
}

/// What was written of one payload, or why it was not.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) component: String,
    pub(crate) payload: String,
    /// The old image.
    pub(crate) source: Option<PathBuf>,
    pub(crate) method: Option<Method>,
    /// Bytes as stored.
    pub(crate) stored: u64,
    /// Bytes of the image.
    pub(crate) size: u64,
    /// False for a delta that is no smaller than the full image.
    pub(crate) is_kept: bool,
}

/// Told how many bytes of images were worked through, of which phase.
pub(crate) type Watch<'w> = &'w mut dyn FnMut(&'static str, u64);

/// A payload that waits for its place.
struct Spool {
    file: File,
    index: Vec<u8>,
    stored: u64,
    blocks: u64,
}

/// Nobody ends it early.
fn reading(watch: Watch<'_>, bytes: u64) -> Result<(), Fault> {
    watch("reading", bytes);
    Ok(())
}

/// Makes a bundle, signed by `keys`.
pub(crate) fn create(
    recipe: Recipe,
    out: &Path,
    keys: &[SecretKey],
    watch: Watch<'_>,
) -> Result<Vec<Made>, Fault> {
    let Recipe { mut manifest, lists, recipients, mut components, full, method } = recipe;
    let key = if recipients.is_empty() { None } else { Some(BundleKey::generate()?) };
    for (recipient, key) in
        recipients.iter().flat_map(|recipient| key.iter().map(move |key| (recipient, key)))
    {
        // The beginning of a key is name enough.
        manifest.recipient.insert(hex::encode(&recipient.0[..8]), key.wrap(recipient)?);
    }
    let seal =
        |component: &str, payload: &str| key.as_ref().map(|key| key.payload(component, payload)).transpose();
    edgekit_core::sort::by_key(&mut components, |ingredient| ingredient.name.clone());
    let mut made = Vec::new();
    let mut body: Vec<(Vec<Hash>, Vec<Spool>)> = Vec::new();
    for ingredient in &components {
        let new = image::open(&ingredient.image)?;
        let pages = image::pages(&*new, &mut |bytes| reading(watch, bytes))?;
        let mut payloads: Named<Payload> = Named::new();
        // In the order of their names: that of the manifest, and of the body.
        let mut spools: Vec<(String, Spool)> = Vec::new();
        let mut limit = u64::MAX;
        if full {
            let key = seal(&ingredient.name, "full")?;
            let spool = spool(out, &ingredient.image, &*new, &pages, (&NOTHING, &[]), key, watch)?;
            limit = spool.stored;
            made.push(ingredient.made("full", None, None, &spool, new.size(), true));
            payloads.insert("full".to_owned(), spool.payload(None));
            spools.push(("full".to_owned(), spool));
        }
        for (position, path) in ingredient.sources.iter().enumerate() {
            let old = image::open(path)?;
            let source = tree::digest(&image::pages(&*old, &mut |bytes| reading(watch, bytes))?);
            let method = method.unwrap_or(Method::for_sizes(old.size(), new.size()));
            let covers = delta::covers(method, &*old, &*new, &mut |bytes| watch("comparing", bytes))?;
            let name = format!("delta-{}", position + 1);
            let key = seal(&ingredient.name, &name)?;
            let spool = spool(out, &ingredient.image, &*new, &pages, (&*old, &covers), key, watch)?;
            let is_kept = spool.stored < limit;
            made.push(ingredient.made(&name, Some(path), Some(method), &spool, new.size(), is_kept));
            if is_kept {
                payloads.insert(name.clone(), spool.payload(Some((Hex(source), old.size()))));
                spools.push((name, spool));
            }
        }
        edgekit_core::sort::by_key(&mut spools, |(name, _)| name.clone());
        let component = Component { size: new.size(), digest: Hex(tree::digest(&pages)), payload: payloads };
        if manifest.component.insert(ingredient.name.clone(), component).is_some() {
            return Err(Fault::Text(format!("there are two components '{}'", ingredient.name)));
        }
        body.push((pages, spools.into_iter().map(|(_, spool)| spool).collect()));
    }
    let head = head(out, manifest, &lists, keys)?;
    let mut draft = Draft::new(&Disk, out, 0o644)?;
    draft.append(&head.to_bytes()?)?;
    for (pages, spools) in &mut body {
        draft.append(pages.as_flattened())?;
        for spool in spools {
            draft.append(&spool.index)?;
            spool.file.seek(SeekFrom::Start(0)).map_err(Fault::io("read", out))?;
            copy(&mut spool.file, &mut draft, out)?;
        }
    }
    draft.commit()?;
    Ok(made)
}

/// Writes a bundle anew with another head: `body` is where the body of `from` begins.
pub(crate) fn rehead(from: &Path, body: u64, head: &Head, out: &Path) -> Result<(), Fault> {
    let mut file = File::open(from).map_err(Fault::io("open", from))?;
    file.seek(SeekFrom::Start(body)).map_err(Fault::io("read", from))?;
    let mut draft = Draft::new(&Disk, out, 0o644)?;
    draft.append(&head.to_bytes()?)?;
    copy(&mut file, &mut draft, from)?;
    Ok(draft.commit()?)
}

/// The head of a manifest, signed.
pub(crate) fn head(
    place: &Path,
    mut manifest: Manifest,
    lists: &[List],
    keys: &[SecretKey],
) -> Result<Head, Fault> {
    let lists = join_lists(lists);
    manifest.lists = (!lists.is_empty()).then(|| Hex(*blake3::hash(&lists).as_bytes()));
    let place = place.display().to_string();
    // Whatever was given as flags is read as strictly as it will be on the device.
    let text = manifest.to_text();
    Manifest::parse(&place, &text)?;
    let mut signed = Signed::new(Context::Manifest, text);
    keys.iter().for_each(|key| signed.sign(key));
    Ok(Head { place, signed, lists })
}

impl Ingredient {
    fn made(
        &self,
        payload: &str,
        source: Option<&PathBuf>,
        method: Option<Method>,
        spool: &Spool,
        size: u64,
        is_kept: bool,
    ) -> Made {
        Made {
            component: self.name.clone(),
            payload: payload.to_owned(),
            source: source.cloned(),
            method,
            stored: spool.stored,
            size,
            is_kept,
        }
    }
}

impl Spool {
    fn payload(&self, source: Option<(Hex, u64)>) -> Payload {
        Payload {
            source: source.map(|(digest, _)| digest),
            source_size: source.map(|(_, size)| size),
            blocks: self.blocks,
            stored: self.stored,
            index: Hex(*blake3::hash(&self.index).as_bytes()),
        }
    }
}

/// No old image.
pub(crate) const NOTHING: &[u8] = &[];

/// Writes one payload to a file without a name, and proves it.
fn spool(
    out: &Path,
    place: &Path,
    new: &dyn Image,
    pages: &[Hash],
    (old, covers): (&dyn Image, &[Cover]),
    key: Option<PayloadKey>,
    watch: Watch<'_>,
) -> Result<Spool, Fault> {
    let mut spool = Spool { file: nameless(out)?, index: Vec::new(), stored: 0, blocks: 0 };
    let mut proof =
        Proof { decoder: Decoder::new()?, page: vec![0; PAGE], number: 0, pages, place, new, old };
    let mut keep = |mut block: Block| {
        proof.check(&block)?;
        if let Some(key) = &key {
            key.seal(spool.blocks, &mut block.stored)?;
        }
        // Both are bounded far below 2^32 by the encoder and the number of pages.
        let len = u32::try_from(block.stored.len()).unwrap_or(u32::MAX);
        let pages = u32::try_from(block.pages).unwrap_or(u32::MAX);
        spool.index.extend(len.to_le_bytes());
        spool.index.extend(pages.to_le_bytes());
        spool.index.extend(blake3::hash(&block.stored).as_bytes());
        spool.stored += block.stored.len() as u64;
        spool.blocks += 1;
        spool.file.write_all(&block.stored).map_err(Fault::io("write beside", out))
    };
    delta::encode(new, old, covers, &mut keep, &mut |bytes| watch("packing", bytes))?;
    Ok(spool)
}

/// Unpacks what was packed.
struct Proof<'a> {
    decoder: Decoder,
    page: Vec<u8>,
    number: u64,
    pages: &'a [Hash],
    place: &'a Path,
    new: &'a dyn Image,
    old: &'a dyn Image,
}

impl Proof<'_> {
    fn check(&mut self, block: &Block) -> Result<(), Fault> {
        let changed = || Fault::Input {
            place: self.place.display().to_string(),
            what: "changed while it was read, or the old image did".to_owned(),
            hint: "make the bundle from files that nobody writes to",
        };
        self.decoder.begin(&block.stored, self.number * PAGE as u64).map_err(|_| changed())?;
        for number in self.number..self.number + block.pages {
            let bytes = &mut self.page[..tree::page_len(self.new.size(), number)];
            self.decoder.page(self.old, bytes).map_err(|_| changed())?;
            let expected = usize::try_from(number).ok().and_then(|number| self.pages.get(number));
            if expected != Some(&tree::page_hash(bytes, number, self.pages.len() as u64)) {
                return Err(changed());
            }
        }
        self.number += block.pages;
        Ok(())
    }
}

/// A file beside `out` that is gone when it is closed, whatever happens.
fn nameless(out: &Path) -> Result<File, Fault> {
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    let path = out.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let mut options = OpenOptions::new();
    let file =
        options.read(true).write(true).create_new(true).open(&path).map_err(Fault::io("create", &path))?;
    std::fs::remove_file(&path).map_err(Fault::io("remove", &path))?;
    Ok(file)
}

fn copy(from: &mut dyn Read, draft: &mut Draft<'_>, place: &Path) -> Result<(), Fault> {
    let mut buffer = vec![0; 256 << 10];
    loop {
        match from.read(&mut buffer).map_err(Fault::io("read", place))? {
            0 => return Ok(()),
            read => draft.append(&buffer[..read])?,
        }
    }
}
