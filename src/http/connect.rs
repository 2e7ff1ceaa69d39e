//! From an address to a stream: resolver, happy eyeballs, proxy, TLS.
//!
//! Neighbours: `proxy.rs` says which way, `client.rs` speaks HTTP on the stream and sets the time limit.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use edgekit_rt::Resolver;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use crate::error::Kind;
use crate::{Proxies, Proxy, Url};

/// Head start of an address before the next one is tried as well (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);

/// Largest head of a proxy's answer to CONNECT.
const MAX_PROXY_HEAD: usize = 8 * 1024;

/// A connection of any kind.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}
pub(crate) type Stream = Box<dyn Io>;

/// How to reach servers.
pub(crate) struct Connector {
    pub(crate) resolver: Resolver,
    pub(crate) tls: Option<Arc<edgekit_tls::Client>>,
    pub(crate) proxies: Proxies,
    pub(crate) unix: Option<PathBuf>,
}

/// A stream on which a request can be sent.
pub(crate) struct Connected<'a> {
    pub(crate) stream: Stream,
    /// A proxy reads the request itself: it wants the whole address, and its credentials.
    pub(crate) forwarding: Option<&'a Proxy>,
}

impl Connector {
    pub(crate) async fn connect(&self, url: &Url) -> Result<Connected<'_>, Kind> {
        if let Some(path) = &self.unix {
            return Ok(Connected { stream: unix(path).await?, forwarding: None });
        }
        let Some(proxy) = self.proxies.route(url) else {
            let tcp = self.tcp(url).await?;
            return Ok(Connected { stream: self.secure(url, tcp).await?, forwarding: None });
        };
        let to_proxy = match self.tcp(proxy.url()).await {
            Ok(tcp) => self.secure(proxy.url(), tcp).await,
            Err(kind) => Err(kind),
        };
        let to_proxy = to_proxy.map_err(|kind| refused(proxy, kind.to_string(), kind.is_temporary()))?;
        if !url.is_https() {
            return Ok(Connected { stream: to_proxy, forwarding: Some(proxy) });
        }
        let tunnel = tunnel(to_proxy, proxy, url).await?;
        Ok(Connected { stream: self.secure(url, tunnel).await?, forwarding: None })
    }

    async fn tcp(&self, url: &Url) -> Result<Stream, Kind> {
        let addresses = self.resolver.resolve(url.host()).await?;
        let addresses = interleave(addresses).into_iter().map(|ip| SocketAddr::new(ip, url.port())).collect();
        let stream = race(addresses, &url.host_port()).await?;
        // Costs only latency if it fails.
        drop(stream.set_nodelay(true));
        Ok(Box::new(stream))
    }

    /// TLS around `stream` if the address asks for it.
    async fn secure(&self, url: &Url, stream: Stream) -> Result<Stream, Kind> {
        if !url.is_https() {
            return Ok(stream);
        }
        let failed = |reason: String, broken: bool| Kind::Tls { host: url.host().to_owned(), reason, broken };
        let Some(tls) = &self.tls else {
            return Err(failed("this client was given no trusted roots".to_owned(), false));
        };
        let name = edgekit_tls::server_name(url.host()).map_err(|error| failed(error.to_string(), false))?;
        let mut config = (*tls.config()).clone();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        match TlsConnector::from(Arc::new(config)).connect(name, stream).await {
            Ok(stream) => Ok(Box::new(stream)),
            // rustls reports what it refuses as invalid data; the rest is the transport.
            Err(error) => {
                let broken = error.kind() != io::ErrorKind::InvalidData;
                Err(failed(edgekit_core::text::io_reason(&error), broken))
            }
        }
    }
}

async fn unix(path: &Path) -> Result<Stream, Kind> {
    match UnixStream::connect(path).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(source) => Err(Kind::Connect { to: path.display().to_string(), source }),
    }
}

/// IPv6 and IPv4 in turn, the family of the resolver's first choice first (RFC 8305 §4).
fn interleave(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let first_is_v6 = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut mixed = Vec::new();
    loop {
        let pair = [first.next(), second.next()];
        if pair.iter().all(Option::is_none) {
            return mixed;
        }
        mixed.extend(pair.into_iter().flatten());
    }
}

/// The first of these addresses that accepts, each started while the ones before are still trying.
async fn race(addresses: Vec<SocketAddr>, host: &str) -> Result<TcpStream, Kind> {
    let mut waiting = addresses.into_iter();
    let mut trying = JoinSet::new();
    let mut last = Kind::Connect { to: host.to_owned(), source: io::ErrorKind::AddrNotAvailable.into() };
    loop {
        if let Some(address) = waiting.next() {
            trying.spawn(async move { (address, TcpStream::connect(address).await) });
        }
        let ended = if waiting.len() == 0 {
            trying.join_next().await
        } else {
            match tokio::time::timeout(STAGGER, trying.join_next()).await {
                Ok(ended) => ended,
                Err(_) => continue,
            }
        };
        match ended {
            Some(Ok((_, Ok(stream)))) => return Ok(stream),
            Some(Ok((address, Err(source)))) => last = Kind::Connect { to: address.to_string(), source },
            // A task of ours neither panics nor is cancelled while its set lives.
            Some(Err(_)) => {}
            None => return Err(last),
        }
    }
}

fn refused(proxy: &Proxy, reason: String, temporary: bool) -> Kind {
    Kind::Proxy { proxy: proxy.to_string(), reason, temporary }
}

/// Asks the proxy for a tunnel (RFC 9110 §9.3.6).
async fn tunnel(mut stream: Stream, proxy: &Proxy, url: &Url) -> Result<Stream, Kind> {
    let host = url.host_port();
    let mut request = format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n");
    if let Some(authorization) = proxy.authorization() {
        request.push_str(&format!("Proxy-Authorization: {authorization}\r\n"));
    }
    request.push_str("\r\n");
    let broken = |error: io::Error| refused(proxy, edgekit_core::text::io_reason(&error), true);
    stream.write_all(request.as_bytes()).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let mut head = Vec::with_capacity(512);
    loop {
        if head.len() >= MAX_PROXY_HEAD {
            return Err(refused(proxy, format!("its answer is larger than {MAX_PROXY_HEAD} bytes"), false));
        }
        if (&mut stream)
            .take((MAX_PROXY_HEAD - head.len()) as u64)
            .read_buf(&mut head)
            .await
            .map_err(broken)?
            == 0
        {
            return Err(refused(proxy, "the connection ended before an answer".to_owned(), true));
        }
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut answer = httparse::Response::new(&mut headers);
        let length = match answer.parse(&head) {
            Ok(httparse::Status::Partial) => continue,
            Ok(httparse::Status::Complete(length)) => length,
            Err(error) => return Err(refused(proxy, format!("its answer is not HTTP: {error}"), false)),
        };
        return match answer.code.unwrap_or(0) {
            // In TLS the client speaks first: bytes behind the head are not the server's.
            200..300 if length == head.len() => Ok(stream),
            200..300 => Err(refused(proxy, "it sent data before the tunnel was used".to_owned(), false)),
            407 => Err(refused(proxy, "it wants other credentials (407)".to_owned(), false)),
            code => Err(refused(
                proxy,
                format!("it answered {code} to CONNECT {host}"),
                matches!(code, 408 | 429 | 500..),
            )),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let ips = |list: &[&str]| list.iter().map(|ip| ip.parse().unwrap()).collect::<Vec<IpAddr>>();
        assert_eq!(
            interleave(ips(&["::1", "::2", "::3", "1.1.1.1"])),
            ips(&["::1", "1.1.1.1", "::2", "::3"])
        );
        assert_eq!(interleave(ips(&["1.1.1.1", "::1"])), ips(&["1.1.1.1", "::1"]));
        assert!(interleave(Vec::new()).is_empty());
    }

    #[tokio::test]
    async fn the_next_address_does_not_wait_for_a_refusal() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = listener.local_addr().unwrap();
        // Bound and never listening: refused at once.
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let stream = race(vec![closed, closed, good], "x").await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
        let error = race(vec![closed], "x").await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot connect to {closed}: connection refused"));
        assert!(race(Vec::new(), "x").await.is_err());
    }

    /// An address that takes no connection and refuses none, with what keeps it so.
    async fn full() -> (SocketAddr, tokio::net::TcpListener, Vec<TcpStream>) {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut held = Vec::new();
        while let Ok(stream) =
            tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await
        {
            held.push(stream.unwrap());
        }
        (address, listener, held)
    }

    #[tokio::test]
    async fn a_silent_address_does_not_hold_the_others_up() {
        let (silent, _listener, _held) = full().await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = listener.local_addr().unwrap();
        let clock = edgekit_core::Clock::system();
        let start = clock.monotonic();
        let stream = race(vec![silent, good], "x").await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
        assert!(clock.monotonic() - start >= STAGGER);
    }
}
