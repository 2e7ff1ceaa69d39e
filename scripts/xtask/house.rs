//! `xtask house`: the shape of the source files, where a compiler has no opinion.
//!
//! Small rooms, each saying why it exists; `unsafe` only where the kernel is spoken to; nothing left
//! for later.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Failure, Findings};

/// Longest file, and the longest of nine in ten.
const LONGEST: usize = 800;
const NINE_IN_TEN: usize = 450;

/// Where source files are.
const FOLDERS: [&str; 4] = ["src", "applets", "scripts", "tests"];

/// Cargo marks a folder of its products with this: what is in it was generated (fuzzing has one of its own).
const PRODUCTS: &str = "CACHEDIR.TAG";

/// Roots of crates that may hold `unsafe`: all others forbid it.
const MAY_BE_UNSAFE: [&str; 2] = ["src/bpf/lib.rs", "src/rt/lib.rs"];

/// What no file of the product may hold, and why.
const WORDS: [(&str, &str); 4] = [
    ("todo!(", "is left for later"),
    ("unimplemented!(", "is left for later"),
    ("allow(dead_code)", "hides what nobody uses"),
    ("std::process::exit", "ends the process; only main does, by returning"),
];

pub(crate) fn run(root: &Path) -> Result<Findings, Failure> {
    let mut files = Vec::new();
    for folder in FOLDERS {
        collect(&root.join(folder), &mut files)?;
    }
    edgekit_core::sort::natural(&mut files);
    let mut findings = Findings::new();
    let mut lengths = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file)?;
        let path = file.strip_prefix(root).unwrap_or(file).to_string_lossy().into_owned();
        lengths.push(text.lines().count());
        look(&path, &text, &mut findings);
    }
    edgekit_core::sort::natural(&mut lengths);
    let at = |share: usize| lengths.get(lengths.len() * share / 100).copied().unwrap_or(0);
    let longest = lengths.last().copied().unwrap_or(0);
    println!("{} files, lines: median {}, p90 {}, longest {longest}", files.len(), at(50), at(90));
    if at(90) > NINE_IN_TEN {
        findings.push(format!("one file in ten is longer than {} lines, {NINE_IN_TEN} is the aim", at(90)));
    }
    Ok(findings)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if path.join(PRODUCTS).exists() {
                continue;
            }
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn look(path: &str, text: &str, findings: &mut Findings) {
    let length = text.lines().count();
    if length > LONGEST {
        findings.push(format!("{path}: {length} lines, over {LONGEST}"));
    }
    if !text.starts_with("//!") {
        findings.push(format!("{path}: does not start by saying why it exists (//!)"));
    }
    if is_root(path) && !MAY_BE_UNSAFE.contains(&path) && !text.contains("#![forbid(unsafe_code)]") {
        findings.push(format!("{path}: a crate without #![forbid(unsafe_code)]"));
    }
    // This file names the words it looks for.
    if path.ends_with("xtask/house.rs") {
        return;
    }
    for (number, line) in text.lines().enumerate() {
        for (word, why) in WORDS {
            if line.contains(word) {
                findings.push(format!("{path}:{}: '{word}' {why}", number + 1));
            }
        }
    }
}

/// `lib.rs` and `main.rs` at the top of a crate.
fn is_root(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["src", file] | ["src" | "applets" | "scripts" | "tests", _, file] => {
            *file == "lib.rs" || *file == "main.rs"
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Findings {
        let mut findings = Findings::new();
        look(path, text, &mut findings);
        findings
    }

    #[test]
    fn products_of_cargo_are_no_sources() {
        let root = std::env::temp_dir().join(format!("edgekit-house-{}", std::process::id()));
        fs::create_dir_all(root.join("fuzz/target/build")).unwrap();
        for file in ["fuzz/one.rs", "fuzz/target/build/out.rs", "fuzz/target/CACHEDIR.TAG"] {
            fs::write(root.join(file), "").unwrap();
        }
        let mut files = Vec::new();
        collect(&root, &mut files).unwrap();
        assert_eq!(files, [root.join("fuzz/one.rs")]);
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn each_fault_is_found() {
        assert_eq!(findings("src/core/text.rs", "//! Why.\nfn a() {}\n"), Findings::new());
        assert_eq!(findings("src/core/text.rs", "fn a() {}\n").len(), 1);
        assert_eq!(findings("src/core/lib.rs", "//! Why.\n").len(), 1);
        assert_eq!(findings("src/bpf/lib.rs", "//! Why.\n").len(), 0);
        assert_eq!(
            findings("src/a/b.rs", "//! Why.\nfn a() { todo!() }\n"),
            ["src/a/b.rs:2: 'todo!(' is left for later"]
        );
        assert_eq!(findings("src/a/b.rs", &"//! Why.\n".repeat(801)).len(), 1);
    }
}
