//! What operators see: lines of their own making, and numbers as they change.

use rustix::process::Signal;

use super::daemon::Proxy;
use super::origin::Origin;
use crate::harness::Scratch;

#[test]
fn lines_are_as_a_template_says_and_a_reload_brings_another() {
    let place = Scratch::new();
    let (path, origin) = (place.join("access.log"), Origin::mirror());
    let text = |template: &str| {
        format!(
            "[cluster.app]\nendpoints = [\"{}\"]\n[route.all]\ncluster = \"app\"\n\
             [access_log]\npath = {path:?}\ntemplate = '{template}'\n",
            origin.address
        )
    };
    let mut proxy = Proxy::with(&text(r#"{"m":"$method","p":"$path","id":"${header:X-Id}","s":$status}"#));
    let ask = |proxy: &Proxy, id: &str| {
        let head = format!("GET /a?b HTTP/1.1\r\nHost: h\r\nx-id: {id}\r\nConnection: close\r\n\r\n");
        assert!(proxy.exchange(head.as_bytes()).starts_with("HTTP/1.1 200 "));
    };
    ask(&proxy, "\"7\"");
    proxy.write(&text("$$ $host $query $endpoint $fault"));
    proxy.reload().ends(0);
    ask(&proxy, "8");
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.ended(), Some(0));
    let lines = std::fs::read_to_string(&path).unwrap();
    let (json, plain): (Vec<&str>, Vec<&str>) = lines.lines().partition(|line| line.starts_with('{'));
    let value: serde_json::Value = serde_json::from_str(json[0]).unwrap();
    assert_eq!(value, serde_json::json!({ "m": "GET", "p": "/a", "id": "\"7\"", "s": 200 }));
    assert_eq!(plain, [format!("$ h b {} -", origin.address)]);
}
