//! The order master: one row per (platform, order number), whatever order its messages arrive in.
