//! Orders in JSON: one object, a list of objects, or one object per line.
//!
//! The text is cut into objects first and each is read by itself, so that memory stays small and a bad one does not
//! take the others with it.

use super::model::{Options, Problem};
use super::read::{Broken, Place, Read1, Text};
use crate::orders::doc;
use crate::orders::input::{Fault, OrderInput};
use serde_json::Value;
use std::io::{self, BufRead};

/// The longest order, in bytes.
const OBJECT_MAX: usize = 1024 * 1024;

/// A JSON file that is being read.
pub(super) struct JsonOrders {
    text: Text,
    shape: Shape,
    count: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Nothing was read yet.
    Unknown,
    /// Inside `[…]`.
    List,
    /// Each line is an order: a bad line ends at its end.
    Lines,
    /// Objects one after the other, each over several lines.
    Objects,
    /// After the end.
    Over,
}

impl JsonOrders {
    pub fn new(text: Text) -> Self {
        JsonOrders { text, shape: Shape::Unknown, count: 0 }
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn next(&mut self, options: &Options) -> Result<Option<Read1>, Broken> {
        let Some(bytes) = self.cut()? else { return Ok(None) };
        self.count += 1;
        Ok(Some(self.read(&bytes, options)))
    }

    fn read(&self, bytes: &[u8], options: &Options) -> Read1 {
        let place = Place { row: self.count, ..Place::default() };
        let value: Value = match serde_json::from_slice(bytes) {
            Ok(value) => value,
            Err(error) => {
                let message = format!("this is not JSON: {error}");
                let problem =
                    Problem { row: self.count, order_no: None, column: None, given: None, message, note: false };
                return Read1 { input: OrderInput::default(), problems: vec![problem], place };
            }
        };
        let order_no = value.get("order_no").and_then(Value::as_str).map(|text| text.chars().take(64).collect());
        let read = doc::read(&with_platform(value, options));
        let (input, faults) = match read {
            Ok(input) => (input, Vec::new()),
            Err(faults) => (OrderInput::default(), faults),
        };
        let reference = Some(format!("order {}", self.count));
        let problem = |fault: Fault| place.problem(fault, order_no.clone());
        Read1 { input: OrderInput { reference, ..input }, problems: faults.into_iter().map(problem).collect(), place }
    }

    /// The bytes of the next order.
    fn cut(&mut self) -> Result<Option<Vec<u8>>, Broken> {
        if self.shape == Shape::Unknown {
            self.begin()?;
        }
        match self.shape {
            Shape::Lines => self.cut_line(),
            Shape::Over => Ok(None),
            _ => self.cut_object(),
        }
    }

    /// A list begins with `[`. Of objects, the first line says whether each line is one.
    fn begin(&mut self) -> Result<(), Broken> {
        self.skip_blanks()?;
        let bytes = self.text.fill_buf()?;
        if bytes.first() == Some(&b'[') {
            self.text.consume(1);
            self.shape = Shape::List;
            return Ok(());
        }
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let is_whole = serde_json::from_slice::<Value>(line).is_ok();
        self.shape = if is_whole { Shape::Lines } else { Shape::Objects };
        Ok(())
    }

    fn cut_line(&mut self) -> Result<Option<Vec<u8>>, Broken> {
        loop {
            let mut line = Vec::new();
            let mut limited = io::Read::take(&mut self.text, OBJECT_MAX as u64 + 1);
            if limited.read_until(b'\n', &mut line)? == 0 {
                self.shape = Shape::Over;
                return Ok(None);
            }
            if line.len() > OBJECT_MAX {
                return Err(self.too_long());
            }
            if !line.trim_ascii().is_empty() {
                return Ok(Some(line));
            }
        }
    }

    /// One object, from its brace to the brace that closes it. Anything else goes up to the next comma or line.
    fn cut_object(&mut self) -> Result<Option<Vec<u8>>, Broken> {
        loop {
            self.skip_blanks()?;
            let next = self.text.fill_buf()?.first().copied();
            match next {
                None if self.shape == Shape::List => return Err(self.ended_early()),
                None => return self.over(),
                Some(b',') => self.text.consume(1),
                Some(b']') if self.shape == Shape::List => return self.over(),
                Some(_) => break,
            }
        }
        let mut object = Vec::new();
        let mut scan = Scan::default();
        loop {
            let bytes = self.text.fill_buf()?;
            if bytes.is_empty() {
                return if scan.depth == 0 && !object.is_empty() { Ok(Some(object)) } else { Err(self.ended_early()) };
            }
            let end = bytes.iter().position(|byte| scan.is_end(*byte));
            // A mark that ends nothing is taken by itself, so that reading always goes on.
            let is_alone = end == Some(0) && object.is_empty();
            let taken = end.map_or(bytes.len(), |end| if scan.closed || is_alone { end + 1 } else { end });
            object.extend_from_slice(&bytes[..taken]);
            self.text.consume(taken);
            if object.len() > OBJECT_MAX {
                return Err(self.too_long());
            }
            if end.is_some() {
                return Ok(Some(object));
            }
        }
    }

    fn over(&mut self) -> Result<Option<Vec<u8>>, Broken> {
        self.shape = Shape::Over;
        Ok(None)
    }

    fn skip_blanks(&mut self) -> io::Result<()> {
        loop {
            let bytes = self.text.fill_buf()?;
            let blanks = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let is_all = blanks == bytes.len() && blanks > 0;
            self.text.consume(blanks);
            if !is_all {
                return Ok(());
            }
        }
    }

    fn too_long(&self) -> Broken {
        let why = format!("the order has more than {OBJECT_MAX} bytes; a brace, bracket or quote may be missing in it");
        Broken::Shape { row: self.count + 1, why }
    }

    fn ended_early(&self) -> Broken {
        let why =
            "the file ends in the middle of it; a brace, bracket or quote is missing, or the file was cut".to_owned();
        Broken::Shape { row: self.count + 1, why }
    }
}

/// How deep a place in the text is.
#[derive(Default)]
struct Scan {
    depth: usize,
    in_text: bool,
    escaped: bool,
    /// The value was closed by the byte that ended it.
    closed: bool,
}

impl Scan {
    /// Whether the value ends with this byte, or before it when it is not part of the value.
    fn is_end(&mut self, byte: u8) -> bool {
        if self.in_text {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_text = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_text = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth > 0 => {
                self.depth -= 1;
                self.closed = self.depth == 0;
                return self.closed;
            }
            b',' | b'\n' | b']' if self.depth == 0 => return true,
            _ => {}
        }
        false
    }
}

/// The order with the platform of the whole file where it names none.
fn with_platform(mut value: Value, options: &Options) -> Value {
    if let (Value::Object(map), Some(platform)) = (&mut value, &options.platform) {
        let given = map.entry("platform").or_insert(Value::Null);
        if given.is_null() {
            *given = Value::from(platform.as_str());
        }
    }
    value
}
