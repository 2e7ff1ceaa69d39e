//! Configuration: files, drop-ins, environment and flags become one checked struct.
//!
//! An applet writes one description with [`config!`](crate::config!). From it come the struct, the
//! checks, the table of the manual page, the [`example`] and the [`schema`]. [`load`] finds the
//! layers and gives back a [`Loaded`] with the origin of each value, or every fault at once
//! ([`Problems`]); [`diff`] says what a reload can apply.
//!
//! | room | knows |
//! |---|---|
//! | `describe`, `formats`, `typed` | what can be told, and the Rust types it becomes |
//! | `files`, `read`, `words`, `check` | one layer: a file, the environment, the flags; one value |
//! | `layer`, `load`, `change` | the layers together, and two loads beside each other |
//! | `problem`, `value`, `secret` | faults with their place, values with their origin, secrets |
//! | `example`, `schema`, `faults` | the description for people, for editors, for its author |

mod change;
mod check;
mod describe;
mod example;
mod faults;
mod files;
mod formats;
mod layer;
mod load;
mod problem;
mod read;
mod schema;
mod secret;
mod typed;
mod value;
mod words;

#[cfg(test)]
mod tests;

pub use change::{Change, diff};
pub use describe::{Format, Key, Kind, MAX_LIST, MAX_TEXT, Reading, Reload, Section};
pub use example::{example, notes};
pub use files::{MAX_DROP_INS, MAX_FILE};
pub use formats::{ADDRESS, BYTE_RATE, DURATION, PATH, RATE, SECRET, SIZE, SOCKET, TEXT};
pub use load::{FILE_ARG, Inputs, Loaded, Row, file_arg, load, parse};
pub use problem::{Problem, Problems};
pub use schema::schema;
pub use secret::{MAX_SECRET, Secret, SecretFile};
pub use typed::{Named, Settings, Typed, key_name};
pub use value::{Node, Origin, Table, Text, Value};
pub use words::Flag;

/// A file of a line or two, for the neighbours in this crate: its bytes, none if it is not there, or
/// why it cannot be read.
pub(crate) fn read_small(path: &std::path::Path) -> Result<Option<Vec<u8>>, String> {
    files::read(path, 4096)
}
