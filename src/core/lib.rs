//! The contract every applet is written against.
//!
//! An applet is a plain struct of data and functions ([`Applet`]); it is handed a [`Ctx`] for
//! everything it says and learns, and gives back an [`Exit`] or an [`Error`]. What it can be told is a
//! description ([`config`]); who and when it is, [`DeviceId`] and [`Clock`] say. This crate knows no
//! applet and no process machinery: `edgekit` (the binary) keeps the table, `edgekit-rt` the
//! signals, children and capabilities of a running process.
#![forbid(unsafe_code)]

mod applet;
pub mod calendar;
mod capability;
mod clock;
mod color;
pub mod config;
mod ctx;
mod device_id;
mod error;
mod exit;
mod finding;
pub mod json;
mod manual;
mod out;
mod paths;
pub mod progress;
pub mod sort;
pub mod term;
pub mod text;
pub mod units;

pub use applet::{Applet, Entry};
pub use capability::Capability;
pub use clock::{Clock, Hands, LastGood};
pub use color::{ColorChoice, Paint};
pub use ctx::Ctx;
pub use device_id::{DeviceId, IdOrigin};
pub use error::{Error, ErrorContext};
pub use exit::Exit;
pub use finding::{Finding, Status};
pub use manual::{Example, Manual};
pub use out::Out;
pub use paths::{Environment, Paths};
pub use progress::Progress;
