//! What can be wrong with a name, a file or a certificate.

/// A failure, with what is wrong and where.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] pub Problem);

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// Neither a DNS name nor an IP address.
    #[error("'{0}' is neither a DNS name nor an IP address")]
    Name(String),
}
