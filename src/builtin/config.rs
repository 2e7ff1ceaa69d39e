//! `edgekit config`: what the applets are told, what they could be told, and who told them.
//!
//! The engine is `edgekit_core::config`; here it is asked and printed.

use std::io::Write;

use clap::{Arg, ArgAction, ArgMatches, Command};
use edgekit_core::config::{self, Inputs, Section};
use edgekit_core::{Applet, Ctx, Entry, Environment, Error, Example, Exit, Manual, Paths, json, text};

use crate::builtin::nothing_to_check;

pub(crate) static CONFIG: Applet = Applet {
    name: "config",
    about: "Show and explain the configuration of applets",
    needs: &[],
    manual: Manual {
        paragraph: "Shows the settings in force as a daemon started here and now would see them: from its \
                    file, the drop-ins and the environment, with the defaults filled in. It also prints \
                    what an applet can be told, as a commented file or as a JSON Schema. The format is \
                    described in edgekit-config(5).",
        examples: &[
            Example { command: "edgekit config show", does: "every setting of every applet" },
            Example { command: "edgekit config show --origin", does: "and the line that set each" },
            Example { command: "edgekit config show --json", does: "for an inventory" },
        ],
        files: &[
            ("/etc/edgekit/APPLET.toml", "the settings of one applet"),
            ("/etc/edgekit/APPLET.d/*.toml", "laid over it in lexical order"),
        ],
        environment: &[
            ("EDGEKIT_APPLET_KEY", "one setting, '__' between the levels of its key"),
            ("CONFIGURATION_DIRECTORY", "read instead of /etc/edgekit; systemd sets it"),
            ("XDG_CONFIG_HOME", "where the directory edgekit is, for all but root [~/.config]"),
        ],
        exits: &[(66, "the applet has no configuration"), (78, "the configuration is wrong")],
    },
    command,
    check: nothing_to_check,
    config: None,
    entry: Entry::Tool(run),
};

fn command() -> Command {
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    let applet = || Arg::new("applet").value_name("APPLET");
    Command::new("config")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("show")
                .about("Show the settings in force")
                .arg(applet().help("Of this applet only"))
                .arg(flag("origin").help("Say where each value came from"))
                .arg(flag("json").help("One JSON object a line, with origins")),
        )
        .subcommand(
            Command::new("example")
                .about("Print a commented file with every key")
                .arg(applet().required(true).help("The applet")),
        )
        .subcommand(
            Command::new("schema")
                .about("Print the JSON Schema of the file")
                .arg(applet().required(true).help("The applet")),
        )
}

fn run(matches: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let Some((verb, matches)) = matches.subcommand() else {
        return Err(Error::new(Exit::USAGE, "no verb").hint("show, example or schema"));
    };
    let wanted = matches.get_one::<String>("applet").map(String::as_str);
    match (verb, wanted) {
        ("example", Some(name)) => {
            let example = config::example(name, described(ctx, name)?);
            ctx.out()?.write_all(example.as_bytes())?;
            Ok(Exit::OK)
        }
        ("schema", Some(name)) => {
            let schema = config::schema(name, described(ctx, name)?);
            let out = ctx.out()?;
            serde_json::to_writer_pretty(&mut *out, &schema).map_err(std::io::Error::from)?;
            writeln!(out)?;
            Ok(Exit::OK)
        }
        (_, Some(name)) => show(matches, &[(name, described(ctx, name)?)], ctx),
        (_, None) => {
            let all: Vec<(&str, &'static Section)> =
                ctx.applets().iter().filter_map(|applet| Some((applet.name, applet.config?))).collect();
            if all.is_empty() {
                ctx.say("no applet of this build has a configuration");
            }
            show(matches, &all, ctx)
        }
    }
}

/// The description of an applet, by name.
fn described(ctx: &Ctx, name: &str) -> Result<&'static Section, Error> {
    let applets = ctx.applets();
    match applets.iter().find(|applet| applet.name == name) {
        Some(Applet { config: Some(section), .. }) => Ok(section),
        Some(_) => Err(Error::new(Exit::NO_INPUT, format!("'{name}' has no configuration"))
            .hint(format!("its options are all there is; see 'edgekit {name} --help'"))),
        None => {
            let hint = match text::nearest(name, applets.iter().map(|applet| applet.name)) {
                Some(near) => format!("did you mean '{near}'?"),
                None => "'edgekit list' shows the applets".to_owned(),
            };
            Err(Error::new(Exit::NO_INPUT, format!("no applet '{name}'")).hint(hint))
        }
    }
}

/// All that can be shown is shown; a faulty one spoils the exit code, not the others.
fn show(matches: &ArgMatches, applets: &[(&str, &'static Section)], ctx: &mut Ctx) -> Result<Exit, Error> {
    let (paths, environment) = (Paths::process(), Environment::process());
    let mut failed = None;
    for (position, (applet, section)) in applets.iter().enumerate() {
        let inputs = Inputs { applet, paths: &paths, environment: &environment, flags: &[], file: None };
        let loaded = match config::load(section, &inputs) {
            Ok(loaded) => loaded,
            Err(problems) => {
                failed = Some(problems.show(ctx));
                continue;
            }
        };
        if matches.get_flag("json") {
            for row in loaded.rows() {
                let value = serde_json::json!({
                    "applet": applet, "key": row.key, "value": row.value.to_json(),
                    "origin": row.origin.to_json(), "reload": row.reload.word(),
                });
                json::write_line(ctx.out()?, "config.value", value)?;
            }
            continue;
        }
        let bold = ctx.stdout_paint().bold(applet);
        let lines: Vec<(String, String)> = loaded
            .rows()
            .iter()
            .map(|row| (format!("{} = {}", row.key, row.value), row.origin.to_string()))
            .collect();
        let width = lines.iter().map(|(line, _)| line.chars().count()).max().unwrap_or(0);
        let out = ctx.out()?;
        if applets.len() > 1 {
            writeln!(out, "{}# {bold}", if position > 0 { "\n" } else { "" })?;
        }
        for (line, origin) in lines {
            match matches.get_flag("origin") {
                true => writeln!(out, "{line:<width$}  # {origin}")?,
                false => writeln!(out, "{line}")?,
            }
        }
    }
    failed.map_or(Ok(Exit::OK), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    edgekit_core::config! {
        /// A test's settings
        struct Probe {
            /// Threads
            restart workers: u16 = 1, in 1..=64;
        }
    }

    static PROBE: Applet = Applet {
        name: "probe",
        about: "A test's applet",
        needs: &[],
        manual: Manual::EMPTY,
        command: || Command::new("probe"),
        check: nothing_to_check,
        config: Some(<Probe as config::Settings>::SECTION),
        entry: Entry::Tool(|_, _| Ok(Exit::OK)),
    };
    static BARE: Applet = Applet { config: None, name: "bare", ..PROBE };
    static TABLE: &[&Applet] = &[&PROBE, &BARE];

    fn said(applets: &'static [&'static Applet], words: &[&str]) -> (Exit, String, String) {
        let mut ctx = Ctx::capturing(applets);
        let arguments = ["edgekit", "config"].iter().chain(words).map(|word| (*word).into()).collect();
        let exit = crate::run(arguments, &mut ctx);
        let (out, err) = ctx.into_captured();
        (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn shows_what_is_in_force() {
        assert_eq!(said(TABLE, &["show", "probe"]), (Exit::OK, "workers = 1\n".into(), String::new()));
        let (_, out, _) = said(TABLE, &["show", "--origin"]);
        assert_eq!(out, "workers = 1  # default\n");
        let (_, out, _) = said(TABLE, &["show", "--json"]);
        let value: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(value["schema"], "edgekit.config.value/1");
        assert_eq!((&value["applet"], &value["value"]), (&"probe".into(), &1.into()));
        assert_eq!(value["origin"]["kind"], "default");
    }

    #[test]
    fn an_example_and_a_schema_can_be_had() {
        let (exit, out, _) = said(TABLE, &["example", "probe"]);
        assert!(exit.is_ok() && out.contains("\n#workers = 1\n"), "{out}");
        let (exit, out, _) = said(TABLE, &["schema", "probe"]);
        let schema: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert!(exit.is_ok() && schema["properties"]["workers"]["maximum"] == 64, "{out}");
    }

    #[test]
    fn applets_without_any_say_so() {
        for verb in ["show", "example", "schema"] {
            let (exit, out, err) = said(TABLE, &[verb, "bare"]);
            assert_eq!((exit, out), (Exit::NO_INPUT, String::new()));
            assert!(err.starts_with("edgekit config: 'bare' has no configuration\nhint: "), "{err}");
        }
        assert!(said(TABLE, &["show", "prboe"]).2.contains("did you mean 'probe'?"));
        let (exit, out, err) = said(&[], &["show"]);
        assert_eq!((exit, out.as_str()), (Exit::OK, ""));
        assert_eq!(err, "no applet of this build has a configuration\n");
    }
}
