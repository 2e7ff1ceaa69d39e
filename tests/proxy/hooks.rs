//! Lua in the way of a request.

use std::fs;
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Stdio};

use super::daemon::Proxy;
use super::origin::Origin;
use super::world::until;
use crate::harness::{Scratch, binary, say};

/// A proxy before `origin` with one script.
fn hooked(origin: &Origin, script: &str, more: &str) -> (Proxy, Scratch) {
    let place = Scratch::new();
    fs::write(place.join("hooks.luau"), script).expect("a script");
    let text = format!(
        "hooks = [{:?}]\n[listener.web]\naddress = \"127.0.0.1:0\"\n[cluster.app]\nendpoints = [\"{}\"]\n\
         [route.all]\ncluster = \"app\"\n{more}",
        place.join("hooks.luau"),
        origin.address
    );
    (Proxy::whole(&text), place)
}

fn get(proxy: &Proxy, path: &str) -> String {
    proxy.exchange(
        format!("GET {path} HTTP/1.1\r\nHost: a\r\nX-Old: 1\r\nConnection: close\r\n\r\n").as_bytes(),
    )
}

#[test]
fn a_request_is_changed_answered_or_refused() {
    let origin = Origin::mirror();
    let script = r#"
hook { name = "edge", on = "proxy.request", run = function(event)
    if event.path == "/private" then
        return drop()
    elseif event.path == "/hello" then
        return change { status = 418, body = `hello {header(event, "X-Old")}\n`, headers = { ["x-by"] = "lua" } }
    elseif event.query == "old" then
        return change { target = "/new?x=1", host = "b:81", headers = { ["x-old"] = false, ["X-New"] = event.method } }
    end
end }"#;
    let (proxy, _place) = hooked(&origin, script, "");
    assert!(get(&proxy, "/private").starts_with("HTTP/1.1 403 Forbidden\r\n"));
    let answer = get(&proxy, "/hello");
    assert!(answer.starts_with("HTTP/1.1 418 ") && answer.contains("x-by: lua\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nhello 1\n"), "{answer}");
    let answer = get(&proxy, "/any?old");
    assert!(answer.contains("GET /new?x=1 HTTP/1.1\r\nhost: b:81\r\n"), "{answer}");
    assert!(answer.contains("X-New: GET\r\n") || answer.contains("x-new: GET\r\n"), "{answer}");
    assert!(!answer.to_ascii_lowercase().contains("x-old"), "{answer}");
    assert!(get(&proxy, "/any").contains("GET /any HTTP/1.1\r\nhost: a\r\nX-Old: 1\r\n"));
    assert_eq!(proxy.metric("edgekit_proxy_faults_total{reason=\"hook\"}"), 1);
}

#[test]
fn a_changed_request_keeps_its_body_and_what_follows_it() {
    let origin = Origin::mirror();
    let script = r#"hook { name = "h", on = "proxy.request", run = function(event)
        return change { headers = { ["x-filler"] = string.rep("y", 300) } }
    end }"#;
    let (proxy, _place) = hooked(&origin, script, "");
    let mut client = proxy.client();
    let one = "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    let two = "POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n";
    client.send(format!("{one}{two}{one}").as_bytes());
    for (path, body) in [("/1", "abc"), ("/2", "2\r\nde\r\n0\r\n\r\n"), ("/1", "abc")] {
        let (status, answer) = client.answer();
        assert_eq!(status, 200);
        assert!(answer.starts_with(&format!("POST {path} ")) && answer.ends_with(body), "{answer}");
        assert!(answer.contains("x-filler: yyy"), "{answer}");
    }
}

#[test]
fn an_answer_is_changed_or_refused() {
    let origin = Origin::saying("HTTP/1.1 200 OK\r\nServer: x\r\nX-Secret: 1\r\nContent-Length: 2\r\n\r\nhi");
    let script = r#"
hook { name = "tidy", on = "proxy.response", run = function(event)
    if header(event, "server") == "y" then return drop() end
    return change { status = 203, headers = { ["x-secret"] = false, ["x-route"] = event.route } }
end }"#;
    let (proxy, place) = hooked(&origin, script, "");
    let mut client = proxy.client();
    for _ in 0..3 {
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let head = client.head();
        assert!(head.starts_with("HTTP/1.1 203 ") && head.contains("x-route: all\r\n"), "{head}");
        assert!(!head.contains("Secret") && head.contains("content-length: 2\r\n"), "{head}");
        assert_eq!(client.bytes(2), b"hi");
    }
    fs::write(place.join("hooks.luau"), script.replace("\"y\"", "\"x\"")).unwrap();
    assert_eq!(proxy.reload().code, Some(0));
    let mut client = proxy.client();
    for _ in 0..2 {
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.answer().0, 502);
    }
}

#[test]
fn a_connection_is_refused_and_a_line_left_out() {
    let origin = Origin::mirror();
    let script = r#"
hook { name = "quiet", on = "proxy.log", capabilities = { "log" }, run = function(event)
    log.info(`seen {event.target}`, { status = event.status, route = event.route })
    if event.target == "/health" then return drop() end
end }"#;
    let place = Scratch::new();
    let lines = place.join("access.log");
    let (mut proxy, _place) = hooked(&origin, script, &format!("[access_log]\npath = {lines:?}\n"));
    get(&proxy, "/health");
    get(&proxy, "/page");
    assert!(proxy.log().contains("seen /health route=all status=200"), "{}", proxy.log());
    proxy.signal(rustix::process::Signal::TERM);
    assert_eq!(proxy.ended(), Some(0));
    let lines = fs::read_to_string(lines).unwrap();
    assert!(lines.contains("/page") && !lines.contains("/health"), "{lines}");

    let script = r#"hook { name = "wall", on = "proxy.connection", run = function(event)
        if event.client == "127.0.0.1" and not event.secure then return drop() end
    end }"#;
    let (proxy, _place) = hooked(&origin, script, "");
    let mut client = proxy.client();
    assert_eq!(client.rest(), "");
    assert_eq!(proxy.metric("edgekit_proxy_hook_refused_connections_total"), 1);
}

#[test]
fn a_runaway_hurts_nobody() {
    let origin = Origin::mirror();
    for (fail, status) in [("open", "200"), ("closed", "403")] {
        let script = format!(
            "hook {{ name = \"mad\", on = \"proxy.request\", key = \"path\", fail = \"{fail}\", run = function(event)
                if event.path == \"/mad\" then while true do end end
            end }}"
        );
        let (proxy, _place) = hooked(&origin, &script, "");
        for _ in 0..3 {
            let answer = get(&proxy, "/mad");
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
            assert!(get(&proxy, "/").starts_with("HTTP/1.1 200 "));
        }
        let told = proxy.log().matches("a hook failed").count();
        assert!((1..=2).contains(&told), "{}", proxy.log());
    }
}

#[test]
fn what_nobody_may_change_is_not_changed() {
    let origin = Origin::mirror();
    let script = r#"hook { name = "bad", on = "proxy.request", run = function(event)
        return change { headers = { ["content-length"] = "1000" } }
    end }"#;
    let (proxy, _place) = hooked(&origin, script, "");
    assert!(get(&proxy, "/").contains("GET / HTTP/1.1\r\n"));
    let log = proxy.log();
    assert!(log.contains("hook 'bad' cannot change this: 'content-length' is the proxy's own"), "{log}");
}

#[test]
fn scripts_for_envoy_run() {
    let origin = Origin::saying("HTTP/1.1 200 OK\r\nServer: x\r\nX-Drop: 1\r\nContent-Length: 2\r\n\r\nhi");
    let script = r#"
function envoy_on_request(request_handle)
  local headers = request_handle:headers()
  if headers:get(":path") == "/blocked" then
    request_handle:respond({[":status"] = "403", ["x-why"] = "blocked"}, "nope")
  end
  headers:add("x-from", headers:get(":method"))
  headers:remove("x-old")
  request_handle:logInfo("asked for " .. headers:get(":path"))
end
function envoy_on_response(response_handle)
  local seen = 0
  for name, value in pairs(response_handle:headers()) do seen = seen + 1 end
  response_handle:headers():replace("x-count", seen)
  response_handle:headers():remove("x-drop")
end"#;
    let (proxy, _place) = hooked(&origin, script, "");
    let answer = get(&proxy, "/blocked");
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("x-why: blocked\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nnope"), "{answer}");
    let answer = get(&proxy, "/page");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("x-count: 4\r\n"), "{answer}");
    assert!(!answer.contains("X-Drop") && proxy.log().contains("asked for /page"), "{answer}");

    let origin = Origin::mirror();
    let (proxy, _place) = hooked(&origin, script, "");
    let answer = get(&proxy, "/page");
    assert!(answer.contains("x-from: GET\r\n") && !answer.contains("X-Old"), "{answer}");
}

#[test]
fn a_fault_in_a_script_changes_nothing_that_runs() {
    let origin = Origin::mirror();
    let good = "hook { name = \"h\", on = \"proxy.request\", run = function() \
                return change { headers = { [\"x-number\"] = \"1\" } } end }";
    let (proxy, place) = hooked(&origin, good, "");
    assert!(get(&proxy, "/").contains("x-number: 1"));
    let file = place.join("hooks.luau");
    for (wrong, reason) in [
        ("hook {\n  name = = 1 }", "hooks.luau:2: "),
        (
            "hook { name = \"h\", on = \"proxy.reqest\", run = function() end }",
            "no hook point 'proxy.reqest'",
        ),
        ("local x = 1", "hooks.luau:1: it declares no hook"),
        (
            "hook { name = \"h\", on = \"proxy.log\", capabilities = { \"exec\" }, run = function() end }",
            "hooks of the proxy may declare log, metric, publish and shared",
        ),
    ] {
        fs::write(&file, wrong).unwrap();
        let said = proxy.reload();
        assert_ne!(said.code, Some(0));
        assert!(said.out.contains(reason), "{}{}", said.out, said.err);
        assert!(get(&proxy, "/").contains("x-number: 1"));
        let said = say(Command::new(binary())
            .args(["proxy", "check", "--config"])
            .arg(proxy.scratch.join("proxy.toml")));
        assert_eq!(said.code, Some(78), "{}", said.err);
        assert!(said.err.contains(reason), "{}", said.err);
    }
    fs::write(&file, good.replace("\"1\"", "\"2\"")).unwrap();
    assert_eq!(proxy.reload().code, Some(0));
    assert!(get(&proxy, "/").contains("x-number: 2"));
}

#[test]
fn bodies_are_judged_whole() {
    let origin = Origin::mirror();
    let script = r#"
hook { name = "in", on = "proxy.request_body", run = function(event)
    if event.body == "no" then return drop() end
    if event.body == "ours" then return change { status = 418, body = "tea" } end
    if #event.body > 0 then
        return change { body = string.upper(event.body), headers = { ["x-length"] = #event.body } }
    end
end }
hook { name = "out", on = "proxy.response_body", run = function(event)
    local found = string.find(event.body, "secret")
    if found then return drop() end
    return change { body = event.body .. "!", headers = { ["x-seen"] = #event.body } }
end }"#;
    let (proxy, _place) = hooked(&origin, script, "[hook_body]\nmax = \"1KiB\"\n");
    let mut client = proxy.client();
    let post =
        |body: &str| format!("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let chunked =
        "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n";
    // What follows on the connection is not taken for a body.
    client.send(
        format!("{}{chunked}{}GET /g HTTP/1.1\r\nHost: a\r\n\r\n", post("abc"), post("ours")).as_bytes(),
    );
    for (path, body) in [("POST /p", "ABC"), ("POST /c", "ABCDE")] {
        let (status, answer) = client.answer();
        assert_eq!(status, 200);
        assert!(answer.starts_with(path) && answer.ends_with(&format!("\r\n\r\n{body}!")), "{answer}");
        assert!(answer.contains(&format!("content-length: {}\r\n", body.len())), "{answer}");
        assert!(
            answer.contains(&format!("x-length: {}\r\n", body.len())) && !answer.contains("chunked"),
            "{answer}"
        );
    }
    assert_eq!(client.answer(), (418, "tea".to_owned()));
    let (status, answer) = client.answer();
    assert!(status == 200 && answer.starts_with("GET /g") && answer.ends_with("\r\n\r\n!"), "{answer}");
    client.send(post("no").as_bytes());
    assert_eq!(client.answer().0, 403);
    client.send(b"GET /secret HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.answer().0, 502);
    // Who waits for leave gets it from us.
    let mut client = proxy.client();
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 100 "));
    client.send(b"abc");
    let (status, answer) = client.answer();
    assert!(
        status == 200 && answer.ends_with("ABC!") && !answer.to_ascii_lowercase().contains("expect"),
        "{answer}"
    );
    // Too long, said or not.
    let long = "x".repeat(1025);
    assert!(proxy.exchange(post(&long).as_bytes()).starts_with("HTTP/1.1 413 "));
    let endless =
        format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n401\r\n{long}\r\n0\r\n\r\n");
    assert!(proxy.exchange(endless.as_bytes()).starts_with("HTTP/1.1 413 "));
    let mut client = proxy.client();
    client.send(format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
    assert_eq!(client.answer().0, 502);
    // How long a body would be after the hook, an answer to HEAD does not know.
    let mut client = proxy.client();
    client.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 200 ") && !head.contains("content-length"), "{head}");
}

#[test]
fn long_bodies_may_pass() {
    let origin = Origin::mirror();
    let script = r#"hook { name = "in", on = "proxy.request_body", run = function() return drop() end }
hook { name = "out", on = "proxy.response_body", run = function() return drop() end }"#;
    let (proxy, _place) = hooked(&origin, script, "[hook_body]\nmax = \"1KiB\"\nover = \"pass\"\n");
    let long = "x".repeat(100_000);
    let mut client = proxy.client();
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n{long}").as_bytes());
    let (status, answer) = client.answer();
    assert!(status == 200 && answer.ends_with(&long));
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    assert_eq!(client.answer().0, 403);
}

#[test]
fn scripts_for_envoy_see_bodies() {
    let origin = Origin::mirror();
    let script = r#"
function envoy_on_request(handle)
  local body = handle:body()
  handle:headers():add("x-size", tostring(body:length()))
  if body:length() > 0 then
    body:setBytes("<" .. body:getBytes(0, body:length()) .. ">")
  end
end
function envoy_on_response(handle)
  handle:body():setBytes("gone")
end"#;
    let (proxy, _place) = hooked(&origin, script, "");
    let mut client = proxy.client();
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!(client.answer(), (200, "gone".to_owned()));
    let only_asks =
        script.replace("handle:body():setBytes(\"gone\")", "handle:logInfo(handle:body():getBytes(0, 9999))");
    let (proxy, _place) = hooked(&origin, &only_asks, "");
    let mut client = proxy.client();
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    let (_, answer) = client.answer();
    assert!(answer.contains("x-size: 3\r\n") && answer.ends_with("\r\n\r\n<abc>"), "{answer}");
}

/// The rules service beside a proxy, on one rule; killed when the test ends.
struct Rules(Child);

impl Rules {
    fn beside(proxy: &Proxy, rule: &str) -> Rules {
        let place = &proxy.scratch;
        let folder = place.join("rules");
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("site.luau"), rule).expect("a rule");
        fs::write(place.join("rules.toml"), format!("folder = {folder:?}\n")).expect("a file");
        let mut command = Command::new(binary());
        command.args(["rules", "run"]);
        for folder in ["CONFIGURATION_DIRECTORY", "STATE_DIRECTORY", "RUNTIME_DIRECTORY"] {
            command.env(folder, place.path());
        }
        let log = fs::File::create(place.join("rules.log")).expect("a log");
        let rules = Rules(command.stdin(Stdio::null()).stderr(log).spawn().expect("it starts"));
        until("the rules service listens", || place.join("rules.bus").exists());
        rules
    }
}

impl Drop for Rules {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn what_hooks_want_done_is_done() {
    let origin = Origin::mirror();
    let place = Scratch::new();
    let mark = place.join("mark");
    let script = format!(
        r#"hook {{ name = "deeds", on = "proxy.request", capabilities = {{ "metric", "publish", "exec" }},
    run = function(event)
        metric.count("asked", 2, {{ path = event.path }})
        metric.gauge("level", -3)
        publish("app.asked", {{ path = event.path }})
        exec {{ "/bin/touch", {:?} }}
        exec {{ "/bin/false" }}
    end }}"#,
        mark.display()
    );
    fs::write(place.join("hooks.luau"), script).expect("a script");
    let text = |programs: &str| {
        format!(
            "hooks = [{:?}]\n{programs}\n[listener.web]\naddress = \"127.0.0.1:0\"\n[cluster.app]\n\
             endpoints = [\"{}\"]\n[route.all]\ncluster = \"app\"\n",
            place.join("hooks.luau"),
            origin.address
        )
    };
    let proxy = Proxy::whole(&text("hook_programs = [\"/bin/touch\"]"));
    let actions = |action: &str, outcome: &str| {
        let labels = format!("{{action=\"{action}\",outcome=\"{outcome}\"}}");
        proxy.metric(&format!("edgekit_proxy_hook_actions_total{labels}"))
    };
    assert!(get(&proxy, "/a").starts_with("HTTP/1.1 200 "));
    until("the numbers are kept", || proxy.metric("hook_asked_total{path=\"/a\"}") == 2);
    assert!(proxy.metrics().contains("\nhook_level -3\n"), "{}", proxy.metrics());
    until("what is allowed is run", || mark.exists() && actions("exec", "done") == 1);
    // Nobody takes events, and one of the programs is not allowed.
    until("failures are counted", || actions("publish", "failed") == 1 && actions("exec", "failed") == 1);
    assert!(proxy.log().contains("'/bin/false' is not in 'hook_programs'"), "{}", proxy.log());

    let rule = r#"rule { name = "seen", inputs = { "app.asked" }, capabilities = { "log" },
        on = function(event) log.warn(`seen {event.path}`) end }"#;
    let _rules = Rules::beside(&proxy, rule);
    assert!(get(&proxy, "/b").starts_with("HTTP/1.1 200 "));
    until("a rule has heard of it", || {
        fs::read_to_string(proxy.scratch.join("rules.log")).is_ok_and(|log| log.contains("seen /b"))
    });
    until("and it is counted", || actions("publish", "done") == 1);

    // What is granted no more cannot be asked for.
    fs::write(proxy.scratch.join("proxy.toml"), text("")).expect("a file");
    let said = proxy.reload();
    assert_ne!(said.code, Some(0));
    assert!(format!("{said:?}").contains("exec with hook_programs"), "{said:?}");
    assert!(get(&proxy, "/c").starts_with("HTTP/1.1 200 "));
}

#[test]
fn more_than_can_be_done_is_lost_and_counted() {
    let origin = Origin::mirror();
    let script = r#"hook { name = "many", on = "proxy.request", capabilities = { "publish" }, run = function(event)
        for number = 1, 200 do publish("much", { number = number }) end
    end }"#;
    let (proxy, _place) = hooked(&origin, script, "");
    // Takes what comes, and answers nobody.
    let bus = UnixListener::bind(proxy.scratch.join("rules.bus")).expect("a bus");
    let mut client = proxy.client();
    for _ in 0..60 {
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.answer().0, 200);
    }
    until("some are lost", || {
        proxy
            .metrics()
            .lines()
            .any(|line| line.starts_with("edgekit_proxy_hook_actions_total") && line.contains("lost"))
    });
    drop(bus);
}
