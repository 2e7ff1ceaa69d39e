//! As much of DER (X.690) as naming what is in a file needs. Nothing is trusted because of what is
//! read here; that is webpki's task.

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// Context-specific tag `number`, constructed.
pub(crate) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// What is left of a run of elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

/// One element: its tag, its content, and both with the length as they stand in the input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    pub(crate) whole: &'a [u8],
}

impl<'a> Reader<'a> {
    /// True once everything is read.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element; `None` at the end and where the encoding is broken.
    pub(crate) fn any(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        // High tag numbers and lengths beyond 4 GiB appear in nothing we read.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let length = match first {
            0..=0x7f => usize::from(first),
            0x81..=0x84 => {
                let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
                rest = after;
                bytes.iter().try_fold(0usize, |sum, &byte| Some(sum.checked_mul(256)? + usize::from(byte)))?
            }
            _ => return None,
        };
        let (content, after) = rest.split_at_checked(length)?;
        let whole = &self.0[..self.0.len() - after.len()];
        self.0 = after;
        Some(Element { tag, content, whole })
    }

    /// The next element, if it has this tag; nothing is consumed otherwise.
    pub(crate) fn take(&mut self, tag: u8) -> Option<Element<'a>> {
        let mut ahead = *self;
        let element = ahead.any().filter(|element| element.tag == tag)?;
        *self = ahead;
        Some(element)
    }

    /// Goes into the next element, if it has this tag.
    pub(crate) fn enter(&mut self, tag: u8) -> Option<Reader<'a>> {
        self.take(tag).map(|element| Reader(element.content))
    }
}

/// The dotted form of an object identifier's content.
pub(crate) fn dotted(oid: &[u8]) -> String {
    let mut text = String::new();
    let mut value = 0u64;
    for &byte in oid {
        value = value.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if text.is_empty() {
                let top = (value / 40).min(2);
                text = format!("{top}.{}", value - top * 40);
            } else {
                text.push_str(&format!(".{value}"));
            }
            value = 0;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_checked_against_what_is_there() {
        assert!(Reader(&[0x30]).any().is_none());
        assert!(Reader(&[0x30, 0x80]).any().is_none());
        assert!(Reader(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]).any().is_none());
        let mut reader = Reader(&[0x02, 0x81, 0x01, 0x07, 0x05, 0x00]);
        assert_eq!(reader.take(INTEGER).unwrap().content, [7]);
        assert!(reader.take(INTEGER).is_none());
        assert_eq!(reader.any().unwrap().tag, 5);
        assert!(reader.is_empty());
    }

    #[test]
    fn object_identifiers() {
        assert_eq!(dotted(&[0x2b, 0x81, 0x04, 0x00, 0x0a]), "1.3.132.0.10");
        assert_eq!(dotted(&[0x55, 0x04, 0x03]), "2.5.4.3");
        assert_eq!(dotted(&[]), "");
    }
}
