//! `edgekit man [PAGE]`: the manual pages, readable on a box that has no `man`.

use std::io::Write;

use clap::{Arg, ArgAction, ArgMatches, Command};
use edgekit_core::{Applet, Ctx, Entry, Error, Example, Exit, Manual, text};

use crate::builtin::{embedded, nothing_to_check, pager, roff};

pub(crate) static MAN: Applet = Applet {
    name: "man",
    about: "Show a manual page",
    needs: &[],
    manual: Manual {
        paragraph: "Shows a manual page carried inside this file, laid out by edgekit itself: plain text in \
                    a pipe, through a pager on a terminal. Without a name it shows the guide edgekit(7).",
        examples: &[
            Example { command: "edgekit man", does: "the guide" },
            Example { command: "edgekit man install", does: "the page of a command" },
            Example { command: "edgekit man --list", does: "all pages" },
            Example {
                command: "edgekit man --source edgekit.7 > edgekit.7",
                does: "the page for the system's man",
            },
        ],
        environment: &[("PAGER", "the pager to use on a terminal, before less and more")],
        exits: &[(66, "no page has this name")],
        ..Manual::EMPTY
    },
    command,
    check: nothing_to_check,
    config: None,
    entry: Entry::Tool(run),
};

fn command() -> Command {
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    Command::new("man")
        .arg(Arg::new("page").value_name("PAGE").help("A command, edgekit-COMMAND, or edgekit.7"))
        .arg(flag("list").conflicts_with("page").help("List the pages"))
        .arg(flag("source").help("Print the page's source instead of laying it out"))
        .arg(flag("no-pager").help("Write straight to the terminal"))
}

fn run(matches: &ArgMatches, ctx: &mut Ctx) -> Result<Exit, Error> {
    let names = embedded::pages();
    let pages: Vec<&str> = names.iter().map(String::as_str).collect();
    if matches.get_flag("list") {
        let out = ctx.out()?;
        for page in pages {
            let (name, section) = page.rsplit_once('.').unwrap_or((page, ""));
            writeln!(out, "{name}({section})")?;
        }
        return Ok(Exit::OK);
    }
    let wanted = matches.get_one::<String>("page").map_or("edgekit.7", String::as_str);
    let Some(file) = find(&pages, wanted) else {
        return Err(no_page(&pages, wanted));
    };
    let source = embedded::page(file).unwrap_or_default();
    if matches.get_flag("source") {
        ctx.out()?.write_all(source.as_bytes())?;
        return Ok(Exit::OK);
    }
    let laid_out = roff::Layout::for_output(ctx).page(&roff::Page::parse(&source));
    pager::show(ctx, &laid_out, !matches.get_flag("no-pager"))?;
    Ok(Exit::OK)
}

/// A page by file name, by name, by `name(section)` or by the command it describes.
fn find<'a>(pages: &[&'a str], wanted: &str) -> Option<&'a str> {
    let wanted = match wanted.strip_suffix(')').and_then(|rest| rest.split_once('(')) {
        Some((name, section)) => format!("{name}.{section}"),
        None => wanted.to_owned(),
    };
    let by = |matches: &dyn Fn(&str) -> bool| pages.iter().copied().find(|page| matches(page));
    by(&|page| page == wanted)
        .or_else(|| by(&|page| page.rsplit_once('.').is_some_and(|(name, _)| name == wanted)))
        .or_else(|| {
            by(&|page| page.rsplit_once('.').is_some_and(|(name, _)| name == format!("edgekit-{wanted}")))
        })
}

fn no_page(pages: &[&str], wanted: &str) -> Error {
    let names = pages.iter().filter_map(|page| page.rsplit_once('.')).map(|(name, _)| name);
    let short = names.clone().map(|name| name.strip_prefix("edgekit-").unwrap_or(name));
    let hint = match text::nearest(wanted, names.chain(short)) {
        Some(name) => format!("did you mean '{name}'?"),
        None => "'edgekit man --list' shows all pages".to_owned(),
    };
    Error::new(Exit::NO_INPUT, format!("no manual page '{wanted}'")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_several_names() {
        let pages = ["edgekit-trace.1", "edgekit.1", "edgekit.7"];
        for (wanted, found) in [
            ("trace", Some("edgekit-trace.1")),
            ("edgekit-trace", Some("edgekit-trace.1")),
            ("edgekit.7", Some("edgekit.7")),
            ("edgekit(7)", Some("edgekit.7")),
            ("edgekit", Some("edgekit.1")),
            ("proxy", None),
        ] {
            assert_eq!(find(&pages, wanted), found, "{wanted}");
        }
    }

    #[test]
    fn every_page_is_understood_to_its_last_macro() {
        for page in embedded::pages() {
            let page = roff::Page::parse(&embedded::page(&page).unwrap());
            assert!(page.unknown.is_empty(), "{}: {:?}", page.title, page.unknown);
            assert!(page.sections().any(|section| section == "NAME"), "{}", page.title);
        }
    }
}
