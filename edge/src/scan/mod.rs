//! From bytes on a port to scans.
//!
//! A [`source`] reads bytes, [`frame`] cuts them into frames, [`debounce`] finds double reads and bursts,
//! [`reading`] finds no-reads and the codes of a joined frame, [`intake`] puts these together for the station;
//! [`config`] says how each scanner is set up.
//! Deliberately absent: what a code means (`packline_protocol::code`) and what to do about it (`station`).

pub mod config;
pub mod debounce;
pub mod frame;
pub mod intake;
pub mod reading;
pub mod source;
