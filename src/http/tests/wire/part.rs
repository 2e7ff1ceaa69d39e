//! Downloads that outlive their process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use edgekit_http::{Content, Download, Limits, PartFile, Request, Validator, serve_content};
use edgekit_relay::{Plan, Relay};

use crate::peers::{Raw, answer, client, eager, field, serve};

/// Names the URL and the file, in the process that is to be killed.
const INSIDE: &str = "EDGEKIT_HTTP_TEST_PART";
const MIB: usize = 1024 * 1024;

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("edgekit-http-part-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Downloads as a daemon would: with what an earlier process left.
async fn fetch(url: &str, path: &Path) -> (u64, PartFile) {
    let mut file = PartFile::open(path).unwrap();
    let download = Download::new(url).unwrap().retry(eager()).resume_file(&file);
    let ended = download.run(&client(), &mut file, |_| {}).await.unwrap();
    (ended.fetched, file)
}

#[tokio::test]
async fn a_killed_process_is_gone_on_from_by_the_next() {
    if let Some(place) = std::env::var_os(INSIDE) {
        let place = place.into_string().unwrap();
        let (url, path) = place.split_once(' ').unwrap();
        drop(fetch(url, Path::new(path)).await);
        panic!("it was to be killed before it ended");
    }
    let bytes: Vec<u8> = (0..40 * MIB).map(|at| (at.wrapping_mul(31) / 7) as u8).collect();
    let content = Content::bytes(bytes.clone(), "v1", "x/y");
    let handler = move |request: Request| {
        let reply = serve_content(&content, &request.method, &request.headers);
        async move { reply }
    };
    let (address, _) = serve(handler, Limits::default());
    // The first process gets 30 MiB, and then nothing more.
    let relay = Relay::choosing(address, |number| match number {
        0 => Plan { stall_after: Some(30 * MIB as u64), ..Plan::default() },
        _ => Plan::default(),
    })
    .unwrap();
    let scratch = Scratch::new("killed");
    let (url, path, whole) =
        (format!("http://{}/", relay.address()), scratch.path("image"), scratch.path("whole"));
    let mut first = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "part::a_killed_process_is_gone_on_from_by_the_next"])
        .env(INSIDE, format!("{url} {}", path.display()))
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let length = || std::fs::metadata(&path).map_or(0, |meta| meta.len());
    for _ in 0..2000 {
        if length() > 29 * MIB as u64 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(length() > 29 * MIB as u64, "{} bytes came", length());

    let (fetched, file) = fetch(&url, &path).await;
    // Flushed were 24 MiB, give or take what a piece is longer.
    let expected = 40 * MIB as u64 - 24 * MIB as u64;
    assert!((expected - MIB as u64..=expected).contains(&fetched), "{fetched} bytes were fetched");
    assert!(std::fs::read(&path).unwrap() == bytes);
    file.finish(&whole).await.unwrap();
    let names: Vec<_> =
        std::fs::read_dir(&scratch.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["whole"]);
}

/// `PATH` with 5 bytes of version `"a"`, as an earlier process left it.
fn left(path: &Path, note: &str) {
    use edgekit_store::{Disk, Note};
    std::fs::write(path, b"01234half").unwrap();
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    Note::new(Disk, Path::new(&name), "part", 1).write(note, 0o644).unwrap();
}

#[tokio::test]
async fn what_was_not_flushed_is_fetched_again() {
    let raw = Raw::start(|_, _| {
        let headers = "content-range: bytes 5-9/10\r\netag: \"a\"\r\ncontent-length: 5\r\n";
        answer("206 Partial Content", headers, "56789")
    })
    .await;
    let scratch = Scratch::new("flushed");
    let path = scratch.path("image");
    left(&path, "5 tag \"a\"");
    assert_eq!(PartFile::open(&path).unwrap().held(), Some((5, Validator::Tag("\"a\"".to_owned()))));
    let (fetched, _) = fetch(&raw.url("/"), &path).await;
    assert_eq!((std::fs::read(&path).unwrap(), fetched), (b"0123456789".to_vec(), 5));
    let seen = raw.requests();
    assert_eq!((field(&seen[0], "range"), field(&seen[0], "if-range")), (Some("bytes=5-"), Some("\"a\"")));
}

#[tokio::test]
async fn what_cannot_be_trusted_starts_over() {
    let raw = Raw::start(|_, _| answer("200 OK", "content-length: 3\r\netag: \"b\"\r\n", "new")).await;
    let scratch = Scratch::new("over");
    let path = scratch.path("image");
    // Another version on the server, more than the file holds, nonsense, damage.
    for note in ["5 tag \"a\"", "5000 tag \"a\"", "five of them", "damage"] {
        left(&path, note);
        if note == "damage" {
            std::fs::write(scratch.path("image.part"), "edgekit part 1 5 tag \"b\" 00000000\n").unwrap();
        }
        let (_, file) = fetch(&raw.url("/"), &path).await;
        assert_eq!(std::fs::read(&path).unwrap(), b"new", "{note}");
        file.finish(&scratch.path("whole")).await.unwrap();
        assert!(!scratch.path("image.part").exists());
    }
    assert!(scratch.path("image.part.corrupt-1").exists());
}
