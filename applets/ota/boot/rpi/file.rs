//! The text of `autoboot.txt`: sections with keys, edited line by line so that all else stays.

use std::fmt;

/// What our remark begins with.
const MARK: &str = "# edgekit: try ";

/// The lines.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Autoboot {
    lines: Vec<String>,
}

impl Autoboot {
    pub(super) fn parse(text: &str) -> Autoboot {
        Autoboot { lines: text.lines().map(str::to_owned).collect() }
    }

    /// The lines of a section, by their numbers. What stands before the first section is of `[all]`.
    fn section(&self, name: &str) -> Vec<(usize, &str)> {
        let (mut now, mut lines) = ("all", Vec::new());
        for (at, line) in self.lines.iter().enumerate() {
            let line = line.trim();
            if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                now = section;
            }
            if now == name {
                lines.push((at, line));
            }
        }
        lines
    }

    fn find(&self, section: &str, key: &str) -> Option<(usize, &str)> {
        let lines = self.section(section).into_iter().rev();
        lines.into_iter().find_map(|(at, line)| {
            let (name, value) = line.split_once('=')?;
            (name.trim() == key).then_some((at, value.trim()))
        })
    }

    /// The value of a key; of several the last.
    pub(super) fn get(&self, section: &str, key: &str) -> Option<&str> {
        self.find(section, key).map(|(_, value)| value)
    }

    /// Sets a key, in its line or behind those of its section.
    pub(super) fn set(&mut self, section: &str, key: &str, value: &str) {
        let line = format!("{key}={value}");
        if let Some((at, _)) = self.find(section, key) {
            self.lines[at] = line;
            return;
        }
        match self.section(section).last().map(|(at, _)| *at) {
            Some(at) => self.lines.insert(at + 1, line),
            None => self.lines.extend([format!("[{section}]"), line]),
        }
    }

    /// Which slot is to be tried, and in which boot that was said.
    pub(super) fn asked(&self) -> Option<(&str, &str)> {
        self.lines.first()?.strip_prefix(MARK)?.split_once(' ')
    }

    /// Says so, in the first line.
    pub(super) fn ask(&mut self, what: Option<(&str, &str)>) {
        self.lines.retain(|line| !line.starts_with(MARK));
        if let Some((slot, boot)) = what {
            self.lines.insert(0, format!("{MARK}{slot} {boot}"));
        }
    }
}

impl fmt::Display for Autoboot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_are_set_where_they_belong() {
        let mut file = Autoboot::parse("boot_partition = 1\n[tryboot]\n");
        assert_eq!(file.get("all", "boot_partition"), Some("1"));
        file.set("tryboot", "boot_partition", "2");
        file.set("all", "boot_partition", "3");
        file.set("none", "x", "1");
        assert_eq!(file.to_string(), "boot_partition=3\n[tryboot]\nboot_partition=2\n[none]\nx=1\n");
        assert_eq!(file.get("tryboot", "boot_partition"), Some("2"));
    }

    proptest! {
        #[test]
        fn any_text_keeps_what_is_set(text in "[ -~\n]{0,80}", value in "[0-9]{1,3}") {
            let mut file = Autoboot::parse(&text);
            file.set("tryboot", "boot_partition", &value);
            file.ask(Some(("b", "id")));
            let again = Autoboot::parse(&file.to_string());
            prop_assert_eq!(again.get("tryboot", "boot_partition"), Some(&*value));
            prop_assert_eq!(again.asked(), Some(("b", "id")));
        }
    }
}
