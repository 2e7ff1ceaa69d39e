//! Running a compiled program: kernel objects, probes, the event loop, the last words.
//!
//! Neighbours: `plan` says what to make, `output` prints, `symbols` names numbers; `edgekit_bpf` speaks to the
//! kernel. `load` makes maps and programs, `attach` hangs them up, `session` is the run itself, `events` and
//! `actions` are what each event does, `judge` who may have a say in it, `tables` the script's maps, `loss` the ledger, `control` the shared words,
//! `target` the processes of `-c` and `-p`, `reject` explains refusals.

mod actions;
pub mod attach;
mod burst;
mod control;
mod events;
pub mod judge;
pub mod load;
mod loss;
pub mod reject;
pub mod session;
mod tables;
pub mod target;

pub(crate) use actions::os_words;
