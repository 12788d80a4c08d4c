//! What a keyboard scanner typed, as bytes. Pure: key codes in, bytes out.
//!
//! The keys are read as on a US keyboard whatever the station's layout is, because that is what scanners type by default
//! and what makes digits digits. Control characters come as Ctrl with a key (Ctrl+] is the group separator of GS1
//! codes) or as ALT with a number on the keypad (ALT 029 the same); Enter and Tab become CR and TAB, which end a frame.

use evdev::KeyCode;

/// Which modifiers are held, and the number typed so far while ALT is.
#[derive(Debug, Default)]
pub(super) struct Keys {
    left_shift: bool,
    right_shift: bool,
    left_ctrl: bool,
    right_ctrl: bool,
    alt: bool,
    caps_lock: bool,
    alt_number: Option<u32>,
}

/// What happened to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Press {
    /// It went up.
    Up,
    /// It went down.
    Down,
    /// It is held and the system repeats it, which no scanner means.
    Repeat,
}

impl Press {
    /// From the value of a key event.
    pub(super) fn of(value: i32) -> Self {
        match value {
            0 => Self::Up,
            1 => Self::Down,
            _ => Self::Repeat,
        }
    }
}

impl Keys {
    /// Takes one key event; the byte that it completes, if it completes one.
    pub(super) fn press(&mut self, key: KeyCode, press: Press) -> Option<u8> {
        let down = match press {
            Press::Repeat => return None,
            Press::Down => true,
            Press::Up => false,
        };
        match key {
            KeyCode::KEY_LEFTSHIFT => self.left_shift = down,
            KeyCode::KEY_RIGHTSHIFT => self.right_shift = down,
            KeyCode::KEY_LEFTCTRL => self.left_ctrl = down,
            KeyCode::KEY_RIGHTCTRL => self.right_ctrl = down,
            KeyCode::KEY_LEFTALT | KeyCode::KEY_RIGHTALT => return self.alt(down),
            KeyCode::KEY_CAPSLOCK if down => self.caps_lock = !self.caps_lock,
            key if down => return self.down(key),
            _ => {}
        }
        None
    }

    /// ALT is pressed, or released: then the number typed meanwhile is a character.
    fn alt(&mut self, down: bool) -> Option<u8> {
        self.alt = down;
        let number = self.alt_number.take();
        if down { None } else { number.and_then(|number| u8::try_from(number).ok()) }
    }

    fn down(&mut self, key: KeyCode) -> Option<u8> {
        if self.alt {
            let digit = u32::from(digit(key)?);
            self.alt_number = Some(self.alt_number.unwrap_or(0).saturating_mul(10).saturating_add(digit));
            return None;
        }
        let (plain, shifted) = on_us_keyboard(key)?;
        let shift = self.left_shift || self.right_shift;
        if self.left_ctrl || self.right_ctrl {
            return control(if shift { shifted } else { plain });
        }
        // Caps Lock turns letters only.
        let shift = shift ^ (self.caps_lock && plain.is_ascii_alphabetic());
        Some(if shift { shifted } else { plain })
    }
}

/// The control character of Ctrl with a character, where there is one.
fn control(character: u8) -> Option<u8> {
    match character.to_ascii_uppercase() {
        upper @ (b'@'..=b'_') => Some(upper & 0x1f),
        b' ' | b'2' => Some(0),
        b'6' => Some(0x1e),
        b'-' => Some(0x1f),
        same @ (b'\r' | b'\t') => Some(same),
        _ => None,
    }
}

fn digit(key: KeyCode) -> Option<u8> {
    on_us_keyboard(key).map(|(plain, _)| plain).filter(u8::is_ascii_digit).map(|digit| digit - b'0')
}

/// The characters of a key without and with Shift.
fn on_us_keyboard(key: KeyCode) -> Option<(u8, u8)> {
    let both = |character| (character, character);
    Some(match key {
        KeyCode::KEY_A => (b'a', b'A'),
        KeyCode::KEY_B => (b'b', b'B'),
        KeyCode::KEY_C => (b'c', b'C'),
        KeyCode::KEY_D => (b'd', b'D'),
        KeyCode::KEY_E => (b'e', b'E'),
        KeyCode::KEY_F => (b'f', b'F'),
        KeyCode::KEY_G => (b'g', b'G'),
        KeyCode::KEY_H => (b'h', b'H'),
        KeyCode::KEY_I => (b'i', b'I'),
        KeyCode::KEY_J => (b'j', b'J'),
        KeyCode::KEY_K => (b'k', b'K'),
        KeyCode::KEY_L => (b'l', b'L'),
        KeyCode::KEY_M => (b'm', b'M'),
        KeyCode::KEY_N => (b'n', b'N'),
        KeyCode::KEY_O => (b'o', b'O'),
        KeyCode::KEY_P => (b'p', b'P'),
        KeyCode::KEY_Q => (b'q', b'Q'),
        KeyCode::KEY_R => (b'r', b'R'),
        KeyCode::KEY_S => (b's', b'S'),
        KeyCode::KEY_T => (b't', b'T'),
        KeyCode::KEY_U => (b'u', b'U'),
        KeyCode::KEY_V => (b'v', b'V'),
        KeyCode::KEY_W => (b'w', b'W'),
        KeyCode::KEY_X => (b'x', b'X'),
        KeyCode::KEY_Y => (b'y', b'Y'),
        KeyCode::KEY_Z => (b'z', b'Z'),
        KeyCode::KEY_1 => (b'1', b'!'),
        KeyCode::KEY_2 => (b'2', b'@'),
        KeyCode::KEY_3 => (b'3', b'#'),
        KeyCode::KEY_4 => (b'4', b'$'),
        KeyCode::KEY_5 => (b'5', b'%'),
        KeyCode::KEY_6 => (b'6', b'^'),
        KeyCode::KEY_7 => (b'7', b'&'),
        KeyCode::KEY_8 => (b'8', b'*'),
        KeyCode::KEY_9 => (b'9', b'('),
        KeyCode::KEY_0 => (b'0', b')'),
        KeyCode::KEY_MINUS => (b'-', b'_'),
        KeyCode::KEY_EQUAL => (b'=', b'+'),
        KeyCode::KEY_LEFTBRACE => (b'[', b'{'),
        KeyCode::KEY_RIGHTBRACE => (b']', b'}'),
        KeyCode::KEY_BACKSLASH => (b'\\', b'|'),
        KeyCode::KEY_SEMICOLON => (b';', b':'),
        KeyCode::KEY_APOSTROPHE => (b'\'', b'"'),
        KeyCode::KEY_GRAVE => (b'`', b'~'),
        KeyCode::KEY_COMMA => (b',', b'<'),
        KeyCode::KEY_DOT => (b'.', b'>'),
        KeyCode::KEY_SLASH => (b'/', b'?'),
        KeyCode::KEY_102ND => (b'<', b'>'),
        KeyCode::KEY_SPACE => both(b' '),
        KeyCode::KEY_TAB => both(b'\t'),
        KeyCode::KEY_ENTER | KeyCode::KEY_KPENTER => both(b'\r'),
        KeyCode::KEY_LINEFEED => both(b'\n'),
        KeyCode::KEY_KP0 => both(b'0'),
        KeyCode::KEY_KP1 => both(b'1'),
        KeyCode::KEY_KP2 => both(b'2'),
        KeyCode::KEY_KP3 => both(b'3'),
        KeyCode::KEY_KP4 => both(b'4'),
        KeyCode::KEY_KP5 => both(b'5'),
        KeyCode::KEY_KP6 => both(b'6'),
        KeyCode::KEY_KP7 => both(b'7'),
        KeyCode::KEY_KP8 => both(b'8'),
        KeyCode::KEY_KP9 => both(b'9'),
        KeyCode::KEY_KPDOT => both(b'.'),
        KeyCode::KEY_KPCOMMA => both(b','),
        KeyCode::KEY_KPPLUS => both(b'+'),
        KeyCode::KEY_KPMINUS => both(b'-'),
        KeyCode::KEY_KPASTERISK => both(b'*'),
        KeyCode::KEY_KPSLASH => both(b'/'),
        KeyCode::KEY_KPEQUAL => both(b'='),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Types a line of words: `A` is a key pressed and released, `shift+A` with the key held, `alt+0+2+9` a number,
    /// `A-down` and `A-up` one event.
    fn typed(line: &str) -> Vec<u8> {
        let mut keys = Keys::default();
        let mut bytes = Vec::new();
        let mut event = |key: &str, press| bytes.extend(keys.press(format!("KEY_{key}").parse().unwrap(), press));
        for word in line.split(' ') {
            if let Some(key) = word.strip_suffix("-down") {
                event(key, Press::Down);
                continue;
            }
            if let Some(key) = word.strip_suffix("-up") {
                event(key, Press::Up);
                continue;
            }
            let (held, keys) = match word.split_once('+') {
                Some((held, keys)) => (Some(held), keys),
                None => (None, word),
            };
            held.iter().for_each(|held| event(held, Press::Down));
            for key in keys.split('+') {
                event(key, Press::Down);
                event(key, Press::Repeat);
                event(key, Press::Up);
            }
            held.iter().for_each(|held| event(held, Press::Up));
        }
        bytes
    }

    #[track_caller]
    fn check(line: &str, bytes: &str) {
        assert_eq!(String::from_utf8_lossy(&typed(line)), bytes, "{line}");
    }

    #[test]
    fn digits_letters_and_marks_are_read_as_on_a_us_keyboard() {
        check("8 5 9 4 KP1 KP5 KP6 ENTER", "8594156\r");
        check("LEFTSHIFT+S+F 1 A RIGHTSHIFT+MINUS MINUS TAB", "SF1a_-\t");
        check("LEFTSHIFT+SEMICOLON SLASH SLASH LEFTSHIFT+SLASH EQUAL LEFTSHIFT+7 KPENTER", "://?=&\r");
        check("LEFTSHIFT+9 LEFTSHIFT+0 LEFTSHIFT+COMMA 102ND DOT KPDOT SPACE", "()<<.. ");
    }

    #[test]
    fn two_shift_keys_are_two_keys() {
        check("LEFTSHIFT-down RIGHTSHIFT-down A LEFTSHIFT-up A RIGHTSHIFT-up A", "AAa");
    }

    #[test]
    fn caps_lock_turns_letters_only() {
        check("CAPSLOCK A 1 LEFTSHIFT+A LEFTSHIFT+1 CAPSLOCK A", "A1a!a");
    }

    #[test]
    fn the_group_separator_comes_in_two_ways() {
        check("1 LEFTCTRL+RIGHTBRACE 1 RIGHTCTRL+RIGHTBRACE", "1\u{1d}1\u{1d}");
        check("1 LEFTALT+KP0+KP2+KP9 1 LEFTALT+0+2+9 RIGHTALT+2+9", "1\u{1d}1\u{1d}\u{1d}");
    }

    #[test]
    fn other_control_characters_come_with_ctrl() {
        check("LEFTCTRL+M LEFTCTRL+J LEFTCTRL+I", "\r\n\t");
        check(
            "LEFTCTRL+LEFTBRACE LEFTCTRL+BACKSLASH LEFTCTRL+6 LEFTCTRL+MINUS LEFTCTRL+D",
            "\u{1b}\u{1c}\u{1e}\u{1f}\u{4}",
        );
        check("LEFTCTRL+SLASH LEFTCTRL+F1", "");
    }

    #[test]
    fn alt_numbers_are_bytes_and_nothing_else() {
        assert_eq!(typed("LEFTALT+6+5 LEFTALT+0+2+3+3"), [65, 233]);
        assert_eq!(typed("LEFTALT+2+5+6 LEFTALT+A LEFTALT+9+9+9+9+9+9+9+9+9+9+9 LEFTALT-down LEFTALT-up"), [0u8; 0]);
    }

    #[test]
    fn keys_without_a_character_are_nothing() {
        check("F1 ESC BACKSPACE NUMLOCK LEFTMETA POWER UP A", "a");
    }

    proptest! {
        #[test]
        fn any_keys_in_any_order_do_no_harm(events in prop::collection::vec((0u16..0x300, -1i32..4), 0..200)) {
            let mut keys = Keys::default();
            for (code, value) in events {
                keys.press(KeyCode::new(code), Press::of(value));
            }
        }
    }
}
