//! Servers and clients as they are used: names, protocols, sessions, and pairs that change on disk.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use edgekit_core::Clock;
use edgekit_tls::{
    Client, ClientOptions, Fallback, Identity, Material, MinVersion, Outcome, PairSource, Problem, ROTATION,
    Report, Roots, Server, ServerOptions, Trust, server_name,
};
use rcgen::date_time_ymd;
use rustls::client::Resumption;
use rustls::{HandshakeKind, NamedGroup, ProtocolVersion};

use crate::world::{Authority, Ends, Folder, Issued, handshake};

fn save(folder: &Folder, name: &str, pair: &Issued) -> PairSource {
    let chain = folder.write(&format!("{name}.pem"), &pair.certificate);
    PairSource::files(chain, folder.write(&format!("{name}.key"), &pair.key))
}

fn identity(source: PairSource) -> Identity {
    Identity { source, names: Vec::new() }
}

fn server(options: ServerOptions) -> Server {
    Server::load(options, Clock::system()).unwrap().0
}

fn client(folder: &Folder, root: &Authority) -> Client {
    let roots = Roots::File(folder.write("roots.pem", root.pem()));
    let options = ClientOptions { trust: Trust { roots, ..Trust::default() }, ..ClientOptions::default() };
    Client::load(options, Clock::system()).unwrap().0
}

/// A full handshake: a resumed one would show the certificate of the session's first.
fn connect(server: &Server, client: &Client, name: &str) -> Result<Ends, rustls::Error> {
    let mut config = rustls::ClientConfig::clone(&client.config());
    config.resumption = Resumption::disabled();
    handshake(server.config(), Arc::new(config), server_name(name).unwrap())
}

fn leaf(ends: &Ends) -> &[u8] {
    &ends.client.peer_certificates().unwrap()[0]
}

/// `kept: …` or `swapped: …` of the only report.
fn word(reports: &[Report]) -> String {
    match reports {
        [Report { outcome: Outcome::Unchanged, .. }] => "unchanged".to_owned(),
        [Report { outcome: Outcome::Swapped { what, .. }, .. }] => format!("swapped: {what}"),
        [Report { outcome: Outcome::Kept(error), .. }] => format!("kept: {error}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pair_is_found_by_name() {
    let (folder, root) = (Folder::new(), Authority::root("root"));
    let first = root.issue(&["first.example", "*.wild.example", "127.0.0.1"], |_| {});
    let second = root.issue(&["second.example", "listed.example"], |_| {});
    let mut options = ServerOptions::new(vec![
        identity(save(&folder, "first", &first)),
        Identity { source: save(&folder, "second", &second), names: vec!["Listed.example".into()] },
    ]);
    let (front, client) = (server(options.clone()), client(&folder, &root));
    let served = |name| connect(&front, &client, name).map(|ends| leaf(&ends).to_vec());
    assert_eq!(served("first.example").unwrap(), first.der.as_ref());
    assert_eq!(served("a.wild.example").unwrap(), first.der.as_ref());
    assert_eq!(served("listed.example").unwrap(), second.der.as_ref());
    assert_eq!(served("127.0.0.1").unwrap(), first.der.as_ref());
    // A list of names replaces those in the certificate, so this one gets the default, and refuses it.
    assert!(served("second.example").is_err());
    assert!(served("a.b.wild.example").is_err());
    options.fallback = Fallback::Refuse;
    let strict = server(options);
    let error = connect(&strict, &client, "127.0.0.1").err().unwrap();
    assert!(!matches!(error, rustls::Error::InvalidCertificate(_)), "refused by the server: {error}");
}

#[test]
fn protocols_versions_and_the_hybrid_exchange() {
    let (folder, root) = (Folder::new(), Authority::root("root"));
    let pair = root.issue(&["box.example"], |_| {});
    let mut options = ServerOptions::new(vec![identity(save(&folder, "pair", &pair))]);
    options.alpn = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let (both, client) = (server(options.clone()), client(&folder, &root));
    let mut config = rustls::ClientConfig::clone(&client.config());
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let ends = handshake(both.config(), Arc::new(config), server_name("box.example").unwrap()).unwrap();
    assert_eq!(ends.server.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(ends.client.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    let group = ends.client.negotiated_key_exchange_group().unwrap();
    assert_eq!(group.name(), NamedGroup::X25519MLKEM768);
    options.min_version = MinVersion::Tls13;
    let new = server(options);
    let old = rustls::ClientConfig::builder_with_provider(edgekit_tls::provider().clone())
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    assert!(handshake(new.config(), Arc::new(old), server_name("box.example").unwrap()).is_err());
    assert!(connect(&new, &client, "box.example").is_ok());
}

#[test]
fn sessions_resume_until_told_otherwise() {
    let (folder, root) = (Folder::new(), Authority::root("root"));
    let pair = root.issue(&["box.example"], |_| {});
    let mut options = ServerOptions::new(vec![identity(save(&folder, "pair", &pair))]);
    let (front, client) = (server(options.clone()), client(&folder, &root));
    let kind = |front: &Server, client: &Client| {
        let name = server_name("box.example").unwrap();
        let mut ends = handshake(front.config(), client.config(), name).unwrap();
        // The ticket follows the handshake.
        let mut wire = Vec::new();
        ends.server.write_tls(&mut wire).unwrap();
        ends.client.read_tls(&mut &wire[..]).unwrap();
        ends.client.process_new_packets().unwrap();
        ends.client.handshake_kind().unwrap()
    };
    assert_eq!(options.tickets, Some(ROTATION));
    assert_ne!(kind(&front, &client), HandshakeKind::Resumed);
    assert_eq!(kind(&front, &client), HandshakeKind::Resumed);
    // The same files anew are no change; another list of roots is, and sessions begin again.
    assert!(client.refresh(None).iter().all(|report| matches!(report.outcome, Outcome::Unchanged)));
    assert_eq!(kind(&front, &client), HandshakeKind::Resumed);
    folder.write("roots.pem", root.pem() + &Authority::root("another").pem());
    assert!(word(&client.refresh(None)).starts_with("swapped: 2 trusted root certificates"));
    assert_ne!(kind(&front, &client), HandshakeKind::Resumed);
    options.tickets = None;
    let without = server(options);
    assert_ne!(kind(&without, &client), HandshakeKind::Resumed);
    assert_ne!(kind(&without, &client), HandshakeKind::Resumed);
}

#[test]
fn the_last_good_pair_stays() {
    let (folder, root) = (Folder::new(), Authority::root("root"));
    let good = root.issue(&["box.example"], |_| {});
    let next = root.issue(&["next.example", "box.example"], |_| {});
    let expired = root.issue(&["box.example"], |params| params.not_after = date_time_ymd(2020, 1, 1));
    let front = server(ServerOptions::new(vec![identity(save(&folder, "pair", &good))]));
    let client = client(&folder, &root);
    let served = || leaf(&connect(&front, &client, "box.example").unwrap()).to_vec();
    assert_eq!(word(&front.refresh(None)), "unchanged");

    folder.write("pair.key", &next.key);
    assert!(word(&front.refresh(None)).contains("the key does not match the certificate 'box.example'"));
    assert!(front.status()[0].refused.as_ref().unwrap().contains("does not match"));
    assert_eq!(served(), good.der.as_ref());

    save(&folder, "pair", &expired);
    assert!(word(&front.refresh(None)).contains("expired at 2020-01-01"));
    fs::remove_file(folder.path("pair.key")).unwrap();
    assert!(word(&front.refresh(None)).contains("no such file"));
    assert_eq!(served(), good.der.as_ref());

    save(&folder, "pair", &next);
    assert!(front.refresh(Some(&[PathBuf::from("/elsewhere")])).is_empty());
    assert!(
        word(&front.refresh(Some(&[folder.path("pair.pem")])))
            .starts_with("swapped: 'next.example' issued by 'root'")
    );
    assert_eq!(served(), next.der.as_ref());
    assert_eq!(front.status()[0].refused, None);
    // The names of the new certificate select it.
    assert!(connect(&front, &client, "next.example").is_ok());
}

#[test]
fn a_chain_that_is_still_being_written_waits() {
    let (folder, root) = (Folder::new(), Authority::root("root"));
    let middle = root.below("middle");
    let issue = || {
        let mut pair = middle.issue(&["box.example"], |_| {});
        pair.certificate += &middle.pem();
        pair
    };
    let front = server(ServerOptions::new(vec![identity(save(&folder, "pair", &issue()))]));
    let next = issue();
    save(&folder, "pair", &next);
    folder.write("pair.pem", &next.certificate[..next.certificate.len() - middle.pem().len()]);
    let kept = word(&front.refresh(None));
    assert!(
        kept.ends_with("the chain of 'box.example' lacks its issuer 'middle', which the chain in use has"),
        "{kept}"
    );
    save(&folder, "pair", &next);
    assert!(word(&front.refresh(None)).starts_with("swapped"));
    // Another issuer is another chain.
    save(&folder, "pair", &root.issue(&["box.example"], |_| {}));
    assert!(word(&front.refresh(None)).starts_with("swapped"));
}

#[test]
fn an_expired_pair_is_better_than_none() {
    let (folder, root) = (Folder::new(), Authority::root("root"));
    let old = root.issue(&["box.example"], |params| params.not_after = date_time_ymd(2020, 1, 1));
    let options = ServerOptions::new(vec![identity(save(&folder, "pair", &old))]);
    let (front, reports) = Server::load(options, Clock::system()).unwrap();
    let Outcome::Swapped { warnings, .. } = &reports[0].outcome else { panic!("{reports:?}") };
    assert!(
        warnings[0]
            .text
            .ends_with("expired at 2020-01-01 00:00:00 UTC, and is served for want of a better one")
    );
    save(&folder, "pair", &root.issue(&["box.example"], |_| {}));
    assert!(word(&front.refresh(None)).starts_with("swapped"));
}

#[test]
fn a_clock_in_1970_still_serves_and_says_what_it_believes() {
    let (folder, root) = (Folder::new(), Authority::root("root"));
    let year = |not_before: i32, not_after: i32| {
        root.issue(&["box.example"], |params| {
            params.not_before = date_time_ymd(not_before, 1, 1);
            params.not_after = date_time_ymd(not_after, 1, 1);
        })
    };
    let at = |seconds| Clock::fixed(Duration::from_secs(seconds));
    let options = ServerOptions::new(vec![identity(save(&folder, "pair", &year(2026, 2036)))]);
    let (front, reports) = Server::load(options, at(1000)).unwrap();
    let Outcome::Swapped { warnings, .. } = &reports[0].outcome else { panic!("{reports:?}") };
    assert!(warnings[0].text.contains("this machine's clock says 1970-01-01"), "{warnings:?}");
    let roots = || Roots::File(folder.write("roots.pem", root.pem()));
    let client = |clock| {
        let trust = Trust { roots: roots(), ..Trust::default() };
        Client::load(ClientOptions { trust, ..ClientOptions::default() }, clock).unwrap().0
    };
    // A peer with the right time accepts what this machine serves; this machine's own view of others
    // is its clock's.
    assert!(connect(&front, &client(at(1_800_000_000)), "box.example").is_ok());
    let error = connect(&front, &client(at(1000)), "box.example").err().unwrap();
    assert!(error.to_string().contains("not valid yet"), "{error}");
}

#[test]
fn a_newer_pair_is_taken_though_the_clock_is_behind() {
    let (folder, root) = (Folder::new(), Authority::root("root"));
    let from = |year| root.issue(&["box.example"], |params| params.not_before = date_time_ymd(year, 1, 1));
    let late = from(2030);
    for (clock, expected) in [
        // Believed: in 2027, what begins in 2030 waits.
        (Clock::fixed(Duration::from_secs(1_800_000_000)), "kept"),
        // Not believed: the machine says 1970.
        (Clock::fake(Duration::from_secs(1000)).0.built(Duration::from_secs(1_800_000_000)), "swapped"),
    ] {
        let options = ServerOptions::new(vec![identity(save(&folder, "pair", &from(2020)))]);
        let (front, _) = Server::load(options, clock).unwrap();
        save(&folder, "pair", &late);
        assert!(word(&front.refresh(None)).starts_with(expected), "{front:?}");
    }
}

#[test]
fn a_generation_is_read_from_one_folder() {
    let (folder, root) = (Folder::new(), Authority::root("root"));
    let pairs: Vec<Issued> = (0..2).map(|_| root.issue(&["box.example"], |_| {})).collect();
    for (number, pair) in pairs.iter().enumerate() {
        fs::create_dir(folder.path(&number.to_string())).unwrap();
        folder.write(&format!("{number}/chain.pem"), &pair.certificate);
        folder.write(&format!("{number}/key.pem"), &pair.key);
    }
    symlink("0", folder.path("current")).unwrap();
    let source = PairSource::folder(folder.path("current"), "chain.pem", "key.pem");
    let front = server(ServerOptions::new(vec![identity(source)]));
    let client = client(&folder, &root);
    assert_eq!(leaf(&connect(&front, &client, "box.example").unwrap()), pairs[0].der.as_ref());
    fs::remove_file(folder.path("current")).unwrap();
    assert!(word(&front.refresh(None)).contains("current: cannot read it: no such file"));
    symlink("1", folder.path("current")).unwrap();
    assert!(word(&front.refresh(None)).starts_with("swapped"));
    assert_eq!(leaf(&connect(&front, &client, "box.example").unwrap()), pairs[1].der.as_ref());
}

#[test]
fn a_server_needs_a_pair_and_a_name_must_be_one() {
    let error = Server::load(ServerOptions::new(Vec::new()), Clock::system()).unwrap_err();
    assert!(matches!(error.problem(), Problem::Settings(_)));
    assert!(
        server_name("[::1]").is_ok() && server_name("10.0.0.1").is_ok() && server_name("a-b.example").is_ok()
    );
    assert_eq!(
        server_name("no such host").unwrap_err().to_string(),
        "'no such host' is neither a DNS name nor an IP address"
    );
}
