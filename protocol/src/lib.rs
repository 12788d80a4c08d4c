//! The words that Packline's hub and stations share, and what they mean.
//!
//! Here are ids, codes, facts, verdicts, rules, messages and topics.
//! Deliberately absent: input and output, clocks, randomness and async code.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod code;
pub mod id;
pub mod time;
