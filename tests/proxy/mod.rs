//! `edgekit proxy`: the built binary between raw sockets.

mod abuse;
mod agreed;
mod balancing;
mod change;
mod checks;
mod daemon;
mod differential;
mod framing;
mod hooks;
mod http2;
mod l4;
mod life;
mod load;
mod messages;
mod objective;
mod origin;
mod resilience;
mod rotate;
mod routing;
mod seeing;
mod tls;
mod traces;
mod trailers;
mod udp;
mod upgrade;
pub(crate) mod world;
