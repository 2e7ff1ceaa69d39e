//! A script's text and its bytecode.
//!
//! Compiling needs no VM, so it is done on any thread and the result handed to the worker, which only loads it.
//! Bytecode is made here and nowhere else: no text can pass for it. Neighbours: `vm/` loads it.

use std::sync::Arc;

use mlua::chunk::Compiler;

use crate::{Fault, FaultKind};

/// The largest script, in bytes: a rule is a page, not a program.
pub const MAX_SCRIPT: usize = 256 * 1024;

/// A script as it was read.
#[derive(Clone, Debug)]
pub struct Script {
    /// Its file, as errors name it.
    pub name: Arc<str>,
    /// What it says.
    pub text: Arc<str>,
}

/// A script ready to be loaded.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub(crate) script: Script,
    pub(crate) bytecode: Arc<[u8]>,
    pub(crate) coverage: bool,
}

impl Script {
    /// A script with its file's name.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Script {
        Script { name: name.into(), text: text.into() }
    }

    /// Compiles it.
    ///
    /// # Errors
    /// A fault of kind Syntax with the place; too large a script.
    pub fn compile(&self) -> Result<Compiled, Fault> {
        self.build(false)
    }

    /// Compiles it so that [`Vm::coverage`](crate::Vm::coverage) knows which lines ran. Slower to run.
    ///
    /// # Errors
    /// As [`Script::compile`].
    pub fn compile_for_coverage(&self) -> Result<Compiled, Fault> {
        self.build(true)
    }

    fn build(&self, coverage: bool) -> Result<Compiled, Fault> {
        if self.text.len() > MAX_SCRIPT {
            let message = format!("the script has {} bytes; at most {MAX_SCRIPT} are read", self.text.len());
            return Err(Fault::at(FaultKind::Syntax, &self.name, 0, message));
        }
        // Line information is what errors are made of; optimizing beyond 1 inlines and blurs it.
        let compiler = Compiler::new()
            .set_optimization_level(if coverage { 0 } else { 1 })
            .set_debug_level(1)
            .set_coverage_level(u8::from(coverage))
            // As an instruction it would bypass the prelude's, which hides the metatables of events.
            .add_disabled_builtin("getmetatable");
        match compiler.compile(self.text.as_bytes()) {
            Ok(bytecode) => Ok(Compiled { script: self.clone(), bytecode: bytecode.into(), coverage }),
            Err(error) => Err(Fault::syntax(self, &error)),
        }
    }
}

impl Compiled {
    /// The script it was made of.
    pub fn script(&self) -> &Script {
        &self.script
    }
}
