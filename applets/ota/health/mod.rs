//! `[health]`: what must hold before a new version is kept.
//!
//! Each check is made again and again until it has passed as often in a row as it is to; once all have, the verdict is
//! good, and the version is committed. One that has not by the deadline makes it bad, and the device goes back. Only
//! what is configured here counts: that no update server answers is no reason to leave a good version, and nobody asks
//! one here. Neighbours: `checks` makes them, the verb `commit --check` and the daemon act on the verdict.

mod checks;

use std::path::PathBuf;
use std::time::Duration;

use edgekit_core::Clock;
use edgekit_core::config::Named;

use crate::fault::Fault;
use crate::judge::Judge;

edgekit_core::words! {
    /// How a check is made.
    pub enum Kind {
        /// A program ends with 0.
        Exec = "exec",
        /// A server answers.
        Http = "http",
        /// A port or a socket takes a connection.
        Tcp = "tcp",
        /// `systemctl is-active` says so.
        Unit = "unit",
        /// Hooks on `ota.health` say so.
        Rule = "rule",
    }
}

edgekit_core::config! {
    /// A check
    pub struct Check {
        /// How it is made: exec, http, tcp, unit or rule
        live kind: Kind, like "http";
        /// The program and its words; for exec
        live command: Vec<String> = [], like ["/usr/bin/selftest", "--quick"];
        /// What is asked for; for http
        live url: Option<String>, like "http://localhost:8080/health";
        /// The status that is good; for http, where it is any of 200 to 299 without
        live status: Option<u16>, in 100..=599, like 204;
        /// A text the answer must hold in its first 16 KiB; for http
        live expect: Option<String>, like "ok";
        /// Whom an https server must be certified by: system, bundled or a file
        live roots: String = "system";
        /// A host and port, or the path of a socket; for tcp
        live address: Option<String>, like "localhost:1883";
        /// The unit; for unit
        live unit: Option<String>, like "app.service";
        /// Files whose contents the hooks are shown; for rule
        live files: Vec<PathBuf> = [], like ["/sys/class/thermal/thermal_zone0/temp"];
        /// How long one try may take
        live timeout: Duration = "10s", in "100ms"..="10m";
        /// How long until the next
        live interval: Duration = "5s", in "100ms"..="1h";
        /// How often in a row it must pass
        live times: u32 = 1, in 1..=1000;
    }
}

edgekit_core::config! {
    /// What must hold before a new version is kept
    pub struct Health {
        /// How long all checks together may take to pass; then the device goes back
        live deadline: Duration = "5m", in "1s"..="1d";
        /// Checks, by name; all must pass
        live check: Named<Check>;
    }
}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// All passed.
    Good,
    /// One did not, in time.
    Bad {
        /// Its name.
        check: String,
        /// What it said last.
        why: String,
    },
    /// Somebody asked to stop; nothing is decided.
    Stopped(String),
}

/// Who wants to know how it goes, and may stop it.
pub trait Listener {
    /// A try of a check: how often in a row it passed, or why not.
    fn tried(&mut self, check: &str, outcome: Result<u32, &str>);
    /// Asked at least ten times a second.
    fn stop(&mut self) -> Option<String> {
        None
    }
}

/// Between two looks whether to stop.
const LOOK: Duration = Duration::from_millis(100);

/// A check on its way.
struct Progress<'a> {
    name: &'a str,
    check: &'a Check,
    /// How often in a row it passed.
    row: u32,
    due: Duration,
    last: String,
}

/// Makes all checks until they have passed or the deadline is over. To be called in no runtime.
///
/// # Errors
/// [`Fault::Config`] for a check that does not say what it needs; [`Fault::Io`] where no runtime can be made.
pub fn judge(
    health: &Health,
    judge: &mut dyn Judge,
    listener: &mut dyn Listener,
    clock: &Clock,
) -> Result<Verdict, Fault> {
    for (name, check) in &health.check {
        checks::is_whole(name, check)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Fault::io("wait for", "checks"))?;
    let start = clock.monotonic();
    let end = start + health.deadline;
    let mut open: Vec<Progress<'_>> = health
        .check
        .iter()
        .map(|(name, check)| Progress {
            name,
            check,
            row: 0,
            due: start,
            last: "it was not made in time".to_owned(),
        })
        .collect();
    while !open.is_empty() {
        if let Some(why) = listener.stop() {
            return Ok(Verdict::Stopped(why));
        }
        let now = clock.monotonic();
        if now >= end {
            let Progress { name, last, .. } = open.swap_remove(0);
            return Ok(Verdict::Bad { check: name.to_owned(), why: last });
        }
        let Some(at) = open.iter().position(|progress| progress.due <= now) else {
            let next = open.iter().map(|progress| progress.due).min().unwrap_or(now);
            let wait = next.min(end).saturating_sub(now).min(LOOK);
            // The timer belongs to the runtime, so it is made in it.
            runtime.block_on(async { tokio::time::sleep(wait).await });
            continue;
        };
        let progress = &mut open[at];
        let time = progress.check.timeout.min(end - now);
        let outcome = checks::make(&runtime, progress.name, progress.check, time, judge, clock);
        match outcome {
            Ok(()) => {
                progress.row += 1;
                listener.tried(progress.name, Ok(progress.row));
            }
            Err(why) => {
                progress.row = 0;
                listener.tried(progress.name, Err(&why));
                progress.last = why;
            }
        }
        progress.due = clock.monotonic() + progress.check.interval;
        if progress.row >= progress.check.times {
            open.swap_remove(at);
        }
    }
    Ok(Verdict::Good)
}

#[cfg(test)]
mod tests;
