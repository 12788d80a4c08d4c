//! Money, in the smallest unit of its currency. Never a float.

use serde::{Deserialize, Serialize};

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// The amount in the currency's smallest unit (fen for CNY).
    pub minor: i64,
    /// ISO 4217 letters, for example `CNY`.
    pub currency: String,
}

impl Amount {
    /// An amount in Chinese fen.
    pub fn cny(fen: i64) -> Self {
        Self { minor: fen, currency: "CNY".to_owned() }
    }
}
