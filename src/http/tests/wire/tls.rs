//! TLS on both sides, by the resolver's names, through a proxy, and refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use edgekit_core::Clock;
use edgekit_http::{
    Client, Kind, Limits, Listener, Options, Proxies, Request, Retry, Server, StatusCode, header, text,
};
use edgekit_rt::Resolver;
use edgekit_rt::resolve::Files;
use edgekit_tls::{ClientOptions, Identity, PairSource, Roots, ServerOptions, Trust};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::peers::read_head;

/// A folder with a root, a pair for `box.example`, and a hosts file; gone at the end.
struct World(PathBuf);

impl World {
    fn new(name: &str) -> World {
        let folder = std::env::temp_dir().join(format!("edgekit-http-tls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf =
            CertificateParams::new(vec!["box.example".to_owned()]).unwrap().signed_by(&key, &root).unwrap();
        let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
        write("root.pem", root.pem());
        write("leaf.pem", leaf.pem());
        write("leaf.key", key.serialize_pem());
        // Nobody listens on the first address: the second one has to be tried.
        write("hosts", "::1 box.example other.example\n127.0.0.1 box.example other.example\n".to_owned());
        World(folder)
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A server that says the path; `/away` leads to plain HTTP.
    fn serve(&self) -> u16 {
        let source = PairSource::Files { chain: self.join("leaf.pem"), key: self.join("leaf.key") };
        let options = ServerOptions::new(vec![Identity { source, names: Vec::new() }]);
        let (tls, _) = edgekit_tls::Server::load(options, Clock::system()).unwrap();
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let handler = |request: Request| async move {
            let mut reply = text(StatusCode::OK, request.uri.path());
            if request.uri.path() == "/away" {
                *reply.status_mut() = StatusCode::FOUND;
                reply.headers_mut().insert(header::LOCATION, "http://box.example/x".parse().unwrap());
            }
            reply
        };
        let server = Server::new(handler, Limits::default());
        tokio::spawn(async move { server.serve(Listener::tcp(socket, Some(Arc::new(tls))).unwrap()).await });
        port
    }

    fn client(&self, root: &Path, proxies: Proxies) -> Client {
        let trust = Trust { roots: Roots::File(root.to_owned()), ..Trust::default() };
        let (tls, _) =
            edgekit_tls::Client::load(ClientOptions { trust, ..ClientOptions::default() }, Clock::system())
                .unwrap();
        let files = Files { hosts: self.join("hosts"), resolv_conf: self.join("none") };
        let resolver = Resolver::new(files, Clock::system());
        Client::new(Options { tls: Some(Arc::new(tls)), resolver, proxies, ..Options::default() })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[tokio::test]
async fn by_name_and_never_down_to_plain() {
    let world = World::new("name");
    let port = world.serve();
    let client = world.client(&world.join("root.pem"), Proxies::none());
    let get =
        async |path: &str| client.get(&format!("https://box.example:{port}{path}"), &Retry::never()).await;
    assert_eq!(get("/hello").await.unwrap().body.bytes().await.unwrap(), "/hello\n");
    let error = get("/away").await.err().unwrap();
    assert!(error.to_string().ends_with("not followed: it leads from https to http"), "{error}");
}

#[tokio::test]
async fn wrong_names_and_roots_are_refused_for_good() {
    let (world, stranger) = (World::new("right"), World::new("wrong"));
    let port = world.serve();
    let right = world.client(&world.join("root.pem"), Proxies::none());
    let wrong = world.client(&stranger.join("root.pem"), Proxies::none());
    for (client, host) in [(right, "other.example"), (wrong, "box.example")] {
        let error = client.get(&format!("https://{host}:{port}/"), &Retry::default()).await.err().unwrap();
        assert!(matches!(error.kind(), Kind::Tls { broken: false, .. }), "{error:?}");
        assert!(error.to_string().contains(&format!("TLS with '{host}' failed: ")), "{error}");
    }
    let without = Client::new(Options::default());
    let error = without.get(&format!("https://127.0.0.1:{port}/"), &Retry::never()).await.err().unwrap();
    assert!(error.to_string().ends_with("this client was given no trusted roots"), "{error}");
}

#[tokio::test]
async fn through_a_tunnel_the_proxy_sees_nothing() {
    let world = World::new("tunnel");
    let port = world.serve();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap().to_string();
    let asked = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let head = read_head(&mut client).await;
        client.write_all(b"HTTP/1.1 200 Connected\r\n").await.unwrap();
        client.write_all(b"X-Proxy: yes\r\n\r\n").await.unwrap();
        let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        // Either side may end first.
        drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
        head
    });
    let proxies = Proxies::from_vars(|name| (name == "https_proxy").then(|| proxy.clone())).unwrap();
    let client = world.client(&world.join("root.pem"), proxies);
    let reply = client.get(&format!("https://box.example:{port}/secret"), &Retry::never()).await.unwrap();
    assert_eq!(reply.body.bytes().await.unwrap(), "/secret\n");
    let head = asked.await.unwrap();
    assert_eq!(head, format!("CONNECT box.example:{port} HTTP/1.1\r\nHost: box.example:{port}\r\n\r\n"));
}
