//! Every way a file of keys and certificates can be wrong, and what is said of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use edgekit_core::Clock;
use edgekit_tls::{ClockTime, Pair, PairSource, Problem, Usage};
use rcgen::{ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};

use crate::world::{Authority, Folder, Issued};

/// 2030-01-01.
const NOW: u64 = 1_893_456_000;

fn time(seconds: u64) -> ClockTime {
    ClockTime(Clock::fixed(Duration::from_secs(seconds)))
}

fn load(chain: &Path, key: &Path) -> Result<Pair, edgekit_tls::Error> {
    Pair::load(&PairSource::files(chain, key), Usage::Server, &time(NOW))
}

/// What is said of a pair of files with this content, the folder left out.
fn said(chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> String {
    let folder = Folder::new();
    let (chain, key) = (folder.write("chain.pem", chain), folder.write("key.pem", key));
    let error = load(&chain, &key).unwrap_err();
    let hint = error.hint().map_or(String::new(), |hint| format!(" [{hint}]"));
    format!("{error}{hint}")
        .replace(&format!("{}/", folder.path("").display()), "")
        .replace(&folder.path("").display().to_string(), "")
}

/// The warnings about a pair that is taken, and how many certificates are served.
fn taken(chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> (Vec<String>, usize) {
    let folder = Folder::new();
    let (chain, key) = (folder.write("chain.pem", chain), folder.write("key.pem", key));
    let pair = load(&chain, &key).unwrap();
    pair.certified().keys_match().unwrap();
    (pair.warnings().iter().map(|warning| warning.text.clone()).collect(), pair.certified().cert.len())
}

fn issued() -> (Authority, Issued) {
    let root = Authority::root("root");
    let issued = root.issue(&["box.example"], |_| {});
    (root, issued)
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0u32, |word, &byte| word << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * at) & 63) as usize] as char;
            text.push(if at <= chunk.len() { letter } else { '=' });
        }
    }
    text
}

fn pem(label: &str, der: &[u8]) -> String {
    let body = base64(der).into_bytes();
    let lines: Vec<_> = body.chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn find(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).position(|window| window == part).unwrap()
}

#[test]
fn a_pair_is_read_in_every_form() {
    let (root, pair) = issued();
    let pkcs8 = KeyPair::from_pem(&pair.key).unwrap().serialize_der();
    // Version, key and public key inside the octet string of PKCS#8 are the older format.
    let inner = find(&pkcs8, &[0x02, 0x01, 0x01, 0x04, 0x20]) - 2;
    let sec1 = &pkcs8[inner..inner + 2 + usize::from(pkcs8[inner + 1])];
    assert_eq!(taken(&pair.certificate, &pair.key), (vec![], 1));
    assert_eq!(taken(pair.certificate.clone() + &root.pem(), &pair.key), (vec![], 2));
    assert_eq!(taken(&pair.certificate, pem("EC PRIVATE KEY", sec1)), (vec![], 1));
    assert_eq!(taken(&pair.der, &pkcs8), (vec![], 1));
    assert_eq!(taken(&pair.der, sec1), (vec![], 1));
    assert_eq!(taken(pair.certificate.replace('\n', "\r\n"), &pair.key), (vec![], 1));
    let with_parameters = pem("EC PARAMETERS", &[6, 0]) + &pem("EC PRIVATE KEY", sec1);
    assert_eq!(taken(format!("Bag Attributes\n  x: y\n{}", pair.certificate), with_parameters), (vec![], 1));
}

#[test]
fn both_in_one_file_and_the_right_key_of_several() {
    let (root, pair) = issued();
    let other = root.issue(&["other.example"], |_| {});
    let folder = Folder::new();
    let both = folder.write("both.pem", format!("{}{}", pair.key, pair.certificate));
    assert!(load(&both, &both).is_ok());
    assert_eq!(taken(&pair.certificate, format!("{}{}", other.key, pair.key)), (vec![], 1));
    let third = root.issue(&["third.example"], |_| {});
    let said = said(&pair.certificate, other.key + &third.key);
    assert!(
        said.starts_with("key.pem: it holds 2 private keys, and none of them belongs to the certificate ["),
        "{said}"
    );
}

#[test]
fn keys_that_cannot_be_used() {
    let (_, pair) = issued();
    let encrypted = pem("ENCRYPTED PRIVATE KEY", b"secret");
    let text = said(&pair.certificate, format!("\n{encrypted}"));
    assert!(
        text.starts_with("key.pem:2: the private key is encrypted [write it without a password"),
        "{text}"
    );
    let text = said(&pair.certificate, &pair.certificate);
    assert_eq!(
        text,
        "key.pem: it holds no private key, but a certificate [are the paths of certificate and key exchanged?]"
    );
    let text = said(&pair.key, &pair.key);
    assert!(text.starts_with("chain.pem: it holds no certificate, but a private key [are"), "{text}");
    let mut curve = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap().serialize_der();
    let at = find(&curve, &[0x2b, 0x81, 0x04, 0x00, 0x22]);
    curve[at + 4] = 0x0a;
    let text = said(&pair.certificate, pem("PRIVATE KEY", &curve));
    assert!(
        text.starts_with("key.pem:1: an EC key on curve secp256k1 is not supported [use ECDSA"),
        "{text}"
    );
    let text = said(&pair.certificate, pem("PRIVATE KEY", b"nonsense"));
    assert!(text.starts_with("key.pem:1: this is not a well-formed private key"), "{text}");
    // PFX ::= SEQUENCE { version 3, SEQUENCE … }
    let text = said(&pair.certificate, [0x30, 5, 2, 1, 3, 0x30, 0]);
    assert!(text.starts_with("key.pem: this is PKCS#12"), "{text}");
}

#[test]
fn pairs_that_do_not_match() {
    let (root, pair) = issued();
    let other = root.issue(&["other.example"], |_| {});
    let text = said(&pair.certificate, other.key);
    assert!(
        text.starts_with("key.pem:1: the key does not match the certificate 'box.example' in chain.pem:1 ["),
        "{text}"
    );
}

#[test]
fn broken_files_name_file_and_line() {
    let (_, pair) = issued();
    let text = said(&pair.certificate[..200], &pair.key);
    assert!(text.starts_with("chain.pem:1: the block has no END line: the file is cut short"), "{text}");
    let text = said(pair.certificate.replacen("\nM", "\n*", 1), &pair.key);
    assert!(text.starts_with("chain.pem:2: a character is not base64"), "{text}");
    let text = said(pem("CERTIFICATE", b"nonsense"), &pair.key);
    assert!(text.starts_with("chain.pem:1: this is not a well-formed certificate"), "{text}");
    assert_eq!(said("", &pair.key), "chain.pem: it holds no certificate");
    let text = said(vec![b'x'; 2 << 20], &pair.key);
    assert!(text.starts_with("chain.pem: it is larger than 1048576 bytes"), "{text}");
    let folder = Folder::new();
    let key = folder.write("key.pem", &pair.key);
    let error = load(&folder.path("none.pem"), &key).unwrap_err();
    assert!(error.to_string().ends_with("none.pem: cannot read it: no such file or directory"), "{error}");
    assert!(matches!(load(&folder.path(""), &key).unwrap_err().problem(), Problem::NotAFile));
}

#[test]
fn a_chain_in_the_wrong_order_is_put_right() {
    let root = Authority::root("root");
    let (middle, low) = (root.below("middle"), root.below("unrelated"));
    let lower = middle.below("lower");
    let pair = lower.issue(&["box.example"], |_| {});
    let leaf = &pair.certificate;
    assert_eq!(taken(leaf.clone() + &lower.pem() + &middle.pem(), &pair.key), (vec![], 3));
    let (warnings, sent) = taken(lower.pem() + leaf + &middle.pem() + leaf, &pair.key);
    assert_eq!((warnings.len(), sent), (2, 3), "{warnings:?}");
    assert!(warnings[0].contains("was not the first but number 2; served in order"), "{warnings:?}");
    let (warnings, _) = taken(leaf.clone() + &middle.pem() + &lower.pem(), &pair.key);
    assert_eq!(warnings, ["its certificates were out of order; served in order"]);
    let text = said(leaf.clone() + &low.pem(), &pair.key);
    assert!(
        text.contains("the certificate 'unrelated' is not part of the chain of 'box.example' [order"),
        "{text}"
    );
    let twin = middle.below("lower");
    let text = said(leaf.clone() + &middle.pem() + &twin.pem() + &lower.pem(), &pair.key);
    assert!(text.contains("two certificates that could have issued 'box.example'"), "{text}");
    let text = said(leaf.clone() + &twin.pem(), &pair.key);
    assert!(text.contains("the chain of 'box.example' does not verify: a signature is not that"), "{text}");
}

#[test]
fn a_certificate_for_another_use() {
    let root = Authority::root("root");
    let pair = root.issue(&["box.example"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let text = said(pair.certificate + &root.pem(), &pair.key);
    assert!(text.contains("its extended key usage does not allow this use"), "{text}");
}

#[test]
fn times_of_the_whole_chain_count() {
    let root = Authority::root("root");
    let early = root.issue(&["box.example"], |params| params.not_after = date_time_ymd(2029, 12, 31));
    let late = root.issue(&["box.example"], |params| params.not_before = date_time_ymd(2031, 1, 1));
    let folder = Folder::new();
    let judge = |pair: &Issued| {
        let chain = folder.write("chain.pem", pair.certificate.clone() + &root.pem());
        let key = folder.write("key.pem", &pair.key);
        let error = load(&chain, &key).unwrap().out_of_time(&time(NOW)).unwrap();
        (error.problem().to_string(), error.hint().unwrap())
    };
    let (text, hint) = judge(&early);
    assert_eq!(text, "the certificate 'box.example' expired at 2029-12-31 00:00:00 UTC");
    assert!(hint.contains("renew it"));
    let (text, hint) = judge(&late);
    assert_eq!(
        text,
        "the certificate 'box.example' is not valid before 2031-01-01 00:00:00 UTC; \
         this machine's clock says 2030-01-01 00:00:00 UTC"
    );
    assert!(hint.contains("clock"));
}

#[test]
fn a_key_others_can_read_is_a_warning() {
    let (_, pair) = issued();
    let folder = Folder::new();
    let (chain, key) = (folder.write("chain.pem", &pair.certificate), folder.write("key.pem", &pair.key));
    for (mode, said) in [(0o600, None), (0o640, None), (0o644, Some("everyone")), (0o660, Some("its group"))]
    {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let warnings = load(&chain, &key).unwrap().warnings().to_vec();
        assert_eq!(warnings.len(), usize::from(said.is_some()), "{mode:o}: {warnings:?}");
        assert!(said.is_none_or(|said| warnings[0].text.starts_with(said)), "{warnings:?}");
    }
}

#[test]
fn nothing_of_a_key_is_ever_shown() {
    let (_, pair) = issued();
    let folder = Folder::new();
    let (chain, key) = (folder.write("chain.pem", &pair.certificate), folder.write("key.pem", &pair.key));
    let shown = format!("{:?}", load(&chain, &key).unwrap());
    let secret: Vec<&str> = pair.key.lines().filter(|line| !line.starts_with('-')).collect();
    assert!(secret.iter().all(|line| !shown.contains(line)));
    let bytes = KeyPair::from_pem(&pair.key).unwrap().serialize_der();
    assert!(
        !shown.contains(&format!("{:?}", &bytes[36..40]).trim_matches(['[', ']']).to_string()),
        "{shown}"
    );
}

#[test]
fn damaged_files_are_told_from_whole_ones() {
    let (root, pair) = issued();
    let whole = format!("{}{}{}", pair.certificate, root.pem(), pair.key).into_bytes();
    let judge = |bytes: &[u8]| edgekit_tls::from_bytes(bytes, Usage::Server, &time(NOW));
    assert!(judge(&whole).is_ok());
    // Text is skipped between blocks, so what is cut after the last block changes nothing.
    for length in 0..whole.len() - 1 {
        assert!(judge(&whole[..length]).is_err(), "cut after {length} bytes");
    }
    let mut passed = 0;
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 4;
        if let Ok(pair) = judge(&damaged) {
            pair.certified().keys_match().unwrap();
            passed += 1;
        }
    }
    // Line ends, and the leaf's or root's bytes that no signature we can check covers.
    assert!(passed < whole.len() / 3, "{passed} of {} damaged files pass", whole.len());
}

#[test]
fn a_certificate_alone_is_one_that_peers_can_read() {
    let (_, pair) = issued();
    let whole = format!("{}{}", pair.certificate, pair.key).into_bytes();
    let judge = |bytes: &[u8]| edgekit_tls::from_bytes(bytes, Usage::Server, &time(NOW));
    assert!(judge(&whole).is_ok());
    let mut refused = 0;
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 4;
        match judge(&damaged) {
            // No signature tells, but the key must be its own and its shape what every peer insists on.
            Ok(pair) => pair.certified().keys_match().unwrap(),
            Err(error) => refused += usize::from(error.to_string().contains("signature algorithm")),
        }
    }
    assert!(refused > 0, "the algorithm stands in it twice");
}
