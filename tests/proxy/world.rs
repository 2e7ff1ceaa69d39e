//! Certificates made for a test, and clients and servers of ours that speak TLS.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use edgekit_tls::{provider, server_name};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::origin::{Origin, PATIENCE, find};
use crate::harness::Scratch;

/// Issues certificates.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key.
pub(crate) struct Issued {
    pub(super) certificate: String,
    pub(super) key: String,
    der: CertificateDer<'static>,
    key_der: Vec<u8>,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "test root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        Authority { issuer: CertifiedIssuer::self_signed(params, key).expect("a root") }
    }

    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// For these hosts, addresses and URIs.
    pub(crate) fn issue(&self, names: &[&str]) -> Issued {
        self.issue_with(names, |_| {})
    }

    pub(super) fn issue_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let (uris, hosts): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| name.contains("://"));
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(hosts).expect("names");
        for uri in uris {
            params.subject_alt_names.push(SanType::URI(uri.try_into().expect("text")));
        }
        params.distinguished_name.push(DnType::CommonName, names[0]);
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Issued {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            der: certificate.der().clone(),
            key_der: key.serialize_der(),
        }
    }

    /// What trusts it, and proves to be `own`.
    pub(super) fn client(&self, own: Option<&Issued>, alpn: &[&str]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("a root");
        let builder = ClientConfig::builder_with_provider(provider().clone())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let mut config = match own {
            Some(own) => builder.with_client_auth_cert(own.chain(), own.private()).expect("a pair"),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    /// A server's settings; it asks for certificates of `clients` if there are any.
    pub(crate) fn server(&self, own: &Issued, clients: Option<&Authority>) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(provider().clone())
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = match clients {
            Some(clients) => {
                let mut roots = RootCertStore::empty();
                roots.add(clients.issuer.der().clone()).expect("a root");
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(roots.into(), provider().clone()).build();
                builder.with_client_cert_verifier(verifier.expect("a verifier"))
            }
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(own.chain(), own.private()).expect("a pair");
        config.ticketer = Arc::new(
            edgekit_tls::Tickets::new(edgekit_tls::ROTATION, edgekit_core::Clock::system())
                .expect("randomness"),
        );
        Arc::new(config)
    }
}

impl Issued {
    fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.der.clone()]
    }

    fn private(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key_der.clone()).expect("a key")
    }

    pub(super) fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Both, in files only we may read.
    pub(crate) fn write(&self, folder: &Scratch, name: &str) -> (PathBuf, PathBuf) {
        (
            write(folder, &format!("{name}.pem"), &self.certificate),
            write(folder, &format!("{name}.key"), &self.key),
        )
    }
}

pub(super) fn write(folder: &Scratch, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
    path
}

/// A client's end of a TLS connection.
pub(super) struct Secure {
    pub(super) stream: StreamOwned<ClientConnection, TcpStream>,
    pub(super) seen: Vec<u8>,
}

impl Secure {
    /// Connects, and shakes hands.
    pub(super) fn connect(
        address: SocketAddr,
        config: &Arc<ClientConfig>,
        host: &str,
    ) -> std::io::Result<Secure> {
        let mut tcp = TcpStream::connect(address)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        tcp.set_write_timeout(Some(PATIENCE))?;
        let name = server_name(host).expect("a name");
        let mut connection = ClientConnection::new(config.clone(), name).map_err(std::io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut tcp)?;
        }
        Ok(Secure { stream: StreamOwned::new(connection, tcp), seen: Vec::new() })
    }

    /// Asks, and gives the head and the body of the answer.
    pub(super) fn ask(&mut self, request: &str) -> std::io::Result<(String, String)> {
        self.stream.write_all(request.as_bytes())?;
        self.answer()
    }

    pub(super) fn answer(&mut self) -> std::io::Result<(String, String)> {
        let end = loop {
            match find(&self.seen, b"\r\n\r\n") {
                Some(at) => break at + 4,
                None => self.more()?,
            }
        };
        let head = String::from_utf8(self.seen.drain(..end).collect()).map_err(std::io::Error::other)?;
        let length = head.to_ascii_lowercase().split("content-length: ").nth(1).map_or(0, |rest| {
            rest.split("\r\n").next().and_then(|digits| digits.parse().ok()).expect("a length")
        });
        while self.seen.len() < length {
            self.more()?;
        }
        let body = self.seen.drain(..length).collect();
        Ok((head, String::from_utf8(body).map_err(std::io::Error::other)?))
    }

    fn more(&mut self) -> std::io::Result<()> {
        let mut bytes = [0; 65536];
        match self.stream.read(&mut bytes)? {
            0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.seen.extend_from_slice(&bytes[..count]);
                Ok(())
            }
        }
    }

    /// The certificate the server showed.
    pub(super) fn server_certificate(&self) -> CertificateDer<'static> {
        self.stream.conn.peer_certificates().expect("a chain")[0].clone().into_owned()
    }
}

/// A server that answers each request over TLS with who asked and the request itself.
pub(super) fn secure_origin(config: Arc<ServerConfig>) -> Origin {
    Origin::new(move |tcp| {
        let Ok(connection) = ServerConnection::new(config.clone()) else { return };
        let mut stream = StreamOwned::new(connection, tcp);
        let mut seen = Vec::new();
        let mut bytes = [0; 65536];
        loop {
            while let Some(end) = find(&seen, b"\r\n\r\n") {
                let request: Vec<u8> = seen.drain(..end + 4).collect();
                let client = stream.conn.peer_certificates().is_some();
                let kind = format!("{:?}", stream.conn.handshake_kind());
                let host = stream.conn.server_name().unwrap_or("-").to_owned();
                let body =
                    format!("host={host} client={client} kind={kind}\n{}", String::from_utf8_lossy(&request));
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                if stream.write_all(answer.as_bytes()).is_err() {
                    return;
                }
            }
            match stream.read(&mut bytes) {
                Ok(0) | Err(_) => return,
                Ok(count) => seen.extend_from_slice(&bytes[..count]),
            }
        }
    })
}

/// Tries until `done` says so, for as long as a test may wait.
#[track_caller]
pub(super) fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..PATIENCE.as_millis() / 20 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("never: {what}");
}
