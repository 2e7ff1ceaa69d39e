//! The command line of `edgekit trace`: options, verbs, and what they ask for.
//!
//! Words, not modes: a bare program or file is traced, `doctor`, `list`, `tools` and `explain` are verbs, the name
//! of an embedded tool is a program. The names of options are bpftrace's, so that its users and its test suite
//! feel at home. Neighbours: `entry` carries requests out, `lib` holds the manual.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use edgekit_core::units::Size;
use edgekit_core::{Error, Exit};

use crate::tools::{self, Tool};

/// Stages that `-d` can show.
pub const STAGES: &[&str] = &["ast", "tree", "ir", "asm", "all"];

/// Where the program's text comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Script {
    Inline(String),
    File(PathBuf),
    Stdin,
    Tool(&'static Tool),
}

/// Shape of what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    Text,
    /// bpftrace's JSON (`-f json`).
    Json,
    /// Our own JSON, with a schema in each object (`--json`).
    Schema,
}

/// When output leaves the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buffering {
    /// Each message as it comes.
    None,
    /// Whenever all messages that have arrived are printed.
    Line,
    /// When 64 KiB are full.
    Full,
}

/// Why the options make no sense.
#[derive(Debug)]
pub enum Refused {
    Ours(Error),
    /// In bpftrace's words, which scripts look for.
    Theirs(String),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused::Ours(error)
    }
}

/// One run of `edgekit trace` with a program.
#[derive(Clone, Debug)]
pub struct Request {
    /// `None` with `-l` alone.
    pub script: Option<Script>,
    /// `$1`, `$2` …
    pub positional: Vec<String>,
    /// What getopt() sees, by name.
    pub named: Vec<(String, Option<String>)>,
    pub list: bool,
    pub format: OutputFormat,
    pub output: Option<PathBuf>,
    pub pid: Option<i32>,
    pub command: Option<String>,
    pub verbose: bool,
    pub quiet: bool,
    pub stages: Vec<String>,
    pub dry_run: bool,
    pub check_helpers: bool,
    pub is_unsafe: bool,
    pub warnings: bool,
    pub buffering: Buffering,
    pub probe_filter: Option<String>,
    pub ring_bytes: Option<u32>,
    /// Files of hooks, in order.
    pub hooks: Vec<PathBuf>,
    /// What hooks may do beyond the harmless.
    pub hook_allow: Vec<String>,
}

fn flag(id: &'static str, help: &'static str) -> Arg {
    Arg::new(id).long(id).action(ArgAction::SetTrue).help(help)
}

fn value(id: &'static str, name: &'static str, help: &'static str) -> Arg {
    Arg::new(id).long(id).value_name(name).help(help)
}

/// The argument tree.
pub fn command() -> Command {
    let json = || flag("json", "One JSON object a line");
    Command::new("trace")
        .args_conflicts_with_subcommands(true)
        .override_usage(
            "edgekit trace [OPTIONS] 'PROGRAM' [WORD]... [-- OPTION...]\n       \
             edgekit trace [OPTIONS] FILE|TOOL|- [WORD]... [-- OPTION...]\n       \
             edgekit trace doctor|list|tools|explain ...",
        )
        .args(program_args())
        .args(output_args())
        .args(examine_args())
        .subcommands([
            Command::new("doctor").about("Show what this kernel lets a tracer do, and why not").arg(json()),
            Command::new("list")
                .about("List the probes of this kernel")
                .arg(Arg::new("pattern").value_name("PATTERN").help("Such as 'tracepoint:sched:*' [all]"))
                .arg(flag("verbose", "Also their arguments").short('v')),
            Command::new("tools").about("List the embedded tools").arg(json()),
            Command::new("explain")
                .about("Show what an embedded tool does, and its program")
                .arg(Arg::new("tool").value_name("TOOL").required(true).help("Its name")),
        ])
}

fn program_args() -> Vec<Arg> {
    vec![
        Arg::new("words")
            .value_name("PROGRAM|FILE|TOOL")
            .num_args(0..)
            .allow_negative_numbers(true)
            .help("The program, and then its words: $1, $2 ..."),
        Arg::new("options")
            .value_name("OPTION")
            .num_args(0..)
            .last(true)
            .allow_hyphen_values(true)
            .help("What the program's getopt() sees, such as --name=value"),
        value("program", "PROGRAM", "Take the program from here")
            .long("program")
            .short('e')
            .allow_hyphen_values(true),
        value("pid", "PID", "Only events of this process; ends with it").short('p').allow_hyphen_values(true),
        value("cmd", "COMMAND", "Run this once all is attached; ends with it").short('c'),
        value("probe-filter", "REGEX", "Leave out probes whose name does not match").hide_short_help(true),
        value("ring", "BYTES", "Size of the event buffer, such as 16K or 4M [256K]").hide_short_help(true),
        value("hook", "FILE", "Let Lua see, drop or change lines: edgekit-rules(7)")
            .action(ArgAction::Append)
            .value_parser(value_parser!(PathBuf)),
        value("hook-allow", "WHAT", "Let hooks also start programs: exec")
            .action(ArgAction::Append)
            .value_parser(["exec"])
            .hide_possible_values(true)
            .requires("hook")
            .hide_short_help(true),
        flag("unsafe", "Allow system() and other calls that change things"),
        Arg::new("check-helpers")
            .short('k')
            .action(ArgAction::Count)
            .help("Warn when a read or a lookup fails")
            .hide_short_help(true),
        // Accepted because bpftrace's test suite passes it to every program.
        flag("verify-llvm-ir", "Does nothing: there is no LLVM").hide(true),
    ]
}

fn output_args() -> Vec<Arg> {
    const HEADING: &str = "Output";
    [
        value("format", "FORMAT", "text or json, as bpftrace prints them [text]").short('f'),
        flag("json", "JSON in edgekit's shape: each object names its schema").conflicts_with("format"),
        value("output", "FILE", "Write there instead of standard output")
            .short('o')
            .value_parser(value_parser!(PathBuf)),
        value("buffer", "MODE", "none, line or full: when output is written [line]").short('B'),
        flag("quiet", "Only what the program prints").short('q'),
        flag("no-warnings", "No warnings").hide_short_help(true),
        Arg::new("verbose").short('v').long("verbose").action(ArgAction::Count).help("Say more"),
    ]
    .map(|arg| arg.help_heading(HEADING))
    .to_vec()
}

fn examine_args() -> Vec<Arg> {
    const HEADING: &str = "Look without tracing";
    [
        flag("list", "List probes: all, those of a pattern, those of a program (-lv: arguments too)")
            .short('l'),
        flag("dry-run", "Compile and load, but do not run"),
        Arg::new("debug")
            .short('d')
            .long("debug")
            .value_name("STAGE")
            .action(ArgAction::Append)
            .value_delimiter(',')
            .help("Show what the compiler made: ast, tree, ir, asm or all"),
        flag("info", "What this kernel supports, in bpftrace's shape (see also: doctor)")
            .hide_short_help(true),
    ]
    .map(|arg| arg.help_heading(HEADING))
    .to_vec()
}

impl Request {
    /// Reads the options of a run; the verbs are the caller's.
    pub fn from_matches(matches: &ArgMatches) -> Result<Request, Refused> {
        let text = |id: &str| matches.get_one::<String>(id).cloned();
        let mut words: Vec<String> = many(matches, "words");
        let list = matches.get_flag("list");
        let script = match text("program") {
            Some(program) => Some(Script::Inline(program)),
            None if words.is_empty() && list => None,
            None if words.is_empty() => return Err(no_program().into()),
            None => Some(script_of(&words.remove(0), list)?),
        };
        let (positional, named) = parameters(words, many(matches, "options"));
        Ok(Request {
            script,
            positional,
            named,
            list,
            format: output_format(text("format").as_deref(), matches.get_flag("json"))?,
            output: matches.get_one::<PathBuf>("output").cloned(),
            pid: text("pid").map(|word| parse_pid(&word)).transpose()?,
            command: text("cmd"),
            verbose: matches.get_count("verbose") > 0,
            quiet: matches.get_flag("quiet"),
            stages: stages(many(matches, "debug"))?,
            dry_run: matches.get_flag("dry-run"),
            check_helpers: matches.get_count("check-helpers") > 0,
            is_unsafe: matches.get_flag("unsafe"),
            warnings: !matches.get_flag("no-warnings"),
            buffering: buffering(text("buffer").as_deref())?,
            probe_filter: text("probe-filter"),
            hooks: matches.get_many::<PathBuf>("hook").into_iter().flatten().cloned().collect(),
            hook_allow: many(matches, "hook-allow"),
            ring_bytes: text("ring").map(|word| parse_size(&word)).transpose()?,
        })
    }
}

fn many(matches: &ArgMatches, id: &str) -> Vec<String> {
    matches.get_many::<String>(id).into_iter().flatten().cloned().collect()
}

fn usage(message: impl Into<String>) -> Error {
    Error::new(Exit::USAGE, message)
}

fn no_program() -> Error {
    usage("no program").hint(
        "give one: edgekit trace 'tracepoint:syscalls:sys_enter_openat { @[comm] = count(); }', or see \
         'edgekit trace tools'",
    )
}

/// What the first word is. Only a program holds a brace; a word of `-l` that is no file is a pattern.
fn script_of(word: &str, list: bool) -> Result<Script, Error> {
    if word == "-" {
        return Ok(Script::Stdin);
    }
    if word.contains('{') && !PathBuf::from(word).exists() {
        return Ok(Script::Inline(word.to_owned()));
    }
    if !list && let Some(tool) = tools::find(word) {
        return Ok(Script::Tool(tool));
    }
    if word.is_empty() {
        return Err(no_program());
    }
    Ok(Script::File(PathBuf::from(word)))
}

/// Words before `--` are positional; behind it those that start with `--` have a name.
fn parameters(words: Vec<String>, behind: Vec<String>) -> (Vec<String>, Vec<(String, Option<String>)>) {
    let mut positional = words;
    let mut named = Vec::new();
    for word in behind {
        match word.strip_prefix("--") {
            Some(option) if !option.is_empty() => named.push(match option.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (option.to_owned(), None),
            }),
            _ => positional.push(word),
        }
    }
    (positional, named)
}

fn output_format(word: Option<&str>, json: bool) -> Result<OutputFormat, Refused> {
    match word {
        None if json => Ok(OutputFormat::Schema),
        None | Some("text") => Ok(OutputFormat::Text),
        Some("json") => Ok(OutputFormat::Json),
        Some(other) => Err(Refused::Theirs(format!("Invalid output format \"{other}\""))),
    }
}

fn buffering(word: Option<&str>) -> Result<Buffering, Error> {
    match word {
        None | Some("line") => Ok(Buffering::Line),
        Some("none") => Ok(Buffering::None),
        Some("full") => Ok(Buffering::Full),
        Some(other) => {
            Err(usage(format!("unknown buffer mode '{other}'")).hint("there are: none, line, full"))
        }
    }
}

fn stages(words: Vec<String>) -> Result<Vec<String>, Error> {
    match words.iter().find(|word| !STAGES.contains(&word.as_str())) {
        None => Ok(words),
        Some(word) => {
            Err(usage(format!("unknown stage '{word}'")).hint(format!("there are: {}", STAGES.join(", "))))
        }
    }
}

/// The largest process id a kernel can give.
const PID_MAX: i64 = 4_194_304;

fn parse_pid(word: &str) -> Result<i32, Refused> {
    let digits = word.strip_prefix('-').unwrap_or(word);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    if end == 0 {
        return Err(Refused::Theirs(format!("Failed to parse pid: invalid integer: {word}")));
    }
    if end < digits.len() {
        return Err(Refused::Theirs(format!("Failed to parse pid: invalid trailing bytes: {word}")));
    }
    let out_of_range = || Refused::Theirs(format!("Pid out of range: {word}"));
    let pid: i64 = word.parse().map_err(|_| out_of_range())?;
    if !(1..=PID_MAX).contains(&pid) {
        return Err(out_of_range());
    }
    i32::try_from(pid).map_err(|_| out_of_range())
}

/// `4096`, `16K`, `4M`.
fn parse_size(word: &str) -> Result<u32, Error> {
    let bytes = word.parse::<Size>().ok().and_then(|size| u32::try_from(size.0).ok());
    bytes.filter(|n| (1..=1 << 30).contains(n)).ok_or_else(|| {
        usage(format!("'{word}' is not a size")).hint("give bytes, or a number with K or M, up to 1024M")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(words: &[&str]) -> Result<Request, Refused> {
        let matches = command().try_get_matches_from([&["trace"], words].concat()).expect("parses");
        Request::from_matches(&matches)
    }

    #[test]
    fn the_command_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn programs_files_and_tools() {
        let script = |words: &[&str]| request(words).expect("makes sense").script;
        assert_eq!(script(&["begin { }"]), Some(Script::Inline("begin { }".into())));
        assert_eq!(script(&["-"]), Some(Script::Stdin));
        assert_eq!(script(&["x.bt", "1"]), Some(Script::File("x.bt".into())));
        assert!(matches!(script(&["opensnoop"]), Some(Script::Tool(_))));
        assert_eq!(script(&["-l"]), None);
        assert_eq!(script(&["-l", "opensnoop"]), Some(Script::File("opensnoop".into())));
    }

    #[test]
    fn parameters_around_the_double_dash() {
        let r =
            request(&["-e", "begin { }", "one", "-5", "--", "--aa=20", "two", "--dd"]).expect("makes sense");
        assert_eq!(r.positional, ["one", "-5", "two"]);
        assert_eq!(r.named, [("aa".into(), Some("20".into())), ("dd".into(), None)]);
    }

    #[test]
    fn bundled_short_options() {
        let r = request(&["-lv", "kprobe:*"]).expect("makes sense");
        assert!(r.list && r.verbose);
        let r = request(&["-ve", "begin { }", "x"]).expect("makes sense");
        assert!(r.verbose && r.positional == ["x"]);
    }

    #[test]
    fn wrong_words_are_named() {
        let wrong = |words: &[&str]| match request(words).expect_err("is wrong") {
            Refused::Ours(error) => error.to_string(),
            Refused::Theirs(message) => message,
        };
        assert_eq!(wrong(&["-p", "a1", "x"]), "Failed to parse pid: invalid integer: a1");
        assert_eq!(wrong(&["-p", "1a", "x"]), "Failed to parse pid: invalid trailing bytes: 1a");
        assert_eq!(wrong(&["-p", "5000000", "x"]), "Pid out of range: 5000000");
        assert_eq!(wrong(&["-p", "-1", "x"]), "Pid out of range: -1");
        assert_eq!(wrong(&["-f", "jsonx", "x"]), "Invalid output format \"jsonx\"");
        assert_eq!(wrong(&["--ring", "4G", "x"]), "'4G' is not a size");
        assert_eq!(wrong(&["-d", "llvm", "x"]), "unknown stage 'llvm'");
        assert_eq!(wrong(&[]), "no program");
    }
}
