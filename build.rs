//! Embeds the committed completions and manual pages, and notes how this build is made.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};
use std::{env, io};

/// static-files writes each file's time into the code it generates. One fixed time for all keeps
/// builds of the same sources the same.
const FIXED_TIME: Duration = Duration::from_secs(1_767_225_600);

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    embed(&out)?;
    note("EDGEKIT_APPLETS", &applets()?);
    note("EDGEKIT_GIT", &git());
    note("EDGEKIT_BUILT", &built());
    note("EDGEKIT_TARGET", &env::var("TARGET")?);
    note("EDGEKIT_PROFILE", &profile(&out));
    note("EDGEKIT_RUSTC", &rustc());
    Ok(())
}

fn note(name: &str, value: &str) {
    println!("cargo:rustc-env={name}={value}");
}

/// Packs what is embedded (deflate, RFC 1951) into one place with one time, and generates the map of it. The files of
/// a folder are one resource, each behind a line with its name and size: pages and scripts are like each other, so
/// that takes a third less than each alone.
fn embed(out: &Path) -> io::Result<()> {
    let staged = out.join("embedded");
    if staged.exists() {
        fs::remove_dir_all(&staged)?;
    }
    let left_out = left_out()?;
    for folder in ["completions", "man"] {
        println!("cargo:rerun-if-changed={folder}");
        fs::create_dir_all(&staged)?;
        // Scripts for one shell are likest.
        let mut files = BTreeSet::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            files.insert((path.extension().map(ToOwned::to_owned), path));
        }
        let mut all = Vec::new();
        for (_, path) in files {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if left_out.iter().any(|applet| name.trim_start_matches('_').starts_with(applet)) {
                continue;
            }
            let source = fs::read(&path)?;
            all.extend_from_slice(format!("{name} {}\n", source.len()).as_bytes());
            all.extend_from_slice(&source);
        }
        let packed = staged.join(folder);
        fs::write(&packed, miniz_oxide::deflate::compress_to_vec(&all, 10))?;
        File::options().write(true).open(&packed)?.set_modified(SystemTime::UNIX_EPOCH + FIXED_TIME)?;
    }
    static_files::resource::generate_resources(staged, None, out.join("embedded.rs"), "generate")
}

/// How the names of pages begin that belong to applets which are not in this build.
fn left_out() -> io::Result<Vec<String>> {
    let is_out = |name: &&str| env::var_os(format!("CARGO_FEATURE_{}", name.to_uppercase())).is_none();
    Ok(applets()?.split_whitespace().filter(is_out).map(|name| format!("edgekit-{name}")).collect())
}

/// The names of all applets. A new one always changes Cargo.toml too.
fn applets() -> io::Result<String> {
    println!("cargo:rerun-if-changed=Cargo.toml");
    let mut names = BTreeSet::new();
    for entry in fs::read_dir("applets")? {
        names.insert(entry?.file_name().to_string_lossy().into_owned());
    }
    Ok(Vec::from_iter(names).join(" "))
}

/// The commit, given by whoever builds from an archive, else asked of git.
fn git() -> String {
    println!("cargo:rerun-if-env-changed=EDGEKIT_GIT_HASH");
    if let Ok(hash) = env::var("EDGEKIT_GIT_HASH") {
        return hash;
    }
    for question in [["rev-parse", "--git-path", "HEAD"], ["rev-parse", "--git-path", "logs/HEAD"]] {
        if let Some(path) = first_line("git", &question).filter(|path| Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    first_line("git", &["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned())
}

/// When the sources were made, in seconds since 1970: what the builder says (reproducible-builds.org),
/// else the date of the commit; zero if neither is known. Never the time of this build.
fn built() -> String {
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let given = env::var("SOURCE_DATE_EPOCH").ok();
    let date = given.or_else(|| first_line("git", &["log", "-1", "--format=%ct"]));
    date.filter(|date| date.parse::<u64>().is_ok()).unwrap_or_else(|| "0".to_owned())
}

/// The profile's own name; Cargo tells only whether it is like `release` or like `debug`.
fn profile(out: &Path) -> String {
    let mut folders = out.iter().rev().skip_while(|folder| *folder != "build").skip(1);
    match folders.next().and_then(|folder| folder.to_str()) {
        Some("debug") | None => "dev".to_owned(),
        Some(name) => name.to_owned(),
    }
}

fn rustc() -> String {
    let compiler = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let line = first_line(&compiler, &["--version"]).unwrap_or_default();
    line.split_whitespace().nth(1).unwrap_or("unknown").to_owned()
}

fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().filter(|_| output.status.success()).map(str::to_owned)
}
