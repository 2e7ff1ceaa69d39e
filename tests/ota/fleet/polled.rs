//! Offers by files: on a server that says what has changed, and on a stick.

use std::fs;

use super::super::server::{Ask, Deed, Server, field};
use super::Device;

fn answer(status: &str, more: &str, body: &str) -> Deed {
    let length = body.len();
    Deed::Say(format!(
        "HTTP/1.1 {status} -\r\n{more}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ))
}

fn path<'a>(ask: &'a Ask<'_>) -> &'a str {
    ask.head.split(' ').nth(1).unwrap_or_default()
}

#[test]
fn an_offer_on_a_server_is_asked_for_with_its_tag() {
    let mut device = Device::new("");
    let bundle = device.bundle("1.5", 5, &[]);
    let offer = "bundle = 'files/gw.ekb'\nversion = '1.5'\nphase = 100\n";
    let server = Server::start(bundle, move |number, ask| match (path(ask), number) {
        // Nothing yet, a server that stumbles and says when to come back, a place that has moved; then the offer.
        ("/offer.toml", 0) => answer("204", "", ""),
        ("/offer.toml", 1) => answer("503", "retry-after: 1\r\n", ""),
        ("/offer.toml", _) => answer("302", "location: /moved/offer.toml\r\n", ""),
        ("/moved/offer.toml", _) if field(ask.head, "if-none-match") == Some("\"7\"") => {
            answer("304", "", "")
        }
        ("/moved/offer.toml", _) => answer("200", "etag: \"7\"\r\n", offer),
        ("/moved/files/gw.ekb", _) => Deed::Serve,
        (other, _) => panic!("{other}"),
    });
    device.configure(&format!("[poll]\nurl = '{}/offer.toml'\nevery = '1s'\n", server.origin()));
    device.start();
    device.until("a reboot is asked for", || device.reboots() == 1);
    device.boot();
    device.until("it is good", || device.status()["running"]["version"] == "1.5");
    let tagged =
        || server.heads().iter().filter(|head| field(head, "if-none-match") == Some("\"7\"")).count();
    device.until("it is asked for with its tag", || tagged() > 1);
    assert_eq!(device.reboots(), 1);
    assert!(device.runs("1.5"));
}

#[test]
fn a_bundle_at_an_address_is_an_offer_itself_and_what_makes_no_sense_is_said() {
    let mut device = Device::new("");
    let bundle = device.bundle("1.5", 5, &[]);
    let server = Server::start(bundle, |number, _| match number {
        0 => answer("200", "", "<html>welcome to this hotel</html>"),
        _ => Deed::Serve,
    });
    device.configure(&format!("[poll]\nurl = '{}/x.ekb'\nevery = '1s'\n", server.origin()));
    device.start();
    device.until("a reboot is asked for", || device.reboots() == 1);
    assert!(device.log().contains("says what makes no sense"), "{}", device.log());
}

#[test]
fn a_stick_is_read_when_it_is_there_and_the_newest_that_fits_is_taken() {
    let mut device = Device::new("");
    let stick = device.path("stick").display().to_string();
    device.configure(&format!("[poll]\nurl = '{stick}'\nevery = '1s'\n"));
    device.start();
    device.until("nothing is there", || device.status()["origins"][0]["heard_at_s"].is_number());
    assert_eq!(device.status()["origins"][0]["answers"], true);
    let made = [
        ("a.ekb", device.bundle("1.5", 5, &[])),
        ("b.ekb", device.bundle("1.7", 7, &["--compatible", "other-*"])),
        ("c.ekb", device.bundle("1.6", 6, &[])),
        ("d.ekb", b"\x8fEKB and then nothing".to_vec()),
        ("note.txt", b"hello".to_vec()),
    ];
    fs::create_dir_all(device.path("unplugged")).expect("a folder");
    for (name, bytes) in made {
        fs::write(device.path("unplugged").join(name), bytes).expect("a file");
    }
    fs::rename(device.path("unplugged"), device.path("stick")).expect("plugged in");
    device.until("a reboot is asked for", || device.reboots() == 1);
    // It may be pulled out before the device is restarted.
    fs::rename(device.path("stick"), device.path("unplugged")).expect("pulled out");
    device.boot();
    device.until("it is good", || device.status()["running"]["version"] == "1.6");
    assert!(device.runs("1.6"));
    fs::rename(device.path("unplugged"), device.path("stick")).expect("plugged in");
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(device.reboots(), 1, "what it had is not taken again");
}

#[test]
fn what_can_never_come_is_a_fault_of_the_file() {
    let device = Device::new("");
    device.configure("[window]\nwhen = ['02:00-04:00']\ndownload = 'window'\njitter = '3h'\n");
    let said = device.say(&["run"]).ends(78);
    assert!(said.err.contains("ota.toml:") && said.err.contains("some would never begin"), "{}", said.err);
    device.configure("[window]\nwhen = ['02:00-02:00']\n");
    let said = device.say(&["run"]).ends(78);
    assert!(said.err.contains("never opens"), "{}", said.err);
}
