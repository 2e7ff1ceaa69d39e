//! The other side: our own server in one line, and one that sends whatever bytes a test says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use edgekit_http::{Client, Handler, Limits, Listener, Options, Retry, Server, Timeouts};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server of ours on a free port.
pub(crate) fn serve(handler: impl Handler, limits: Limits) -> (SocketAddr, Server) {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let server = Server::new(handler, limits);
    let ours = server.clone();
    tokio::spawn(async move { ours.serve(Listener::tcp(socket, None).unwrap()).await });
    (address, server)
}

/// A server that answers request number n with the bytes `answer(n, request)` and closes.
#[derive(Clone)]
pub(crate) struct Raw {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Raw {
    pub(crate) async fn start(answer: impl Fn(usize, &str) -> Vec<u8> + Send + Sync + 'static) -> Raw {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let raw = Raw { address: listener.local_addr().unwrap(), requests: Arc::default() };
        let seen = Arc::clone(&raw.requests);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let head = read_head(&mut stream).await;
                let number = {
                    let mut seen = seen.lock().unwrap();
                    seen.push(head.clone());
                    seen.len() - 1
                };
                // The client may have had enough before the end.
                drop(stream.write_all(&answer(number, &head)).await);
            }
        });
        raw
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The heads of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Reads up to the empty line.
pub(crate) async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

/// A server that answers a request with `first` and then neither speaks nor closes.
pub(crate) async fn silent(first: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_head(&mut stream).await;
            stream.write_all(first).await.unwrap();
            kept.push(stream);
        }
    });
    address
}

/// An answer with a status line, headers and a body as given.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}\r\n{body}").into_bytes()
}

/// Short waits, so that what should time out does.
pub(crate) fn quick() -> Options {
    let short = Duration::from_millis(200);
    let timeouts = Timeouts { connect: short, first_byte: short, idle: short, total: None };
    Options { timeouts, ..Options::default() }
}

pub(crate) fn client() -> Client {
    Client::new(Options::default())
}

/// Many attempts, hardly any wait.
pub(crate) fn eager() -> Retry {
    Retry { base: Duration::from_millis(1), ..Retry::default() }
}

/// A value in a request's head.
pub(crate) fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (known, value) = line.split_once(": ")?;
        known.eq_ignore_ascii_case(name).then_some(value)
    })
}
