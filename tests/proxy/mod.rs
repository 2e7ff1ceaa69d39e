//! `edgekit proxy`: the built binary between raw sockets.

mod daemon;
mod differential;
mod framing;
mod life;
mod messages;
mod origin;
mod rotate;
mod routing;
mod tls;
mod world;
