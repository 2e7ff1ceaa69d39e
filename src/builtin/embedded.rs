//! The committed completions and manual pages, carried inside the file by static-files, packed.
//!
//! The map is built when it is asked for: nothing of it costs a start that does not need it.

use generated::generate;
use miniz_oxide::inflate::decompress_to_vec;

/// Written by build.rs.
#[allow(unreachable_pub)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}

/// The source of a manual page, such as `edgekit.7`.
pub(crate) fn page(file: &str) -> Option<String> {
    text(&format!("man/{file}"))
}

/// A completion script, such as `edgekit.bash`.
pub(crate) fn completion(file: &str) -> Option<String> {
    text(&format!("completions/{file}"))
}

/// The file names of all manual pages, in order.
pub(crate) fn pages() -> Vec<&'static str> {
    let mut names: Vec<&'static str> =
        generate().keys().filter_map(|path| path.strip_prefix("man/")).collect();
    edgekit_core::sort::natural(&mut names);
    names
}

fn text(path: &str) -> Option<String> {
    let files = generate();
    let resource = files.get(path)?;
    String::from_utf8(decompress_to_vec(resource.data).ok()?).ok()
}
