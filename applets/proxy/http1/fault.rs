//! Why a request is not answered by its server: a status for the client, a word for the counters.

/// A reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A line that ends without CR.
    BareLf,
    /// Not a request line, or not a field line: also a folded one.
    Syntax,
    /// The target is no path and no URL, or holds what must be written as %XX.
    Target,
    /// No Host, several, or one that is no host.
    Host,
    /// The request line alone is too long.
    TargetTooLong,
    /// The head is too long.
    HeadTooLong,
    /// More fields than we look at.
    TooManyFields,
    /// Neither HTTP/1.0 nor HTTP/1.1.
    Version,
    /// Two Content-Length.
    TwoLengths,
    /// A Content-Length that is no number.
    Length,
    /// Content-Length and Transfer-Encoding.
    LengthAndEncoding,
    /// Two Transfer-Encoding, or one in HTTP/1.0.
    Encoding,
    /// A Transfer-Encoding other than chunked.
    UnknownEncoding,
    /// A chunk that is none.
    Chunk,
    /// The body is longer than configured.
    BodyTooLong,
    /// An Expect other than 100-continue.
    Expectation,
    /// CONNECT.
    Method,
    /// The client took too long over the head.
    SlowHead,
    /// The client took too long over the body.
    SlowBody,
    /// The client ended in the middle.
    Truncated,
    /// No route is for this request.
    NoRoute,
    /// The route's cluster is not there, or has no known endpoint.
    NoEndpoint,
    /// No endpoint could be connected to.
    Connect,
    /// The server did not begin to answer in time.
    ResponseTimeout,
    /// The server went away before it answered.
    NoAnswer,
    /// The server's answer is no HTTP, or cannot be framed for sure.
    BadAnswer,
    /// The route is not for this client.
    Denied,
    /// The whole of it took longer than the route allows.
    RequestTimeout,
    /// The cluster has as many connections or requests as it may, and so many wait.
    Overflow,
    /// There were more requests than the route's rate.
    RateLimited,
    /// The queue before the cluster is full, or the wait in it was too long.
    Shed,
    /// A hook refused the request.
    Hook,
    /// A hook refused the answer.
    HookAnswer,
    /// The route is past its budget, and this was one of those it does not take then.
    Budget,
    /// The client reset its stream: nobody waits for an answer.
    Cancelled,
}

impl Fault {
    /// All of them, in the order of the counters.
    pub const ALL: [Fault; 35] = [
        Fault::BareLf,
        Fault::Syntax,
        Fault::Target,
        Fault::Host,
        Fault::TargetTooLong,
        Fault::HeadTooLong,
        Fault::TooManyFields,
        Fault::Version,
        Fault::TwoLengths,
        Fault::Length,
        Fault::LengthAndEncoding,
        Fault::Encoding,
        Fault::UnknownEncoding,
        Fault::Chunk,
        Fault::BodyTooLong,
        Fault::Expectation,
        Fault::Method,
        Fault::SlowHead,
        Fault::SlowBody,
        Fault::Truncated,
        Fault::NoRoute,
        Fault::NoEndpoint,
        Fault::Connect,
        Fault::ResponseTimeout,
        Fault::NoAnswer,
        Fault::BadAnswer,
        Fault::Denied,
        Fault::RequestTimeout,
        Fault::Overflow,
        Fault::RateLimited,
        Fault::Shed,
        Fault::Hook,
        Fault::HookAnswer,
        Fault::Budget,
        Fault::Cancelled,
    ];

    /// The label of the counter.
    pub const fn word(self) -> &'static str {
        match self {
            Fault::BareLf => "bare_lf",
            Fault::Syntax => "syntax",
            Fault::Target => "target",
            Fault::Host => "host",
            Fault::TargetTooLong => "target_too_long",
            Fault::HeadTooLong => "head_too_long",
            Fault::TooManyFields => "too_many_fields",
            Fault::Version => "version",
            Fault::TwoLengths => "two_lengths",
            Fault::Length => "length",
            Fault::LengthAndEncoding => "length_and_encoding",
            Fault::Encoding => "encoding",
            Fault::UnknownEncoding => "unknown_encoding",
            Fault::Chunk => "chunk",
            Fault::BodyTooLong => "body_too_long",
            Fault::Expectation => "expectation",
            Fault::Method => "method",
            Fault::SlowHead => "slow_head",
            Fault::SlowBody => "slow_body",
            Fault::Truncated => "truncated",
            Fault::NoRoute => "no_route",
            Fault::NoEndpoint => "no_endpoint",
            Fault::Connect => "connect",
            Fault::ResponseTimeout => "response_timeout",
            Fault::NoAnswer => "no_answer",
            Fault::BadAnswer => "bad_answer",
            Fault::Denied => "denied",
            Fault::RequestTimeout => "request_timeout",
            Fault::Overflow => "overflow",
            Fault::RateLimited => "rate_limited",
            Fault::Shed => "shed",
            Fault::Hook => "hook",
            Fault::HookAnswer => "hook_answer",
            Fault::Budget => "budget",
            Fault::Cancelled => "cancelled",
        }
    }

    /// What the client is told.
    pub const fn status(self) -> u16 {
        match self {
            Fault::TargetTooLong => 414,
            Fault::HeadTooLong | Fault::TooManyFields => 431,
            Fault::Version => 505,
            Fault::UnknownEncoding | Fault::Method => 501,
            Fault::BodyTooLong => 413,
            Fault::Expectation => 417,
            Fault::SlowHead | Fault::SlowBody => 408,
            Fault::Denied | Fault::Hook => 403,
            Fault::HookAnswer => 502,
            Fault::NoRoute => 404,
            Fault::NoEndpoint | Fault::Overflow | Fault::Shed | Fault::Budget => 503,
            Fault::RateLimited => 429,
            Fault::Connect | Fault::NoAnswer | Fault::BadAnswer => 502,
            Fault::ResponseTimeout | Fault::RequestTimeout => 504,
            _ => 400,
        }
    }

    /// True if the client's bytes are to blame, and what follows them cannot be trusted.
    pub const fn ends_connection(self) -> bool {
        (self as u8) < Fault::NoRoute as u8
    }
}

/// The words after a status.
pub(super) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        410 => "Gone",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        418 => "Unused",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_listed_in_order() {
        for (position, fault) in Fault::ALL.into_iter().enumerate() {
            assert_eq!(fault as usize, position);
            assert!((400..=599).contains(&fault.status()) && !reason(fault.status()).is_empty());
        }
    }
}
