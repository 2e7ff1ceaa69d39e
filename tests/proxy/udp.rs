//! Datagrams: each client is a flow of its own, and there are only so many for so long.

use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::daemon::Proxy;
use super::origin::PATIENCE;
use super::world::until;

/// Says again what it hears, in capitals, and keeps who spoke. It ends with the test's process.
struct Echo {
    address: SocketAddr,
    heard: Arc<Mutex<HashSet<SocketAddr>>>,
}

impl Echo {
    fn new() -> Echo {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let echo = Echo { address: socket.local_addr().unwrap(), heard: Arc::default() };
        let heard = echo.heard.clone();
        thread::spawn(move || {
            let mut bytes = [0; 65_535];
            while let Ok((length, from)) = socket.recv_from(&mut bytes) {
                heard.lock().unwrap().insert(from);
                drop(socket.send_to(&bytes[..length].to_ascii_uppercase(), from));
            }
        });
        echo
    }

    fn heard(&self) -> usize {
        self.heard.lock().unwrap().len()
    }
}

fn proxy(endpoints: &str, keys: &str) -> Proxy {
    Proxy::with(&format!(
        "protocol = \"udp\"\ncluster = \"app\"\n{keys}\n[cluster.app]\nendpoints = [{endpoints}]\n"
    ))
}

fn client(proxy: &Proxy) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(proxy.address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn ask(client: &UdpSocket, what: &[u8]) -> Vec<u8> {
    client.send(what).unwrap();
    let mut bytes = vec![0; 65_535];
    let length = client.recv(&mut bytes).expect("an answer");
    bytes.truncate(length);
    bytes
}

#[test]
fn each_client_has_a_flow() {
    let echo = Echo::new();
    let proxy = proxy(&format!("\"{}\"", echo.address), "");
    let clients: Vec<UdpSocket> = (0..10).map(|_| client(&proxy)).collect();
    for round in 0..5 {
        for (number, client) in clients.iter().enumerate() {
            let said = format!("client {number} round {round}");
            assert_eq!(ask(client, said.as_bytes()), said.to_ascii_uppercase().as_bytes());
        }
    }
    assert_eq!(echo.heard(), 10);
    // As long as one can be, and as short.
    let long: Vec<u8> = (0..60_000_u32).map(|number| (number % 200) as u8).collect();
    assert_eq!(ask(&clients[0], &long), long.to_ascii_uppercase());
    assert_eq!(ask(&clients[0], b""), b"");
    assert_eq!(proxy.metric("edgekit_proxy_flows_total"), 10);
    assert_eq!(proxy.metric("edgekit_proxy_datagrams_total"), 104);
    assert_eq!(proxy.metric("edgekit_proxy_datagrams_lost_total"), 0);
}

#[test]
fn who_is_silent_is_forgotten_and_there_are_only_so_many() {
    let echo = Echo::new();
    let proxy = proxy(&format!("\"{}\"", echo.address), "flow_timeout = \"300ms\"\nmax_flows = 2");
    let clients: Vec<UdpSocket> = (0..3).map(|_| client(&proxy)).collect();
    assert_eq!(ask(&clients[0], b"a"), b"A");
    assert_eq!(ask(&clients[1], b"b"), b"B");
    clients[2].send(b"c").unwrap();
    until("the third is refused", || proxy.metric("edgekit_proxy_flows_refused_total") == 1);
    assert_eq!(proxy.metric("edgekit_proxy_datagrams_lost_total"), 1);
    assert_eq!(echo.heard(), 2);
    until("both are forgotten", || proxy.status()["detail"]["open"] == 0);
    assert_eq!(ask(&clients[2], b"c"), b"C");
    // Whoever comes back is another flow.
    assert_eq!(ask(&clients[0], b"a"), b"A");
    assert_eq!(echo.heard(), 4);
    assert_eq!(proxy.metric("edgekit_proxy_flows_total"), 4);
}

#[test]
fn an_endpoint_where_nobody_listens_is_left() {
    let echo = Echo::new();
    let gone = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = proxy(&format!("\"{gone}\", \"{}\"", echo.address), "");
    let client = client(&proxy);
    client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut bytes = [0; 16];
    until("the other one answers", || {
        client.send(b"hello").unwrap();
        client.recv(&mut bytes).is_ok_and(|length| bytes[..length] == *b"HELLO")
    });
    assert!(proxy.metric("edgekit_proxy_connect_errors_total") <= 2);
}

#[test]
fn a_drain_ends_flows_and_a_listener_keeps_its_kind() {
    let echo = Echo::new();
    let mut proxy = proxy(&format!("\"{}\"", echo.address), "");
    assert_eq!(ask(&client(&proxy), b"a"), b"A");
    let app = format!("[cluster.app]\nendpoints = [\"{}\"]\n", echo.address);
    proxy.write(&format!("{app}[route.all]\nstatus = 200\n"));
    let said = proxy.reload().ends(0).out;
    assert!(said.contains("listener.web.protocol"), "{said}");
    assert_eq!(ask(&client(&proxy), b"b"), b"B");
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.ended(), Some(0));
}
