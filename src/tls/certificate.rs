//! What a certificate says about itself (RFC 5280): whose it is, who issued it, from when until
//! when, for which names.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use aws_lc_rs::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;

use crate::der::{self, Reader};
use crate::time;

/// A certificate, and what it says about itself. Nothing in it has been verified.
#[derive(Clone)]
pub struct Certificate {
    der: CertificateDer<'static>,
    subject: String,
    issuer: String,
    raw_subject: Vec<u8>,
    raw_issuer: Vec<u8>,
    public_key: Vec<u8>,
    not_before: u64,
    not_after: u64,
    names: Vec<Name>,
}

/// A name a certificate is for (its subjectAltName).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Name {
    /// In lower case, perhaps a wildcard.
    Dns(String),
    /// An address.
    Ip(std::net::IpAddr),
    /// SPIFFE names are of this kind.
    Uri(String),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Dns(name) | Name::Uri(name) => f.write_str(name),
            Name::Ip(address) => address.fmt(f),
        }
    }
}

impl Certificate {
    /// Reads a certificate; `None` if it is not well-formed.
    pub fn parse(der: CertificateDer<'static>) -> Option<Certificate> {
        let mut file = Reader(&der);
        let mut certificate = file.enter(der::SEQUENCE)?;
        let mut body = certificate.enter(der::SEQUENCE)?;
        if !file.is_empty() {
            return None;
        }
        certificate.take(der::SEQUENCE)?;
        certificate.take(der::BIT_STRING)?;
        body.take(der::context(0)); // version; absent in version 1
        body.take(der::INTEGER)?;
        body.take(der::SEQUENCE)?;
        let issuer = body.take(der::SEQUENCE)?;
        let mut validity = body.enter(der::SEQUENCE)?;
        let subject = body.take(der::SEQUENCE)?;
        let public_key = body.take(der::SEQUENCE)?;
        let names = names(body)?;
        let readable = |name: &[u8]| {
            common_name(name)
                .or_else(|| names.first().map(Name::to_string))
                .unwrap_or_else(|| "without a name".into())
        };
        Some(Certificate {
            subject: quote(&readable(subject.content)),
            issuer: quote(&common_name(issuer.content).unwrap_or_else(|| "without a name".into())),
            raw_subject: subject.whole.to_vec(),
            raw_issuer: issuer.whole.to_vec(),
            public_key: public_key.whole.to_vec(),
            not_before: moment(&mut validity)?,
            not_after: moment(&mut validity)?,
            names,
            der,
        })
    }

    /// As it goes over the wire.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// SHA-256 of it, in hexadecimal.
    pub fn fingerprint(&self) -> String {
        let digest = digest(&SHA256, &self.der);
        digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whose it is, in quotes: the common name, else the first of its names.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Who issued it, in quotes.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The first second it is valid, since 1970.
    pub fn not_before(&self) -> u64 {
        self.not_before
    }

    /// The last second it is valid, since 1970.
    pub fn not_after(&self) -> u64 {
        self.not_after
    }

    /// The names it is for.
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// The DER of its SubjectPublicKeyInfo.
    pub(crate) fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// True if this one's issuer has the other's name.
    pub(crate) fn names_as_issuer(&self, other: &Certificate) -> bool {
        self.raw_issuer == other.raw_subject
    }

    pub(crate) fn is_self_issued(&self) -> bool {
        self.raw_issuer == self.raw_subject
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.subject)
            .field("issuer", &self.issuer)
            .field("not_before", &time::utc(self.not_before))
            .field("not_after", &time::utc(self.not_after))
            .field("names", &self.names)
            .finish()
    }
}

/// Characters that could forge a line of a log are escaped.
fn quote(name: &str) -> String {
    format!("'{}'", name.escape_debug())
}

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// The common name in a distinguished name, else its last attribute's value.
fn common_name(name: &[u8]) -> Option<String> {
    let (mut sets, mut last) = (Reader(name), None);
    while let Some(mut set) = sets.enter(der::SET) {
        let mut attribute = set.enter(der::SEQUENCE)?;
        let kind = attribute.take(der::OID)?;
        let value = attribute.any()?;
        last = Some(String::from_utf8_lossy(value.content).into_owned());
        if kind.content == COMMON_NAME {
            break;
        }
    }
    last
}

/// A time of either form RFC 5280 allows, always in UTC; before 1970 counts as 1970.
fn moment(validity: &mut Reader<'_>) -> Option<u64> {
    let element = validity.any()?;
    let text = element.content.strip_suffix(b"Z")?;
    let (century_known, rest) = match element.tag {
        der::UTC_TIME if text.len() == 12 => (false, text),
        der::GENERALIZED_TIME if text.len() == 14 => (true, text),
        _ => return None,
    };
    let mut pairs = rest.chunks_exact(2).map(|pair| match pair {
        [a @ b'0'..=b'9', b @ b'0'..=b'9'] => Some(u64::from(a - b'0') * 10 + u64::from(b - b'0')),
        _ => None,
    });
    let mut next = || pairs.next().flatten();
    let year = if century_known {
        next()? * 100 + next()?
    } else {
        let short = next()?;
        if short < 50 { 2000 + short } else { 1900 + short }
    };
    let (month, day, hour, minute, second) = (next()?, next()?, next()?, next()?, next()?);
    if year < 1970 {
        return Some(0);
    }
    time::seconds(year, month, day, hour, minute, second)
}

/// The subjectAltName among what follows the public key.
fn names(mut rest: Reader<'_>) -> Option<Vec<Name>> {
    let mut names = Vec::new();
    while let Some(element) = rest.any() {
        if element.tag != der::context(3) {
            continue;
        }
        let mut extensions = Reader(element.content).enter(der::SEQUENCE)?;
        while let Some(mut extension) = extensions.enter(der::SEQUENCE) {
            let kind = extension.take(der::OID)?;
            extension.take(der::BOOLEAN);
            let value = extension.take(der::OCTET_STRING)?;
            if kind.content == SUBJECT_ALT_NAME {
                let mut general = Reader(value.content).enter(der::SEQUENCE)?;
                while let Some(name) = general.any() {
                    names.extend(general_name(name));
                }
            }
        }
    }
    Some(names)
}

fn general_name(name: der::Element<'_>) -> Option<Name> {
    let text = || std::str::from_utf8(name.content).ok().filter(|text| text.is_ascii());
    match name.tag {
        0x82 => text().map(|text| Name::Dns(text.to_ascii_lowercase())),
        0x86 => text().map(|text| Name::Uri(text.to_owned())),
        0x87 => match name.content.len() {
            4 => <[u8; 4]>::try_from(name.content).ok().map(|octets| Name::Ip(Ipv4Addr::from(octets).into())),
            16 => {
                <[u8; 16]>::try_from(name.content).ok().map(|octets| Name::Ip(Ipv6Addr::from(octets).into()))
            }
            _ => None,
        },
        _ => None,
    }
}
