//! The few things of the machine around: what inhibits, and how it is restarted.
//!
//! Neighbours: `follow` asks for both.

use std::path::{Path, PathBuf};
use std::time::Duration;

use edgekit_rt::child::Program;

/// How long the command may take: it asks for a restart, and does not wait for it.
const PATIENCE: Duration = Duration::from_secs(60);
/// There while systemd is the first process (sd_booted(3)).
const SYSTEMD: &str = "/run/systemd/system";

/// The first file that is there, or folder that holds something.
pub(crate) fn inhibited(paths: &[PathBuf]) -> Option<String> {
    let holds = |path: &&PathBuf| match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_some(),
        // Something else than a folder: that it is there is enough, even if nobody may look at it.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(_) => true,
    };
    paths.iter().find(holds).map(|path| path.display().to_string())
}

/// Has the device restarted.
///
/// # Errors
/// Why that was not asked for.
pub(crate) async fn restart(words: &[String]) -> Result<(), String> {
    let own = match Path::new(SYSTEMD).exists() {
        true => ["systemctl", "reboot"].map(str::to_owned).to_vec(),
        false => vec!["reboot".to_owned()],
    };
    let words = if words.is_empty() { own.as_slice() } else { words };
    let argv = words.iter().map(std::ffi::OsStr::new).collect();
    let program = Program { argv, env: Vec::new(), deadline: PATIENCE, keep: 1024 };
    program.succeed().await.map(drop)
}
