//! The proxy variables: which proxy, if any, leads to a host.
//!
//! `http_proxy` (lower case only: a CGI server sets `HTTP_PROXY` from a request header),
//! `https_proxy`, `all_proxy`, `no_proxy` (either case). As in curl: a proxy is `[http://|https://]
//! [USER:PASSWORD@]HOST[:PORT]`; `no_proxy` lists, by commas or spaces, `*`, names (with everything
//! below them), addresses, networks in CIDR form, each with an optional port. Neighbour:
//! `connect.rs`, which goes through the proxy.

use std::fmt;
use std::net::IpAddr;

use crate::Url;

/// One proxy. Displayed and debugged without its credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    url: Url,
    /// The value of `Proxy-Authorization`.
    authorization: Option<String>,
}

/// The proxies of an environment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    except: Vec<Exception>,
}

/// One word of `no_proxy`.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Exception {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Hosts {
    All,
    /// The name and what is below it.
    Name(String),
    /// Addresses that share the first bits.
    Network(IpAddr, u8),
}

impl Proxies {
    /// No proxy at all.
    pub fn none() -> Proxies {
        Proxies::default()
    }

    /// Those of the environment. The error names the variable and what is wrong with it.
    pub fn from_env() -> Result<Proxies, String> {
        Proxies::from_vars(|name| std::env::var(name).ok())
    }

    /// As [`Proxies::from_env`], from variables looked up elsewhere.
    pub fn from_vars(look_up: impl Fn(&str) -> Option<String>) -> Result<Proxies, String> {
        let set = |name: &str| look_up(name).filter(|value| !value.trim().is_empty());
        let proxy = |names: &[&str]| -> Result<Option<Proxy>, String> {
            let Some((name, value)) = names.iter().find_map(|name| Some((name, set(name)?))) else {
                return Ok(None);
            };
            Proxy::parse(&value).map(Some).map_err(|reason| format!("{name}: {reason}"))
        };
        let except = set("no_proxy").or_else(|| set("NO_PROXY")).unwrap_or_default();
        Ok(Proxies {
            http: proxy(&["http_proxy", "all_proxy", "ALL_PROXY"])?,
            https: proxy(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])?,
            except: except
                .split(|c: char| c == ',' || c.is_whitespace())
                .filter_map(Exception::parse)
                .collect(),
        })
    }

    /// The proxy that leads to `url`, unless it is reached directly.
    pub fn route(&self, url: &Url) -> Option<&Proxy> {
        let proxy = if url.is_https() { self.https.as_ref() } else { self.http.as_ref() };
        proxy.filter(|_| !self.except.iter().any(|except| except.holds(url.host(), url.port())))
    }
}

impl Proxy {
    /// Reads one variable's value.
    pub fn parse(value: &str) -> Result<Proxy, &'static str> {
        let value = value.trim();
        let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => "http",
            "https" => "https",
            _ => return Err("only http and https proxies are supported"),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (credentials, host) = match authority.rsplit_once('@') {
            Some((credentials, host)) => (Some(credentials), host),
            None => (None, authority),
        };
        // curl's default port for a proxy that names none.
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty() && !port.contains(']'));
        let port = if has_port || scheme == "https" { "" } else { ":1080" };
        let url = Url::parse(&format!("{scheme}://{}{port}/", host.trim_end_matches(':')))?;
        let authorization = match credentials {
            Some(pair) => Some(basic(pair)?),
            None => None,
        };
        Ok(Proxy { url, authorization })
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url.host_port())
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Exception {
    fn parse(word: &str) -> Option<Exception> {
        if word.is_empty() {
            return None;
        }
        if word == "*" {
            return Some(Exception { hosts: Hosts::All, port: None });
        }
        if let Some((address, bits)) = word.split_once('/') {
            let address: IpAddr = address.trim_matches(['[', ']']).parse().ok()?;
            let bits = bits.parse().ok().filter(|bits| *bits <= width(address))?;
            return Some(Exception { hosts: Hosts::Network(address, bits), port: None });
        }
        let (host, port) = split_port(word)?;
        let hosts = match host.parse::<IpAddr>() {
            Ok(address) => Hosts::Network(address, width(address)),
            Err(_) => {
                let name = host.trim_start_matches("*.").trim_matches('.').to_ascii_lowercase();
                if name.is_empty() {
                    return None;
                }
                Hosts::Name(name)
            }
        };
        Some(Exception { hosts, port })
    }

    fn holds(&self, host: &str, port: u16) -> bool {
        if self.port.is_some_and(|only| only != port) {
            return false;
        }
        match &self.hosts {
            Hosts::All => true,
            Hosts::Name(name) => {
                let host = host.trim_end_matches('.');
                host.strip_suffix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            Hosts::Network(network, bits) => {
                host.parse::<IpAddr>().is_ok_and(|address| shares(*network, address, *bits))
            }
        }
    }
}

/// `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 address.
fn split_port(word: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = word.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        let port = match after.strip_prefix(':') {
            Some(port) => Some(port.parse().ok()?),
            None => None,
        };
        return Some((host, port));
    }
    match word.split_once(':') {
        Some((host, port)) if !port.contains(':') => Some((host, Some(port.parse().ok()?))),
        _ => Some((word, None)),
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// True if the first `bits` of both are the same.
fn shares(network: IpAddr, address: IpAddr, bits: u8) -> bool {
    match (network, address.to_canonical()) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            (a.to_bits() ^ b.to_bits()).checked_shr(32 - u32::from(bits)).unwrap_or(0) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            (a.to_bits() ^ b.to_bits()).checked_shr(128 - u32::from(bits)).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// `Basic` credentials (RFC 7617) from the percent-encoded pair of an address.
fn basic(pair: &str) -> Result<String, &'static str> {
    let bytes = percent_decoded(pair).ok_or("the credentials hold a broken %-sequence")?;
    let whole = if bytes.contains(&b':') { bytes } else { [bytes, b":".to_vec()].concat() };
    Ok(format!("Basic {}", base64(&whole)))
}

fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            out.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            out.push(byte);
        }
    }
    Some(out)
}

/// RFC 4648 §4, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word =
            group.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = (word >> (18 - 6 * place)) as usize & 63;
            out.push(if place <= group.len() { char::from(DIGITS[digit]) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(vars: &[(&str, &str)]) -> Result<Proxies, String> {
        Proxies::from_vars(|name| {
            vars.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn route(vars: &[(&str, &str)], url: &str) -> Option<String> {
        proxies(vars).unwrap().route(&Url::parse(url).unwrap()).map(Proxy::to_string)
    }

    #[test]
    fn each_variable_has_its_scheme() {
        let vars = [("http_proxy", "p:3128"), ("HTTPS_PROXY", "https://s")];
        assert_eq!(route(&vars, "http://x/"), Some("p:3128".into()));
        assert_eq!(route(&vars, "https://x/"), Some("s:443".into()));
        assert_eq!(route(&[("HTTP_PROXY", "p:3128")], "http://x/"), None, "a CGI header can set it");
        assert_eq!(route(&[("all_proxy", "[::1]")], "https://x/"), Some("[::1]:1080".into()));
        assert_eq!(route(&[("http_proxy", " ")], "http://x/"), None);
    }

    #[test]
    fn credentials_are_sent_and_never_shown() {
        let proxy = Proxy::parse("http://user:p%40ss@proxy:1/").unwrap();
        assert_eq!(proxy.authorization(), Some("Basic dXNlcjpwQHNz"));
        assert!(!format!("{proxy} {proxy:?}").contains("dXNl"));
        assert_eq!(basic("u"), Ok("Basic dTo=".into()));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        assert_eq!(
            proxies(&[("https_proxy", "socks5://x")]),
            Err("https_proxy: only http and https proxies are supported".into())
        );
        assert!(Proxy::parse("http://").is_err() && Proxy::parse("a:b:c").is_err());
        assert!(Proxy::parse("u%4:p@x:1").is_err());
    }

    #[test]
    fn exceptions() {
        let list = ".corp.example, 10.0.0.0/8 fd00::/8,box:8080,[::1]:80,192.168.1.1,1.2.3.0/33,*.wild,,.";
        let direct = |url: &str| route(&[("http_proxy", "p:1"), ("no_proxy", list)], url).is_none();
        for url in [
            "http://corp.example/",
            "http://a.CORP.example/",
            "http://10.9.8.7/",
            "http://[fd12::1]/",
            "http://box:8080/",
            "http://[::1]/",
            "http://192.168.1.1/",
            "http://a.wild/",
            "http://[::ffff:10.1.1.1]/",
        ] {
            assert!(direct(url), "{url}");
        }
        for url in [
            "http://badcorp.example/",
            "http://11.0.0.1/",
            "http://box/",
            "http://[::1]:81/",
            "http://192.168.1.2/",
            "http://1.2.3.4/",
            "http://[fe80::1]/",
            "http://10.0.0.1.example/",
        ] {
            assert!(!direct(url), "{url}");
        }
        assert_eq!(route(&[("http_proxy", "p:1"), ("NO_PROXY", "*")], "http://x/"), None);
        assert_eq!(route(&[("http_proxy", "p:1"), ("no_proxy", "0.0.0.0/0")], "http://1.1.1.1/"), None);
    }
}
