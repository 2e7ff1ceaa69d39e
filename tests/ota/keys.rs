//! Keys, lists of keys, and who is believed.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::World;

fn mode(world: &World, name: &str) -> u32 {
    fs::metadata(world.path(name)).expect("it is there").mode() & 0o777
}

#[test]
fn a_secret_key_is_for_its_owner_alone() {
    let world = World::new();
    assert_eq!((mode(&world, "k.key"), mode(&world, "k.pub")), (0o600, 0o644));
    let key = world.read("k.key");
    let said = world.ota(["keygen", "k"]).ends(73);
    assert!(said.err.contains("cannot create 'k.key'"), "{}", said.err);
    assert!(world.read("k.key") == key, "it is not replaced");
    fs::set_permissions(world.path("k.key"), fs::Permissions::from_mode(0o640)).expect("set");
    let said = world.bundle(&[]).ends(65);
    assert!(said.err.contains("that others may read: its permissions are 0640\nhint: "), "{}", said.err);
}

#[test]
fn keys_of_openssl_are_keys() {
    let world = World::new();
    let openssl = |words: &[&str]| {
        let mut command = std::process::Command::new("openssl");
        command.args(words).current_dir(world.path("")).output().is_ok_and(|done| done.status.success())
    };
    if !openssl(&["genpkey", "-algorithm", "ed25519", "-out", "o.key"]) {
        // A machine without openssl has nothing to compare with.
        return;
    }
    fs::set_permissions(world.path("o.key"), fs::Permissions::from_mode(0o600)).expect("set");
    assert!(openssl(&["pkey", "-in", "o.key", "-pubout", "-out", "o.pub"]));
    assert!(openssl(&["pkey", "-in", "k.key", "-pubout", "-out", "k.pub2"]), "and openssl reads ours");
    assert!(world.read("k.pub2") == world.read("k.pub"));
    world.bundle(&["--sign-with", "o.key"]).ends(0);
    world.ota(["bundle", "verify", "x.ekb", "--key", "o.pub"]).ends(0);
}

#[test]
fn enough_of_the_right_keys_must_have_signed() {
    let world = World::new();
    world.ota(["keygen", "l"]).ends(0);
    world.ota(["keygen", "m"]).ends(0);
    world.bundle(&[]).ends(0);
    let verify = |keys: &[&str]| world.ota([&["bundle", "verify", "x.ekb"], keys].concat());
    let said = verify(&["--key", "l.pub"]).ends(65);
    assert!(said.err.contains("is signed by nobody who is trusted here\nhint: "), "{}", said.err);
    let two = ["--key", "k.pub", "--key", "l.pub", "--key", "m.pub", "--threshold", "2"];
    let said = verify(&two).ends(65);
    assert!(said.err.contains("has 1 of the 2 signatures"), "{}", said.err);
    world.ota(["bundle", "sign", "x.ekb", "--sign-with", "m.key"]).ends(0);
    let said = verify(&two).ends(0);
    assert!(said.out.contains("signed by 2 of 2 keys it takes"), "{}", said.out);
    world.ota(["bundle", "resign", "x.ekb", "--sign-with", "l.key", "-o", "y.ekb"]).ends(0);
    world.ota(["bundle", "verify", "y.ekb", "--key", "l.pub"]).ends(0);
    world.ota(["bundle", "verify", "y.ekb", "--key", "k.pub"]).ends(65);
    let said = verify(&[]).ends(2);
    assert!(said.err.contains("there is nobody to believe\nhint: give --key FILE"), "{}", said.err);
}

#[test]
fn keys_are_exchanged_by_a_list_that_a_bundle_brings() {
    let world = World::new();
    world.ota(["keygen", "l"]).ends(0);
    world.ota(["keygen", "m"]).ends(0);
    world.ota(["keys", "create", "one.toml", "--key", "k.pub", "--sign-with", "k.key"]).ends(0);
    let two = ["keys", "create", "two.toml", "--after", "one.toml", "--key", "l.pub", "--key", "m.pub"];
    world
        .ota([&two[..], &["--threshold", "2", "--sign-with", "k.key", "--sign-with", "l.key"]].concat())
        .ends(0);
    let verify = |list: &str| world.ota(["bundle", "verify", "x.ekb", "--keys", list]);
    let resign = |more: &[&str]| world.ota([&["bundle", "resign", "x.ekb"], more].concat());
    world.bundle(&[]).ends(0);
    verify("one.toml").ends(0);
    let both = ["--sign-with", "l.key", "--sign-with", "m.key", "--list", "one.toml", "--list", "two.toml"];
    let said = resign(&both).ends(65);
    assert!(said.err.contains("list 2 of keys does not follow list 1"), "{}", said.err);
    world.ota(["keys", "sign", "two.toml", "--sign-with", "m.key"]).ends(0);
    resign(&both).ends(0);
    verify("one.toml").ends(0);
    verify("two.toml").ends(0);
    // The device's own list lies in the folder of its configuration.
    fs::create_dir(world.path("ota")).expect("made");
    fs::copy(world.path("one.toml"), world.path("ota/keys.toml")).expect("copied");
    world.ota(["bundle", "verify", "x.ekb"]).ends(0);
    resign(&["--sign-with", "k.key", "--list", "one.toml", "--list", "two.toml"]).ends(0);
    let said = verify("one.toml").ends(65);
    assert!(
        said.err.contains("is signed by nobody who is trusted here"),
        "the old key is withdrawn: {}",
        said.err
    );
    resign(&["--sign-with", "l.key", "--sign-with", "m.key"]).ends(0);
    verify("one.toml").ends(65);
    verify("two.toml").ends(0);
}

#[test]
fn a_list_ends() {
    let world = World::new();
    let create =
        ["keys", "create", "one.toml", "--key", "k.pub", "--sign-with", "k.key", "--expires", "2020-01-01"];
    world.ota(create).ends(0);
    world.bundle(&[]).ends(0);
    let said = world.ota(["bundle", "verify", "x.ekb", "--keys", "one.toml"]).ends(65);
    assert!(said.err.contains("list 1 of keys expired at 2020-01-01"), "{}", said.err);
    let text = String::from_utf8(world.read("one.toml")).expect("text").replace("2020", "2090");
    world.write("one.toml", text.as_bytes());
    let said = world.ota(["bundle", "verify", "x.ekb", "--keys", "one.toml"]).ends(65);
    assert!(said.err.contains("is not signed by 1 of its own keys"), "{}", said.err);
}
