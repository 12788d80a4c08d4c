//! `cargo run --release --bin bench -- NAME [--json]`: see the project's README for what each one measures.

use clap::Parser as _;
use packline_tests::bench::{Args, run};
use packline_tests::program::{Role, role_of};
use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    match role_of(&args) {
        Some((Role::Hub, args)) => packline_hub::main_with(args),
        Some((Role::Edge, args)) => packline_edge::main_with(args),
        None => measure(),
    }
}

#[tokio::main]
async fn measure() -> ExitCode {
    // Two libraries may each bring a TLS provider; this names ours.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run(&Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::from(1)
        }
    }
}
