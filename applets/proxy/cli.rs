//! The command line of `edgekit proxy`.

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use edgekit_core::config::file_arg;
use edgekit_core::units::{Size, parse_duration};
use edgekit_core::{Error, Exit};
use std::net::SocketAddr;
use std::time::Duration;

use crate::snapshot::Address;

fn json(help: &'static str) -> Arg {
    Arg::new("json").long("json").action(ArgAction::SetTrue).help(help)
}

fn instance() -> Arg {
    Arg::new("instance").long("instance").value_name("NAME").help("Tell this daemon from others by a name")
}

/// The argument tree.
pub(crate) fn command() -> Command {
    Command::new("proxy")
        .args_conflicts_with_subcommands(true)
        .arg_required_else_help(true)
        .override_usage(
            "edgekit proxy --listen ADDRESS --to URL [OPTIONS]\n       \
             edgekit proxy run|check|status|drain|certs|routes|clusters|top [OPTIONS]",
        )
        .args([
            Arg::new("listen")
                .long("listen")
                .value_name("ADDRESS")
                .action(ArgAction::Append)
                .requires("to")
                .value_parser(value_parser!(SocketAddr))
                .help("Listen there, such as 0.0.0.0:8080; may be repeated"),
            Arg::new("to")
                .long("to")
                .value_name("URL")
                .action(ArgAction::Append)
                .requires("listen")
                .help("Pass requests on to http://HOST:PORT or https://HOST:PORT; repeated, to each in turn"),
            Arg::new("tls-cert")
                .long("tls-cert")
                .value_name("FILE")
                .requires("listen")
                .help("Listen with TLS, with this certificate and what leads to its root"),
            Arg::new("tls-key")
                .long("tls-key")
                .value_name("FILE")
                .requires("tls-cert")
                .help("The key of the certificate [in the same file]"),
            Arg::new("client-ca")
                .long("client-ca")
                .value_name("FILE")
                .requires("tls-cert")
                .help("Refuse clients without a certificate that one of these issued"),
            Arg::new("to-ca")
                .long("to-ca")
                .value_name("FILE")
                .requires("to")
                .help("Who issues the servers' certificates [what this machine trusts]"),
            Arg::new("workers")
                .long("workers")
                .value_name("N")
                .requires("listen")
                .value_parser(value_parser!(u16).range(1..=256))
                .help("Threads that carry traffic [one a core, two at most]"),
            Arg::new("max-rss")
                .long("max-rss")
                .value_name("SIZE")
                .requires("listen")
                .value_parser(value_parser!(Size))
                .help("Memory it may hold, such as 64MiB; at its end requests are refused"),
            Arg::new("access-log")
                .long("access-log")
                .value_name("FILE")
                .requires("listen")
                .help("Add a line for each request to FILE"),
            Arg::new("dry-run")
                .long("dry-run")
                .action(ArgAction::SetTrue)
                .requires("listen")
                .help("Check what was said, and end"),
            instance().requires("listen").help("Open the control socket proxy@NAME.sock"),
        ])
        .subcommands([
            Command::new("run").about("Run what the configuration says").arg(file_arg()).arg(instance()),
            Command::new("check").about("Find the faults of the configuration").args([
                file_arg(),
                Arg::new("diff")
                    .long("diff")
                    .action(ArgAction::SetTrue)
                    .help("Show what a reload of the running proxy would change"),
                instance().requires("diff"),
                json("One JSON object a change").requires("diff"),
            ]),
            Command::new("status")
                .about("Show how a running proxy is")
                .args([instance(), json("One JSON object with all details")]),
            Command::new("drain")
                .about("Have a running proxy take nothing new, finish what it has, and end")
                .args([
                    instance(),
                    Arg::new("deadline")
                        .long("deadline")
                        .value_name("TIME")
                        .value_parser(parse_duration)
                        .help("What is left after that is dropped [drain_timeout]"),
                    Arg::new("no-wait")
                        .long("no-wait")
                        .action(ArgAction::SetTrue)
                        .help("Do not wait for its end"),
                ]),
            Command::new("routes").about("Show the routes of a running proxy").arg(instance()).arg(
                Arg::new("json").long("json").action(ArgAction::SetTrue).help("One JSON object a route"),
            ),
            Command::new("clusters")
                .about("Show the clusters of a running proxy, and how their endpoints are")
                .arg(instance())
                .arg(
                    Arg::new("json")
                        .long("json")
                        .action(ArgAction::SetTrue)
                        .help("One JSON object a cluster"),
                ),
            Command::new("top")
                .about("Show requests, failures and times of a running proxy as they change")
                .args([
                    instance(),
                    Arg::new("interval")
                        .long("interval")
                        .value_name("TIME")
                        .value_parser(interval)
                        .help("Look so often, such as 500ms [1s]"),
                    Arg::new("count")
                        .long("count")
                        .value_name("N")
                        .value_parser(value_parser!(u64).range(1..))
                        .help("Look so often and end; tables one after the other"),
                    Arg::new("once")
                        .long("once")
                        .action(ArgAction::SetTrue)
                        .conflicts_with("count")
                        .help("Look once and end"),
                    Arg::new("json").long("json").action(ArgAction::SetTrue).help("One JSON object a look"),
                ]),
            Command::new("certs").about("Show the certificates of a running proxy").arg(instance()).arg(
                Arg::new("json")
                    .long("json")
                    .action(ArgAction::SetTrue)
                    .help("One JSON object a certificate"),
            ),
        ])
}

fn interval(text: &str) -> Result<Duration, String> {
    match parse_duration(text).map_err(|wrong| wrong.to_string())? {
        time if (Duration::from_millis(50)..=Duration::from_secs(3600)).contains(&time) => Ok(time),
        _ => Err("between 50ms and 1h".to_owned()),
    }
}

/// What was asked for without a file, as the text of one.
pub(crate) fn one_liner(matches: &ArgMatches) -> Result<String, Error> {
    let words = |name: &str| matches.get_many::<String>(name).into_iter().flatten();
    let (mut endpoints, mut secured) = (Vec::new(), None);
    for url in words("to") {
        let (address, secure) = endpoint(url)?;
        if *secured.get_or_insert(secure) != secure {
            return Err(Error::new(Exit::USAGE, "all servers speak TLS, or none")
                .hint("write https:// for each, or a file with a cluster of each kind"));
        }
        endpoints.push(format!("{:?}", address.to_string()));
    }
    let mut text = String::new();
    if let Some(workers) = matches.get_one::<u16>("workers") {
        text.push_str(&format!("workers = {workers}\n"));
    }
    if let Some(size) = matches.get_one::<Size>("max-rss") {
        text.push_str(&format!("max_rss = \"{size}\"\n"));
    }
    for (number, address) in matches.get_many::<SocketAddr>("listen").into_iter().flatten().enumerate() {
        text.push_str(&format!("[listener.listen{number}]\naddress = \"{address}\"\n"));
        if let Some(path) = file(matches, "tls-cert")? {
            text.push_str(&format!("[listener.listen{number}.tls]\ncert_files = [{path}]\n"));
        }
        if let Some(path) = file(matches, "tls-key")? {
            text.push_str(&format!("key_files = [{path}]\n"));
        }
        if let Some(path) = file(matches, "client-ca")? {
            text.push_str(&format!("client_ca_file = {path}\n"));
        }
    }
    text.push_str(&format!("[cluster.to]\nendpoints = [{}]\n", endpoints.join(", ")));
    if secured == Some(true) {
        text.push_str("[cluster.to.tls]\nenabled = true\n");
    }
    match file(matches, "to-ca")? {
        Some(path) if secured == Some(true) => text.push_str(&format!("roots = {path}\n")),
        Some(_) => {
            return Err(Error::new(Exit::USAGE, "--to-ca is for servers that speak TLS")
                .hint("write https:// before them"));
        }
        None => {}
    }
    text.push_str("[route.all]\ncluster = \"to\"\n");
    if let Some(path) = file(matches, "access-log")? {
        text.push_str(&format!("[access_log]\npath = {path}\n"));
    }
    Ok(text)
}

/// The file an option names, as a value of a configuration.
fn file(matches: &ArgMatches, option: &str) -> Result<Option<String>, Error> {
    let Some(path) = matches.get_one::<String>(option) else { return Ok(None) };
    let path = std::path::absolute(path)?;
    match path.to_str() {
        Some(path) if !path.contains("'''") => Ok(Some(format!("'''{path}'''"))),
        _ => Err(Error::new(Exit::USAGE, format!("--{option} names a file no configuration can name"))),
    }
}

/// `http://host:port`, `https://host:port` or `host:port`, and whether it speaks TLS.
fn endpoint(url: &str) -> Result<(Address, bool), Error> {
    let wrong = |reason: String| Error::new(Exit::USAGE, format!("cannot pass on to '{url}': {reason}"));
    let (rest, secure) = match url.split_once("://") {
        None => (url, false),
        Some(("http", rest)) => (rest, false),
        Some(("https", rest)) => (rest, true),
        Some((scheme, _)) => return Err(wrong(format!("'{scheme}' is neither http nor https"))),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains(['/', '?', '#', '@']) {
        return Err(
            wrong("it is more than host and port".to_owned()).hint("paths are passed on as they come")
        );
    }
    let has_port =
        rest.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let full = if has_port { rest.to_owned() } else { format!("{rest}:{}", if secure { 443 } else { 80 }) };
    Address::parse(&full)
        .map(|address| (address, secure))
        .map_err(|reason| wrong(reason).hint("write it as http://HOST:PORT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(words: &[&str]) -> Result<String, Error> {
        let words = ["proxy"].iter().chain(words);
        one_liner(&command().try_get_matches_from(words).unwrap())
    }

    #[test]
    fn one_line_is_a_file() {
        let said = text(&["--listen", "[::1]:80", "--to", "http://a", "--to", "10.0.0.1:9/"]).unwrap();
        let wanted = "[listener.listen0]\naddress = \"[::1]:80\"\n[cluster.to]\nendpoints = [\"a:80\", \"10.0.0.1:9\"]\n\
                      [route.all]\ncluster = \"to\"\n";
        assert_eq!(said, wanted);
        for url in ["ftp://a", "http://", "http://a/b", "http://u@a", "http://a:x"] {
            assert!(text(&["--listen", "[::1]:80", "--to", url]).is_err(), "{url}");
        }
        assert!(command().try_get_matches_from(["proxy", "--listen", "[::1]:80"]).is_err());
        assert!(text(&["--listen", "[::1]:80", "--to", "http://a", "--to", "https://a"]).is_err());
        let said = ["--listen", "[::1]:80", "--tls-cert", "/c", "--client-ca", "/a", "--to", "https://a"];
        let wanted = "[listener.listen0]\naddress = \"[::1]:80\"\n[listener.listen0.tls]\n\
                      cert_files = ['''/c''']\nclient_ca_file = '''/a'''\n\
                      [cluster.to]\nendpoints = [\"a:443\"]\n[cluster.to.tls]\nenabled = true\n\
                      [route.all]\ncluster = \"to\"\n";
        assert_eq!(text(&said).unwrap(), wanted);
    }
}
