//! Who is let in: client certificates, names, revocation, and servers known by URI.

use std::path::PathBuf;

use edgekit_core::Clock;
use edgekit_tls::{
    Client, ClientAuth, ClientOptions, Error, Identity, Material, NamePattern, Outcome, PairSource,
    Revocation, Roots, Server, ServerOptions, Trust, server_name,
};
use rcgen::{
    CertificateParams, CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, SanType,
    SerialNumber, date_time_ymd,
};
use rustls::pki_types::CertificateDer;

use crate::world::{Authority, Ends, Folder, Issued, handshake};

fn save(folder: &Folder, name: &str, pair: &Issued) -> PairSource {
    let chain = folder.write(&format!("{name}.pem"), &pair.certificate);
    PairSource::files(chain, folder.write(&format!("{name}.key"), &pair.key))
}

fn uri(params: &mut CertificateParams, uri: &str) {
    params.subject_alt_names.push(SanType::URI(uri.try_into().unwrap()));
}

fn patterns(texts: &[&str]) -> Vec<NamePattern> {
    texts.iter().map(|text| NamePattern::parse(text).unwrap()).collect()
}

/// A server that asks clients for a certificate, and the means to connect to it.
struct Door {
    folder: Folder,
    root: Authority,
    roots: PathBuf,
    server: Server,
}

impl Door {
    fn new(change: impl FnOnce(&Folder, &Authority, &mut ClientAuth)) -> Door {
        let (folder, root) = (Folder::new(), Authority::root("root"));
        let roots = folder.write("roots.pem", root.pem());
        let pair = root.issue(&["door.example"], |params| uri(params, "spiffe://example/door"));
        let trust = Trust { roots: Roots::File(roots.clone()), ..Trust::default() };
        let mut clients = ClientAuth { trust, required: true, names: Vec::new() };
        change(&folder, &root, &mut clients);
        let identity = Identity { source: save(&folder, "door", &pair), names: Vec::new() };
        let options = ServerOptions { clients: Some(clients), ..ServerOptions::new(vec![identity]) };
        let (server, _) = Server::load(options, Clock::system()).unwrap();
        Door { folder, root, roots, server }
    }

    fn client(&self, identity: Option<&Issued>) -> Client {
        let trust = Trust { roots: Roots::File(self.roots.clone()), ..Trust::default() };
        let identity = identity.map(|pair| save(&self.folder, "client", pair));
        Client::load(ClientOptions { trust, identity, ..ClientOptions::default() }, Clock::system())
            .unwrap()
            .0
    }

    fn knock(&self, client: &Client) -> Result<Ends, rustls::Error> {
        handshake(self.server.config(), client.config(), server_name("door.example").unwrap())
    }
}

fn who(ends: &Ends) -> Option<CertificateDer<'static>> {
    ends.server.peer_certificates().map(|chain| chain[0].clone().into_owned())
}

#[test]
fn required_optional_and_foreign_clients() {
    let door = Door::new(|_, _, _| {});
    let pair = door.root.issue(&["client.example"], |_| {});
    assert_eq!(who(&door.knock(&door.client(Some(&pair))).unwrap()), Some(pair.der.clone()));
    assert!(door.knock(&door.client(None)).is_err());
    let foreign = Authority::root("root").issue(&["client.example"], |_| {});
    assert!(door.knock(&door.client(Some(&foreign))).is_err());
    let open = Door::new(|_, _, clients| clients.required = false);
    assert_eq!(who(&open.knock(&open.client(None)).unwrap()), None);
    let foreign = Authority::root("root").issue(&["client.example"], |_| {});
    assert!(open.knock(&open.client(Some(&foreign))).is_err());
}

#[test]
fn names_decide() {
    let door = Door::new(|_, _, clients| {
        clients.names = patterns(&["*.clients.example", "spiffe://example/ns/*", "spiffe://example/one"]);
    });
    let let_in = |names: &[&str], spiffe: Option<&str>| {
        let pair = door.root.issue(names, |params| {
            if let Some(name) = spiffe {
                uri(params, name);
            }
        });
        door.knock(&door.client(Some(&pair))).is_ok()
    };
    assert!(let_in(&["a.clients.example"], None));
    assert!(!let_in(&["clients.example"], None));
    assert!(!let_in(&["a.b.clients.example"], None));
    assert!(!let_in(&["*.clients.example"], None));
    assert!(let_in(&[], Some("spiffe://example/ns/a/b")));
    assert!(let_in(&["x.example"], Some("spiffe://example/one")));
    assert!(!let_in(&[], Some("spiffe://example/one/more")));
    assert!(!let_in(&[], Some("spiffe://example/nsx")));
    assert!(!let_in(&[], Some("spiffe://example/ns/")));
}

#[test]
fn patterns_that_are_none() {
    for text in ["", "*", "a.*.example", "spiffe://", "spiffe:///x", "spiffe://a/*/b", "10.0.0.1", "no such"]
    {
        let error = NamePattern::parse(text).unwrap_err();
        assert!(error.hint().unwrap().contains("URI"), "{text}: {error}");
    }
}

fn revoke(root: &Authority, serials: &[u8]) -> String {
    let revoked = serials.iter().map(|&serial| RevokedCertParams {
        serial_number: SerialNumber::from_slice(&[serial]),
        revocation_time: date_time_ymd(2025, 1, 1),
        reason_code: None,
        invalidity_date: None,
    });
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2025, 1, 1),
        next_update: date_time_ymd(2025, 2, 1),
        crl_number: SerialNumber::from_slice(&[1]),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(&root.issuer).unwrap().pem().unwrap()
}

fn numbered(root: &Authority, serial: u8) -> Issued {
    root.issue(&["client.example"], |params| params.serial_number = Some(SerialNumber::from_slice(&[serial])))
}

#[test]
fn revoked_clients_stay_out_and_cannot_resume() {
    let door = Door::new(|folder, root, clients| {
        clients.trust.crls = vec![folder.write("revoked.pem", revoke(root, &[7]))];
    });
    let (revoked, good) = (numbered(&door.root, 7), numbered(&door.root, 8));
    assert!(door.knock(&door.client(Some(&revoked))).is_err());
    let client = door.client(Some(&good));
    assert!(door.knock(&client).is_ok());
    door.folder.write("revoked.pem", revoke(&door.root, &[7, 8]));
    let reports = door.server.refresh(Some(&[door.folder.path("revoked.pem")]));
    assert!(
        matches!(&reports[..], [report] if matches!(report.outcome, Outcome::Swapped { .. })),
        "{reports:?}"
    );
    assert!(door.knock(&client).is_err());
    // A list that cannot be read leaves the one before in force.
    door.folder.write("revoked.pem", "nothing");
    let reports = door.server.refresh(None);
    assert!(reports.iter().any(|report| matches!(report.outcome, Outcome::Kept(_))), "{reports:?}");
    assert!(door.knock(&client).is_err());
}

#[test]
fn lists_that_are_old_or_silent() {
    let old = Door::new(|folder, root, clients| {
        clients.trust.crls = vec![folder.write("revoked.pem", revoke(root, &[7]))];
        clients.trust.revocation = Revocation { refuse_old_lists: true, ..Revocation::default() };
    });
    assert!(old.knock(&old.client(Some(&numbered(&old.root, 8)))).is_err());
    for allow_unknown in [false, true] {
        let silent = Door::new(|folder, _, clients| {
            clients.trust.crls = vec![folder.write("revoked.pem", revoke(&Authority::root("another"), &[7]))];
            clients.trust.revocation = Revocation { allow_unknown, ..Revocation::default() };
        });
        let knocked = silent.knock(&silent.client(Some(&numbered(&silent.root, 8))));
        assert_eq!(knocked.is_ok(), allow_unknown);
    }
}

#[test]
fn servers_known_by_uri() {
    let door = Door::new(|_, _, clients| clients.required = false);
    let connect = |names: &[&str], roots: &PathBuf| -> Result<Ends, rustls::Error> {
        let trust = Trust { roots: Roots::File(roots.clone()), ..Trust::default() };
        let options = ClientOptions { trust, server_names: patterns(names), ..ClientOptions::default() };
        let (client, _) = Client::load(options, Clock::system()).unwrap();
        handshake(door.server.config(), client.config(), server_name("10.1.2.3").unwrap())
    };
    assert!(connect(&["spiffe://example/door"], &door.roots).is_ok());
    assert!(connect(&["spiffe://example/window"], &door.roots).is_err());
    let foreign = door.folder.write("foreign.pem", Authority::root("root").pem());
    assert!(connect(&["spiffe://example/door"], &foreign).is_err());
}

#[test]
fn a_new_client_identity_is_used_at_once() {
    let door = Door::new(|_, _, _| {});
    let (first, second) = (numbered(&door.root, 1), numbered(&door.root, 2));
    let client = door.client(Some(&first));
    assert_eq!(who(&door.knock(&client).unwrap()), Some(first.der.clone()));
    save(&door.folder, "client", &second);
    client.refresh(None);
    assert_eq!(who(&door.knock(&client).unwrap()), Some(second.der.clone()));
    assert_eq!(client.status()[0].subject, "'client.example'");
}

#[test]
fn roots_that_are_none() {
    let folder = Folder::new();
    let load = |path: PathBuf| -> Error {
        let trust = Trust { roots: Roots::File(path), ..Trust::default() };
        Client::load(ClientOptions { trust, ..ClientOptions::default() }, Clock::system()).unwrap_err()
    };
    assert!(
        load(folder.path("none.pem"))
            .to_string()
            .ends_with("none.pem: cannot read it: no such file or directory")
    );
    assert!(load(folder.write("empty.pem", "")).to_string().ends_with("empty.pem: it holds no certificate"));
    assert_eq!(Roots::from("system"), Roots::System);
    assert_eq!(Roots::from("/a/b.pem"), Roots::File("/a/b.pem".into()));
}
