//! Where orders come from: one folder per kind of channel.

pub mod import;
