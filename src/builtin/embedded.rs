//! The committed completions and manual pages, carried inside the file by static-files, packed.
//!
//! A folder is unpacked when one of its files is asked for: nothing of it costs a start that does not need it.

use generated::generate;
use miniz_oxide::inflate::decompress_to_vec;

/// Written by build.rs.
#[allow(unreachable_pub)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}

/// The source of a manual page, such as `edgekit.7`.
pub(crate) fn page(file: &str) -> Option<String> {
    find("man", file)
}

/// A completion script, such as `edgekit.bash`.
pub(crate) fn completion(file: &str) -> Option<String> {
    find("completions", file)
}

/// The file names of all manual pages, in order.
pub(crate) fn pages() -> Vec<String> {
    let folder = unpacked("man").unwrap_or_default();
    let mut names: Vec<String> = files(&folder).map(|(name, _)| name.to_owned()).collect();
    edgekit_core::sort::natural(&mut names);
    names
}

fn find(folder: &str, file: &str) -> Option<String> {
    let folder = unpacked(folder)?;
    files(&folder).find(|(name, _)| *name == file).map(|(_, source)| source.to_owned())
}

fn unpacked(folder: &str) -> Option<String> {
    let resources = generate();
    String::from_utf8(decompress_to_vec(resources.get(folder)?.data).ok()?).ok()
}

/// Name and source of each: a line with the name and the size of the source, then the source.
fn files(mut folder: &str) -> impl Iterator<Item = (&str, &str)> {
    std::iter::from_fn(move || {
        let (head, rest) = folder.split_once('\n')?;
        let (name, size) = head.split_once(' ')?;
        let (source, rest) = rest.split_at_checked(size.parse().ok()?)?;
        folder = rest;
        Some((name, source))
    })
}
