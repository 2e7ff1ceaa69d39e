//! `edgekit proxy certs`: which certificates are served, and how those on disk are doing.
//!
//! The service tells through its status; the command asks over the control socket.

use std::io::Write;

use clap::ArgMatches;
use edgekit_core::calendar::Civil;
use edgekit_core::config::{Loaded, Problems};
use edgekit_core::{Clock, Ctx, Error, Exit, json};
use edgekit_tls::{IdentityStatus, TrustStatus};
use serde_json::{Value, json};

use crate::plan::place;
use crate::running;
use crate::secure::Materials;

/// All that `materials` hold, one object each.
pub(crate) fn all(materials: &Materials) -> Vec<Value> {
    let mut all = Vec::new();
    for (name, one) in &materials.terminations {
        all.extend(one.0.status().iter().map(|status| identity("listener", name, status)));
        all.extend(one.0.trust().iter().map(|status| trust("listener", name, status)));
    }
    for (name, one) in &materials.originations {
        all.extend(one.client.status().iter().map(|status| identity("cluster", name, status)));
        all.push(trust("cluster", name, &one.client.trust()));
    }
    all
}

fn identity(kind: &str, name: &str, status: &IdentityStatus) -> Value {
    json!({
        "what": "certificate",
        kind: name,
        "file": status.path,
        "subject": status.subject,
        "issuer": status.issuer,
        "names": status.names,
        "not_before": Civil::since_1970(status.validity.0).to_string() + "Z",
        "not_after": Civil::since_1970(status.validity.1).to_string() + "Z",
        "fingerprint": status.fingerprint,
        "generation": status.generation,
        "refused": status.refused,
    })
}

fn trust(kind: &str, name: &str, status: &TrustStatus) -> Value {
    json!({
        "what": "trust",
        kind: name,
        "file": status.path,
        "roots": status.roots,
        "crls": status.crls,
        "refused": status.refused,
    })
}

/// Certificates whose time is over, by a clock that is to be believed: `check` refuses what every
/// client would, where `run` serves it for want of a better one.
pub(crate) fn expired(loaded: &Loaded, materials: &Materials, clock: &Clock) -> Problems {
    let mut problems = Problems::default();
    let now = clock.wall().as_secs();
    let servers = materials
        .terminations
        .iter()
        .map(|(name, one)| (place("listener", name, "tls.cert_files"), one.0.status()));
    let clients = materials
        .originations
        .iter()
        .map(|(name, one)| (place("cluster", name, "tls.cert_file"), one.client.status()));
    for (key, identities) in servers.chain(clients).filter(|_| clock.is_trusted()) {
        for identity in identities.iter().filter(|identity| identity.validity.1 < now) {
            let (file, subject) = (identity.path.display(), &identity.subject);
            let at = Civil::since_1970(identity.validity.1);
            let message = format!("{file}: the certificate of {subject} expired on {at}Z");
            problems
                .push(loaded.problem(&key, message).hint("renew it; 'run' would serve it with a warning"));
        }
    }
    problems
}

/// The command.
pub(crate) fn command(matches: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let status = running::daemon(matches).ask("GET", "/status", None)?;
    let services = status.get("services").and_then(Value::as_array).into_iter().flatten();
    let found = services.filter_map(|service| service.pointer("/detail/certificates")?.as_array());
    let (mut well, mut count) = (true, 0);
    for one in found.flatten() {
        count += 1;
        well &= one["refused"].is_null();
        if matches.get_flag("json") {
            json::write_line(ctx.out()?, "proxy.certificate", one.clone())?;
        } else {
            writeln!(ctx.out()?, "{}", line(one))?;
        }
    }
    if count == 0 {
        ctx.say("it has no certificates");
    }
    Ok(if well { Exit::OK } else { Exit::NO })
}

fn line(one: &Value) -> String {
    let text = |key: &str| one[key].as_str().unwrap_or_default();
    let of = ["listener", "cluster"].map(|kind| one[kind].as_str().map(|name| format!("{kind} {name}")));
    let of = of.into_iter().flatten().next().unwrap_or_default();
    let mut line = format!("{of}: ");
    if text("what") == "trust" {
        line += &format!("trusts {} roots and {} revocation lists", one["roots"], one["crls"]);
    } else {
        let names: Vec<&str> =
            one["names"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        line += &format!(
            "{} for {} until {}, generation {}, sha256 {}",
            text("subject"),
            if names.is_empty() { "no name".to_owned() } else { names.join(", ") },
            text("not_after"),
            one["generation"],
            text("fingerprint"),
        );
    }
    line += &format!(" ({})", text("file"));
    if let Some(reason) = one["refused"].as_str() {
        line += &format!("\n    refused since: {reason}");
    }
    line
}
