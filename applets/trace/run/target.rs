//! The processes a run depends on: the child of `-c`, the process of `-p`.
//!
//! Both are watched by a descriptor that becomes readable when the process ends, so the loop needs no polling and
//! a process id that is used again cannot fool it.

use std::io;
use std::os::fd::OwnedFd;

use edgekit_core::{Error, ErrorContext, Exit};
use edgekit_rt::child::Child;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// Starts the command of `-c`, up to the point before it becomes its program.
pub fn child(command: &str) -> Result<Child, Error> {
    let words = split(command).ok_or_else(|| {
        Error::new(Exit::USAGE, format!("the command '{command}' ends inside a quote"))
            .hint("close the quote")
    })?;
    if words.is_empty() {
        return Err(Error::new(Exit::USAGE, "the command of -c is empty"));
    }
    Child::spawn_stopped(&words).with_context(|| format!("cannot start '{command}'"))
}

/// Watches the process of `-p`. Kernels before 5.3 cannot: the run then ends by itself or by Ctrl-C.
pub fn watch(pid: i32) -> Result<Option<OwnedFd>, Error> {
    let Some(id) = Pid::from_raw(pid) else { return Ok(None) };
    match pidfd_open(id, PidfdFlags::empty()) {
        Ok(fd) => Ok(Some(fd)),
        // A thread that is not its process's first.
        Err(rustix::io::Errno::NOSYS | rustix::io::Errno::INVAL | rustix::io::Errno::NOENT) => Ok(None),
        Err(rustix::io::Errno::SRCH) => Err(Error::new(Exit::NO_INPUT, format!("there is no process {pid}"))
            .hint("see 'ps' for those there are")),
        Err(e) => Err(io::Error::from(e)).with_context(|| format!("cannot watch process {pid}")),
    }
}

/// Splits a command into words as a shell does, with quotes and backslashes but without expansions. `None` when a
/// quote is left open.
fn split(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => {
                let into = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        c => into.push(c),
                    }
                }
            }
            '"' => {
                let into = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => match chars.next()? {
                            c @ ('"' | '\\' | '$' | '`') => into.push(c),
                            c => into.extend(['\\', c]),
                        },
                        c => into.push(c),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next()?),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_as_a_shell_splits_them() {
        let words = |text: &str| split(text).expect("closed");
        assert_eq!(words("ls -l  /tmp"), ["ls", "-l", "/tmp"]);
        assert_eq!(words("sh -c 'a  b' \"c \\\" d\" e\\ f ''"), ["sh", "-c", "a  b", "c \" d", "e f", ""]);
        assert!(words("").is_empty());
        assert_eq!(split("a 'b"), None);
        assert_eq!(split("a\\"), None);
    }

    #[test]
    fn a_process_that_is_not_there() {
        let error = watch(4_194_300).expect_err("beyond any pid of a test machine");
        assert_eq!(
            (error.to_string().as_str(), error.exit()),
            ("there is no process 4194300", Exit::NO_INPUT)
        );
    }
}
