//! Images past 4 GiB: files that are nearly all holes, so that a test can have them.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};

use super::{World, image};

/// Past every 32-bit number.
const SIZE: u64 = (4 << 30) + (5 << 20) + 12_345;

#[test]
fn an_image_past_four_gigabytes() {
    let world = World::new();
    let place = SIZE - 3_000_000;
    let file = File::create(world.path("new")).expect("made");
    file.set_len(SIZE).expect("long");
    file.write_all_at(&image(1, 300_000), place).expect("written");
    file.write_all_at(&image(4, 5000), 77).expect("written");
    // What is at the end was at the start of the old one.
    world.write("old", &image(1, 400_000));
    let said = world.bundle(&["--method", "blocks", "--no-full"]).ends(0);
    assert!(said.out.contains(&format!(" bytes for an image of {SIZE}, against 'old'")), "{}", said.out);
    world.ota(["bundle", "extract", "x.ekb", "--key", "k.pub", "-o", "out", "--source", "old"]).ends(0);
    let out = File::open(world.path("out")).expect("written");
    let data = out.metadata().expect("known");
    assert_eq!(data.len(), SIZE);
    // A file system that knows holes keeps them; the others are not asked.
    let holes = fs::metadata(world.path("new")).expect("known").blocks() * 512 < SIZE / 2;
    assert!(!holes || data.blocks() * 512 < SIZE / 2, "{} blocks", data.blocks());
    let mut bytes = vec![0; 300_000];
    out.read_exact_at(&mut bytes, place).expect("read");
    assert!(bytes == image(1, 300_000));
    out.read_exact_at(&mut bytes[..5000], 77).expect("read");
    assert!(bytes[..5000] == image(4, 5000));
}
