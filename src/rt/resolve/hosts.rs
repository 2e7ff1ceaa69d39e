//! hosts(5): `ADDRESS NAME [ALIAS…]`, comments after `#`.
//!
//! Read anew for each lookup: it is small, and nobody expects to reload a daemon after editing it.

use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;

/// More than any real one; what lies beyond is not read.
const MAX_BYTES: u64 = 1 << 20;

/// The addresses `path` gives `name`; `localhost` and names below it are known without (RFC 6761).
pub(super) fn lookup(path: &Path, name: &str) -> Vec<IpAddr> {
    let mut text = String::new();
    // A missing or unreadable file knows no names.
    if let Ok(file) = File::open(path) {
        drop(file.take(MAX_BYTES).read_to_string(&mut text));
    }
    let found = parse(&text, name);
    if found.is_empty() && is_localhost(name) {
        return vec![IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]), IpAddr::from([127, 0, 0, 1])];
    }
    found
}

fn parse(text: &str, name: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let address = words.next().and_then(|word| word.parse::<IpAddr>().ok());
        if let Some(address) = address
            && words.any(|word| word.eq_ignore_ascii_case(name))
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

fn is_localhost(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    last.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_aliases_and_comments() {
        let text = "127.0.0.1 localhost\n10.0.0.1\tBroker broker.lan # the box\nfe80::zz bad\n10.0.0.2 other # broker\n\
                    10.0.0.1 broker\nfd00::1 broker";
        let broker: Vec<IpAddr> = vec!["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()];
        assert_eq!(parse(text, "broker"), broker);
        assert!(parse(text, "bad").is_empty());
        assert!(parse(text, "the").is_empty());
    }

    #[test]
    fn localhost_needs_no_file() {
        assert_eq!(lookup(Path::new("/nonexistent"), "app.localhost").len(), 2);
        assert!(lookup(Path::new("/nonexistent"), "localhost.example").is_empty());
    }
}
