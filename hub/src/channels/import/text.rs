//! From a file's bytes to UTF-8 text, a little at a time.

use encoding_rs::{CoderResult, Decoder, Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};
use std::io::{self, Read};

/// How a file writes its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileText {
    /// The encoding.
    pub encoding: &'static Encoding,
    /// Bytes of the byte order mark at its begin.
    pub mark: usize,
}

/// Looks at all bytes of a file: a byte order mark says it, else it is UTF-8 when all of it is, else GB18030, the
/// national standard that holds GBK and GB2312.
pub fn sniff(mut file: impl Read) -> io::Result<FileText> {
    let mut start = Vec::new();
    (&mut file).take(4).read_to_end(&mut start)?;
    for (mark, encoding) in [(&b"\xEF\xBB\xBF"[..], UTF_8), (b"\xFF\xFE", UTF_16LE), (b"\xFE\xFF", UTF_16BE)] {
        if start.starts_with(mark) {
            return Ok(FileText { encoding, mark: mark.len() });
        }
    }
    let is_utf8 = is_utf8(io::Cursor::new(start).chain(file))?;
    Ok(FileText { encoding: if is_utf8 { UTF_8 } else { GB18030 }, mark: 0 })
}

fn is_utf8(mut file: impl Read) -> io::Result<bool> {
    let mut buffer = vec![0; BUFFER];
    let mut held = 0;
    loop {
        let read = file.read(&mut buffer[held..])?;
        let bytes = &buffer[..held + read];
        let valid = match std::str::from_utf8(bytes) {
            Ok(_) => bytes.len(),
            // The last character may be cut by the end of the buffer, but not by the end of the file.
            Err(error) if error.error_len().is_none() && read > 0 => error.valid_up_to(),
            Err(_) => return Ok(false),
        };
        let length = bytes.len();
        buffer.copy_within(valid..length, 0);
        held = length - valid;
        if read == 0 {
            return Ok(true);
        }
    }
}

const BUFFER: usize = 64 * 1024;

/// Reads a file as UTF-8. A byte that is not text becomes U+FFFD, so that one bad cell is one bad cell.
pub struct Utf8Reader<R> {
    file: R,
    decoder: Decoder,
    bytes: Vec<u8>,
    /// What of `bytes` is not decoded yet.
    pending: std::ops::Range<usize>,
    text: Vec<u8>,
    /// What of `text` is not handed out yet.
    ready: std::ops::Range<usize>,
    ended: bool,
}

impl<R: Read> Utf8Reader<R> {
    /// A reader that begins at the file's first byte.
    pub fn new(mut file: R, text: FileText) -> io::Result<Self> {
        let mut mark = vec![0; text.mark];
        file.read_exact(&mut mark)?;
        Ok(Utf8Reader {
            file,
            decoder: text.encoding.new_decoder_without_bom_handling(),
            bytes: vec![0; BUFFER],
            pending: 0..0,
            text: vec![0; 2 * BUFFER],
            ready: 0..0,
            ended: false,
        })
    }

    fn decode_more(&mut self) -> io::Result<()> {
        while self.ready.is_empty() && !self.ended {
            if self.pending.is_empty() {
                let read = self.file.read(&mut self.bytes)?;
                self.pending = 0..read;
            }
            let is_last = self.pending.is_empty();
            let bytes = &self.bytes[self.pending.clone()];
            let (result, read, written, _) = self.decoder.decode_to_utf8(bytes, &mut self.text, is_last);
            self.pending.start += read;
            self.ready = 0..written;
            self.ended = is_last && result == CoderResult::InputEmpty;
        }
        Ok(())
    }
}

impl<R: Read> Read for Utf8Reader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.decode_more()?;
        let length = self.ready.len().min(out.len());
        out[..length].copy_from_slice(&self.text[self.ready.start..self.ready.start + length]);
        self.ready.start += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> String {
        let text = sniff(bytes).unwrap();
        let mut out = String::new();
        Utf8Reader::new(bytes, text).unwrap().read_to_string(&mut out).unwrap();
        out
    }

    #[test]
    fn each_usual_writing_gives_the_same_text() {
        let text = "订单号,数量\n甲-1,2\n";
        let utf16 = |big: bool| -> Vec<u8> {
            let units =
                text.encode_utf16().flat_map(move |unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() });
            if big {
                [0xFE, 0xFF].into_iter().chain(units).collect()
            } else {
                [0xFF, 0xFE].into_iter().chain(units).collect()
            }
        };
        assert_eq!(read(text.as_bytes()), text);
        assert_eq!(read(&[b"\xEF\xBB\xBF", text.as_bytes()].concat()), text);
        assert_eq!(read(&GB18030.encode(text).0), text);
        assert_eq!(read(&utf16(false)), text);
        assert_eq!(read(&utf16(true)), text);
        assert_eq!(read(b""), "");
    }

    #[test]
    fn a_character_on_the_edge_of_the_buffer_is_whole() {
        for shift in 0..4 {
            let text = format!("{}{}", "a".repeat(shift), "赠".repeat(BUFFER));
            assert_eq!(read(text.as_bytes()), text);
            assert_eq!(read(&GB18030.encode(&text).0), text);
        }
        assert_eq!(sniff(&"a赠".as_bytes()[..3]).unwrap().encoding, GB18030, "cut in the middle of a character");
    }

    proptest! {
        #[test]
        fn any_bytes_become_some_text(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            read(&bytes);
        }
    }
}
