//! What the descriptions of configurations become: the table in an applet's page, and under
//! `src/assets/config/` the example and the JSON Schema that packages ship.

use edgekit_core::config::{self, Kind, Section};

use super::man::escape;
use super::{Files, commands};
use crate::Failure;

/// Where the files are committed; nothing else lies there.
pub(super) const FOLDER: &str = "src/assets/config";

pub(super) fn generate(files: &mut Files) -> Result<(), Failure> {
    for applet in commands() {
        let Some(section) = applet.config else { continue };
        let faults = section.faults();
        if !faults.is_empty() {
            return Err(format!("configuration of '{}': {}", applet.name, faults.join("; ")).into());
        }
        files.insert(format!("{FOLDER}/{}.toml", applet.name), config::example(applet.name, section));
        let schema = serde_json::to_string_pretty(&config::schema(applet.name, section))?;
        files.insert(format!("{FOLDER}/{}.schema.json", applet.name), schema + "\n");
    }
    Ok(())
}

/// The keys of a section as rows of a manual page, those of tables after their own; `place` is the
/// header they are below.
pub(super) fn table(section: &Section, place: &str, page: &mut String) {
    for key in section.keys {
        let name = if place.is_empty() { key.name.to_owned() } else { format!("{place}.{}", key.name) };
        let (name, below) = match key.kind {
            Kind::Section(below) => (name, Some(below)),
            Kind::Named(below) => (format!("{name}.NAME"), Some(below)),
            _ => (name, None),
        };
        let shown = if below.is_some() { format!("[{name}]") } else { name.clone() };
        let default = key.default.map(|value| format!(" = {value}")).unwrap_or_default();
        page.push_str(&format!(".TP\n\\fB{}\\fR{}\n", escape(&shown), escape(&default)));
        page.push_str(&format!("{}.\n", escape(key.about)));
        match below {
            Some(below) => table(below, &name, page),
            None => {
                let notes = config::notes(key);
                let mut letters = notes.chars();
                let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
                page.push_str(&format!("{}.\n", escape(&format!("{first}{}", letters.as_str()))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgekit_core::config::{Named, Settings};

    edgekit_core::config! {
        /// One of them
        struct Peer {
            /// How it is called
            live name: String = "it's";
        }
    }
    edgekit_core::config! {
        /// All
        struct All {
            /// Threads
            restart workers: u16 = 1, in 1..=64;
            /// Others
            live peer: Named<Peer>;
        }
    }

    #[test]
    fn each_key_is_a_row() {
        let mut page = String::new();
        table(<All as Settings>::SECTION, "", &mut page);
        assert_eq!(
            page,
            ".TP\n\\fBworkers\\fR = 1\nThreads.\nA whole number, 1 to 64, restart.\n\
             .TP\n\\fB[peer.NAME]\\fR\nOthers.\n\
             .TP\n\\fBpeer.NAME.name\\fR = \"it\\(aqs\"\nHow it is called.\nA text, live.\n"
        );
    }
}
