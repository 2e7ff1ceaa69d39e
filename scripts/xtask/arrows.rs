//! `xtask arrows`: who may depend on whom, read from Cargo itself.
//!
//! The arrows are DESIGN's, written once below; any other edge between our crates is a failure that
//! names the edge, and so is a foreign crate taken in by a crate that may not.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::{Failure, Findings};

/// Our shared crates and those each may use, itself not named.
const SHARED: [(&str, &[&str]); 8] = [
    ("edgekit-core", &[]),
    ("edgekit-bpf", &["core"]),
    ("edgekit-store", &["core"]),
    ("edgekit-rt", &["store", "core"]),
    ("edgekit-tls", &["rt", "store", "core"]),
    ("edgekit-http", &["tls", "rt", "store", "core"]),
    ("edgekit-rpc", &["http", "tls", "rt", "store", "core"]),
    ("edgekit-rules", &["store", "core"]),
];

/// Foreign crates that only some of ours may take in.
const WRAPPED: [(&str, &[&str]); 6] = [
    ("aya", &["edgekit-bpf", "edgekit-trace"]),
    ("aya-obj", &["edgekit-bpf", "edgekit-trace"]),
    ("rumqttc", &["edgekit-shadow"]),
    ("mlua", &["edgekit-rules"]),
    ("indicatif", &["edgekit-core"]),
    ("static-files", &["edgekit", "edgekit-trace", "edgekit-run"]),
];

/// Folders of crates beside the product: they may look at anything, nothing may look at them.
const TOOLS: [&str; 2] = ["/scripts/", "/tests/"];

pub(crate) fn run(root: &Path) -> Result<Findings, Failure> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--no-deps", "--all-features"])
        .current_dir(root)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let packages = packages(&serde_json::from_slice(&output.stdout)?);
    Ok(check(&packages))
}

/// A crate of the workspace: its name, where it lives, what it depends on.
struct Package {
    name: String,
    is_applet: bool,
    is_tool: bool,
    uses: Vec<String>,
}

fn packages(metadata: &Value) -> Vec<Package> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let root = text(&metadata["workspace_root"]);
    let list = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter()
        .map(|package| {
            let manifest = text(&package["manifest_path"]);
            let dependencies = package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
            let path = manifest.strip_prefix(&root).unwrap_or(&manifest);
            Package {
                name: text(&package["name"]),
                is_applet: path.starts_with("/applets/"),
                is_tool: TOOLS.iter().any(|folder| path.starts_with(folder)),
                // What only its own tests use is not part of the product.
                uses: dependencies
                    .iter()
                    .filter(|dependency| dependency["kind"] != "dev")
                    .map(|dependency| text(&dependency["name"]))
                    .collect(),
            }
        })
        .collect()
}

fn check(packages: &[Package]) -> Findings {
    let mut findings = Findings::new();
    for package in packages.iter().filter(|package| !package.is_tool) {
        for used in &package.uses {
            let of_ours = packages.iter().find(|other| other.name == *used);
            let allowed = match of_ours {
                Some(other) => ours(package, other),
                None => foreign(&package.name, used),
            };
            if !allowed {
                findings.push(format!("arrow not allowed: {} -> {used}", package.name));
            }
        }
    }
    findings
}

fn ours(from: &Package, to: &Package) -> bool {
    let shared = |name: &str| SHARED.iter().find(|(known, _)| *known == name);
    if from.name == "edgekit" {
        return to.is_applet || shared(&to.name).is_some();
    }
    if from.is_applet {
        return shared(&to.name).is_some();
    }
    let short = to.name.strip_prefix("edgekit-").unwrap_or(&to.name);
    shared(&from.name).is_some_and(|(_, uses)| uses.contains(&short))
}

fn foreign(from: &str, to: &str) -> bool {
    WRAPPED.iter().find(|(name, _)| *name == to).is_none_or(|(_, users)| users.contains(&from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, is_applet: bool, uses: &[&str]) -> Package {
        let uses = uses.iter().map(|used| (*used).to_owned()).collect();
        Package { name: name.to_owned(), is_applet, is_tool: name == "xtask", uses }
    }

    #[test]
    fn each_forbidden_edge_is_named() {
        let packages = [
            package("edgekit", false, &["edgekit-trace", "edgekit-core", "aya"]),
            package("edgekit-trace", true, &["edgekit-bpf", "edgekit-proxy", "aya", "mlua"]),
            package("edgekit-proxy", true, &["edgekit-rt", "edgekit"]),
            package("edgekit-bpf", false, &["edgekit-core", "edgekit-rt", "aya"]),
            package("edgekit-rt", false, &["edgekit-core"]),
            package("edgekit-core", false, &["edgekit-trace", "clap"]),
            package("xtask", false, &["edgekit"]),
        ];
        let expected = [
            "edgekit -> aya",
            "edgekit-trace -> edgekit-proxy",
            "edgekit-trace -> mlua",
            "edgekit-proxy -> edgekit",
            "edgekit-bpf -> edgekit-rt",
            "edgekit-core -> edgekit-trace",
        ];
        assert_eq!(check(&packages), expected.map(|edge| format!("arrow not allowed: {edge}")));
    }
}
