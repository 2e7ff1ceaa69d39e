//! The terminal, where there is one: width, and whether a stream is one.

use std::io::{self, IsTerminal};

use terminal_size::terminal_size_of;

/// Columns text is laid out for where no terminal says otherwise.
pub const DEFAULT_WIDTH: usize = 79;

/// A line longer than this is hard to read, however wide the terminal is.
pub const WIDEST: usize = 100;

/// Columns of the terminal behind standard output, else [`DEFAULT_WIDTH`].
pub fn width() -> usize {
    terminal_size_of(io::stdout()).map_or(DEFAULT_WIDTH, |(columns, _)| usize::from(columns.0).max(20))
}

/// Columns and rows of the terminal behind standard output, else those of the first terminals.
pub fn size() -> (usize, usize) {
    let known = terminal_size_of(io::stdout());
    known.map_or((80, 24), |(columns, rows)| (usize::from(columns.0).max(20), usize::from(rows.0).max(6)))
}

/// True if standard output is a terminal.
pub fn stdout_is_tty() -> bool {
    io::stdout().is_terminal()
}

/// True if standard error is a terminal.
pub fn stderr_is_tty() -> bool {
    io::stderr().is_terminal()
}
