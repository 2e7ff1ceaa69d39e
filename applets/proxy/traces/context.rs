//! W3C Trace Context, level 1: what a request says of the trace it belongs to, and what it says from here on.

use rustix::rand::{GetRandomFlags, getrandom};

use super::Mode;
use crate::balance::Dice;
use crate::http1::{Field, Known};

/// Length of `traceparent` in version 00.
const LENGTH: usize = 55;
/// Members of a `tracestate` (§3.3.1.1).
const MEMBERS: usize = 32;

/// A request's place in a trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trace {
    /// Of the trace.
    pub id: [u8; 16],
    /// Of our part of it.
    pub span: [u8; 8],
    /// Of the part we were asked by; none where the trace begins here.
    pub parent: Option<[u8; 8]>,
    /// It is recorded.
    pub is_sampled: bool,
    /// What others keep in `tracestate` is passed on.
    pub keeps_state: bool,
}

/// Names of traces and spans: random, of each worker its own.
#[derive(Debug)]
pub struct Ids([Dice; 3]);

impl Ids {
    /// Begun by the kernel's randomness; `seed` is what there is without it.
    pub fn new(seed: u64) -> Ids {
        let fill = |at: u64| {
            let mut bytes = [0; 8];
            match getrandom(&mut bytes, GetRandomFlags::NONBLOCK) {
                Ok(8) => u64::from_ne_bytes(bytes),
                _ => seed.wrapping_add(at),
            }
        };
        Ids([0, 1, 2].map(|at| Dice::new(fill(at))))
    }

    /// Never zero, which would be none.
    fn number(&self, at: usize) -> [u8; 8] {
        self.0[at].roll().max(1).to_be_bytes()
    }

    fn trace(&self) -> [u8; 16] {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.number(0));
        id[8..].copy_from_slice(&self.number(1));
        id
    }

    fn span(&self) -> [u8; 8] {
        self.number(2)
    }
}

/// What a `traceparent` says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Parent {
    trace: [u8; 16],
    span: [u8; 8],
    is_sampled: bool,
}

/// Digits of hexadecimal, lower case only, as bytes.
fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    (text.len() == 2 * N).then_some(bytes)
}

impl Parent {
    /// Reads a `traceparent` (§3.2); of a later version what it shares with version 00.
    fn parse(text: &[u8]) -> Option<Parent> {
        let ([version], Some(rest)) = (hex::<1>(text.get(..2)?)?, text.get(LENGTH..)) else { return None };
        let ends = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.is_empty() || rest.starts_with(b"-"),
        };
        if !ends || [2, 35, 52].iter().any(|at| text[*at] != b'-') {
            return None;
        }
        let (trace, span, [flags]) = (hex(&text[3..35])?, hex(&text[36..52])?, hex::<1>(&text[53..55])?);
        let is_one = trace != [0; 16] && span != [0; 8];
        is_one.then_some(Parent { trace, span, is_sampled: flags & 1 == 1 })
    }
}

/// Whether lists of `tracestate` are well-formed together (§3.3).
fn is_state<'a>(lists: impl Iterator<Item = &'a [u8]>) -> bool {
    let key = |key: &[u8]| {
        let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/".contains(byte);
        let name = |name: &[u8], most| name.first().is_some_and(u8::is_ascii_lowercase) && name.len() <= most;
        match memchr::memchr(b'@', key) {
            None => name(key, 256) && key.iter().all(plain),
            Some(at) => {
                let (tenant, system) = (&key[..at], &key[at + 1..]);
                let begins = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
                tenant.first().is_some_and(begins)
                    && tenant.len() <= 241
                    && name(system, 14)
                    && tenant.iter().chain(system).all(plain)
            }
        }
    };
    let value = |value: &[u8]| {
        (1..=256).contains(&value.len())
            && value.iter().all(|byte| (b' '..=b'~').contains(byte) && !b",=".contains(byte))
            && value.last() != Some(&b' ')
    };
    let members = lists.flat_map(|list| list.split(|byte| *byte == b','));
    let mut count = 0;
    for member in members.map(<[u8]>::trim_ascii).filter(|member| !member.is_empty()) {
        count += 1;
        let Some(at) = memchr::memchr(b'=', member) else { return false };
        if count > MEMBERS || !key(&member[..at]) || !value(&member[at + 1..]) {
            return false;
        }
    }
    count > 0
}

impl Trace {
    /// That of a request: it goes on with the one it names, if that is believed and well-formed, or begins one.
    pub fn of(mode: Mode, bytes: &[u8], fields: &[Field], ids: &Ids, dice: &Dice) -> Trace {
        let named = |known| move |field: &&Field| field.known == known;
        let parent = mode.trusts().then(|| {
            let mut lines = fields.iter().filter(named(Known::TraceParent));
            match (lines.next(), lines.next()) {
                (Some(line), None) => Parent::parse(line.value.of(bytes)),
                // Of several nobody knows which is meant (§4.3).
                _ => None,
            }
        });
        match parent.flatten() {
            Some(Parent { trace, span, is_sampled }) => {
                let lists = fields.iter().filter(named(Known::TraceState)).map(|line| line.value.of(bytes));
                let (parent, keeps_state) = (Some(span), is_state(lists));
                Trace { id: trace, span: ids.span(), parent, is_sampled, keeps_state }
            }
            None => Trace {
                id: ids.trace(),
                span: ids.span(),
                parent: None,
                is_sampled: mode.takes(dice.roll()),
                keeps_state: false,
            },
        }
    }

    /// The line of a request's head that tells it.
    pub fn line(&self) -> [u8; 70] {
        let mut line = *b"traceparent: 00-00000000000000000000000000000000-0000000000000000-00\r\n";
        put(&mut line[16..48], &self.id);
        put(&mut line[49..65], &self.span);
        line[67] = b'0' + u8::from(self.is_sampled);
        line
    }

    /// The trace's name as text.
    pub fn name(&self) -> [u8; 32] {
        let mut name = [0; 32];
        put(&mut name, &self.id);
        name
    }
}

/// Writes bytes in hexadecimal.
fn put(text: &mut [u8], bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn parents_are_read_as_level_1_says() {
        let parent = Parent::parse(GOOD.as_bytes()).unwrap();
        assert_eq!((parent.trace[0], parent.span[7], parent.is_sampled), (0x0a, 0x31, true));
        let with = |from: &str, to: &str| GOOD.replacen(from, to, 1);
        for (text, sampled) in [
            (with("-01", "-00"), false),
            (with("-01", "-03"), true),
            (with("-01", "-fe"), false),
            (with("00-", "01-"), true),
            (with("00-", "cc-") + "-more", true),
            (with("00-", "fe-") + "-", true),
        ] {
            assert_eq!(
                Parent::parse(text.as_bytes()).map(|parent| parent.is_sampled),
                Some(sampled),
                "{text}"
            );
        }
        for text in [
            String::new(),
            "00".to_owned(),
            with("00-", "ff-"),
            with("00-", "0-"),
            with("00-", "0G-"),
            with("-b7", "_b7"),
            with("0af7", "0AF7"),
            with("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            with("b7ad6b7169203331", &"0".repeat(16)),
            with("-01", "-1"),
            with("-01", "-0x"),
            with("-01", "-01-"),
            with("-01", "-01."),
            with("00-", "01-") + "x",
            format!(" {GOOD}"),
            format!("{GOOD} "),
        ] {
            assert_eq!(Parent::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn states_are_checked() {
        let is_state = |lists: &[&str]| is_state(lists.iter().map(|list| list.as_bytes()));
        let long = format!("a={}", "x".repeat(256));
        let many = (0..32).map(|number| format!("k{number}=1")).collect::<Vec<_>>().join(",");
        for good in
            ["a=1", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "a=1, b=2 ,,c=3", "1t@sys=x y", &long, &many]
        {
            assert!(is_state(&[good]), "{good}");
        }
        assert!(is_state(&["a=1", "b=2"]) && !is_state(&[&many, "z=1"]) && !is_state(&[]));
        let too_long = format!("a={}", "x".repeat(257));
        for wrong in
            ["", "a", "a=", "=1", "A=1", "1a=1", "a b=1", "a=1=2", "a@=1", "@a=1", "a=\u{e4}", &too_long]
        {
            assert!(!is_state(&[wrong]), "{wrong}");
        }
    }

    #[test]
    fn lines_are_read_back() {
        let (ids, dice) = (Ids::new(7), Dice::new(1));
        for sampled in [false, true] {
            let mode = Mode::new(true, true, false, if sampled { 100_000 } else { 0 });
            let begun = Trace::of(mode, b"", &[], &ids, &dice);
            let line = begun.line();
            let value = line.strip_prefix(b"traceparent: ").unwrap().strip_suffix(b"\r\n").unwrap();
            let read = Parent::parse(value).unwrap();
            assert_eq!(read, Parent { trace: begun.id, span: begun.span, is_sampled: sampled });
            assert_eq!(begun.name(), line[16..48]);
        }
    }

    proptest::proptest! {
        /// Nothing is read past its end, and what is accepted is what is passed on.
        #[test]
        fn any_bytes_are_parents_or_not(text in "[0-9a-fx-]{0,70}") {
            if let Some(parent) = Parent::parse(text.as_bytes()) {
                let trace = Trace {
                    id: parent.trace, span: parent.span, parent: None, is_sampled: parent.is_sampled,
                    keeps_state: false,
                };
                proptest::prop_assert_eq!(&trace.line()[15..65], &text.as_bytes()[2..52]);
            }
        }
    }
}
