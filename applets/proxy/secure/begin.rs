//! Handshakes: a connection that was accepted or made becomes one that is secured.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;
use tokio::net::TcpStream;

use super::bytes::Spares;
use super::hello::Hello;
use super::session::Session;
use super::{ClientSession, Origination, ServerSession, Termination};
use crate::peer::{ClientCertificate, Secured};
use crate::wire::linger;
use crate::worker::Worker;

/// What a client gets to take the words that refuse it.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Secures a client's connection; none if that failed, which is counted.
pub(crate) async fn accept(
    worker: &Worker,
    timer: u32,
    tcp: TcpStream,
    termination: &Termination,
    patience: Duration,
) -> Option<(Box<ServerSession>, Secured)> {
    let engine = UnbufferedServerConnection::new(termination.0.config()).ok()?;
    let mut session = Box::new(Session::new(tcp, engine, worker.spares.clone()));
    let (mut server_name, mut looked) = (None, false);
    worker.timers.arm(timer, worker.timers.now(), patience);
    let shaken = poll_fn(|context| {
        let mut look = |bytes: &[u8]| {
            if !looked {
                match Hello::read(bytes) {
                    Hello::Partial => {}
                    Hello::Other => looked = true,
                    Hello::Whole(wanted) => (looked, server_name) = (true, wanted.server_name),
                }
            }
        };
        match session.poll_handshake(context, &mut look) {
            Poll::Pending if worker.timers.expired(timer) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            shaken => shaken,
        }
    });
    match shaken.await {
        Ok(()) => {
            worker.cells().handshakes.add(1);
            let certificate = session.engine().peer_certificates().and_then(|chain| chain.first());
            let certificate = certificate
                .and_then(|first| edgekit_tls::Certificate::parse(first.clone().into_owned()))
                .map(|certificate| ClientCertificate::of(&certificate));
            let is_http2 = session.engine().alpn_protocol() == Some(b"h2");
            Some((session, Secured { server_name, certificate, is_http2 }))
        }
        Err(error) => {
            worker.cells().handshake_errors.add(1);
            tracing::debug!("a client's handshake failed: {error}");
            if error.kind() == io::ErrorKind::InvalidData {
                // A close with bytes unread would take the alert with it.
                worker.timers.arm(timer, worker.timers.now(), LAST_WORDS);
                let mut scratch = [0; 512];
                linger(session.tcp(), &mut scratch, || worker.timers.expired(timer)).await;
            }
            None
        }
    }
}

impl ClientCertificate {
    fn of(certificate: &edgekit_tls::Certificate) -> ClientCertificate {
        ClientCertificate {
            subject: certificate.subject().to_owned(),
            names: certificate.names().to_vec(),
            fingerprint: certificate.fingerprint(),
        }
    }
}

/// Secures a connection to a server; the caller bounds the time.
///
/// # Errors
/// Those of the socket, and what did not fit in the handshake.
pub(crate) async fn connect(
    spares: Rc<Spares>,
    tcp: TcpStream,
    origination: &Origination,
    endpoint: SocketAddr,
) -> io::Result<Box<ClientSession>> {
    let name = match &origination.name {
        Some(name) => ServerName::clone(name),
        None => ServerName::IpAddress(endpoint.ip().into()),
    };
    let engine =
        UnbufferedClientConnection::new(origination.client.config(), name).map_err(io::Error::other)?;
    let mut session = Box::new(Session::new(tcp, engine, spares));
    poll_fn(|context| session.poll_handshake(context, &mut |_| {})).await?;
    Ok(session)
}
