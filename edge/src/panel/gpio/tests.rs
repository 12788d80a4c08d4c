use super::*;
use crate::scan::config::Problem;
use std::sync::{Arc, Mutex};

/// Lines that remember how they were switched; one of them may be stuck.
#[derive(Debug, Clone, Default)]
struct Board {
    switched: Arc<Mutex<Vec<(Pin, bool)>>>,
    stuck: Option<Pin>,
}

impl Pins for Board {
    fn set(&mut self, pin: Pin, on: bool) -> Result<(), LightError> {
        self.switched.lock().unwrap().push((pin, on));
        Ok(())
    }

    fn verify(&mut self, pin: Pin, on: bool) -> Result<(), LightError> {
        if on && self.stuck == Some(pin) {
            return Err(LightError::SelfTest { chip: "/dev/gpiochip0".into(), pin, offset: 17, on });
        }
        Ok(())
    }
}

impl Board {
    fn take(&self) -> Vec<String> {
        let sign = |on| if on { '+' } else { '-' };
        self.switched.lock().unwrap().drain(..).map(|(pin, on)| format!("{}{pin}", sign(on))).collect()
    }
}

fn config(table: &str) -> LightConfig {
    toml::from_str(&format!("chip = \"/dev/gpiochip0\"\n{table}")).unwrap()
}

const ALL: &str = "red = 17\namber = 27\ngreen = 22\nbuzzer = 23\nline_stop = 24\n";

fn light(table: &str) -> (GpioLight, Board) {
    let board = Board::default();
    (GpioLight::with_pins(&config(table), Box::new(board.clone())), board)
}

/// One character for each 50 ms: what is on then.
fn picture(signal: Signal, columns: u64, of: impl Fn(Lamps) -> bool) -> String {
    let mut stack = Stack::new(false);
    stack.show(signal, Moment(1000));
    (0..columns).map(|column| if of(stack.at(Moment(1000 + column * 50)).0) { '#' } else { '.' }).collect()
}

#[track_caller]
fn check(signal: Signal, of: impl Fn(Lamps) -> bool, expected: &str) {
    assert_eq!(picture(signal, expected.len() as u64, of), expected, "{signal:?}");
}

#[test]
fn release_is_green_and_short() {
    check(Signal::Release, |lamps| lamps.green, "##############################..........");
    check(
        Signal::Release,
        |lamps| lamps.red || lamps.amber || lamps.buzzer,
        "........................................",
    );
}

#[test]
fn stop_blinks_red_and_sounds_in_threes_until_something_else_is_shown() {
    check(Signal::Stop, |lamps| lamps.red, "#####.....#####.....#####.....");
    check(Signal::Stop, |lamps| lamps.buzzer, "####...####...####............");
    let hour = Moment(3_600_000);
    let mut stack = Stack::new(false);
    stack.show(Signal::Stop, Moment(0));
    assert!(stack.at(hour).1.is_some_and(|next| next > hour));
}

#[test]
fn ask_blinks_amber_in_pairs() {
    check(Signal::Ask, |lamps| lamps.amber, "###...###...............###...###...............");
    check(Signal::Ask, |lamps| lamps.buzzer, "##..##..................");
}

#[test]
fn a_blind_station_flashes_now_and_then() {
    check(Signal::Blind, |lamps| lamps.amber, "##......................................##");
}

#[test]
fn signals_differ_without_their_colour() {
    let any = |lamps: Lamps| lamps.red || lamps.amber || lamps.green;
    let signals = [Signal::Idle, Signal::Release, Signal::Stop, Signal::Ask, Signal::Blind];
    for (index, one) in signals.iter().enumerate() {
        for other in &signals[index + 1..] {
            assert_ne!(picture(*one, 40, any), picture(*other, 40, any), "{one:?} and {other:?}");
        }
    }
}

#[test]
fn following_the_announced_changes_shows_the_whole_pattern() {
    for signal in [Signal::Release, Signal::Stop, Signal::Ask, Signal::Blind, Signal::Test] {
        let mut stack = Stack::new(false);
        stack.show(signal, Moment(77));
        let (mut lamps, mut next) = stack.at(Moment(77));
        for moment in (77..12_000).map(Moment) {
            if next == Some(moment) {
                (lamps, next) = stack.at(moment);
            }
            assert_eq!(stack.at(moment).0, lamps, "{signal:?} at {moment:?}");
            assert!(next.is_none_or(|next| next > moment), "{signal:?} at {moment:?}");
        }
    }
}

#[test]
fn only_what_changes_is_switched() {
    let (mut light, board) = light(ALL);
    assert_eq!(light.show(Signal::Idle, Moment(0)).unwrap(), None);
    assert_eq!(board.take(), ["+line_stop"]);
    let next = light.show(Signal::Release, Moment(10)).unwrap().unwrap();
    assert_eq!(board.take(), ["+green"]);
    assert_eq!(light.tick(next).unwrap(), None);
    assert_eq!(board.take(), ["-green"]);
    light.show(Signal::Stop, Moment(5000)).unwrap();
    assert_eq!(board.take(), ["+red", "+buzzer", "-line_stop"]);
    light.dark().unwrap();
    assert_eq!(board.take(), ["-red", "-buzzer"]);
}

#[test]
fn the_relay_is_wired_for_what_happens_when_the_station_dies() {
    let relay = |table: &str, signal| {
        let (mut light, board) = light(table);
        light.show(signal, Moment(0)).unwrap();
        board.take().contains(&"+line_stop".to_owned())
    };
    let stops = format!("{ALL}line_stop_wiring = \"energised-stops\"\n");
    assert!(relay(ALL, Signal::Idle) && relay(ALL, Signal::Ask) && !relay(ALL, Signal::Stop));
    assert!(!relay(&stops, Signal::Idle) && !relay(&stops, Signal::Ask) && relay(&stops, Signal::Stop));
    assert!(!relay(&format!("{ALL}stop_on_ask = true\n"), Signal::Ask));
}

#[test]
fn the_self_test_switches_every_line_and_names_the_one_that_does_not_follow() {
    let (mut good, board) = light(ALL);
    good.self_test().unwrap();
    assert_eq!(board.take().len(), 10);
    let stuck = Board { stuck: Some(Pin::Red), ..Board::default() };
    let failed = GpioLight::with_pins(&config(ALL), Box::new(stuck)).self_test().unwrap_err();
    assert_eq!(
        failed.to_string(),
        "light.red (line 17 of GPIO chip `/dev/gpiochip0`) was switched on and reads off; check the wiring"
    );
}

#[test]
fn a_missing_chip_is_named_and_the_station_goes_on_without_light() {
    let missing = LightConfig { chip: "/nowhere/gpiochip9".into(), ..config(ALL) };
    let (mut light, problem) = open(Some(&missing));
    assert!(problem.unwrap().to_string().starts_with("failed to take the lines of GPIO chip `/nowhere/gpiochip9`: "));
    assert_eq!(light.show(Signal::Stop, Moment(0)).unwrap(), None);
    assert!(open(None).1.is_none());
}

#[test]
fn the_thread_blinks_and_ends_in_the_dark() {
    let (light, board) = light(ALL);
    let thread = LightThread::start(Box::new(light), Signal::Idle).unwrap();
    thread.show(Signal::Stop);
    let mut seen = Vec::new();
    let deadline = clock::instant() + Duration::from_secs(20);
    while seen.iter().filter(|switch| *switch == "+red").count() < 3 {
        assert!(clock::instant() < deadline, "{seen:?}");
        seen.extend(board.take());
        std::thread::yield_now();
    }
    drop(thread);
    seen.extend(board.take());
    let last_of = |pin: &str| seen.iter().rev().find(|switch| switch.ends_with(pin)).unwrap().clone();
    assert_eq!([last_of("red"), last_of("buzzer"), last_of("line_stop")], ["-red", "-buzzer", "-line_stop"]);
}

#[test]
fn a_table_that_cannot_be_right_is_refused_with_key_and_value() {
    let refusals = |table: &str| problems(&config(table)).iter().map(Problem::to_string).collect::<Vec<_>>();
    assert_eq!(refusals(ALL), [""; 0]);
    assert_eq!(refusals("red = 17\ngreen = 17"), ["light.green is `17`; give another line, this one is light.red"]);
    assert_eq!(refusals("red = 5000"), ["light.red is `5000`; give a line number from 0 to 1023"]);
    assert_eq!(
        refusals(""),
        ["light.red is missing; give the line of at least one of red, amber, green, buzzer, line_stop"]
    );
    let relative = LightConfig { chip: "gpiochip0".into(), ..config(ALL) };
    assert_eq!(
        problems(&relative)[0].to_string(),
        "light.chip is `gpiochip0`; give a whole path, for example /dev/gpiochip0"
    );
}
