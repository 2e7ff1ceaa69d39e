//! A head as it arrives: each line is read once, when all of it is there, and noted as positions.
//!
//! What is wrong with a line is said when its end is there, whatever may follow: until then more bytes
//! could make it another line. `request.rs` and `response.rs` read what is before the fields.

use super::fault::Fault;
use super::field::{Field, Known, MAX_FIELDS, Span, number, tokens};
use super::scan;

/// How far a head has been read.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Progress {
    /// Where the line begins that is read next.
    line: usize,
    /// Up to where an end of that line was looked for and not found.
    looked: usize,
    /// The length of the first line.
    first: usize,
    /// What the fields say.
    pub(super) notes: Notes,
}

impl Progress {
    /// The length of the first line, once it was read.
    pub(super) fn first_line(&self) -> Option<usize> {
        (self.first > 0).then_some(self.first)
    }

    /// Reads the first line by `read`, which gives its length too; none while it is not whole.
    ///
    /// # Errors
    /// What `read` says, or that the line ends without CR.
    pub(super) fn first<T>(
        &mut self,
        bytes: &[u8],
        read: impl FnOnce(&[u8]) -> Result<(T, usize), Fault>,
    ) -> Result<Option<T>, Fault> {
        if self.waits(bytes) {
            return Ok(None);
        }
        match read(bytes) {
            Ok((first, length)) => {
                (self.line, self.first) = (length, length);
                Ok(Some(first))
            }
            Err(fault) => self.blame(bytes, fault).map(|()| None),
        }
    }

    /// Reads field lines up to the empty one; gives the length of the head once that is there.
    ///
    /// # Errors
    /// What is wrong with a line, or with what the lines say together.
    pub(super) fn fields(
        &mut self,
        bytes: &[u8],
        fields: &mut Vec<Field>,
        minor: u8,
    ) -> Result<Option<usize>, Fault> {
        if self.line == self.first {
            fields.clear();
        }
        if self.waits(bytes) {
            return Ok(None);
        }
        let mut line = self.line;
        loop {
            let rest = bytes.get(line..).unwrap_or_default();
            if rest.starts_with(b"\r\n") {
                self.notes.agree()?;
                return Ok(Some(line + 2));
            }
            let Some((name, (start, end), length)) = field(rest) else {
                self.line = line;
                return self.blame(bytes, Fault::Syntax).map(|()| None);
            };
            if fields.len() == MAX_FIELDS {
                return Err(Fault::TooManyFields);
            }
            let (name, value) = (Span::new(line, line + name), Span::new(line + start, line + end));
            let field = Field { name, value, known: Known::of(name.of(bytes)) };
            if field.known != Known::Other {
                self.notes.add(field, bytes, minor)?;
            }
            fields.push(field);
            line += length;
        }
    }

    /// True if nothing of the next line is there, or if it was begun and is still without an end.
    fn waits(&mut self, bytes: &[u8]) -> bool {
        let from = self.looked.max(self.line);
        if from == self.line && from < bytes.len() {
            return false;
        }
        let ends = memchr::memchr(b'\n', bytes.get(from..).unwrap_or_default()).is_some();
        if !ends {
            self.looked = bytes.len();
        }
        !ends
    }

    /// A line could not be read: for `fault`, or because it is not whole.
    #[cold]
    fn blame(&mut self, bytes: &[u8], fault: Fault) -> Result<(), Fault> {
        match memchr::memchr(b'\n', bytes.get(self.line..).unwrap_or_default()) {
            None => {
                self.looked = bytes.len();
                Ok(())
            }
            Some(end) if end == 0 || bytes[self.line + end - 1] != b'\r' => Err(Fault::BareLf),
            Some(_) => Err(fault),
        }
    }
}

/// Reads a field line: how long its name is, where its value is without the blanks around it, and how
/// long the line is; none if it is wrong, or not whole.
fn field(line: &[u8]) -> Option<(usize, (usize, usize), usize)> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let name = scan::token(line);
    if name == 0 || line.get(name) != Some(&b':') {
        return None;
    }
    let mut start = name + 1;
    while line.get(start).is_some_and(is_blank) {
        start += 1;
    }
    let mut end = start + scan::value(&line[start..]);
    let length = end + 2;
    if line.get(end..length) != Some(b"\r\n") {
        return None;
    }
    while end > start && is_blank(&line[end - 1]) {
        end -= 1;
    }
    Some((name, (start, end), length))
}

/// What the fields of a head say of the message and its connection.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Notes {
    pub(super) length: Option<u64>,
    pub(super) chunked: bool,
    /// Connection says close, keep-alive, upgrade.
    pub(super) close: bool,
    pub(super) keep_alive: bool,
    pub(super) upgrades: bool,
    /// Connection names fields that are ours to know, at least one.
    pub(super) nominates: bool,
    pub(super) host: Option<Span>,
    pub(super) hosts: bool,
    pub(super) upgrade: Option<Span>,
    /// Expect says 100-continue, or what nobody knows.
    pub(super) expects: bool,
    pub(super) wishes: bool,
    /// TE says trailers.
    pub(super) trailers: bool,
}

impl Notes {
    /// Adds a field. Whatever two readers could read differently is refused.
    fn add(&mut self, field: Field, bytes: &[u8], minor: u8) -> Result<(), Fault> {
        let value = field.value.of(bytes);
        let is = |wanted: &[u8]| value.eq_ignore_ascii_case(wanted);
        match field.known {
            Known::Length if self.length.is_some() => return Err(Fault::TwoLengths),
            Known::Length => self.length = Some(number(value).ok_or(Fault::Length)?),
            Known::Encoding if self.chunked || minor == 0 => return Err(Fault::Encoding),
            Known::Encoding if is(b"chunked") => self.chunked = true,
            Known::Encoding => return Err(Fault::UnknownEncoding),
            Known::Connection => self.connection(value),
            Known::Host => self.hosts |= self.host.replace(field.value).is_some(),
            Known::Expect if is(b"100-continue") => self.expects = true,
            Known::Expect => self.wishes = true,
            Known::Upgrade => self.upgrade = Some(field.value),
            // TE: no other of its kind is as short.
            Known::Hop if field.name.range().len() == 2 => {
                self.trailers |= tokens(value).any(|word| word.eq_ignore_ascii_case(b"trailers"));
            }
            _ => {}
        }
        Ok(())
    }

    fn connection(&mut self, value: &[u8]) {
        for word in tokens(value) {
            match word.len() {
                5 if word.eq_ignore_ascii_case(b"close") => self.close = true,
                10 if word.eq_ignore_ascii_case(b"keep-alive") => self.keep_alive = true,
                7 if word.eq_ignore_ascii_case(b"upgrade") => self.upgrades = true,
                _ => self.nominates = true,
            }
        }
    }

    /// What is refused of fields only together.
    fn agree(&self) -> Result<(), Fault> {
        match self.chunked && self.length.is_some() {
            true => Err(Fault::LengthAndEncoding),
            false => Ok(()),
        }
    }

    /// Whether the other side would keep the connection.
    pub(super) fn keeps(&self, minor: u8) -> bool {
        !self.close && (minor > 0 || self.keep_alive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::{RequestReader, ResponseReader};

    #[test]
    fn pieces_make_no_difference() {
        let head = b"GET /a?b HTTP/1.1\r\nHost: a\r\nX-A:\t b c \t\r\nEmpty:\r\n\r\nrest";
        for (one, other) in (0..head.len()).flat_map(|one| (one..head.len()).map(move |other| (one, other))) {
            let (mut reader, mut fields) = (RequestReader::default(), Vec::new());
            let cuts = [one, other, head.len()];
            let read = cuts.iter().find_map(|cut| reader.read(&head[..*cut], &mut fields).unwrap()).unwrap();
            assert_eq!((read.length, read.path.of(head)), (head.len() - 4, &b"/a"[..]), "{one} {other}");
            let values: Vec<_> = fields.iter().map(|field| field.value.of(head)).collect();
            assert_eq!(values, [&b"a"[..], b"b c", b""], "{one} {other}");
        }
    }

    #[test]
    fn a_line_is_refused_at_its_end_and_not_before() {
        let cases = [
            ("GET / HTTP/1.1\r\nX A: b\r\n", Fault::Syntax),
            ("GET / HTTP/1.1\r\nX: b\rc\r\n", Fault::Syntax),
            ("GET / HTTP/1.1\n", Fault::BareLf),
            ("GET / HTTP/1.1\r\nX: b\n", Fault::BareLf),
            ("GET / HTTP/1.1\r\n\n", Fault::BareLf),
            ("\n", Fault::BareLf),
            ("GET / HTTP/3.0\r\n", Fault::Version),
            ("hello\r\n", Fault::Syntax),
        ];
        for (head, fault) in cases {
            let (mut reader, mut fields, bytes) = (RequestReader::default(), Vec::new(), head.as_bytes());
            for cut in 0..bytes.len() {
                assert!(matches!(reader.read(&bytes[..cut], &mut fields), Ok(None)), "{head:?} {cut}");
            }
            assert_eq!(reader.read(bytes, &mut fields).err(), Some(fault), "{head:?}");
        }
        let mut reader = ResponseReader::default();
        assert!(matches!(reader.read(b"HTTP/1.1 200 O\rK", &mut Vec::new(), false), Ok(None)));
        let wrong = reader.read(b"HTTP/1.1 200 O\rK\r\n", &mut Vec::new(), false);
        assert_eq!(wrong.err(), Some(Fault::BadAnswer));
    }
}
