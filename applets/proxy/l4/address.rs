//! The PROXY protocol, versions 1 and 2: a line or a block before a connection's first byte that says
//! whose connection it is (haproxy.org/download/2.9/doc/proxy-protocol.txt).
//!
//! It is believed where a listener says so, and there it must come: whoever may leave it out may also
//! send another's.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What the second version begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1, its end included.
const LONGEST_LINE: usize = 107;
/// The longest block of version 2 that is taken, with what it says beside the addresses.
const LONGEST_BLOCK: usize = 16 + 4096;
/// More than this no header has.
pub(super) const MOST: usize = LONGEST_BLOCK;

/// What the first bytes of a connection are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Header {
    /// The beginning of a header: more must come.
    Partial,
    /// No header, or a lie.
    Wrong,
    /// A whole one.
    Whole {
        /// Its bytes.
        length: usize,
        /// From where to where; none where the sender speaks for itself.
        ends: Option<(SocketAddr, SocketAddr)>,
    },
}

impl Header {
    /// Looks at the bytes a connection begins with.
    pub fn read(bytes: &[u8]) -> Header {
        let start = bytes.len().min(SIGNATURE.len());
        if bytes[..start] == SIGNATURE[..start] {
            return second(bytes);
        }
        let start = bytes.len().min(6);
        if bytes[..start] == b"PROXY "[..start] { first(bytes) } else { Header::Wrong }
    }
}

fn first(bytes: &[u8]) -> Header {
    let line = &bytes[..bytes.len().min(LONGEST_LINE)];
    let Some(end) = memchr::memchr(b'\n', line) else {
        return if line.len() < LONGEST_LINE { Header::Partial } else { Header::Wrong };
    };
    let words = line[..end].strip_suffix(b"\r").and_then(|line| std::str::from_utf8(line).ok());
    let Some(words) = words else { return Header::Wrong };
    let mut words = words.split(' ').skip(1);
    let ends = match words.next() {
        // What follows is not to be looked at.
        Some("UNKNOWN") => return Header::Whole { length: end + 1, ends: None },
        Some(family @ ("TCP4" | "TCP6")) => {
            let mut address =
                || words.next()?.parse::<IpAddr>().ok().filter(|ip| ip.is_ipv4() == (family == "TCP4"));
            let (from, to) = (address(), address());
            let mut port = || {
                let digits = words.next()?;
                let fits = digits.bytes().all(|byte| byte.is_ascii_digit())
                    && (digits == "0" || !digits.starts_with('0'));
                digits.parse::<u16>().ok().filter(|_| fits)
            };
            let (from_port, to_port) = (port(), port());
            let ends = from.zip(from_port).zip(to.zip(to_port));
            ends.filter(|_| words.next().is_none())
        }
        _ => None,
    };
    match ends {
        Some((from, to)) => Header::Whole { length: end + 1, ends: Some((from.into(), to.into())) },
        None => Header::Wrong,
    }
}

fn second(bytes: &[u8]) -> Header {
    let Some((head, rest)) = bytes.split_at_checked(16) else { return Header::Partial };
    let length = usize::from(u16::from_be_bytes([head[14], head[15]]));
    if head[12] >> 4 != 2 || 16 + length > LONGEST_BLOCK {
        return Header::Wrong;
    }
    let addresses = match (head[12] & 15, head[13]) {
        // LOCAL: a health check of the sender's own.
        (0, _) => 0,
        (1, 0x11) => 12,
        (1, 0x21) => 36,
        // Unspecified, datagrams and sockets of the file system are no connection of ours.
        (1, 0x00) => 0,
        _ => return Header::Wrong,
    };
    if length < addresses {
        return Header::Wrong;
    }
    let Some(block) = rest.get(..length) else { return Header::Partial };
    let ends = match addresses {
        12 => ends::<4>(block)
            .map(|(from, to, ports)| (Ipv4Addr::from(from).into(), Ipv4Addr::from(to).into(), ports)),
        36 => ends::<16>(block)
            .map(|(from, to, ports)| (Ipv6Addr::from(from).into(), Ipv6Addr::from(to).into(), ports)),
        _ => None,
    };
    let ends = ends.map(|(from, to, [a, b]): (IpAddr, IpAddr, [u16; 2])| {
        (SocketAddr::new(from, a), SocketAddr::new(to, b))
    });
    Header::Whole { length: 16 + length, ends }
}

fn ends<const N: usize>(block: &[u8]) -> Option<([u8; N], [u8; N], [u16; 2])> {
    let (from, rest) = block.split_first_chunk::<N>()?;
    let (to, rest) = rest.split_first_chunk::<N>()?;
    let ([a, b, c, d], _) = rest.split_first_chunk::<4>()?;
    Some((*from, *to, [u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])]))
}

/// Writes a header: from where, to where.
pub fn write(out: &mut Vec<u8>, is_second: bool, from: SocketAddr, to: SocketAddr) {
    let (from_ip, to_ip) = (from.ip().to_canonical(), to.ip().to_canonical());
    let (from_ip, to_ip) = match (from_ip, to_ip) {
        (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_)) => (from_ip, to_ip),
        // A header has one family.
        (from, to) => (mapped(from), mapped(to)),
    };
    if !is_second {
        let family = if from_ip.is_ipv4() { "TCP4" } else { "TCP6" };
        // A write to memory.
        let _fits = write!(out, "PROXY {family} {from_ip} {to_ip} {} {}\r\n", from.port(), to.port());
        return;
    }
    out.extend_from_slice(SIGNATURE);
    match (from_ip, to_ip) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            out.extend_from_slice(&[0x21, 0x11, 0, 12]);
            out.extend_from_slice(&from.octets());
            out.extend_from_slice(&to.octets());
        }
        (from, to) => {
            out.extend_from_slice(&[0x21, 0x21, 0, 36]);
            out.extend_from_slice(&octets(from));
            out.extend_from_slice(&octets(to));
        }
    }
    out.extend_from_slice(&from.port().to_be_bytes());
    out.extend_from_slice(&to.port().to_be_bytes());
}

fn mapped(ip: IpAddr) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from(octets(ip)))
}

fn octets(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lies_are_told_from_beginnings() {
        for bytes in
            [&b""[..], b"P", b"PROXY TCP4 1.2.3.4", b"\r\n\r\n\0", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c1234"]
        {
            assert_eq!(Header::read(bytes), Header::Partial, "{bytes:?}");
        }
        for bytes in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n",
            b"PROXY TCP4 1.2.3.4 ::1 1 2\r\n",
            b"PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n",
            b"PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n",
            b"PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n",
            b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
            b"PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n",
            b"\r\n\r\n\0\r\nQUIT\n\x11\x11\0\x0c",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0b",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
            b"\r\n\r\n\0\r\nQUIT\n\x22\x11\0\x0c",
        ] {
            assert_eq!(Header::read(bytes), Header::Wrong, "{bytes:?}");
        }
        assert_eq!(Header::read(&[b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat()), Header::Wrong);
        let unknown = b"PROXY UNKNOWN what ever\r\nrest";
        assert_eq!(Header::read(unknown), Header::Whole { length: 25, ends: None });
        let local = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\0\0rest";
        assert_eq!(Header::read(local), Header::Whole { length: 16, ends: None });
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(from: SocketAddr, to: SocketAddr, is_second: bool, more in proptest::collection::vec(any::<u8>(), 0..50)) {
            let (from, to) = (plain(from), plain(to));
            let mut bytes = Vec::new();
            write(&mut bytes, is_second, from, to);
            let length = bytes.len();
            for end in 0..length {
                prop_assert_eq!(Header::read(&bytes[..end]), Header::Partial);
            }
            bytes.extend_from_slice(&more);
            let Header::Whole { length: found, ends: Some(ends) } = Header::read(&bytes) else { panic!("{bytes:?}") };
            prop_assert_eq!(found, length);
            let ends = (plain(ends.0), plain(ends.1));
            prop_assert_eq!(ends, (from, to));
        }

        #[test]
        fn no_bytes_make_it_fall(is_second: bool, mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let start: &[u8] = if is_second { SIGNATURE } else { b"PROXY TCP" };
            bytes.splice(0..0, start.iter().copied());
            if let Header::Whole { length, .. } = Header::read(&bytes) {
                prop_assert!(length <= bytes.len());
            }
        }
    }

    /// Without scope and flow, which no header has, and one form of each address.
    fn plain(address: SocketAddr) -> SocketAddr {
        SocketAddr::new(address.ip().to_canonical(), address.port())
    }
}
