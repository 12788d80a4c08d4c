//! The JSON form of an order as it comes in.
