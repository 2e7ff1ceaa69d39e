//! `edgekit config`, and the descriptions of the applets in this build.

use crate::harness::edgekit;

#[test]
fn an_applet_without_configuration_is_named() {
    for verb in ["show", "example", "schema"] {
        let said = edgekit(["config", verb, "trace"]).ends(66);
        assert_eq!(said.out, "");
        assert!(said.err.starts_with("edgekit config: 'trace' has no configuration\nhint: "), "{}", said.err);
        let said = edgekit(["config", verb, "tarce"]).ends(66);
        assert!(said.err.ends_with("hint: did you mean 'trace'?\n"), "{}", said.err);
    }
    edgekit(["config"]).ends(2);
    edgekit(["config", "example"]).ends(2);
}

#[test]
fn what_every_applet_can_be_told_is_sound() {
    for applet in edgekit::APPLETS {
        let Some(section) = applet.config else { continue };
        assert_eq!(section.faults(), Vec::<String>::new(), "{}", applet.name);
        let example = edgekit(["config", "example", applet.name]).ends(0).out;
        let loaded = edgekit_core::config::parse(section, applet.name, "example", example.into_bytes());
        assert!(loaded.is_ok(), "{}: {}", applet.name, loaded.unwrap_err());
    }
    let described = edgekit::APPLETS.iter().any(|applet| applet.config.is_some());
    let said = edgekit(["config", "show", "--json"]).ends(0);
    assert_eq!(said.out.is_empty(), !described, "{}", said.out);
}
