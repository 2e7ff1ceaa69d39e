//! `edgekit rules`: checked, tested, run and reloaded as a user would.

mod check;
mod fixtures;
mod reload;
mod replay;
mod service;
mod state;
mod sturdy;
