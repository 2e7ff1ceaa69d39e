//! Odd requests through the proxy to servers of other people: each request that is passed on is one
//! request there, and no pair of one and another.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::daemon::Proxy;
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

#[test]
fn one_request_is_one_request_to_every_server() {
    let servers = [("python", python()), ("nginx", nginx())];
    for (name, server) in &servers {
        let Some(server) = server else {
            eprintln!("{name} is not here: nothing was compared with it");
            continue;
        };
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
