//! Which lines of a script ran: Luau counts them when it is compiled for it.

use std::{collections::BTreeMap, sync::Arc};

use mlua::Function;

/// The lines of one script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// The script's file.
    pub file: Arc<str>,
    /// How often each line that can run did, by line from 1.
    pub lines: BTreeMap<u32, u64>,
}

pub(crate) fn read(scripts: &[(Arc<str>, Function)]) -> Vec<Coverage> {
    let mut found = Vec::with_capacity(scripts.len());
    for (file, main) in scripts {
        let mut lines = BTreeMap::new();
        main.coverage(|function| {
            // -1 marks a line that has no code.
            for (line, hits) in function.hits.iter().enumerate() {
                if let (Ok(line), Ok(hits)) = (u32::try_from(line), u64::try_from(*hits)) {
                    *lines.entry(line).or_insert(0) += hits;
                }
            }
        });
        found.push(Coverage { file: file.clone(), lines });
    }
    found
}
