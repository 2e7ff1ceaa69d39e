//! What is known of whoever opened a connection: where from, and what TLS proved.
//!
//! `worker/accept.rs` makes one a connection; routes, rules, logs and headers read it. It is made
//! once and not asked of the kernel again.

use std::fmt::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;

use edgekit_tls::Name;

/// The client's end of a connection.
#[derive(Debug)]
pub struct Peer {
    /// Where it comes from.
    pub address: SocketAddr,
    /// The same without the port, as it is logged and passed on.
    pub text: AddressText,
    /// What the handshake told; none on a clear connection.
    pub tls: Option<Box<Secured>>,
}

impl Peer {
    /// Of a connection of which nothing but its address is known.
    pub fn at(address: SocketAddr) -> Peer {
        Peer { address, text: AddressText::of(address.ip()), tls: None }
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

/// An address in writing, without memory of its own: every connection has one.
#[derive(Clone, Copy)]
pub struct AddressText {
    bytes: [u8; AddressText::LONGEST],
    length: u8,
}

impl AddressText {
    /// Eight groups of four digits with their colons.
    const LONGEST: usize = 39;

    /// Of an address; one of IPv4 in the form of IPv6 is written as what it is.
    pub fn of(address: IpAddr) -> AddressText {
        let mut text = AddressText { bytes: [0; AddressText::LONGEST], length: 0 };
        // Cannot fail: the longest one fits.
        _ = write!(text, "{}", address.to_canonical());
        text
    }
}

impl Write for AddressText {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let start = usize::from(self.length);
        let end = start + part.len();
        self.bytes.get_mut(start..end).ok_or(fmt::Error)?.copy_from_slice(part.as_bytes());
        self.length = end as u8;
        Ok(())
    }
}

impl Deref for AddressText {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl fmt::Debug for AddressText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &**self)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_fits() {
        let longest = "1111:2222:3333:4444:5555:6666:7777:8888";
        let cases = [
            ("127.0.0.1", "127.0.0.1"),
            ("::ffff:255.255.255.255", "255.255.255.255"),
            ("::1", "::1"),
            ("::255.255.255.255", "::ffff:ffff"),
            (longest, longest),
        ];
        for (given, written) in cases {
            assert_eq!(&*AddressText::of(given.parse().unwrap()), written);
        }
    }
}
