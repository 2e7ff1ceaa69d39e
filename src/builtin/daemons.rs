//! Which daemon a command means: shared by `status`, `reload` and `log-level`.
//!
//! A daemon is found by its socket; a service that runs with others in one process (`edgekit run`)
//! is found by asking that process.

use clap::{Arg, ArgMatches};
use edgekit_core::{Error, Exit, Paths, text};
use edgekit_rt::control::client::{self, Daemon};
use serde_json::Value;

pub(super) const FILES: &[(&str, &str)] =
    &[("/run/edgekit/APPLET[@INSTANCE].sock", "control socket of a daemon; group edgekit may use it")];

pub(super) const ENVIRONMENT: &[(&str, &str)] = &[
    ("RUNTIME_DIRECTORY", "where control sockets are, instead of /run/edgekit"),
    ("XDG_RUNTIME_DIR", "where they are for a user other than root"),
];

/// The daemon of several services in one process.
const RUN: &str = "run";

/// A daemon, and the one service of it that is meant, if not all.
pub(super) struct Place {
    pub(super) daemon: Daemon,
    pub(super) service: Option<String>,
}

/// The argument that names a daemon.
pub(super) fn target(help: &'static str) -> Arg {
    Arg::new("applet").value_name("APPLET").help(help)
}

/// Its value.
pub(super) fn wanted(matches: &ArgMatches) -> Option<&str> {
    matches.get_one::<String>("applet").map(String::as_str)
}

/// The daemons meant by `wanted`, all of them without; never empty with one.
pub(super) fn find(wanted: Option<&str>) -> Result<Vec<Place>, Error> {
    let directory = Paths::process().run;
    let daemons = client::daemons(&directory)?;
    let Some(wanted) = wanted else {
        return Ok(daemons.into_iter().map(|daemon| Place { daemon, service: None }).collect());
    };
    let named = |daemon: &&Daemon| daemon.applet == wanted || daemon.name() == wanted;
    let mut places: Vec<Place> =
        daemons.iter().filter(named).map(|daemon| Place { daemon: daemon.clone(), service: None }).collect();
    if places.is_empty() {
        for daemon in daemons.iter().filter(|daemon| daemon.applet == RUN) {
            if has_service(&daemon.ask("GET", "/status", None)?, wanted) {
                places.push(Place { daemon: daemon.clone(), service: Some(wanted.to_owned()) });
            }
        }
    }
    if places.is_empty() {
        let names: Vec<String> = daemons.iter().map(Daemon::name).collect();
        let hint = match text::nearest(wanted, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean '{near}'?"),
            None if names.is_empty() => format!("no daemon has a socket in '{}'", directory.display()),
            None => format!("there are: {}", names.join(", ")),
        };
        return Err(Error::new(Exit::UNAVAILABLE, format!("no daemon '{wanted}' runs")).hint(hint));
    }
    Ok(places)
}

fn has_service(status: &Value, name: &str) -> bool {
    let services = status.get("services").and_then(Value::as_array);
    services.is_some_and(|services| services.iter().any(|service| service["name"] == name))
}
