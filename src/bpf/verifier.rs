//! The verifier's log, reduced to what a script's author needs: which instruction, which words, what it means.
//!
//! The tracer maps [`Rejection::insn`] back to a line and column of the script. Neighbours: `prog` produces the
//! log, `error` quotes its last message.

/// Why the verifier refused, from its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection<'a> {
    /// Index of the instruction, counted in 8-byte units, that the refusal is about.
    pub insn: Option<usize>,
    /// The verifier's own last message.
    pub message: &'a str,
    /// The same for a person who has not read the verifier.
    pub cause: &'static str,
}

/// Parts of messages and what is behind them; the first that occurs wins.
const CAUSES: &[(&str, &str)] = &[
    (
        "invalid mem access 'scalar",
        "a number is used as an address; kernel memory is read with a probe read only",
    ),
    (
        "invalid mem access 'inv'",
        "a number is used as an address; kernel memory is read with a probe read only",
    ),
    ("_or_null'", "a value looked up in a map is used before it is known to exist"),
    ("invalid bpf_context access", "the probe's arguments end before this offset, or have another size"),
    ("invalid access to map value", "an access reaches past the end of a map's value"),
    ("invalid access to memory", "an access reaches past the end of the memory it points into"),
    ("invalid stack type", "a read from the stack uses bytes that were not written or do not exist"),
    ("invalid read from stack", "a read from the stack uses bytes that were not written or do not exist"),
    ("invalid indirect read from stack", "a helper would read stack bytes that were never written"),
    ("invalid indirect access to stack", "a helper would read stack bytes that were never written"),
    ("invalid write to stack", "a write goes past the end of the 512-byte stack"),
    ("combined stack size", "the functions of this program need more than the 512 bytes of stack together"),
    ("out of bounds", "an access reaches past the end of the memory it points into"),
    ("unbounded", "an index or length has no upper bound that the kernel can prove"),
    ("min value is negative", "an index or length may be negative; the kernel wants it bounded below"),
    ("max value is outside", "an index or length may be larger than the memory it is used on"),
    ("unknown func", "this kernel has no such helper"),
    ("program of this type cannot use helper", "this helper is not allowed in this kind of probe"),
    ("cannot call GPL-restricted function", "this helper is for programs under the GPL only"),
    ("cannot pass map_type", "this kind of map does not support the operation"),
    ("back-edge", "this kernel does not take loops (it needs 5.3)"),
    ("infinite loop", "a loop has no end that the kernel can prove"),
    ("too complex", "too many branches for this kernel's limit"),
    ("too large", "the program runs too long for this kernel's limit; a loop may be too long"),
    ("unreachable insn", "part of the program can never run (a fault of the compiler)"),
    ("jump out of range", "a jump leaves the program (a fault of the compiler)"),
    ("!read_ok", "a value is used before it is set (a fault of the compiler)"),
    ("R0 !read_ok", "the program ends without a result (a fault of the compiler)"),
    ("type=", "a helper is given another kind of value than it takes"),
    ("failed to find kernel BTF type ID", "the kernel has no type information for this function"),
    ("missing btf func_info", "a callback comes without its type information"),
    ("misaligned", "an access is not aligned to its size"),
];

/// Reads the instruction, the message and the cause out of a log.
pub fn explain(log: &str) -> Rejection<'_> {
    let message = last_message(log).unwrap_or("");
    let cause = CAUSES.iter().find(|(part, _)| message.contains(part)).map_or("", |&(_, cause)| cause);
    Rejection { insn: insn_of(log, message), message, cause }
}

/// The last line that is neither an instruction, nor a register dump, nor the summary.
pub(crate) fn last_message(log: &str) -> Option<&str> {
    log.lines().rev().map(str::trim).find(|line| is_message(line))
}

fn is_message(line: &str) -> bool {
    const NOISE: &[&str] = &[
        "processed ",
        "verification time ",
        "stack depth ",
        "insns processed ",
        "max_states_per_insn",
        "mark_precise:",
        "func#",
        "arg#",
        "from ",
        "Caller passes ",
        "returning from callee",
        "to caller at",
        "caller:",
        "callee:",
        "old state:",
        "cur state:",
        "Live regs before insn",
    ];
    !line.is_empty()
        && !line.starts_with(';')
        && insn_line(line).is_none()
        && !NOISE.iter().any(|n| line.starts_with(n))
        // Register dumps: `R1=ctx() R10=fp0`, `R0_w=…`.
        && !is_registers(line)
}

fn is_registers(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words.next().is_some_and(|w| {
        let digits = w.strip_prefix('R').unwrap_or("").trim_start_matches(|c: char| c.is_ascii_digit());
        w.starts_with('R')
            && digits.len() < w.len() - 1
            && (digits.starts_with('=') || digits.starts_with('_'))
    })
}

/// `17: (85) call bpf_map_lookup_elem#1` or the state-only form `17: R0=scalar()`.
fn insn_line(line: &str) -> Option<usize> {
    let (number, rest) = line.split_once(':')?;
    let rest = rest.strip_prefix(' ')?;
    let shape = rest.starts_with('(') || is_registers(rest);
    shape.then(|| number.parse().ok())?
}

fn insn_of(log: &str, message: &str) -> Option<usize> {
    // Some messages name the instruction themselves; those checks run before any instruction is walked.
    for marker in ["unreachable insn ", "from insn ", "last insn ", "insn "] {
        if let Some(at) = message.find(marker) {
            let digits = message[at + marker.len()..].split(|c: char| !c.is_ascii_digit()).next();
            if let Some(n) = digits.and_then(|d| d.parse().ok()) {
                return Some(n);
            }
        }
    }
    log.lines().rev().find_map(|line| insn_line(line.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
func#0 @0
0: R1=ctx() R10=fp0
0: (b7) r2 = 4096                     ; R2_w=4096
1: (79) r3 = *(u64 *)(r2 +8)
R2 invalid mem access 'scalar'
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
";

    #[test]
    fn instruction_message_cause() {
        let r = explain(LOG);
        assert_eq!(r.insn, Some(1));
        assert_eq!(r.message, "R2 invalid mem access 'scalar'");
        assert!(r.cause.starts_with("a number is used as an address"));
    }

    #[test]
    fn message_that_names_its_instruction() {
        let r = explain("unreachable insn 5\nprocessed 0 insns (limit 1000000)\n");
        assert_eq!((r.insn, r.message), (Some(5), "unreachable insn 5"));
        let r = explain("jump out of range from insn 3 to 900\n");
        assert_eq!(r.insn, Some(3));
    }

    #[test]
    fn garbage_is_harmless() {
        for log in ["", "\n\n", "R", "R1", ":", "1:", "1: ", "insn 99999999999999999999999", "\u{fffd}: ("] {
            let r = explain(log);
            assert_eq!(r.insn, None, "{log:?}");
        }
    }
}
