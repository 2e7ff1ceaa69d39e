//! Every help page keeps the conventions: short help on a screen, long help complete.

use edgekit_core::Applet;

use crate::harness::{edgekit, golden};

fn commands() -> impl Iterator<Item = &'static Applet> {
    edgekit::APPLETS.iter().chain(&edgekit::BUILTINS).copied()
}

#[test]
fn the_short_help_fits_one_screen() {
    for command in commands() {
        let said = edgekit([command.name, "-h"]).ends(0);
        assert_eq!(said.err, "");
        let widest = said.out.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        assert!(widest <= 79, "{}: {widest} columns\n{}", command.name, said.out);
        assert!(said.out.lines().count() <= 40, "{}:\n{}", command.name, said.out);
        assert!(said.out.starts_with(command.about), "{}", command.name);
    }
}

#[test]
fn the_long_help_has_every_part_in_order() {
    for command in commands() {
        let said = edgekit([command.name, "--help"]).ends(0);
        let widest = said.out.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        let examples =
            command.manual.examples.iter().map(|example| example.command.len() + 2).max().unwrap_or(0);
        assert!(widest <= 79.max(examples), "{}: {widest} columns\n{}", command.name, said.out);
        let mut from = 0;
        for part in ["Examples:", "Usage: ", "Options:", "Exit status:", "See also: "] {
            let at = said.out[from..].find(part);
            from +=
                at.unwrap_or_else(|| panic!("{}: no {part} after byte {from}\n{}", command.name, said.out));
        }
        assert_eq!(edgekit(["help", command.name]).ends(0).out, said.out);
    }
}

#[test]
fn about_lines_are_short_and_have_no_full_stop() {
    for Applet { name, about, manual, .. } in commands() {
        assert!(about.chars().count() <= 60, "{name}: {about}");
        assert!(!about.ends_with('.'), "{name}: {about}");
        assert!(!manual.paragraph.is_empty() && manual.examples.len() >= 2, "{name}");
    }
}

#[test]
fn help_of_a_topic_is_a_section_of_the_guide() {
    golden("help-exit-status.txt", &edgekit(["help", "exit-status"]).ends(0).out);
    golden("help-install.txt", &edgekit(["help", "install"]).ends(0).out);
}

#[test]
fn every_page_can_be_read_without_man() {
    let list = edgekit(["man", "--list"]).ends(0).out;
    for page in list.lines() {
        let said = edgekit(["man", page]).ends(0);
        assert!(
            said.out.contains("\nNAME\n    ") && said.out.contains("\nSEE ALSO\n"),
            "{page}:\n{}",
            said.out
        );
        // No control sequence and no roff escape is left; a program's own "\n" is.
        let left = ["\x1b", "\\f", "\\-", "\\&", "\\("].into_iter().find(|e| said.out.contains(e));
        assert_eq!(left, None, "{page}:\n{}", said.out);
        assert!(said.out.lines().all(|line| line.chars().count() <= 120), "{page}");
    }
    golden("man-install.txt", &edgekit(["man", "install"]).ends(0).out);
    assert_eq!(edgekit(["man"]).ends(0).out, edgekit(["man", "edgekit.7"]).ends(0).out);
}
