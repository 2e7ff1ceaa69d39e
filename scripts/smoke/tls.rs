//! rustls on aws-lc-rs: a whole TLS 1.3 handshake in memory, with the post-quantum key exchange.

use std::error::Error;
use std::io::{Read, Write};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, NamedGroup, ProtocolVersion, RootCertStore, ServerConfig,
    ServerConnection,
};

use crate::{Outcome, Seen, ensure};

pub(crate) fn handshake() -> Seen {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let issued = rcgen::generate_simple_self_signed(["edge.example".to_owned()])?;
    let key = PrivateKeyDer::try_from(issued.signing_key.serialize_der())?;
    let mut roots = RootCertStore::empty();
    roots.add(issued.cert.der().clone())?;

    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key)?;
    let client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut server = ServerConnection::new(Arc::new(server))?;
    let mut client = ClientConnection::new(Arc::new(client), ServerName::try_from("edge.example")?)?;

    client.writer().write_all(b"ping")?;
    for _ in 0..8 {
        carry(&mut client, &mut server)?;
        carry_back(&mut server, &mut client)?;
    }
    let mut heard = [0; 4];
    server.reader().read_exact(&mut heard)?;
    ensure(&heard == b"ping", "the server heard something else")?;
    ensure(client.protocol_version() == Some(ProtocolVersion::TLSv1_3), "not TLS 1.3")?;
    let group = client.negotiated_key_exchange_group().map(|group| group.name());
    ensure(group == Some(NamedGroup::X25519MLKEM768), "not the post-quantum key exchange")?;
    let suite = client.negotiated_cipher_suite().map(|suite| suite.suite());
    Ok(Outcome::Ok(format!("TLS 1.3, {group:?}, {suite:?}, 4 bytes carried")))
}

fn carry(client: &mut ClientConnection, server: &mut ServerConnection) -> Result<(), Box<dyn Error>> {
    let mut wire = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut wire)?;
    }
    let mut rest = &wire[..];
    while !rest.is_empty() {
        server.read_tls(&mut rest)?;
        server.process_new_packets()?;
    }
    Ok(())
}

fn carry_back(server: &mut ServerConnection, client: &mut ClientConnection) -> Result<(), Box<dyn Error>> {
    let mut wire = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut wire)?;
    }
    let mut rest = &wire[..];
    while !rest.is_empty() {
        client.read_tls(&mut rest)?;
        client.process_new_packets()?;
    }
    Ok(())
}
