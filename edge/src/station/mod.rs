//! One scan, top to bottom.
