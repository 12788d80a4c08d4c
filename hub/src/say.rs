//! What commands print. A reader that went away, as `head` does, ends the printing and is no failure.

use std::fmt::Display;
use std::io::{ErrorKind, Write as _};

/// Prints a line.
pub fn say(line: impl Display) -> std::io::Result<()> {
    match writeln!(std::io::stdout().lock(), "{line}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}
