//! Tells when the folder of rules changed, once its writer has paused.
//!
//! The folder is watched, and each file in it: writing into a file changes nothing of the folder. On a thread of
//! its own, because looking at thousands of files takes a while. Neighbour: `reload.rs`, which reads.

use std::path::{Path, PathBuf};
use std::time::Duration;

use edgekit_core::{Error, ErrorContext};
use edgekit_rt::Watch;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::folder;

/// A writer that pauses this long has finished its set of files.
const QUIET: Duration = Duration::from_millis(100);
/// One that never pauses is looked at this often.
const LONGEST: u32 = 10;

/// Watches until nobody wants to know any more.
pub(super) async fn watch(folder: PathBuf, changed: mpsc::Sender<()>) -> Result<(), Error> {
    let context = || format!("cannot watch '{}'", folder.display());
    let mut watched = paths(&folder);
    let mut watch = Watch::new(&watched).with_context(context)?;
    loop {
        // What came or went between listing and watching is seen here.
        let now = paths(&folder);
        if now != watched {
            watched = now;
            watch = Watch::new(&watched).with_context(context)?;
            continue;
        }
        // Full means that the reader will look anyway.
        if let Err(mpsc::error::TrySendError::Closed(())) = changed.try_send(()) {
            return Ok(());
        }
        watch.changed().await.with_context(context)?;
        for _ in 0..LONGEST {
            match timeout(QUIET, watch.changed()).await {
                Ok(seen) => drop(seen.with_context(context)?),
                Err(_) => break,
            }
        }
    }
}

/// The folder, those in it, and the files of rules.
fn paths(folder: &Path) -> Vec<PathBuf> {
    let mut paths = vec![folder.to_owned()];
    // What cannot be read is told by the reload that follows.
    paths.extend(folder::files(folder, folder::is_rules).unwrap_or_default());
    let mut below: Vec<PathBuf> =
        paths.iter().skip(1).filter_map(|file| file.parent()).map(Path::to_owned).collect();
    below.retain(|inner| inner != folder);
    edgekit_core::sort::natural(&mut below);
    below.dedup();
    paths.extend(below);
    paths
}
