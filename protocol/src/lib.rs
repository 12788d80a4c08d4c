//! The words that Packline's hub and stations share, and what they mean.
//!
//! Here are ids, codes, facts, verdicts, rules, messages and topics.
//! Deliberately absent: input and output, clocks, randomness and async code.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod amount;
pub mod change;
pub mod code;
pub mod downlink;
pub mod envelope;
pub mod facts;
pub mod id;
pub mod proof;
pub mod record;
pub mod rules;
pub mod samples;
pub mod time;
pub mod topic;
pub mod uplink;
pub mod verdict;
