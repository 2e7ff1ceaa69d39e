//! The command line of `edgekit proxy`.

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use edgekit_core::config::file_arg;
use edgekit_core::{Error, Exit};
use std::net::SocketAddr;

use crate::snapshot::Address;

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
             edgekit proxy run|check [OPTIONS]",
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
                .help("Pass requests on to http://HOST:PORT; repeated, to each in turn"),
            Arg::new("workers")
                .long("workers")
                .value_name("N")
                .requires("listen")
                .value_parser(value_parser!(u16).range(1..=256))
                .help("Threads that carry traffic [one a core, two at most]"),
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
            Command::new("check").about("Find the faults of the configuration").arg(file_arg()),
        ])
}

/// What was asked for without a file, as the text of one.
pub(crate) fn one_liner(matches: &ArgMatches) -> Result<String, Error> {
    let words = |name: &str| matches.get_many::<String>(name).into_iter().flatten();
    let mut endpoints = Vec::new();
    for url in words("to") {
        endpoints.push(format!("{:?}", endpoint(url)?.to_string()));
    }
    let mut text = String::new();
    if let Some(workers) = matches.get_one::<u16>("workers") {
        text.push_str(&format!("workers = {workers}\n"));
    }
    for (number, address) in matches.get_many::<SocketAddr>("listen").into_iter().flatten().enumerate() {
        text.push_str(&format!("[listener.listen{number}]\naddress = \"{address}\"\n"));
    }
    text.push_str(&format!(
        "[cluster.to]\nendpoints = [{}]\n[route.all]\ncluster = \"to\"\n",
        endpoints.join(", ")
    ));
    if let Some(path) = matches.get_one::<String>("access-log") {
        let path = std::path::absolute(path)?;
        let path =
            path.to_str().ok_or_else(|| Error::new(Exit::USAGE, "the name of the log is not UTF-8"))?;
        text.push_str(&format!("[access_log]\npath = '''{path}'''\n"));
    }
    Ok(text)
}

/// `http://host:port` or `host:port`.
fn endpoint(url: &str) -> Result<Address, Error> {
    let wrong = |reason: String| Error::new(Exit::USAGE, format!("cannot pass on to '{url}': {reason}"));
    let rest = match url.split_once("://") {
        None => url,
        Some(("http", rest)) => rest,
        Some((scheme, _)) => return Err(wrong(format!("'{scheme}' is not http"))),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains(['/', '?', '#', '@']) {
        return Err(
            wrong("it is more than host and port".to_owned()).hint("paths are passed on as they come")
        );
    }
    let has_port =
        rest.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let full = if has_port { rest.to_owned() } else { format!("{rest}:80") };
    Address::parse(&full).map_err(|reason| wrong(reason).hint("write it as http://HOST:PORT"))
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
        for url in ["https://a", "http://", "http://a/b", "http://u@a", "http://a:x"] {
            assert!(text(&["--listen", "[::1]:80", "--to", url]).is_err(), "{url}");
        }
        assert!(command().try_get_matches_from(["proxy", "--listen", "[::1]:80"]).is_err());
    }
}
