//! Lines for the terminal.

use crate::clock::{instant, wall_ms};
use crate::story::Audience;
use crate::story::book::Line;
use packline_protocol::verdict::{Outcome, ReasonCode};
use std::io::IsTerminal as _;
use std::time::Instant;

/// Shows a story as it goes.
#[derive(Debug)]
pub struct Show {
    start: Instant,
    colours: bool,
}

impl Show {
    /// A show that begins now.
    pub fn new() -> Show {
        Show { start: instant(), colours: std::io::stdout().is_terminal() }
    }
}

impl Audience for Show {
    fn chapter(&mut self, title: &str) {
        println!("{:6.1} s  {title}", self.start.elapsed().as_secs_f32());
    }

    fn scan(&mut self, line: &Line) {
        let Line { station, code, outcome, reasons, what } = line;
        let said = said(*outcome, self.colours);
        println!("          {station}  {said}  {code:<28} {what}{}", in_brackets(&reasons.join(", ")));
    }
}

/// One scan of a live site, with the time in China.
pub fn scan_line(station: &str, code: &str, outcome: Outcome, reason: Option<&str>, colours: bool) -> String {
    let said = said(outcome, colours);
    let sentence = reason.and_then(|key| ReasonCode::ALL.iter().find(|code| code.key() == key)).map_or_else(
        || reason.unwrap_or_default().to_owned(),
        |code| format!("{} {}", code.zh().sentence, code.en().sentence),
    );
    format!("{}  {station}  {said}  {code:<28} {sentence}", china_time(wall_ms()))
}

/// The answer in both languages, equally wide whatever it is.
fn said(outcome: Outcome, colours: bool) -> String {
    let text = format!("{} {:<7}", outcome.zh(), outcome.en());
    let colour = match outcome {
        Outcome::Release => 32,
        Outcome::Ask => 33,
        Outcome::Stop => 31,
    };
    if colours { format!("\x1b[1;{colour}m{text}\x1b[0m") } else { text }
}

fn in_brackets(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" ({text})") }
}

/// Hours, minutes and seconds at UTC+8.
fn china_time(wall_ms: i64) -> String {
    let seconds = wall_ms.div_euclid(1_000) + 8 * 3_600;
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_the_answer_and_the_reason_in_both_languages() {
        let line = scan_line("pack-1", "SF0000000000017", Outcome::Stop, Some("cancelled"), false);
        assert!(line.contains("拦截 Stop") && line.contains("订单已取消") && line.contains("cancelled"), "{line}");
    }

    #[test]
    fn the_time_is_that_of_china() {
        assert_eq!(china_time(1_793_498_400_000), "10:00:00");
    }
}
