//! The panel: what the packer sees and hears.
//!
//! The station decides what is said and takes pictures of itself ([`crate::station::PanelView`]) into a watch channel,
//! which never makes it wait: a lamp, a scanner or a screen that is slow, broken or absent changes no answer.

pub mod gpio;
pub mod page;
pub mod scanner;
mod view;

pub use view::{BeatShown, PictureShown, ReplicaShown, StatusShown};
