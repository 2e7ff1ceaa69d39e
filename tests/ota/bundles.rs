//! Bundles made, looked into and taken apart.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use super::{World, image};
use crate::harness::{edgekit, plain};

fn json(line: &str) -> Value {
    serde_json::from_str(line).expect("JSON")
}

#[test]
fn an_image_goes_in_and_comes_out() {
    let world = World::new();
    let said =
        world.bundle(&["--json", "--compatible", "gw-*", "--floor", "1.2", "--min-source", "1.1"]).ends(0);
    let payloads: Vec<Value> = said.out.lines().map(json).collect();
    assert_eq!(payloads.len(), 2, "{}", said.out);
    assert_eq!(payloads[1]["schema"], "edgekit.ota.bundle.payload/1");
    assert!(payloads[1]["stored_bytes"].as_u64() < Some(20_000), "{}", said.out);
    assert_eq!(said.err, "");
    let said = world.verify(&["--json"]).ends(0);
    let verified = json(&said.out);
    assert_eq!((&verified["name"], &verified["version"]), (&Value::from("gw"), &Value::from("1.4")));
    for (source, payload) in
        [(&[][..], "full"), (&["--source", "old"], "delta-1"), (&["--source", "new"], "full")]
    {
        let words = ["bundle", "extract", "x.ekb", "--key", "k.pub", "-o", "out", "--json"];
        let said = world.ota([&words, source].concat()).ends(0);
        assert_eq!(json(&said.out)["payload"], payload);
        assert!(world.read("out") == world.read("new"), "{payload}");
        fs::remove_file(world.path("out")).expect("removed");
    }
}

#[test]
fn a_bundle_says_what_it_is() {
    let world = World::new();
    world.bundle(&["--compatible", "gw-*", "--compatible", "lab", "--expires", "2090-01-31"]).ends(0);
    let said = world.ota(["bundle", "inspect", "x.ekb"]).ends(0);
    for piece in ["gw 1.4\n", "hardware     gw-*, lab", "expires      2090-01-31", "(not checked)", "delta-1"]
    {
        assert!(said.out.contains(piece), "{piece}: {}", said.out);
    }
    let told = json(&world.ota(["bundle", "inspect", "x.ekb", "--json"]).ends(0).out);
    assert_eq!(told["checked"], false);
    assert_eq!(told["components"][0]["payloads"][1]["name"], "full");
    let text = world.ota(["bundle", "inspect", "x.ekb", "--manifest"]).ends(0).out;
    assert!(
        text.starts_with("format = 1\nname = \"gw\"\n") && text.contains("# signature ed25519 "),
        "{text}"
    );
    let head = world.read("x.ekb");
    assert!(head[56..].starts_with(text.as_bytes()), "a person can read it with head");
}

#[test]
fn a_pipe_is_enough() {
    let world = World::new();
    world.bundle(&[]).ends(0);
    for words in [&["verify", "-"][..], &["extract", "-", "-o", "out", "--source", "old"]] {
        let file = fs::File::open(world.path("x.ekb")).expect("a bundle");
        let mut cat =
            std::process::Command::new("cat").stdin(file).stdout(Stdio::piped()).spawn().expect("cat");
        let pipe = cat.stdout.take().expect("its output");
        let mut command = world.command();
        command.arg("bundle").args(words).args(["--key", "k.pub"]).stdin(pipe);
        let done = plain(&mut command).output().expect("it runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        // It holds the other end of the pipe, which cat would wait for.
        drop(command);
        cat.wait().expect("cat ends");
    }
    assert!(world.read("out") == world.read("new"));
}

#[test]
fn the_same_input_makes_the_same_bundle() {
    let (here, there) = (World::new(), World::new());
    for name in ["k.key", "k.pub"] {
        fs::copy(here.path(name), there.path(name)).expect("copied");
    }
    here.bundle(&["--compatible", "a"]).ends(0);
    there.bundle(&["--compatible", "a"]).ends(0);
    assert!(here.read("x.ekb") == there.read("x.ekb"));
}

#[test]
fn a_delta_that_does_not_pay_is_left_out_and_it_is_said() {
    let world = World::new();
    world.write("old", &image(9, 300_000));
    let said = world.bundle(&[]).ends(0);
    assert!(said.out.contains("left out: the full image is no larger"), "{}", said.out);
    let told = world.ota(["bundle", "inspect", "x.ekb"]).ends(0).out;
    assert!(!told.contains("delta-1"), "{told}");
    let words = [
        "bundle",
        "extract",
        "x.ekb",
        "--key",
        "k.pub",
        "-o",
        "out",
        "--source",
        "old",
        "--no-full-fallback",
    ];
    let said = world.ota(words).ends(65);
    assert!(said.err.contains("'rootfs' comes as a full image only"), "{}", said.err);
}

#[test]
fn a_delta_without_a_full_image_wants_its_source() {
    let world = World::new();
    world.bundle(&["--no-full"]).ends(0);
    world.verify(&[]).ends(0);
    let extract = |more: &[&str]| {
        world.ota([&["bundle", "extract", "x.ekb", "--key", "k.pub", "-o", "out"], more].concat())
    };
    extract(&["--source", "old"]).ends(0);
    assert!(world.read("out") == world.read("new"));
    fs::remove_file(world.path("out")).expect("removed");
    for more in [&[][..], &["--source", "new"]] {
        let said = extract(more).ends(65);
        assert!(said.err.contains("comes as deltas only") && said.err.contains("hint: "), "{}", said.err);
    }
    let said = extract(&["--source", "new", "--no-full-fallback"]).ends(65);
    assert!(said.err.contains("no delta of 'rootfs' is against 'new'"), "{}", said.err);
    assert!(!world.path("out").exists());
}

#[test]
fn methods_are_compared() {
    let world = World::new();
    let said = world.ota(["bundle", "diff", "old", "new", "--json"]).ends(0);
    let sizes: Vec<u64> =
        said.out.lines().map(|line| json(line)["stored_bytes"].as_u64().expect("bytes")).collect();
    assert_eq!(sizes.len(), 3);
    assert!(sizes[0] < 20_000 && sizes[0] < sizes[1].min(sizes[2]), "{sizes:?}");
    let said = world.ota(["bundle", "diff", "old", "new", "--method", "chunks,blocks"]).ends(0);
    assert!(said.out.starts_with("chunks") && said.out.lines().count() == 2, "{}", said.out);
}

#[test]
fn several_components_are_told_apart() {
    let world = World::new();
    world.bundle(&["--component", "kernel=old"]).ends(0);
    world.verify(&[]).ends(0);
    let extract = |more: &[&str]| {
        world.ota([&["bundle", "extract", "x.ekb", "--key", "k.pub", "-o", "out"], more].concat())
    };
    let said = extract(&[]).ends(66);
    assert!(said.err.contains("hint: choose one with --component: kernel, rootfs"), "{}", said.err);
    let said = extract(&["--component", "kernl"]).ends(66);
    assert!(said.err.contains("has no component 'kernl'\nhint: it has: kernel, rootfs"), "{}", said.err);
    extract(&["--component", "kernel"]).ends(0);
    assert!(world.read("out") == world.read("old"));
}

#[test]
fn words_that_make_no_sense_are_told() {
    let world = World::new();
    for (words, code, why) in [
        (&["--component", "kernel"][..], 2, "'kernel' is not NAME=IMAGE"),
        (&["--source", "kernel=old"], 2, "there is no component 'kernel'\nhint: components are: rootfs"),
        (&["--component", "rootfs=old"], 2, "there are two components 'rootfs'"),
        (&["--component", "../etc=old"], 65, "the name '../etc' may hold only letters"),
        (&["--floor", "1.5"], 65, "its own version is below the floor it sets"),
        (&["--floor", "one"], 2, "--floor: 'one' is not a version"),
        (&["--expires", "tomorrow"], 2, "--expires: 'tomorrow' is not a point in time"),
        (&["--component", "x=nothing"], 66, "cannot open 'nothing': no such file or directory"),
        (&["--component", "x=/dev/null"], 65, "'/dev/null' is no file and no block device"),
    ] {
        let said = world.bundle(words).ends(code);
        assert!(said.err.contains(why), "{why}: {}", said.err);
        assert!(!world.path("x.ekb").exists(), "nothing is left of it");
    }
    let left: Vec<_> =
        fs::read_dir(world.path("")).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left.len(), 4, "{left:?}");
    edgekit(["ota"]).ends(2);
}
