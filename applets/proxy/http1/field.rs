//! Fields of a head as positions in the bytes they were read from: nothing is copied to look at one.

use super::fault::Fault;

/// More fields are refused.
pub const MAX_FIELDS: usize = 100;

/// Whether names and methods may hold it (RFC 9110 §5.6.2).
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

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

    /// The position of `piece` within `whole`, which it is a piece of.
    pub(super) fn of_piece(whole: &[u8], piece: &[u8]) -> Span {
        let start = (piece.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
        let position = |at: usize| u16::try_from(at).unwrap_or(u16::MAX);
        Span { start: position(start), end: position(start.wrapping_add(piece.len())) }
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
        let is = |wanted: &[u8]| name.eq_ignore_ascii_case(wanted);
        match name.len() {
            2 if is(b"te") => Known::Hop,
            3 if is(b"via") => Known::Via,
            4 if is(b"host") => Known::Host,
            6 if is(b"expect") => Known::Expect,
            7 if is(b"upgrade") => Known::Upgrade,
            7 if is(b"trailer") => Known::Hop,
            9 if is(b"forwarded") => Known::Forwarded,
            10 if is(b"connection") => Known::Connection,
            10 if is(b"keep-alive") => Known::Hop,
            10 if is(b"tracestate") => Known::TraceState,
            11 if is(b"traceparent") => Known::TraceParent,
            14 if is(b"content-length") => Known::Length,
            14 if is(b"http2-settings") => Known::Hop,
            15 if is(b"x-forwarded-for") => Known::ForwardedFor,
            16 if is(b"x-forwarded-host") => Known::ForwardedX,
            16 if is(b"proxy-connection") => Known::Hop,
            17 if is(b"x-forwarded-proto") => Known::ForwardedX,
            17 if is(b"transfer-encoding") => Known::Encoding,
            14..=17 if is_twin(name) => Known::Hop,
            _ => Known::Other,
        }
    }
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

/// Notes where the fields are.
pub(super) fn note(whole: &[u8], found: &[httparse::Header<'_>], into: &mut Vec<Field>) {
    into.clear();
    into.extend(found.iter().map(|header| Field {
        name: Span::of_piece(whole, header.name.as_bytes()),
        value: Span::of_piece(whole, header.value),
        known: Known::of(header.name.as_bytes()),
    }));
}

/// The words of a list: `a, b,,c`.
pub(super) fn tokens(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|word| !word.is_empty())
}

/// How a message says its body is framed.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Framing {
    pub(super) length: Option<u64>,
    pub(super) chunked: bool,
    pub(super) close: bool,
    pub(super) keep_alive: bool,
    pub(super) upgrade: bool,
    /// Connection names fields that are ours to know, at least one.
    pub(super) nominates: bool,
}

impl Framing {
    /// Reads the fields that frame. Whatever two readers could read differently is refused.
    pub(super) fn read(whole: &[u8], fields: &[Field], minor: u8) -> Result<Framing, Fault> {
        let mut framing = Framing::default();
        for field in fields {
            let value = field.value.of(whole);
            match field.known {
                Known::Length if framing.length.is_some() => return Err(Fault::TwoLengths),
                Known::Length => framing.length = Some(number(value).ok_or(Fault::Length)?),
                Known::Encoding if framing.chunked || minor == 0 => return Err(Fault::Encoding),
                Known::Encoding if value.eq_ignore_ascii_case(b"chunked") => framing.chunked = true,
                Known::Encoding => return Err(Fault::UnknownEncoding),
                Known::Connection => framing.connection(value),
                _ => {}
            }
        }
        match framing.chunked && framing.length.is_some() {
            true => Err(Fault::LengthAndEncoding),
            false => Ok(framing),
        }
    }

    fn connection(&mut self, value: &[u8]) {
        for word in tokens(value) {
            match word.len() {
                5 if word.eq_ignore_ascii_case(b"close") => self.close = true,
                10 if word.eq_ignore_ascii_case(b"keep-alive") => self.keep_alive = true,
                7 if word.eq_ignore_ascii_case(b"upgrade") => self.upgrade = true,
                _ => self.nominates = true,
            }
        }
    }
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

/// Looks for the end of a head without reading a byte twice.
#[derive(Clone, Copy, Default, Debug)]
pub struct Scan {
    looked: usize,
    line: usize,
    first: usize,
}

impl Scan {
    /// The length of the head once its last line is there.
    ///
    /// # Errors
    /// [`Fault::BareLf`] at a line that ends without CR.
    pub fn end(&mut self, bytes: &[u8]) -> Result<Option<usize>, Fault> {
        for found in memchr::memchr_iter(b'\n', bytes.get(self.looked..).unwrap_or_default()) {
            let at = self.looked + found;
            if at == 0 || bytes[at - 1] != b'\r' {
                return Err(Fault::BareLf);
            }
            if at == self.line + 1 && self.line > 0 {
                return Ok(Some(at + 1));
            }
            self.line = at + 1;
            if self.first == 0 {
                self.first = self.line;
            }
        }
        self.looked = bytes.len();
        Ok(None)
    }

    /// The length of the first line, once it is there.
    pub fn first_line(&self) -> Option<usize> {
        (self.first > 0).then_some(self.first)
    }
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

    #[test]
    fn the_end_is_found_in_any_pieces() {
        let head = b"GET / HTTP/1.1\r\nhost: a\r\n\r\nrest";
        for cut in 0..head.len() {
            let mut scan = Scan::default();
            let first = scan.end(&head[..cut]).unwrap();
            let end = first.or(scan.end(head).unwrap());
            assert_eq!(end, Some(head.len() - 4), "{cut}");
        }
        assert_eq!(Scan::default().end(b"GET / HTTP/1.1\nhost: a\n\n"), Err(Fault::BareLf));
        assert_eq!(Scan::default().end(b"\n"), Err(Fault::BareLf));
    }
}
