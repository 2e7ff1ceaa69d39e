//! The static table of RFC 7541, Appendix A, and how a name is found in it.

/// Names and values; the first has index 1.
#[rustfmt::skip]
pub(super) const TABLE: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// Different names, and the longest one.
const COUNT: usize = 52;
const LONGEST: usize = 27;
/// The index of the first entry of each name, by length, and where each length begins.
const NAMES: ([u8; COUNT], [u8; LONGEST + 2]) = names();

const fn names() -> ([u8; COUNT], [u8; LONGEST + 2]) {
    let (mut indices, mut starts, mut next, mut length) = ([0; COUNT], [0; LONGEST + 2], 0, 0);
    while length <= LONGEST {
        starts[length] = next as u8;
        let mut at = 0;
        while at < TABLE.len() {
            let is_first = at == 0 || !same(TABLE[at].0.as_bytes(), TABLE[at - 1].0.as_bytes());
            if TABLE[at].0.len() == length && is_first {
                indices[next] = at as u8 + 1;
                next += 1;
            }
            at += 1;
        }
        length += 1;
    }
    starts[LONGEST + 1] = next as u8;
    (indices, starts)
}

const fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// The index of the first entry with this name.
pub(super) fn name(name: &[u8]) -> Option<usize> {
    let (indices, starts) = &NAMES;
    let (from, to) = (*starts.get(name.len())?, *starts.get(name.len() + 1)?);
    let candidates = indices.get(usize::from(from)..usize::from(to))?;
    let found = candidates.iter().find(|index| TABLE[usize::from(**index) - 1].0.as_bytes() == name);
    found.map(|index| usize::from(*index))
}

/// The index of the entry with this value, among those with the name of entry `first`.
pub(super) fn value(first: usize, value: &[u8]) -> Option<usize> {
    let name = TABLE.get(first - 1)?.0;
    let mut same = TABLE.iter().enumerate().skip(first - 1).take_while(|(_, entry)| entry.0 == name);
    same.find(|(_, entry)| entry.1.as_bytes() == value).map(|(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_found() {
        for (at, (text, content)) in TABLE.iter().enumerate() {
            let first = name(text.as_bytes()).unwrap();
            assert!(first <= at + 1 && TABLE[first - 1].0 == *text);
            assert_eq!(value(first, content.as_bytes()), Some(at + 1));
        }
        assert_eq!((name(b"x"), name(b"accept-language-of-the-clients")), (None, None));
    }
}
