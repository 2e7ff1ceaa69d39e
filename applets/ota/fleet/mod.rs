//! Updates without anybody at the keyboard: who offers them, when they are taken, who hears how it went.
//!
//! | room | knows |
//! |---|---|
//! | `times`, `rules` | windows of the week; whether now is the time, by the device's rules and the offer's hints |
//! | `offer` | an offer as a file |
//! | `origin` | what every kind of origin is asked and told |
//! | `poll`, `hawkbit` | a file on a server or in a folder; a hawkBit server |
//! | `line` | one origin as it is followed: when to ask, what it knows |
//! | `job` | what is being done and what is to be reported, as records; what is next |
//! | `machine`, `here` | what all this takes of the device; the device |
//! | `follow`, `asking`, `telling` | the loop |
//! | `work` | an installation on a thread of its own |
//! | `event`, `restart` | what others are told; what inhibits, how the device is restarted |
//! | `config`, `service` | what a file may say; the daemon |

mod asking;
pub mod config;
mod event;
mod follow;
pub mod hawkbit;
mod here;
mod job;
mod line;
mod machine;
pub mod offer;
mod origin;
mod poll;
mod restart;
mod rules;
pub(crate) mod service;
mod telling;
#[cfg(test)]
mod tests;
pub mod times;
mod work;
