//! Orders over HTTP.

mod bulk;
mod list;
mod order;
mod send;

pub use bulk::*;
pub use list::*;
pub use order::*;
pub use send::*;

use super::input::Fault;
use crate::error::{Detail, Error};

/// A value that is not acceptable, as an answer.
fn bad(field: &str, given: &str, accepted: &str) -> Error {
    let fault = Fault::new(field, given, accepted);
    let message = fault.to_string();
    let Fault { field, given, accepted } = fault;
    Error::invalid(message).with([Detail { field, given, accepted }])
}
