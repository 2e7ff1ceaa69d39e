//! What a bare `edgekit` says: what there is, one line each, and three things to try.

use std::io::Write;

use edgekit_core::{Applet, Ctx, Error};

use crate::builtin::BUILTINS;

/// Prints the overview to standard output.
pub(crate) fn print(ctx: &mut Ctx) -> Result<(), Error> {
    let applets = ctx.applets();
    let width = applets.iter().chain(&BUILTINS).map(|applet| applet.name.len()).max().unwrap_or(0);
    let bold = |text: &str| ctx.stdout_paint().bold(text);
    let mut text = format!(
        "One static file for edge boxes and servers.\n\n{} edgekit COMMAND [ARGUMENT]...\n       \
         edgekit-APPLET [ARGUMENT]...    through a link, see edgekit help links\n",
        bold("Usage:")
    );
    let mut group = |title: &str, commands: &[&Applet]| {
        if commands.is_empty() {
            return;
        }
        text.push_str(&format!("\n{}\n", bold(title)));
        for command in commands {
            text.push_str(&format!("  {:<width$}  {}\n", command.name, command.about));
        }
    };
    group("Applets:", applets);
    group("Built in:", &BUILTINS);
    text.push_str(&format!("\n{}\n", bold("Examples:")));
    for example in examples(applets) {
        text.push_str(&format!("  {example}\n"));
    }
    text.push_str("\nMore: edgekit help COMMAND, edgekit man\n");
    ctx.out()?.write_all(text.as_bytes())?;
    Ok(())
}

/// Three lines worth typing: those of the applets first.
fn examples(applets: &[&Applet]) -> Vec<&'static str> {
    let of_applets = applets.iter().filter_map(|applet| applet.manual.examples.first()).take(2);
    let of_builtins = ["doctor", "install", "man"]
        .into_iter()
        .filter_map(|name| BUILTINS.iter().find(|builtin| builtin.name == name))
        .filter_map(|builtin| builtin.manual.examples.first());
    of_applets.chain(of_builtins).take(3).map(|example| example.command).collect()
}
