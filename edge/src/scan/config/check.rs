//! What the `[[scanner]]` tables accept. Every problem is named, not only the first.

use super::{FeedbackKind, MANUAL, ScannerConfig, SourceKind};
use crate::scan::frame::Framing;
use std::collections::BTreeSet;

/// Something in a configuration that cannot be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A value outside what the key accepts.
    #[error("{key} is `{value}`; {accepted}")]
    Value {
        /// The key with its table, for example `scanner[0].baud_rate`.
        key: String,
        /// What was given.
        value: String,
        /// What is accepted, as a request.
        accepted: String,
    },
    /// A key that must be there.
    #[error("{key} is missing; {accepted}")]
    Missing {
        /// The key with its table.
        key: String,
        /// What is accepted, as a request.
        accepted: String,
    },
    /// A key that means nothing beside the others.
    #[error("{key} is given, but {because}; remove it")]
    Misplaced {
        /// The key with its table.
        key: String,
        /// Why it means nothing.
        because: String,
    },
}

/// Everything wrong with the scanners of one station, in the order of the file; empty when they can be used.
pub fn problems(scanners: &[ScannerConfig]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, scanner) in scanners.iter().enumerate() {
        let mut check = Check { scanner, index, problems: &mut problems };
        check.id(&mut seen);
        check.device();
        check.line();
        check.network();
        check.framing();
        check.feedback();
        check.texts();
        check.timing();
    }
    problems
}

struct Check<'a, 'p> {
    scanner: &'a ScannerConfig,
    index: usize,
    problems: &'p mut Vec<Problem>,
}

impl<'a> Check<'a, '_> {
    fn id(&mut self, seen: &mut BTreeSet<&'a str>) {
        let id = self.scanner.id.as_str();
        if id == MANUAL {
            self.value("id", id, "give another name, this one is the entry box of the bench page");
        } else if !seen.insert(id) {
            self.value("id", id, "give a name that no other scanner has");
        }
    }

    fn device(&mut self) {
        let scanner = self.scanner;
        let wanted = scanner.kind != SourceKind::Tcp;
        let example = if scanner.kind == SourceKind::Evdev { "/dev/input/by-id/" } else { "/dev/serial/by-id/" };
        match &scanner.path {
            None if wanted => self.missing("path", &format!("give the device, for example one under {example}")),
            Some(_) if !wanted => self.misplaced("path"),
            Some(path) if !path.is_absolute() => {
                self.value("path", path.display(), &format!("give a whole path, for example one under {example}"));
            }
            _ => {}
        }
        match &scanner.fallback_path {
            Some(_) if !wanted => self.misplaced("fallback_path"),
            Some(path) if !path.is_absolute() => {
                self.value(
                    "fallback_path",
                    path.display(),
                    "give a whole path, for example one under /dev/serial/by-path/",
                );
            }
            _ => {}
        }
    }

    fn line(&mut self) {
        let scanner = self.scanner;
        if scanner.kind != SourceKind::Serial {
            let given = [
                ("baud_rate", scanner.baud_rate.is_some()),
                ("data_bits", scanner.data_bits.is_some()),
                ("parity", scanner.parity.is_some()),
                ("stop_bits", scanner.stop_bits.is_some()),
                ("flow_control", scanner.flow_control.is_some()),
            ];
            given.into_iter().filter(|(_, given)| *given).for_each(|(key, _)| self.misplaced(key));
            return;
        }
        let line = scanner.line();
        self.range("baud_rate", line.baud_rate, 300, 4_000_000);
        self.range("data_bits", u32::from(line.data_bits), 5, 8);
        self.range("stop_bits", u32::from(line.stop_bits), 1, 2);
        if scanner.framing != Framing::Text && line.data_bits != 8 {
            self.value("data_bits", line.data_bits, "give 8, this framing needs whole bytes");
        }
    }

    fn network(&mut self) {
        let scanner = self.scanner;
        if scanner.kind != SourceKind::Tcp {
            let given = [
                ("connect", scanner.connect.is_some()),
                ("listen", scanner.listen.is_some()),
                ("peer", scanner.peer.is_some()),
            ];
            given.into_iter().filter(|(_, given)| *given).for_each(|(key, _)| self.misplaced(key));
            return;
        }
        match (&scanner.connect, &scanner.listen) {
            (None, None) => {
                self.missing(
                    "connect",
                    "give `connect` with the reader's host:port, or `listen` with an address:port of this station",
                );
            }
            (Some(_), Some(listen)) => self.value("listen", listen, "give either `connect` or `listen`"),
            (Some(connect), None) => {
                if !connect
                    .rsplit_once(':')
                    .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0))
                {
                    self.value("connect", connect, "give host:port, for example 192.0.2.10:2112");
                }
                if scanner.peer.is_some() {
                    self.problems.push(Problem::Misplaced {
                        key: self.key("peer"),
                        because: "it belongs to `listen`".to_owned(),
                    });
                }
            }
            (None, Some(listen)) => {
                if listen.parse::<std::net::SocketAddr>().is_err() {
                    self.value("listen", listen, "give address:port, for example 0.0.0.0:9004");
                }
            }
        }
    }

    fn framing(&mut self) {
        let scanner = self.scanner;
        if scanner.kind == SourceKind::Evdev && scanner.framing != Framing::Text {
            self.value("framing", scanner.framing.name(), "give `text`, a keyboard sends nothing else");
        }
        if scanner.framing != Framing::Text && scanner.terminators.is_some() {
            self.problems.push(Problem::Misplaced {
                key: self.key("terminators"),
                because: format!("framing `{}` has lengths", scanner.framing.name()),
            });
        }
        if let Some(gap) = scanner.idle_gap_ms {
            self.range("idle_gap_ms", gap, 1, 1000);
        }
    }

    fn feedback(&mut self) {
        let scanner = self.scanner;
        if scanner.kind == SourceKind::Evdev && scanner.feedback != FeedbackKind::None {
            self.value("feedback", scanner.feedback.name(), "give `none`, a keyboard scanner cannot be written to");
        }
        if scanner.feedback == FeedbackKind::ZebraSsi && scanner.framing != Framing::ZebraSsi {
            self.value("feedback", "zebra-ssi", "give framing = \"zebra-ssi\" too, or another driver");
        }
        if scanner.kind == SourceKind::Evdev && !scanner.init.is_empty() {
            self.misplaced("init");
        }
        if scanner.init.len() > 256 {
            self.value("init", format!("{} bytes", scanner.init.len()), "give at most 256 bytes");
        }
    }

    fn texts(&mut self) {
        let scanner = self.scanner;
        for (key, texts) in [("no_read", &scanner.no_read), ("heartbeats", &scanner.heartbeats)] {
            if texts.len() > 32 {
                self.value(key, format!("{} texts", texts.len()), "give at most 32");
            }
            for text in texts.iter().filter(|text| text.is_empty() || text.len() > 64) {
                let shown: String = text.chars().take(64).collect();
                self.value(key, shown, "give texts of 1 to 64 bytes");
            }
        }
        if let Some(separator) = scanner.code_separator
            && !separator.is_ascii_punctuation()
        {
            self.value(
                "code_separator",
                separator.escape_default(),
                "give one ASCII punctuation mark, for example `;`",
            );
        }
    }

    fn timing(&mut self) {
        self.range("debounce_ms", self.scanner.debounce_ms, 0, 60_000);
        self.range("burst_gap_ms", self.scanner.burst_gap_ms, 0, 2000);
    }

    fn range(&mut self, key: &str, value: u32, min: u32, max: u32) {
        if !(min..=max).contains(&value) {
            self.value(key, value, &format!("give a number from {min} to {max}"));
        }
    }

    fn value(&mut self, key: &str, value: impl ToString, accepted: &str) {
        let key = self.key(key);
        self.problems.push(Problem::Value { key, value: value.to_string(), accepted: accepted.to_owned() });
    }

    fn missing(&mut self, key: &str, accepted: &str) {
        let key = self.key(key);
        self.problems.push(Problem::Missing { key, accepted: accepted.to_owned() });
    }

    fn misplaced(&mut self, key: &str) {
        let because = format!("kind is `{}`", self.scanner.kind.name());
        let key = self.key(key);
        self.problems.push(Problem::Misplaced { key, because });
    }

    fn key(&self, key: &str) -> String {
        format!("scanner[{}].{key}", self.index)
    }
}

impl SourceKind {
    /// The word for it in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            Self::Tcp => "tcp",
            Self::Evdev => "evdev",
        }
    }
}

impl FeedbackKind {
    /// The word for it in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SymbolBel => "symbol-bel",
            Self::ZebraSsi => "zebra-ssi",
            Self::Honeywell => "honeywell",
            Self::Datalogic => "datalogic",
        }
    }
}
