//! What stations saw and said: each record kept once, and what does not fit together found.

mod decide;
pub mod model;
