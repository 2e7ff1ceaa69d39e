//! resolv.conf(5): servers, search list, options. What it does not know it passes over, as the C
//! library does.

use std::fs::{self, File};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::path::Path;
use std::time::Duration;

const PORT: u16 = 53;
const MAX_BYTES: u64 = 64 * 1024;
/// Limits of the C library: MAXNS, MAXDNSRCH, RES_MAXNDOTS, RES_MAXRETRANS, RES_MAXRETRY.
const MAX_SERVERS: usize = 3;
const MAX_SEARCH: usize = 6;
const MAX_DOTS: usize = 15;
const MAX_TIMEOUT: u64 = 30;
const MAX_ATTEMPTS: u32 = 5;

/// How to ask.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Conf {
    pub(super) servers: Vec<SocketAddr>,
    search: Vec<String>,
    dots: usize,
    /// For one question to one server.
    pub(super) timeout: Duration,
    /// Rounds over all servers.
    pub(super) attempts: u32,
}

impl Conf {
    /// What `path` says; a missing file means a server on this machine.
    pub(super) fn read(path: &Path) -> Conf {
        let mut text = String::new();
        if let Ok(file) = File::open(path) {
            drop(file.take(MAX_BYTES).read_to_string(&mut text));
        }
        Conf::parse(&text)
    }

    fn parse(text: &str) -> Conf {
        let mut conf = Conf {
            servers: Vec::new(),
            search: Vec::new(),
            dots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
        };
        for line in text.lines().filter(|line| !line.starts_with([';', '#'])) {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") if conf.servers.len() < MAX_SERVERS => {
                    conf.servers.extend(words.next().and_then(server));
                }
                // The last of the two counts.
                Some("search" | "domain") => {
                    let names = words.map(|name| name.trim_matches('.').to_owned());
                    conf.search = names.filter(|name| !name.is_empty()).take(MAX_SEARCH).collect();
                }
                Some("options") => words.for_each(|word| conf.option(word)),
                _ => {}
            }
        }
        if conf.servers.is_empty() {
            conf.servers.push(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)));
        }
        conf
    }

    fn option(&mut self, word: &str) {
        let Some((name, value)) = word.split_once(':') else { return };
        let Ok(value) = value.parse::<u32>() else { return };
        match name {
            "ndots" => self.dots = (value as usize).min(MAX_DOTS),
            "timeout" => self.timeout = Duration::from_secs(u64::from(value).clamp(1, MAX_TIMEOUT)),
            "attempts" => self.attempts = value.clamp(1, MAX_ATTEMPTS),
            _ => {}
        }
    }

    /// The full names `name` may stand for, in the order to ask.
    pub(super) fn candidates(&self, name: &str) -> Vec<String> {
        if let Some(full) = name.strip_suffix('.') {
            return vec![full.to_owned()];
        }
        let mut names: Vec<String> = self.search.iter().map(|domain| format!("{name}.{domain}")).collect();
        let dots = name.bytes().filter(|byte| *byte == b'.').count();
        let first = if dots >= self.dots { 0 } else { names.len() };
        names.insert(first, name.to_owned());
        names
    }
}

/// An address, with `%INTERFACE` where it is link-local; or `ADDRESS:PORT`, for a forwarder that runs
/// beside another one.
fn server(word: &str) -> Option<SocketAddr> {
    if let Ok(address) = word.parse() {
        return Some(address);
    }
    match word.split_once('%') {
        None => word.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, PORT)),
        Some((address, interface)) => {
            let address: Ipv6Addr = address.parse().ok()?;
            let index = interface.parse().ok().or_else(|| index_of(interface))?;
            Some(SocketAddr::V6(SocketAddrV6::new(address, PORT, 0, index)))
        }
    }
}

fn index_of(interface: &str) -> Option<u32> {
    if interface.contains('/') {
        return None;
    }
    fs::read_to_string(format!("/sys/class/net/{interface}/ifindex")).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_file() {
        let text = "# by dhcp\nnameserver 10.0.0.1\nnameserver fd00::53 \nnameserver nonsense\nsearch lan. example.com\n\
                    options ndots:2 timeout:1 attempts:9 rotate\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n";
        let conf = Conf::parse(text);
        let servers: Vec<String> = conf.servers.iter().map(SocketAddr::to_string).collect();
        assert_eq!(servers, ["10.0.0.1:53", "[fd00::53]:53", "10.0.0.3:53"]);
        assert_eq!((conf.timeout, conf.attempts), (Duration::from_secs(1), 5));
        assert_eq!(conf.candidates("broker"), ["broker.lan", "broker.example.com", "broker"]);
        assert_eq!(conf.candidates("a.b.c"), ["a.b.c", "a.b.c.lan", "a.b.c.example.com"]);
        assert_eq!(conf.candidates("broker."), ["broker"]);
    }

    #[test]
    fn an_empty_one_and_scopes() {
        assert_eq!(Conf::read(Path::new("/nonexistent")).servers[0].to_string(), "127.0.0.1:53");
        let conf = Conf::parse("nameserver fe80::1%7\nnameserver fe80::1%nonexistent0\nnameserver ::1%../x");
        assert_eq!(conf.servers.len(), 1);
        assert_eq!(conf.servers[0].to_string(), "[fe80::1%7]:53");
    }
}
