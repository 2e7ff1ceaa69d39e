//! Every way a file is replaced in practice, and those that are no change.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::timeout;

use super::*;

struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("edgekit-watch-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

async fn sees(watch: &mut Watch, path: &Path) {
    let changed = timeout(Duration::from_secs(5), watch.changed()).await.expect("a change is seen").unwrap();
    assert_eq!(changed, [path.to_owned()]);
}

async fn sees_nothing(watch: &mut Watch) {
    let seen = timeout(Duration::from_millis(200), watch.changed()).await;
    assert!(seen.is_err(), "nothing changed, yet {seen:?}");
}

#[tokio::test]
async fn written_in_place_and_appended() {
    let scratch = Scratch::new();
    let path = scratch.file("a", "one");
    let mut watch = Watch::new([&path]).unwrap();
    sees_nothing(&mut watch).await;
    fs::write(&path, "two").unwrap();
    sees(&mut watch, &path).await;
    // A writer that keeps the file open.
    let mut open = OpenOptions::new().append(true).open(&path).unwrap();
    open.write_all(b"more").unwrap();
    sees(&mut watch, &path).await;
    sees_nothing(&mut watch).await;
}

#[tokio::test]
async fn replaced_by_rename_again_and_again() {
    let scratch = Scratch::new();
    let path = scratch.file("a", "one");
    let mut watch = Watch::new([&path]).unwrap();
    for round in 0..3 {
        let next = scratch.file("a.tmp", &format!("round {round}"));
        fs::rename(next, &path).unwrap();
        sees(&mut watch, &path).await;
    }
    fs::write(&path, "in place, after the renames").unwrap();
    sees(&mut watch, &path).await;
}

#[tokio::test]
async fn a_link_in_the_middle_is_swapped() {
    let scratch = Scratch::new();
    for generation in ["g1", "g2"] {
        fs::create_dir(scratch.0.join(generation)).unwrap();
        fs::write(scratch.0.join(generation).join("tls.crt"), generation).unwrap();
    }
    symlink("g1", scratch.0.join("..data")).unwrap();
    symlink("..data/tls.crt", scratch.0.join("tls.crt")).unwrap();
    let path = scratch.0.join("tls.crt");
    let mut watch = Watch::new([&path]).unwrap();
    symlink("g2", scratch.0.join("..tmp")).unwrap();
    fs::rename(scratch.0.join("..tmp"), scratch.0.join("..data")).unwrap();
    sees(&mut watch, &path).await;
    fs::write(scratch.0.join("g1/tls.crt"), "no longer ours").unwrap();
    sees_nothing(&mut watch).await;
    fs::write(scratch.0.join("g2/tls.crt"), "in the new place").unwrap();
    sees(&mut watch, &path).await;
}

#[tokio::test]
async fn its_directory_is_replaced() {
    let scratch = Scratch::new();
    for name in ["live", "next"] {
        fs::create_dir(scratch.0.join(name)).unwrap();
        fs::write(scratch.0.join(name).join("a"), name).unwrap();
    }
    let path = scratch.0.join("live/a");
    let mut watch = Watch::new([&path]).unwrap();
    fs::rename(scratch.0.join("live"), scratch.0.join("old")).unwrap();
    fs::rename(scratch.0.join("next"), scratch.0.join("live")).unwrap();
    sees(&mut watch, &path).await;
    fs::write(&path, "again").unwrap();
    sees(&mut watch, &path).await;
}

#[tokio::test]
async fn it_comes_goes_and_comes_back() {
    let scratch = Scratch::new();
    let path = scratch.0.join("not/yet/here");
    let mut watch = Watch::new([&path]).unwrap();
    fs::create_dir_all(scratch.0.join("not/yet")).unwrap();
    sees_nothing(&mut watch).await;
    File::create(&path).unwrap();
    sees(&mut watch, &path).await;
    fs::remove_file(&path).unwrap();
    sees(&mut watch, &path).await;
    File::create(&path).unwrap();
    sees(&mut watch, &path).await;
}

#[tokio::test]
async fn a_change_between_two_calls_is_kept() {
    let scratch = Scratch::new();
    let (a, b) = (scratch.file("a", "1"), scratch.file("b", "1"));
    let mut watch = Watch::new([&a, &b]).unwrap();
    sees_nothing(&mut watch).await;
    fs::write(&b, "22").unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    sees(&mut watch, &b).await;
    fs::write(scratch.0.join("neighbour"), "noise").unwrap();
    sees_nothing(&mut watch).await;
}

#[tokio::test]
async fn links_in_a_circle_lead_nowhere() {
    let scratch = Scratch::new();
    symlink("b", scratch.0.join("a")).unwrap();
    symlink("a", scratch.0.join("b")).unwrap();
    let path = scratch.0.join("a");
    let mut watch = Watch::new([&path]).unwrap();
    sees_nothing(&mut watch).await;
    let real = scratch.file("real", "x");
    fs::rename(real, &path).unwrap();
    sees(&mut watch, &path).await;
}
