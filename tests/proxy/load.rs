//! The load that rows speak of as "under load": clients that keep to a pace, whatever the server does, and count
//! what fails. A failure is an answer that is wrong or missing, a connection or a handshake that is refused, a
//! WebSocket that falls silent; never what the protocol provides for (`connection: close`, GOAWAY).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use edgekit_core::Clock;
use rustls::ClientConfig;
use serde_json::{Value, json};

use super::origin::{Origin, PATIENCE, find, read_head};
use super::world::Secure;

const GET: &str = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
/// Clients that keep a connection each, and requests a second of each.
const KEEPERS: (u32, u32) = (8, 250);
/// Clients that connect anew, and connections a second of each.
const NEWCOMERS: (u32, u32) = (4, 25);
const SOCKETS: usize = 20;
/// How often each WebSocket says something, and all streams of HTTP/2 are asked.
const SAYS: Duration = Duration::from_millis(250);
const STREAMS: usize = 10;
const ASKS: Duration = Duration::from_millis(50);
/// Failures that are told word by word.
const TOLD: usize = 20;

pub(super) fn now() -> Duration {
    Clock::system().monotonic()
}

/// What the clients share.
struct Shared {
    web: SocketAddr,
    secure: SocketAddr,
    config: Arc<ClientConfig>,
    over: AtomicBool,
    requests: AtomicU64,
    handshakes: AtomicU64,
    streams: AtomicU64,
    pings: AtomicU64,
    failed: AtomicU64,
    /// The latest configuration anybody has seen.
    number: AtomicU64,
    told: Mutex<Vec<String>>,
    sockets: Mutex<Vec<TcpStream>>,
}

/// Clients at work.
pub(super) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

/// A server that says back what it is told once it was upgraded to.
pub(super) fn echo() -> Origin {
    Origin::new(|mut stream| {
        // A machine that stands still for a moment is no reason to hang up.
        stream.set_read_timeout(Some(PATIENCE * 12)).expect("a timeout");
        if read_head(&mut stream, &mut Vec::new()).is_some() {
            let switch = "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
            drop(stream.write_all(switch.as_bytes()));
            let mut bytes = [0; 64];
            while let Ok(length @ 1..) = stream.read(&mut bytes) {
                drop(stream.write_all(&bytes[..length]));
            }
        }
    })
}

impl Load {
    pub(super) fn start(web: SocketAddr, secure: SocketAddr, config: Arc<ClientConfig>) -> Load {
        let zero = || AtomicU64::new(0);
        let shared = Arc::new(Shared {
            web,
            secure,
            config,
            over: AtomicBool::new(false),
            requests: zero(),
            handshakes: zero(),
            streams: zero(),
            pings: zero(),
            failed: zero(),
            number: zero(),
            told: Mutex::default(),
            sockets: Mutex::default(),
        });
        *shared.sockets.lock().expect("a lock") = shared.open_sockets();
        let mut clients = Vec::new();
        let mut start = |work: fn(&Shared)| {
            let shared = shared.clone();
            clients.push(thread::spawn(move || work(&shared)));
        };
        (0..KEEPERS.0).for_each(|_| start(Shared::keep));
        (0..NEWCOMERS.0).for_each(|_| start(Shared::come));
        start(Shared::stream);
        start(Shared::chat);
        Load { shared, clients }
    }

    pub(super) fn fail(&self, why: String) {
        self.shared.fail(why);
    }

    /// Every WebSocket answers, now.
    pub(super) fn check_sockets(&self) {
        self.shared.check_sockets();
    }

    /// All of them end, and others take their places.
    pub(super) fn renew_sockets(&self) {
        let fresh = self.shared.open_sockets();
        *self.shared.sockets.lock().expect("a lock") = fresh;
    }

    /// Some client is answered by configuration `number`, soon.
    pub(super) fn expect_number(&self, number: usize) {
        for _ in 0..100 {
            if self.shared.number.load(Ordering::SeqCst) == number as u64 {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.fail(format!("nobody has seen configuration {number}"));
    }

    /// Ends it; what was counted.
    pub(super) fn end(self) -> Value {
        let shared = &self.shared;
        shared.over.store(true, Ordering::SeqCst);
        for client in self.clients {
            if client.join().is_err() {
                shared.fail("a client gave up".to_owned());
            }
        }
        let count = |of: &AtomicU64| of.load(Ordering::SeqCst);
        json!({
            "requests": count(&shared.requests),
            "handshakes": count(&shared.handshakes),
            "streams": count(&shared.streams),
            "pings": count(&shared.pings),
            "failed": count(&shared.failed),
            "why": *shared.told.lock().expect("a lock"),
        })
    }
}

impl Shared {
    fn fail(&self, why: String) {
        self.failed.fetch_add(1, Ordering::SeqCst);
        let mut told = self.told.lock().expect("a lock");
        if told.len() < TOLD {
            told.push(why);
        }
    }

    /// Does something again and again, at a pace of its own: what comes late is made up for.
    fn at_pace(&self, every: Duration, mut act: impl FnMut() -> Result<(), String>) {
        let mut due = now();
        while !self.over.load(Ordering::SeqCst) {
            if let Err(why) = act() {
                self.fail(why);
            }
            due += every;
            thread::sleep(due.saturating_sub(now()));
        }
    }

    fn connect(&self) -> Result<TcpStream, String> {
        let stream = TcpStream::connect(self.web).map_err(|error| format!("connect: {error}"))?;
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("an option");
        Ok(stream)
    }

    fn keep(&self) {
        let mut kept: Option<TcpStream> = None;
        self.at_pace(Duration::from_secs(1) / KEEPERS.1, || {
            let mut stream = match kept.take() {
                Some(stream) => stream,
                None => self.connect()?,
            };
            stream.write_all(GET.as_bytes()).map_err(|error| format!("a request: {error}"))?;
            let (mut answer, mut bytes) = (Vec::new(), [0; 1024]);
            while !answer.ends_with(b"hello") {
                match stream.read(&mut bytes) {
                    Ok(0) => return Err(format!("the end after {} bytes of an answer", answer.len())),
                    Ok(length) => answer.extend_from_slice(&bytes[..length]),
                    Err(error) => return Err(format!("an answer: {error}")),
                }
            }
            if !answer.starts_with(b"HTTP/1.1 200 ") {
                return Err(String::from_utf8_lossy(&answer).into_owned());
            }
            if let Some(at) = find(&answer, b"x-number: ") {
                let digits = answer[at + 10..].iter().take_while(|byte| byte.is_ascii_digit());
                let number = digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
                self.number.fetch_max(number, Ordering::SeqCst);
            }
            self.requests.fetch_add(1, Ordering::Relaxed);
            kept = find(&answer, b"connection: close\r\n").is_none().then_some(stream);
            Ok(())
        });
    }

    fn come(&self) {
        self.at_pace(Duration::from_secs(1) / NEWCOMERS.1, || {
            let mut client = Secure::connect(self.secure, &self.config, "a.example")
                .map_err(|error| format!("a handshake: {error}"))?;
            let (head, body) = client.ask(GET).map_err(|error| format!("an answer by TLS: {error}"))?;
            if !head.starts_with("HTTP/1.1 200 ") || body != "hello" {
                return Err(format!("{head}{body}"));
            }
            self.handshakes.fetch_add(1, Ordering::Relaxed);
            Ok(())
        });
    }

    fn open_sockets(&self) -> Vec<TcpStream> {
        let open = || {
            let mut stream = self.connect()?;
            let ask = b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
            stream.write_all(ask).map_err(|error| error.to_string())?;
            let mut seen = Vec::new();
            match read_head(&mut stream, &mut seen) {
                Some(_) if seen.starts_with(b"HTTP/1.1 101 ") => Ok(stream),
                _ => Err(format!("a WebSocket: {:?}", String::from_utf8_lossy(&seen))),
            }
        };
        (0..SOCKETS).filter_map(|_| open().map_err(|why| self.fail(why)).ok()).collect()
    }

    fn check_sockets(&self) {
        let mut sockets = self.sockets.lock().expect("a lock");
        let mut bytes = [0; 4];
        sockets.retain_mut(|socket| {
            let said = socket.write_all(b"ping").and_then(|()| socket.read_exact(&mut bytes));
            match said {
                Ok(()) if bytes == *b"ping" => {
                    self.pings.fetch_add(1, Ordering::Relaxed);
                    true
                }
                said => {
                    self.fail(format!("a WebSocket is gone: {said:?}"));
                    false
                }
            }
        });
    }

    fn chat(&self) {
        self.at_pace(SAYS, || {
            self.check_sockets();
            Ok(())
        });
    }

    fn stream(&self) {
        let mut kept: Option<Http2> = None;
        self.at_pace(ASKS, || {
            let mut left = STREAMS;
            // What a connection that goes away has not begun is asked again on another.
            while left > 0 {
                let mut link = match kept.take() {
                    Some(link) => link,
                    None => Http2::over(self.connect()?)?,
                };
                let answered = link.ask(left)?;
                self.streams.fetch_add(answered as u64, Ordering::Relaxed);
                left -= answered;
                kept = link.last.is_none().then_some(link);
            }
            Ok(())
        });
    }
}

/// As much of HTTP/2 as a client needs that asks for `/` and looks whether it gets it.
struct Http2 {
    stream: TcpStream,
    seen: Vec<u8>,
    next: u32,
    /// The last stream that a server which goes away says it has begun.
    last: Option<u32>,
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

impl Http2 {
    fn over(mut stream: TcpStream) -> Result<Http2, String> {
        let begin = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(SETTINGS, 0, 0, &[])].concat();
        stream.write_all(&begin).map_err(|error| format!("HTTP/2: {error}"))?;
        Ok(Http2 { stream, seen: Vec::new(), next: 1, last: None })
    }

    /// Asks on so many streams at once; how many were answered: fewer only where the server goes away.
    fn ask(&mut self, count: usize) -> Result<usize, String> {
        // GET, http, "/", and the host as a literal (RFC 7541 appendix A).
        let block = [0x82, 0x86, 0x84, 0x01, 1, b'a'];
        let first = self.next;
        self.next += 2 * count as u32;
        let ids: Vec<u32> = (first..self.next).step_by(2).collect();
        let asked: Vec<u8> =
            ids.iter().flat_map(|id| frame(HEADERS, END_STREAM | END_HEADERS, *id, &block)).collect();
        self.stream.write_all(&asked).map_err(|error| format!("streams: {error}"))?;
        let (mut open, mut bytes) = (ids, 0);
        while open.iter().any(|id| self.last.is_none_or(|last| *id <= last)) {
            let (kind, flags, id, payload) = self.frame()?;
            match kind {
                HEADERS if payload.first() != Some(&0x88) => return Err(format!("a status: {payload:?}")),
                RST_STREAM => return Err(format!("a stream was reset: {payload:?}")),
                DATA => bytes += payload.len() as u32,
                SETTINGS | PING if flags & ACK == 0 => {
                    let echo = if kind == PING { &payload[..] } else { &[] };
                    self.stream.write_all(&frame(kind, ACK, 0, echo)).map_err(|error| error.to_string())?;
                }
                GOAWAY => {
                    self.last = payload.first_chunk().map(|id| u32::from_be_bytes(*id) & (u32::MAX >> 1))
                }
                _ => {}
            }
            if matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0 {
                open.retain(|other| *other != id);
            }
        }
        if bytes > 0 && self.last.is_none() {
            let update = frame(WINDOW_UPDATE, 0, 0, &bytes.to_be_bytes());
            self.stream.write_all(&update).map_err(|error| error.to_string())?;
        }
        Ok(count - open.len())
    }

    fn frame(&mut self) -> Result<(u8, u8, u32, Vec<u8>), String> {
        loop {
            if let Some(&[a, b, c, kind, flags, e, f, g, h]) = self.seen.first_chunk::<9>() {
                let length = u32::from_be_bytes([0, a, b, c]) as usize;
                if self.seen.len() >= 9 + length {
                    let payload = self.seen[9..9 + length].to_vec();
                    self.seen.drain(..9 + length);
                    return Ok((kind, flags, u32::from_be_bytes([e, f, g, h]), payload));
                }
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes) {
                Ok(0) => return Err("HTTP/2 ended with streams open".to_owned()),
                Ok(length) => self.seen.extend_from_slice(&bytes[..length]),
                Err(error) => return Err(format!("HTTP/2: {error}")),
            }
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = (payload.len() as u32).to_be_bytes();
    [&[a, b, c, kind, flags], &stream.to_be_bytes()[..], payload].concat()
}
