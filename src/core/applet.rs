//! What an applet is: data and functions in a plain struct, listed in one table.
//!
//! No trait objects and no registration at start: the dispatcher picks an entry by name before any
//! argument tree exists, so that a run builds exactly one. `manual.rs` holds what the long help
//! and the man page say beyond the options.

use clap::{Arg, ArgMatches, Command};

use crate::config::Section;
use crate::{Capability, ColorChoice, Ctx, Error, Exit, Finding, Manual, term};

/// One command of edgekit.
pub struct Applet {
    /// The word after `edgekit`; links are called `edgekit-NAME`.
    pub name: &'static str,
    /// One line, at most 60 characters, no full stop.
    pub about: &'static str,
    /// The capabilities its work needs.
    pub needs: &'static [Capability],
    /// Paragraph, examples, files, environment, exit codes.
    pub manual: Manual,
    /// Its options and verbs; name, about, manual and shared options are added by
    /// [`Applet::full_command`].
    pub command: fn() -> Command,
    /// What this machine lets it do.
    pub check: fn(&mut Ctx) -> Vec<Finding>,
    /// What its file `NAME.toml` may hold; none if it has no configuration.
    pub config: Option<&'static Section>,
    /// How it runs.
    pub entry: Entry,
}

/// How an applet runs.
#[derive(Clone, Copy)]
pub enum Entry {
    /// Runs once and ends.
    Tool(fn(&ArgMatches, &mut Ctx) -> Result<Exit, Error>),
}

impl Applet {
    /// The argument tree as the user sees it, with the conventions every command shares.
    pub fn full_command(&self) -> Command {
        let command = (self.command)()
            .name(self.name)
            .bin_name(format!("edgekit {}", self.name))
            .display_name(format!("edgekit {}", self.name))
            .about(self.about)
            .disable_help_subcommand(true)
            .term_width(term::width().min(term::WIDEST))
            .arg(
                Arg::new(ColorChoice::ARG)
                    .long("color")
                    .value_name("WHEN")
                    .value_parser(ColorChoice::WORDS)
                    .hide_possible_values(true)
                    .hide_short_help(true)
                    .global(true)
                    .help_heading("Output")
                    .help("Colour the output: auto, always or never [auto]"),
            );
        self.manual.apply(command, self.name)
    }
}
