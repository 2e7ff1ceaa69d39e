//! How far long work is: a line that is written over on a terminal, lines elsewhere, JSON for programs.
//!
//! It goes to standard error, so standard output stays data. On a terminal the line changes five times a second at
//! most; elsewhere there is a line each tenth of the way or every five seconds; what is over within a second says
//! nothing. Neighbours: `ctx` says whether there is a terminal, `clock` when.

use std::io::{self, Write};
use std::time::Duration;

use clap::{Arg, ArgMatches};

use crate::{Clock, Ctx, json, units};

/// Between two changes on a terminal, two lines elsewhere; before the first of either.
const REDRAW: Duration = Duration::from_millis(200);
const LINE: Duration = Duration::from_secs(5);
const QUIET: Duration = Duration::from_secs(1);

/// How it is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shape {
    Bar,
    Plain,
    Json,
    None,
}

/// The id of the option.
pub const ARG: &str = "progress";

/// `--progress`.
pub fn arg() -> Arg {
    Arg::new(ARG)
        .long(ARG)
        .value_name("SHAPE")
        .value_parser(["auto", "bar", "plain", "json", "none"])
        .hide_possible_values(true)
        .help_heading("Output")
        .help("Show progress as auto, bar, plain, json or none [auto]")
}

/// One piece of work, measured in bytes.
#[derive(Debug)]
pub struct Progress {
    shape: Shape,
    clock: Clock,
    /// What is done, as a verb: `packing`.
    doing: String,
    total: Option<u64>,
    done: u64,
    saved: u64,
    started: Duration,
    shown: Option<(Duration, u64)>,
}

impl Progress {
    /// As `--progress` says; none if the command has no such option.
    pub fn new(ctx: &Ctx, matches: &ArgMatches) -> Progress {
        let word = matches.try_get_one::<String>(ARG).ok().flatten().map_or("auto", String::as_str);
        let shape = match word {
            "auto" if ctx.stderr_is_tty() => Shape::Bar,
            "auto" | "plain" => Shape::Plain,
            "bar" => Shape::Bar,
            "json" => Shape::Json,
            _ => Shape::None,
        };
        let clock = ctx.clock().clone();
        let started = clock.monotonic();
        Progress { shape, clock, doing: String::new(), total: None, done: 0, saved: 0, started, shown: None }
    }

    /// The next piece of work begins; `total` in bytes, if it is known.
    pub fn begin(&mut self, doing: &str, total: Option<u64>) {
        self.end();
        doing.clone_into(&mut self.doing);
        (self.total, self.done, self.saved) = (total, 0, 0);
        self.started = self.clock.monotonic();
    }

    /// What is being done.
    pub fn doing(&self) -> &str {
        &self.doing
    }

    /// So many bytes more are done.
    pub fn add(&mut self, bytes: u64) {
        self.done += bytes;
        if self.shape != Shape::None && self.is_due() {
            self.show();
        }
    }

    /// So many bytes of what is done, or will be said to be by the next [`Progress::add`], need not be moved.
    pub fn save(&mut self, bytes: u64) {
        self.saved += bytes;
    }

    /// The work is over, or has failed: a line on a terminal is wiped.
    pub fn end(&mut self) {
        if self.shown.take().is_some() && self.shape == Shape::Bar {
            // Nobody is told when standard error is gone.
            let _gone = io::stderr().write_all(b"\r\x1b[K");
        }
    }

    fn is_due(&self) -> bool {
        let now = self.clock.monotonic();
        let Some((last, done)) = self.shown else { return now - self.started >= QUIET };
        match self.shape {
            Shape::Bar => now - last >= REDRAW,
            _ => {
                let tenth = self.total.map_or(u64::MAX, |total| (total / 10).max(1));
                now - last >= LINE || self.done - done >= tenth
            }
        }
    }

    fn show(&mut self) {
        let now = self.clock.monotonic();
        let elapsed = now - self.started;
        self.shown = Some((now, self.done));
        let line = match self.shape {
            Shape::Json => {
                let mut line = Vec::new();
                let value = serde_json::json!({
                    "doing": self.doing, "done": self.done, "total": self.total,
                    "saved": self.saved,
                    "seconds": elapsed.as_secs_f64(),
                });
                let _memory = json::write_line(&mut line, "progress", value);
                String::from_utf8(line).unwrap_or_default()
            }
            Shape::Bar => format!("\r\x1b[K{}", self.words(elapsed)),
            _ => self.words(elapsed) + "\n",
        };
        let _gone = io::stderr().write_all(line.as_bytes());
    }

    /// `packing: 120 of 200 MiB, 60 %, 41 MiB/s, 2s left`
    fn words(&self, elapsed: Duration) -> String {
        const MIB: u64 = 1 << 20;
        let rate = self.done as f64 / elapsed.as_secs_f64().max(0.001);
        let mut words = format!("{}: {}", self.doing, self.done / MIB);
        if let Some(total) = self.total.filter(|total| *total > 0) {
            let share = self.done as f64 / total as f64 * 100.0;
            words.push_str(&format!(" of {} MiB, {share:.0} %", total / MIB));
        } else {
            words.push_str(" MiB");
        }
        words.push_str(&format!(", {:.0} MiB/s", rate / MIB as f64));
        if let Some(left) = self.total.map(|total| total.saturating_sub(self.done)).filter(|_| rate > 0.0) {
            let seconds = (left as f64 / rate).ceil().min(1e9) as u64;
            words.push_str(&format!(", {} left", units::show_duration(Duration::from_secs(seconds))));
        }
        if self.saved > 0 {
            words.push_str(&format!(", {} MiB saved", self.saved / MIB));
        }
        words
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(shape: Shape) -> (Progress, crate::Hands) {
        let (clock, hands) = Clock::fake(Duration::from_secs(1_800_000_000));
        let started = clock.monotonic();
        let progress = Progress {
            shape,
            clock,
            doing: String::new(),
            total: None,
            done: 0,
            saved: 0,
            started,
            shown: None,
        };
        (progress, hands)
    }

    #[test]
    fn says_nothing_of_short_work_and_little_of_long() {
        let (mut progress, hands) = progress(Shape::Plain);
        progress.begin("packing", Some(1000));
        assert!(!progress.is_due());
        hands.advance(QUIET);
        assert!(progress.is_due());
        progress.shown = Some((progress.clock.monotonic(), 0));
        progress.done = 99;
        assert!(!progress.is_due());
        progress.done = 100;
        assert!(progress.is_due());
        progress.done = 1;
        hands.advance(LINE);
        assert!(progress.is_due());
    }

    #[test]
    fn the_words_name_rate_and_rest() {
        let (mut progress, _hands) = progress(Shape::Plain);
        progress.begin("packing", Some(200 << 20));
        progress.done = 120 << 20;
        assert_eq!(
            progress.words(Duration::from_secs(3)),
            "packing: 120 of 200 MiB, 60 %, 40 MiB/s, 2s left"
        );
        progress.begin("reading", None);
        progress.done = 8 << 20;
        assert_eq!(progress.words(Duration::from_secs(2)), "reading: 8 MiB, 4 MiB/s");
    }
}
