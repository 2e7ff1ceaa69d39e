//! The hook points of the proxy: what a hook is told, in which order, and what it may decide.
//!
//! The manual (`edgekit-rules.7`) is made of these tables, and `mod.rs` fills the fields in their order.

use edgekit_rules::{Field, Kind, Schema, Verdicts};

const fn field(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, about }
}

const CLIENT: Field = field("client", Kind::Str, "address of the client");
const HEAD: Field =
    field("head", Kind::Str, "its fields, a line each; header(event, name) and headers(event) read them");

/// A connection.
pub(super) static CONNECTION: Schema = Schema {
    name: "proxy.connection",
    about: "A connection of a client, its TLS handshake done, before anything of it is read",
    fields: &[
        CLIENT,
        field("listener", Kind::Str, "the listener it came by"),
        field("secure", Kind::Bool, "it speaks TLS"),
        field("server_name", Kind::Str, "the name the client asked for (SNI), where there is one"),
        field("identity", Kind::Str, "the first name in the client's certificate, where there is one"),
    ],
    verdicts: Verdicts { drop: true, change: &[] },
};

/// A request.
pub(super) static REQUEST: Schema = Schema {
    name: "proxy.request",
    about: "A request, before a route is looked for; dropped, it is answered with 403",
    fields: &[
        field("method", Kind::Str, "its method"),
        field("scheme", Kind::Str, "http or https"),
        field("host", Kind::Str, "the host, with the port where the client named one"),
        field("path", Kind::Str, "the path, without a query"),
        field("query", Kind::Str, "what follows '?'"),
        HEAD,
        CLIENT,
        field("listener", Kind::Str, "the listener it came by"),
        field("server_name", Kind::Str, "the name the client asked for (SNI), where there is one"),
        field("identity", Kind::Str, "the first name in the client's certificate, where there is one"),
    ],
    verdicts: Verdicts { drop: true, change: &["status", "body", "target", "host", "headers"] },
};

/// A request with its body.
pub(super) static REQUEST_BODY: Schema = Schema {
    name: "proxy.request_body",
    about: "A request for a server with its body, up to hook_body.max; it is not routed again. Dropped, it is answered \
            with 403",
    fields: &[
        field("method", Kind::Str, "its method"),
        field("scheme", Kind::Str, "http or https"),
        field("host", Kind::Str, "the host, with the port where the client named one"),
        field("path", Kind::Str, "the path, without a query"),
        field("query", Kind::Str, "what follows '?'"),
        HEAD,
        CLIENT,
        field("listener", Kind::Str, "the listener it came by"),
        field("server_name", Kind::Str, "the name the client asked for (SNI), where there is one"),
        field("identity", Kind::Str, "the first name in the client's certificate, where there is one"),
        field("body", Kind::Str, "its body; empty where it has none"),
    ],
    verdicts: Verdicts { drop: true, change: &["status", "body", "headers"] },
};

/// An answer with its body.
pub(super) static RESPONSE_BODY: Schema = Schema {
    name: "proxy.response_body",
    about: "A server's answer with its body, up to hook_body.max; dropped, the client gets 502",
    fields: &[
        field("status", Kind::Int, "its status"),
        HEAD,
        field("route", Kind::Str, "the route of the request"),
        CLIENT,
        field("body", Kind::Str, "its body; empty where it has none"),
    ],
    verdicts: Verdicts { drop: true, change: &["status", "body", "headers"] },
};

/// An answer.
pub(super) static RESPONSE: Schema = Schema {
    name: "proxy.response",
    about: "The head of a server's answer; dropped, the client gets 502",
    fields: &[
        field("status", Kind::Int, "its status"),
        HEAD,
        field("route", Kind::Str, "the route of the request"),
        CLIENT,
    ],
    verdicts: Verdicts { drop: true, change: &["status", "headers"] },
};

/// An exchange that is over.
pub(super) static LOG: Schema = Schema {
    name: "proxy.log",
    about: "An exchange that is over; dropped, the access log gets no line",
    fields: &[
        CLIENT,
        field("method", Kind::Str, "the method"),
        field("target", Kind::Str, "path and query"),
        field("host", Kind::Str, "the host"),
        field("status", Kind::Int, "the status it was answered with"),
        field("sent", Kind::Int, "bytes of the answer's body"),
        field("took", Kind::Num, "seconds from head to end"),
        field("route", Kind::Str, "the route"),
        field("endpoint", Kind::Str, "the server that answered"),
        field("fault", Kind::Str, "why no server answered"),
    ],
    verdicts: Verdicts { drop: true, change: &[] },
};

/// All of them.
pub(super) static SCHEMAS: [&Schema; 6] =
    [&CONNECTION, &REQUEST, &REQUEST_BODY, &RESPONSE, &RESPONSE_BODY, &LOG];
