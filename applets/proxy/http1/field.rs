//! Fields of a head as positions in the bytes they were read from: nothing is copied to look at one.

/// More fields are refused.
pub const MAX_FIELDS: usize = 100;

/// A piece of a head; heads are at most 16 KiB.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Span {
    start: u16,
    end: u16,
}

impl Span {
    /// From `start` up to `end`.
    pub(crate) fn new(start: usize, end: usize) -> Span {
        let position = |at: usize| u16::try_from(at).unwrap_or(u16::MAX);
        Span { start: position(start), end: position(end) }
    }

    /// The same up to its byte `at`, if there is one to be cut at.
    pub(crate) fn cut(self, at: Option<usize>) -> Span {
        at.map_or(self, |at| Span::new(self.start.into(), usize::from(self.start) + at))
    }

    /// Where it is.
    pub(crate) fn range(self) -> std::ops::Range<usize> {
        self.start.into()..self.end.into()
    }

    /// The bytes.
    pub fn of<'a>(&self, whole: &'a [u8]) -> &'a [u8] {
        whole.get(usize::from(self.start)..usize::from(self.end)).unwrap_or_default()
    }
}

/// Field lines with the bytes they are in: what outlives the buffer it came by.
#[derive(Default, Debug)]
pub struct Lines {
    /// Names and values, in whatever order.
    pub bytes: Vec<u8>,
    /// Where they are.
    pub fields: Vec<Field>,
}

/// One field line.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// As written.
    pub name: Span,
    /// Without the blanks around it.
    pub value: Span,
    /// What it means to us.
    pub known: Known,
}

/// Fields a proxy has something to do with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Known {
    /// Passed on.
    Other,
    /// Host.
    Host,
    /// Connection.
    Connection,
    /// Content-Length.
    Length,
    /// Transfer-Encoding.
    Encoding,
    /// Expect.
    Expect,
    /// Upgrade.
    Upgrade,
    /// Belongs to one connection: never passed on.
    Hop,
    /// X-Forwarded-For.
    ForwardedFor,
    /// X-Forwarded-Proto, X-Forwarded-Host.
    ForwardedX,
    /// Forwarded.
    Forwarded,
    /// Via.
    Via,
    /// Traceparent.
    TraceParent,
    /// Tracestate.
    TraceState,
}

impl Known {
    /// That of a name, which is a token.
    pub(crate) fn of(name: &[u8]) -> Known {
        match (name.len(), name.first().map_or(0, |first| first | CASE)) {
            (2, b't') if is(name, b"te") => Known::Hop,
            (3, b'v') if is(name, b"via") => Known::Via,
            (4, b'h') if is(name, b"host") => Known::Host,
            (6, b'e') if is(name, b"expect") => Known::Expect,
            (7, b'u') if is(name, b"upgrade") => Known::Upgrade,
            (7, b't') if is(name, b"trailer") => Known::Hop,
            (9, b'f') if is(name, b"forwarded") => Known::Forwarded,
            (10, b'c') if is(name, b"connection") => Known::Connection,
            (10, b'k') if is(name, b"keep-alive") => Known::Hop,
            (10, b't') if is(name, b"tracestate") => Known::TraceState,
            (11, b't') if is(name, b"traceparent") => Known::TraceParent,
            (14, b'c') if is(name, b"content-length") => Known::Length,
            (14, b'h') if is(name, b"http2-settings") => Known::Hop,
            (15, b'x') if is(name, b"x-forwarded-for") => Known::ForwardedFor,
            (16, b'x') if is(name, b"x-forwarded-host") => Known::ForwardedX,
            (16, b'p') if is(name, b"proxy-connection") => Known::Hop,
            (17, b'x') if is(name, b"x-forwarded-proto") => Known::ForwardedX,
            (17, b't') if is(name, b"transfer-encoding") => Known::Encoding,
            (14..=17, b'c' | b't' | b'x') if is_twin(name) => Known::Hop,
            _ => Known::Other,
        }
    }
}

/// What a letter differs by from itself in the other case.
const CASE: u8 = b'a' ^ b'A';

/// True if `name` is `wanted`, which is in lower case: no branch for each letter, as the length is known.
/// Of what tokens hold, only letters have another case.
fn is<const N: usize>(name: &[u8], wanted: &[u8; N]) -> bool {
    let differs = |differs: u8, (byte, wanted): (&u8, &u8)| differs | (byte | CASE) ^ wanted;
    name.first_chunk::<N>().is_some_and(|name| name.iter().zip(wanted).fold(0, differs) == 0)
}

/// Fields that programs behind CGI and its heirs (RFC 3875 §4.1.18) cannot tell from another one, as
/// `-` and `_` are one letter there: `Content_Length` would frame a body that we frame otherwise.
fn is_twin(name: &[u8]) -> bool {
    const OF: [&[u8]; 5] = [
        b"content-length",
        b"transfer-encoding",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-proto",
    ];
    let same =
        |(byte, wanted): (&u8, &u8)| *byte == b'_' && *wanted == b'-' || byte.eq_ignore_ascii_case(wanted);
    OF.iter().any(|of| of.len() == name.len() && name.iter().zip(*of).all(same))
}

/// The words of a list: `a, b,,c`.
pub(super) fn tokens(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|word| !word.is_empty())
}

/// Digits only, and few enough to be a number: no sign, no blank, no list.
pub(crate) fn number(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 18 {
        return None;
    }
    value.iter().try_fold(0_u64, |number, byte| match byte {
        b'0'..=b'9' => Some(number * 10 + u64::from(byte - b'0')),
        _ => None,
    })
}

/// True if a Connection field among `fields` names `name`.
pub(crate) fn nominated(whole: &[u8], fields: &[Field], name: &[u8]) -> bool {
    let connections = fields.iter().filter(|field| field.known == Known::Connection);
    let mut words = connections.flat_map(|field| tokens(field.value.of(whole)));
    words.any(|word| word.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits() {
        assert_eq!(number(b"0"), Some(0));
        assert_eq!(number(b"00012"), Some(12));
        for wrong in ["", "+1", "-1", " 1", "1 ", "1,1", "0x1", "1_0", "9999999999999999999"] {
            assert_eq!(number(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn twins_of_fields_that_count_go_no_further() {
        for twin in [
            "Content_Length",
            "TRANSFER_ENCODING",
            "x_forwarded-for",
            "X-Forwarded_Proto",
            "x_forwarded_host",
        ] {
            assert_eq!(Known::of(twin.as_bytes()), Known::Hop, "{twin}");
        }
        for other in ["content-lengths", "x_request_ident", "content+length", "x-forwarded.for"] {
            assert_eq!(Known::of(other.as_bytes()), Known::Other, "{other}");
        }
    }
}
