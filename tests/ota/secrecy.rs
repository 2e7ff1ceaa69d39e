//! Bundles that only some devices can read: whoever has the key gets the images, whoever has none can still prove it.

use std::process::Command;

use super::World;
use crate::harness::say;

const TO: [&str; 4] = ["--encrypt-to", "one.pub", "--encrypt-to", "two.pub"];

fn world() -> World {
    let world = World::new();
    for name in ["one", "two", "three"] {
        world.ota(["keygen", "--encryption", name]).ends(0);
    }
    world.bundle(&TO).ends(0);
    world
}

#[test]
fn its_recipients_read_it_and_nobody_else() {
    let world = world();
    let extract = ["bundle", "extract", "x.ekb", "--key", "k.pub", "-o", "out"];
    for more in [
        &["--decrypt-with", "one.key"][..],
        &["--decrypt-with", "three.key", "--decrypt-with", "two.key", "--source", "old"],
    ] {
        world.ota([&extract[..], more].concat()).ends(0);
        assert!(world.read("out") == world.read("new"));
        std::fs::remove_file(world.path("out")).expect("removed");
    }
    for more in [&[][..], &["--decrypt-with", "three.key"]] {
        let said = world.ota([&extract[..], more].concat()).ends(65);
        assert!(said.err.contains("and none that was given opens it"), "{}", said.err);
        assert!(said.err.contains("\nhint: ") && !world.path("out").exists(), "{}", said.err);
    }
    // A key that signs opens nothing, and one that opens signs nothing.
    let said = world.ota([&extract[..], &["--decrypt-with", "k.key"]].concat()).ends(65);
    assert!(said.err.contains("is a key for signatures, not for encryption"), "{}", said.err);
    let said = world.bundle(&["--encrypt-to", "k.pub"]).ends(65);
    assert!(said.err.contains("is a key for signatures, not for encryption"), "{}", said.err);
    world.ota(["bundle", "sign", "x.ekb", "--sign-with", "one.key"]).ends(65);
}

#[test]
fn it_is_proven_without_a_key() {
    let world = world();
    let said = world.verify(&[]).ends(0);
    assert!(said.err.contains("nobody looked into them"), "{}", said.err);
    assert!(!world.verify(&["--decrypt-with", "one.key"]).ends(0).err.contains("nobody"));
    world.verify(&["--decrypt-with", "three.key"]).ends(65);
    let good = world.read("x.ekb");
    // None of the image is in it.
    let new = world.read("new");
    assert!(!good.windows(64).any(|piece| piece == &new[300_000..300_064]));
    let wrap = good.windows(7).position(|piece| piece == b"\nkey = ").expect("a wrapped key") + 9;
    for at in [wrap, good.len() - 1, good.len() - 400_000, good.len() / 2] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        world.write("x.ekb", &bad);
        world.verify(&[]).ends(65);
        world.verify(&["--decrypt-with", "one.key"]).ends(65);
    }
    world.write("x.ekb", &good[..good.len() - 1]);
    world.verify(&[]).ends(65);
    // Other signatures change nothing about who reads it.
    world.write("x.ekb", &good);
    world.ota(["bundle", "resign", "x.ekb", "--sign-with", "k.key", "--expires", "2099-01-01"]).ends(0);
    world.verify(&["--decrypt-with", "two.key"]).ends(0);
    let said = world.ota(["bundle", "inspect", "x.ekb"]).ends(0);
    assert_eq!(said.out.matches("encrypted to").count(), 2, "{}", said.out);
}

#[test]
fn keys_are_those_of_openssl() {
    let world = world();
    let openssl = |words: &[&str]| say(Command::new("openssl").args(words).current_dir(world.path("")));
    if Command::new("openssl").arg("version").output().is_err() {
        // A machine without openssl has nothing to compare with.
        return;
    }
    openssl(&["genpkey", "-algorithm", "x25519", "-out", "theirs.key"]).ends(0);
    openssl(&["pkey", "-in", "theirs.key", "-pubout", "-out", "theirs.pub"]).ends(0);
    world.bundle(&["--encrypt-to", "theirs.pub"]).ends(0);
    world.verify(&["--decrypt-with", "theirs.key"]).ends(0);
    let ours = openssl(&["pkey", "-in", "one.key", "-pubout"]).ends(0);
    assert_eq!(ours.out.as_bytes(), world.read("one.pub"));
}
