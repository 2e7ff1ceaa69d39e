//! A server on loopback that does what a test says: breaks, changes, lies, stalls, and counts.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Bytes written at a time.
const PIECE: usize = 16 << 10;

/// What becomes of one request.
pub(super) enum Deed {
    /// Ranges as they should be.
    Serve,
    /// The same, broken after so many bytes of the body.
    Break(usize),
    /// The same, silent after so many bytes until the client has had enough.
    Stall(usize),
    /// The same, at so many bytes a second.
    Slow(u64),
    /// The same, of another file with another tag.
    Other(Arc<Vec<u8>>, &'static str),
    /// All of it from its first byte, whatever was asked for.
    Whole,
    /// These bytes.
    Say(String),
}

/// A request, by its head.
pub(super) struct Ask<'a> {
    pub(super) head: &'a str,
}

type Play = dyn Fn(usize, &Ask<'_>) -> Deed + Send + Sync;

/// The server; it ends with the process of its test.
pub(super) struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    sent: Arc<AtomicU64>,
}

impl Server {
    /// Serves `file` as `play` says for request number n.
    pub(super) fn start(
        file: Vec<u8>,
        play: impl Fn(usize, &Ask<'_>) -> Deed + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (seen, sent) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicU64>::default());
        let server = Server { address, seen: Arc::clone(&seen), sent: Arc::clone(&sent) };
        let (file, play): (_, Arc<Play>) = (Arc::new(file), Arc::new(play));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (file, play) = (Arc::clone(&file), Arc::clone(&play));
                let (seen, sent) = (Arc::clone(&seen), Arc::clone(&sent));
                thread::spawn(move || {
                    // The client may have had enough at any byte.
                    let _ended = serve(stream, &file, &*play, &seen, &sent);
                });
            }
        });
        server
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/x.ekb?secret=query", self.address)
    }

    pub(super) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The heads of the requests so far.
    pub(super) fn heads(&self) -> Vec<String> {
        self.seen.lock().expect("nobody failed").clone()
    }

    /// Bytes of bodies that were handed to the kernel.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

/// A value in a request's head.
pub(super) fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (known, value) = line.split_once(": ")?;
        known.eq_ignore_ascii_case(name).then_some(value)
    })
}

fn serve(
    mut stream: TcpStream,
    file: &Arc<Vec<u8>>,
    play: &Play,
    seen: &Mutex<Vec<String>>,
    sent: &AtomicU64,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let number = {
        let mut seen = seen.lock().expect("nobody failed");
        seen.push(head.clone());
        seen.len() - 1
    };
    let range = field(&head, "range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let (first, last) =
        range.map_or((0, None), |(first, last)| (first.parse().unwrap_or(0), last.parse().ok()));
    let (mut file, mut tag, mut most, mut stalls, mut whole) =
        (Arc::clone(file), "\"a\"", usize::MAX, false, false);
    let mut pause = Duration::ZERO;
    match play(number, &Ask { head: &head }) {
        Deed::Serve => {}
        Deed::Break(after) => most = after,
        Deed::Stall(after) => (most, stalls) = (after, true),
        Deed::Slow(rate) => pause = Duration::from_secs_f64(PIECE as f64 / rate as f64),
        Deed::Other(other, its) => (file, tag) = (other, its),
        Deed::Whole => whole = true,
        Deed::Say(text) => return stream.write_all(text.as_bytes()),
    }
    let total = file.len();
    // `If-Range` that does not hold is answered with everything.
    whole |= range.is_none() || field(&head, "if-range").is_some_and(|condition| condition != tag);
    let (first, last) =
        if whole { (0, total - 1) } else { (first, last.unwrap_or(total - 1).min(total - 1)) };
    let body = &file[first..=last];
    let status = match whole {
        true => "200 OK".to_owned(),
        false => format!("206 Partial\r\ncontent-range: bytes {first}-{last}/{total}"),
    };
    let length = body.len();
    stream.write_all(
        format!("HTTP/1.1 {status}\r\netag: {tag}\r\ncontent-length: {length}\r\n\r\n").as_bytes(),
    )?;
    for piece in body[..length.min(most)].chunks(PIECE) {
        stream.write_all(piece)?;
        thread::sleep(pause);
        sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
    }
    if stalls {
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.read_exact(&mut [0])?;
    }
    Ok(())
}
