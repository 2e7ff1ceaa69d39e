//! Directory, table, feature, manual page, completions and documents name the same applets.

use std::collections::BTreeSet;
use std::fs;

use crate::harness::{edgekit, root};

fn directories() -> BTreeSet<String> {
    let entries = fs::read_dir(root().join("applets")).expect("applets/");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

fn set<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[test]
fn the_table_lists_every_directory() {
    assert_eq!(set(edgekit::known()), directories());
    assert_eq!(set(edgekit::APPLETS.iter().map(|applet| applet.name)), directories());
    assert_eq!(set(edgekit(["list"]).ends(0).out.lines()), directories());
}

#[test]
fn each_applet_is_a_feature_of_its_own() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    for name in directories() {
        // The applet of the rules stands beside the shared crate whose name it would have.
        let package =
            if name == "rules" { "edgekit-rules-applet".to_owned() } else { format!("edgekit-{name}") };
        assert!(manifest.contains(&format!("{name} = [\"dep:{package}\"")), "no feature {name}");
        assert!(manifest.contains(&format!("{package} = {{ workspace = true, optional = true }}")));
    }
}

#[test]
fn each_applet_has_its_page_and_its_completions() {
    let pages = edgekit(["man", "--list"]).ends(0).out;
    for name in directories() {
        assert!(pages.lines().any(|page| page == format!("edgekit-{name}(1)")), "no page for {name}");
        for (before, after) in
            [("", ".bash"), ("_", ""), ("", ".fish"), ("", ".elv"), ("_", ".ps1"), ("", ".nu")]
        {
            let file = format!("completions/{before}edgekit-{name}{after}");
            assert!(root().join(&file).exists(), "no {file}");
        }
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell", "nushell"] {
        let script = edgekit(["completions", shell]).ends(0).out;
        for name in directories() {
            assert!(script.contains(&format!("edgekit-{name}")), "{shell} does not complete edgekit-{name}");
        }
    }
}

#[test]
fn each_applet_is_in_the_documents() {
    for document in ["README.md", "ARCHITECTURE.md"] {
        let text = fs::read_to_string(root().join(document)).expect(document);
        for name in directories() {
            assert!(
                text.contains(&format!("edgekit {name}")) || text.contains(&format!("applets/{name}")),
                "{document}: {name}"
            );
        }
    }
}
