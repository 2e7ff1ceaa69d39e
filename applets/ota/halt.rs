//! Asking whoever works to stop: a server's cancel, the end of a window, a signal.
//!
//! One of these is shared by whoever may ask and by whatever may wait: `bundle::source` looks at it ten times a second
//! while it waits for a server, `apply` between two pages. Neighbours: those who ask, in `verbs` and `fleet`.

use std::sync::{Arc, OnceLock};

/// A request to stop, shared by its clones.
#[derive(Clone, Default, Debug)]
pub struct Halt(Arc<OnceLock<String>>);

impl Halt {
    /// Asks to stop. The first reason stays.
    pub fn call(&self, why: impl Into<String>) {
        self.0.get_or_init(|| why.into());
    }

    /// Why to stop, once somebody asked for it.
    pub fn why(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_is_heard_by_all() {
        let halt = Halt::default();
        let other = halt.clone();
        assert_eq!(halt.why(), None);
        other.call("cancelled");
        other.call("again");
        assert_eq!(halt.why(), Some("cancelled"));
    }
}
