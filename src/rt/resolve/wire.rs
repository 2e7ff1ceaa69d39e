//! The DNS message (RFC 1035 §4): a question out, addresses and their age in.
//!
//! Whoever answers may lie: every length is checked, a compressed name may only point backwards, and
//! an answer counts only for the name that was asked, through the aliases it states.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Longest name on the wire (RFC 1035 §2.3.4).
const MAX_NAME: usize = 255;
/// Aliases followed in one answer.
const MAX_ALIASES: usize = 8;
const HEADER: usize = 12;
const CLASS_IN: u16 = 1;
const TYPE_CNAME: u16 = 5;
const TYPE_SOA: u16 = 6;

/// Which addresses are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// IPv4.
    A = 1,
    /// IPv6 (RFC 3596).
    Aaaa = 28,
}

/// What a server says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Addresses, and how long they may be kept.
    Addresses(Vec<IpAddr>, Duration),
    /// The name exists without an address of this kind; how long that may be kept (RFC 2308).
    NoData(Duration),
    /// There is no such name.
    NoName(Duration),
    /// The rest did not fit: ask by TCP.
    Truncated,
    /// The server could or would not say (its response code).
    Failed(u8),
}

/// Why bytes are no answer to our question.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    /// They end, or point, where nothing is.
    #[error("it is cut short")]
    Short,
    /// They answer another question, or are a question themselves.
    #[error("it answers another question")]
    Other,
    /// A name breaks the rules.
    #[error("it holds an impossible name")]
    Name,
}

/// A question for `name`; `None` if that cannot be a host name.
pub fn question(id: u16, name: &str, kind: Kind) -> Option<Vec<u8>> {
    let mut message = Vec::with_capacity(HEADER + MAX_NAME + 4);
    message.extend(id.to_be_bytes());
    // Recursion desired; one question, nothing else.
    message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    message.extend(encode(name)?);
    message.extend((kind as u16).to_be_bytes());
    message.extend(CLASS_IN.to_be_bytes());
    Some(message)
}

/// Reads an answer to [`question`] of the same arguments.
///
/// # Errors
/// See [`Malformed`]; over UDP such a message is best ignored, because anybody may have sent it.
pub fn answer(message: &[u8], id: u16, name: &str, kind: Kind) -> Result<Answer, Malformed> {
    let mut at = Reader { message, at: 0 };
    let asked = encode(name).ok_or(Malformed::Name)?;
    let (got, flags) = (at.u16()?, at.u16()?);
    let [questions, answers, authorities, _] = [at.u16()?, at.u16()?, at.u16()?, at.u16()?];
    if got != id || flags & 0x8000 == 0 || flags & 0x7800 != 0 {
        return Err(Malformed::Other);
    }
    let code = (flags & 0xf) as u8;
    if questions == 0 && code != 0 && code != 3 {
        // A server that did not understand may leave the question out.
        return Ok(Answer::Failed(code));
    }
    if questions != 1 || at.name()? != asked || at.u16()? != kind as u16 || at.u16()? != CLASS_IN {
        return Err(Malformed::Other);
    }
    if flags & 0x0200 != 0 {
        return Ok(Answer::Truncated);
    }
    if code != 0 && code != 3 {
        return Ok(Answer::Failed(code));
    }
    let mut records = Vec::new();
    for _ in 0..answers {
        records.push(at.record()?);
    }
    let (addresses, age) = addresses_of(asked, &records, kind)?;
    if !addresses.is_empty() {
        return Ok(Answer::Addresses(addresses, age));
    }
    let mut negative = Duration::ZERO;
    for _ in 0..authorities {
        let record = at.record()?;
        if record.kind == TYPE_SOA && record.class == CLASS_IN {
            negative = record.age.min(record.soa_minimum()?);
        }
    }
    Ok(if code == 3 { Answer::NoName(negative) } else { Answer::NoData(negative) })
}

/// Follows aliases from `name` and collects the addresses at their end, with the shortest age met.
fn addresses_of(
    mut name: Vec<u8>,
    records: &[Record<'_>],
    kind: Kind,
) -> Result<(Vec<IpAddr>, Duration), Malformed> {
    let mut age = Duration::from_secs(u64::from(u32::MAX));
    for _ in 0..=MAX_ALIASES {
        let mut addresses = Vec::new();
        let mut alias = None;
        for record in records.iter().filter(|record| record.class == CLASS_IN && record.name == name) {
            if record.kind == kind as u16 {
                addresses.push(record.address(kind)?);
                age = age.min(record.age);
            } else if record.kind == TYPE_CNAME && alias.is_none() {
                alias = Some((record.alias()?, record.age));
            }
        }
        if !addresses.is_empty() {
            addresses.dedup();
            return Ok((addresses, age));
        }
        let Some((target, alias_age)) = alias else { break };
        age = age.min(alias_age);
        name = target;
    }
    Ok((Vec::new(), Duration::ZERO))
}

/// A host name as labels with their lengths, in lower case.
fn encode(name: &str) -> Option<Vec<u8>> {
    let mut labels = Vec::with_capacity(name.len() + 2);
    for label in name.strip_suffix('.').unwrap_or(name).split('.') {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        if !label.bytes().all(legal) {
            return None;
        }
        labels.push(length);
        labels.extend(label.bytes().map(|byte| byte.to_ascii_lowercase()));
    }
    labels.push(0);
    (labels.len() <= MAX_NAME).then_some(labels)
}

struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

struct Record<'a> {
    message: &'a [u8],
    name: Vec<u8>,
    kind: u16,
    class: u16,
    age: Duration,
    /// Where its data is in the message.
    data: std::ops::Range<usize>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(count).ok_or(Malformed::Short)?;
        let bytes = self.message.get(self.at..end).ok_or(Malformed::Short)?;
        self.at = end;
        Ok(bytes)
    }

    fn u8(&mut self) -> Result<u8, Malformed> {
        self.take(1)?.first().copied().ok_or(Malformed::Short)
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from(self.u8()?) << 8 | u16::from(self.u8()?))
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from(self.u16()?) << 16 | u32::from(self.u16()?))
    }

    /// A name, unpacked; the reader stands behind it afterwards.
    fn name(&mut self) -> Result<Vec<u8>, Malformed> {
        let mut name = Vec::new();
        let mut from = Reader { message: self.message, at: self.at };
        // A pointer must lead before the place that was last jumped to, so that there is an end.
        let mut before = self.at;
        let mut behind = None;
        loop {
            let length = from.u8()?;
            match length >> 6 {
                0 if length == 0 => break,
                0 => {
                    name.push(length);
                    name.extend(from.take(usize::from(length))?.iter().map(u8::to_ascii_lowercase));
                }
                3 => {
                    let target = usize::from(length & 0x3f) << 8 | usize::from(from.u8()?);
                    behind.get_or_insert(from.at);
                    if target >= before {
                        return Err(Malformed::Name);
                    }
                    (before, from.at) = (target, target);
                }
                _ => return Err(Malformed::Name),
            }
            if name.len() >= MAX_NAME {
                return Err(Malformed::Name);
            }
        }
        name.push(0);
        self.at = behind.unwrap_or(from.at);
        Ok(name)
    }

    fn record(&mut self) -> Result<Record<'a>, Malformed> {
        let name = self.name()?;
        let (kind, class, age) = (self.u16()?, self.u16()?, self.u32()?);
        let length = usize::from(self.u16()?);
        let start = self.at;
        self.take(length)?;
        // A negative age counts as none (RFC 2181 §8).
        let age = Duration::from_secs(if age > u32::MAX >> 1 { 0 } else { u64::from(age) });
        Ok(Record { message: self.message, name, kind, class, age, data: start..self.at })
    }
}

impl Record<'_> {
    fn reader(&self) -> Reader<'_> {
        // Names in the data may point anywhere before it.
        Reader { message: &self.message[..self.data.end], at: self.data.start }
    }

    fn address(&self, kind: Kind) -> Result<IpAddr, Malformed> {
        let bytes = &self.message[self.data.clone()];
        match kind {
            Kind::A => <[u8; 4]>::try_from(bytes).map(|bytes| Ipv4Addr::from(bytes).into()),
            Kind::Aaaa => <[u8; 16]>::try_from(bytes).map(|bytes| Ipv6Addr::from(bytes).into()),
        }
        .map_err(|_| Malformed::Short)
    }

    fn alias(&self) -> Result<Vec<u8>, Malformed> {
        self.reader().name()
    }

    /// The last field of a start of authority.
    fn soa_minimum(&self) -> Result<Duration, Malformed> {
        let mut at = self.reader();
        at.name()?;
        at.name()?;
        at.take(16)?;
        Ok(Duration::from_secs(u64::from(at.u32()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: u16 = 0x1234;

    /// An answer to `name` with `code` and the raw records given: answers, then one authority if any.
    fn reply(name: &str, kind: Kind, flags: u16, answers: &[&[u8]], authority: &[u8]) -> Vec<u8> {
        let mut message = question(ID, name, kind).unwrap();
        message[2..4].copy_from_slice(&(0x8180 | flags).to_be_bytes());
        message[7] = answers.len() as u8;
        message[9] = u8::from(!authority.is_empty());
        answers.iter().for_each(|record| message.extend(*record));
        message.extend(authority);
        message
    }

    /// A record whose name is the one asked for, by pointer.
    fn record(kind: u16, age: u32, data: &[u8]) -> Vec<u8> {
        let mut record = vec![0xc0, HEADER as u8];
        record.extend(kind.to_be_bytes());
        record.extend(CLASS_IN.to_be_bytes());
        record.extend(age.to_be_bytes());
        record.extend((data.len() as u16).to_be_bytes());
        record.extend(data);
        record
    }

    fn read(message: &[u8]) -> Result<Answer, Malformed> {
        answer(message, ID, "a.example", Kind::A)
    }

    #[test]
    fn addresses_with_the_shortest_age() {
        let (one, two) = (record(1, 300, &[10, 0, 0, 1]), record(1, 60, &[10, 0, 0, 2]));
        let message = reply("A.Example", Kind::A, 0, &[&one, &two], &[]);
        let addresses = vec![IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])];
        assert_eq!(read(&message), Ok(Answer::Addresses(addresses, Duration::from_secs(60))));
    }

    #[test]
    fn aliases_are_followed_and_strangers_are_not() {
        let alias = record(5, 30, b"\x01b\xc0\x0e");
        let mut target = b"\x01b\x07example\x00".to_vec();
        target.extend(&record(1, 300, &[10, 0, 0, 9])[2..]);
        let mut stranger = b"\x04evil\x07example\x00".to_vec();
        stranger.extend(&record(1, 300, &[6, 6, 6, 6])[2..]);
        let message = reply("a.example", Kind::A, 0, &[&stranger, &target, &alias], &[]);
        let expected = Answer::Addresses(vec![IpAddr::from([10, 0, 0, 9])], Duration::from_secs(30));
        assert_eq!(read(&message), Ok(expected));
        let only = reply("a.example", Kind::A, 0, &[&stranger], &[]);
        assert_eq!(read(&only), Ok(Answer::NoData(Duration::ZERO)));
        let circle = record(5, 30, &[0xc0, HEADER as u8]);
        assert_eq!(
            read(&reply("a.example", Kind::A, 0, &[&circle], &[])),
            Ok(Answer::NoData(Duration::ZERO))
        );
    }

    #[test]
    fn no_such_name_is_kept_as_long_as_its_authority_says() {
        let mut data = b"\x02ns\xc0\x0e\x00".to_vec();
        data.extend([0; 16]);
        data.extend(120u32.to_be_bytes());
        let message = reply("a.example", Kind::A, 3, &[], &record(6, 900, &data));
        assert_eq!(read(&message), Ok(Answer::NoName(Duration::from_secs(120))));
        assert_eq!(read(&reply("a.example", Kind::A, 2, &[], &[])), Ok(Answer::Failed(2)));
        assert_eq!(read(&reply("a.example", Kind::A, 0x200, &[], &[])), Ok(Answer::Truncated));
    }

    #[test]
    fn an_answer_to_something_else_is_none() {
        let good = reply("a.example", Kind::A, 0, &[&record(1, 1, &[10, 0, 0, 1])], &[]);
        assert_eq!(answer(&good, ID + 1, "a.example", Kind::A), Err(Malformed::Other));
        assert_eq!(answer(&good, ID, "b.example", Kind::A), Err(Malformed::Other));
        assert_eq!(answer(&good, ID, "a.example", Kind::Aaaa), Err(Malformed::Other));
        assert_eq!(read(&question(ID, "a.example", Kind::A).unwrap()), Err(Malformed::Other));
        for cut in 0..good.len() {
            assert!(read(&good[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn a_name_that_points_at_itself_ends() {
        let mut message = reply("a.example", Kind::A, 0, &[], &[]);
        message[7] = 1;
        let here = message.len() as u8;
        message.extend([0xc0, here, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4]);
        assert_eq!(read(&message), Err(Malformed::Name));
    }

    #[test]
    fn impossible_names_are_not_asked() {
        let (long, label) = ("a.".repeat(130), "x".repeat(64));
        for name in ["", ".", "a..b", "a b", "ä", long.as_str(), label.as_str(), "a\0b"] {
            assert_eq!(question(ID, name, Kind::A), None, "{name:?}");
        }
        assert!(question(ID, "_dns.Example-1.com.", Kind::Aaaa).is_some());
    }
}
