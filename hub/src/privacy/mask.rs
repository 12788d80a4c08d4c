//! What may be seen of a phone number, a name or an address.
//!
//! Every way out of the hub uses these functions and no other. Each of them shows nothing but what its table of tests
//! says; what it does not recognise becomes `***`. Masking what is masked changes nothing. Nothing at all stays nothing.

pub use super::address::address;
pub use super::name::name;
pub use super::phone::{phone, phone_key};

/// What stands where nothing may be seen.
pub const HIDDEN: &str = "***";

/// The longest part of a text that is looked at, in characters.
pub(super) const LOOKED_AT: usize = 200;

/// Whether somebody has masked this before it came here: such a text is never a key, and never better than a clear one.
pub fn is_masked(text: &str) -> bool {
    text.contains(['*', '＊', '●', '×'])
}

/// `text` as it is looked at: full-width characters as ASCII, no marks that nobody sees, and not endless.
pub(super) fn plain(text: &str) -> String {
    let start: String = text.trim_start().chars().take(LOOKED_AT).collect();
    packline_protocol::code::narrowed(&start)
}

/// Whether this is a Chinese character.
pub(super) fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}
