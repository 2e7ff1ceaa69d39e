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
    pub(crate) fn of(name: &[u8]) -> Known {
        let (wanted, known): (&[u8], _) = match (name.len(), name.first().map(u8::to_ascii_lowercase)) {
            (2, Some(b't')) => (b"te", Known::Hop),
            (3, Some(b'v')) => (b"via", Known::Via),
            (4, Some(b'h')) => (b"host", Known::Host),
            (6, Some(b'e')) => (b"expect", Known::Expect),
            (7, Some(b'u')) => (b"upgrade", Known::Upgrade),
            (7, Some(b't')) => (b"trailer", Known::Hop),
            (9, Some(b'f')) => (b"forwarded", Known::Forwarded),
            (10, Some(b'c')) => (b"connection", Known::Connection),
            (10, Some(b'k')) => (b"keep-alive", Known::Hop),
            (10, Some(b't')) => (b"tracestate", Known::TraceState),
            (11, Some(b't')) => (b"traceparent", Known::TraceParent),
            (14, Some(b'c')) => (b"content-length", Known::Length),
            (14, Some(b'h')) => (b"http2-settings", Known::Hop),
            (15, Some(b'x')) => (b"x-forwarded-for", Known::ForwardedFor),
            (16, Some(b'x')) => (b"x-forwarded-host", Known::ForwardedX),
            (16, Some(b'p')) => (b"proxy-connection", Known::Hop),
            (17, Some(b'x')) => (b"x-forwarded-proto", Known::ForwardedX),
            (17, Some(b't')) => (b"transfer-encoding", Known::Encoding),
            _ => return Known::Other,
        };
        match name.eq_ignore_ascii_case(wanted) {
            true => known,
            false if is_twin(name, wanted) => Known::Hop,
            false => Known::Other,
        }
    }
}

/// True for a name that programs behind CGI and its heirs (RFC 3875 §4.1.18) cannot tell from `of`, as
/// `-` and `_` are one letter there: `Content_Length` would frame a body that we frame otherwise.
fn is_twin(name: &[u8], of: &[u8]) -> bool {
    let counts = matches!(of, b"content-length" | b"transfer-encoding") || of.starts_with(b"x-forwarded-");
    let same =
        |(byte, wanted): (&u8, &u8)| *byte == b'_' && *wanted == b'-' || byte.eq_ignore_ascii_case(wanted);
    counts && name.iter().zip(of).all(same)
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
