//! The command line as a user meets it: names, help, output, links.

mod dispatch;
mod examples;
mod help;
mod install;
mod inventory;
mod output;
mod twice;
