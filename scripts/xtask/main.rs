//! Generators and checks of the repository: `cargo xtask TASK`.
//!
//! `gen` writes what is committed but derived, `arrows` checks who may depend on whom, `size` the
//! ledger of the shipped file, `house` the shape of the rooms. CI runs all four.
#![forbid(unsafe_code)]

mod arrows;
mod r#gen;
mod house;
mod size;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgAction, Command};

/// What a task that found something wrong says, one finding a line.
type Findings = Vec<String>;
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let matches = Command::new("cargo xtask")
        .about("Generators and checks of the repository")
        .subcommand_required(true)
        .subcommand(
            Command::new("gen").about("Write completions/ and man/").arg(
                Arg::new("check")
                    .long("check")
                    .action(ArgAction::SetTrue)
                    .help("Only say what is not as it would be written"),
            ),
        )
        .subcommand(Command::new("arrows").about("Check the dependencies between crates"))
        .subcommand(
            Command::new("size")
                .about("Check the size ledger, scripts/size.toml")
                .arg(
                    Arg::new("file")
                        .value_name("FILE")
                        .required(true)
                        .value_parser(clap::value_parser!(PathBuf))
                        .help("The built file; with its symbols, also the rooms are measured"),
                )
                .arg(
                    Arg::new("build")
                        .long("build")
                        .value_name("NAME")
                        .default_value("default")
                        .help("Its table in the ledger"),
                ),
        )
        .subcommand(Command::new("house").about("Check the shape of the source files"))
        .get_matches();
    let result = match matches.subcommand() {
        Some(("gen", matches)) => r#gen::run(&root(), matches.get_flag("check")),
        Some(("arrows", _)) => arrows::run(&root()),
        Some(("size", matches)) => {
            match (matches.get_one::<PathBuf>("file"), matches.get_one::<String>("build")) {
                (Some(file), Some(build)) => size::run(&root(), file, build),
                _ => Ok(Vec::new()),
            }
        }
        _ => house::run(&root()),
    };
    let findings = result.unwrap_or_else(|failure| vec![failure.to_string()]);
    for finding in &findings {
        eprintln!("xtask: {finding}");
    }
    if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The repository's top directory: two above this crate.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}
