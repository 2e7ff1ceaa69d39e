//! `[hooks] folder`: Lua that judges updates.
//!
//! All files are loaded into one VM and their hooks joined with the points of `schema`; each is asked in the order of
//! the files, until one refuses or defers. A hook that fails, is late or asks for what it may not have refuses:
//! nothing was switched then, and the slot that runs is as it was. Programs it wants run by `exec` are run after its
//! verdict, one after the other, and one that fails refuses too. Only in builds with the feature `hooks`.
//! Neighbours: `judge` is the contract, `edgekit_rules` the sandbox.

mod schema;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use edgekit_core::{Clock, text};
use edgekit_rt::child::Program;
use edgekit_rules::{
    Action, Capability, Declared, Grants, Hook, Level, Limits, MAX_SCRIPT, Ref, Schema, Script, Shared, Str,
    Value, Verdict, Vm, log_line,
};

use crate::fault::Fault;
use crate::judge::{self, Judge, Point, Ruling};

/// Bytes kept of what a program complains.
const KEPT: usize = 512;
/// How many files a folder may hold.
const MAX_FILES: usize = 64;

/// The hooks of a folder.
#[derive(Debug)]
pub struct Hooks {
    /// By their points.
    hooks: Vec<(&'static Schema, Hook)>,
    programs: Vec<PathBuf>,
    time: Duration,
}

/// Loads the files of a folder.
///
/// # Errors
/// [`Fault::Input`] for the first that does not load, with its line.
pub fn open(folder: &Path, config: &judge::Hooks, clock: &Clock) -> Result<Hooks, Fault> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(Fault::io("list", folder))? {
        let path = entry.map_err(Fault::io("list", folder))?.path();
        if path.extension().is_some_and(|ending| ending == "luau" || ending == "lua") {
            files.push(path);
        }
    }
    if files.len() > MAX_FILES {
        return Err(wrong(folder, format!("holds {} hooks, and may hold {MAX_FILES}", files.len())));
    }
    edgekit_core::sort::natural(&mut files);
    let mut grants = Grants::NONE.with(Capability::Log).with(Capability::Shared);
    if !config.programs.is_empty() {
        grants = grants.with(Capability::Exec);
    }
    let vm = Vm::new(Limits::default(), clock.clone(), Arc::new(Shared::default()), grants);
    let vm = vm.map_err(|fault| Fault::Machine(format!("cannot start Lua: {fault}")))?;
    let mut hooks = Vec::new();
    for path in files {
        load(&vm, &path, clock, &mut hooks)?;
    }
    Ok(Hooks { hooks, programs: config.programs.clone(), time: config.timeout })
}

fn wrong(path: &Path, what: String) -> Fault {
    Fault::Input {
        place: path.display().to_string(),
        what,
        hint: "the points of hooks stand in edgekit-boot(7)",
    }
}

fn load(vm: &Vm, path: &Path, clock: &Clock, into: &mut Vec<(&'static Schema, Hook)>) -> Result<(), Fault> {
    let bytes = fs::read(path).map_err(Fault::io("read", path))?;
    let script = String::from_utf8(bytes).ok().filter(|text| text.len() <= MAX_SCRIPT);
    let script = script.ok_or_else(|| wrong(path, format!("is no text of at most {MAX_SCRIPT} bytes")))?;
    let broken = |fault: edgekit_rules::Fault| wrong(path, format!("does not load: {fault}"));
    let compiled = Script::new(path.display().to_string(), script).compile().map_err(broken)?;
    for declared in vm.load(&compiled).map_err(broken)? {
        let Declared::Hook(hook) = declared else {
            return Err(wrong(path, "declares a rule, and only hooks are asked".to_owned()));
        };
        let known = schema::SCHEMAS.into_iter().find(|schema| *schema.name == *hook.info.on);
        let Some(schema) = known else {
            let near = text::nearest(&hook.info.on, schema::SCHEMAS.map(|schema| schema.name));
            let near = near.map_or(String::new(), |near| format!("; did you mean '{near}'?"));
            return Err(wrong(
                path,
                format!("has a hook on '{}', which is no point of updates{near}", hook.info.on),
            ));
        };
        into.push((schema, Hook::new(hook, schema, clock.clone()).map_err(broken)?));
    }
    Ok(())
}

impl Judge for Hooks {
    fn ask(&mut self, point: Point, facts: &serde_json::Value) -> Ruling {
        let wanted = schema::of(point);
        let facts = Value::from_plain_json(facts);
        let fields: Vec<Ref<'_>> =
            wanted.fields.iter().map(|field| facts.get(field.name).map_or(Ref::Nil, Ref::from)).collect();
        for (schema, hook) in &mut self.hooks {
            if schema.name != wanted.name {
                continue;
            }
            let mut actions = Vec::new();
            let verdict = hook.call(&fields, &mut actions);
            let name = hook.info().name.clone();
            if let Some(fault) = hook.take_fault() {
                tracing::warn!("hook '{name}' failed: {fault}");
                return Ruling::Refuse(format!("hook '{name}' failed: {fault}"));
            }
            for action in actions {
                if let Err(why) = carry_out(action, &self.programs, self.time) {
                    return Ruling::Refuse(format!("hook '{name}': {why}"));
                }
            }
            match verdict {
                Verdict::Pass => {}
                Verdict::Drop => return Ruling::Refuse(format!("hook '{name}' says no")),
                Verdict::Change(changes) => return changed(&name, &changes),
            }
        }
        Ruling::Go
    }
}

/// What `change{ defer = 3600, reason = "…" }` means.
fn changed(name: &str, changes: &[(Str, Value)]) -> Ruling {
    let find =
        |key: &str| changes.iter().find(|(known, _)| &**known == key.as_bytes()).map(|(_, value)| value);
    let reason = find("reason").map_or_else(|| format!("hook '{name}' says so"), Value::shown);
    match find("defer").map(|value| value.as_integer().and_then(|seconds| u64::try_from(seconds).ok())) {
        None => Ruling::Refuse(reason),
        Some(Some(seconds)) => Ruling::Defer(Duration::from_secs(seconds), reason),
        Some(None) => Ruling::Refuse(format!("hook '{name}' defers by what is no number of seconds")),
    }
}

fn carry_out(action: Action, programs: &[PathBuf], time: Duration) -> Result<(), String> {
    match action {
        Action::Log { level, text, fields } => {
            let text = log_line(&text, &fields);
            match level {
                Level::Info => tracing::info!(target: "hook", "{text}"),
                Level::Warn => tracing::warn!(target: "hook", "{text}"),
                Level::Error => tracing::error!(target: "hook", "{text}"),
            }
            Ok(())
        }
        Action::Exec { argv } => {
            let argv: Vec<&OsStr> = argv.iter().map(|word| OsStr::from_bytes(word)).collect();
            let known = argv
                .first()
                .is_some_and(|program| programs.iter().any(|known| known.as_os_str() == *program));
            if !known {
                let program = argv.first().map(|word| word.to_string_lossy()).unwrap_or_default();
                return Err(format!("'{program}' is none of hooks.programs"));
            }
            Program { argv, env: Vec::new(), deadline: time, keep: KEPT }.succeed_here().map(drop)
        }
        // Nothing else was granted.
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgekit_store::proof::Scratch;
    use serde_json::json;

    fn hooks(scratch: &Scratch, files: &[(&str, &str)], programs: &[&str]) -> Result<Hooks, Fault> {
        for (name, text) in files {
            fs::write(scratch.path(name), text).expect("written");
        }
        let config = judge::Hooks {
            folder: None,
            programs: programs.iter().map(PathBuf::from).collect(),
            timeout: Duration::from_secs(5),
        };
        open(scratch.folder(), &config, &Clock::system())
    }

    fn decide(script: &str) -> Ruling {
        let scratch = Scratch::new();
        let facts =
            json!({ "version": "1.4", "fetch_bytes": 5_000_000_000_u64, "components": [{ "name": "app" }] });
        hooks(&scratch, &[("a.luau", script)], &["/bin/true", "/bin/false"])
            .expect("it loads")
            .ask(Point::Decide, &facts)
    }

    fn hook(body: &str) -> String {
        format!(
            "hook {{ name = \"h\", on = \"ota.decide\", capabilities = {{ \"exec\" }}, run = function(event) {body} end }}"
        )
    }

    #[test]
    fn a_hook_sees_the_plan_and_decides() {
        assert_eq!(decide(&hook("")), Ruling::Go);
        assert_eq!(
            decide(&hook("if event.version == \"1.4\" then return drop() end")),
            Ruling::Refuse("hook 'h' says no".to_owned())
        );
        let later = "if event.fetch_bytes > 4e9 and event.components[1].name == \"app\" then \
                     return change{ defer = 3600, reason = \"by night\" } end";
        assert_eq!(decide(&hook(later)), Ruling::Defer(Duration::from_secs(3600), "by night".to_owned()));
        assert_eq!(decide(&hook("return change{ reason = \"no\" }")), Ruling::Refuse("no".to_owned()));
    }

    #[test]
    fn whatever_goes_wrong_refuses() {
        for (body, why) in [
            ("error(\"oh\")", "oh"),
            ("while true do end", "hook 'h' failed"),
            ("local t = {} while true do t[#t + 1] = string.rep(\"x\", 100000) end", "hook 'h' failed"),
            ("return 7", "hook 'h' failed"),
            ("return change{ version = \"2\" }", "cannot be changed"),
            ("return change{ defer = \"soon\" }", "no number of seconds"),
            ("exec{ \"/bin/false\" }", "exit status: 1"),
            ("exec{ \"/bin/sh\", \"-c\", \"true\" }", "'/bin/sh' is none of hooks.programs"),
        ] {
            match decide(&hook(body)) {
                Ruling::Refuse(said) => assert!(said.contains(why), "{body}: {said}"),
                other => panic!("{body}: {other:?}"),
            }
        }
        assert_eq!(decide(&hook("exec{ \"/bin/true\" }")), Ruling::Go);
    }

    #[test]
    fn files_are_asked_by_name_and_each_must_load() {
        let scratch = Scratch::new();
        let no = |name: &str| {
            format!("hook {{ name = \"{name}\", on = \"ota.pre\", run = function() return drop() end }}")
        };
        let mut both =
            hooks(&scratch, &[("b.lua", &no("second")), ("a.luau", &no("first")), ("c.txt", "?")], &[])
                .expect("they load");
        assert_eq!(both.ask(Point::Pre, &json!({})), Ruling::Refuse("hook 'first' says no".to_owned()));
        assert_eq!(both.ask(Point::Health, &json!({})), Ruling::Go);
        for (text, why) in [
            ("hook {", "does not load: "),
            ("hook { name = \"h\", on = \"ota.decid\", run = function() end }", "did you mean 'ota.decide'?"),
            (
                "hook { name = \"h\", on = \"ota.pre\", capabilities = { \"http\" }, run = function() end }",
                "does not load: ",
            ),
        ] {
            let fault = hooks(&scratch, &[("a.luau", text)], &[]).unwrap_err();
            assert!(fault.to_string().contains(why), "{fault}");
        }
    }
}
