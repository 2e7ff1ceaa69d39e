//! OpenTelemetry's protocol over HTTP: what a daemon has to tell, in batches, to a collector.
//!
//! A daemon encodes spans (or lines of log: their messages nest alike) with [`proto`] and offers them to a
//! [`Queue`], which never waits; an [`Exporter`] on the control runtime sends what is there. A collector that
//! is away costs what does not fit into the queue, which is counted, and nobody's time. Protobuf, version 1 of
//! the protocol: opentelemetry.io/docs/specs/otlp. Neighbour: `client.rs`.

mod exporter;
pub mod proto;

pub use exporter::{Exporter, Piece, Queue, Signal, Target, queue};
