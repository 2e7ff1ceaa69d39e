//! Words for people: near names, reasons of system errors, columns.
//!
//! Shared so that every "did you mean" in edgekit weighs names the same way. No I/O here.

use std::io;

/// The nearest of `candidates`, if one is near enough to be what was meant.
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    near(wanted, candidates, 1).into_iter().next()
}

/// Up to `limit` candidates near to `wanted`, the nearest first.
pub fn near<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>, limit: usize) -> Vec<&'a str> {
    // One edit in three letters: "trcae" means "trace", "cat" does not mean "cert".
    let allowed = (wanted.chars().count() / 3).max(1);
    let mut found: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter_map(|name| {
            let distance = distance_within(wanted, name, allowed)?;
            Some((distance, name))
        })
        .collect();
    crate::sort::natural(&mut found);
    found.dedup();
    found.truncate(limit);
    found.into_iter().map(|(_, name)| name).collect()
}

/// Edit distance (insert, delete, replace, swap of neighbours), or `None` if it is over `limit`.
pub fn distance_within(a: &str, b: &str, limit: usize) -> Option<usize> {
    let a: Vec<char> = a.chars().flat_map(char::to_lowercase).collect();
    let b: Vec<char> = b.chars().flat_map(char::to_lowercase).collect();
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let width = b.len() + 1;
    let mut before_last: Vec<usize> = vec![0; width];
    let mut last: Vec<usize> = (0..width).collect();
    for (i, &from) in a.iter().enumerate() {
        let mut row = vec![i + 1; width];
        for (j, &to) in b.iter().enumerate() {
            let mut best = (last[j + 1] + 1).min(row[j] + 1).min(last[j] + usize::from(from != to));
            if i > 0 && j > 0 && from == b[j - 1] && a[i - 1] == to {
                best = best.min(before_last[j - 1] + 1);
            }
            row[j + 1] = best;
        }
        before_last = std::mem::replace(&mut last, row);
    }
    Some(last[b.len()]).filter(|distance| *distance <= limit)
}

/// A system error in our style: lower case and without its number ("permission denied").
pub fn io_reason(error: &io::Error) -> String {
    let full = error.to_string();
    let words = full.split(" (os error ").next().unwrap_or(&full);
    let mut letters = words.chars();
    match (letters.next(), letters.clone().next()) {
        // "I/O error" keeps its capital: only a word starting with one capital is lowered.
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => words.to_owned(),
    }
}

/// Wraps words to `width` columns, each line after `indent` spaces.
pub fn wrap(words: &str, indent: usize, width: usize) -> String {
    let mut text = String::new();
    let mut column = 0;
    for word in words.split_whitespace() {
        let length = word.chars().count();
        if column > indent && column + 1 + length > width {
            text.push('\n');
            column = 0;
        }
        if column == 0 {
            text.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let names = ["trace", "proxy", "cert", "shadow", "ota"];
        assert_eq!(nearest("trcae", names), Some("trace"));
        assert_eq!(nearest("TRACE", names), Some("trace"));
        assert_eq!(nearest("shadwo", names), Some("shadow"));
        assert_eq!(nearest("cat", names), None);
        assert_eq!(nearest("", names), None);
    }

    #[test]
    fn a_swap_is_one_edit() {
        assert_eq!(distance_within("ab", "ba", 2), Some(1));
        assert_eq!(distance_within("abc", "abc", 0), Some(0));
        assert_eq!(distance_within("abcd", "a", 2), None);
    }

    #[test]
    fn reasons_are_lower_case_without_numbers() {
        assert_eq!(io_reason(&io::Error::from_raw_os_error(2)), "no such file or directory");
        let own = io::Error::other("BTF is broken");
        assert_eq!(io_reason(&own), "BTF is broken");
    }

    #[test]
    fn wrapping_never_passes_the_width() {
        let text = wrap("one two three four five six", 2, 12);
        assert!(text.lines().all(|line| line.starts_with("  ") && line.len() <= 12), "{text}");
        assert_eq!(text.split_whitespace().count(), 6);
    }
}
