//! What is known of endpoints: who is asked, who answers, who is left out for a while.
//!
//! One [`ClusterState`] a cluster that needs it, shared by the workers and kept over reloads; plain
//! clusters have none. `endpoint.rs` is one endpoint in atomic numbers, `outlier.rs` leaves out those
//! that answer badly, `check.rs` asks those that should be well (`grpc.rs` in gRPC's way), `state.rs` says who may be chosen.

mod check;
mod endpoint;
mod grpc;
mod outlier;
mod state;

pub(crate) use check::Checks;
pub use check::{HealthCheck, Kind};
pub use endpoint::{EndpointState, Visit};
pub use grpc::serves;
pub use outlier::{Outlier, Report};
pub use state::{ClusterState, States};
