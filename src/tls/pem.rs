//! Finds the blocks of a PEM file (RFC 7468) and remembers their lines, so that a message can point
//! at one. The base64 itself is decoded by `rustls-pki-types`, in constant time.
//!
//! Neighbours: `load.rs` decides what the blocks are good for.

use rustls::pki_types::pem::{PemObject, SectionKind};
use zeroize::Zeroizing;

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";

/// What a block's label announces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Label {
    Certificate,
    Pkcs8Key,
    Pkcs1Key,
    Sec1Key,
    EncryptedKey,
    Crl,
    /// Anything else, by its own name.
    Other(String),
}

impl Label {
    fn of(name: &[u8]) -> Label {
        match name {
            b"CERTIFICATE" => Label::Certificate,
            b"PRIVATE KEY" => Label::Pkcs8Key,
            b"RSA PRIVATE KEY" => Label::Pkcs1Key,
            b"EC PRIVATE KEY" => Label::Sec1Key,
            b"ENCRYPTED PRIVATE KEY" => Label::EncryptedKey,
            b"X509 CRL" => Label::Crl,
            other => Label::Other(String::from_utf8_lossy(other).escape_debug().take(40).collect()),
        }
    }
}

/// One block.
pub(crate) struct Block {
    pub(crate) label: Label,
    /// Of its BEGIN, from 1.
    pub(crate) line: u32,
    /// Empty for blocks that are not ours to decode.
    pub(crate) der: Zeroizing<Vec<u8>>,
}

/// What breaks a PEM file, and the line of it, from 1.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) line: u32,
    pub(crate) what: &'static str,
}

/// True if the bytes hold a PEM block rather than DER.
pub(crate) fn is_pem(data: &[u8]) -> bool {
    data.windows(BEGIN.len()).any(|window| window == BEGIN)
}

/// All blocks, in order; text between them is skipped.
pub(crate) fn blocks(data: &[u8]) -> Result<Vec<Block>, Flaw> {
    let mut blocks = Vec::new();
    let mut open: Option<Open<'_>> = None;
    let mut start = 0;
    for (number, line) in (1u32..).zip(data.split_inclusive(|&byte| byte == b'\n')) {
        let end = start + line.len();
        let text = line.trim_ascii_end();
        let flaw = |what| Err(Flaw { line: number, what });
        if let Some(name) = text.strip_prefix(BEGIN) {
            let Some(name) = name.strip_suffix(b"-----") else {
                return flaw("the BEGIN line does not end with '-----'");
            };
            if open.is_some() {
                return flaw("a block begins before the one above it has ended");
            }
            open = Some(Open { name, line: number, start, encrypted: false });
        } else if let Some(name) = text.strip_prefix(END) {
            let Some(block) = open.take() else { return flaw("a block ends that never began") };
            if name.strip_suffix(b"-----") != Some(block.name) {
                return flaw("the END line does not match the BEGIN line above it");
            }
            blocks.push(block.close(&data[block.start..end])?);
        } else if let Some(block) = &mut open {
            block.body(text).map_err(|what| Flaw { line: number, what })?;
        } else if text.trim_ascii_start().starts_with(BEGIN) {
            return flaw("the BEGIN line is indented; it must start at the margin");
        }
        start = end;
    }
    match open {
        Some(block) => {
            Err(Flaw { line: block.line, what: "the block has no END line: the file is cut short" })
        }
        None => Ok(blocks),
    }
}

/// A block whose END is still to come.
struct Open<'a> {
    name: &'a [u8],
    line: u32,
    start: usize,
    encrypted: bool,
}

impl Open<'_> {
    /// Judges one line between BEGIN and END.
    fn body(&mut self, text: &[u8]) -> Result<(), &'static str> {
        // Headers of RFC 1421, which only OpenSSL's old encrypted keys still carry.
        if text.contains(&b':') {
            self.encrypted |= text.windows(9).any(|window| window == b"ENCRYPTED");
            return if self.encrypted {
                Ok(())
            } else {
                Err("a header stands in the block where base64 should be")
            };
        }
        let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
        if text.iter().all(is_base64) { Ok(()) } else { Err("a character is not base64") }
    }

    fn close(&self, text: &[u8]) -> Result<Block, Flaw> {
        let label = if self.encrypted { Label::EncryptedKey } else { Label::of(self.name) };
        let der = match label {
            Label::EncryptedKey | Label::Other(_) => Vec::new(),
            _ => match <(SectionKind, Vec<u8>)>::from_pem_slice(text) {
                Ok((_, der)) => der,
                Err(_) => return Err(Flaw { line: self.line, what: "the block's base64 is incomplete" }),
            },
        };
        Ok(Block { label, line: self.line, der: Zeroizing::new(der) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flaw(text: &str) -> (u32, &'static str) {
        let flaw = blocks(text.as_bytes()).err().unwrap();
        (flaw.line, flaw.what)
    }

    #[test]
    fn blocks_keep_their_lines() {
        let text = "subject=CN = x\r\n-----BEGIN CERTIFICATE-----\r\nAAEC\r\n-----END CERTIFICATE-----\r\n\n\
                    -----BEGIN EC PARAMETERS-----\nBggq\n-----END EC PARAMETERS-----\n\
                    -----BEGIN EC PRIVATE KEY-----\nAwQF\n-----END EC PRIVATE KEY-----";
        let blocks = blocks(text.as_bytes()).ok().unwrap();
        let seen: Vec<_> =
            blocks.iter().map(|block| (block.line, &block.label, block.der.as_slice())).collect();
        assert_eq!(seen[0], (2, &Label::Certificate, &[0u8, 1, 2][..]));
        assert_eq!(seen[1], (6, &Label::Other("EC PARAMETERS".into()), &[][..]));
        assert_eq!(seen[2], (9, &Label::Sec1Key, &[3u8, 4, 5][..]));
    }

    #[test]
    fn flaws_name_their_line() {
        assert_eq!(flaw("\n-----BEGIN CERTIFICATE-----\nAAEC\n").0, 2);
        assert_eq!(flaw("-----BEGIN CERTIFICATE-----\nAA EC\n-----END CERTIFICATE-----\n").0, 2);
        assert_eq!(flaw("-----BEGIN CERTIFICATE-----\nAAEC\n-----END X509 CRL-----\n").0, 3);
        assert_eq!(flaw("-----BEGIN CERTIFICATE-----\nAAEC\n-----BEGIN CERTIFICATE-----\n").0, 3);
        assert_eq!(flaw("-----END CERTIFICATE-----\n").0, 1);
        assert_eq!(flaw("-----BEGIN CERTIFICATE-----\nAAECA\n-----END CERTIFICATE-----\n").0, 1);
        assert!(flaw("  -----BEGIN CERTIFICATE-----\nAAEC\n").1.contains("indented"));
    }

    #[test]
    fn old_encrypted_keys_are_known() {
        let text = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAEC\n\
                    -----END RSA PRIVATE KEY-----\n";
        assert_eq!(blocks(text.as_bytes()).ok().unwrap()[0].label, Label::EncryptedKey);
    }
}
