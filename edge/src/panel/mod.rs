//! The panel: what the packer sees and hears.
