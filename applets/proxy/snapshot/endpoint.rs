//! An endpoint: where it is, its weight among its like, its zone, and whether it is a first choice.

use std::fmt;
use std::net::SocketAddr;

use super::{Address, Name};

/// The largest weight.
const HEAVIEST: u32 = 1000;
/// The last priority.
const LAST: u8 = 15;

/// The longest name of a zone.
const ZONE: usize = 64;

/// Where something stands, as far as it matters to who is near: a rack, a site, a zone of a cloud.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone(Name);

impl Zone {
    /// Reads its name.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Zone, String> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
        match text {
            _ if text.is_empty() || text.len() > ZONE || !text.bytes().all(fits) => Err(format!(
                "'{text}' is no name of a zone: letters, digits and any of '-_.:/', {ZONE} at most"
            )),
            _ => Ok(Zone(text.into())),
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An endpoint as configured: `10.0.0.1:80 weight=3 priority=1 zone=eu-1`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seat {
    /// Where it is.
    pub address: Address,
    /// Its share beside the others.
    pub weight: u32,
    /// Asked only where too few of a lower number are well.
    pub priority: u8,
    /// Where it stands, if that is said.
    pub zone: Option<Zone>,
}

impl Seat {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Seat, String> {
        let mut words = text.split_ascii_whitespace();
        let address = Address::parse(words.next().unwrap_or(""))?;
        let mut seat = Seat { address, weight: 1, priority: 0, zone: None };
        for word in words {
            match word.split_once('=') {
                Some(("weight", digits)) => match digits.parse() {
                    Ok(weight) if (1..=HEAVIEST).contains(&weight) => seat.weight = weight,
                    _ => return Err(format!("'{digits}' is not a weight of 1 to {HEAVIEST}")),
                },
                Some(("priority", digits)) => match digits.parse() {
                    Ok(priority) if priority <= LAST => seat.priority = priority,
                    _ => return Err(format!("'{digits}' is not a priority of 0 to {LAST}")),
                },
                Some(("zone", name)) => seat.zone = Some(Zone::parse(name)?),
                _ => return Err(format!("'{word}' is none of 'weight=N', 'priority=N' and 'zone=NAME'")),
            }
        }
        Ok(seat)
    }

    /// The endpoint at an address of it.
    pub fn at(&self, address: SocketAddr) -> Endpoint {
        Endpoint { address, weight: self.weight, priority: self.priority, zone: self.zone.clone() }
    }
}

impl fmt::Display for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)?;
        show(f, self.weight, self.priority, self.zone.as_ref())
    }
}

/// An endpoint whose address is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// Where it is.
    pub address: SocketAddr,
    /// Its share beside the others.
    pub weight: u32,
    /// Asked only where too few of a lower number are well.
    pub priority: u8,
    /// Where it stands, if that is said.
    pub zone: Option<Zone>,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)?;
        show(f, self.weight, self.priority, self.zone.as_ref())
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Endpoint {
        Endpoint { address, weight: 1, priority: 0, zone: None }
    }
}

fn show(f: &mut fmt::Formatter<'_>, weight: u32, priority: u8, zone: Option<&Zone>) -> fmt::Result {
    if weight != 1 {
        write!(f, " weight={weight}")?;
    }
    if priority != 0 {
        write!(f, " priority={priority}")?;
    }
    if let Some(zone) = zone {
        write!(f, " zone={zone}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_and_priorities() {
        for text in [
            "10.0.0.1:80",
            "app:80 weight=3",
            "[::1]:80 weight=2 priority=1",
            "a:1 priority=15",
            "a:1 zone=eu-1/b",
        ] {
            assert_eq!(Seat::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "a:1 weight=0",
            "a:1 weight=1001",
            "a:1 priority=16",
            "a:1 x=1",
            "a:1 weight",
            "a:1 b:2",
            "a:1 zone=",
        ] {
            assert!(Seat::parse(text).is_err(), "{text}");
        }
    }
}
