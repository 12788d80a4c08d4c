//! `cargo run --release --bin demo`: a whole site on this machine in one command. `--help` says what else it does.

use packline_tests::demo;
use packline_tests::program::{Role, end_with_parent, role_of};
use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let Some((role, args)) = role_of(&args) else { return demo::main_with(args) };
    end_with_parent();
    match role {
        Role::Hub => packline_hub::main_with(args),
        Role::Edge => packline_edge::main_with(args),
    }
}
