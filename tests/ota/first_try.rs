//! What somebody meets who has the tool for the first time, and takes one thing for another.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::Value;

use super::World;
use crate::harness::Said;

/// A device of two image files, `a.img` and `b.img`.
const IMAGES: &str = "[component.rootfs]\nkind = 'device'\na = 'A'\nb = 'B'\n";

/// `edgekit ota …` on a device that is described so.
fn on(world: &World, words: &[&str]) -> Said {
    let mut command = world.command();
    command.env("STATE_DIRECTORY", world.path("state")).env("RUNTIME_DIRECTORY", world.path("run"));
    crate::harness::say(command.args(words))
}

fn device(config: &str, b: &str) -> World {
    let world = World::new();
    let place = |name: &str| format!("'{}'", world.path(name).display());
    let config = config.replace("'A'", &place("a.img")).replace("'B'", &place(b));
    world.write("ota.toml", config.as_bytes());
    fs::copy(world.path("old"), world.path("a.img")).expect("copied");
    world
}

#[test]
fn one_kind_of_key_is_not_taken_for_another() {
    let world = World::new();
    world.ota(["keygen", "--encryption", "d"]).ends(0);
    world.write(
        "locked.key",
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGj\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    world.bundle(&[]).ends(0);
    for (words, said) in [
        (
            &["bundle", "sign", "x.ekb", "--sign-with", "k.pub"][..],
            "'k.pub' is a public key, and a secret one",
        ),
        (
            &["bundle", "sign", "x.ekb", "--sign-with", "d.key"],
            "'d.key' is a key for encryption, not for signatures",
        ),
        (&["bundle", "sign", "x.ekb", "--sign-with", "locked.key"], "'locked.key' is locked with a password"),
        (&["bundle", "sign", "x.ekb", "--sign-with", "old"], "'old' is not an Ed25519 secret key"),
        (&["bundle", "verify", "x.ekb", "--key", "k.key"], "'k.key' is a secret key, and a public one"),
        (&["bundle", "verify", "x.ekb", "--key", "d.pub"], "'d.pub' is a key for encryption"),
        (&["bundle", "verify", "x.ekb", "--keys", "k.pub"], "'k.pub' is a key, and no list of keys"),
        (&["keys", "sign", "k.pub", "--sign-with", "k.key"], "'k.pub' is a key, and no list of keys"),
    ] {
        let err = world.ota(words).ends(65).err;
        assert!(err.contains(said) && err.contains("\nhint: "), "{words:?}: {err}");
    }
    let locks = ["bundle", "create", "y.ekb", "--name", "gw", "--version", "1", "--component", "rootfs=new"];
    let err = world.ota([&locks[..], &["--encrypt-to", "k.pub"]].concat()).ends(65).err;
    assert!(err.contains("'k.pub' is a key for signatures, not for encryption"), "{err}");
    // A secret key that others may read is still told from one that is none.
    fs::set_permissions(world.path("k.key"), fs::Permissions::from_mode(0o644)).expect("set");
    let err = world.ota(["bundle", "sign", "x.ekb", "--sign-with", "k.key"]).ends(65).err;
    assert!(err.contains("its permissions are 0644"), "{err}");
}

#[test]
fn half_a_pair_of_keys_is_never_left() {
    let world = World::new();
    world.write("n.pub", b"somebody's");
    let said = world.ota(["keygen", "n"]).ends(73);
    assert!(said.err.contains("'n.pub': file exists\nhint: choose another name"), "{}", said.err);
    assert!(!world.path("n.key").exists());
    let said = world.ota(["keygen", "m.key"]).ends(2);
    assert!(said.err.contains("'edgekit ota keygen m' makes both files"), "{}", said.err);
    assert!(!world.path("m.key.key").exists());
}

#[test]
fn signing_by_turns_says_how_far_it_is() {
    let world = World::new();
    world.ota(["keygen", "l"]).ends(0);
    world.bundle(&[]).ends(0);
    let said = world.ota(["bundle", "sign", "x.ekb", "--sign-with", "l.key"]).ends(0);
    assert!(said.err.contains("'x.ekb' has 2 signatures"), "{}", said.err);
    let both = ["--key", "k.pub", "--key", "l.pub"];
    let create = ["keys", "create", "keys.toml", "--threshold", "2", "--sign-with", "k.key"];
    let said = world.ota([&create[..], &both].concat()).ends(0);
    assert!(said.err.contains("has 1 of the 2 signatures of its own keys it takes"), "{}", said.err);
    let said = world.ota(["keys", "sign", "keys.toml", "--sign-with", "l.key"]).ends(0);
    assert!(said.err.contains("has 2 of the 2 signatures"), "{}", said.err);
    // What cannot be is the fault of the command line, before anything is read or written.
    let many = ["--threshold", "3"];
    let said = world.ota([&["keys", "create", "more.toml"], &both[..], &many].concat()).ends(2);
    assert!(said.err.contains("--threshold 3 is more than there are keys: 2"), "{}", said.err);
    world.ota([&["bundle", "verify", "x.ekb"], &both[..], &many].concat()).ends(2);
}

#[test]
fn a_list_that_is_wrong_keeps_nobody_from_going_back() {
    let world = device(IMAGES, "b.img");
    world.bundle(&[]).ends(0);
    on(&world, &["apply", "x.ekb", "--key", "k.pub"]).ends(0);
    fs::create_dir(world.path("ota")).expect("made");
    world.write("ota/keys.toml", b"nonsense");
    on(&world, &["status"]).ends(0);
    on(&world, &["settle"]).ends(0);
    on(&world, &["rollback"]).ends(0);
    on(&world, &["unblock", "--all"]).ends(0);
    // Nobody asks it where another is named; and who is asked says so.
    on(&world, &["plan", "x.ekb", "--key", "k.pub"]).ends(0);
    let said = on(&world, &["plan", "x.ekb"]).ends(65);
    assert!(said.err.contains("ota/keys.toml"), "{}", said.err);
    fs::remove_file(world.path("ota/keys.toml")).expect("removed");
    for verb in ["plan", "apply", "simulate"] {
        let said = on(&world, &[verb, "x.ekb"]).ends(2);
        assert!(said.err.contains("there is nobody to believe\nhint: give --key FILE"), "{}", said.err);
    }
}

#[test]
fn the_slot_that_runs_is_not_written_by_another_name() {
    for name in ["link", "hard", "sub/../a.img"] {
        let world = device(IMAGES, name);
        symlink("a.img", world.path("link")).expect("a link");
        fs::hard_link(world.path("a.img"), world.path("hard")).expect("a link");
        fs::create_dir(world.path("sub")).expect("made");
        world.bundle(&[]).ends(0);
        for verb in ["plan", "apply"] {
            let said = on(&world, &[verb, "x.ekb", "--key", "k.pub"]).ends(73);
            assert!(said.err.contains("are the same, and what runs is in it\nhint: "), "{}", said.err);
        }
        assert_eq!(world.read("a.img"), world.read("old"));
    }
}

#[test]
fn a_folder_that_is_not_there_is_seen_in_the_plan() {
    let world = device(IMAGES, "none/b.img");
    world.bundle(&[]).ends(0);
    let said = on(&world, &["plan", "x.ekb", "--key", "k.pub"]).ends(73);
    assert!(said.err.contains("cannot be made: there is no folder"), "{}", said.err);
}

#[test]
fn a_slot_that_somebody_called_bad_stays_so() {
    let world = device(IMAGES, "b.img");
    world.bundle(&[]).ends(0);
    on(&world, &["apply", "x.ekb", "--key", "k.pub"]).ends(0);
    on(&world, &["commit"]).ends(0);
    on(&world, &["mark-bad", "other", "--why", "worn out"]).ends(0);
    let status = on(&world, &["status"]).ends(0).out;
    assert!(status.contains("slot a: as it came; is bad: worn out"), "{status}");
    let said = on(&world, &["rollback"]).ends(1);
    assert!(said.err.contains("slot a is bad: worn out"), "{}", said.err);
    on(&world, &["mark-bad"]).ends(1);
    on(&world, &["unblock", "--all"]).ends(0);
    let status: Value = serde_json::from_str(&on(&world, &["status", "--json"]).ends(0).out).expect("JSON");
    assert_eq!((&status["bad"]["a"], &status["running"]), (&Value::Null, &"b".into()));
    on(&world, &["rollback"]).ends(0);
    let said = on(&world, &["unblock", "x"]).ends(2);
    assert!(said.err.contains("edgekit ota: ID: 'x' is not"), "{}", said.err);
}

#[test]
fn what_was_written_and_removed_is_begun_afresh() {
    let config = "[component.a]\nkind = 'file'\n[component.z]\nkind = 'device'\na = 'A'\nb = 'B'\n";
    let world = device(config, "b.img");
    let words = ["bundle", "create", "x.ekb", "--name", "gw", "--version", "1", "--sign-with", "k.key"];
    world.ota([&words[..], &["--component", "a=old", "--component", "z=new"]].concat()).ends(0);
    // The end is missing: the first component is done and recorded, and the second is not.
    let whole = world.read("x.ekb");
    world.write("cut.ekb", &whole[..whole.len() - 1000]);
    on(&world, &["apply", "cut.ekb", "--key", "k.pub"]).ends(65);
    let place = world.path("state/ota/sets/b/a");
    assert_eq!(fs::read(&place).expect("it is there"), world.read("old"));
    fs::remove_file(&place).expect("removed");
    let said = on(&world, &["apply", "x.ekb", "--key", "k.pub"]).ends(0);
    assert!(said.err.contains("sets/b/a' before is gone: it is begun afresh"), "{}", said.err);
    assert_eq!(fs::read(&place).expect("it is there"), world.read("old"));
    assert_eq!(world.read("b.img"), world.read("new"));
}

#[test]
fn a_trial_run_reads_what_is_encrypted_and_keeps_its_folder() {
    let world = device(IMAGES, "b.img");
    world.ota(["keygen", "--encryption", "d"]).ends(0);
    world.bundle(&["--encrypt-to", "d.pub"]).ends(0);
    let words = ["simulate", "x.ekb", "--key", "k.pub", "--decrypt-with", "d.key", "--scratch", "trial"];
    let said = on(&world, &words).ends(0);
    assert!(said.out.contains("commit: gw 1.4 stays"), "{}", said.out);
    let said = on(&world, &words).ends(73);
    assert!(said.err.contains("'trial' is there already\nhint: "), "{}", said.err);
}

#[test]
fn an_address_of_another_kind_is_no_file() {
    let world = device(IMAGES, "b.img");
    let said = on(&world, &["plan", "ftp://host/x.ekb", "--key", "k.pub"]).ends(2);
    assert!(
        said.err.contains("'ftp' is not known\nhint: bundles are fetched by http and https"),
        "{}",
        said.err
    );
}

#[test]
fn words_that_were_exchanged_cost_no_image_and_no_key() {
    let world = World::new();
    let words = ["--name", "gw", "--version", "1", "--component", "rootfs=new"];
    let said = world.ota([&["bundle", "create", "new"], &words[..]].concat()).ends(73);
    assert!(said.err.contains("'new' is there already, and is no bundle\nhint: "), "{}", said.err);
    let said = world.ota([&["bundle", "create", "none/x.ekb"], &words[..]].concat()).ends(73);
    assert!(said.err.contains("there is no folder 'none'"), "{}", said.err);
    let said = world
        .ota([&["bundle", "create", "x.ekb"], &words[..], &["--component", "rootfs=old"]].concat())
        .ends(2);
    assert!(said.err.contains("there are two components 'rootfs'"), "{}", said.err);
    let key = world.read("k.key");
    world.ota(["keys", "create", "k.key", "--key", "k.pub"]).ends(73);
    assert_eq!(world.read("k.key"), key);
    world.bundle(&["--no-full"]).ends(0);
    world.bundle(&["--no-full"]).ends(0);
    for (out, old) in [("x.ekb", "old"), ("old", "old")] {
        let words = ["bundle", "extract", "x.ekb", "-o", out, "--source", old, "--key", "k.pub"];
        let said = world.ota(words).ends(2);
        assert!(said.err.contains("would be replaced by what is read from it"), "{}", said.err);
    }
    let said = world.ota(["bundle", "extract", "x.ekb", "-o", "out", "--key", "k.pub"]).ends(65);
    assert!(said.err.contains("give the image that is installed as --source"), "{}", said.err);
}
