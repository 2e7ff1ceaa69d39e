//! Against name servers of our own on loopback: honest, silent, lying, too long for UDP.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use super::*;

/// What a server sends for a question, in order; nothing is silence.
type Script = fn(&[u8]) -> Vec<Vec<u8>>;

/// An answer to `question`: flags, and the data of one record of the kind asked for.
fn reply(question: &[u8], flags: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut message = question.to_vec();
    message[2..4].copy_from_slice(&(0x8180 | flags).to_be_bytes());
    message[7] = u8::from(!data.is_empty());
    if !data.is_empty() {
        message.extend([0xc0, 12]);
        message.extend(&question[question.len() - 4..]);
        message.extend(ttl.to_be_bytes());
        message.extend((data.len() as u16).to_be_bytes());
        message.extend(data);
    }
    message
}

fn is_ipv4(question: &[u8]) -> bool {
    question[question.len() - 3] == 1
}

fn asks_for(question: &[u8], label: &str) -> bool {
    question[13..].starts_with(label.as_bytes())
}

/// 10.0.0.1 for everything, nothing for IPv6.
fn honest(question: &[u8]) -> Vec<Vec<u8>> {
    let data: &[u8] = if is_ipv4(question) { &[10, 0, 0, 1] } else { &[] };
    vec![reply(question, 0, 60, data)]
}

async fn server(script: Script) -> SocketAddr {
    counting(script, Arc::default()).await
}

/// A server that counts the questions.
async fn counting(script: Script, count: Arc<AtomicUsize>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut bytes = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut bytes).await {
            count.fetch_add(1, Ordering::Relaxed);
            for answer in script(&bytes[..length]) {
                socket.send_to(&answer, from).await.unwrap();
            }
        }
    });
    address
}

struct Place(PathBuf);

impl Place {
    fn new(test: &str, servers: &[SocketAddr], more: &str) -> Place {
        let path = std::env::temp_dir().join(format!("edgekit-resolve-{}-{test}", std::process::id()));
        let lines: String = servers.iter().map(|server| format!("nameserver {server}\n")).collect();
        fs::write(&path, format!("{lines}{more}")).unwrap();
        Place(path)
    }

    fn resolver(&self) -> Resolver {
        let files = Files { hosts: PathBuf::from("/nonexistent/hosts"), resolv_conf: self.0.clone() };
        Resolver::new(files, Clock::system())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

fn one() -> Vec<IpAddr> {
    vec![IpAddr::from([10, 0, 0, 1])]
}

#[tokio::test]
async fn addresses_are_their_own_answer() {
    let resolver = Resolver::system();
    // It is part of the future of every connection.
    assert!(size_of_val(&resolver.resolve("10.0.0.1")) < 2048, "{}", size_of_val(&resolver.resolve("")));
    assert_eq!(resolver.resolve("10.0.0.1").await, Ok(one()));
    assert_eq!(resolver.resolve("[::1]").await, Ok(vec!["::1".parse().unwrap()]));
    assert_eq!(resolver.resolve("a b").await, Err(ResolveError::BadName("a b".to_owned())));
}

#[tokio::test]
async fn an_honest_server_is_asked_once() {
    let place = Place::new("honest", &[server(honest).await], "options timeout:1 attempts:1");
    let resolver = place.resolver();
    assert_eq!(resolver.resolve("Broker.example").await, Ok(one()));
    fs::write(&place.0, "nameserver 127.0.0.1:1").unwrap();
    assert_eq!(resolver.resolve("broker.EXAMPLE.").await, Ok(one()));
}

#[tokio::test]
async fn callers_at_the_same_time_share_one_question() {
    let count = Arc::new(AtomicUsize::new(0));
    let place =
        Place::new("shared", &[counting(honest, count.clone()).await], "options timeout:1 attempts:1");
    let resolver = place.resolver();
    let mut callers = tokio::task::JoinSet::new();
    for number in 0..50 {
        let resolver = resolver.clone();
        let name = if number % 2 == 0 { "broker.example" } else { "BROKER.example." };
        callers.spawn(async move { resolver.resolve(name).await });
    }
    while let Some(found) = callers.join_next().await {
        assert_eq!(found.unwrap(), Ok(one()));
    }
    // One for each family.
    assert_eq!(count.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn the_search_list_is_walked() {
    let script: Script = |question| match asks_for(question, "broker\x03lan") {
        true => honest(question),
        false => vec![reply(question, 3, 0, &[])],
    };
    let servers = [server(script).await];
    let place = Place::new("search", &servers, "search wan lan\noptions timeout:1 attempts:1");
    assert_eq!(place.resolver().resolve("broker").await, Ok(one()));
    let error = place.resolver().resolve("nobody").await.unwrap_err();
    assert_eq!(error.to_string(), format!("no such host 'nobody' (according to {})", servers[0]));
    assert!(!error.is_temporary());
}

#[tokio::test]
async fn a_silent_server_ends_in_time_and_names_itself() {
    let servers = [server(|_| Vec::new()).await];
    let place = Place::new("silent", &servers, "options timeout:1 attempts:1");
    let begin = tokio::time::Instant::now();
    let error = place.resolver().resolve("broker.example").await.unwrap_err();
    assert!(begin.elapsed() < Duration::from_secs(3));
    assert_eq!(error.to_string(), format!("no answer for 'broker.example' from {} within 1.0 s", servers[0]));
    assert!(error.is_temporary());
}

#[tokio::test]
async fn the_next_server_answers_for_a_dead_one() {
    let servers = [SocketAddr::from(([127, 0, 0, 1], 1)), server(honest).await];
    let place = Place::new("second", &servers, "options timeout:1 attempts:1");
    assert_eq!(place.resolver().resolve("broker.example").await, Ok(one()));
}

#[tokio::test]
async fn lies_are_passed_over() {
    let script: Script = |question| {
        let mut other = reply(question, 0, 60, &[6, 6, 6, 6]);
        other[0] ^= 0xff;
        let mut name = reply(question, 0, 60, &[6, 6, 6, 6]);
        name[13] ^= 1;
        vec![b"noise".to_vec(), other, name, question.to_vec(), honest(question).remove(0)]
    };
    let place = Place::new("lies", &[server(script).await], "options timeout:1 attempts:1");
    assert_eq!(place.resolver().resolve("broker.example").await, Ok(one()));
}

#[tokio::test]
async fn a_refusal_is_said_and_a_silent_family_is_not_waited_for() {
    let place = Place::new(
        "refuses",
        &[server(|question| vec![reply(question, 5, 0, &[])]).await],
        "options timeout:1 attempts:1",
    );
    let error = place.resolver().resolve("broker.example").await.unwrap_err();
    assert!(error.to_string().ends_with("refused the question"), "{error}");
    let script: Script = |question| if is_ipv4(question) { honest(question) } else { Vec::new() };
    let place = Place::new("family", &[server(script).await], "options timeout:10 attempts:1");
    let begin = tokio::time::Instant::now();
    assert_eq!(place.resolver().resolve("broker.example").await, Ok(one()));
    assert!(begin.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn what_does_not_fit_is_asked_for_by_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let socket = UdpSocket::bind(address).await.unwrap();
    tokio::spawn(async move {
        let mut bytes = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut bytes).await {
            socket.send_to(&reply(&bytes[..length], 0x200, 0, &[]), from).await.unwrap();
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut question = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut question).await.unwrap();
            let answer = honest(&question).remove(0);
            stream.write_u16(answer.len() as u16).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    });
    let place = Place::new("tcp", &[address], "options timeout:1 attempts:1");
    assert_eq!(place.resolver().resolve("broker.example").await, Ok(one()));
}

#[tokio::test]
async fn an_expired_answer_serves_while_nobody_answers() {
    let script: Script = |question| match is_ipv4(question) {
        true => vec![reply(question, 0, 0, &[10, 0, 0, 1])],
        false => vec![reply(question, 0, 0, &[])],
    };
    let place = Place::new("stale", &[server(script).await], "options timeout:1 attempts:1");
    let resolver = place.resolver();
    assert_eq!(resolver.resolve("broker.example").await, Ok(one()));
    fs::write(&place.0, "nameserver 127.0.0.1:1\noptions timeout:1 attempts:1").unwrap();
    assert_eq!(resolver.resolve("broker.example").await, Ok(one()));
    assert!(resolver.resolve("other.example").await.is_err());
}
