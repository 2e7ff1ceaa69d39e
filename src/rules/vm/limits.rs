//! What a script may use, with defaults for an edge box.

use std::time::Duration;

/// Limits of one VM and of each call into it.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Wall time of one call of a rule's handler, timer or window; it is not over before a quarter of it was spent on
    /// a core.
    pub rule_time: Duration,
    /// Wall time of one call of a hook that declares no `deadline`.
    pub hook_time: Duration,
    /// Wall time a script's top level has to declare its rules and hooks.
    pub load_time: Duration,
    /// Steps (calls, returns and loop edges) of one call: ends a runaway at the same place on every machine.
    pub steps: u64,
    /// Bytes one call may add to the VM.
    pub call_memory: usize,
    /// Bytes one call of a hook may add to the VM: its deadline is short, and so are the strings it may make.
    pub hook_memory: usize,
    /// Bytes one rule may keep.
    pub rule_memory: usize,
    /// Bytes of the whole VM, garbage included.
    pub vm_memory: usize,
    /// Bytes of a value that leaves the VM: an event, a state, the actions of one call together.
    pub value_size: usize,
    /// Actions, emitted events and alarms of one call, together.
    pub actions: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            rule_time: Duration::from_millis(50),
            hook_time: Duration::from_millis(5),
            load_time: Duration::from_millis(250),
            steps: 10_000_000,
            call_memory: 8 << 20,
            hook_memory: 1 << 20,
            rule_memory: 4 << 20,
            vm_memory: 64 << 20,
            value_size: 4 << 20,
            actions: 1024,
        }
    }
}
