//! Mail, by SMTP to the server that the settings name.

use super::Message;
use crate::effects::model::Outcome;
use crate::error::{Error, chain};
use crate::outbound::client::{CALL_LIMIT, lookup};
use crate::outbound::guard::Network;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use packline_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::{Duration, UNIX_EPOCH};

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// TLS from the first byte, usually on port 465.
    Tls,
    /// TLS after STARTTLS, usually on port 587; without it nothing is sent.
    Starttls,
    /// None: only for a server on a network that the configuration allows.
    None,
}

/// A mail server, and who gets mail.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailSettings {
    /// The server's name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub protection: Protection,
    /// The account there; empty for none.
    pub user: String,
    /// Its password.
    pub password: String,
    /// Who it is from.
    pub from: String,
    /// Who gets it.
    pub to: Vec<String>,
}

/// The most people that one target sends to.
const PEOPLE_MAX: usize = 50;

impl MailSettings {
    /// What is wrong with them, if anything; names no secret.
    pub fn check(&self) -> Result<(), Error> {
        let host_fits = !self.host.is_empty()
            && self.host.len() <= 253
            && self.host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte));
        if !host_fits {
            return Err(Error::invalid("host is not accepted; give the mail server's name, without a scheme"));
        }
        mailbox("from", &self.from)?;
        if self.to.is_empty() || self.to.len() > PEOPLE_MAX {
            return Err(Error::invalid(format!("to is not accepted; give 1 to {PEOPLE_MAX} addresses")));
        }
        self.to.iter().try_for_each(|to| mailbox("to", to).map(|_| ()))
    }
}

fn mailbox(field: &str, text: &str) -> Result<Mailbox, Error> {
    let wrong = || Error::invalid(format!("{field} is not accepted; give an address such as `ops@shop.example`"));
    text.trim().parse().map_err(|_| wrong())
}

/// Sends a message and says what came of it.
pub async fn send(
    settings: &MailSettings,
    message: &Message,
    mark: &str,
    now: Timestamp,
    allowed: &[Network],
) -> Outcome {
    let letter = match letter(settings, message, mark, now) {
        Ok(letter) => letter,
        Err(problem) => return Outcome::Refused { problem },
    };
    match tokio::time::timeout(CALL_LIMIT, deliver(settings, letter, allowed)).await {
        Ok(outcome) => outcome,
        Err(_) => Outcome::Failed { problem: format!("no answer within {} s", CALL_LIMIT.as_secs()) },
    }
}

/// The number in the message's id makes a repeat visible to the receiver's server.
fn letter(settings: &MailSettings, message: &Message, mark: &str, now: Timestamp) -> Result<lettre::Message, String> {
    let said = |error: Error| error.message;
    let at = UNIX_EPOCH + Duration::from_millis(u64::try_from(now.0).unwrap_or(0));
    let builder: MessageBuilder = lettre::Message::builder()
        .from(mailbox("from", &settings.from).map_err(said)?)
        .subject(message.title.clone())
        .date(at)
        .message_id(Some(format!("<{mark}@packline>")));
    let people = settings.to.iter().map(|to| mailbox("to", to).map_err(said));
    let builder = people.collect::<Result<Vec<_>, _>>()?.into_iter().fold(builder, MessageBuilder::to);
    let body = message.text(mark, 200_000);
    builder.header(ContentType::TEXT_PLAIN).body(body).map_err(|error| error.to_string())
}

async fn deliver(settings: &MailSettings, letter: lettre::Message, allowed: &[Network]) -> Outcome {
    let addresses = match lookup(&settings.host, settings.port, allowed).await {
        Ok(addresses) => addresses,
        Err(error) => return Outcome::Failed { problem: error.to_string() },
    };
    let Some(address) = addresses.first() else {
        return Outcome::Failed { problem: "the mail server has no address".into() };
    };
    if settings.protection == Protection::None && !allowed.iter().any(|network| network.holds(address.ip())) {
        let problem = "mail without TLS goes only to networks in `outbound_allow`".to_owned();
        return Outcome::Refused { problem };
    }
    // The connection goes to the address that was looked at; the certificate must be for the name.
    let tls = match (settings.protection, TlsParameters::new(settings.host.clone())) {
        (Protection::None, _) => Tls::None,
        (Protection::Tls, Ok(parameters)) => Tls::Wrapper(parameters),
        (Protection::Starttls, Ok(parameters)) => Tls::Required(parameters),
        (_, Err(error)) => return Outcome::Refused { problem: chain(&error) },
    };
    let mut server = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.ip().to_string())
        .port(settings.port)
        .tls(tls)
        .timeout(Some(CALL_LIMIT));
    if !settings.user.is_empty() {
        server = server.credentials(Credentials::new(settings.user.clone(), settings.password.clone()));
    }
    match server.build().send(letter).await {
        Ok(_) => Outcome::Done,
        Err(error) if error.is_permanent() => Outcome::Refused { problem: chain(&error) },
        Err(error) => Outcome::Failed { problem: chain(&error) },
    }
}
