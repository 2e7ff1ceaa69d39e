//! What can be wrong with a key, a certificate or a name: where it is, what it is, what to do.
//!
//! No message ever holds bytes of a file, so no secret can reach a log.

use std::fmt;
use std::path::{Path, PathBuf};

use edgekit_core::{Exit, text};

use crate::time::utc;

/// A file and, in PEM, the line a block begins on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The file, as configured.
    pub path: PathBuf,
    /// From 1; none in DER and for the file as a whole.
    pub line: Option<u32>,
}

impl Place {
    pub(crate) fn file(path: &Path) -> Place {
        Place { path: path.to_owned(), line: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        match self.line {
            Some(line) => write!(f, ":{line}"),
            None => Ok(()),
        }
    }
}

/// A failure, with what is wrong and where.
#[derive(Debug)]
pub struct Error {
    place: Option<Place>,
    problem: Box<Problem>,
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The system refuses the file.
    #[error("cannot read it: {}", text::io_reason(.0))]
    Read(std::io::Error),
    /// A directory, pipe or device where a file belongs.
    #[error("it is not a regular file")]
    NotAFile,
    /// More than this crate is willing to read.
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    /// It was written to while it was read.
    #[error("it changed while it was read")]
    Moving,
    /// Broken PEM.
    #[error("{0}")]
    Pem(&'static str),
    /// The encoding inside a block, or of a DER file, is broken.
    #[error("this is not a well-formed {0}")]
    Malformed(&'static str),
    /// The file holds other things than the one that is wanted.
    #[error("it holds no {wanted}{}", but_it_holds(.found))]
    Absent {
        /// `certificate`, `private key` or `revocation list`.
        wanted: &'static str,
        /// What it holds instead.
        found: Vec<String>,
    },
    /// A key that needs a password.
    #[error("the private key is encrypted")]
    Encrypted,
    /// A container with a password.
    #[error("this is PKCS#12, a container that needs a password")]
    Pkcs12,
    /// More keys than one, and no certificate says which.
    #[error("it holds {0} private keys, and none of them belongs to the certificate")]
    ManyKeys(usize),
    /// A key or curve no peer could use.
    #[error("{0} is not supported")]
    UnsupportedKey(String),
    /// Certificate and key are not a pair.
    #[error("the key does not match the certificate {subject} in {chain}")]
    Mismatch {
        /// Of the first certificate.
        subject: String,
        /// Where it is.
        chain: Place,
    },
    /// A certificate that no other one leads to.
    #[error("the certificate {subject} is not part of the chain of {leaf}")]
    Stray {
        /// The one that does not belong.
        subject: String,
        /// The one the key belongs to.
        leaf: String,
    },
    /// A chain that ends before one that the chain in use has: most likely it is still being written.
    #[error("the chain of {subject} lacks its issuer {issuer}, which the chain in use has")]
    CutShort {
        /// Of the leaf.
        subject: String,
        /// Of what is missing.
        issuer: String,
    },
    /// Two certificates claim to be the issuer of one.
    #[error("the chain is out of order, and it has two certificates that could have issued {0}")]
    Ambiguous(String),
    /// Past its time.
    #[error("the certificate {subject} expired at {}", utc(*.at))]
    Expired {
        /// Whose.
        subject: String,
        /// Seconds since 1970.
        at: u64,
    },
    /// Ahead of its time, or of this machine's clock.
    #[error("the certificate {subject} is not valid before {}; this machine's clock says {}", utc(*.from), utc(*.now))]
    NotYetValid {
        /// Whose.
        subject: String,
        /// Seconds since 1970.
        from: u64,
        /// Seconds since 1970.
        now: u64,
    },
    /// The chain does not verify up to its own last certificate.
    #[error("the chain of {subject} does not verify: {reason}")]
    Chain {
        /// Of the leaf.
        subject: String,
        /// In webpki's words.
        reason: String,
    },
    /// No place has trusted certificates.
    #[error("no trusted root certificate was found on this system")]
    NoRoots,
    /// rustls refuses a combination of settings.
    #[error("the settings do not fit together: {0}")]
    Settings(String),
    /// Neither a DNS name nor an IP address.
    #[error("'{0}' is neither a DNS name nor an IP address")]
    Name(String),
    /// Not a pattern of names.
    #[error("'{0}' is no name to compare certificates with")]
    Pattern(String),
}

fn but_it_holds(found: &[String]) -> String {
    if found.is_empty() { String::new() } else { format!(", but {}", found.join(", ")) }
}

impl Error {
    pub(crate) fn at(place: Place, problem: Problem) -> Error {
        Error { place: Some(place), problem: Box::new(problem) }
    }

    pub(crate) fn in_file(path: &Path, problem: Problem) -> Error {
        Error::at(Place::file(path), problem)
    }

    /// What is wrong.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Where, if it is about a file.
    pub fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let path = self.place.as_ref().map(|place| place.path.display().to_string()).unwrap_or_default();
        Some(match &*self.problem {
            Problem::Encrypted => {
                format!("write it without a password, readable by this service only: openssl pkey -in {path} -out NEW.pem")
            }
            Problem::Pkcs12 => format!("take it apart: openssl pkcs12 -in {path} -nodes -out PAIR.pem"),
            Problem::Absent { wanted: "private key", found } if found.iter().any(|kind| kind.contains("certificate")) => {
                "are the paths of certificate and key exchanged?".to_owned()
            }
            Problem::Absent { wanted: "certificate", found } if found.iter().any(|kind| kind.contains("key")) => {
                "are the paths of certificate and key exchanged?".to_owned()
            }
            Problem::Mismatch { .. } => {
                "issue the certificate for this key, or name the key it was issued for; both files must be of one issuance"
                    .to_owned()
            }
            Problem::ManyKeys(_) => "leave the one that belongs to the certificate".to_owned(),
            Problem::UnsupportedKey(_) => {
                "use ECDSA on P-256, P-384 or P-521, Ed25519, or RSA of 2048 to 8192 bits".to_owned()
            }
            Problem::Stray { .. } | Problem::Ambiguous(_) => {
                "order the file: the server's or client's own certificate first, then each one's issuer".to_owned()
            }
            Problem::Expired { .. } => "renew it; if it is newer than that, set this machine's clock".to_owned(),
            Problem::NotYetValid { .. } => "set this machine's clock, or wait".to_owned(),
            Problem::Moving => "whoever writes it should write another file and rename it".to_owned(),
            Problem::TooLarge(_) => "is this the right file?".to_owned(),
            Problem::Pem(_) | Problem::Malformed(_) => "copy the file again, whole and as text".to_owned(),
            Problem::NoRoots => {
                "install the package ca-certificates, or set tls.roots to a file of certificates".to_owned()
            }
            Problem::Pattern(_) => {
                "write a DNS name, '*.' and a DNS name, a URI, or the start of a URI and '/*'".to_owned()
            }
            Problem::CutShort { .. } => "write the whole chain; if it is meant so, restart".to_owned(),
            Problem::Chain { .. } => "ask the issuer for the full chain of this certificate".to_owned(),
            Problem::Read(_)
            | Problem::NotAFile
            | Problem::Absent { .. }
            | Problem::Settings(_)
            | Problem::Name(_) => return None,
        })
    }

    /// True for what a writer who is half way through would cause: the next look may be better.
    pub fn may_pass(&self) -> bool {
        matches!(
            &*self.problem,
            Problem::Read(_)
                | Problem::Moving
                | Problem::Pem(_)
                | Problem::Malformed(_)
                | Problem::Absent { .. }
                | Problem::ManyKeys(_)
                | Problem::Mismatch { .. }
                | Problem::Stray { .. }
                | Problem::CutShort { .. }
                | Problem::Ambiguous(_)
                | Problem::Chain { .. }
        )
    }

    fn exit(&self) -> Exit {
        match &*self.problem {
            Problem::Read(error) => match error.kind() {
                std::io::ErrorKind::NotFound => Exit::NO_INPUT,
                std::io::ErrorKind::PermissionDenied => Exit::NO_PERMISSION,
                _ => Exit::IO,
            },
            Problem::Moving => Exit::TEMPORARY,
            Problem::Name(_) | Problem::Pattern(_) | Problem::Settings(_) | Problem::NoRoots => Exit::CONFIG,
            _ => Exit::DATA,
        }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Error {
        Error { place: None, problem: Box::new(problem) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.problem),
            None => self.problem.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<Error> for edgekit_core::Error {
    fn from(error: Error) -> edgekit_core::Error {
        let converted = edgekit_core::Error::new(error.exit(), error.to_string());
        match error.hint() {
            Some(hint) => converted.hint(hint),
            None => converted,
        }
    }
}

/// Something that works and should be looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Warning {
    /// Where.
    pub place: Place,
    /// What, and what to do.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}
