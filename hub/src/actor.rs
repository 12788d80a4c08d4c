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

impl Actor {
    /// The actor that this text names; parts of the hub are not read back.
    pub fn parse(text: &str) -> Option<Actor> {
        let (kind, name) = text.split_once(':')?;
        match kind {
            "user" => Some(Actor::User(name.to_owned())),
            "token" => Some(Actor::Token(name.to_owned())),
            "cli" => Some(Actor::Cli(name.to_owned())),
            "channel" => Some(Actor::Channel(name.to_owned())),
            "station" => StationId::parse(name).ok().map(Actor::Station),
            _ => None,
        }
    }
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

/// Whoever sits at this machine's command line.
pub fn at_command_line() -> Actor {
    Actor::Cli(std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_is_read_as_it_is_written() {
        for text in ["user:anna", "token:erp", "cli:root", "channel:import", "station:pack-07"] {
            assert_eq!(Actor::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "anna", "hub:feed", "station:A B"] {
            assert_eq!(Actor::parse(text), None, "{text}");
        }
    }
}
