//! What a TLS client asks for before anything is secret: the host and the protocols of its ClientHello
//! (RFC 8446 §4.1.2, RFC 6066 §3, RFC 7301 §3.1).
//!
//! For connections that are passed through unopened, and for the name a session was made for. Nothing is
//! believed: lengths are checked against what is there, and no more is read than [`MOST`] bytes.

/// The longest ClientHello that is looked at; browsers send about 2 kB.
pub const MOST: usize = 16 * 1024;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;

/// What the first bytes of a connection are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Hello {
    /// The beginning of one: more must come.
    Partial,
    /// None, or one that no server would read.
    Other,
    /// A whole one.
    Whole(Wanted),
}

/// What it asks for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    /// The host, in lower case without a dot at its end.
    pub server_name: Option<String>,
    /// Protocols, the client's favourite first.
    pub protocols: Vec<Vec<u8>>,
}

impl Hello {
    /// Looks at the bytes a connection begins with.
    pub fn read(bytes: &[u8]) -> Hello {
        let mut message = Vec::new();
        let mut rest = Reader(bytes);
        // The message may be cut into records at any byte.
        loop {
            match rest.0 {
                [kind, ..] if *kind != HANDSHAKE => return Hello::Other,
                [_, major, ..] if *major != 3 => return Hello::Other,
                _ => {}
            }
            let (Some(_), Some(length)) = (rest.take(3), rest.number(2)) else {
                return partial(bytes);
            };
            if length == 0 || length > MOST {
                return Hello::Other;
            }
            let here = length.min(rest.0.len());
            message.extend_from_slice(&rest.0[..here]);
            let whole = match message.first() {
                Some(&kind) if kind != CLIENT_HELLO => return Hello::Other,
                _ => message.get(1..4).map(|size| 4 + number(size)),
            };
            match whole {
                Some(whole) if whole > MOST => return Hello::Other,
                Some(whole) if message.len() >= whole => {
                    return wanted(&message[4..whole]).map_or(Hello::Other, Hello::Whole);
                }
                _ if here < length => return partial(bytes),
                _ => rest = Reader(&rest.0[here..]),
            }
        }
    }
}

/// More of it is waited for, but not for ever.
fn partial(bytes: &[u8]) -> Hello {
    if bytes.len() < MOST { Hello::Partial } else { Hello::Other }
}

fn wanted(body: &[u8]) -> Option<Wanted> {
    let mut hello = Reader(body);
    hello.take(2 + 32)?; // version, random
    hello.list(1)?; // session
    hello.list(2)?; // cipher suites
    hello.list(1)?; // compression
    let mut found = Wanted::default();
    if hello.0.is_empty() {
        return Some(found);
    }
    let mut extensions = Reader(hello.list(2)?);
    while !extensions.0.is_empty() {
        let kind = extensions.number(2)?;
        let mut content = Reader(extensions.list(2)?);
        if kind == usize::from(SERVER_NAME) && !content.0.is_empty() {
            let mut names = Reader(content.list(2)?);
            while !names.0.is_empty() {
                let is_host = names.number(1)? == 0;
                let name = names.list(2)?;
                if is_host && found.server_name.is_none() {
                    found.server_name = Some(host(name)?);
                }
            }
        } else if kind == usize::from(ALPN) {
            let mut protocols = Reader(content.list(2)?);
            while !protocols.0.is_empty() {
                found.protocols.push(protocols.list(1)?.to_vec());
            }
        }
    }
    Some(found)
}

/// A DNS name; what is none is no name that anything is chosen by.
fn host(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    let name = name.strip_suffix('.').unwrap_or(name);
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let fits = (1..=253).contains(&name.len()) && name.bytes().all(fits);
    fits.then(|| name.to_ascii_lowercase())
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self, bytes: usize) -> Option<usize> {
        self.take(bytes).map(number)
    }

    /// Bytes after a length of so many bytes.
    fn list(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let mut ahead = Reader(self.0);
        let length = ahead.number(bytes)?;
        let list = ahead.take(length)?;
        self.0 = ahead.0;
        Some(list)
    }
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgekit_tls::{provider, server_name};
    use proptest::prelude::*;
    use rustls::client::UnbufferedClientConnection;
    use rustls::unbuffered::ConnectionState;
    use rustls::{ClientConfig, RootCertStore};

    /// What rustls sends first.
    fn hello(host: &str, alpn: &[&str]) -> Vec<u8> {
        let mut config = ClientConfig::builder_with_provider(provider().clone())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let mut client = UnbufferedClientConnection::new(config.into(), server_name(host).unwrap()).unwrap();
        let mut bytes = vec![0; 8192];
        match client.process_tls_records(&mut []).state.unwrap() {
            ConnectionState::EncodeTlsData(mut data) => {
                let length = data.encode(&mut bytes).unwrap();
                bytes.truncate(length);
                bytes
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_real_one_whole_in_pieces_and_in_records() {
        let bytes = hello("App.Example.com", &["h2", "http/1.1"]);
        let wanted = Hello::Whole(Wanted {
            server_name: Some("app.example.com".to_owned()),
            protocols: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        });
        assert_eq!(Hello::read(&bytes), wanted);
        for end in 0..bytes.len() {
            assert_eq!(Hello::read(&bytes[..end]), Hello::Partial, "{end}");
        }
        for size in [1, 3, 4, 7, 100, 1000] {
            let cut: Vec<u8> = bytes[5..]
                .chunks(size)
                .flat_map(|piece| [&[22, 3, 1][..], &(piece.len() as u16).to_be_bytes(), piece].concat())
                .collect();
            assert_eq!(Hello::read(&cut), wanted, "{size}");
        }
        let Hello::Whole(nameless) = Hello::read(&hello("127.0.0.1", &[])) else { panic!() };
        assert_eq!(nameless, Wanted::default());
    }

    #[test]
    fn other_things() {
        for bytes in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"\x16\x02\x00",
            b"\x16\x03\x01\x00\x00",
            b"\x16\x03\x01\x00\x01\x02",
        ] {
            assert_eq!(Hello::read(bytes), Hello::Other, "{bytes:?}");
        }
        // A length beyond anything sensible is not waited for.
        assert_eq!(Hello::read(b"\x16\x03\x01\x40\x00\x01\xff\xff\xff"), Hello::Other);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fall(flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
            thread_local!(static REAL: Vec<u8> = hello("a.example", &["h2"]));
            let mut bytes = REAL.with(Clone::clone);
            for (at, byte) in flips {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            Hello::read(&bytes);
        }
    }
}
