//! The one crypto provider of the process: aws-lc-rs, with the hybrid key exchange
//! X25519MLKEM768 offered first.

use std::sync::{Arc, OnceLock};

use ::aws_lc_rs::digest;
use rustls::crypto::{CryptoProvider, aws_lc_rs};

/// The provider every configuration here is built on.
///
/// The first call also installs it as the default of the process, for libraries that ask rustls
/// for "the" provider.
pub fn provider() -> &'static Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        let ours = Arc::new(aws_lc_rs::default_provider());
        // It fails only if somebody was first; that one is the same, since no other is compiled in.
        let _ = CryptoProvider::clone(&ours).install_default();
        CryptoProvider::get_default().cloned().unwrap_or(ours)
    })
}

/// SHA-1, for protocols of old that want a mark by it and no secret: the handshake of a WebSocket
/// (RFC 6455 §4.2.2).
pub fn sha1(data: &[u8]) -> [u8; 20] {
    let mut sum = [0; 20];
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, data);
    sum.copy_from_slice(digest.as_ref());
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::NamedGroup;

    #[test]
    fn is_one_and_prefers_the_hybrid_key_exchange() {
        assert!(Arc::ptr_eq(provider(), provider()));
        assert!(Arc::ptr_eq(provider(), CryptoProvider::get_default().unwrap()));
        assert_eq!(provider().kx_groups[0].name(), NamedGroup::X25519MLKEM768);
    }
}
