//! Turns a private key into one that signs, and says why where it cannot.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;

use crate::der::{self, Reader};
use crate::error::{Error, Place, Problem};

/// A key ready to sign; what it was made from is wiped by its owner.
pub(crate) fn signing_key(key: &PrivateKeyDer<'static>, place: &Place) -> Result<Arc<dyn SigningKey>, Error> {
    // By reference, where the provider's own way would leave a copy that nobody wipes.
    any_supported_type(key).map_err(|_| {
        let problem = match describe(key) {
            Some(kind) => Problem::UnsupportedKey(kind),
            None => Problem::Malformed("private key"),
        };
        Error::at(place.clone(), problem)
    })
}

/// `an EC key on curve secp256k1`: what a well-formed key is that the provider does not take.
/// `None` where nothing is wrong with its kind.
fn describe(key: &PrivateKeyDer<'_>) -> Option<String> {
    match key {
        // PrivateKeyInfo ::= SEQUENCE { version, SEQUENCE { algorithm, parameters }, OCTET STRING … } (RFC 5958)
        PrivateKeyDer::Pkcs8(key) => {
            let mut info = Reader(key.secret_pkcs8_der()).enter(der::SEQUENCE)?;
            info.take(der::INTEGER)?;
            let mut algorithm = info.enter(der::SEQUENCE)?;
            let kind = der::dotted(algorithm.take(der::OID)?.content);
            match kind.as_str() {
                "1.2.840.10045.2.1" => curve(algorithm.take(der::OID)?.content),
                "1.2.840.113549.1.1.1" => rsa(info.take(der::OCTET_STRING)?.content),
                "1.3.101.112" => None,
                "1.3.101.113" => Some("an Ed448 key".to_owned()),
                "1.2.840.10040.4.1" => Some("a DSA key".to_owned()),
                "1.2.840.113549.1.1.10" => Some("a key restricted to RSA-PSS".to_owned()),
                other => Some(format!("a key of algorithm {other}")),
            }
        }
        PrivateKeyDer::Pkcs1(key) => rsa(key.secret_pkcs1_der()),
        // ECPrivateKey ::= SEQUENCE { version, privateKey, [0] curve, … } (RFC 5915)
        PrivateKeyDer::Sec1(key) => {
            let mut key = Reader(key.secret_sec1_der()).enter(der::SEQUENCE)?;
            key.take(der::INTEGER)?;
            key.take(der::OCTET_STRING)?;
            curve(key.enter(der::context(0))?.take(der::OID)?.content)
        }
        _ => Some("a key of this format".to_owned()),
    }
}

fn curve(oid: &[u8]) -> Option<String> {
    let name = match der::dotted(oid).as_str() {
        "1.2.840.10045.3.1.7" | "1.3.132.0.34" | "1.3.132.0.35" => return None,
        "1.3.132.0.10" => "secp256k1".to_owned(),
        "1.3.132.0.33" => "P-224".to_owned(),
        "1.2.840.10045.3.1.1" => "P-192".to_owned(),
        "1.3.36.3.3.2.8.1.1.7" => "brainpoolP256r1".to_owned(),
        "1.3.36.3.3.2.8.1.1.11" => "brainpoolP384r1".to_owned(),
        "1.3.36.3.3.2.8.1.1.13" => "brainpoolP512r1".to_owned(),
        other => other.to_owned(),
    };
    Some(format!("an EC key on curve {name}"))
}

/// RSAPrivateKey ::= SEQUENCE { version, modulus, … } (RFC 8017)
fn rsa(key: &[u8]) -> Option<String> {
    let mut key = Reader(key).enter(der::SEQUENCE)?;
    key.take(der::INTEGER)?;
    let modulus = key.take(der::INTEGER)?.content;
    let leading = modulus.iter().position(|&byte| byte != 0)?;
    let bits = (modulus.len() - leading) * 8 - modulus[leading].leading_zeros() as usize;
    (!(2048..=8192).contains(&bits)).then(|| format!("an RSA key of {bits} bits"))
}
