//! Whatever was done to a bundle: refused, exit code 65 and the reason, and nothing is written.
//!
//! Every bit of a small bundle is flipped in the crate's own tests; here the way through the command line is proven
//! at places of every part.

use std::fs;

use super::World;

/// Extracting is refused for the reason, and leaves nothing.
#[track_caller]
fn refused(world: &World, why: &str) {
    let extract = ["bundle", "extract", "x.ekb", "--key", "k.pub", "-o", "out"];
    for words in [&["bundle", "verify", "x.ekb", "--key", "k.pub"][..], &extract] {
        let said = world.ota(words).ends(65);
        assert!(said.err.contains(why), "{why}: {}", said.err);
        assert!(said.err.contains("\nhint: "), "{}", said.err);
    }
    let folder = fs::read_dir(world.path("")).expect("a folder").flatten();
    let left = folder.filter(|entry| entry.file_name().to_string_lossy().contains("out"));
    assert_eq!(left.count(), 0);
}

#[test]
fn a_flipped_bit_anywhere() {
    let world = World::new();
    // Without a delta: all of it is needed to extract the image.
    fs::remove_file(world.path("old")).expect("removed");
    let words =
        ["bundle", "create", "x.ekb", "--name", "gw", "--version", "1.4", "--component", "rootfs=new"];
    world.ota([&words[..], &["--sign-with", "k.key"]].concat()).ends(0);
    let good = world.read("x.ekb");
    let head = good.windows(11).position(|piece| piece == b"# signature").expect("a signature") + 12;
    let places = [0, 4, 9, 13, 17, 21, 30, 60, 300, head, head + 100, good.len() - 700_100, good.len() - 1];
    let spread = (1..20).map(|part| good.len() * part / 20);
    for at in places.into_iter().chain(spread) {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        world.write("x.ekb", &bad);
        refused(&world, "x.ekb'");
    }
}

#[test]
fn cut_short_and_too_long() {
    let world = World::new();
    world.bundle(&[]).ends(0);
    let good = world.read("x.ekb");
    for end in [0, 7, 8, 55, 56, 500, good.len() / 2, good.len() - 1] {
        world.write("x.ekb", &good[..end]);
        refused(&world, "is cut short");
    }
    world.write("x.ekb", &[&good[..], b"x"].concat());
    let said = world.verify(&[]).ends(65);
    assert!(said.err.contains("the bundle ends here, and the file goes on"), "{}", said.err);
}

#[test]
fn a_manifest_of_a_hundred_megabytes() {
    let world = World::new();
    world.bundle(&[]).ends(0);
    let mut bytes = world.read("x.ekb");
    bytes[12..16].copy_from_slice(&(100_u32 << 20).to_le_bytes());
    bytes.extend(std::iter::repeat_n(b'#', 1 << 20));
    world.write("x.ekb", &bytes);
    refused(&world, "the manifest would have 104857600 bytes, and may have 1048576");
}

#[test]
fn another_key_and_no_key() {
    let world = World::new();
    world.ota(["keygen", "l"]).ends(0);
    world.bundle(&[]).ends(0);
    world.ota(["bundle", "resign", "x.ekb", "--sign-with", "l.key"]).ends(0);
    refused(&world, "is signed by nobody who is trusted here");
    // The key is another's, the signature is still that of 'l'.
    let text = String::from_utf8_lossy(&world.read("k.pub")).into_owned();
    assert!(text.starts_with("-----BEGIN PUBLIC KEY-----"), "{text}");
    world.bundle(&["--sign-with", "l.key"]).ends(0);
    let said = world.ota(["bundle", "verify", "x.ekb", "--key", "x.ekb"]).ends(65);
    assert!(said.err.contains("hint: "), "{}", said.err);
    world.write("x.ekb", b"not a bundle at all, but long enough to be looked at as one, and then some");
    refused(&world, "is not an update bundle");
}

#[test]
fn not_for_this_device_or_not_now() {
    let world = World::new();
    world.bundle(&["--compatible", "gw-*", "--min-source", "1.2"]).ends(0);
    let fit = ["--hardware", "gw-7", "--installed", "1.3", "--floor", "1.4"];
    world.verify(&fit).ends(0);
    for (more, why) in [
        (["--hardware", "switch-1"], "is for hardware 'gw-*', and this is 'switch-1'"),
        (["--floor", "1.4.1"], "gw 1.4 is below 1.4.1, and nothing below that is taken here"),
        (["--installed", "1.1"], "needs 1.2 or newer to be installed before, and 1.1 is"),
    ] {
        let said = world.verify(&more).ends(65);
        assert!(said.err.contains(why) && said.err.contains("\nhint: "), "{}", said.err);
    }
    world.ota(["bundle", "resign", "x.ekb", "--sign-with", "k.key", "--expires", "2020-05-06"]).ends(0);
    let said = world.verify(&[]).ends(65);
    assert!(said.err.contains("gw 1.4 expired at 2020-05-06"), "{}", said.err);
}

#[test]
fn a_damaged_bundle_is_not_signed() {
    let world = World::new();
    world.bundle(&[]).ends(0);
    let mut bytes = world.read("x.ekb");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    world.write("x.ekb", &bytes);
    for verb in ["sign", "resign"] {
        world.ota(["bundle", verb, "x.ekb", "--sign-with", "k.key"]).ends(65);
    }
    assert!(world.read("x.ekb") == bytes, "it is left as it is");
}
