//! The embedded tools: programs in the tracer's own language, ready to run by name.
//!
//! Each is one file here; its leading comment is its manual, which `edgekit trace explain` prints. Neighbours:
//! `cli` finds them by name, `compile` compiles them like any script.

/// One embedded program.
#[derive(Debug, PartialEq, Eq)]
pub struct Tool {
    pub name: &'static str,
    /// The program's text.
    pub text: &'static str,
}

macro_rules! tools {
    ($($name:literal)*) => {
        &[$(Tool { name: $name, text: include_str!(concat!($name, ".bt")) }),*]
    };
}

/// All of them, sorted by name.
#[rustfmt::skip]
pub const TOOLS: &[Tool] = tools![
    "biolatency"
    "execsnoop"
    "exitsnoop"
    "killsnoop"
    "opensnoop"
    "profile"
    "runqlat"
    "statsnoop"
    "syscount"
    "vfsstat"
];

/// The tool of this name.
pub fn find(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.name == name)
}

impl Tool {
    /// What it is for, in one line.
    pub fn about(&self) -> &'static str {
        let first = self.text.lines().next().unwrap_or_default();
        first.split_once(": ").map_or("", |(_, about)| about.trim_end_matches('.'))
    }

    /// Its manual: the comment that the file starts with.
    pub fn manual(&self) -> String {
        let lines = self.text.lines().map_while(|line| line.strip_prefix("//"));
        lines.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect()
    }

    /// The program behind the comment.
    pub fn program(&self) -> &'static str {
        let comment: usize = self.text.lines().take_while(|l| l.starts_with("//")).map(|l| l.len() + 1).sum();
        self.text.get(comment..).unwrap_or_default().trim_start()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_explains_itself() {
        assert!(TOOLS.is_sorted_by_key(|tool| tool.name));
        for tool in TOOLS {
            assert!(tool.text.starts_with(&format!("// {}: ", tool.name)), "{}", tool.name);
            assert!(!tool.about().is_empty() && tool.manual().lines().count() > 4, "{}", tool.name);
            assert!(tool.manual().contains(&format!("  edgekit trace {}", tool.name)), "{}", tool.name);
            assert!(!tool.program().starts_with("//"), "{}", tool.name);
        }
    }
}
