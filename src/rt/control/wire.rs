//! As much of HTTP/1.1 (RFC 9112) as a control socket needs: one request, one response, a body with
//! a stated length. Pure: bytes in, values out.

use serde_json::Value;

/// Longest request line and headers.
pub(super) const MAX_HEAD: usize = 8 * 1024;
/// Longest body of a request.
pub(super) const MAX_BODY: usize = 64 * 1024;

/// The head of a request.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Head {
    pub(super) method: String,
    pub(super) path: String,
    /// Bytes of the body that follows.
    pub(super) body: usize,
}

/// What is sent back.
#[derive(PartialEq, Debug)]
pub(crate) struct Response {
    pub(super) status: u16,
    kind: &'static str,
    /// Methods a path would have, with 405.
    allow: Option<&'static str>,
    body: String,
}

impl Response {
    pub(super) fn json(status: u16, value: &Value) -> Response {
        Response { status, kind: "application/json", allow: None, body: format!("{value}\n") }
    }

    pub(super) fn text(body: String) -> Response {
        Response { status: 200, kind: "text/plain; version=0.0.4; charset=utf-8", allow: None, body }
    }

    pub(super) fn error(status: u16, message: &str) -> Response {
        Response::json(status, &serde_json::json!({ "error": message }))
    }

    pub(super) fn wrong_method(allow: &'static str) -> Response {
        Response { allow: Some(allow), ..Response::error(405, &format!("this path takes {allow}")) }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let allow = self.allow.map(|allow| format!("allow: {allow}\r\n")).unwrap_or_default();
        let Response { status, kind, body, .. } = self;
        let head = format!(
            "HTTP/1.1 {status} {}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n{allow}connection: close\r\n\r\n",
            reason(*status),
            body.len()
        );
        [head.as_bytes(), body.as_bytes()].concat()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "Bad Request",
    }
}

/// Where the head in `bytes` ends, if all of it is there.
pub(super) fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// Reads the head of a request, its empty line included.
pub(super) fn parse_head(bytes: &[u8]) -> Result<Head, Response> {
    let bad = |what: &str| Response::error(400, what);
    let text = std::str::from_utf8(bytes).map_err(|_| bad("the request is not text"))?;
    let mut lines = text.split("\r\n");
    let words: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let [method, path, version] = words[..] else { return Err(bad("malformed request line")) };
    if !matches!(version, "HTTP/1.1" | "HTTP/1.0") {
        return Err(bad("only HTTP/1.1 is spoken here"));
    }
    if !path.starts_with('/') || method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(bad("malformed request line"));
    }
    let mut body = None;
    for line in lines.filter(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once(':') else { return Err(bad("malformed header")) };
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(Response::error(501, "send the body with a content-length"));
        }
        if name.eq_ignore_ascii_case("content-length") {
            let value = value.trim();
            let length = Some(value).filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()));
            let length = length.and_then(|value| value.parse::<usize>().ok());
            let length = length.ok_or_else(|| bad("malformed content-length"))?;
            if body.replace(length).is_some_and(|other| other != length) {
                return Err(bad("two different lengths"));
            }
        }
    }
    let body = body.unwrap_or(0);
    if body > MAX_BODY {
        return Err(Response::error(413, "the body is too long"));
    }
    Ok(Head { method: method.to_owned(), path: path.to_owned(), body })
}

/// Reads a whole response: its status and its body.
pub(super) fn parse_response(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let end = end_of_head(bytes)?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let mut headers = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let (_, length) = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    let length: usize = length.trim().parse().ok()?;
    bytes.get(end..end.checked_add(length)?).map(|body| (status, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status_of(text: &str) -> u16 {
        parse_head(text.as_bytes()).map_or_else(|response| response.status, |_| 200)
    }

    #[test]
    fn a_request_as_curl_sends_it() {
        let text = "PUT /log-level HTTP/1.1\r\nHost: x\r\nContent-Length: 16\r\n\r\n";
        let head = parse_head(text.as_bytes()).unwrap();
        assert_eq!(head, Head { method: "PUT".into(), path: "/log-level".into(), body: 16 });
        assert_eq!(end_of_head(text.as_bytes()), Some(text.len()));
        assert_eq!(end_of_head(b"GET / HTTP/1.1\r\n"), None);
    }

    #[test]
    fn nonsense_has_its_status() {
        for text in [
            "\r\n\r\n",
            "GET /\r\n\r\n",
            "GET  / HTTP/1.1\r\n\r\n",
            "get / HTTP/1.1\r\n\r\n",
            "GET x HTTP/1.1",
        ] {
            assert_eq!(status_of(text), 400, "{text:?}");
        }
        assert_eq!(status_of("GET / HTTP/2\r\n\r\n"), 400);
        assert_eq!(status_of("GET / HTTP/1.1\r\nno colon\r\n\r\n"), 400);
        assert_eq!(status_of("PUT / HTTP/1.1\r\ncontent-length: +4\r\n\r\n"), 400);
        assert_eq!(status_of("PUT / HTTP/1.1\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\n"), 400);
        assert_eq!(status_of("PUT / HTTP/1.1\r\ncontent-length: 99999999\r\n\r\n"), 413);
        assert_eq!(status_of("PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"), 501);
    }

    #[test]
    fn what_is_sent_is_read_back() {
        let sent = Response::wrong_method("GET, PUT").to_bytes();
        let (status, body) = parse_response(&sent).unwrap();
        assert_eq!(status, 405);
        assert_eq!(body, b"{\"error\":\"this path takes GET, PUT\"}\n");
        assert!(String::from_utf8(sent.clone()).unwrap().contains("\r\nallow: GET, PUT\r\n"));
        assert_eq!(parse_response(&sent[..sent.len() - 1]), None);
    }
}
