//! What a command is given: where to write, whether to colour, the time, the table of applets.
//!
//! One is made in `main` for a run and passed down; nothing here is global, so that two applets can
//! run in one process and a test can look at what one wrote.

use std::fmt::Display;
use std::io::{self, Write};

use crate::color::Environment;
use crate::{Applet, Clock, ColorChoice, Error, Out, Paint, term};

/// The surroundings of one command.
pub struct Ctx {
    program: String,
    applets: &'static [&'static Applet],
    clock: Clock,
    out: Option<Out>,
    /// Where messages are kept instead of standard error, in tests.
    captured: Option<Vec<u8>>,
    stdout_tty: bool,
    stderr_tty: bool,
    environment: Environment,
    color: ColorChoice,
}

impl Ctx {
    /// The surroundings of the real process.
    pub fn new(applets: &'static [&'static Applet]) -> Ctx {
        Ctx {
            program: "edgekit".to_owned(),
            applets,
            clock: Clock::system(),
            out: None,
            captured: None,
            stdout_tty: term::stdout_is_tty(),
            stderr_tty: term::stderr_is_tty(),
            environment: Environment::read(),
            color: ColorChoice::Auto,
        }
    }

    /// Surroundings that keep what is written; see [`Ctx::into_captured`].
    pub fn capturing(applets: &'static [&'static Applet]) -> Ctx {
        Ctx {
            program: "edgekit".to_owned(),
            applets,
            clock: Clock::system(),
            out: Some(Out::memory()),
            captured: Some(Vec::new()),
            stdout_tty: false,
            stderr_tty: false,
            environment: Environment::default(),
            color: ColorChoice::Auto,
        }
    }

    /// What was written to standard output and standard error, after [`Ctx::capturing`].
    pub fn into_captured(self) -> (Vec<u8>, Vec<u8>) {
        (self.out.map(Out::into_bytes).unwrap_or_default(), self.captured.unwrap_or_default())
    }

    /// The name errors start with: `edgekit trace`.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Set by the dispatcher once it knows the applet.
    pub fn set_program(&mut self, program: impl Into<String>) {
        self.program = program.into();
    }

    /// Every applet of this build.
    pub fn applets(&self) -> &'static [&'static Applet] {
        self.applets
    }

    /// The time.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Another clock: `main` gives the date of the build, a test its own time.
    pub fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    /// The value of `--color`, set by the dispatcher.
    pub fn set_color(&mut self, color: ColorChoice) {
        self.color = color;
    }

    /// Standard output. Its errors may be passed on with `?`: a reader that went away ends the tool
    /// quietly.
    pub fn out(&mut self) -> io::Result<&mut Out> {
        if self.out.is_none() {
            self.out = Some(Out::stdout(self.stdout_tty)?);
        }
        // The line above has filled it; an error here keeps the type honest without a panic.
        self.out.as_mut().ok_or_else(|| io::Error::other("standard output was taken"))
    }

    /// Takes standard output away from the context, for a loop that also needs the context. Flush
    /// it before dropping it, or a failed last write goes unseen.
    pub fn take_out(&mut self) -> io::Result<Out> {
        match self.out.take() {
            Some(out) => Ok(out),
            None => Out::stdout(self.stdout_tty),
        }
    }

    /// Writes out what is buffered.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.as_mut().map_or(Ok(()), Write::flush)
    }

    /// A line on standard error, as it is. Failing to write one has no one to tell.
    pub fn say(&mut self, line: impl Display) {
        let text = format!("{line}\n");
        match &mut self.captured {
            Some(buffer) => buffer.extend_from_slice(text.as_bytes()),
            None => drop(io::stderr().write_all(text.as_bytes())),
        }
    }

    /// `edgekit trace: warning: …` on standard error.
    pub fn warn(&mut self, message: impl Display) {
        let label = self.stderr_paint().yellow("warning:");
        self.say(format_args!("{}: {label} {message}", self.program.clone()));
    }

    /// `edgekit trace: …` and its hint on standard error; silent for what was already shown.
    pub fn show_error(&mut self, error: &Error) {
        if error.is_shown() {
            return;
        }
        let paint = self.stderr_paint();
        let program = paint.red(&format!("{}:", self.program));
        self.say(format_args!("{program} {error}"));
        if let Some(hint) = error.hint_text() {
            self.say(format_args!("{} {hint}", paint.cyan("hint:")));
        }
    }

    /// True if standard output is a terminal.
    pub fn stdout_is_tty(&self) -> bool {
        self.stdout_tty
    }

    /// True if standard error is a terminal.
    pub fn stderr_is_tty(&self) -> bool {
        self.stderr_tty
    }

    /// Colours for standard output.
    pub fn stdout_paint(&self) -> Paint {
        Paint::new(self.color.decide(&self.environment, self.stdout_tty))
    }

    /// Colours for standard error.
    pub fn stderr_paint(&self) -> Paint {
        Paint::new(self.color.decide(&self.environment, self.stderr_tty))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Exit;

    #[test]
    fn an_error_names_the_program_and_the_next_step() {
        let mut ctx = Ctx::capturing(&[]);
        ctx.set_program("edgekit proxy");
        ctx.show_error(&Error::new(Exit::NO_PERMISSION, "denied").context("cannot listen").hint("use sudo"));
        ctx.show_error(&Error::already_shown(Exit::DATA));
        let (_, err) = ctx.into_captured();
        assert_eq!(String::from_utf8(err).unwrap(), "edgekit proxy: cannot listen: denied\nhint: use sudo\n");
    }
}
