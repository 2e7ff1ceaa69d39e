//! Who may use a route: by the names of a client's certificate, its fingerprint, its address.
//!
//! Which path and method it is about is the route's own matter. A certificate counts only if the
//! listener has verified it; what a request says about its client never does.

use std::fmt;
use std::net::IpAddr;

use edgekit_tls::NamePattern;

use crate::config;
use crate::peer::Peer;

/// One line of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Who {
    text: String,
    kind: Kind,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Kind {
    /// Whoever has a verified certificate.
    Certified,
    Name(NamePattern),
    Fingerprint(String),
    Network(IpAddr, u8),
}

impl Who {
    /// Reads `certified`, `spiffe://domain/*`, `*.example.com`, `sha256:…`, `10.0.0.0/8` or `::1`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Who, String> {
        let kind = if text == "certified" {
            Kind::Certified
        } else if let Some(digits) = text.strip_prefix("sha256:") {
            let digits = digits.replace(':', "").to_ascii_lowercase();
            if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(format!("'{text}' is not a fingerprint of 64 hexadecimal digits"));
            }
            Kind::Fingerprint(digits)
        } else if let Some(network) = network(text)? {
            network
        } else {
            Kind::Name(NamePattern::parse(text).map_err(|error| error.to_string())?)
        };
        Ok(Who { text: text.to_owned(), kind })
    }

    fn is(&self, peer: &Peer) -> bool {
        let certificate = peer.certificate();
        match &self.kind {
            Kind::Certified => certificate.is_some(),
            Kind::Name(pattern) => certificate.is_some_and(|one| pattern.fits_any(&one.names)),
            Kind::Fingerprint(wanted) => certificate.is_some_and(|one| one.fingerprint == *wanted),
            Kind::Network(network, bits) => holds(*network, *bits, peer.address.ip().to_canonical()),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// An address, alone or with the length of its prefix; none if it is something else.
fn network(text: &str) -> Result<Option<Kind>, String> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else { return Ok(None) };
    let all: u8 = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        None => all,
        Some(bits) => match bits.parse::<u8>() {
            Ok(bits) if bits <= all => bits,
            _ => return Err(format!("'/{bits}' is not the length of a prefix: 0 to {all}")),
        },
    };
    if masked(address, bits) != number(address) {
        return Err(format!("'{text}' has bits behind its prefix"));
    }
    Ok(Some(Kind::Network(address, bits)))
}

/// The address as a number whose first bit is the highest.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn masked(address: IpAddr, bits: u8) -> u128 {
    number(address) & u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0)
}

fn holds(network: IpAddr, bits: u8, address: IpAddr) -> bool {
    network.is_ipv4() == address.is_ipv4() && masked(address, bits) == number(network)
}

/// The lists of a route.
#[derive(Clone, PartialEq, Debug)]
pub struct Guard {
    /// None is everybody; an empty list is nobody.
    allow: Option<Vec<Who>>,
    deny: Vec<Who>,
    /// Refusals are only counted.
    pub shadow: bool,
}

impl Guard {
    /// Of a route; none if it has no lists.
    pub fn new(access: &config::Access) -> Option<Guard> {
        let deny = access.deny.clone().unwrap_or_default();
        let guard = Guard { allow: access.allow.clone(), deny, shadow: access.shadow };
        (guard.allow.is_some() || !guard.deny.is_empty()).then_some(guard)
    }

    /// True if `peer` may. Who is denied may not, also where a list allows it.
    pub fn admits(&self, peer: &Peer) -> bool {
        let any = |list: &[Who]| list.iter().any(|who| who.is(peer));
        !any(&self.deny) && self.allow.as_deref().is_none_or(any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::{ClientCertificate, Secured};
    use edgekit_tls::Name;

    fn peer(address: &str, names: &[Name]) -> Peer {
        let mut peer = Peer::at(format!("{address}:1").parse().unwrap());
        let certificate = (!names.is_empty()).then(|| ClientCertificate {
            subject: "'x'".to_owned(),
            names: names.to_vec(),
            fingerprint: "ab".repeat(32),
        });
        peer.tls = Some(Box::new(Secured { server_name: None, certificate, is_http2: false }));
        peer
    }

    fn admits(allow: Option<&[&str]>, deny: &[&str], peer: &Peer) -> bool {
        let list = |list: &[&str]| list.iter().map(|text| Who::parse(text).unwrap()).collect();
        let access = config::Access { allow: allow.map(list), deny: Some(list(deny)), shadow: false };
        Guard::new(&access).unwrap().admits(peer)
    }

    #[test]
    fn certificates_addresses_and_lists() {
        let web = peer("10.1.2.3", &[Name::Uri("spiffe://example.com/web".to_owned())]);
        let host = peer("[::ffff:10.9.0.1]", &[Name::Dns("a.example.com".to_owned())]);
        let nobody = peer("192.0.2.1", &[]);
        type Case = (Option<&'static [&'static str]>, &'static [&'static str], [bool; 3]);
        let cases: [Case; 8] = [
            (Some(&["certified"]), &[], [true, true, false]),
            (Some(&["spiffe://example.com/*"]), &[], [true, false, false]),
            (Some(&["spiffe://example.com/we"]), &[], [false, false, false]),
            (Some(&["*.example.com", "spiffe://example.com/web"]), &[], [true, true, false]),
            (Some(&["10.0.0.0/8"]), &[], [true, true, false]),
            (Some(&["10.0.0.0/8"]), &["10.1.2.3"], [false, true, false]),
            (
                None,
                &["sha256:abababababababababababababababababababababababababababababababab"],
                [false, false, true],
            ),
            (Some(&[]), &[], [false, false, false]),
        ];
        for (allow, deny, wanted) in cases {
            let found = [&web, &host, &nobody].map(|peer| admits(allow, deny, peer));
            assert_eq!(found, wanted, "{allow:?} {deny:?}");
        }
    }

    #[test]
    fn mistakes_are_told() {
        for text in ["10.0.0.1/8", "10.0.0.0/33", "sha256:12", "a b", "", "spiffe://", "*"] {
            assert!(Who::parse(text).is_err(), "{text}");
        }
        for text in ["0.0.0.0/0", "::/0", "2001:db8::/32", "127.0.0.1", "a.example"] {
            assert!(Who::parse(text).is_ok(), "{text}");
        }
    }
}
