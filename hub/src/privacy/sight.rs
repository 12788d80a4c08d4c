//! How much of personal data a reader gets.

use super::mask;

/// How much of personal data a reader gets. Masked, unless a reason was given for this very thing and written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sight {
    /// As it is: only while a reveal that stands in the audit log is in force.
    Clear,
    /// Masked: everywhere else.
    #[default]
    Masked,
}

impl Sight {
    /// A phone number as this reader gets it.
    pub fn phone(self, text: &str) -> String {
        self.of(text, mask::phone)
    }

    /// A name as this reader gets it.
    pub fn name(self, text: &str) -> String {
        self.of(text, mask::name)
    }

    /// An address as this reader gets it.
    pub fn address(self, text: &str) -> String {
        self.of(text, mask::address)
    }

    fn of(self, text: &str, mask: fn(&str) -> String) -> String {
        match self {
            Sight::Clear => text.to_owned(),
            Sight::Masked => mask(text),
        }
    }
}
