//! The command line as a user meets it: names, help, output, links.

mod config;
mod dispatch;
mod examples;
mod help;
mod install;
mod inventory;
mod output;
mod twice;
