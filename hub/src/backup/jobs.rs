//! The backup of the day.
