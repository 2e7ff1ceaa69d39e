//! Names with `*` and `?`: which hardware a bundle is for.
//!
//! `*` stands for any letters, `?` for one; there is nothing else, so what a pattern means is seen at once. Linear in
//! the length of both for each `*`. Neighbours: `policy`.

/// True if `name` is one of those `pattern` describes. Letters count as written.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut from) = (0, 0);
    // Where the last star was, and how far of the name it takes.
    let mut star: Option<(usize, usize)> = None;
    while from < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(letter) if *letter == '?' || *letter == name[from] => {
                at += 1;
                from += 1;
            }
            _ => match star {
                Some((place, taken)) => {
                    star = Some((place, taken + 1));
                    at = place + 1;
                    from = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, name, is) in [
            ("gw-3", "gw-3", true),
            ("gw-3", "gw-30", false),
            ("gw-*", "gw-", true),
            ("gw-*", "gw-3b", true),
            ("*-rev?", "gw-rev2", true),
            ("*-rev?", "gw-rev", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("gw", "GW", false),
            ("ü?", "üx", true),
        ] {
            assert_eq!(matches(pattern, name), is, "{pattern} {name}");
        }
        assert!(!matches(&"*a".repeat(200), &"a".repeat(199)));
    }
}
