//! Orders a chain and checks it: the key's own certificate first, each issued by the next.
//!
//! RFC 8446 §4.4.2 lets a peer send its chain in any order and RFC 5246 does not; many a client
//! refuses one that is out of order, so that is put right here where there is only one way to.

use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::certificate::Certificate;
use crate::error::{Error, Place, Problem};
use crate::provider;

/// What a certificate is to be used for; its extended key usage must allow it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Usage {
    /// Proves who a server is.
    Server,
    /// Proves who a client is.
    Client,
}

/// A certificate and where it was found.
pub(crate) struct Link {
    pub(crate) certificate: Certificate,
    pub(crate) place: Place,
}

/// A chain in order, and what had to be done for that.
pub(crate) struct Ordered {
    pub(crate) chain: Vec<Link>,
    /// Empty if the file was right.
    pub(crate) repairs: Vec<String>,
}

/// Puts the certificate at `leaf` first and each one's issuer after it.
pub(crate) fn order(mut links: Vec<Link>, leaf: usize) -> Result<Ordered, Error> {
    let mut repairs = Vec::new();
    if leaf != 0 {
        repairs.push(format!("the certificate of the key was not the first but number {}", leaf + 1));
    }
    let mut chain = vec![links.remove(leaf)];
    let before = links.len();
    links.retain(|link| link.certificate.der() != chain[0].certificate.der());
    let mut rest: Vec<Link> = Vec::with_capacity(links.len());
    for link in links {
        if rest.iter().all(|seen| seen.certificate.der() != link.certificate.der()) {
            rest.push(link);
        }
    }
    if rest.len() != before {
        repairs.push("a certificate was there twice".to_owned());
    }
    let in_order = std::iter::once(&chain[0]).chain(&rest).zip(&rest);
    let in_order =
        in_order.into_iter().all(|(link, next)| link.certificate.names_as_issuer(&next.certificate));
    if in_order {
        chain.append(&mut rest);
        return Ok(Ordered { chain, repairs });
    }
    while !rest.is_empty() {
        let end = &chain[chain.len() - 1].certificate;
        let mut issuers = (0..rest.len()).filter(|&at| end.names_as_issuer(&rest[at].certificate));
        let found = (issuers.next(), issuers.next());
        match found {
            (Some(next), None) if !end.is_self_issued() => chain.push(rest.swap_remove(next)),
            (Some(_), Some(_)) if !end.is_self_issued() => {
                return Err(Error::at(chain[0].place.clone(), Problem::Ambiguous(end.subject().to_owned())));
            }
            _ => {
                let stray = &rest[0];
                let problem = Problem::Stray {
                    subject: stray.certificate.subject().to_owned(),
                    leaf: chain[0].certificate.subject().to_owned(),
                };
                return Err(Error::at(stray.place.clone(), problem));
            }
        }
    }
    if leaf == 0 {
        repairs.push("its certificates were out of order".to_owned());
    }
    Ok(Ordered { chain, repairs })
}

/// Checks signatures, validity, constraints and usage from the first certificate up to the last.
///
/// Whether anybody trusts the last one is for the peer to say. A single certificate has nothing to
/// be checked against but the clock and what peers insist on in its shape.
pub(crate) fn verify(chain: &[Link], usage: Usage, at: UnixTime) -> Result<(), Error> {
    let Some(leaf) = chain.first() else { return Ok(()) };
    let fail = |error: webpki::Error| {
        let problem =
            Problem::Chain { subject: leaf.certificate.subject().to_owned(), reason: reason(&error) };
        Error::at(leaf.place.clone(), problem)
    };
    // Stricter than what the certificate was found by: what fails here, no peer would read.
    let end_entity = EndEntityCert::try_from(leaf.certificate.der()).map_err(fail)?;
    let [_, between @ .., last] = chain else { return Ok(()) };
    let anchor = anchor_from_trusted_cert(last.certificate.der()).map_err(fail)?;
    let between: Vec<CertificateDer<'_>> =
        between.iter().map(|link| link.certificate.der().clone()).collect();
    let usage = match usage {
        Usage::Server => KeyUsage::server_auth(),
        Usage::Client => KeyUsage::client_auth(),
    };
    let algorithms = provider().signature_verification_algorithms.all;
    end_entity
        .verify_for_usage(algorithms, &[anchor], &between, at, usage, None, None)
        .map(drop)
        .map_err(fail)
}

/// webpki's errors in words where they are common; its own elsewhere.
fn reason(error: &webpki::Error) -> String {
    match error {
        webpki::Error::RequiredEkuNotFoundContext(_) => {
            "its extended key usage does not allow this use".to_owned()
        }
        webpki::Error::InvalidSignatureForPublicKey => {
            "a signature is not that of the issuer named".to_owned()
        }
        webpki::Error::UnknownIssuer => "a certificate was not issued by the one after it".to_owned(),
        webpki::Error::CaUsedAsEndEntity => {
            "a certificate authority stands where a server or client should".to_owned()
        }
        webpki::Error::EndEntityUsedAsCa => "one of its issuers is no certificate authority".to_owned(),
        webpki::Error::SignatureAlgorithmMismatch => {
            "its signature algorithm stands in it twice, and differs".to_owned()
        }
        webpki::Error::UnsupportedCertVersion => "it is not of X.509 version 3".to_owned(),
        other => other.to_string(),
    }
}
