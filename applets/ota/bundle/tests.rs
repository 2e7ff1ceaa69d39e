//! A small bundle, and everything that can be done to one: whatever was changed is refused before a page is handed on.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use edgekit_core::config::Named;
use edgekit_core::{Error, Exit};

use super::read::{self, Bundle};
use super::shelf::Shelf;
use super::source::{BytesSource, Source};
use super::write::{self, Ingredient, Recipe};
use super::{Head, Manifest, tree};
use crate::apply::testing::{One, noise};
use crate::delta::Method;
use crate::fault::Fault;
use crate::hex::Hex;
use crate::keys::SecretKey;
use crate::keys::list::tests::list;
use crate::moment::Moment;

/// A folder of a test's own.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("edgekit-ota-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).expect("written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn manifest() -> Manifest {
    Manifest {
        format: 1,
        name: "gateway".to_owned(),
        version: "1.4.0".parse().expect("a version"),
        floor: None,
        min_source: None,
        expires: None,
        compatible: vec!["gw-*".to_owned()],
        lists: None,
        recipient: Named::new(),
        component: Named::new(),
    }
}

/// Two components, one with a delta; the second of several pages and blocks.
fn made(folder: &Folder, len: usize) -> Vec<u8> {
    let old = noise(7, 3000);
    let mut new = old.clone();
    new[1000..1010].fill(9);
    let (old, new) = (folder.file("old", &old), folder.file("new", &new));
    let big = folder.file("big", &noise(8, len));
    let ingredient = |name: &str, image, sources| Ingredient { name: name.to_owned(), image, sources };
    let recipe = Recipe {
        manifest: manifest(),
        recipients: Vec::new(),
        lists: vec![list(1, 1, &[1], &[1])],
        components: vec![ingredient("rootfs", big, vec![]), ingredient("app", new, vec![old])],
        full: true,
        method: Some(Method::Binary),
    };
    let out = folder.0.join("x.ekb");
    write::create(recipe, &out, &[SecretKey::of_seed(1)], &mut |_, _| {}).expect("a bundle");
    fs::read(out).expect("it is there")
}

/// Everything a device would do before it believes a bundle, and all of its pages.
fn check(bytes: &[u8]) -> Result<(), Error> {
    let mut source = BytesSource(bytes);
    let checked = read::open(&mut source).and_then(|opened| opened.check(&One, Moment(0)));
    let (mut bundle, _) = checked?;
    Ok(bundle.prove_all(&mut |_| {})?)
}

#[track_caller]
fn refused(bytes: &[u8], what: &str) -> String {
    let error = check(bytes).expect_err(what);
    assert_eq!(error.exit(), Exit::DATA, "{what}: {error}");
    error.to_string()
}

fn with<T>(bytes: &[u8], look: impl FnOnce(Bundle<'_>) -> T) -> T {
    let mut source = BytesSource(bytes);
    look(read::open(&mut source).and_then(read::Opened::unchecked).expect("it opens"))
}

#[test]
fn a_bundle_is_whole() {
    let folder = Folder::new();
    let bytes = made(&folder, (2 << 20) + 17);
    check(&bytes).expect("it is whole");
    with(&bytes, |bundle| {
        let app = &bundle.manifest.component["app"];
        assert_eq!(app.payload.keys().collect::<Vec<_>>(), ["delta-1", "full"]);
        assert!(app.payload["delta-1"].stored < 100, "{app:?}");
        assert_eq!(bundle.head.key_lists().expect("lists").len(), 1);
    });
}

#[test]
fn a_delta_makes_the_image_of_its_source_and_of_no_other() {
    let folder = Folder::new();
    let bytes = made(&folder, 5000);
    let (old, new) =
        (fs::read(folder.0.join("old")).expect("old"), fs::read(folder.0.join("new")).expect("new"));
    let pour = |old: &[u8]| {
        with(&bytes, |mut bundle| {
            let pages = bundle.pages("app").expect("pages");
            let mut out = Vec::new();
            bundle
                .pour("app", "delta-1", &pages, &old, &mut |_, bytes| {
                    out.extend_from_slice(bytes);
                    Ok(())
                })
                .map(|()| out)
        })
    };
    assert!(pour(&old).expect("it comes out") == new);
    let mut other = old.clone();
    other[2999] ^= 1;
    for other in [other.as_slice(), &old[..2999], &[]] {
        let error = Error::from(pour(other).expect_err("another source"));
        assert_eq!(error.exit(), Exit::DATA, "{error}");
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    let folder = Folder::new();
    let bytes = made(&folder, 600);
    for at in 0..bytes.len() {
        // Each byte once, each bit of its byte somewhere; the fixed bytes in front with all of theirs.
        for bit in if at < 64 { 0..8 } else { at % 8..at % 8 + 1 } {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            refused(&flipped, &format!("bit {bit} of byte {at}"));
        }
    }
}

#[test]
fn every_end_that_comes_early_or_late_is_refused() {
    let folder = Folder::new();
    let bytes = made(&folder, 600);
    for end in 0..bytes.len() {
        let why = refused(&bytes[..end], &format!("cut at {end}"));
        assert!(why.contains("is cut short"), "{end}: {why}");
    }
    for more in [&[0][..], &[0; 4096], b"\n", &bytes] {
        let why = refused(&[&bytes, more].concat(), "more");
        assert!(why.contains("the file goes on"), "{why}");
    }
}

#[test]
fn blocks_cannot_change_places() {
    let folder = Folder::new();
    let bytes = made(&folder, 4 << 20);
    // Noise is stored as it is: four blocks of one length at the end, of one page each.
    let (count, stored) = with(&bytes, |bundle| {
        let full = &bundle.manifest.component["rootfs"].payload["full"];
        (full.blocks as usize, full.stored as usize)
    });
    assert_eq!(count, 4);
    let (len, start) = (stored / 4, bytes.len() - stored);
    assert_eq!(stored % 4, 0, "blocks of one length");
    let mut swapped = bytes.clone();
    let (a, b) = swapped[start..].split_at_mut(len);
    a.swap_with_slice(&mut b[..len]);
    assert!(refused(&swapped, "blocks").contains("not the one that was signed"));
    // Their entries with them: the list is another one then.
    let index = start - count * super::layout::ENTRY;
    let (a, b) = swapped[index..start].split_at_mut(super::layout::ENTRY);
    a.swap_with_slice(&mut b[..super::layout::ENTRY]);
    assert!(refused(&swapped, "entries").contains("list of blocks"));
}

#[test]
fn what_is_too_large_is_refused_before_memory_is_taken() {
    let folder = Folder::new();
    let bytes = made(&folder, 600);
    for at in [12, 16] {
        let mut large = bytes.clone();
        large[at..at + 4].copy_from_slice(&(100_u32 << 20).to_le_bytes());
        let why = refused(&large, "100 MiB");
        assert!(why.contains("would have 104857600 bytes, and may have 1048576"), "{why}");
    }
    let mut long = manifest();
    long.compatible = vec!["x".repeat(256); 64];
    long.name = "x".repeat(257);
    let why = write::head("x".as_ref(), long, &[], &[]).expect_err("too long").to_string();
    assert!(why.contains("longer than 256 bytes"), "{why}");
}

#[test]
fn other_keys_and_other_files_are_refused() {
    let folder = Folder::new();
    let bytes = made(&folder, 600);
    let head = with(&bytes, |bundle| {
        let mut signed = crate::keys::signed::Signed::new(
            crate::keys::signed::Context::Manifest,
            bundle.head.signed.text().to_owned(),
        );
        signed.sign(&SecretKey::of_seed(2));
        Head { signed, ..bundle.head }
    });
    let body = with(&bytes, |bundle| bundle.head.len()) as usize;
    let other = [&head.to_bytes().expect("a head")[..], &bytes[body..]].concat();
    refused(&other, "another key");
    for not in [&b""[..], b"PK\x03\x04", &[0; 100], b"name = 'x'\n"] {
        refused(not, "no bundle");
    }
    let other = [&head.to_bytes().expect("a head")[..8], &2_u32.to_le_bytes(), &bytes[12..]].concat();
    assert!(refused(&other, "format 2").contains("of format 2, and this version reads 1"));
}

#[test]
fn the_same_input_makes_the_same_bytes() {
    let (here, there) = (Folder::new(), Folder::new());
    assert!(made(&here, (1 << 20) + 1) == made(&there, (1 << 20) + 1));
}

#[test]
fn an_empty_image_is_an_image() {
    let folder = Folder::new();
    let bytes = made(&folder, 0);
    check(&bytes).expect("it is whole");
    with(&bytes, |mut bundle| {
        assert_eq!(bundle.manifest.component["rootfs"].payload["full"].blocks, 0);
        assert_eq!(tree::digest(&bundle.pages("rootfs").expect("none")), *blake3::hash(b"").as_bytes());
    });
}

/// A source whose reader is killed after so many bytes.
struct Mortal<'a> {
    of: BytesSource<'a>,
    left: usize,
    read: usize,
}

impl Source for Mortal<'_> {
    fn place(&self) -> &str {
        "mortal"
    }

    fn read(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        let most = into.len().min(self.left).min(1000);
        if most == 0 {
            return Err(Fault::Stopped("killed".to_owned()));
        }
        let read = self.of.read(&mut into[..most])?;
        (self.left, self.read) = (self.left - read, self.read + read);
        Ok(read)
    }

    fn pass(&mut self, bytes: u64) -> Result<(), Fault> {
        self.of.pass(bytes)
    }
}

#[test]
fn what_was_fetched_of_a_block_outlives_its_process() {
    let folder = Folder::new();
    let bytes = made(&folder, 300_000);
    let (mut lives, mut read) = (0, 0);
    let shelf = folder.0.join("shelf");
    loop {
        let mut source = Mortal { of: BytesSource(&bytes), left: 40_000, read: 0 };
        let mut bundle = read::open(&mut source).and_then(read::Opened::unchecked).expect("a head");
        bundle.shelve(Shelf::open(&shelf, &Hex([7; 32])));
        let mut out = Vec::new();
        let poured = bundle.pages("rootfs").and_then(|pages| {
            let nothing: &[u8] = &[];
            bundle.pour("rootfs", "full", &pages, &nothing, &mut |_, page| {
                out.extend_from_slice(page);
                Ok(())
            })
        });
        let head = usize::try_from(bundle.head.len()).expect("short");
        if poured.is_ok() {
            bundle.clear();
            assert!(out == noise(8, 300_000));
        } else {
            drop(bundle);
        }
        (lives, read) = (lives + 1, read + source.read - head);
        if poured.is_ok() {
            break;
        }
        assert!(lives < 20);
    }
    // Nothing but the head came twice.
    assert!(lives > 5 && (300_000..301_000).contains(&read), "{lives} {read}");
    assert_eq!(fs::read_dir(&shelf).expect("a folder").count(), 0);
    // What another bundle left is removed, and what is damaged is proven so and forgotten.
    drop(Shelf::open(&shelf, &Hex([8; 32])));
    let mut shelf_ = Shelf::open(&shelf, &Hex([9; 32]));
    assert_eq!(fs::read_dir(&shelf).expect("a folder").count(), 1);
    let mut source = BytesSource(&bytes);
    let mut bundle = read::open(&mut source).and_then(read::Opened::unchecked).expect("a head");
    let pages = bundle.pages("rootfs").expect("pages");
    let nothing: &[u8] = &[];
    // The block of the one page, whose hash the index tells: a wrong beginning of it.
    let at = bytes.windows(4).rposition(|word| *word == 0xFD2F_B528_u32.to_le_bytes()).expect("a frame");
    let hash = *blake3::hash(&bytes[at..]).as_bytes();
    assert_eq!(shelf_.begin(&hash, &mut [0; 64]), 0);
    shelf_.add(b"wrong");
    bundle.shelve(shelf_);
    let error = bundle.pour("rootfs", "full", &pages, &nothing, &mut |_, _| Ok(())).expect_err("damaged");
    assert!(matches!(error, Fault::Machine(_)), "{error}");
    let mut source = BytesSource(&bytes);
    let mut bundle = read::open(&mut source).and_then(read::Opened::unchecked).expect("a head");
    bundle.shelve(Shelf::open(&shelf, &Hex([9; 32])));
    bundle.pages("rootfs").expect("pages");
    bundle.pour("rootfs", "full", &pages, &nothing, &mut |_, _| Ok(())).expect("whole");
}
