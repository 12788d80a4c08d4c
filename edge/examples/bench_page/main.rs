//! The bench page with made-up pictures, for looking at it without scanners, parcels or a hub.
//!
//! `cargo run -p packline-edge --example bench_page [ADDRESS]`, then open `/sample/NAME` once to choose what the page
//! shows; `/sample/` lists the names. What people do on the page is printed, and answered much as a station would.
#![allow(clippy::unwrap_used, reason = "a program for people who build the page")]

mod samples;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use packline_edge::panel::page::router;
use samples::{SAMPLES, Sample};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8181".to_owned());
    let listener = TcpListener::bind(&address).await.unwrap();
    println!("http://{}/ shows {}", listener.local_addr().unwrap(), names());
    let sample = Arc::new(Sample::new("1"));
    let chooser = Router::new()
        .route("/sample/", get(async || names()))
        .route("/sample/{name}", get(choose))
        .with_state(sample.clone());
    tokio::spawn(report(sample.clone()));
    axum::serve(listener, router(sample).merge(chooser)).await.unwrap();
}

fn names() -> String {
    SAMPLES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
}

async fn choose(State(sample): State<Arc<Sample>>, Path(name): Path<String>) -> String {
    if sample.choose(&name) { name } else { names() }
}

async fn report(sample: Arc<Sample>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        sample.speak();
        sample.done().iter().for_each(|act| println!("{act}"));
    }
}
