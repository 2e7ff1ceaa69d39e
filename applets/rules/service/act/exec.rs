//! Programs that rules run: by their words, without a shell, an environment, an input or an end of patience.
//!
//! A program is its own process group, so that what it started ends with it at the deadline. What it prints is
//! kept, up to a bound, for the log. Neighbour: `mod.rs` decides whether it may run at all.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use edgekit_core::{text, units};
use edgekit_rules::Str;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Where programs without a path are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Bytes kept of what a program prints.
const KEPT: usize = 2048;

/// Runs `argv` to its end.
///
/// # Errors
/// Why it did not run, or ended in failure, with the last it said.
pub(super) async fn run(argv: &[Str], deadline: Duration) -> Result<(), String> {
    let Some((program, words)) = argv.split_first() else { return Err("no program".to_owned()) };
    let mut command = Command::new(OsStr::from_bytes(program));
    command
        .args(words.iter().map(|word| OsStr::from_bytes(word)))
        .env_clear()
        .env("PATH", PATH)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut child =
        command.spawn().map_err(|error| format!("cannot run '{program}': {}", text::io_reason(&error)))?;
    match timeout(deadline, finish(&mut child)).await {
        Ok((Ok(status), said)) => judge(program, status, &said),
        Ok((Err(error), _)) => Err(format!("cannot wait for '{program}': {}", text::io_reason(&error))),
        Err(_) => {
            end(&mut child).await;
            Err(format!("'{program}' ran longer than {}, and was ended", units::show_duration(deadline)))
        }
    }
}

async fn finish(child: &mut Child) -> (std::io::Result<ExitStatus>, Vec<u8>) {
    let (out, err) = (child.stdout.take(), child.stderr.take());
    // Read to the end although little is kept: a full pipe would hold the program up.
    let (status, _, said) = tokio::join!(child.wait(), drain(out), drain(err));
    (status, said)
}

async fn drain(pipe: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut pipe) = pipe else { return kept };
    let mut piece = [0; 4096];
    while let Ok(length @ 1..) = pipe.read(&mut piece).await {
        let room = KEPT.saturating_sub(kept.len()).min(length);
        kept.extend_from_slice(&piece[..room]);
    }
    kept
}

fn judge(program: &Str, status: ExitStatus, said: &[u8]) -> Result<(), String> {
    if status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(said);
    let said = said.trim();
    match said {
        "" => Err(format!("'{program}' ended with {status}")),
        said => Err(format!("'{program}' ended with {status}: {said}")),
    }
}

/// Ends the program and all it started, and collects it.
async fn end(child: &mut Child) {
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    if let Some(pid) = pid {
        // It may have ended by itself meanwhile.
        let _gone = kill_process_group(pid, Signal::KILL);
    }
    drop(child.wait().await);
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgekit_core::Clock;

    fn argv(words: &[&str]) -> Vec<Str> {
        words.iter().map(|word| Str::from(*word)).collect()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn words_are_words_and_no_shell_sees_them() {
        let words = argv(&["/bin/test", "a b; $(exit 3)", "=", "a b; $(exit 3)"]);
        assert_eq!(run(&words, Duration::from_secs(5)).await, Ok(()));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_failure_is_told_with_its_last_words() {
        let words = argv(&["sh", "-c", "echo no luck >&2; exit 3"]);
        let said = run(&words, Duration::from_secs(5)).await.expect_err("it fails");
        assert_eq!(said, "'sh' ended with exit status: 3: no luck");
        let said = run(&argv(&["/nowhere/x"]), Duration::from_secs(5)).await.expect_err("it is not there");
        assert_eq!(said, "cannot run '/nowhere/x': no such file or directory");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_deadline_ends_a_program_and_its_children() {
        let clock = Clock::system();
        let begin = clock.monotonic();
        let words = argv(&["sh", "-c", "sleep 30 & sleep 30"]);
        let said = run(&words, Duration::from_millis(50)).await.expect_err("it is ended");
        assert_eq!(said, "'sh' ran longer than 50ms, and was ended");
        assert!(clock.monotonic() - begin < Duration::from_secs(10));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_it_prints_does_not_hold_it_up() {
        let words = argv(&["sh", "-c", "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2"]);
        assert_eq!(run(&words, Duration::from_secs(10)).await, Ok(()));
    }
}
