//! HTTP/2 (RFC 9113), both sides, of our own.

pub mod hpack;
