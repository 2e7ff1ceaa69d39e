//! A reader for manual pages: the man(7) macros our own pages use, and no more.
//!
//! `parse.rs` turns a page's source into blocks, `inline.rs` one line of it into styled letters,
//! `layout.rs` the blocks into text of some width. `xtask gen --check` fails on a macro this room
//! does not know, so no page silently loses a line.

mod inline;
mod layout;
mod parse;

pub(crate) use layout::Layout;
pub(crate) use parse::Page;
