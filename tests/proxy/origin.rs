//! A server of our own: a function that is handed each connection, and what it saw.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// The longest any test waits for bytes.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Listens until the test ends.
pub(super) struct Origin {
    pub(super) address: SocketAddr,
    pub(super) connections: Arc<AtomicUsize>,
}

impl Origin {
    /// Hands each connection to `serve`, on a thread of its own.
    pub(super) fn new(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Origin {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (serve, connections) = (Arc::new(serve), Arc::new(AtomicUsize::new(0)));
        let counted = connections.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                counted.fetch_add(1, Ordering::SeqCst);
                stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
                let serve = serve.clone();
                thread::spawn(move || serve(stream));
            }
        });
        Origin { address, connections }
    }

    /// Answers every request with what it has read of it, head and body, as the body.
    pub(super) fn mirror() -> Origin {
        Origin::new(|mut stream| {
            let mut seen = Vec::new();
            while let Some(request) = read_request(&mut stream, &mut seen) {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", request.len());
                if stream.write_all(&[head.as_bytes(), &request].concat()).is_err() {
                    return;
                }
            }
        })
    }

    /// Answers every request with the same bytes.
    pub(super) fn saying(answer: &'static str) -> Origin {
        Origin::new(move |mut stream| {
            let mut seen = Vec::new();
            while read_request(&mut stream, &mut seen).is_some() {
                if stream.write_all(answer.as_bytes()).is_err() {
                    return;
                }
            }
        })
    }
}

/// One request, head and body as they came; what follows stays in `seen`.
pub(super) fn read_request(stream: &mut TcpStream, seen: &mut Vec<u8>) -> Option<Vec<u8>> {
    let head = read_head(stream, seen)?;
    let text = String::from_utf8_lossy(&seen[..head]).to_ascii_lowercase();
    let end = if text.contains("transfer-encoding: chunked") {
        loop {
            match find(&seen[head - 2..], b"\r\n0\r\n\r\n") {
                Some(at) => break head - 2 + at + 7,
                None => more(stream, seen)?,
            }
        }
    } else {
        let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let end = head + length.map_or(0, |digits| digits.parse::<usize>().expect("a length"));
        while seen.len() < end {
            more(stream, seen)?;
        }
        end
    };
    Some(seen.drain(..end).collect())
}

/// Reads until a head is in `seen`; its length.
pub(super) fn read_head(stream: &mut TcpStream, seen: &mut Vec<u8>) -> Option<usize> {
    loop {
        match find(seen, b"\r\n\r\n") {
            Some(at) => return Some(at + 4),
            None => more(stream, seen)?,
        }
    }
}

fn more(stream: &mut TcpStream, seen: &mut Vec<u8>) -> Option<()> {
    let mut bytes = [0; 16384];
    match stream.read(&mut bytes) {
        Ok(0) | Err(_) => None,
        Ok(length) => {
            seen.extend_from_slice(&bytes[..length]);
            Some(())
        }
    }
}

pub(super) fn find(whole: &[u8], piece: &[u8]) -> Option<usize> {
    whole.windows(piece.len()).position(|window| window == piece)
}
