//! Placeholder until the site exists.
fn main() {}
