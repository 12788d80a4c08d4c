//! `cargo run --release --bin bench -- NAME [--json]`: see the project's README for what each one measures.

use clap::Parser as _;
use packline_tests::bench::{Args, run};
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
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
