//! gooseBit, a server of other people's that speaks hawkBit's interface (row 8.8): where scripts/setup has put it.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::Device;
use crate::harness::root;

/// Python with gooseBit, if this machine has it.
fn python() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let cache = std::env::var_os("EDGEKIT_CACHE").map_or_else(|| home.join(".cache/edgekit"), PathBuf::from);
    let folders = fs::read_dir(cache.join("goose")).ok()?;
    folders
        .flatten()
        .map(|folder| folder.path())
        .find(|path| path.join("complete").exists())
        .map(|path| path.join("bin/python"))
}

struct Goose(Child);

impl Drop for Goose {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn goosebit_assigns_a_bundle_and_hears_that_it_runs() {
    let Some(python) = python() else {
        eprintln!("no gooseBit here: scripts/setup test installs it");
        return;
    };
    let mut device = Device::new("");
    fs::write(device.path("x.ekb"), device.bundle("1.5", 5, &[])).expect("a bundle");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    let script = root().join("tests/ota/fleet/goose.py");
    let serve = Command::new(&python)
        .arg(&script)
        .arg("serve")
        .arg(device.path("goose"))
        .arg(port.to_string())
        .arg(device.path("x.ekb"))
        .args(["1.5", "secret123"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(device.path("goose.log")).expect("a log"))
        .spawn()
        .expect("it starts");
    let _goose = Goose(serve);
    fs::write(device.path("token"), "secret123").expect("a token");
    let token = device.path("token").display().to_string();
    device.configure(&format!(
        "[hawkbit]\nurl = 'http://127.0.0.1:{port}'\nevery = '1s'\ntarget_token_file = '{token}'\n"
    ));
    device.until("gooseBit listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    device.start();
    device.until("a reboot is asked for", || device.reboots() == 1);
    let folder = device.path("goose");
    let show = || -> Value {
        let shown = Command::new(&python).arg(&script).arg("show").arg(&folder).output();
        serde_json::from_slice(&shown.expect("it runs").stdout).unwrap_or_default()
    };
    // Its states: 1 unknown, 2 registered, 3 running, 4 error, 5 finished.
    assert_eq!(show()["state"], 3, "{:#}", show());
    device.boot();
    device.until("gooseBit knows", || show()["state"] == 5);
    let shown = show();
    assert_eq!((&shown["sw_version"], &shown["progress"]), (&"1.5".into(), &100.into()), "{shown:#}");
    assert!(shown["last_log"].as_str().is_some_and(|log| log.contains("blake3:")), "{shown:#}");
    assert!(device.runs("1.5"));
}
