//! Chunks, read strictly and in place (RFC 9112 §7.1): the payload moves together, the framing goes.
//!
//! What is passed on is framed anew, so that no odd chunk of one side reaches the other. Extensions
//! are read, bounded and left out, trailers handed on apart (`trailers.rs`).

use super::fault::Fault;

/// The longest line of a chunk's size with its extensions.
const MAX_LINE: u16 = 1024;
/// All trailers together.
const MAX_TRAILERS: u16 = 8192;

/// Where in the framing the next byte is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    /// Before the first digit.
    Size,
    /// After a digit.
    Digits,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// At the start of a line after the last chunk.
    Line,
    TrailerName,
    Trailer,
    TrailerLf,
    LastLf,
    End,
}

/// The reader of one body.
#[derive(Clone, Copy, Debug)]
pub struct Chunked {
    at: At,
    left: u64,
    spent: u16,
}

/// What [`Chunked::decode`] has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decoded {
    /// Bytes read.
    pub read: usize,
    /// Bytes of payload, now at the beginning.
    pub payload: usize,
    /// The body is over; what follows the bytes read belongs to the next message.
    pub end: bool,
}

impl Default for Chunked {
    fn default() -> Chunked {
        Chunked { at: At::Size, left: 0, spent: 0 }
    }
}

impl Chunked {
    /// Reads all of `bytes`, or up to the end of the body.
    ///
    /// # Errors
    /// [`Fault::Chunk`] at the first byte that does not belong there.
    pub fn decode(&mut self, bytes: &mut [u8]) -> Result<Decoded, Fault> {
        self.decode_with(bytes, &mut Vec::new())
    }

    /// The same; the trailers' lines are appended to `trailers`, each ended by LF.
    ///
    /// # Errors
    /// As those of [`Chunked::decode`].
    pub fn decode_with(&mut self, bytes: &mut [u8], trailers: &mut Vec<u8>) -> Result<Decoded, Fault> {
        let (mut read, mut payload) = (0, 0);
        while let Some(byte) = bytes.get(read).copied() {
            if self.at == At::Data {
                let here = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len() - read);
                if payload != read {
                    bytes.copy_within(read..read + here, payload);
                }
                payload += here;
                read += here;
                self.left -= here as u64;
                if self.left == 0 {
                    self.at = At::DataCr;
                }
                continue;
            }
            self.at = self.step(byte)?;
            match self.at {
                At::TrailerName | At::Trailer => trailers.push(byte),
                At::TrailerLf => trailers.push(b'\n'),
                _ => {}
            }
            read += 1;
            if self.at == At::End {
                return Ok(Decoded { read, payload, end: true });
            }
        }
        Ok(Decoded { read, payload, end: false })
    }

    fn step(&mut self, byte: u8) -> Result<At, Fault> {
        let text = byte == b'\t' || byte >= b' ' && byte != 0x7f;
        Ok(match (self.at, byte) {
            (At::Size | At::Digits, digit) if digit.is_ascii_hexdigit() => {
                let value = (digit as char).to_digit(16).unwrap_or_default();
                // Fifteen digits are more than anybody sends, and cannot overflow.
                self.spend(1, 15)?;
                self.left = self.left << 4 | u64::from(value);
                At::Digits
            }
            (At::Digits, b';') => At::Extension,
            (At::Digits | At::Extension, b'\r') => At::SizeLf,
            (At::Extension, _) if text => {
                self.spend(1, MAX_LINE)?;
                At::Extension
            }
            (At::SizeLf, b'\n') => {
                self.spent = 0;
                if self.left > 0 { At::Data } else { At::Line }
            }
            (At::DataCr, b'\r') => At::DataLf,
            (At::DataLf, b'\n') => At::Size,
            (At::Line, b'\r') => At::LastLf,
            (At::Line, b' ' | b'\t' | b':') => return Err(Fault::Chunk),
            (At::TrailerName, b':') => At::Trailer,
            (At::Line | At::TrailerName, name) if name.is_ascii_graphic() => {
                self.spend(1, MAX_TRAILERS)?;
                At::TrailerName
            }
            (At::Trailer, b'\r') => At::TrailerLf,
            (At::Trailer, _) if text => {
                self.spend(1, MAX_TRAILERS)?;
                At::Trailer
            }
            (At::TrailerLf, b'\n') => At::Line,
            (At::LastLf, b'\n') => At::End,
            _ => return Err(Fault::Chunk),
        })
    }

    fn spend(&mut self, bytes: u16, most: u16) -> Result<(), Fault> {
        self.spent += bytes;
        if self.spent > most { Err(Fault::Chunk) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(text: &[u8], piece: usize) -> Result<(Vec<u8>, usize, bool), Fault> {
        let (mut chunked, mut payload, mut read) = (Chunked::default(), Vec::new(), 0);
        for bytes in text.chunks(piece) {
            let mut bytes = bytes.to_vec();
            let decoded = chunked.decode(&mut bytes)?;
            payload.extend_from_slice(&bytes[..decoded.payload]);
            read += decoded.read;
            if decoded.end {
                return Ok((payload, read, true));
            }
        }
        Ok((payload, read, false))
    }

    #[test]
    fn bodies_end_where_they_say() {
        for (text, payload) in [
            ("5\r\nhello\r\n0\r\n\r\n", "hello"),
            ("1;a=b\r\nh\r\n00004\r\nello\r\n0\r\n\r\n", "hello"),
            ("0\r\nX-A: b\r\ny:\r\n\r\n", ""),
            ("A\r\n0123456789\r\n0;x\r\n\r\n", "0123456789"),
        ] {
            for piece in 1..text.len() {
                let whole = format!("{text}GET /");
                let (found, read, end) = decode(whole.as_bytes(), piece).unwrap();
                assert_eq!((found.as_slice(), read, end), (payload.as_bytes(), text.len(), true), "{text:?}");
            }
        }
    }

    #[test]
    fn trailers_are_handed_on() {
        let text = b"1\r\nx\r\n0\r\nX-A: b\tc\r\ny:\r\n\r\nGET /";
        for piece in 1..text.len() {
            let (mut chunked, mut trailers) = (Chunked::default(), Vec::new());
            for bytes in text.chunks(piece) {
                if chunked.decode_with(&mut bytes.to_vec(), &mut trailers).unwrap().end {
                    break;
                }
            }
            assert_eq!(trailers, b"X-A: b\tc\ny:\n", "{piece}");
        }
    }

    #[test]
    fn odd_ones_are_refused() {
        for text in [
            "\r\n",
            ";\r\n",
            "g\r\n",
            "-1\r\n",
            "+1\r\n",
            " 1\r\n",
            "1 \r\n",
            "0x1\r\n",
            "1\n",
            "1\r\r\n",
            "1\r\nab\r\n",
            "1\r\na\n",
            "1\r\na\r\r",
            "1;\n",
            "1;a\0\r\n",
            "0\r\n\n",
            "0\r\n a: b\r\n",
            "0\r\na b: c\r\n",
            "0\r\n: c\r\n",
            "0\r\na\r\n",
            "0\r\na: b\n",
            "1000000000000000\r\n",
        ] {
            assert_eq!(decode(text.as_bytes(), 100), Err(Fault::Chunk), "{text:?}");
        }
        let long = format!("1;{}\r\n", "x".repeat(2000));
        assert_eq!(decode(long.as_bytes(), 100), Err(Fault::Chunk));
        let long = format!("0\r\n{}", "a: b\r\n".repeat(4000));
        assert_eq!(decode(long.as_bytes(), 100), Err(Fault::Chunk));
    }

    proptest! {
        #[test]
        fn the_pieces_make_no_difference(text in "[0-3a;:\r\n ]{0,60}", piece in 1_usize..9) {
            prop_assert_eq!(decode(text.as_bytes(), piece), decode(text.as_bytes(), 100));
        }
    }
}
