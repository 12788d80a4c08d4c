//! Personal data and secrets: sealed where they are kept, masked where they are shown.
//!
//! [`Vault`] seals what must be kept with a key outside the database; [`mask`] is the one place that decides what may be
//! seen of a phone number, a name or an address; [`Sight`] says which of the two a reader gets. Deciding who may see
//! what belongs to the accounts' rights, and keeping contacts to the orders.

mod address;
pub mod cli;
pub mod mask;
mod name;
mod phone;
mod sight;
mod store;
#[cfg(test)]
mod tests;
pub mod vault;

pub use sight::Sight;
pub(crate) use store::STATEMENTS;
pub use store::open_vault;
pub use vault::{Place, Vault, VaultError};
