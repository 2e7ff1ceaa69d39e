//! The kinds of probe: names, short names, and how many arguments each takes.
//! Neighbours: `parse::probe` reads names with it, the attach side of the
//! applet matches on [`Provider`].

use super::ast::Provider;

struct Row {
    provider: Provider,
    name: &'static str,
    /// Short names and names of older versions.
    aliases: &'static [&'static str],
    min_args: usize,
    max_args: usize,
}

const fn row(
    provider: Provider,
    name: &'static str,
    aliases: &'static [&'static str],
    min_args: usize,
    max_args: usize,
) -> Row {
    Row { provider, name, aliases, min_args, max_args }
}

const TABLE: &[Row] = &[
    row(Provider::Begin, "begin", &["BEGIN"], 0, 0),
    row(Provider::End, "end", &["END"], 0, 0),
    row(Provider::Bench, "bench", &["BENCH"], 1, 1),
    row(Provider::Test, "test", &[], 1, 1),
    row(Provider::SelfProbe, "self", &[], 2, 2),
    row(Provider::Hardware, "hardware", &["h"], 1, 2),
    row(Provider::Interval, "interval", &["i"], 1, 2),
    row(Provider::Iter, "iter", &["it"], 1, 2),
    row(Provider::Fentry, "fentry", &["f", "kfunc"], 1, 3),
    row(Provider::Fexit, "fexit", &["fr", "kretfunc"], 1, 3),
    row(Provider::Kprobe, "kprobe", &["k"], 1, 2),
    row(Provider::Kretprobe, "kretprobe", &["kr"], 1, 2),
    row(Provider::Profile, "profile", &["p"], 1, 2),
    row(Provider::RawTracepoint, "rawtracepoint", &["rt"], 1, 2),
    row(Provider::Software, "software", &["s"], 1, 2),
    row(Provider::Tracepoint, "tracepoint", &["t"], 2, 2),
    row(Provider::Uprobe, "uprobe", &["u"], 2, 3),
    row(Provider::Uretprobe, "uretprobe", &["ur"], 2, 3),
    row(Provider::Usdt, "usdt", &["U"], 2, 3),
    row(Provider::Watchpoint, "watchpoint", &["w"], 3, 3),
];

impl Provider {
    pub fn all() -> impl Iterator<Item = Provider> {
        TABLE.iter().map(|row| row.provider)
    }

    /// Full, short or older name.
    pub fn from_name(name: &str) -> Option<Provider> {
        let row = TABLE.iter().find(|row| row.name == name || row.aliases.contains(&name))?;
        Some(row.provider)
    }

    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Smallest and largest number of `:`-separated arguments.
    pub fn arg_range(self) -> (usize, usize) {
        let row = self.row();
        (row.min_args, row.max_args)
    }

    fn row(self) -> &'static Row {
        // The table has a row for each variant, in the order of the enum.
        &TABLE[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_follows_the_enum() {
        for (i, row) in TABLE.iter().enumerate() {
            assert_eq!(row.provider as usize, i, "{}", row.name);
        }
        assert_eq!(Provider::Watchpoint as usize + 1, TABLE.len());
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> =
            TABLE.iter().flat_map(|r| r.aliases.iter().copied().chain([r.name])).collect();
        edgekit_core::sort::natural(&mut names);
        let before = names.len();
        names.dedup();
        assert_eq!(names.len(), before);
    }
}
