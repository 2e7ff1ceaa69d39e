//! Texts of signal numbers, in the words of strsignal(3).

const TEXTS: [&str; 32] = [
    "Unknown signal 0",
    "Hangup",
    "Interrupt",
    "Quit",
    "Illegal instruction",
    "Trace/breakpoint trap",
    "Aborted",
    "Bus error",
    "Floating point exception",
    "Killed",
    "User defined signal 1",
    "Segmentation fault",
    "User defined signal 2",
    "Broken pipe",
    "Alarm clock",
    "Terminated",
    "Stack fault",
    "Child exited",
    "Continued",
    "Stopped (signal)",
    "Stopped",
    "Stopped (tty input)",
    "Stopped (tty output)",
    "Urgent I/O condition",
    "CPU time limit exceeded",
    "File size limit exceeded",
    "Virtual timer expired",
    "Profiling timer expired",
    "Window changed",
    "I/O possible",
    "Power failure",
    "Bad system call",
];
/// The first that programs may use; libc keeps the two before it for itself.
const FIRST_REAL_TIME: u64 = 34;
const LAST: u64 = 64;

pub fn name(number: u64) -> String {
    let text = usize::try_from(number).ok().and_then(|at| TEXTS.get(at));
    match (text, number) {
        (Some(text), _) => (*text).to_owned(),
        (None, FIRST_REAL_TIME..=LAST) => format!("Real-time signal {}", number - FIRST_REAL_TIME),
        (None, ..FIRST_REAL_TIME) => format!("Unknown signal {number}"),
        _ => "N/A".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let texts = [0, 2, 31, 32, 34, 64, 65, u64::MAX].map(name);
        let expected = [
            "Unknown signal 0",
            "Interrupt",
            "Bad system call",
            "Unknown signal 32",
            "Real-time signal 0",
            "Real-time signal 30",
            "N/A",
            "N/A",
        ];
        assert_eq!(texts, expected);
    }
}
