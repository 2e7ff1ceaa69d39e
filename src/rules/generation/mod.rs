//! A whole set of rules, checked: what the engine swaps in at once, or not at all.
//!
//! Made on any thread: every script is compiled and run dry in a VM that is thrown away, every declaration is read,
//! the graph is put in order. Everything wrong is told, not only the first. What comes out is free to go to the
//! worker, which only loads it, slice by slice. Neighbours: `graph`, `script.rs`, `vm/`; [`crate::engine`] serves it.

use std::sync::Arc;

use edgekit_core::Clock;

use crate::{
    Compiled, Declared, Fault, FaultKind, Grants, HookInfo, Limits, RuleInfo, Script, Shared, Vm,
    graph::{Graph, GraphFault, Node, Sources},
    timer,
};

/// What a generation is built for and an engine runs with.
#[derive(Clone, Debug)]
pub struct Options {
    /// What each call may use.
    pub limits: Limits,
    /// What rules may declare.
    pub grants: Grants,
    /// Topics that come from outside.
    pub sources: Sources,
    /// Tells the time.
    pub clock: Clock,
    /// State of all workers.
    pub shared: Arc<Shared>,
    /// Compile for coverage of lines: slower.
    pub coverage: bool,
}

impl Default for Options {
    /// Default limits and grants, every topic allowed as input, the machine's clocks.
    fn default() -> Options {
        Options {
            limits: Limits::default(),
            grants: Grants::DEFAULT,
            sources: Sources::new(["*"]),
            clock: Clock::system(),
            shared: Arc::default(),
            coverage: false,
        }
    }
}

/// A checked set of rules. Its order is that of its graph.
#[derive(Clone, Debug)]
pub struct Generation {
    pub(crate) scripts: Vec<Compiled>,
    pub(crate) graph: Arc<Graph>,
    pub(crate) plans: Vec<Plan>,
    hooks: Vec<HookInfo>,
}

/// A rule of a generation: what it says, and when its timers go off.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) info: RuleInfo,
    pub(crate) schedules: Vec<timer::Schedule>,
    /// Index of its script.
    pub(crate) script: usize,
}

impl Generation {
    /// Builds one of scripts, in any order. Blocks for some 20 µs a script: not for a worker.
    ///
    /// # Errors
    /// All faults found, in the order of files and lines.
    pub fn build(mut scripts: Vec<Script>, options: &Options) -> Result<Generation, Vec<Fault>> {
        edgekit_core::sort::by(&mut scripts, |a, b| a.name.cmp(&b.name));
        let mut faults = Vec::new();
        let mut compiled = Vec::with_capacity(scripts.len());
        for (at, script) in scripts.iter().enumerate() {
            if at > 0 && scripts[at - 1].name == script.name {
                faults.push(Fault::at(FaultKind::Graph, &script.name, 0, "the file is there twice"));
                continue;
            }
            let made = if options.coverage { script.compile_for_coverage() } else { script.compile() };
            match made {
                Ok(script) => compiled.push(script),
                Err(fault) => faults.push(fault),
            }
        }
        let (mut plans, mut hooks) = (Vec::new(), Vec::new());
        let mut vm = options.vm().map_err(|fault| vec![fault])?;
        for (at, script) in compiled.iter().enumerate() {
            if vm.room() == 0 {
                vm = options.vm().map_err(|fault| vec![fault])?;
            }
            let declared = vm.load(script).unwrap_or_else(|fault| {
                faults.push(fault);
                Vec::new()
            });
            for declared in declared {
                match declared {
                    Declared::Rule(rule) => plans.extend(Plan::new(&rule.info, at, &mut faults)),
                    Declared::Hook(hook) => hooks.push((*hook.info).clone()),
                }
            }
        }
        let nodes = plans.iter().map(|plan| node(&plan.info)).collect();
        match Graph::new(nodes, &options.sources) {
            Ok(graph) if faults.is_empty() => Ok(Generation::ordered(compiled, graph, plans, hooks)),
            Ok(_) => Err(sorted(faults)),
            Err(wrong) => {
                // A rule that is missing because its script is broken would be missed by all who read from it.
                let broken = !faults.is_empty();
                let wrong = wrong.into_iter().filter(|fault| !broken || !fault.may_follow());
                faults.extend(wrong.map(Fault::from));
                Err(sorted(faults))
            }
        }
    }

    fn ordered(scripts: Vec<Compiled>, graph: Graph, plans: Vec<Plan>, hooks: Vec<HookInfo>) -> Generation {
        let mut plans = plans;
        edgekit_core::sort::by_key(&mut plans, |plan| graph.find(&plan.info.name));
        Generation { scripts, graph: Arc::new(graph), plans, hooks }
    }

    /// Who feeds whom.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What the rules say about themselves, in the order they run.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = &RuleInfo> {
        self.plans.iter().map(|plan| &plan.info)
    }

    /// Hooks that the scripts declare: they run in the applet that owns their event, not here.
    pub fn hooks(&self) -> &[HookInfo] {
        &self.hooks
    }

    /// Frees its scripts and plans one by one, until the time is up; true when all are gone.
    pub(crate) fn dismantle(&mut self, mut time_is_up: impl FnMut() -> bool) -> bool {
        while self.plans.pop().is_some() || self.scripts.pop().is_some() {
            if time_is_up() {
                return false;
            }
        }
        true
    }

    /// How many scripts it was made of.
    pub fn scripts(&self) -> usize {
        self.scripts.len()
    }
}

impl Options {
    pub(crate) fn vm(&self) -> Result<Vm, Fault> {
        Vm::new(self.limits, self.clock.clone(), self.shared.clone(), self.grants)
    }
}

impl Plan {
    fn new(info: &RuleInfo, script: usize, faults: &mut Vec<Fault>) -> Option<Plan> {
        let wrong = |message: String| {
            Fault::at(FaultKind::Type, &info.place.file, info.place.line, message).of(&info.name)
        };
        let schedules: Result<Vec<_>, _> = info.timers.iter().map(timer::Schedule::read).collect();
        match schedules {
            Ok(schedules) => Some(Plan { info: info.clone(), schedules, script }),
            Err(error) => {
                faults.push(wrong(error.to_string()));
                None
            }
        }
    }
}

/// A rule as the graph sees it.
pub(crate) fn node(info: &RuleInfo) -> Node {
    Node {
        name: info.name.clone(),
        inputs: info.inputs.clone(),
        outputs: info.outputs.clone(),
        priority: i64::from(info.priority),
        timers: !info.timers.is_empty(),
        place: info.place.clone(),
    }
}

impl From<GraphFault> for Fault {
    fn from(fault: GraphFault) -> Fault {
        let GraphFault { rule, place, problem } = fault;
        Fault::at(FaultKind::Graph, &place.file, place.line, problem.to_string()).of(&rule)
    }
}

fn sorted(mut faults: Vec<Fault>) -> Vec<Fault> {
    edgekit_core::sort::by(&mut faults, |a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    faults
}
