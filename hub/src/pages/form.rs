//! Forms that many pages send.

use serde::Deserialize;

/// A button alone: nothing but the session's token.
#[derive(Deserialize)]
pub struct PlainForm {
    /// The token, for [`super::shell::Shell::check_form`].
    pub csrf: String,
}

/// A switch.
#[derive(Deserialize)]
pub struct SwitchForm {
    /// The token, for [`super::shell::Shell::check_form`].
    pub csrf: String,
    /// `1` for on; anything else is off.
    pub on: String,
}
