//! What is known of whoever opened a connection: where from, and what TLS proved.
//!
//! `worker/accept.rs` makes one a connection; routes, rules, logs and headers read it. It is made
//! once and not asked of the kernel again.

use std::net::SocketAddr;

use edgekit_tls::Name;

/// The client's end of a connection.
#[derive(Debug)]
pub struct Peer {
    /// Where it comes from.
    pub address: SocketAddr,
    /// The same without the port, as it is logged and passed on.
    pub text: String,
    /// What the handshake told; none on a clear connection.
    pub tls: Option<Box<Secured>>,
}

impl Peer {
    /// Of a connection of which nothing but its address is known.
    pub fn at(address: SocketAddr) -> Peer {
        Peer { address, text: address.ip().to_canonical().to_string(), tls: None }
    }

    /// The scheme of its requests' URLs.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// The certificate it proved to have.
    pub fn certificate(&self) -> Option<&ClientCertificate> {
        self.tls.as_ref()?.certificate.as_ref()
    }
}

impl ClientCertificate {
    /// Who it is, in one word: its first URI, else its first name, else its subject.
    pub fn identity(&self) -> String {
        let is_uri = |name: &&Name| matches!(name, Name::Uri(_));
        let name = self.names.iter().find(is_uri).or(self.names.first());
        name.map_or_else(|| self.subject.clone(), Name::to_string)
    }
}

/// What a TLS handshake told.
#[derive(Debug)]
pub struct Secured {
    /// The host the client asked for, in lower case.
    pub server_name: Option<String>,
    /// Of the client; none if it was not asked for one, or had none.
    pub certificate: Option<ClientCertificate>,
    /// HTTP/2 was agreed on.
    pub is_http2: bool,
}

/// A certificate that was verified.
#[derive(Debug)]
pub struct ClientCertificate {
    /// Its common name, or the first of its names, in quotes.
    pub subject: String,
    /// DNS names, addresses and URIs (SPIFFE IDs) it is for.
    pub names: Vec<Name>,
    /// SHA-256 of it, in hexadecimal.
    pub fingerprint: String,
}
