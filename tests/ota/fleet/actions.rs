//! Actions of a hawkBit server, from assignment to the last report, through all that may go wrong.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;

use super::hawkbit::{Hawkbit, Stage};
use super::{Device, image};
use crate::proxy::world::Authority;

fn config(server: &Hawkbit, more: &str) -> String {
    let (address, every) = (server.address, "every = '1s'\nwatch = '1s'");
    format!("[hawkbit]\nurl = 'http://{address}'\n{every}\ntarget_token_file = 'token'\n{more}")
}

/// A device and its server, with version 1.5 to be assigned.
fn pair(more: &str, is_beside: bool) -> (Device, Hawkbit) {
    let device = Device::new("");
    let server = Hawkbit::start(device.bundle("1.5", 5, &[]), is_beside);
    let token = device.path("token").display().to_string();
    fs::write(device.path("token"), "secret\n").expect("a token");
    device.configure(&config(&server, more).replace("'token'", &format!("'{token}'")));
    (device, server)
}

fn closed(server: &Hawkbit) -> Option<String> {
    let feedback = server.feedback("deploymentBase");
    feedback.iter().find(|told| told.0 == "closed").map(|told| told.1.clone())
}

fn has(server: &Hawkbit, execution: &str) -> bool {
    server.feedback("deploymentBase").iter().any(|told| told.0 == execution)
}

#[test]
fn an_action_is_done_rebooted_into_and_told_with_the_digest_that_booted() {
    let (mut device, server) = pair("attributes = ['site=berlin']\n", true);
    server.desk().wants_attributes = true;
    // Large and slow enough for a word on the way.
    server.desk().bundle = device.sized("1.5", 5, 3_500_000, &[]);
    server.desk().slow = Duration::from_millis(15);
    server.assign();
    device.start();
    device.until("a reboot is asked for", || device.reboots() == 1);
    assert_eq!(closed(&server), None, "nothing is good before it has booted");
    assert!(!device.runs("1.5"), "what runs is untouched");
    device.boot();
    device.until("it is told", || closed(&server).is_some());
    let last = server.feedback("deploymentBase").pop().expect("feedback");
    assert_eq!((last.0.as_str(), last.1.as_str()), ("closed", "success"));
    let digest = blake3(&device, "image-1.5");
    assert!(last.2.contains(&digest) && last.2.contains("gw 1.5 runs in slot b"), "{} {digest}", last.2);
    assert!(device.runs("1.5"));
    let words: Vec<String> = server.feedback("deploymentBase").into_iter().map(|told| told.0).collect();
    for word in ["proceeding", "download", "downloaded"] {
        assert!(words.iter().any(|told| told == word), "{word}: {words:?}");
    }
    let told = server.bodies("PUT /configData");
    assert_eq!(told[0]["mode"], "merge");
    assert_eq!(
        (&told[0]["data"]["site"], &told[0]["data"]["hw_boardname"]),
        (&"berlin".into(), &"gw-2b".into())
    );
    device.until("attributes follow", || {
        server.bodies("PUT /configData").last().is_some_and(|told| told["data"]["sw_version"] == "1.5")
    });
    assert!(server.desk().words.iter().all(Option::is_none), "the token is not for a foreign server");
}

/// As `b3sum` would say it.
fn blake3(device: &Device, name: &str) -> String {
    let said = device.say(&["status", "--json", "--read"]).out;
    let at = said.find("\"digest\":\"").map_or(0, |at| at + 10);
    assert!(device.path(name).exists());
    said.get(at..at + 64).unwrap_or_default().to_owned()
}

#[test]
fn a_version_that_does_not_boot_is_a_failure_and_is_refused_the_next_time() {
    let (mut device, server) = pair("", false);
    server.assign();
    device.start();
    device.until("a reboot is asked for", || device.reboots() == 1);
    device.end(Signal::KILL);
    // The loader has tried it as often as it may, and the daemon never ran.
    fs::write(device.path("boot/next"), "a\n").expect("a file");
    fs::write(device.path("boot/tries"), "\n").expect("a file");
    device.start();
    device.until("it is told", || closed(&server).as_deref() == Some("failure"));
    assert!(server.feedback("deploymentBase").pop().expect("feedback").2.contains("was sent back"));
    let token = |desk: &mut super::hawkbit::Desk| std::mem::take(&mut desk.words).iter().flatten().count();
    assert!(token(&mut server.desk()) > 0, "the server's own bundles are asked for with its token");
    server.desk().seen.clear();
    let sent = server.desk().sent;
    server.assign();
    device.until("it is refused", || closed(&server).as_deref() == Some("failure"));
    assert!(server.feedback("deploymentBase").pop().expect("feedback").2.contains("is not taken again"));
    assert!(server.desk().sent - sent < 200_000, "only its head is read");
    assert_eq!(device.reboots(), 1);
}

#[test]
fn a_cancellation_is_obeyed_while_it_is_fetched() {
    let (mut device, server) = pair("", true);
    server.desk().slow = Duration::from_millis(300);
    server.assign();
    device.start();
    device.until("it is fetched", || server.desk().sent > 100_000);
    server.desk().stage = Stage::Canceling;
    let took = device.until("it is closed", || server.desk().stage == Stage::Ended);
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(server.feedback("cancelAction")[0].0, "closed");
    assert_eq!(closed(&server), None);
    let sent = server.desk().sent;
    std::thread::sleep(Duration::from_secs(2));
    assert!(server.desk().sent - sent < 40_000, "nothing more is fetched");
    assert_eq!(device.reboots(), 0);
}

#[test]
fn a_cancellation_after_the_switch_is_refused_and_the_end_is_told() {
    let (mut device, server) = pair("", true);
    server.assign();
    device.start();
    device.until("a reboot is asked for", || device.reboots() == 1);
    server.desk().stage = Stage::Canceling;
    device.until("it is refused", || server.feedback("cancelAction").iter().any(|told| told.0 == "rejected"));
    device.boot();
    device.until("it is told", || closed(&server).as_deref() == Some("success"));
}

#[test]
fn consent_is_given_by_configuration_by_a_person_or_not() {
    let (mut device, server) = pair("consent = 'ask'\n", true);
    server.assign();
    server.desk().stage = Stage::Waiting;
    // Nobody is there to be told; and a word from before the question is no answer to it.
    device.say(&["consent", "yes"]).ends(69);
    std::fs::create_dir_all(device.path("run")).expect("made");
    std::fs::write(device.path("run/ota.consent"), "yes \n").expect("written");
    device.start();
    device.until("it waits", || device.status()["origins"][0]["consent_waits"] == "1");
    assert!(!device.path("run/ota.consent").exists());
    assert!(server.bodies("POST /confirmationBase").is_empty());
    device.say(&["consent", "no"]).ends(0);
    device.until("it is denied", || !server.bodies("POST /confirmationBase/1/feedback").is_empty());
    assert_eq!(server.bodies("POST /confirmationBase/1/feedback")[0]["confirmation"], "denied");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(server.bodies("POST /confirmationBase/1/feedback").len(), 1, "once");
    server.desk().action += 1;
    device.until("it waits again", || device.status()["origins"][0]["consent_waits"] == "2");
    device.say(&["consent", "yes", "--action", "2"]).ends(0);
    device.until("a reboot is asked for", || device.reboots() == 1);
    assert!(!device.path("run/ota.consent").exists());
}

#[test]
fn the_server_consents_by_itself_if_it_is_told_to() {
    let (mut device, server) = pair("auto_confirm = true\n", true);
    device.start();
    device.until("it is told", || server.desk().consents);
    server.assign();
    server.desk().stage = Stage::Waiting;
    device.until("it is confirmed", || server.desk().stage == Stage::Running);
    assert_eq!(server.bodies("POST /confirmationBase/activateAutoConfirm")[0]["initiator"], "edgekit");
}

#[test]
fn a_closed_window_of_the_server_means_write_now_and_switch_later() {
    let (mut device, server) = pair("", true);
    (server.desk().update, server.desk().window) = ("skip", Some("unavailable"));
    server.assign();
    device.start();
    device.until("it is written", || has(&server, "downloaded"));
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(device.reboots(), 0);
    // The program is killed and started anew, and nothing is fetched again.
    let sent = server.desk().sent;
    device.end(Signal::KILL);
    device.start();
    device.until("it goes on", || has(&server, "resumed"));
    (server.desk().update, server.desk().window) = ("forced", Some("available"));
    device.until("a reboot is asked for", || device.reboots() == 1);
    assert!(server.desk().sent - sent < 100_000, "{} {sent}", server.desk().sent);
}

#[test]
fn attempts_heed_what_the_device_says_and_orders_pass_over_its_share() {
    let (mut device, server) = pair("", true);
    let text = fs::read_to_string(device.path("etc/ota.toml")).expect("a file");
    let later = text.replace("[window]\n", "[window]\nphase_start = '2090-01-01'\n");
    fs::write(device.path("etc/ota.toml"), later).expect("a file");
    (server.desk().download, server.desk().update) = ("attempt", "attempt");
    server.assign();
    device.start();
    device.until("it waits", || has(&server, "scheduled"));
    assert!(server.feedback("deploymentBase").iter().any(|told| told.2.contains("begins at 2090-01-01")));
    (server.desk().download, server.desk().update) = ("forced", "forced");
    device.until("a reboot is asked for", || device.reboots() == 1);
}

#[test]
fn a_bundle_that_is_not_there_ends_the_action_and_a_server_that_stumbles_does_not() {
    let (mut device, server) = pair("", true);
    server.desk().faults = vec![("/bundles/".to_owned(), 404, u32::MAX)];
    server.assign();
    device.start();
    device.until("it is told", || closed(&server).as_deref() == Some("failure"));
    let asked = server.desk().words.len();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(server.desk().words.len(), asked, "no loop");
    {
        let mut desk = server.desk();
        desk.faults = vec![("/bundles/".to_owned(), 503, 3), ("feedback".to_owned(), 500, 2)];
        desk.seen.clear();
    }
    server.assign();
    device.until("a reboot is asked for", || device.reboots() == 1);
}

#[test]
fn while_it_is_tried_again_a_cancellation_is_heard() {
    let (mut device, server) = pair("", true);
    server.desk().faults = vec![("/bundles/".to_owned(), 503, u32::MAX)];
    server.assign();
    device.start();
    device.until("it is tried", || server.desk().words.len() > 1);
    server.desk().stage = Stage::Canceling;
    let took = device.until("it is closed", || server.desk().stage == Stage::Ended);
    assert!(took < Duration::from_secs(15), "{took:?}");
}

#[test]
fn what_is_gone_is_dropped_and_nobody_is_asked_for_ever() {
    let (mut device, server) = pair("", true);
    server.desk().slow = Duration::from_millis(200);
    server.assign();
    device.start();
    device.until("it is fetched", || server.desk().sent > 100_000);
    server.desk().stage = Stage::Ended;
    device.until("it is dropped", || device.status()["job"].is_null());
    assert!(closed(&server).is_none() && server.feedback("cancelAction").is_empty());
    // Reports of an action that ended meanwhile are not repeated.
    server.desk().slow = Duration::ZERO;
    server.assign();
    device.until("a reboot is asked for", || device.reboots() == 1);
    server.desk().stage = Stage::Ended;
    device.boot();
    device.until("it runs", || device.status()["running"]["version"] == "1.5");
    device.until("it is over", || device.status()["origins"][0]["report_waits"] == false);
    let reports = server.feedback("deploymentBase").iter().filter(|told| told.0 == "closed").count();
    std::thread::sleep(Duration::from_secs(2));
    let now = server.feedback("deploymentBase").iter().filter(|told| told.0 == "closed").count();
    assert_eq!((reports, now), (1, 1));
}

#[test]
fn a_token_that_is_not_believed_is_said_and_another_is_taken_by_a_reload() {
    let (mut device, server) = pair("", true);
    server.desk().token = "TargetToken other".to_owned();
    server.assign();
    device.start();
    device.until("it is said", || device.status()["origins"][0]["answers"] == false);
    assert!(device.log().contains("401"), "{}", device.log());
    assert!(!device.log().contains("secret"), "{}", device.log());
    fs::write(device.path("token"), "other\n").expect("a token");
    let reload = || crate::harness::say(device.command().arg("reload").arg("ota"));
    reload().ends(0);
    device.until("a reboot is asked for", || device.reboots() == 1);
    // The word of a gateway is said as one.
    device.end(Signal::TERM);
    let text = fs::read_to_string(device.path("etc/ota.toml")).expect("a file");
    fs::write(device.path("etc/ota.toml"), text.replace("target_token", "gateway_token")).expect("a file");
    server.desk().token = "GatewayToken other".to_owned();
    device.start();
    device.until("it is believed", || device.status()["origins"][0]["answers"] == true);
}

#[test]
fn a_server_that_is_away_costs_no_good_version() {
    let (mut device, server) = pair("", true);
    server.assign();
    device.start();
    device.until("a reboot is asked for", || device.reboots() == 1);
    server.desk().faults = vec![(String::new(), 500, u32::MAX)];
    device.boot();
    device.until("it is good", || device.status()["running"]["version"] == "1.5");
    std::thread::sleep(Duration::from_secs(2));
    device.boot();
    device.until("it still is", || device.status()["running"]["version"] == "1.5");
    assert_eq!(closed(&server), None);
    server.desk().faults.clear();
    device.until("it is told", || closed(&server).as_deref() == Some("success"));
    assert_eq!(device.reboots(), 1);
}

#[test]
fn a_device_that_went_back_says_so_and_is_offered_the_version_again() {
    let (mut device, server) = pair("", true);
    // 1.4 by hand, so that there is something to go back to.
    fs::write(device.path("old.ekb"), device.bundle("1.4", 4, &[])).expect("a bundle");
    device.say(&["apply", "old.ekb"]).ends(0);
    device.boot();
    device.until("the server knows 1.4", || server.desk().installed.as_deref() == Some("1.4"));
    server.assign();
    device.until("a reboot is asked for", || device.reboots() == 1);
    device.boot();
    device.until("it is told", || closed(&server).as_deref() == Some("success"));
    server.desk().installed = Some("1.5".to_owned());
    device.until("it is idle", || device.status()["job"].is_null());
    device.say(&["rollback", "--why", "too slow"]).ends(0);
    device.boot();
    device.until("the server knows 1.4 again", || server.desk().installed.as_deref() == Some("1.4"));
}

#[test]
fn no_bundle_or_two_are_told_and_so_is_more_than_may_be_fetched() {
    let (mut device, server) = pair("", true);
    server.desk().files = vec!["gw.swu".to_owned()];
    server.assign();
    device.start();
    device.until("it is told", || closed(&server).as_deref() == Some("failure"));
    assert!(server.feedback("deploymentBase").pop().expect("feedback").2.contains("none is a bundle"));
    server.desk().seen.clear();
    server.desk().files = vec!["a.ekb".to_owned(), "b.ekb".to_owned()];
    server.assign();
    device.until("it is told", || closed(&server).as_deref() == Some("failure"));
    assert!(server.feedback("deploymentBase").pop().expect("feedback").2.contains("it has 2 bundles"));
    // A budget is kept before the first byte of an image.
    server.desk().seen.clear();
    server.desk().files = vec!["gw.ekb".to_owned()];
    let text = fs::read_to_string(device.path("etc/ota.toml")).expect("a file");
    fs::write(device.path("etc/ota.toml"), format!("{text}[download]\nmax_bytes = '128KiB'\n"))
        .expect("a file");
    crate::harness::say(device.command().args(["reload", "ota"])).ends(0);
    let sent = server.desk().sent;
    server.assign();
    device.until("it is told", || closed(&server).as_deref() == Some("failure"));
    assert!(server.desk().sent - sent < 300_000, "{}", server.desk().sent - sent);
}

/// A server that knows its devices by their certificates alone.
#[test]
fn a_device_proves_itself_with_its_certificate() {
    let mut device = Device::new("");
    let (servers, devices, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let settings = servers.server(&servers.issue(&["127.0.0.1"]), Some(&devices));
    let server = Hawkbit::start_secure(device.bundle("1.5", 5, &[]), settings);
    server.desk().token.clear();
    fs::write(device.path("root.pem"), servers.pem()).expect("a root");
    let roots = format!("[download]\nroots = {:?}\n", device.path("root.pem"));
    let polling = format!("[hawkbit]\nurl = 'https://{}'\nevery = '1s'\nwatch = '1s'\n", server.address);
    device.configure(&format!("{polling}{roots}"));
    server.assign();
    device.start();
    let is_refused = |why: &str| {
        let origin = &device.status()["origins"][0];
        origin["answers"] == false && origin["trouble"].as_str().is_some_and(|trouble| trouble.contains(why))
    };
    device.until("without one it hears nothing", || is_refused("CertificateRequired"));
    let own = |authority: &Authority| {
        let (certificate, key) = authority.issue(&["gw-17"]).write(&device.scratch, "own");
        device.configure(&format!("{polling}{roots}certificate = {certificate:?}\nkey_file = {key:?}\n"));
        crate::harness::say(device.command().args(["reload", "ota"])).ends(0);
    };
    own(&strangers);
    // Both roots have one name: it is the signature that does not fit.
    device.until("with another's it hears nothing", || is_refused("DecryptError"));
    assert!(server.desk().seen.is_empty() && server.desk().words.is_empty());
    own(&devices);
    device.until("a reboot is asked for", || device.reboots() == 1);
    device.boot();
    device.until("it is told", || closed(&server).as_deref() == Some("success"));
    assert!(device.runs("1.5") && !server.desk().words.is_empty());
}

/// A fleet that pays by the byte: what does not fit the delta is reported, and no full image fetched instead.
#[test]
fn a_delta_that_does_not_fit_is_a_failure_and_not_the_full_image() {
    let (mut device, server) = pair("", true);
    // What runs is 1.4; the delta is against an image that this device never had.
    fs::write(device.path("old.ekb"), device.bundle("1.4", 4, &[])).expect("a bundle");
    device.say(&["apply", "old.ekb"]).ends(0);
    for word in ["running", "next"] {
        fs::write(device.path("boot").join(word), "b\n").expect("a file");
    }
    device.say(&["commit"]).ends(0);
    let mut other = image(5, 900_000);
    other[1000..2000].fill(7);
    fs::write(device.path("other"), &other).expect("an image");
    server.desk().bundle = device.bundle("1.5", 5, &["--source", "app=other"]);
    let text = fs::read_to_string(device.path("etc/ota.toml")).expect("a file");
    let strict = format!("{text}[download]\nfull_fallback = false\n");
    fs::write(device.path("etc/ota.toml"), &strict).expect("a file");
    server.assign();
    device.start();
    device.until("it is told", || closed(&server).as_deref() == Some("failure"));
    let told = server.feedback("deploymentBase").pop().expect("feedback").2;
    assert!(
        told.contains("'app' would be fetched as a full image: no delta is against what is in"),
        "{told}"
    );
    assert!(server.desk().sent < 100_000, "{} bytes", server.desk().sent);
    let sent = server.desk().sent;
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!((server.desk().sent, device.reboots()), (sent, 0), "it is not tried again");
}

#[test]
fn a_kill_at_any_moment_loses_neither_the_action_nor_its_report() {
    let (mut device, server) = pair("", true);
    server.desk().slow = Duration::from_millis(20);
    server.assign();
    for round in 0..6u64 {
        device.start();
        std::thread::sleep(Duration::from_millis(300 + 170 * round));
        device.end(Signal::KILL);
    }
    device.start();
    device.until("a reboot is asked for", || device.reboots() >= 1);
    device.boot();
    for round in 0..4u64 {
        std::thread::sleep(Duration::from_millis(100 + 130 * round));
        device.end(Signal::KILL);
        device.start();
    }
    device.until("it is told", || closed(&server).as_deref() == Some("success"));
    assert!(device.runs("1.5"));
}
