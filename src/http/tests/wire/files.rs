//! Ranges and conditions of what is served, over the wire.

use edgekit_http::{
    Answer, Call, Content, Limits, Method, Request, Retry, StatusCode, header, serve_content,
};

use crate::peers::{client, serve};

/// Serves ten digits from a file; gives the address and the file's tag.
fn digits() -> (String, String) {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("edgekit-http-digits-{}-{number}", std::process::id()));
    std::fs::write(&path, "0123456789").unwrap();
    let content = Content::file(std::fs::File::open(&path).unwrap(), "text/plain").unwrap();
    std::fs::remove_file(&path).unwrap();
    let tag = content.tag().to_owned();
    let handler = move |request: Request| {
        let reply = serve_content(&content, &request.method, &request.headers);
        async move { reply }
    };
    let (address, _) = serve(handler, Limits::default());
    (format!("http://{address}/"), tag)
}

async fn ask(url: &str, method: Method, headers: &[(header::HeaderName, &str)]) -> Answer {
    let mut call = Call::new(method, url).unwrap();
    for (name, value) in headers {
        call = call.header(name.clone(), value.parse().unwrap());
    }
    client().send(&call, &Retry::never()).await.unwrap()
}

fn field(answer: &Answer, name: header::HeaderName) -> Option<String> {
    answer.headers.get(name).map(|value| value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn ranges() {
    let (url, tag) = digits();
    let cases = [
        ("bytes=2-4", 206, Some("bytes 2-4/10"), "234"),
        ("bytes=7-", 206, Some("bytes 7-9/10"), "789"),
        ("bytes=-2", 206, Some("bytes 8-9/10"), "89"),
        ("bytes=10-", 416, Some("bytes */10"), ""),
        ("bytes=0-1,4-5", 200, None, "0123456789"),
    ];
    for (range, status, content_range, body) in cases {
        let answer = ask(&url, Method::GET, &[(header::RANGE, range)]).await;
        assert_eq!(answer.status.as_u16(), status, "{range}");
        assert_eq!(field(&answer, header::CONTENT_RANGE).as_deref(), content_range, "{range}");
        assert_eq!(field(&answer, header::CONTENT_LENGTH), Some(body.len().to_string()), "{range}");
        assert_eq!(field(&answer, header::ETAG).as_ref(), Some(&tag));
        assert_eq!(answer.body.bytes().await.unwrap(), body, "{range}");
    }
}

#[tokio::test]
async fn conditions() {
    let (url, tag) = digits();
    let range = (header::RANGE, "bytes=5-");
    let same = ask(&url, Method::GET, &[range.clone(), (header::IF_RANGE, &tag)]).await;
    assert_eq!(same.status, StatusCode::PARTIAL_CONTENT);
    let other = ask(&url, Method::GET, &[range.clone(), (header::IF_RANGE, "\"other\"")]).await;
    assert_eq!(other.status, StatusCode::OK);
    let date = field(&other, header::LAST_MODIFIED).unwrap();
    let same = ask(&url, Method::GET, &[range, (header::IF_RANGE, &date)]).await;
    assert_eq!(same.status, StatusCode::PARTIAL_CONTENT);
    for known in [format!("\"x\", W/{tag}"), "*".to_owned()] {
        let answer = ask(&url, Method::GET, &[(header::IF_NONE_MATCH, &known)]).await;
        assert_eq!(answer.status, StatusCode::NOT_MODIFIED, "{known}");
        assert_eq!(field(&answer, header::CONTENT_LENGTH), None);
    }
    let answer = ask(&url, Method::GET, &[(header::IF_MODIFIED_SINCE, &date)]).await;
    assert_eq!(answer.status, StatusCode::NOT_MODIFIED);
    let old = "Sun, 06 Nov 1994 08:49:37 GMT";
    let answer = ask(&url, Method::GET, &[(header::IF_MODIFIED_SINCE, old)]).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn heads_and_other_methods() {
    let (url, _) = digits();
    let answer = ask(&url, Method::HEAD, &[(header::RANGE, "bytes=5-")]).await;
    assert_eq!((answer.status, field(&answer, header::CONTENT_LENGTH)), (StatusCode::OK, Some("10".into())));
    assert_eq!(answer.body.bytes().await.unwrap(), "");
    let answer = ask(&url, Method::DELETE, &[]).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(field(&answer, header::ALLOW).as_deref(), Some("GET, HEAD"));
}

#[tokio::test]
async fn nothing_and_what_is_no_file() {
    let content = Content::bytes("", "v\"1", "text/plain");
    assert_eq!(content.tag(), "\"v1\"");
    let handler = move |request: Request| {
        let reply = serve_content(&content, &request.method, &request.headers);
        async move { reply }
    };
    let (address, _) = serve(handler, Limits::default());
    let answer = ask(&format!("http://{address}/"), Method::GET, &[]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body.bytes().await.unwrap(), "");
    assert!(Content::file(std::fs::File::open("/").unwrap(), "x/y").is_err());
}

#[tokio::test]
async fn a_file_cut_short_breaks_the_connection() {
    let path = std::env::temp_dir().join(format!("edgekit-http-cut-{}", std::process::id()));
    std::fs::write(&path, vec![7; 500_000]).unwrap();
    let content = Content::file(std::fs::File::open(&path).unwrap(), "x/y").unwrap();
    let writer = std::fs::File::options().write(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    writer.set_len(200_000).unwrap();
    let handler = move |request: Request| {
        let reply = serve_content(&content, &request.method, &request.headers);
        async move { reply }
    };
    let (address, server) = serve(handler, Limits::default());
    let answer = ask(&format!("http://{address}/"), Method::GET, &[]).await;
    assert_eq!(field(&answer, header::CONTENT_LENGTH), Some("500000".into()));
    assert!(answer.body.bytes().await.unwrap_err().is_temporary());
    assert_eq!(server.counts().panics, 0);
}
