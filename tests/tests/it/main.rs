//! Whole-site stories.
