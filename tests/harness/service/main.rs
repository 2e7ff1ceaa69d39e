//! A small daemon on `rt::Host`, for the end-to-end tests and the bench of the chassis; not shipped.
//!
//! `service [--instance NAME] [--drain SECONDS] [--log FORMAT] [--clock SECONDS] [--idle NAME]…
//! [--runs NAME=CODE]… [--echo NAME=ADDRESS,FILE]…`
//!
//! `--clock` stands for a machine whose clock says that (since 1970); in it time stands still.
//! An idle service does nothing. One that runs starts programs that end with CODE, one after the other. An echo
//! service sends back what it receives, on a worker thread of its own, and keeps the text of FILE as its
//! configuration. Some texts make it misbehave: `refuse` (the reload is an error), `panic` (the reload panics),
//! `fail` (a task ends with an error), `hang` (it does not drain).
#![forbid(unsafe_code)]

mod echo;
mod runs;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use edgekit_core::{Clock, Ctx, Error, Exit, Paths};
use edgekit_rt::{BoxFuture, Definition, Host, Scope, Service, Settings, Verdict};
use serde_json::{Value, json};

fn main() -> ExitCode {
    let mut ctx = Ctx::new(&[]);
    ctx.set_program("service");
    let ended = run(std::env::args().skip(1));
    ended
        .unwrap_or_else(|error| {
            ctx.show_error(&error);
            error.exit()
        })
        .into()
}

fn run(mut words: impl Iterator<Item = String>) -> Result<Exit, Error> {
    let mut settings = Settings::new("service");
    let paths = Paths::process();
    (settings.control, settings.state) = (Some(paths.run), Some(paths.state));
    let mut clock = Clock::system();
    let mut services = Vec::new();
    while let Some(option) = words.next() {
        let value = words.next().ok_or_else(|| usage(&option))?;
        match option.as_str() {
            "--instance" => settings.instance = Some(value),
            "--drain" => {
                settings.drain = Duration::from_secs_f64(value.parse().map_err(|_| usage(&option))?);
            }
            "--clock" => {
                let time = Duration::from_secs(value.parse().map_err(|_| usage(&option))?);
                clock = Clock::fake(time).0.built(Clock::EPOCH);
            }
            "--log" => settings.log_format = value.parse()?,
            "--idle" => services.push(Definition::new(value, || Ok(Box::new(Idle)))),
            "--runs" => services.push(runs(&value).ok_or_else(|| usage(&option))?),
            "--echo" => services.push(echo(&value).ok_or_else(|| usage(&option))??),
            _ => return Err(usage(&option)),
        }
    }
    Host::new(settings, clock, services)?.run()
}

fn runs(value: &str) -> Option<Definition> {
    let (name, code) = value.split_once('=')?;
    let code = code.parse().ok()?;
    Some(Definition::new(name, move || Ok(Box::new(runs::Runs::new(code)))))
}

fn echo(value: &str) -> Option<Result<Definition, Error>> {
    let (name, rest) = value.split_once('=')?;
    let (address, file) = rest.split_once(',')?;
    let address: SocketAddr = address.parse().ok()?;
    let (port, file) = (name.to_owned(), PathBuf::from(file));
    let definition = Definition::new(name, move || Ok(Box::new(echo::Echo::new(file.clone()))));
    Some(Ok(definition.open(move |ports| ports.listen(&port, address))))
}

fn usage(option: &str) -> Error {
    Error::new(Exit::USAGE, format!("cannot use '{option}'"))
}

/// Does nothing, for ever.
struct Idle;

impl Service for Idle {
    fn start<'a>(&'a mut self, _: &'a Scope) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    fn reload(&mut self) -> BoxFuture<'_, Result<Verdict, Error>> {
        Box::pin(async { Ok(Verdict::unchanged()) })
    }

    fn drain(&mut self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn handover(&self) -> Option<Vec<u8>> {
        Some(Vec::new())
    }

    fn status(&self) -> Value {
        json!({})
    }
}
