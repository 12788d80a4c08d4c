//! Stories of backups.
