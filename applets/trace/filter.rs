//! A small regular expression for `--probe-filter`: characters, `.`, `[set]`, `*`, `+`, `?`, `|`, `(group)`, `^`,
//! `$`, and `\` before any of them.
//!
//! A library would be a third of the tracer's size for one option. The pattern is compiled to a list of states
//! and run on all of them at once, so that no pattern is slow.

/// A compiled pattern.
#[derive(Debug)]
pub struct Filter {
    states: Vec<State>,
}

#[derive(Clone, Debug)]
enum State {
    /// One byte, by class.
    Byte(Class),
    /// Go on at both.
    Split(usize, usize),
    Jump(usize),
    Start,
    End,
    Match,
}

#[derive(Clone, Debug)]
enum Class {
    One(u8),
    Any,
    Set { ranges: Vec<(u8, u8)>, negate: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    #[error("a '(' is not closed")]
    OpenGroup,
    #[error("a ')' was not opened")]
    CloseGroup,
    #[error("a '[' is not closed")]
    OpenSet,
    #[error("nothing stands before a '*', '+' or '?'")]
    NothingToRepeat,
    #[error("it ends with a '\\'")]
    LoneBackslash,
    #[error("it is longer than {LIMIT} characters")]
    TooLong,
}

/// Bounds depth of groups and number of states.
const LIMIT: usize = 1000;

impl Filter {
    pub fn new(pattern: &str) -> Result<Filter, FilterError> {
        if pattern.len() > LIMIT {
            return Err(FilterError::TooLong);
        }
        let mut parser = Parser { rest: pattern.as_bytes(), states: Vec::new() };
        parser.alternatives()?;
        if !parser.rest.is_empty() {
            return Err(FilterError::CloseGroup);
        }
        parser.states.push(State::Match);
        Ok(Filter { states: parser.states })
    }

    /// True when the pattern matches anywhere in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let mut now: Vec<usize> = Vec::new();
        let mut seen = vec![usize::MAX; self.states.len()];
        for at in 0..=bytes.len() {
            // Matching may begin at every place.
            let mut todo = vec![0];
            todo.append(&mut now);
            let mut next = Vec::new();
            while let Some(state) = todo.pop() {
                if std::mem::replace(&mut seen[state], at) == at {
                    continue;
                }
                match &self.states[state] {
                    State::Match => return true,
                    State::Byte(class) => {
                        if bytes.get(at).is_some_and(|byte| class.holds(*byte)) {
                            next.push(state + 1);
                        }
                    }
                    State::Split(a, b) => todo.extend([*a, *b]),
                    State::Jump(to) => todo.push(*to),
                    State::Start if at == 0 => todo.push(state + 1),
                    State::End if at == bytes.len() => todo.push(state + 1),
                    State::Start | State::End => {}
                }
            }
            now = next;
        }
        false
    }
}

impl Class {
    fn holds(&self, byte: u8) -> bool {
        match self {
            Class::One(one) => *one == byte,
            Class::Any => true,
            Class::Set { ranges, negate } => {
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&byte)) != *negate
            }
        }
    }
}

struct Parser<'p> {
    rest: &'p [u8],
    states: Vec<State>,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// `a|b`
    fn alternatives(&mut self) -> Result<(), FilterError> {
        let start = self.states.len();
        self.sequence()?;
        if self.rest.first() != Some(&b'|') {
            return Ok(());
        }
        self.rest = &self.rest[1..];
        self.insert(start, State::Split(start + 1, 0));
        let jump = self.states.len();
        self.states.push(State::Jump(0));
        self.states[start] = State::Split(start + 1, jump + 1);
        self.alternatives()?;
        self.states[jump] = State::Jump(self.states.len());
        Ok(())
    }

    fn sequence(&mut self) -> Result<(), FilterError> {
        while let Some(first) = self.rest.first() {
            if matches!(first, b'|' | b')') {
                break;
            }
            self.repeated()?;
        }
        Ok(())
    }

    /// One item and what follows it.
    fn repeated(&mut self) -> Result<(), FilterError> {
        let start = self.states.len();
        self.item()?;
        while let Some(mark @ (b'*' | b'+' | b'?')) = self.rest.first().copied() {
            self.rest = &self.rest[1..];
            let end = self.states.len();
            match mark {
                b'+' => self.states.push(State::Split(start, end + 1)),
                b'?' => self.insert(start, State::Split(start + 1, end + 1)),
                _ => {
                    self.insert(start, State::Split(start + 1, end + 2));
                    self.states.push(State::Jump(start));
                }
            }
        }
        Ok(())
    }

    fn item(&mut self) -> Result<(), FilterError> {
        let state = match self.next() {
            Some(b'(') => {
                self.alternatives()?;
                return if self.next() == Some(b')') { Ok(()) } else { Err(FilterError::OpenGroup) };
            }
            Some(b'[') => State::Byte(self.set()?),
            Some(b'*' | b'+' | b'?') => return Err(FilterError::NothingToRepeat),
            Some(b'.') => State::Byte(Class::Any),
            Some(b'^') => State::Start,
            Some(b'$') => State::End,
            Some(b'\\') => State::Byte(Class::One(self.next().ok_or(FilterError::LoneBackslash)?)),
            Some(byte) => State::Byte(Class::One(byte)),
            None => return Ok(()),
        };
        self.states.push(state);
        Ok(())
    }

    fn set(&mut self) -> Result<Class, FilterError> {
        let negate = self.rest.first() == Some(&b'^');
        if negate {
            self.rest = &self.rest[1..];
        }
        let mut ranges = Vec::new();
        loop {
            let from = match self.next().ok_or(FilterError::OpenSet)? {
                b']' if !ranges.is_empty() => return Ok(Class::Set { ranges, negate }),
                byte => byte,
            };
            let to = match self.rest {
                [b'-', to, ..] if *to != b']' => {
                    let to = *to;
                    self.rest = &self.rest[2..];
                    to
                }
                _ => from,
            };
            ranges.push((from, to));
        }
    }

    /// Puts a state before others; what points behind the place moves along.
    fn insert(&mut self, at: usize, state: State) {
        for moved in &mut self.states[at..] {
            match moved {
                State::Split(a, b) => {
                    *a += usize::from(*a >= at);
                    *b += usize::from(*b >= at);
                }
                State::Jump(to) => *to += usize::from(*to >= at),
                _ => {}
            }
        }
        self.states.insert(at, state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_as_egrep_does() {
        for (pattern, text, expected) in [
            ("open", "tracepoint:syscalls:sys_enter_openat", true),
            ("^open", "sys_open", false),
            ("open$", "sys_open", true),
            ("sys_(enter|exit)_open.*", "sys_exit_openat", true),
            ("sys_(enter|exit)_open.*", "sys_xxxx_openat", false),
            ("^a*b?c+$", "aaaccc", true),
            ("^a*b?c+$", "bb", false),
            ("^(ab)*$", "ababab", true),
            ("^(ab)*$", "aba", false),
            ("[a-c]x[^0-9]", "bxy", true),
            ("[a-c]x[^0-9]", "bx1", false),
            ("a\\.b", "a.b", true),
            ("a\\.b", "axb", false),
            ("", "anything", true),
            ("x|y|z", "z", true),
            ("(a*)*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false),
            ("()*", "", true),
        ] {
            assert_eq!(Filter::new(pattern).expect("is one").is_match(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn what_is_no_pattern() {
        for (pattern, error) in [
            ("(a", FilterError::OpenGroup),
            ("a)", FilterError::CloseGroup),
            ("[a", FilterError::OpenSet),
            ("*a", FilterError::NothingToRepeat),
            ("a\\", FilterError::LoneBackslash),
        ] {
            assert_eq!(Filter::new(pattern).expect_err("is none"), error);
        }
        assert_eq!(Filter::new(&"(".repeat(5000)).expect_err("is none"), FilterError::TooLong);
    }
}
