//! What a scanned code is.
