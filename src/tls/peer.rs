//! Which names a verified peer may have: DNS names and URIs (SPIFFE IDs among them).
//!
//! rustls' own verifiers check chains, validity, revocation and host names; what is added here is
//! the comparison with a list, and servers that are known by URI instead of by host name.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, SignatureScheme};
use webpki::{
    EndEntityCert, ExpirationPolicy, RevocationCheckDepth, RevocationOptionsBuilder, UnknownStatusPolicy,
};

use crate::certificate::Name;
use crate::error::{Error, Problem};
use crate::provider;
use crate::trust::{Anchors, Revocation};

/// A name, or names, a peer may have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NamePattern {
    /// A DNS name, in lower case.
    Dns(String),
    /// `*.` and this: one label more.
    DnsBelow(String),
    /// A URI, compared byte for byte.
    Uri(String),
    /// A URI and `/*`: everything below this.
    UriBelow(String),
}

impl NamePattern {
    /// Reads `www.example.com`, `*.example.com`, `spiffe://domain/path` or `spiffe://domain/*`.
    ///
    /// # Errors
    /// Text that is none of these.
    pub fn parse(text: &str) -> Result<NamePattern, Error> {
        let bad = || Error::from(Problem::Pattern(text.to_owned()));
        if text.contains("://") {
            let (below, uri) = match text.strip_suffix("/*") {
                Some(start) => (true, start),
                None => (false, text),
            };
            let authority = uri.split_once("://").map_or("", |(_, rest)| rest);
            if authority.is_empty() || authority.starts_with('/') || uri.contains('*') || !uri.is_ascii() {
                return Err(bad());
            }
            let uri = uri.to_owned();
            return Ok(if below { NamePattern::UriBelow(uri) } else { NamePattern::Uri(uri) });
        }
        let (below, name) = match text.strip_prefix("*.") {
            Some(parent) => (true, parent),
            None => (false, text),
        };
        match ServerName::try_from(name) {
            Ok(ServerName::DnsName(name)) => {
                let name = name.as_ref().to_ascii_lowercase();
                Ok(if below { NamePattern::DnsBelow(name) } else { NamePattern::Dns(name) })
            }
            _ => Err(bad()),
        }
    }

    /// True if one of these names of a certificate fits, as those in a handshake would.
    pub fn fits_any(&self, names: &[Name]) -> bool {
        names.iter().any(|name| match (self, name) {
            (NamePattern::Dns(_) | NamePattern::DnsBelow(_), Name::Dns(name)) => self.fits_host(name),
            (NamePattern::Uri(_) | NamePattern::UriBelow(_), Name::Uri(name)) => self.fits_uri(name),
            _ => false,
        })
    }

    fn fits_host(&self, name: &str) -> bool {
        match self {
            NamePattern::Dns(wanted) => name.eq_ignore_ascii_case(wanted),
            NamePattern::DnsBelow(parent) => name
                .split_once('.')
                .is_some_and(|(label, rest)| label != "*" && rest.eq_ignore_ascii_case(parent)),
            _ => false,
        }
    }

    fn fits_uri(&self, name: &str) -> bool {
        match self {
            NamePattern::Uri(wanted) => name == wanted,
            NamePattern::UriBelow(start) => {
                name.strip_prefix(start.as_str()).is_some_and(|rest| rest.len() > 1 && rest.starts_with('/'))
            }
            _ => false,
        }
    }

    /// True if a certificate with these names fits. A wildcard in a certificate is compared as it
    /// stands: it proves no single host.
    fn fits(&self, certificate: &EndEntityCert<'_>) -> bool {
        match self {
            NamePattern::Dns(_) | NamePattern::DnsBelow(_) => {
                certificate.valid_dns_names().any(|name| self.fits_host(name))
            }
            NamePattern::Uri(_) | NamePattern::UriBelow(_) => {
                certificate.valid_uri_names().any(|name| self.fits_uri(name))
            }
        }
    }
}

fn any_fits(patterns: &[NamePattern], certificate: &CertificateDer<'_>) -> Result<(), rustls::Error> {
    let parsed = EndEntityCert::try_from(certificate).map_err(|_| CertificateError::BadEncoding)?;
    if patterns.iter().any(|pattern| pattern.fits(&parsed)) {
        Ok(())
    } else {
        Err(CertificateError::ApplicationVerificationFailure.into())
    }
}

/// Verifies clients: chain and revocation, then names if there is a list.
pub(crate) fn clients(
    anchors: &Anchors,
    required: bool,
    names: &[NamePattern],
) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    let mut builder = WebPkiClientVerifier::builder_with_provider(anchors.roots.clone(), provider().clone())
        .with_crls(anchors.crls.iter().cloned());
    let Revocation { whole_chain, allow_unknown, refuse_old_lists } = anchors.revocation;
    if !whole_chain {
        builder = builder.only_check_end_entity_revocation();
    }
    if allow_unknown {
        builder = builder.allow_unknown_revocation_status();
    }
    if refuse_old_lists {
        builder = builder.enforce_revocation_expiration();
    }
    if !required {
        builder = builder.allow_unauthenticated();
    }
    let inner = builder.build().map_err(|error| Problem::Settings(error.to_string()))?;
    Ok(if names.is_empty() { inner } else { Arc::new(NamedClients { inner, names: names.to_vec() }) })
}

/// Verifies servers by the host name connected to, or by URI if there is a list of those.
pub(crate) fn servers(
    anchors: &Anchors,
    names: &[NamePattern],
) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    let mut builder = WebPkiServerVerifier::builder_with_provider(anchors.roots.clone(), provider().clone())
        .with_crls(anchors.crls.iter().cloned());
    let Revocation { whole_chain, allow_unknown, refuse_old_lists } = anchors.revocation;
    if !whole_chain {
        builder = builder.only_check_end_entity_revocation();
    }
    if allow_unknown {
        builder = builder.allow_unknown_revocation_status();
    }
    if refuse_old_lists {
        builder = builder.enforce_revocation_expiration();
    }
    let by_host = builder.build().map_err(|error| Problem::Settings(error.to_string()))?;
    if names.is_empty() {
        return Ok(by_host);
    }
    let mut crls = Vec::with_capacity(anchors.crls.len());
    for crl in &anchors.crls {
        let crl = webpki::OwnedCertRevocationList::from_der(crl)
            .map_err(|_| Problem::Malformed("revocation list"))?;
        crls.push(webpki::CertRevocationList::from(crl));
    }
    Ok(Arc::new(NamedServers { anchors: anchors.clone(), crls, by_host, names: names.to_vec() }))
}

#[derive(Debug)]
struct NamedClients {
    inner: Arc<dyn ClientCertVerifier>,
    names: Vec<NamePattern>,
}

impl ClientCertVerifier for NamedClients {
    fn offer_client_auth(&self) -> bool {
        self.inner.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.inner.verify_client_cert(end_entity, intermediates, now)?;
        any_fits(&self.names, end_entity)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Servers whose certificate carries a name of the list; the host connected to does not matter.
struct NamedServers {
    anchors: Anchors,
    crls: Vec<webpki::CertRevocationList<'static>>,
    /// For everything but the name.
    by_host: Arc<WebPkiServerVerifier>,
    names: Vec<NamePattern>,
}

impl fmt::Debug for NamedServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamedServers").field("names", &self.names).finish_non_exhaustive()
    }
}

impl NamedServers {
    fn verify_chain(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), webpki::Error> {
        let crls: Vec<&webpki::CertRevocationList<'_>> = self.crls.iter().collect();
        let policy = self.anchors.revocation;
        // Fails where there are no lists, which means not to check.
        let revocation = RevocationOptionsBuilder::new(&crls).ok().map(|options| {
            let depth = if policy.whole_chain {
                RevocationCheckDepth::Chain
            } else {
                RevocationCheckDepth::EndEntity
            };
            let unknown =
                if policy.allow_unknown { UnknownStatusPolicy::Allow } else { UnknownStatusPolicy::Deny };
            let old =
                if policy.refuse_old_lists { ExpirationPolicy::Enforce } else { ExpirationPolicy::Ignore };
            options.with_depth(depth).with_status_policy(unknown).with_expiration_policy(old).build()
        });
        let algorithms = provider().signature_verification_algorithms.all;
        let usage = webpki::KeyUsage::server_auth();
        EndEntityCert::try_from(end_entity)?
            .verify_for_usage(
                algorithms,
                &self.anchors.roots.roots,
                intermediates,
                now,
                usage,
                revocation,
                None,
            )
            .map(drop)
    }
}

impl ServerCertVerifier for NamedServers {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verify_chain(end_entity, intermediates, now).map_err(certificate_error)?;
        any_fits(&self.names, end_entity)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.by_host.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.by_host.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.by_host.supported_verify_schemes()
    }
}

/// rustls' names for webpki's errors, which choose the alert the server is sent.
fn certificate_error(error: webpki::Error) -> rustls::Error {
    let error = match error {
        webpki::Error::BadDer | webpki::Error::BadDerTime => CertificateError::BadEncoding,
        webpki::Error::CertExpired { time, not_after } => {
            CertificateError::ExpiredContext { time, not_after }
        }
        webpki::Error::CertNotValidYet { time, not_before } => {
            CertificateError::NotValidYetContext { time, not_before }
        }
        webpki::Error::CertRevoked => CertificateError::Revoked,
        webpki::Error::UnknownRevocationStatus => CertificateError::UnknownRevocationStatus,
        webpki::Error::CrlExpired { time, next_update } => {
            CertificateError::ExpiredRevocationListContext { time, next_update }
        }
        webpki::Error::UnknownIssuer => CertificateError::UnknownIssuer,
        webpki::Error::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        other => CertificateError::Other(rustls::OtherError(Arc::new(other))),
    };
    error.into()
}
