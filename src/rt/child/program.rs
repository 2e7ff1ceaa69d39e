//! A program that is run to its end: by its words, without a shell, with little of an environment, and a deadline.
//!
//! It leads a process group, so that what it started ends with it at the deadline. What it prints is read to the end,
//! a full pipe would hold it up, and kept up to a bound. Neighbour: `running.rs`, which it stands on.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use edgekit_core::{text, units};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::time::timeout;

use super::Running;

/// Where programs without a path are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What to run. Its folder is `/`, its input is empty, its environment is `PATH` and what is named here.
#[derive(Clone, Debug)]
pub struct Program<'a> {
    /// The program and its words.
    pub argv: Vec<&'a OsStr>,
    /// Variables besides `PATH`.
    pub env: Vec<(&'a str, &'a OsStr)>,
    /// How long it may run.
    pub deadline: Duration,
    /// Bytes kept of its output, and as many of its errors.
    pub keep: usize,
}

/// How it ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// The first it printed.
    pub out: Vec<u8>,
    /// The first it complained.
    pub err: Vec<u8>,
}

impl Program<'_> {
    /// Runs it. To be called in a runtime.
    ///
    /// # Errors
    /// As a sentence: it could not be started, or ran longer than it may and was ended.
    pub async fn run(&self) -> Result<Ended, String> {
        let Some((program, words)) = self.argv.split_first() else { return Err("no program".to_owned()) };
        let name = program.to_string_lossy();
        let mut command = Command::new(program);
        command
            .args(words)
            .env_clear()
            .env("PATH", PATH)
            .envs(self.env.iter().copied())
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let cannot =
            |doing: &str, error: &io::Error| format!("cannot {doing} '{name}': {}", text::io_reason(error));
        let mut running = Running::start(&mut command).map_err(|error| cannot("run", &error))?;
        let (_, out, err) = running.pipes();
        let all = async {
            let (out, err) = (self.read(out.map(Into::into)), self.read(err.map(Into::into)));
            tokio::join!(running.ended(), out, err)
        };
        match timeout(self.deadline, all).await {
            Ok((Ok(status), out, err)) => Ok(Ended { status, out, err }),
            Ok((Err(error), ..)) => Err(cannot("wait for", &error)),
            Err(_) => {
                if let Some(group) = Pid::from_raw(running.id().cast_signed()) {
                    // It may have ended by itself meanwhile.
                    let _gone = kill_process_group(group, Signal::KILL);
                }
                drop(running.ended().await);
                let most = units::show_duration(self.deadline);
                Err(format!("'{name}' ran longer than {most}, and was ended"))
            }
        }
    }

    /// [`Program::run`], and a failure it reports itself is an error too, with the last it said.
    ///
    /// # Errors
    /// As [`Program::run`], and an exit status that is not 0.
    pub async fn succeed(&self) -> Result<Ended, String> {
        let ended = self.run().await?;
        if ended.status.success() {
            return Ok(ended);
        }
        let name = self.argv.first().map(|name| name.to_string_lossy()).unwrap_or_default();
        let said = String::from_utf8_lossy(&ended.err);
        match said.trim() {
            "" => Err(format!("'{name}' ended with {}", ended.status)),
            said => Err(format!("'{name}' ended with {}: {said}", ended.status)),
        }
    }

    /// [`Program::succeed`], for who has no runtime. To be called in none.
    ///
    /// # Errors
    /// As [`Program::succeed`], and a system that lets no runtime be made.
    pub fn succeed_here(&self) -> Result<Ended, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("no runtime: {}", text::io_reason(&error)))?;
        runtime.block_on(self.succeed())
    }

    async fn read(&self, pipe: Option<OwnedFd>) -> Vec<u8> {
        let mut kept = Vec::new();
        let Some(Ok(mut pipe)) = pipe.map(Receiver::from_owned_fd) else { return kept };
        let mut piece = [0; 1024];
        while let Ok(length @ 1..) = pipe.read(&mut piece).await {
            let room = self.keep.saturating_sub(kept.len()).min(length);
            kept.extend_from_slice(&piece[..room]);
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgekit_core::Clock;

    fn program<'a>(argv: &[&'a str], deadline: Duration) -> Program<'a> {
        Program {
            argv: argv.iter().map(|word| OsStr::new(*word)).collect(),
            env: Vec::new(),
            deadline,
            keep: 2048,
        }
    }

    fn soon<'a>(argv: &[&'a str]) -> Program<'a> {
        program(argv, Duration::from_secs(10))
    }

    #[tokio::test]
    async fn words_are_words_and_no_shell_sees_them() {
        let words = ["/bin/test", "a b; $(exit 3)", "=", "a b; $(exit 3)"];
        assert!(soon(&words).succeed().await.is_ok());
    }

    #[test]
    fn who_has_no_runtime_runs_it_too() {
        assert_eq!(soon(&["sh", "-c", "echo out"]).succeed_here().unwrap().out, b"out\n");
        let said = soon(&["false"]).succeed_here().unwrap_err();
        assert_eq!(said, "'false' ended with exit status: 1");
    }

    #[tokio::test]
    async fn what_it_says_is_kept() {
        let mut sh = soon(&["sh", "-c", "echo \"out $WORD\"; echo no luck >&2; exit 3"]);
        sh.env.push(("WORD", OsStr::new("word")));
        let ended = sh.run().await.unwrap();
        assert_eq!((ended.status.code(), &*ended.out), (Some(3), "out word\n".as_bytes()));
        assert_eq!(sh.succeed().await.unwrap_err(), "'sh' ended with exit status: 3: no luck");
        let said = soon(&["/nowhere/x"]).run().await.unwrap_err();
        assert_eq!(said, "cannot run '/nowhere/x': no such file or directory");
    }

    #[tokio::test]
    async fn the_deadline_ends_a_program_and_its_children() {
        let clock = Clock::system();
        let begin = clock.monotonic();
        let words = ["sh", "-c", "sleep 30 & sleep 30"];
        let said = program(&words, Duration::from_millis(50)).run().await.unwrap_err();
        assert_eq!(said, "'sh' ran longer than 50ms, and was ended");
        assert!(clock.monotonic() - begin < Duration::from_secs(10));
    }

    #[tokio::test]
    async fn what_it_prints_does_not_hold_it_up() {
        let ended = soon(&["sh", "-c", "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2"])
            .run()
            .await
            .unwrap();
        assert_eq!((ended.out.len(), ended.err.len()), (2048, 2048));
    }
}
