//! Block devices as slots: loop devices, mounted, held, read-only and too small. Without root each test says so.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::World;

/// A loop device over a file, for as long as this lives.
struct Loop(String);

impl Loop {
    fn new(file: &Path, more: &[&str]) -> Option<Loop> {
        let made = Command::new("losetup").args(more).args(["-f", "--show"]).arg(file).output().ok()?;
        let name = String::from_utf8(made.stdout).ok()?.trim().to_owned();
        if made.status.success() && !name.is_empty() {
            return Some(Loop(name));
        }
        println!("skipped: there are no loop devices here");
        None
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _left = Command::new("losetup").args(["-d", &self.0]).status();
    }
}

/// A mounted file system, for as long as this lives.
struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _left = Command::new("umount").arg(self.0).status();
    }
}

fn sized(path: &Path, bytes: u64) {
    fs::File::create(path).and_then(|file| file.set_len(bytes)).expect("made");
}

#[test]
fn a_device_that_is_not_free_is_named() {
    let world = World::new();
    world.bundle(&[]).ends(0);
    let (file, point) = (world.path("disk"), world.path("point"));
    sized(&file, 8 << 20);
    let Some(device) = Loop::new(&file, &[]) else { return };
    let apply = |target: &str| {
        let config = format!(
            "[component.rootfs]\nkind = 'device'\na = '{}'\nb = '{target}'\n",
            world.path("old").display()
        );
        world.write("ota.toml", config.as_bytes());
        let mut command = world.command();
        command.env("STATE_DIRECTORY", world.path("state")).env("RUNTIME_DIRECTORY", world.path("run"));
        crate::harness::say(command.args(["apply", "x.ekb", "--key", "k.pub"]))
    };
    // The file behind a loop device is not written to.
    let said = apply(&file.display().to_string()).ends(73);
    assert!(said.err.contains("is in use by the loop device"), "{}", said.err);
    let is_made =
        Command::new("mke2fs").args(["-q", "-F", &device.0]).status().is_ok_and(|status| status.success());
    if is_made {
        fs::create_dir(&point).expect("made");
        let mounted = Command::new("mount").arg(&device.0).arg(&point).status().expect("mount");
        if mounted.success() {
            let guard = Mounted(&point);
            let said = apply(&device.0).ends(73);
            assert!(
                said.err.contains("is mounted at") && said.err.contains("unmount it first"),
                "{}",
                said.err
            );
            drop(guard);
        }
    }
    // Free now: written, past the end of the image left alone, and what runs is untouched.
    apply(&device.0).ends(0);
    let new = world.read("new");
    assert_eq!(world.read("disk")[..new.len()], new);
    drop(device);
    let Some(small) = ({
        sized(&file, 300 << 10);
        Loop::new(&file, &[])
    }) else {
        return;
    };
    fs::remove_dir_all(world.path("state")).expect("removed");
    let said = apply(&small.0).ends(73);
    assert!(said.err.contains("has 307200 bytes, and the image has"), "{}", said.err);
    drop(small);
    sized(&file, 8 << 20);
    let Some(locked) = Loop::new(&file, &["-r"]) else { return };
    assert!(apply(&locked.0).ends(73).err.contains("is read-only"));
}
