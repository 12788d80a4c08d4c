//! The panel: what the packer sees and hears.

pub mod gpio;
pub mod scanner;
