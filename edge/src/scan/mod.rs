//! From bytes on a port to frames.
