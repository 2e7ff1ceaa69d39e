//! Whether to colour, decided once, and the few colours there are.
//!
//! The order is: `--color`, `NO_COLOR`, `CLICOLOR_FORCE`, `TERM=dumb`, then whether the stream is a
//! terminal. Colour never carries a meaning alone.

use std::env;
use std::ffi::OsStr;

use clap::ArgMatches;

/// The values of `--color`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ColorChoice {
    /// On a terminal that can, unless the environment says otherwise.
    #[default]
    Auto,
    /// Also in a pipe.
    Always,
    /// Not at all.
    Never,
}

impl ColorChoice {
    /// The id of the shared option.
    pub const ARG: &str = "color";

    /// The words accepted after `--color`.
    pub const WORDS: [&'static str; 3] = ["auto", "always", "never"];

    /// Reads one of [`ColorChoice::WORDS`].
    pub fn parse(word: &str) -> Option<ColorChoice> {
        match word {
            "auto" => Some(ColorChoice::Auto),
            "always" => Some(ColorChoice::Always),
            "never" => Some(ColorChoice::Never),
            _ => None,
        }
    }

    /// What the command line asked for.
    pub fn from_matches(matches: &ArgMatches) -> ColorChoice {
        let word = matches.try_get_one::<String>(ColorChoice::ARG).ok().flatten();
        word.and_then(|word| ColorChoice::parse(word)).unwrap_or_default()
    }

    /// The decision for one stream.
    pub(crate) fn decide(self, environment: &Environment, is_tty: bool) -> bool {
        match self {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if environment.no_color => false,
            ColorChoice::Auto if environment.force => true,
            ColorChoice::Auto => is_tty && !environment.dumb,
        }
    }
}

/// What the environment says about colour.
#[derive(Clone, Copy, Default)]
pub(crate) struct Environment {
    no_color: bool,
    force: bool,
    dumb: bool,
}

impl Environment {
    pub(crate) fn read() -> Environment {
        Environment {
            // An empty NO_COLOR counts as unset (no-color.org).
            no_color: env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
            force: env::var_os("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0"),
            dumb: env::var_os("TERM").as_deref() == Some(OsStr::new("dumb")),
        }
    }
}

/// Wraps text in colours, or leaves it alone.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// A painter that is on or off for good.
    pub const fn new(on: bool) -> Paint {
        Paint { on }
    }

    /// True if it adds escape sequences.
    pub const fn is_on(self) -> bool {
        self.on
    }

    /// Headings and names.
    pub fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// Errors.
    pub fn red(self, text: &str) -> String {
        self.wrap("1;31", text)
    }

    /// Warnings.
    pub fn yellow(self, text: &str) -> String {
        self.wrap("33", text)
    }

    /// What works.
    pub fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }

    /// Hints and marks.
    pub fn cyan(self, text: &str) -> String {
        self.wrap("36", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_beats_the_environment_beats_the_terminal() {
        let quiet = Environment { no_color: true, force: true, dumb: false };
        assert!(ColorChoice::Always.decide(&quiet, false));
        assert!(!ColorChoice::Auto.decide(&quiet, true));
        let forced = Environment { force: true, ..Environment::default() };
        assert!(ColorChoice::Auto.decide(&forced, false));
        assert!(!ColorChoice::Never.decide(&forced, true));
        let dumb = Environment { dumb: true, ..Environment::default() };
        assert!(!ColorChoice::Auto.decide(&dumb, true));
        assert!(ColorChoice::Auto.decide(&Environment::default(), true));
        assert!(!ColorChoice::Auto.decide(&Environment::default(), false));
    }

    #[test]
    fn paint_that_is_off_changes_nothing() {
        assert_eq!(Paint::new(false).red("x"), "x");
        assert_eq!(Paint::new(true).red("x"), "\x1b[1;31mx\x1b[0m");
    }
}
