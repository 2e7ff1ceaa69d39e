//! What the long help and the man page say beyond the options.

use edgekit_core::{Example, Manual};

pub(crate) const MANUAL: Manual = Manual {
    paragraph: "Takes HTTP/1.1 and HTTP/2 requests and has them answered by servers it keeps connections to, by host, path \
                and method, or answers them itself. WebSockets and gRPC pass. Whatever two servers could understand \
                differently is refused. A reload replaces routes, clusters and settings between two requests; \
                connections live on. Certificates, keys and authorities that change on disk are in use for the \
                next connection, and the last good ones are kept. A new program takes over without a lost \
                connection, and without a lost counter: 'edgekit upgrade proxy' hands the sockets to it, and \
                the old process finishes what it has. Connections of other protocols are passed on \
                as they are, by the host a TLS client asks for if need be. With --listen and --to it needs no \
                file; --tls-cert and --tls-key make it speak TLS, --client-ca asks clients for certificates.",
    examples: &[
        Example {
            command: "edgekit proxy --listen 127.0.0.1:8080 --to http://127.0.0.1:9000",
            does: "pass everything on to one server",
        },
        Example {
            command: "edgekit proxy --listen 127.0.0.1:8080 --to http://127.0.0.1:9000 --access-log access.log",
            does: "the same, with a line for each request",
        },
        Example {
            command: "edgekit config example proxy",
            does: "a commented file with every key, for 'edgekit proxy run' and 'check'",
        },
    ],
    files: &[
        ("/etc/edgekit/proxy.toml", "the configuration; /etc/edgekit/proxy.d/*.toml on top of it"),
        ("/run/edgekit/proxy.sock", "control socket: status, reload, upgrade, drain, metrics"),
    ],
    environment: &[(
        "EDGEKIT_PROXY_<KEY>",
        "a key of the configuration, '__' between levels, such as EDGEKIT_PROXY_WORKERS=1",
    )],
    exits: &[
        (75, "an address is in use"),
        (77, "not permitted to listen on a port below 1024"),
        (78, "the configuration has a fault"),
    ],
};
