//! Messages for people: what is said, and how each kind of group robot and a mail server is told it.

pub mod mail;
pub mod robot;

use crate::error::Error;
use serde::{Deserialize, Serialize};

/// What is said, in plain text, in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// One line.
    pub title: String,
    /// The lines below.
    pub lines: Vec<String>,
    /// Where to read more, when the hub knows its own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl Message {
    /// As plain text of at most `bytes_max` bytes. `mark` ends it, so that people can see that a message is a repeat.
    pub fn text(&self, mark: &str, bytes_max: usize) -> String {
        let mut end = self.link.iter().cloned().collect::<Vec<_>>();
        end.push(format!("#{mark}"));
        let end = format!("\n{}", end.join("\n"));
        let mut text = std::iter::once(&self.title).chain(&self.lines).cloned().collect::<Vec<_>>().join("\n");
        let room = bytes_max.saturating_sub(end.len());
        if text.len() > room {
            text = format!("{}…", cut(&text, room.saturating_sub('…'.len_utf8())));
        }
        text + &end
    }
}

/// The begin of `text`, in whole characters.
fn cut(text: &str, bytes_max: usize) -> &str {
    let end = (0..=bytes_max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// Where messages go. Everything in it is kept sealed, since URLs of robots are secrets too.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Receiver {
    /// A robot of a DingTalk group.
    Dingtalk {
        /// The URL with its token.
        url: String,
        /// What messages are signed with; empty when the robot goes by key words.
        secret: String,
    },
    /// A robot of a WeCom group.
    Wecom {
        /// The URL with its key.
        url: String,
    },
    /// A robot of a Feishu group.
    Feishu {
        /// The URL with its token.
        url: String,
        /// What messages are signed with; empty when the robot goes by key words.
        secret: String,
    },
    /// People with mail.
    Mail(mail::MailSettings),
}

impl Receiver {
    /// What is wrong with it, if anything; names no secret.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Receiver::Dingtalk { url, .. } | Receiver::Wecom { url } | Receiver::Feishu { url, .. } => {
                robot::check_url(url)
            }
            Receiver::Mail(settings) => settings.check(),
        }
    }
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Receiver::Dingtalk { .. } => "Dingtalk",
            Receiver::Wecom { .. } => "Wecom",
            Receiver::Feishu { .. } => "Feishu",
            Receiver::Mail(_) => "Mail",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_in_whole_characters_and_keeps_its_end() {
        let message =
            Message { title: "标题".into(), lines: vec!["很长".repeat(400)], link: Some("http://hub".into()) };
        for max in 40..120 {
            let text = message.text("ab12", max);
            assert!(text.len() <= max, "{} of {max}", text.len());
            assert!(text.ends_with("…\nhttp://hub\n#ab12"), "{text}");
        }
        let whole = Message { title: "a".into(), lines: vec!["b".into()], link: None };
        assert_eq!(whole.text("x", 100), "a\nb\n#x");
    }

    #[test]
    fn a_receiver_shows_none_of_its_secrets() {
        let receiver = Receiver::Feishu { url: "https://h/s3cret".into(), secret: "s3cret".into() };
        assert_eq!(format!("{receiver:?}"), "Feishu");
    }
}
