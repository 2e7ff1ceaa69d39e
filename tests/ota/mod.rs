//! `edgekit ota` as somebody at a build server and somebody at a device type it.

mod apply;
mod bundles;
mod device;
mod devices;
mod first_try;
mod fleet;
mod interrupts;
mod keys;
mod kills;
mod large;
mod network;
mod secrecy;
mod server;
mod tampering;

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::harness::{Said, Scratch, binary, say};

/// A folder with a key, `k.key` and `k.pub`, and two images that are alike, `old` and `new`.
struct World(Scratch);

impl World {
    fn new() -> World {
        let world = World(Scratch::new());
        world.ota(["keygen", "k"]).ends(0);
        let old = image(1, 700_000);
        let mut new = old.clone();
        new.splice(200_000..200_000, image(2, 5000));
        new.iter_mut().skip(400_000).step_by(50).for_each(|byte| *byte = byte.wrapping_add(1));
        world.write("old", &old);
        world.write("new", &new);
        world
    }

    /// `edgekit ota …` in the folder.
    fn ota<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Said {
        say(self.command().args(words))
    }

    /// `edgekit ota`, to be given words.
    fn command(&self) -> Command {
        let mut command = Command::new(binary());
        command.arg("ota").current_dir(self.0.path()).env("CONFIGURATION_DIRECTORY", self.0.path());
        command
    }

    /// A bundle of `new` with a delta against `old`, signed by `k.key`, with more words.
    fn bundle(&self, more: &[&str]) -> Said {
        let words =
            ["bundle", "create", "x.ekb", "--name", "gw", "--version", "1.4", "--component", "rootfs=new"];
        let sources = ["--source", "rootfs=old", "--sign-with", "k.key"];
        self.ota([&words, &sources[..], more].concat())
    }

    fn verify(&self, more: &[&str]) -> Said {
        self.ota([&["bundle", "verify", "x.ekb", "--key", "k.pub"], more].concat())
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("it is there")
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).expect("written");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

/// Bytes like chance, the same for the same seed.
fn image(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).flatten().take(len).collect()
}
