//! The exit codes of every command, in one place.
//!
//! They follow `sysexits.h` where it has a word for the case, so that a unit file can say which
//! failures are worth a restart. `error.rs` carries one with each message, `main.rs` ends with it.

use std::process::ExitCode;

/// What a command's end tells its caller.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Exit(u8);

impl Exit {
    /// Done.
    pub const OK: Exit = Exit(0);
    /// It ran, and the answer is no or partial.
    pub const NO: Exit = Exit(1);
    /// The command line makes no sense.
    pub const USAGE: Exit = Exit(2);
    /// The input is wrong: a syntax error, a bad signature.
    pub const DATA: Exit = Exit(65);
    /// The input is not there.
    pub const NO_INPUT: Exit = Exit(66);
    /// A peer, or a feature of this kernel, is not available.
    pub const UNAVAILABLE: Exit = Exit(69);
    /// A fault of edgekit itself.
    pub const BUG: Exit = Exit(70);
    /// An output could not be created.
    pub const CANT_CREATE: Exit = Exit(73);
    /// Reading or writing failed.
    pub const IO: Exit = Exit(74);
    /// It may work later, and trying again is safe.
    pub const TEMPORARY: Exit = Exit(75);
    /// The peer broke the protocol.
    pub const PROTOCOL: Exit = Exit(76);
    /// A permission or capability is missing.
    pub const NO_PERMISSION: Exit = Exit(77);
    /// The configuration is wrong.
    pub const CONFIG: Exit = Exit(78);
    /// No such applet.
    pub const UNKNOWN_APPLET: Exit = Exit(127);

    /// Any other code, such as the one a traced child ended with.
    pub const fn code(code: u8) -> Exit {
        Exit(code)
    }

    /// The shell's convention for an end by signal: 128 + its number.
    pub fn from_signal(signal: i32) -> Exit {
        Exit(u8::try_from(signal.saturating_add(128)).unwrap_or(u8::MAX))
    }

    /// The number the caller sees.
    pub const fn value(self) -> u8 {
        self.0
    }

    /// True for [`Exit::OK`].
    pub const fn is_ok(self) -> bool {
        self.0 == 0
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_offset_and_never_wrap() {
        assert_eq!(Exit::from_signal(15).value(), 143);
        assert_eq!(Exit::from_signal(i32::MAX).value(), 255);
        assert_eq!(Exit::from_signal(-200).value(), 255);
    }
}
