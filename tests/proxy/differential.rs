//! Odd requests through the proxy to servers of other people: each request that is passed on is one
//! request there, and no pair of one and another.
//!
//! The cases of `fixtures/proxy/framing.json` are those of row 5.17, whose bench counts what more servers
//! have seen of them; here go the servers that a machine for tests has.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::daemon::Proxy;
use super::http2::{self, DATA, END_HEADERS, END_STREAM, HEADERS};
use crate::harness::Scratch;

/// Bodies and framings that servers are known to disagree on. Each is sent with a second request
/// hidden behind it.
const ODD: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 44\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 44\r\n\r\n0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\nContent-Length: 44\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\x0bchunked\r\nContent-Length: 44\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\nContent-Length: 44\r\n\r\n0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX: y\nContent-Length: 44\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX: y\rContent-Length: 44\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n Content-Length: 44\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\t4\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: Content-Length\r\nContent-Length: 5\r\n\r\nhello",
    "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;\r\nhello\r\n0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nContent-Length: 44\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n",
    "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
    "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
];

struct Server {
    child: Child,
    address: SocketAddr,
    _scratch: Scratch,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A port nobody listens on now.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn start(scratch: Scratch, address: SocketAddr, command: &mut Command) -> Option<Server> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
    let server = Server { child, address, _scratch: scratch };
    for _ in 0..400 {
        if TcpStream::connect(address).is_ok() {
            return Some(server);
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    None
}

/// `python3 -m http.server`, which answers in HTTP/1.0 or, as here, in HTTP/1.1 and keeps connections.
fn python() -> Option<Server> {
    let (scratch, address) = (Scratch::new(), free());
    let program = format!(
        "import http.server as h\n\
         class H(h.BaseHTTPRequestHandler):\n \
         protocol_version='HTTP/1.1'\n \
         def do_GET(self):\n  \
         n=int(self.headers.get('content-length') or 0)\n  \
         if n: self.rfile.read(n)\n  \
         if self.headers.get('transfer-encoding'):\n   \
         while int(self.rfile.readline(),16)>0 and self.rfile.readline(): pass\n   \
         self.rfile.readline()\n  \
         b=self.path.encode()\n  self.send_response(200)\n  \
         self.send_header('content-length',str(len(b)))\n  self.end_headers()\n  self.wfile.write(b)\n\
         h.ThreadingHTTPServer(('127.0.0.1',{}),H).serve_forever()\n",
        address.port()
    );
    start(scratch, address, Command::new("python3").args(["-c", &program]))
}

/// nginx, if this machine has it.
fn nginx() -> Option<Server> {
    let (scratch, address) = (Scratch::new(), free());
    let place = scratch.path().display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|name| format!("{name}_temp_path {place}/{name}; "))
        .collect();
    let config = format!(
        "daemon off; master_process off; pid {place}/pid; error_log {place}/error.log; events {{}}\n\
         http {{ access_log off; {temporary} server {{ listen {address}; location / {{ return 200 $uri; }} }} }}\n"
    );
    std::fs::write(scratch.join("nginx.conf"), config).unwrap();
    let file = scratch.join("nginx.conf");
    start(scratch, address, Command::new("nginx").arg("-c").arg(file))
}

/// Node's `http`, if this machine has it.
fn node() -> Option<Server> {
    let (scratch, address) = (Scratch::new(), free());
    let program = "require('http').createServer((q, s) => { q.resume(); q.on('end', () => s.end(q.url)); })\
                   .listen(Number(process.argv[1]), '127.0.0.1')";
    start(scratch, address, Command::new("node").args(["-e", program, &address.port().to_string()]))
}

/// HAProxy, if this machine has it.
fn haproxy() -> Option<Server> {
    let (scratch, address) = (Scratch::new(), free());
    let config = format!(
        "global\n nbthread 1\ndefaults\n mode http\n timeout client 30s\n timeout http-keep-alive 30s\n\
         frontend a\n bind {address}\n http-request return status 200 content-type text/plain lf-string %[path]\n"
    );
    let file = scratch.join("haproxy.cfg");
    std::fs::write(&file, config).unwrap();
    start(scratch, address, Command::new("haproxy").arg("-f").arg(file))
}

fn server(name: &str) -> Option<Server> {
    let server = match name {
        "python" => python(),
        "nginx" => nginx(),
        "node" => node(),
        _ => haproxy(),
    };
    if server.is_none() {
        eprintln!("{name} is not here: nothing was compared with it");
    }
    server
}

#[test]
fn one_request_is_one_request_to_every_server() {
    for name in ["python", "nginx", "node", "haproxy"] {
        let Some(server) = server(name) else { continue };
        let proxy = Proxy::to(server.address);
        for odd in ODD {
            // Forty-four bytes that are a request where a length was misread.
            let answer = proxy
                .exchange(format!("{odd}GET /hidden HTTP/1.1\r\nHost: hidden.example\r\n\r\n").as_bytes());
            let first = answer.get(9..12).unwrap_or_default().to_owned();
            let answers = answer.matches("HTTP/1.1 ").count() - answer.matches("HTTP/1.1 100").count();
            match first.as_str() {
                // Passed on: both requests are answered, in their order.
                "200" | "100" => {
                    assert_eq!(
                        (answers, answer.matches("/hidden").count()),
                        (2, 1),
                        "{name} {odd:?}\n{answer}"
                    );
                }
                // Refused: nothing after it is answered.
                _ => assert_eq!(
                    (answers, answer.matches("/hidden").count()),
                    (1, 0),
                    "{name} {odd:?}\n{answer}"
                ),
            }
            // A connection to the server is in step afterwards.
            let next = proxy.exchange(b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
            assert!(
                next.starts_with("HTTP/1.1 200 ") && next.ends_with("/next"),
                "{name} after {odd:?}\n{next}"
            );
        }
    }
}

/// Bytes as the fixture writes them: a letter each.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|letter| u8::try_from(u32::from(letter)).expect("a byte")).collect()
}

/// The cases of HTTP/1, whole, with `{path}` where theirs is to be.
fn cases(table: &Value) -> Vec<String> {
    let list = |name: &str| -> Vec<String> {
        table[name].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let post = "POST {path} HTTP/1.1\r\nHost: a\r\n";
    let bodies = list("bodies");
    let mut cases = list("heads");
    for fields in list("fields") {
        cases.extend(bodies.iter().map(|body| format!("{post}{fields}\r\n{body}")));
    }
    cases.extend(
        list("chunks").iter().map(|chunks| format!("{post}Transfer-Encoding: chunked\r\n\r\n{chunks}")),
    );
    cases
}

/// Everything goes to the server; what is hidden in it is never asked, and whoever asks next is told his own.
fn nothing_is_out_of_step(name: &str) {
    let Some(server) = server(name) else { return };
    let proxy = Proxy::to(server.address);
    let in_step = |case: &str| {
        let next = proxy.exchange(b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(
            next.starts_with("HTTP/1.1 200 ") && next.ends_with("/next"),
            "{name} after {case:?}\n{next}"
        );
    };
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/proxy/framing.json");
    let table: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let cases = cases(&table);
    assert!(cases.len() > 700);
    for case in &cases {
        let sent = format!("{case}GET /marker HTTP/1.1\r\nHost: a\r\n\r\n").replace("{path}", "/case");
        let answer = proxy.exchange(&bytes(&sent));
        assert!(!answer.contains("\r\n\r\n/hidden"), "{name} {case:?}\n{answer}");
        assert!(answer.matches("\r\n\r\n/marker").count() <= 1, "{name} {case:?}\n{answer}");
        in_step(case);
    }
    for case in table["http2"].as_array().unwrap() {
        let fields = |name: &str| -> Option<Vec<u8>> {
            let pairs = case[name].as_array()?.iter();
            let text = |value: &Value| bytes(&value.as_str().unwrap().replace("{path}", "/case"));
            Some(pairs.flat_map(|pair| http2::field_of(&text(&pair[0]), &text(&pair[1]))).collect())
        };
        let data = bytes(case["data"].as_str().unwrap());
        let trailers = fields("trailers");
        let mut client = http2::Client::of(proxy.address);
        let is_alone = data.is_empty() && trailers.is_none();
        let flags = END_HEADERS | if is_alone { END_STREAM } else { 0 };
        client.send(HEADERS, flags, 1, &fields("fields").unwrap());
        if !is_alone {
            client.send(DATA, if trailers.is_some() { 0 } else { END_STREAM }, 1, &data);
        }
        if let Some(trailers) = trailers {
            client.send(HEADERS, END_HEADERS | END_STREAM, 1, &trailers);
        }
        let said = client.ended(1);
        assert!(!said.starts_with(b"/hidden"), "{name} {case}");
        in_step(&case.to_string());
    }
}

#[test]
fn nothing_is_out_of_step_with_nginx() {
    nothing_is_out_of_step("nginx");
}

#[test]
fn nothing_is_out_of_step_with_node() {
    nothing_is_out_of_step("node");
}

#[test]
fn nothing_is_out_of_step_with_haproxy() {
    nothing_is_out_of_step("haproxy");
}
