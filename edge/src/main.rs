//! The program `packline-edge`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    packline_edge::cli::main_with(std::env::args_os())
}
