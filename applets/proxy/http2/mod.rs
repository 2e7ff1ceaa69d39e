//! HTTP/2 (RFC 9113), both sides, of our own.

mod abuse;
mod connection;
mod frame;
pub mod hpack;
mod message;
mod streams;
