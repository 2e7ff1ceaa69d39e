//! Whom this process trusts: roots of the system, of a file or of the binary, and revocation lists.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateRevocationListDer;

use crate::error::{Error, Place, Problem, Warning};
use crate::{load, system};

/// Where trusted root certificates come from: `tls.roots = system | bundled | FILE`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Roots {
    /// What this machine trusts: `SSL_CERT_FILE`, `SSL_CERT_DIR`, else the distribution's bundle,
    /// else, if it has none, what the binary carries.
    #[default]
    System,
    /// Mozilla's list as it was when the binary was built (feature `bundled-roots`).
    Bundled,
    /// A file of certificates.
    File(PathBuf),
}

impl From<&str> for Roots {
    fn from(text: &str) -> Roots {
        match text {
            "system" => Roots::System,
            "bundled" => Roots::Bundled,
            path => Roots::File(path.into()),
        }
    }
}

/// How far revocation lists are asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Revocation {
    /// Every certificate of a chain, not just the peer's own.
    pub whole_chain: bool,
    /// Accept a certificate that no list speaks of.
    pub allow_unknown: bool,
    /// Refuse peers once a list is past its next update. Off, an old list still counts: a box that
    /// was offline for a week is not locked out.
    pub refuse_old_lists: bool,
}

impl Default for Revocation {
    /// The peer's own certificate must be on no list, and a list must speak of its issuer.
    fn default() -> Revocation {
        Revocation { whole_chain: false, allow_unknown: false, refuse_old_lists: false }
    }
}

/// Whom to trust.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trust {
    /// Who may issue.
    pub roots: Roots,
    /// Files of revocation lists. Empty: revocation is not checked.
    pub crls: Vec<PathBuf>,
    /// How far those are asked.
    pub revocation: Revocation,
}

/// How trust is doing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrustStatus {
    /// The (first) file of roots.
    pub path: PathBuf,
    /// Certificates in use.
    pub roots: usize,
    /// Revocation lists in use.
    pub crls: usize,
    /// Why what is on disk is not what is in use.
    pub refused: Option<String>,
}

/// Trust as it is in use, and why what came after it is not.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) anchors: Anchors,
    pub(crate) refused: Option<String>,
}

impl Held {
    pub(crate) fn new(anchors: Anchors) -> Held {
        Held { anchors, refused: None }
    }

    pub(crate) fn status(&self) -> TrustStatus {
        TrustStatus {
            path: self.anchors.path.clone(),
            roots: self.anchors.roots.len(),
            crls: self.anchors.crls.len(),
            refused: self.refused.clone(),
        }
    }

    /// What is on disk, if it differs from what is in use.
    pub(crate) fn look(&mut self, trust: &Trust) -> Result<Option<Anchors>, Error> {
        let loaded = trust.load();
        self.refused = loaded.as_ref().err().map(Error::to_string);
        let anchors = loaded?;
        Ok((!self.anchors.is_same(&anchors)).then_some(anchors))
    }
}

/// Trust as it is on disk at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Anchors {
    pub(crate) roots: Arc<RootCertStore>,
    pub(crate) crls: Vec<CertificateRevocationListDer<'static>>,
    pub(crate) revocation: Revocation,
    pub(crate) warnings: Vec<Warning>,
    /// The file the roots are from, for messages.
    pub(crate) path: PathBuf,
}

impl Trust {
    /// The files and folders to watch.
    pub fn paths(&self) -> Vec<PathBuf> {
        let mut paths = match &self.roots {
            Roots::System => system::Places::of_this_machine().paths(),
            Roots::Bundled => Vec::new(),
            Roots::File(path) => vec![path.clone()],
        };
        paths.extend(self.crls.iter().cloned());
        paths
    }

    pub(crate) fn load(&self) -> Result<Anchors, Error> {
        let mut anchors = match &self.roots {
            Roots::System => {
                let places = system::Places::of_this_machine();
                match system::load(&places) {
                    Err(error) if matches!(error.problem(), Problem::NoRoots) => {
                        bundled().map_err(|_| error)?
                    }
                    result => result?,
                }
            }
            Roots::Bundled => bundled()?,
            Roots::File(path) => from_file(path)?,
        };
        anchors.revocation = self.revocation;
        for path in &self.crls {
            anchors.crls.extend(load::crls(path)?);
        }
        Ok(anchors)
    }
}

impl Anchors {
    pub(crate) fn new(roots: RootCertStore, path: &Path) -> Anchors {
        Anchors {
            roots: Arc::new(roots),
            crls: Vec::new(),
            revocation: Revocation::default(),
            warnings: Vec::new(),
            path: path.to_owned(),
        }
    }

    /// True if both trust the same and revoke the same.
    pub(crate) fn is_same(&self, other: &Anchors) -> bool {
        self.crls == other.crls && self.roots.roots == other.roots.roots
    }
}

/// A file somebody named: every certificate in it must be usable.
fn from_file(path: &Path) -> Result<Anchors, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in load::certificates(path)? {
        let subject = certificate.subject().to_owned();
        roots
            .add(certificate.der().clone())
            .map_err(|error| Error::in_file(path, Problem::Chain { subject, reason: error.to_string() }))?;
    }
    Ok(Anchors::new(roots, path))
}

#[cfg(feature = "bundled-roots")]
fn bundled() -> Result<Anchors, Error> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    Ok(Anchors::new(roots, Path::new("bundled")))
}

#[cfg(not(feature = "bundled-roots"))]
fn bundled() -> Result<Anchors, Error> {
    Err(Problem::Settings("this build carries no root certificates".to_owned()).into())
}

/// A warning about certificates of a bundle that could not be used.
pub(crate) fn skipped(path: &Path, count: usize) -> Warning {
    Warning { place: Place::file(path), text: format!("{count} of its certificates cannot be used as roots") }
}
