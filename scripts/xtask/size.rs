//! `xtask size FILE [--build NAME]`: a file against its ledger in `scripts/size.toml`.
//!
//! Each build that is checked has a table there: `default` is the file that is shipped, `slim` holds the
//! tracer alone. The total and the sections can always be had. Rooms need symbols, which the shipped file
//! has not: give it the same build before stripping to see where the code comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use toml::{Table, Value};

use crate::{Failure, Findings};

/// The room of code that belongs to no named crate.
const REST: &str = "system";

/// The code of C++ libraries: Luau, and the C++ library it brings along.
const CPP: &str = "C++";
/// What C++ gives a plain name, so that C can call it: the interface of Lua.
const LUA: [&str; 4] = ["lua_", "luaL_", "luau_", "luaopen_"];
/// What belongs to no crate; what unwinds the stack as well, which is C++ and serves Rust's panics, with or without Luau.
const C: &str = "C and assembly";
const UNWIND: [&str; 2] = ["_ZN9libunwind", "_ZNK9libunwind"];
/// The C and assembly of AWS-LC, whose names all begin like this.
const AWS_LC: &str = "aws_lc";
/// The C of zstd: its interface, its two entropy coders and what they share.
const ZSTD: &str = "zstd";
const ZSTD_NAMES: [&str; 7] = ["ZSTD_", "HUF_", "FSE_", "HIST_", "ERR_get", "POOL_", "_HUF_"];
/// The assembly of BLAKE3.
const BLAKE3: &str = "blake3";

pub(crate) fn run(root: &Path, file: &Path, build: &str) -> Result<Findings, Failure> {
    let ledger: Table = fs::read_to_string(root.join("scripts/size.toml"))?.parse()?;
    let bytes = fs::read(file).map_err(|error| format!("cannot read '{}': {error}", file.display()))?;
    let object = object::File::parse(&*bytes)?;
    let build =
        table(&ledger, "build").find(|(name, _)| *name == build).and_then(|(_, table)| table.as_table());
    let build = build.ok_or("size.toml has no such build")?;
    let mut report = Report::default();
    // Symbols and line tables are not shipped, so they do not count.
    let debug: u64 = object.sections().filter(is_stripped).map(|section| section.size()).sum();
    report.line("total", (bytes.len() as u64).saturating_sub(debug), limit(build.get("total")));
    for (name, value) in table(build, "section") {
        // With its parts: `.text.startup`, `.text.unlikely`.
        let of = |found: &str| {
            found.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let size = object
            .sections()
            .filter(|section| section.name().is_ok_and(of))
            .map(|section| section.size())
            .sum();
        report.line(name, size, limit(Some(value)));
    }
    let by_crate = code_by_crate(&object);
    if by_crate.is_empty() {
        println!("rooms: not measured, the file has no symbols");
    } else {
        rooms(&mut report, build, by_crate);
    }
    Ok(report.findings)
}

#[derive(Default)]
struct Report {
    findings: Findings,
}

impl Report {
    fn line(&mut self, name: &str, size: u64, limit: Option<u64>) {
        let Some(limit) = limit else {
            self.findings.push(format!("size.toml has no limit for {name}"));
            return;
        };
        let percent = (size * 100).checked_div(limit).unwrap_or(0);
        println!("{name:<14} {size:>9} of {limit:>9} bytes, {percent:>3} %");
        if size > limit {
            self.findings.push(format!("{name} is {size} bytes, {} over its line", size - limit));
        }
    }
}

fn rooms(report: &mut Report, build: &Table, mut by_crate: BTreeMap<String, u64>) {
    let mut rest_limit = None;
    for (room, value) in table(build, "room") {
        let limit = limit(value.get("limit"));
        if room == REST {
            rest_limit = limit;
            continue;
        }
        let crates = value.get("crates").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let size = crates.iter().filter_map(Value::as_str).filter_map(|name| by_crate.remove(name)).sum();
        report.line(room, size, limit);
    }
    report.line(REST, by_crate.values().sum(), rest_limit);
    let mut largest: Vec<(&String, &u64)> = by_crate.iter().collect();
    edgekit_core::sort::by_key(&mut largest, |(_, size)| std::cmp::Reverse(**size));
    for (name, size) in largest.into_iter().take(8) {
        println!("  of which {name:<20} {size:>9}");
    }
}

/// Bytes of code of each crate, by the names of the functions.
fn code_by_crate(object: &object::File<'_>) -> BTreeMap<String, u64> {
    let mut sizes = BTreeMap::new();
    // A constructor of C++ has two names for the same code, and C has aliases.
    let mut seen = BTreeSet::new();
    for symbol in object.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
        if symbol.size() > 0 && !seen.insert(symbol.address()) {
            continue;
        }
        let name = symbol.name().unwrap_or_default();
        *sizes.entry(crate_of(name).to_owned()).or_insert(0) += symbol.size();
    }
    sizes
}

/// The crate in a mangled name of either scheme.
fn crate_of(symbol: &str) -> &str {
    if let Some(path) = symbol.strip_prefix("_R") {
        return in_v0(path).unwrap_or("unknown");
    }
    if symbol.starts_with(AWS_LC) {
        return AWS_LC;
    }
    if ZSTD_NAMES.iter().any(|prefix| symbol.starts_with(prefix)) {
        return ZSTD;
    }
    if symbol.trim_start_matches('_').starts_with(BLAKE3) {
        return BLAKE3;
    }
    if UNWIND.iter().any(|prefix| symbol.starts_with(prefix)) {
        return C;
    }
    // Rust's older mangling looks like that of C++, but for a hash at its end.
    if symbol.starts_with("_Z") && !has_hash(symbol) || LUA.iter().any(|prefix| symbol.starts_with(prefix)) {
        return CPP;
    }
    match symbol.strip_prefix("_ZN").and_then(identifier) {
        // `<alloc::vec::Vec<T> as …>` stands as `_$LT$alloc..vec..Vec$LT$T…`.
        Some(name) => match name.strip_prefix("_$LT$") {
            Some(generic) => {
                generic.split(['.', '$']).next().filter(|name| !name.is_empty()).unwrap_or("generic")
            }
            None => name,
        },
        None => C,
    }
}

/// `…17h0123456789abcdefE`, maybe with what LLVM put behind it.
fn has_hash(symbol: &str) -> bool {
    symbol.split_once("17h").is_some_and(|(_, hash)| {
        hash.get(..16).is_some_and(|hash| hash.bytes().all(|digit| digit.is_ascii_hexdigit()))
            && hash.as_bytes().get(16) == Some(&b'E')
    })
}

/// The first crate root of a path: `C`, maybe a disambiguator `s…_`, then the crate's name.
fn in_v0(path: &str) -> Option<&str> {
    path.match_indices('C').find_map(|(at, _)| {
        let rest = &path[at + 1..];
        match rest.strip_prefix('s') {
            Some(marked) => identifier(marked.split_once('_')?.1),
            None => identifier(rest),
        }
    })
}

/// `4core…` → `core`.
fn identifier(text: &str) -> Option<&str> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let length: usize = text.get(..digits)?.parse().ok()?;
    text.get(digits..)?.get(..length)
}

fn is_stripped<'data>(section: &impl ObjectSection<'data>) -> bool {
    let name = section.name().unwrap_or_default();
    name.starts_with(".debug") || matches!(name, ".symtab" | ".strtab" | ".comment")
}

fn table<'a>(ledger: &'a Table, name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    ledger.get(name).and_then(Value::as_table).into_iter().flatten()
}

fn limit(value: Option<&Value>) -> Option<u64> {
    value.and_then(Value::as_integer).and_then(|limit| u64::try_from(limit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_manglings_name_their_crate() {
        assert_eq!(crate_of("_RNvNtCs1234_7edgekit6launch3run"), "edgekit");
        assert_eq!(crate_of("_RINvNtCsabCd_12edgekit_core4text4nearE"), "edgekit_core");
        assert_eq!(crate_of("_ZN12clap_builder7builder3foo17h0123456789abcdefE"), "clap_builder");
        assert_eq!(crate_of("_ZN33_$LT$alloc..vec..Vec$LT$T$GT$$GT$17h0123456789abcdefE.llvm.7"), "alloc");
        assert_eq!(crate_of("_ZN4Luau7compileEv"), "C++");
        assert_eq!(crate_of("_ZL12luaH_getnumP9lua_State"), "C++");
        assert_eq!(crate_of("_ZNSt3__112basic_stringIcE6appendEPKc"), "C++");
        assert_eq!(crate_of("_ZN9libunwind12CFI_ParserINS_17LocalAddressSpaceEE7findFDEEv"), C);
        assert_eq!(crate_of("luaL_checkinteger"), "C++");
        assert_eq!(crate_of("aws_lc_0_35_0_EVP_DigestInit"), "aws_lc");
        assert_eq!(crate_of("ZSTD_compress2"), "zstd");
        assert_eq!(crate_of("blake3_hash_many_avx2"), "blake3");
        assert_eq!(crate_of("memcpy"), "C and assembly");
        assert_eq!(crate_of("_R"), "unknown");
    }

    #[test]
    fn a_line_that_is_passed_is_a_finding() {
        let mut report = Report::default();
        report.line("a", 10, Some(10));
        report.line("b", 11, Some(10));
        report.line("c", 1, None);
        assert_eq!(report.findings, ["b is 11 bytes, 1 over its line", "size.toml has no limit for c"]);
    }
}
