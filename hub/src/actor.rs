//! Who did something. Every event and every change keeps one.

use packline_protocol::id::StationId;
use std::fmt;

/// Who did it, as it is kept in tables and shown on pages: `user:anna`, `station:pack-07`, `channel:import`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// A person who is logged in, by account name.
    User(String),
    /// A program with a token, by the token's name.
    Token(String),
    /// A person at the hub's command line, by system account.
    Cli(String),
    /// A sales channel, by connection.
    Channel(String),
    /// A station.
    Station(StationId),
    /// The hub itself, by what in it acted.
    Hub(&'static str),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::User(name) => write!(f, "user:{name}"),
            Actor::Token(name) => write!(f, "token:{name}"),
            Actor::Cli(name) => write!(f, "cli:{name}"),
            Actor::Channel(name) => write!(f, "channel:{name}"),
            Actor::Station(id) => write!(f, "station:{id}"),
            Actor::Hub(part) => write!(f, "hub:{part}"),
        }
    }
}
