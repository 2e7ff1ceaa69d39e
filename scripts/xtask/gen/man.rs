//! Manual pages of section 1: a page for edgekit, for each command, for each of its verbs, and for theirs.
//!
//! clap_mangen renders what it knows, the options; the rest comes from the command's manual in the
//! order man-pages(7) asks for. The date is fixed, so that the same sources give the same page.

use std::io;

use clap::{Arg, ArgAction, Command};
use clap_mangen::Man;
use edgekit_core::{Applet, Manual};

use super::{Files, commands, config};
use crate::Failure;

const DATE: &str = "2026-01-01";

pub(super) fn generate(files: &mut Files) -> Result<(), Failure> {
    let tree = overview(edgekit::command_tree());
    files.insert("man/edgekit.1".to_owned(), tree);
    for applet in commands() {
        let mut command = applet.full_command();
        // Options shared by all verbs are handed down only by a build.
        command.build();
        let name = format!("edgekit-{}", applet.name);
        files.insert(format!("man/{name}.1"), page(&name, &command, Some(applet))?);
        verbs(files, &name, &command)?;
    }
    Ok(())
}

/// The pages of a command's verbs, and of theirs: `edgekit ota bundle create` has two.
fn verbs(files: &mut Files, name: &str, command: &Command) -> Result<(), Failure> {
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        let verb_name = format!("{name}-{}", verb.get_name());
        files.insert(format!("man/{verb_name}.1"), page(&verb_name, verb, None)?);
        verbs(files, &verb_name, verb)?;
    }
    Ok(())
}

/// One command's page. A verb has no manual of its own; it points to its applet's.
fn page(name: &str, command: &Command, applet: Option<&Applet>) -> Result<String, Failure> {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    // clap_mangen shows only the long help of an option that the short help leaves out.
    let documented =
        command.clone().mut_args(|argument| match (argument.get_long_help(), argument.get_help().cloned()) {
            (None, Some(help)) => argument.long_help(help),
            _ => argument,
        });
    let man = Man::new(documented);
    let mut page = title(name);
    section(&mut page, "NAME", &format!("{} \\- {}\n", escape(name), escape(&lower(&about))));
    match command.get_overridden_usage() {
        Some(_) => page.push_str(&rendered(|out| man.render_synopsis_section(out))?),
        None => section(&mut page, "SYNOPSIS", &synopsis(command)),
    }
    page.push_str(&rendered(|out| man.render_description_section(out))?);
    if let Some(applet) = applet {
        examples(&mut page, &applet.manual);
    }
    if command.get_arguments().any(|argument| !argument.is_hide_set()) {
        page.push_str(&rendered(|out| man.render_options_section(out))?);
    }
    let verbs: Vec<&Command> = command.get_subcommands().filter(|verb| !verb.is_hide_set()).collect();
    if !verbs.is_empty() {
        section(&mut page, "COMMANDS", "");
        for verb in &verbs {
            let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
            page.push_str(&format!(".TP\n\\fB{}\\fR\n{}.\n", escape(verb.get_name()), escape(&about)));
        }
    }
    let mut see = vec!["edgekit (1)".to_owned(), "edgekit (7)".to_owned()];
    match applet {
        Some(applet) => {
            if let Some(described) = applet.config {
                section(&mut page, "CONFIGURATION", "");
                page.push_str(&format!(
                    "Keys of \\fI/etc/edgekit/{}.toml\\fR; the format is described in\n.BR edgekit\\-config (5).\n",
                    escape(applet.name)
                ));
                config::table(described, "", &mut page);
            }
            rows(
                &mut page,
                "EXIT STATUS",
                applet.manual.all_exits().iter().map(|(code, does)| (code.to_string(), *does)),
            );
            rows(
                &mut page,
                "ENVIRONMENT",
                applet.manual.environment.iter().map(|(key, does)| ((*key).to_owned(), *does)),
            );
            rows(
                &mut page,
                "FILES",
                applet.manual.files.iter().map(|(path, does)| ((*path).to_owned(), *does)),
            );
            see.extend(verbs.iter().map(|verb| format!("{name}-{} (1)", verb.get_name())));
        }
        None => {
            see.extend(name.rsplit_once('-').map(|(parent, _)| format!("{parent} (1)")));
            see.extend(verbs.iter().map(|verb| format!("{name}-{} (1)", verb.get_name())));
        }
    }
    see_also(&mut page, see);
    Ok(page)
}

/// One line as man-pages(7) asks for it: clap_mangen's leaves out what options take, and which may be repeated. What
/// must be given comes behind what may.
fn synopsis(command: &Command) -> String {
    let mut words = vec![format!("\\fB{}\\fR", escape(command.get_bin_name().unwrap_or(command.get_name())))];
    let shown = || command.get_arguments().filter(|argument| !argument.is_hide_set());
    for is_required in [false, true] {
        let options = shown().filter(|option| !option.is_positional());
        words.extend(options.filter(|option| option.is_required_set() == is_required).map(one));
    }
    words.extend(shown().filter(|word| word.is_positional()).map(one));
    if command.has_subcommands() {
        let is_required = command.is_subcommand_required_set();
        words.push(if is_required { "\\fICOMMAND\\fR".to_owned() } else { "[\\fICOMMAND\\fR]".to_owned() });
    }
    words.join(" ") + "\n"
}

/// An option or a word in a synopsis: `[-o|--output FILE]`, `[--key FILE]...`, `BUNDLE`.
fn one(argument: &Arg) -> String {
    let short = argument.get_short().map(|short| format!("\\fB\\-{short}\\fR"));
    let long = argument.get_long().map(|long| format!("\\fB\\-\\-{}\\fR", escape(long)));
    let values = match argument.get_action().takes_values() {
        true => argument.get_value_names().unwrap_or_default().iter().map(|name| escape(name)).collect(),
        false => Vec::new(),
    };
    let names: Vec<String> = short.into_iter().chain(long).collect();
    let value = (!values.is_empty()).then(|| format!("\\fI{}\\fR", values.join(" ")));
    let words: Vec<String> =
        Some(names.join("|")).filter(|names| !names.is_empty()).into_iter().chain(value).collect();
    let (all, is_many) =
        (words.join(" "), matches!(argument.get_action(), ArgAction::Append | ArgAction::Count));
    let many = if is_many || argument.get_num_args().is_some_and(|range| range.max_values() > 1) {
        "..."
    } else {
        ""
    };
    match argument.is_required_set() {
        true => format!("{all}{many}"),
        false => format!("[{all}]{many}"),
    }
}

/// The page of the file itself: what there is, and where to read on.
fn overview(tree: Command) -> String {
    let about = tree.get_about().map(ToString::to_string).unwrap_or_default();
    let mut page = title("edgekit");
    section(&mut page, "NAME", &format!("edgekit \\- {}\n", escape(&lower(&about))));
    section(
        &mut page,
        "SYNOPSIS",
        "\\fBedgekit\\fR \\fICOMMAND\\fR [\\fIARGUMENT\\fR...]\n.br\n\\fBedgekit\\-\\fIAPPLET\\fR [\\fIARGUMENT\\fR...]\n",
    );
    section(
        &mut page,
        "DESCRIPTION",
        "Runs one of the commands below.\nWithout a command it shows them; the guide is\n.BR edgekit (7).\n",
    );
    section(&mut page, "COMMANDS", "");
    for applet in commands() {
        page.push_str(&format!(".TP\n\\fB{}\\fR\n{}.\n", escape(applet.name), escape(applet.about)));
    }
    let options = [
        ("-h, --help", "The same as the command help."),
        ("-V, --version", "The same as the command version."),
        ("--list, --install", "The same as the commands of these names."),
    ];
    rows(&mut page, "OPTIONS", options.map(|(option, does)| (option.to_owned(), does)).into_iter());
    let mut see: Vec<String> = commands().map(|applet| format!("edgekit-{} (1)", applet.name)).collect();
    see.push("edgekit (7)".to_owned());
    see_also(&mut page, see);
    page
}

fn title(name: &str) -> String {
    format!(
        ".\\\" Generated by cargo xtask gen; do not edit.\n.TH {} 1 {DATE} edgekit \"edgekit manual\"\n",
        escape(&name.to_uppercase())
    )
}

fn section(page: &mut String, name: &str, body: &str) {
    page.push_str(&format!(
        ".SH {}\n{body}",
        if name.contains(' ') { format!("\"{name}\"") } else { name.to_owned() }
    ));
}

fn examples(page: &mut String, manual: &Manual) {
    if manual.examples.is_empty() {
        return;
    }
    section(page, "EXAMPLES", "");
    for example in manual.examples {
        page.push_str(&format!(
            ".TP\n{}:\n.EX\n{}\n.EE\n",
            escape(&upper(example.does)),
            escape(example.command)
        ));
    }
}

fn rows<'a>(page: &mut String, name: &str, rows: impl Iterator<Item = (String, &'a str)>) {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    section(page, name, "");
    for (key, does) in rows {
        page.push_str(&format!(
            ".TP\n\\fB{}\\fR\n{}.\n",
            escape(&key),
            escape(upper(does).trim_end_matches('.'))
        ));
    }
}

fn see_also(page: &mut String, mut pages: Vec<String>) {
    edgekit_core::sort::natural(&mut pages);
    pages.dedup();
    section(page, "SEE ALSO", "");
    let last = pages.len().saturating_sub(1);
    for (position, reference) in pages.iter().enumerate() {
        page.push_str(&format!(".BR {reference}{}\n", if position == last { "" } else { " ," }.trim_start()));
    }
}

/// What clap_mangen renders, without the definitions it repeats for each section.
fn rendered(render: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    render(&mut bytes)?;
    let text = String::from_utf8(bytes)?;
    let lines: Vec<&str> =
        text.lines().filter(|line| !line.starts_with(".ie ") && !line.starts_with(".el ")).collect();
    let mut body = String::new();
    for (number, line) in lines.iter().enumerate() {
        let beside = |offset: usize| lines.get(offset).is_some_and(|line| line.is_empty());
        // A break beside an empty line does nothing, and mandoc says so.
        if *line == ".br" && (beside(number + 1) || number.checked_sub(1).is_some_and(beside)) {
            continue;
        }
        if line.is_empty() {
            body.push_str(".sp\n");
            continue;
        }
        // Headings of options are parts of one section.
        let heading = line.strip_prefix(".SH ").filter(|_| number > 0);
        let line =
            heading.map_or_else(|| (*line).to_owned(), |title| format!(".SS {}", sentence_case(title)));
        body.push_str(line.replace("\\*(Aq", "\\(aq").trim_end());
        body.push('\n');
    }
    Ok(body)
}

/// Letters that roff would take for its own.
pub(super) fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    match text.starts_with('.') {
        true => format!("\\&{text}"),
        false => text,
    }
}

fn upper(text: &str) -> String {
    change_first(text, |first| first.to_uppercase().collect())
}

fn lower(text: &str) -> String {
    change_first(text, |first| first.to_lowercase().collect())
}

/// `"SERVICE FILES"` → `"Service files"`.
fn sentence_case(title: &str) -> String {
    let lower = title.to_lowercase();
    match lower.strip_prefix('"') {
        Some(quoted) => format!("\"{}", upper(quoted)),
        None => upper(&lower),
    }
}

fn change_first(text: &str, change: impl Fn(char) -> String) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| change(first) + letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_synopsis_says_what_options_take() {
        let flag = Arg::new("dry-run").long("dry-run").action(ArgAction::SetTrue);
        let key = Arg::new("key").long("key").value_name("FILE").action(ArgAction::Append);
        let out = Arg::new("o").short('o').long("output").value_name("FILE").required(true);
        let words = [Arg::new("b").value_name("BUNDLE").required(true), Arg::new("s").value_name("SLOT")];
        let command = Command::new("x").bin_name("edgekit x").args([out, flag, key]).args(words);
        let text = synopsis(&command.disable_help_flag(true)).replace("\\fB", "").replace("\\fI", "");
        assert_eq!(
            text.replace("\\fR", "").replace("\\-", "-"),
            "edgekit x [--dry-run] [--key FILE]... -o|--output FILE BUNDLE [SLOT]\n"
        );
    }
}
