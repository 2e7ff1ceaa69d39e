//! Constants by name, and numbers that come from the command line.
//!
//! The script's enums come first, then the kernel's, then the few macros of C headers that tracing programs name
//! and no kernel type holds. Neighbours: `ctypes` for the enums, `builtins` asks here for what it does not know.

use super::Sema;
use super::value::Value;
use crate::diag::Span;
use crate::syntax::ast::IntSuffix;
use crate::syntax::literal;
use crate::tree::ExprKind;
use crate::ty::Ty;

/// A literal found outside the script.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Number {
    negative: bool,
    magnitude: u64,
}

impl Number {
    pub(super) fn value(self, span: Span) -> Value {
        if !self.negative {
            return Value::uint(self.magnitude, span);
        }
        Value::int((self.magnitude as i64).wrapping_neg(), span)
    }
}

/// A whole text as an integer as the language writes it: `10`, `0x1f`, `0775`, `-3`, `1e6`.
pub(super) fn parse_number(text: &str) -> Option<Number> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let parsed = literal::number(digits).ok()?;
    let fits = !negative || parsed.value <= 1 << 63;
    (parsed.suffix == IntSuffix::None && fits).then_some(Number { negative, magnitude: parsed.value })
}

impl Sema<'_> {
    pub(super) fn constant(&mut self, name: &str, span: Span) -> Option<Value> {
        let found = self.script_constant(name).or_else(|| self.world.kernel_constant(name));
        if let Some((def, pattern)) = found {
            return Some(Value::new(ExprKind::Const(pattern), Ty::Enum(def), span));
        }
        let known = HEADERS.iter().find(|(n, _)| *n == name)?.1;
        Some(Value::uint(known, span))
    }
}

/// Macros of the system's headers: the same on x86_64 and aarch64.
const HEADERS: &[(&str, u64)] = &[
    ("AF_UNSPEC", 0),
    ("AF_UNIX", 1),
    ("AF_INET", 2),
    ("AF_INET6", 10),
    ("AF_NETLINK", 16),
    ("AF_PACKET", 17),
    ("IPPROTO_ICMP", 1),
    ("IPPROTO_TCP", 6),
    ("IPPROTO_UDP", 17),
    ("IPPROTO_ICMPV6", 58),
    ("EPERM", 1),
    ("ENOENT", 2),
    ("ESRCH", 3),
    ("EINTR", 4),
    ("EIO", 5),
    ("ENXIO", 6),
    ("E2BIG", 7),
    ("ENOEXEC", 8),
    ("EBADF", 9),
    ("ECHILD", 10),
    ("EAGAIN", 11),
    ("EWOULDBLOCK", 11),
    ("ENOMEM", 12),
    ("EACCES", 13),
    ("EFAULT", 14),
    ("ENOTBLK", 15),
    ("EBUSY", 16),
    ("EEXIST", 17),
    ("EXDEV", 18),
    ("ENODEV", 19),
    ("ENOTDIR", 20),
    ("EISDIR", 21),
    ("EINVAL", 22),
    ("ENFILE", 23),
    ("EMFILE", 24),
    ("ENOTTY", 25),
    ("ETXTBSY", 26),
    ("EFBIG", 27),
    ("ENOSPC", 28),
    ("ESPIPE", 29),
    ("EROFS", 30),
    ("EMLINK", 31),
    ("EPIPE", 32),
    ("EDOM", 33),
    ("ERANGE", 34),
    ("EDEADLK", 35),
    ("ENOSYS", 38),
    ("EOPNOTSUPP", 95),
    ("EADDRINUSE", 98),
    ("ENETUNREACH", 101),
    ("ECONNRESET", 104),
    ("ETIMEDOUT", 110),
    ("ECONNREFUSED", 111),
    ("EHOSTUNREACH", 113),
    ("EINPROGRESS", 115),
    ("SIGHUP", 1),
    ("SIGINT", 2),
    ("SIGQUIT", 3),
    ("SIGILL", 4),
    ("SIGTRAP", 5),
    ("SIGABRT", 6),
    ("SIGBUS", 7),
    ("SIGFPE", 8),
    ("SIGKILL", 9),
    ("SIGUSR1", 10),
    ("SIGSEGV", 11),
    ("SIGUSR2", 12),
    ("SIGPIPE", 13),
    ("SIGALRM", 14),
    ("SIGTERM", 15),
    ("SIGCHLD", 17),
    ("SIGCONT", 18),
    ("SIGSTOP", 19),
    ("SIGTSTP", 20),
    ("O_RDONLY", 0),
    ("O_WRONLY", 1),
    ("O_RDWR", 2),
    ("O_CREAT", 0o100),
    ("O_EXCL", 0o200),
    ("O_TRUNC", 0o1000),
    ("O_APPEND", 0o2000),
    ("O_NONBLOCK", 0o4000),
    ("O_CLOEXEC", 0o2_000_000),
    ("NSEC_PER_SEC", 1_000_000_000),
    ("NSEC_PER_MSEC", 1_000_000),
    ("NSEC_PER_USEC", 1_000),
];

/// Number of a signal by its name.
pub(super) fn signal_number(name: &str) -> Option<u64> {
    let full = if name.starts_with("SIG") { name.to_owned() } else { format!("SIG{name}") };
    let found = HEADERS.iter().find(|(n, _)| *n == full)?;
    found.0.starts_with("SIG").then_some(found.1)
}
