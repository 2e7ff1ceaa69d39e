//! `edgekit ota run` on a device of files: a boot loader that is a script, a restart that is one of the daemon.

mod actions;
mod goose;
mod hawkbit;
mod polled;

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use edgekit_core::Clock;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::image;
use crate::harness::{Said, Scratch, binary, say};

/// The longest any test waits.
const PATIENCE: Duration = Duration::from_secs(40);

/// A boot loader: files `running`, `next` and `tries` beside it.
const LOADER: &str = r#"#!/bin/sh
cd "$(dirname "$0")" || exit 1
say() { echo "$2" > "$1.new" && mv "$1.new" "$1"; }
case $1 in
running) cat running ;;
next) echo "$(cat next) $(cat tries)" ;;
attempt) say tries "$3" && say next "$2" ;;
confirm) say next "$2" && say tries "" ;;
reject) if [ "$(cat next)" = "$2" ]; then say tries ""; [ "$2" = a ] && say next b || say next a; fi ;;
esac
"#;

/// A device that lives in a folder.
pub(super) struct Device {
    scratch: Scratch,
    child: Option<Child>,
    /// Kept while it runs: logs of all its starts.
    starts: u32,
}

impl Device {
    /// With this configuration besides its component and its boot loader, a key, and nothing installed.
    pub(super) fn new(config: &str) -> Device {
        let device = Device { scratch: Scratch::new(), child: None, starts: 0 };
        for folder in ["etc/ota", "state", "run", "boot"] {
            fs::create_dir_all(device.path(folder)).expect("a folder");
        }
        let loader = device.path("boot/loader");
        fs::write(&loader, LOADER).expect("a loader");
        let mode = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
        fs::set_permissions(&loader, mode).expect("it may run");
        for (name, word) in [("running", "a\n"), ("next", "a\n"), ("tries", "\n")] {
            fs::write(device.path("boot").join(name), word).expect("a file");
        }
        device.say(&["keygen", "k"]).ends(0);
        device
            .say(&["keys", "create", "etc/ota/keys.toml", "--key", "k.pub", "--sign-with", "k.key"])
            .ends(0);
        fs::write(device.path("etc/device-id"), "gw-17\n").expect("a name");
        device.configure(config);
        device
    }

    pub(super) fn configure(&self, config: &str) {
        let loader = self.path("boot/loader").display().to_string();
        let reboots = self.path("reboots").display().to_string();
        // Top-level tables may come in any order; the reboot is a line of a file, the test does the rest.
        let text = format!(
            "hardware = 'gw-2b'\n{config}\n[component.app]\nkind = 'file'\n[boot]\nkind = 'script'\nplace = '{loader}'\n"
        );
        let reboot = format!("reboot_command = ['/bin/sh', '-c', 'echo >> {reboots}']\n");
        let text = match text.contains("[window]\n") {
            true => text.replace("[window]\n", &format!("[window]\n{reboot}")),
            false => format!("{text}[window]\n{reboot}"),
        };
        fs::write(self.path("etc/ota.toml"), text).expect("a file");
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(binary());
        command
            .current_dir(self.scratch.path())
            .env("CONFIGURATION_DIRECTORY", self.path("etc"))
            .env("STATE_DIRECTORY", self.path("state"))
            .env("RUNTIME_DIRECTORY", self.path("run"));
        command
    }

    /// `edgekit ota …` on the device.
    pub(super) fn say(&self, words: &[&str]) -> Said {
        say(self.command().arg("ota").args(words))
    }

    /// A bundle of this version, and its bytes.
    pub(super) fn bundle(&self, version: &str, seed: u64, more: &[&str]) -> Vec<u8> {
        self.sized(version, seed, 900_000, more)
    }

    /// The same, of an image of so many bytes.
    pub(super) fn sized(&self, version: &str, seed: u64, size: usize, more: &[&str]) -> Vec<u8> {
        fs::write(self.path(&format!("image-{version}")), image(seed, size)).expect("an image");
        let component = format!("app=image-{version}");
        let words =
            ["bundle", "create", "made.ekb", "--name", "gw", "--version", version, "--component", &component];
        self.say(&[&words, &["--sign-with", "k.key"][..], more].concat()).ends(0);
        let bytes = fs::read(self.path("made.ekb")).expect("a bundle");
        fs::remove_file(self.path("made.ekb")).expect("removed");
        bytes
    }

    /// Starts the daemon.
    pub(super) fn start(&mut self) {
        self.starts += 1;
        let log = fs::File::create(self.path(&format!("log-{}", self.starts))).expect("a log");
        let child = self
            .command()
            .args(["ota", "run", "--drain", "5s"])
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("it starts");
        self.child = Some(child);
    }

    /// Ends it as a service manager does, or as a power cut.
    pub(super) fn end(&mut self, signal: Signal) {
        let Some(mut child) = self.child.take() else { return };
        let pid = Pid::from_raw(child.id().cast_signed()).expect("a process");
        kill_process(pid, signal).expect("it runs");
        child.wait().expect("it ends");
    }

    /// The machine restarts: the slot that is next runs, if it still has a try.
    pub(super) fn boot(&mut self) {
        self.end(Signal::KILL);
        let read =
            |name: &str| fs::read_to_string(self.path("boot").join(name)).expect("a file").trim().to_owned();
        let (mut next, tries) = (read("next"), read("tries"));
        let write = |name: &str, word: &str| {
            fs::write(self.path("boot").join(name), format!("{word}\n")).expect("a file")
        };
        match tries.parse::<u32>() {
            Ok(0) => {
                next = if next == "a" { "b".to_owned() } else { "a".to_owned() };
                write("next", &next);
                write("tries", "");
            }
            Ok(tries) => write("tries", &(tries - 1).to_string()),
            Err(_) => {}
        }
        write("running", &next);
        self.start();
    }

    pub(super) fn reboots(&self) -> usize {
        fs::read_to_string(self.path("reboots")).map_or(0, |text| text.lines().count())
    }

    pub(super) fn log(&self) -> String {
        let log = |number| fs::read_to_string(self.path(&format!("log-{number}"))).unwrap_or_default();
        (1..=self.starts).map(log).collect()
    }

    /// What the daemon says of itself.
    pub(super) fn status(&self) -> Value {
        let said = say(self.command().args(["status", "ota", "--json"]));
        let line = said.out.lines().next().unwrap_or_default();
        let value: Value = serde_json::from_str(line).unwrap_or_default();
        value["services"][0]["detail"].clone()
    }

    /// The image in use.
    pub(super) fn runs(&self, version: &str) -> bool {
        let read = |name: &str| fs::read(self.path(name)).ok();
        let now = read("state/ota/sets/current/app");
        now.is_some() && now == read(&format!("image-{version}"))
    }

    /// Waits until it is so.
    #[track_caller]
    pub(super) fn until(&self, what: &str, mut so: impl FnMut() -> bool) -> Duration {
        let clock = Clock::system();
        let began = clock.monotonic();
        while !so() {
            let waited = clock.monotonic() - began;
            assert!(waited < PATIENCE, "{what}\n{:#}\n{}", self.status(), self.log());
            thread::sleep(Duration::from_millis(50));
        }
        clock.monotonic() - began
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.end(Signal::KILL);
    }
}
