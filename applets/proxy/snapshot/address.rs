//! Where an endpoint is: an address, or a name that is looked up.

use std::fmt;
use std::net::SocketAddr;

/// An endpoint as configured.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Address {
    /// Known.
    Socket(SocketAddr),
    /// To be looked up.
    Name(String, u16),
}

impl Address {
    /// Reads `127.0.0.1:9000`, `[::1]:9000` or `app.internal:9000`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Address, String> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Address::Socket(address));
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(|| format!("'{text}' has no port"))?;
        let port = match port.parse::<u16>() {
            Ok(port) if port > 0 => port,
            _ => return Err(format!("'{port}' is not a port")),
        };
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
        let digits = host.rsplit('.').next().is_some_and(|label| label.parse::<u32>().is_ok());
        match host {
            "" => Err(format!("'{text}' has no host")),
            _ if host.len() > 253 || !host.chars().all(fits) => Err(format!("'{host}' is not a host")),
            // 300.1.1.1 is a mistake, not a name.
            _ if digits => Err(format!("'{host}' is not an address")),
            _ => Ok(Address::Name(host.to_ascii_lowercase(), port)),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Socket(address) => address.fmt(f),
            Address::Name(host, port) => write!(f, "{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names() {
        for text in ["127.0.0.1:80", "[::1]:80", "app:80", "a-b.example.com:65535"] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "app", "app:", "app:0", "app:70000", ":80", "a b:80", "300.1.1.1:80", "[::1:80"] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }
}
