//! Orders as pages: the list and what is done from it, one order with everything about it, and the search box.

mod bulk;
mod glance;
mod list;
mod order;
mod search;
mod timeline;
mod views;

pub use bulk::bulk;
pub use list::list;
pub use order::order;
pub use search::search;
pub use views::{delete_view, save_view};
