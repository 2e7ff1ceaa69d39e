//! The exchange with name servers: one question, UDP first, TCP where the answer did not fit.
//!
//! Each question has a socket and a number of its own, drawn at random, and the socket is connected:
//! what comes from elsewhere, or answers something else, is not seen or passed over (RFC 5452).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::conf::Conf;
use super::wire::{self, Answer, Kind, Malformed};

/// Larger than any answer without EDNS, which we do not send.
const DATAGRAM: usize = 4096;

/// How asking all servers ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// What the server said; it is one of the three that settle the matter.
    Told(Answer, SocketAddr),
    /// The last server that reacted did so in a useless way.
    Failed(SocketAddr, String),
    /// None reacted.
    Silent,
}

/// Asks each server in turn, as often as the configuration says.
pub(super) async fn ask(conf: &Conf, name: &str, kind: Kind) -> Outcome {
    let mut outcome = Outcome::Silent;
    for _ in 0..conf.attempts {
        for &server in &conf.servers {
            match timeout(conf.timeout, ask_one(server, name, kind)).await {
                Ok(Ok(Answer::Failed(code))) => outcome = Outcome::Failed(server, reason(code)),
                Ok(Ok(answer)) => return Outcome::Told(answer, server),
                Ok(Err(error)) => {
                    outcome = Outcome::Failed(
                        server,
                        format!("cannot be asked: {}", edgekit_core::text::io_reason(&error)),
                    );
                }
                Err(_) => {}
            }
        }
    }
    outcome
}

/// RFC 1035 §4.1.1, RFC 2136 §2.2.
fn reason(code: u8) -> String {
    match code {
        1 => "did not understand the question".to_owned(),
        2 => "failed to find out".to_owned(),
        4 => "does not answer such questions".to_owned(),
        5 => "refused the question".to_owned(),
        code => format!("answered with code {code}"),
    }
}

async fn ask_one(server: SocketAddr, name: &str, kind: Kind) -> io::Result<Answer> {
    let id = random()?;
    let question = wire::question(id, name, kind).ok_or(io::ErrorKind::InvalidInput)?;
    let local = match server {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(local).await?;
    socket.connect(server).await?;
    socket.send(&question).await?;
    let mut bytes = vec![0; DATAGRAM];
    loop {
        let length = socket.recv(&mut bytes).await?;
        match wire::answer(&bytes[..length], id, name, kind) {
            Ok(Answer::Truncated) => return ask_tcp(server, id, &question, name, kind).await,
            Ok(answer) => return Ok(answer),
            // Not an answer to us, whoever sent it; the true one may still come.
            Err(Malformed::Other | Malformed::Short | Malformed::Name) => {}
        }
    }
}

/// RFC 7766: a length before each message.
async fn ask_tcp(server: SocketAddr, id: u16, question: &[u8], name: &str, kind: Kind) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    stream.write_all(&[&length.to_be_bytes(), question].concat()).await?;
    let mut bytes = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut bytes).await?;
    match wire::answer(&bytes, id, name, kind) {
        Ok(Answer::Truncated) => {
            Err(io::Error::new(io::ErrorKind::InvalidData, "its answer is cut short twice"))
        }
        Ok(answer) => Ok(answer),
        Err(error) => {
            Err(io::Error::new(io::ErrorKind::InvalidData, format!("its answer is malformed: {error}")))
        }
    }
}

fn random() -> io::Result<u16> {
    let mut bytes = [0; 2];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    Ok(u16::from_ne_bytes(bytes))
}

/// The most time [`ask`] can take.
pub(super) fn longest(conf: &Conf) -> Duration {
    let servers = u32::try_from(conf.servers.len()).unwrap_or(u32::MAX);
    conf.timeout.saturating_mul(conf.attempts).saturating_mul(servers)
}
