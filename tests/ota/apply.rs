//! Installing on a device: image files, folders and files, and everything that is refused before the first write.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::Value;

use super::{World, image};
use crate::harness::Said;

/// A device of two image files, and one of a folder and a file.
const IMAGES: &str = "hardware = 'gw-2b'\n[component.rootfs]\nkind = 'device'\na = 'A'\nb = 'B'\n";
const SETS: &str = "[component.app]\nkind = 'folder'\n[component.model]\nkind = 'file'\n";

/// A world with a device in it.
struct Device(World);

impl Device {
    fn new(config: &str) -> Device {
        let world = World::new();
        let here = |name: &str| format!("'{}'", world.path(name).display());
        let config = config.replace("'A'", &here("a.img")).replace("'B'", &here("b.img"));
        world.write("ota.toml", config.as_bytes());
        fs::copy(world.path("old"), world.path("a.img")).expect("copied");
        Device(world)
    }

    fn ota(&self, words: &[&str]) -> Said {
        let mut command = self.0.command();
        command.env("STATE_DIRECTORY", self.0.path("state")).env("RUNTIME_DIRECTORY", self.0.path("run"));
        crate::harness::say(command.args(words))
    }

    fn apply(&self, more: &[&str]) -> Said {
        self.ota(&[&["apply", "x.ekb", "--key", "k.pub"], more].concat())
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.ota(&["status", "--json", "--read"]).ends(0).out).expect("JSON")
    }

    /// A bundle of version `version`, of `NAME=IMAGE`.
    fn bundle(&self, version: &str, components: &[&str], more: &[&str]) {
        let mut words =
            vec!["bundle", "create", "x.ekb", "--name", "gw", "--version", version, "--sign-with", "k.key"];
        components.iter().for_each(|component| words.extend(["--component", component]));
        self.0.ota([&words, more].concat()).ends(0);
    }
}

#[test]
fn a_delta_is_planned_installed_and_kept() {
    let device = Device::new(IMAGES);
    device.bundle("1.4", &["rootfs=new"], &["--source", "rootfs=old", "--compatible", "gw-2*"]);
    let plan: Value =
        serde_json::from_str(&device.ota(&["plan", "x.ekb", "--key", "k.pub", "--json"]).ends(0).out)
            .expect("JSON");
    assert_eq!((&plan["slot"], &plan["components"][0]["way"]), (&"b".into(), &"delta".into()));
    assert!(plan["fetch_bytes"].as_u64().expect("bytes") < 40_000, "{plan}");
    assert!(!device.0.path("b.img").exists() && !device.0.path("state").exists());
    let said = device.apply(&[]).ends(0);
    assert!(said.out.contains("gw 1.4 is in use in slot b"), "{}", said.out);
    assert_eq!(device.0.read("b.img"), device.0.read("new"));
    let status = device.status();
    let digest = blake3_of(&device, "new");
    assert_eq!(status["running"], "b");
    assert_eq!(status["running_components"]["rootfs"]["digest"], digest.as_str());
    assert_eq!((&status["deployment"]["stage"], &status["tries_left"]), (&"trying".into(), &2.into()));
    assert!(device.ota(&["status"]).ends(0).out.contains("last: gw 1.4 is trying"));
    device.ota(&["commit"]).ends(0);
    assert!(device.apply(&[]).ends(0).out.contains("runs already"));
    device.ota(&["rollback", "--why", "too green"]).ends(0);
    assert_eq!(device.status()["running"], "a");
    let said = device.apply(&[]).ends(1);
    assert!(said.err.contains("1.4 is blocked since") && said.err.contains("too green"), "{}", said.err);
    device.ota(&["unblock", "--all"]).ends(0);
    device.apply(&[]).ends(0);
    device.ota(&["mark-bad", "--why", "no"]).ends(0);
    assert_eq!(device.status()["next"], "a");
    device.ota(&["settle"]).ends(0);
}

/// What the bundle says of the image.
fn blake3_of(device: &Device, name: &str) -> String {
    let out = device.0.ota(["bundle", "inspect", "x.ekb", "--json"]).ends(0).out;
    let value: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(value["components"][0]["image_bytes"].as_u64(), Some(device.0.read(name).len() as u64));
    value["components"][0]["blake3"].as_str().expect("a digest").to_owned()
}

#[test]
fn folders_and_files_come_and_go_together() {
    let device = Device::new(SETS);
    let folder = device.0.path("v1");
    fs::create_dir_all(folder.join("bin")).expect("made");
    fs::write(folder.join("bin/tool"), image(7, 3000)).expect("written");
    fs::set_permissions(folder.join("bin/tool"), fs::Permissions::from_mode(0o751)).expect("set");
    symlink("bin/tool", folder.join("run")).expect("made");
    device.bundle("1", &["app=v1", "model=old"], &[]);
    device.apply(&[]).ends(0);
    device.ota(&["commit"]).ends(0);
    let current = device.0.path("state/ota/sets/current");
    assert_eq!(fs::read(current.join("app/run")).expect("there"), image(7, 3000));
    let mode = fs::metadata(current.join("app/bin/tool")).expect("there").permissions().mode();
    assert_eq!(mode & 0o7777, 0o751);
    fs::write(folder.join("bin/tool"), image(8, 3000)).expect("written");
    // The model is not in this one: it is carried over.
    device.bundle("2", &["app=v1"], &[]);
    let said = device.apply(&["--json"]).ends(0);
    assert!(said.out.contains("\"way\":\"copied\""), "{}", said.out);
    assert_eq!(fs::read(current.join("app/bin/tool")).expect("there"), image(8, 3000));
    assert_eq!(fs::read(current.join("model")).expect("there"), device.0.read("old"));
    device.ota(&["rollback"]).ends(0);
    assert_eq!(fs::read(current.join("app/bin/tool")).expect("there"), image(7, 3000));
    symlink("/etc", folder.join("out")).expect("made");
    let said =
        device.0.ota(["bundle", "create", "y", "--name", "x", "--version", "1", "--component", "app=v1"]);
    assert!(said.ends(65).err.contains("leads out of the folder"));
}

#[test]
fn what_cannot_be_is_refused_before_the_first_write() {
    let device = Device::new(IMAGES);
    device.0.write("other", &image(5, 600_000));
    device.bundle(
        "1.4",
        &["rootfs=new"],
        &["--source", "rootfs=other", "--compatible", "gw-2*", "--no-full"],
    );
    assert!(device.apply(&[]).ends(65).err.contains("comes as deltas only"));
    device.bundle("1.4", &["rootfs=new"], &["--compatible", "gw-2*"]);
    let wrong = device.apply(&["--no-full-fallback"]).ends(1);
    assert!(wrong.err.contains("would be fetched as a full image"), "{}", wrong.err);
    let much = device.apply(&["--max-bytes", "64KiB"]).ends(1);
    assert!(much.err.contains("and 65536 are allowed"), "{}", much.err);
    let nobody = device.ota(&["apply", "x.ekb"]).ends(2);
    assert!(nobody.err.contains("there is nobody to believe"), "{}", nobody.err);
    assert!(device.apply(&["--component", "x"]).ends(66).err.contains("has no component 'x'"));
    device.bundle("1.4", &["rootfs=new", "app=old"], &[]);
    assert!(device.apply(&[]).ends(65).err.contains("has a component 'app', and this device has none"));
    device.bundle("1.4", &["rootfs=new"], &["--compatible", "gw-3*"]);
    assert!(device.apply(&[]).ends(65).err.contains("and this is 'gw-2b'"));
    fs::create_dir(device.0.path("b.img")).expect("made");
    device.bundle("1.4", &["rootfs=new"], &[]);
    assert!(device.apply(&[]).ends(73).err.contains("is no file and no block device"));
    fs::remove_dir(device.0.path("b.img")).expect("removed");
    assert!(device.ota(&["commit"]).ends(1).err.contains("nothing was installed here yet"));
    assert!(device.ota(&["rollback"]).ends(1).err.contains("nothing was installed here yet"));
    assert!(!device.0.path("b.img").exists());
    device.0.write("ota.toml", b"[component.rootfs]\nkind = 'device'\na = '/x'\nb = '/x'\n");
    assert!(device.apply(&[]).ends(78).err.contains("the same place for both slots"));
    device.0.write("ota.toml", b"[component.rootfs]\nkind = 'device'\na = '/x'\n");
    assert!(device.apply(&[]).ends(78).err.contains("has no place for slot b"));
}

#[test]
fn a_program_is_tried_before_it_takes_the_place_of_another() {
    let device = Device::new("[component.tool]\nkind = 'self'\npath = 'A'\n");
    device.0.write("a.img", b"#!/bin/sh\necho old\n");
    fs::set_permissions(device.0.path("a.img"), fs::Permissions::from_mode(0o755)).expect("set");
    device.0.write("broken", b"#!/bin/sh\nexit 3\n");
    device.0.write("good", b"#!/bin/sh\necho new\n");
    device.bundle("1", &["tool=broken"], &[]);
    let said = device.apply(&[]).ends(73);
    assert!(said.err.contains("does not run here"), "{}", said.err);
    assert_eq!(device.0.read("a.img"), b"#!/bin/sh\necho old\n");
    device.bundle("2", &["tool=good"], &[]);
    device.apply(&[]).ends(0);
    assert_eq!(device.0.read("a.img"), b"#!/bin/sh\necho new\n");
    device.ota(&["rollback"]).ends(0);
    assert_eq!(device.0.read("a.img"), b"#!/bin/sh\necho old\n");
}

#[test]
fn a_simulation_goes_through_all_of_it_and_touches_nothing() {
    let device = Device::new(IMAGES);
    device.bundle("1.4", &["rootfs=new"], &["--source", "rootfs=old", "--floor", "1.2"]);
    let said = device.ota(&["simulate", "x.ekb", "--key", "k.pub", "--json"]).ends(0);
    let stages: Vec<Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["stage"].clone())
        .collect();
    assert_eq!(stages, ["plan", "write", "switch", "commit", "fallback"]);
    assert!(!device.0.path("b.img").exists() && !device.0.path("state").exists());
    device.ota(&["simulate", "x.ekb", "--key", "k.pub", "--scratch", "kept"]).ends(0);
    assert_eq!(device.0.read("kept/rootfs-b"), device.0.read("new"));
}
