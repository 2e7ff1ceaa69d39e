//! A daemon on `rt::Host` as its user meets it: signals, control socket, service manager.

mod control;
mod first;
mod leftovers;
mod lifecycle;
mod manager;
mod service;
mod upgrade;
