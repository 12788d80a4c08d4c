//! The words for states, as tables, API and rules write them.

use packline_protocol::facts::{
    AddressState, Approval, CodeRole, GiftStatus, HoldState, OrderStatus, ParcelStatus, RefundState,
};

/// A state that is written as one word.
pub trait Word: Copy + Sized + 'static {
    /// Every state with its word.
    const ALL: &'static [(Self, &'static str)];
    /// Its word.
    fn word(self) -> &'static str;

    /// The state that this word stands for.
    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == word).map(|(state, _)| *state)
    }

    /// Every word, for saying what is accepted.
    fn words() -> String {
        let words: Vec<&str> = Self::ALL.iter().map(|(_, word)| *word).collect();
        words.join(", ")
    }
}

macro_rules! words {
    ($($kind:ident: $($variant:ident = $word:literal),+;)+) => {$(
        impl Word for $kind {
            const ALL: &'static [(Self, &'static str)] = &[$(($kind::$variant, $word)),+];
            fn word(self) -> &'static str {
                match self { $($kind::$variant => $word),+ }
            }
        }
    )+};
}

words! {
    OrderStatus: Unpaid = "unpaid", Paid = "paid", Shipped = "shipped", Completed = "completed", Cancelled = "cancelled";
    RefundState: None = "none", Requested = "requested", Done = "done";
    ParcelStatus: Open = "open", Dispatched = "dispatched", Void = "void";
    Approval: NotNeeded = "not_needed", Pending = "pending", Granted = "granted", Refused = "refused";
    HoldState: NotNeeded = "not_needed", Valid = "valid", Lapsed = "lapsed";
    AddressState: Fine = "fine", ChangedSincePrint = "changed_since_print", Placeholder = "placeholder";
    GiftStatus: Pending = "pending", Issued = "issued", Cancelled = "cancelled", Short = "short",
        Substituted = "substituted", Wrong = "wrong";
    CodeRole: Waybill = "waybill", Wms = "wms", Order = "order";
}

#[cfg(test)]
mod tests {
    use super::*;
    use packline_protocol::rules::condition::words;

    #[test]
    fn the_words_are_those_that_rules_compare_with() {
        for (state, word) in OrderStatus::ALL {
            assert_eq!(words::order_status(*state), *word);
            assert_eq!(OrderStatus::from_word(word), Some(*state));
        }
        assert!(RefundState::ALL.iter().all(|(state, word)| words::refund(*state) == *word));
        assert!(Approval::ALL.iter().all(|(state, word)| words::approval(*state) == *word));
        assert!(HoldState::ALL.iter().all(|(state, word)| words::hold(*state) == *word));
        assert!(AddressState::ALL.iter().all(|(state, word)| words::address(*state) == *word));
        assert!(ParcelStatus::ALL.iter().all(|(state, word)| words::parcel_status(*state) == *word));
        assert_eq!(OrderStatus::from_word("PAID"), None);
        assert_eq!(OrderStatus::words(), "unpaid, paid, shipped, completed, cancelled");
    }
}
