//! The whole way: find the files, read each, lay the layers over each other, fill in the defaults.
//!
//! Weakest first: defaults, `NAME.toml`, `NAME.d/*.toml` in lexical order, the environment, flags.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Arg;

use super::describe::{Reload, Section};
use super::files::{self, MAX_FILE};
use super::layer;
use super::problem::{Problem, Problems};
use super::read;
use super::typed::Settings;
use super::value::{Node, Origin, Table, Value};
use super::words::{self, Flag};
use crate::{Environment, Error, Exit, Paths};

/// Where one applet's configuration is looked for.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The applet's name.
    pub applet: &'a str,
    /// The directories.
    pub paths: &'a Paths,
    /// The variables.
    pub environment: &'a Environment,
    /// What the flags say, in their order.
    pub flags: &'a [Flag],
    /// The one file to read instead of the usual ones (`--config FILE`); it must be there.
    pub file: Option<&'a Path>,
}

/// A configuration without faults, with the origin of each value.
#[derive(Clone, Debug)]
pub struct Loaded {
    section: &'static Section,
    applet: String,
    kept: Kept,
    files: Vec<PathBuf>,
}

#[derive(Clone, Debug)]
enum Kept {
    /// Every value in force.
    Table(Table),
    /// What somebody gave, as TOML.
    Text(Arc<str>),
}

/// The id of the option of [`file_arg`].
pub const FILE_ARG: &str = "config";

/// `--config FILE`, for every command that loads a configuration; its value is [`Inputs::file`].
pub fn file_arg() -> Arg {
    Arg::new(FILE_ARG)
        .long(FILE_ARG)
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .help("Read this file instead of those in /etc/edgekit")
}

/// One value as `config show` prints it.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// `listener.web.address`.
    pub key: String,
    /// The value in force.
    pub value: &'a Value,
    /// Where it came from.
    pub origin: &'a Origin,
    /// When a change takes effect.
    pub reload: Reload,
}

/// Loads the configuration of one applet.
///
/// # Errors
/// Every fault found in any of the layers.
pub fn load(section: &'static Section, inputs: &Inputs<'_>) -> Result<Loaded, Problems> {
    let mut problems = Problems::default();
    let mut table = Table::new(Origin::Default);
    let candidates = match inputs.file {
        Some(file) => vec![file.to_owned()],
        None => {
            let mut files = vec![inputs.paths.config.join(format!("{}.toml", inputs.applet))];
            let directory = inputs.paths.config.join(format!("{}.d", inputs.applet));
            files.extend(files::drop_ins(&directory, &mut problems));
            files
        }
    };
    let mut files = Vec::new();
    for path in candidates {
        let name = path.display().to_string();
        match files::read(&path, MAX_FILE) {
            Ok(Some(bytes)) => {
                layer::merge(&mut table, read::file(section, &name, bytes, &mut problems));
                files.push(path);
            }
            Ok(None) if inputs.file.is_some() => {
                problems.push(Problem::new(format!("cannot read {name}: no such file or directory")));
            }
            // A drop-in that went away since the directory was read is not there either.
            Ok(None) => {}
            Err(reason) => problems.push(Problem::new(format!("cannot read {name}: {reason}"))),
        }
    }
    words::environment(section, inputs.applet, inputs.environment, &mut table, &mut problems);
    words::flags(section, inputs.flags, &mut table, &mut problems);
    finish(section, inputs.applet, table, files, problems)
}

/// One text alone: tests, and a file that is checked before it is put in its place.
///
/// # Errors
/// Every fault in it.
pub fn parse(
    section: &'static Section,
    applet: &str,
    name: &str,
    bytes: Vec<u8>,
) -> Result<Loaded, Problems> {
    let mut problems = Problems::default();
    let table = read::file(section, name, bytes, &mut problems);
    finish(section, applet, table, Vec::new(), problems)
}

fn finish(
    section: &'static Section,
    applet: &str,
    mut table: Table,
    files: Vec<PathBuf>,
    mut problems: Problems,
) -> Result<Loaded, Problems> {
    // What a file with faults leaves out is not missing.
    let readable = problems.0.is_empty();
    if readable {
        layer::complete(section, &mut table, "", &mut problems);
    }
    problems.or(Loaded { section, applet: applet.to_owned(), kept: Kept::Table(table), files })
}

impl Loaded {
    /// The applet's struct.
    ///
    /// # Errors
    /// [`Exit::BUG`] if `T` is not what this was loaded for.
    pub fn get<T: Settings>(&self) -> Result<T, Error> {
        T::from_table(&self.whole()).ok_or_else(|| {
            Error::new(Exit::BUG, format!("the settings of '{}' are not those it describes", self.applet))
        })
    }

    /// Keeps only [`Loaded::given`], for a later [`diff`](super::diff): a hundredth of the memory. There
    /// are no [`Loaded::rows`] from then on, and a [`Loaded::problem`] has no place.
    #[must_use]
    pub fn lean(mut self) -> Loaded {
        self.kept = Kept::Text(self.given());
        self
    }

    /// What somebody gave, as TOML: [`parse`] makes the same of it, whatever file, variable or flag it
    /// came from.
    pub fn given(&self) -> Arc<str> {
        match &self.kept {
            Kept::Text(text) => text.clone(),
            Kept::Table(table) => {
                let mut text = String::new();
                layer::given(self.section, table, "", &mut text);
                text.into()
            }
        }
    }

    /// All of it, what nobody gave among it.
    fn whole(&self) -> Cow<'_, Table> {
        match &self.kept {
            Kept::Table(table) => Cow::Borrowed(table),
            Kept::Text(text) => {
                // What was without faults once is so again.
                let mut problems = Problems::default();
                let mut table = read::file(self.section, "", text.as_bytes().to_vec(), &mut problems);
                layer::complete(self.section, &mut table, "", &mut problems);
                Cow::Owned(table)
            }
        }
    }

    /// The applet's name.
    pub fn applet(&self) -> &str {
        &self.applet
    }

    /// The files that were read, the weakest first.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Every value in force, by key.
    pub fn rows(&self) -> Vec<Row<'_>> {
        let Kept::Table(table) = &self.kept else { return Vec::new() };
        let mut leaves = BTreeMap::new();
        layer::leaves(self.section, table, "", &mut leaves);
        let mut rows = Vec::with_capacity(leaves.len());
        for (key, (described, node)) in leaves {
            if let Node::Value(value, origin) = node {
                rows.push(Row { key, value, origin, reload: described.reload });
            }
        }
        rows
    }

    /// A fault an applet finds itself, shown at the place `key` (`listener.web.address`) came from.
    pub fn problem(&self, key: &str, message: impl Into<String>) -> Problem {
        let rows = self.rows();
        match rows.iter().find(|row| row.key == key) {
            Some(row) => Problem::at(row.origin.clone(), message),
            None => Problem::new(message),
        }
    }

    pub(crate) fn parts(&self) -> (&'static Section, Cow<'_, Table>) {
        (self.section, self.whole())
    }
}
