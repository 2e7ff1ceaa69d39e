//! The events that reach outside: join, cat, system.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

use crate::output::event::argument;
use crate::output::value::str_bytes;
use crate::plan::Event;

/// Joins the strings of a record: the first argument says how many there are.
pub(super) fn join(event: &Event, record: &[u8], delim: &str, out: &mut Vec<u8>) {
    out.clear();
    let count = argument(event, 0, record).and_then(|value| value.as_bits()).unwrap_or(0);
    let strings = event.def.args.len().saturating_sub(1);
    for index in 0..usize::try_from(count).unwrap_or(usize::MAX).min(strings) {
        if index > 0 {
            out.extend_from_slice(delim.as_bytes());
        }
        if let Some(value) = argument(event, index + 1, record) {
            out.extend_from_slice(str_bytes(value.bytes, value.bytes.len()).0);
        }
    }
}

/// At most `limit` bytes of a file. The message of a failure is in bpftrace's words.
pub(super) fn cat(path: &[u8], limit: u64) -> Result<Vec<u8>, String> {
    let shown = String::from_utf8_lossy(path);
    let file = File::open(OsStr::from_bytes(path))
        .map_err(|e| format!("failed to open file '{shown}' ({})", os_words(&e)))?;
    let mut content = Vec::new();
    let read = file.take(limit).read_to_end(&mut content);
    read.map_err(|e| format!("failed to read file '{shown}' ({})", os_words(&e)))?;
    Ok(content)
}

/// What a shell command printed. Its error output is ours.
pub(super) fn system(command: &[u8]) -> Result<Vec<u8>, String> {
    let output = Command::new("sh")
        .arg("-c")
        .arg(OsStr::from_bytes(command))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("failed to run '{}' ({})", String::from_utf8_lossy(command), os_words(&e)))?;
    Ok(output.stdout)
}

/// A line on standard error in the shape of the script's own errors. Nobody is left to tell when it fails.
pub(super) fn say_error(message: &str) {
    drop(writeln!(io::stderr(), "ERROR: {message}"));
}

/// The system's words as C programs print them, without the number.
pub(crate) fn os_words(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error ").next().unwrap_or(&text).to_owned()
}

/// The same for a warning.
pub(super) fn say_warning(message: &str) {
    drop(writeln!(io::stderr(), "WARNING: {message}"));
}

/// The line that bpftrace's test suite waits for.
pub(super) fn say_attached() -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(b"__BPFTRACE_NOTIFY_PROBES_ATTACHED\n")?;
    out.flush()
}
