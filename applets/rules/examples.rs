//! The examples this file brings along: rules to start from, each with the fixture that proves it.
//!
//! They are the files of the folder `examples/`, embedded; CI runs their fixtures like anybody's.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use edgekit_core::{Ctx, Error, ErrorContext, Exit, text};

/// One example.
struct Example {
    name: &'static str,
    rules: &'static str,
    fixture: &'static str,
}

macro_rules! example {
    ($name:literal) => {
        Example {
            name: $name,
            rules: include_str!(concat!("examples/", $name, ".luau")),
            fixture: include_str!(concat!("examples/", $name, "_test.toml")),
        }
    };
}

static EXAMPLES: [Example; 5] =
    [example!("alert"), example!("count"), example!("join"), example!("timer"), example!("window")];

impl Example {
    /// What the first line of the file says.
    fn about(&self) -> &'static str {
        self.rules.lines().next().unwrap_or_default().trim_start_matches('-').trim()
    }
}

/// Names and what each shows.
pub(crate) fn list(ctx: &mut Ctx) -> Result<Exit, Error> {
    let out = ctx.out()?;
    for example in &EXAMPLES {
        writeln!(out, "{:<8} {}", example.name, example.about())?;
    }
    Ok(Exit::OK)
}

/// The rules of one.
pub(crate) fn print(ctx: &mut Ctx, name: &str) -> Result<Exit, Error> {
    let Some(example) = EXAMPLES.iter().find(|example| example.name == name) else {
        let error = Error::new(Exit::NO_INPUT, format!("there is no example '{name}'"));
        return Err(match text::nearest(name, EXAMPLES.iter().map(|example| example.name)) {
            Some(near) => error.hint(format!("did you mean '{near}'?")),
            None => error.hint("'edgekit rules examples' lists them"),
        });
    };
    ctx.out()?.write_all(example.rules.as_bytes())?;
    Ok(Exit::OK)
}

/// All of them as files below `folder`, which is made; a file that is there already stays.
pub(crate) fn write(ctx: &mut Ctx, folder: &Path) -> Result<Exit, Error> {
    fs::create_dir_all(folder).map_err(|error| cannot_create(folder, error))?;
    for example in &EXAMPLES {
        for (end, text) in [(".luau", example.rules), ("_test.toml", example.fixture)] {
            let path = folder.join(format!("{}{end}", example.name));
            let file = OpenOptions::new().write(true).create_new(true).open(&path);
            let mut file = file.map_err(|error| cannot_create(&path, error))?;
            file.write_all(text.as_bytes()).with_context(|| format!("cannot write '{}'", path.display()))?;
            writeln!(ctx.out()?, "{}", path.display())?;
        }
    }
    Ok(Exit::OK)
}

fn cannot_create(path: &Path, error: io::Error) -> Error {
    let is_there = error.kind() == io::ErrorKind::AlreadyExists;
    let error = Error::from(error).with_exit(Exit::CANT_CREATE);
    let error = error.context(format!("cannot create '{}'", path.display()));
    if is_there { error.hint("name a folder that has none of the examples yet") } else { error }
}
