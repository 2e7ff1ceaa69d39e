//! Wildcards in the names of probes: `*`, `?` and `[set]`.

/// True when `name` is a pattern rather than a name.
pub fn has_wildcard(name: &str) -> bool {
    name.contains(['*', '?', '['])
}

/// True when the whole of `name` fits `pattern`. Takes time in proportion to the product of the lengths at
/// worst, whatever the pattern.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where to go on when a match fails: behind the last star, one more byte of the name eaten by it.
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            retry = Some((p + 1, n));
            p += 1;
        } else if let Some(next) = one(pattern, p, name[n]) {
            p = next;
            n += 1;
        } else if let Some((star, eaten)) = retry {
            p = star;
            n = eaten + 1;
            retry = Some((star, n));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

/// Matches one byte at `p`; gives the place behind what matched.
fn one(pattern: &[u8], p: usize, byte: u8) -> Option<usize> {
    match pattern.get(p)? {
        b'?' => Some(p + 1),
        b'[' => match set_end(pattern, p) {
            Some(end) => in_set(&pattern[p + 1..end], byte).then_some(end + 1),
            // An unclosed set is the character itself.
            None => (byte == b'[').then_some(p + 1),
        },
        plain => (*plain == byte).then_some(p + 1),
    }
}

/// The closing bracket; one right behind the opening (or its `!`) belongs to the set.
fn set_end(pattern: &[u8], open: usize) -> Option<usize> {
    let first = open + 1 + usize::from(matches!(pattern.get(open + 1), Some(b'!' | b'^')));
    let closing = pattern.get(first + 1..)?.iter().position(|b| *b == b']')?;
    Some(first + 1 + closing)
}

fn in_set(set: &[u8], byte: u8) -> bool {
    let (negate, set) = match set.split_first() {
        Some((b'!' | b'^', rest)) => (true, rest),
        _ => (false, set),
    };
    let mut found = false;
    let mut at = 0;
    while at < set.len() {
        match set[at..] {
            [from, b'-', to, ..] => {
                found |= (from..=to).contains(&byte);
                at += 3;
            }
            [only, ..] => {
                found |= only == byte;
                at += 1;
            }
            [] => break,
        }
    }
    found != negate
}
