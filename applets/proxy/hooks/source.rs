//! The files of hooks: read, compiled and tried before anything is served by them.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use edgekit_core::Clock;
use edgekit_core::config::{Loaded, Problem, Problems};
use edgekit_rules::{
    Capability, Compiled, Declared, Fault, FaultKind, Grants, Hook, Limits, MAX_SCRIPT, Script, Shared, Vm,
};

use super::{Deeds, Hooks, schema};
use crate::config::{Config, HookBody, Over};
use crate::judge::{Bodies, Judge, Make, Source};

/// Added to a script that has functions in Envoy's names.
const ENVOY: &str = include_str!("envoy.luau");
/// What hooks may ask for in any case: what neither starts nor calls anything.
const GRANTS: Grants = Grants::NONE
    .with(Capability::Log)
    .with(Capability::Metric)
    .with(Capability::Publish)
    .with(Capability::Shared);

/// Scripts that were tried.
struct Files {
    texts: Vec<(PathBuf, String)>,
    compiled: Vec<Compiled>,
    bodies: Bodies,
    grants: Grants,
    clock: Clock,
    /// Between workers, and over reloads.
    shared: Arc<Shared>,
}

/// The hooks of these files: what was there `before`, if none of them changed.
///
/// # Errors
/// Every file that cannot be read or does not run, with its line.
pub(crate) fn load(
    loaded: &Loaded,
    config: &Config,
    before: Option<&Hooked>,
    clock: &Clock,
) -> Result<Option<Hooked>, Problems> {
    let paths = config.hooks.as_deref().unwrap_or_default();
    let HookBody { max, over } = &config.hook_body;
    let bodies = Bodies { most: max.0, passes: *over == Over::Pass };
    let may_start = config.hook_programs.as_ref().is_some_and(|programs| !programs.is_empty());
    let grants = if may_start { GRANTS.with(Capability::Exec) } else { GRANTS };
    let (mut texts, mut problems) = (Vec::new(), Problems::default());
    for path in paths {
        match read(path) {
            Ok(text) => texts.push((path.clone(), text)),
            Err(reason) => {
                let message = format!("cannot read the hooks '{}': {reason}", path.display());
                problems.push(loaded.problem("hooks", message));
            }
        }
    }
    let is_same =
        |before: &&Hooked| before.0.texts == texts && before.0.bodies == bodies && before.0.grants == grants;
    if let Some(before) = before.filter(is_same) {
        return problems.or(Some(before.clone()));
    }
    let shared = before.map_or_else(Arc::default, |before| before.0.shared.clone());
    let mut compiled = Vec::new();
    for (path, text) in &texts {
        match script(path, text).compile() {
            Ok(script) => compiled.push(script),
            Err(fault) => problems.push(Problem::new(fault.to_string())),
        }
    }
    problems.or(())?;
    let (files, mut problems) =
        (Files { texts, compiled, bodies, grants, clock: clock.clone(), shared }, Problems::default());
    if let Err(fault) = files.open(None) {
        let problem = Problem::new(fault.to_string());
        problems.push(match fault.kind {
            FaultKind::Capability => problem.hint(
                "hooks of the proxy may declare log, metric, publish and shared; exec with hook_programs",
            ),
            _ => problem,
        });
    }
    let found = (!paths.is_empty()).then(|| Hooked(Arc::new(files)));
    problems.or(found)
}

fn read(path: &Path) -> Result<String, String> {
    let bytes = std::fs::read(path).map_err(|error| edgekit_core::text::io_reason(&error))?;
    if bytes.len() > MAX_SCRIPT - ENVOY.len() {
        return Err(format!("it has {} bytes", bytes.len()));
    }
    String::from_utf8(bytes).map_err(|_| "it is not text in UTF-8".to_owned())
}

fn script(path: &Path, text: &str) -> Script {
    let name = path.display().to_string();
    let is_envoys = text.contains("envoy_on_request") || text.contains("envoy_on_response");
    if !is_envoys {
        return Script::new(name, text.to_owned());
    }
    // Bodies are taken in only for scripts that ask for them.
    let asks = if text.contains(":body(") { "_body" } else { "" };
    Script::new(name, format!("{text}\nlocal ENVOY_POINT = \"{asks}\"\n{ENVOY}"))
}

/// Hooks that are ready to be opened by workers.
#[derive(Clone)]
pub(crate) struct Hooked(Arc<Files>);

impl Hooked {
    /// For a snapshot.
    pub(crate) fn source(&self) -> Source {
        Source(self.0.clone())
    }
}

impl Files {
    /// A VM with the hooks of all files in it, and somebody who does what they want done.
    fn open(&self, deeds: Option<&Deeds>) -> Result<Hooks, Fault> {
        let vm = Vm::new(Limits::default(), self.clock.clone(), self.shared.clone(), self.grants)?;
        let hooks = Hooks { bodies: Some(self.bodies), deeds: deeds.cloned(), ..Hooks::default() };
        for ((path, _), script) in self.texts.iter().zip(&self.compiled) {
            let declared = vm.load(script)?;
            if declared.is_empty() {
                let file = path.display().to_string().into();
                return Err(Fault::at(FaultKind::Type, &file, 1, "it declares no hook"));
            }
            for declared in declared {
                hooks.take(declared, &self.clock)?;
            }
        }
        Ok(hooks)
    }
}

impl Make for Files {
    fn judge(&self, deeds: &Deeds) -> Option<Rc<dyn Judge>> {
        match self.open(Some(deeds)) {
            Ok(hooks) => Some(Rc::new(hooks)),
            Err(fault) => {
                tracing::error!("a worker cannot open its hooks: {fault}");
                None
            }
        }
    }
}

impl Hooks {
    fn take(&self, declared: Declared, clock: &Clock) -> Result<(), Fault> {
        let wrong = |place: &edgekit_rules::Place, message| {
            Err(Fault::at(FaultKind::Type, &place.file, place.line, message))
        };
        let hook = match declared {
            Declared::Hook(hook) => hook,
            Declared::Rule(rule) => {
                let message = format!("'{}' is a rule, and rules run in `edgekit rules run`", rule.info.name);
                return wrong(&rule.info.place, message);
            }
        };
        let Some(schema) = schema::SCHEMAS.into_iter().find(|schema| *schema.name == *hook.info.on) else {
            let known = schema::SCHEMAS.map(|schema| schema.name).join(", ");
            let message = format!("the proxy has no hook point '{}'; there are: {known}", hook.info.on);
            return wrong(&hook.info.place, message);
        };
        let point = match schema.name {
            "proxy.connection" => &self.connection,
            "proxy.request" => &self.request,
            "proxy.request_body" => &self.request_body,
            "proxy.response" => &self.response,
            "proxy.response_body" => &self.response_body,
            _ => &self.log,
        };
        point.borrow_mut().hooks.push(Hook::new(hook, schema, clock.clone())?);
        Ok(())
    }
}
