//! What the HTTP crate parses itself: Content-Range, Range, Retry-After, addresses and redirects, proxy
//! variables, event streams. Not only without a panic: what was read must mean what was written.
#![no_main]

use std::time::Duration;

use edgekit_http::{ContentRange, EventParser, Proxies, Proxy, Url, Wanted, retry_after, wanted};
use libfuzzer_sys::fuzz_target;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fuzz_target!(|data: &[u8]| {
    events(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(range) = ContentRange::parse(text) {
        assert_eq!(ContentRange::parse(&range.to_string()), Some(range));
    }
    for total in [0, 1, 10, u64::MAX] {
        if let Wanted::Part(span) = wanted(text, total) {
            assert!(span.first <= span.last && span.last < total && span.length() <= total);
        }
    }
    assert!(retry_after(text, Duration::from_secs(1_700_000_000)).is_none_or(|wait| wait <= DAY));
    let base = Url::parse("https://host.example:8443/a/b?c").expect("it is one");
    for url in [Url::parse(text), base.join(text)].into_iter().flatten() {
        assert_eq!(Url::parse(&url.absolute()).as_ref(), Ok(&url));
        assert!(!url.host().is_empty() && url.port() != 0 && url.target().starts_with('/'));
        let route = Proxies::from_vars(|name| match name {
            "http_proxy" | "https_proxy" => Some("proxy.example:1".to_owned()),
            "no_proxy" => Some(text.to_owned()),
            _ => None,
        });
        let _ = route.expect("its proxies make sense").route(&url);
    }
    if let Ok(proxy) = Proxy::parse(text) {
        // Whoever logs a proxy logs no password.
        assert!(!proxy.to_string().contains('@'));
    }
});

/// The pieces a stream arrives in make no difference, and memory is bounded.
fn events(data: &[u8]) {
    let (mut whole, mut pieces) = (EventParser::new(4096), EventParser::new(4096));
    let (mut of_whole, mut of_pieces) = (Vec::new(), Vec::new());
    let fits = whole.push(data, &mut of_whole);
    let piece = usize::from(data.first().copied().unwrap_or(0) % 7) + 1;
    let also_fits = data.chunks(piece).all(|bytes| pieces.push(bytes, &mut of_pieces));
    assert_eq!((fits, of_whole), (also_fits, of_pieces));
}
