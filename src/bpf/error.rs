//! What can go wrong between this crate and the kernel, in words a person at a shell can act on.
//!
//! Every variant names the thing (the map, the program, the file); [`Error::hint`] gives the next step where one
//! is known, to be printed on its own `hint:` line. Neighbours: all modules of this crate return [`Error`];
//! `verifier` turns [`Error::Verifier`] into a place in the script.

use std::{fmt, io};

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refusal, by the kernel or by a check made before asking it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("cannot create {kind} map \"{name}\": {}", Why(.source))]
    MapCreate { name: String, kind: &'static str, source: io::Error },
    #[error("cannot {op} map \"{name}\": {}", Why(.source))]
    Map { op: &'static str, name: String, source: io::Error },
    #[error("map \"{name}\": {what} of {got} bytes where {want} are needed")]
    MapSize { name: String, what: &'static str, got: usize, want: usize },
    #[error("the verifier rejects program \"{name}\": {}", last_words(.log, *.errno))]
    Verifier { name: String, errno: i32, log: String, insn: Option<usize> },
    #[error("cannot load program \"{name}\": {}", Why(.source))]
    Load { name: String, source: io::Error },
    #[error("cannot {op} program \"{name}\": {}", Why(.source))]
    Program { op: &'static str, name: String, source: io::Error },
    #[error("cannot attach to {what}: {}", Why(.source))]
    Attach { what: String, source: io::Error },
    #[error("cannot open the ring buffer \"{name}\": {}", Why(.source))]
    Ring { name: String, source: io::Error },
    #[error("cannot read type information from \"{path}\": {}", Why(.source))]
    BtfOpen { path: String, source: io::Error },
    #[error("type information is damaged at byte {at}: {what}")]
    BtfData { what: &'static str, at: usize },
    #[error("cannot load type information into the kernel: {}", Why(.source))]
    BtfLoad { source: io::Error },
    #[error("cannot {op}: {}", Why(.source))]
    System { op: &'static str, source: io::Error },
}

impl Error {
    /// The error number behind this error, when the kernel gave one.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Error::MapCreate { source, .. }
            | Error::Map { source, .. }
            | Error::Load { source, .. }
            | Error::Program { source, .. }
            | Error::Attach { source, .. }
            | Error::Ring { source, .. }
            | Error::BtfOpen { source, .. }
            | Error::BtfLoad { source }
            | Error::System { source, .. } => source.raw_os_error(),
            Error::Verifier { errno, .. } => Some(*errno),
            Error::MapSize { .. } | Error::BtfData { .. } => None,
        }
    }

    /// Whether the cause is a missing privilege (exit code 77).
    pub fn is_permission(&self) -> bool {
        !matches!(self, Error::Verifier { .. }) && matches!(self.errno(), Some(libc::EPERM | libc::EACCES))
    }

    /// What to do about it, when that is known.
    pub fn hint(&self) -> Option<String> {
        let text = match (self, self.errno()?) {
            (Error::BtfOpen { .. }, libc::ENOENT) => {
                "this kernel is built without CONFIG_DEBUG_INFO_BTF; arguments of tracepoints still come from \
                 their format files"
            }
            (Error::Attach { .. }, libc::ENOENT) => {
                "this kernel has no such event; `edgekit trace -l` lists those it has"
            }
            (Error::Attach { .. }, libc::EEXIST) => "another program holds this place",
            (Error::Verifier { .. }, libc::E2BIG) => {
                "the program is too long or loops too often for this kernel; shorten it or split the probe"
            }
            (Error::Verifier { .. }, _) => return None,
            (_, libc::EPERM | libc::EACCES) => return Some(permission_hint()),
            (Error::MapCreate { .. } | Error::Load { .. }, libc::ENOMEM) => {
                "out of memory for maps; make the maps or the ring smaller"
            }
            (Error::MapCreate { .. }, libc::E2BIG) => "the map is too large; lower its number of keys",
            (_, libc::ENOSYS) => "this kernel is built without CONFIG_BPF_SYSCALL",
            (_, libc::EMFILE) => "too many open files; raise `ulimit -n` or attach to fewer events",
            _ => return None,
        };
        Some(text.to_owned())
    }
}

/// Which of the usual gates is shut: capabilities, lockdown, or the memory limit of old kernels.
fn permission_hint() -> String {
    if let Some(mode) = crate::feature::lockdown().filter(|mode| mode == "confidentiality") {
        return format!("the kernel is locked down ({mode}), which forbids reading its memory from programs");
    }
    let missing = crate::feature::missing_capabilities();
    if !missing.is_empty() {
        return format!("run as root, or with {} (missing here)", missing.join(" and "));
    }
    if crate::feature::kernel_at_least(5, 11) {
        "the capabilities are there: a container's seccomp profile, an LSM or a locked-down kernel forbids this"
            .to_owned()
    } else {
        "kernels before 5.11 count maps against RLIMIT_MEMLOCK: try `ulimit -l unlimited`".to_owned()
    }
}

/// The last line of a verifier log that says something, or the error number in words.
fn last_words(log: &str, errno: i32) -> String {
    match crate::verifier::last_message(log) {
        Some(line) => line.to_owned(),
        None => Why(&io::Error::from_raw_os_error(errno)).to_string(),
    }
}

/// An `io::Error` as the house writes it: lower case, without the number the standard library appends.
pub(crate) struct Why<'a>(pub(crate) &'a io::Error);

impl fmt::Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // ENOTSUPP is the kernel's own and unknown to libc.
        if self.0.raw_os_error() == Some(524) {
            return f.write_str("operation not supported by this kernel");
        }
        let text = self.0.to_string();
        let text = text.split(" (os error").next().unwrap_or(&text);
        // "Operation" becomes "operation", but "BPF" stays.
        let mut chars = text.chars();
        match (chars.next(), chars.clone().next()) {
            (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
                write!(f, "{}{}", first.to_lowercase(), chars.as_str())
            }
            _ => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_without_capital_and_number() {
        let error =
            Error::Attach { what: "tracepoint 7".into(), source: io::Error::from_raw_os_error(libc::EINVAL) };
        assert_eq!(error.to_string(), "cannot attach to tracepoint 7: invalid argument");
        assert_eq!(error.errno(), Some(libc::EINVAL));
        assert!(!error.is_permission());
    }

    #[test]
    fn verifier_error_shows_the_last_message() {
        let error = Error::Verifier {
            name: "p".into(),
            errno: libc::EACCES,
            log: "0: (61) r0 = *(u32 *)(r1 +400)\ninvalid bpf_context access off=400 size=4\nprocessed 1 insns\n"
                .into(),
            insn: Some(0),
        };
        assert_eq!(
            error.to_string(),
            "the verifier rejects program \"p\": invalid bpf_context access off=400 size=4"
        );
        assert!(!error.is_permission(), "EACCES of the verifier is not a missing privilege");
    }
}
