//! The way back to a scanner: feedback, acknowledgements, init bytes.
//!
//! Writing happens in a thread of its own, because a scanner that does not take its bytes must never hold up a verdict.

use packline_protocol::id::ScannerId;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// How many messages may wait for a scanner that is slow to take them.
pub const WAITING_MAX: usize = 16;
/// The longest message to a scanner, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 1024;

/// How long a source waits for its last message when it closes the device.
const DETACH_WAIT: Duration = Duration::from_millis(300);

/// A handle for writing to one scanner, whether it is there or not. Cheap to clone; never waits.
#[derive(Debug, Clone)]
pub struct ScannerWriter {
    scanner: ScannerId,
    queue: Sender<Message>,
    shared: Arc<Shared>,
}

/// Why bytes were not sent to a scanner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The scanner is away.
    #[error("scanner `{scanner}` is offline")]
    Offline {
        /// Which scanner.
        scanner: ScannerId,
    },
    /// The scanner has not taken what was sent before.
    #[error("scanner `{scanner}` takes no more bytes")]
    Busy {
        /// Which scanner.
        scanner: ScannerId,
    },
    /// More bytes than any scanner wants at once.
    #[error("message of {len} bytes to scanner `{scanner}`; send at most {MESSAGE_BYTES_MAX}")]
    TooLong {
        /// Which scanner.
        scanner: ScannerId,
        /// How many bytes were given.
        len: usize,
    },
}

#[derive(Debug, Default)]
struct Shared {
    online: AtomicBool,
    waiting: AtomicUsize,
    unwritten: AtomicU64,
}

enum Message {
    Attach(Box<dyn Write + Send>),
    Bytes(Vec<u8>),
    Detach(Sender<()>),
}

impl ScannerWriter {
    /// A writer for a scanner that is away. Its thread ends when the last handle is dropped.
    pub(super) fn start(scanner: ScannerId) -> std::io::Result<Self> {
        let (queue, messages) = channel();
        let shared = Arc::new(Shared::default());
        let mine = Arc::clone(&shared);
        std::thread::Builder::new()
            .name(format!("write-{scanner}"))
            .stack_size(128 * 1024)
            .spawn(move || write_all(&messages, &mine))?;
        Ok(Self { scanner, queue, shared })
    }

    /// Hands bytes over for sending. Empty bytes are sent by doing nothing.
    pub fn send(&self, bytes: Vec<u8>) -> Result<(), WriteError> {
        let scanner = self.scanner.clone();
        if bytes.is_empty() {
            return Ok(());
        }
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(WriteError::TooLong { scanner, len: bytes.len() });
        }
        if !self.shared.online.load(Ordering::Acquire) {
            self.shared.unwritten.fetch_add(1, Ordering::Relaxed);
            return Err(WriteError::Offline { scanner });
        }
        if self.shared.waiting.fetch_add(1, Ordering::AcqRel) >= WAITING_MAX {
            self.shared.waiting.fetch_sub(1, Ordering::AcqRel);
            self.shared.unwritten.fetch_add(1, Ordering::Relaxed);
            return Err(WriteError::Busy { scanner });
        }
        self.queue.send(Message::Bytes(bytes)).map_err(|_| WriteError::Offline { scanner })
    }

    /// Which scanner this writes to.
    pub fn scanner(&self) -> &ScannerId {
        &self.scanner
    }

    /// Whether the scanner is there.
    pub fn is_online(&self) -> bool {
        self.shared.online.load(Ordering::Acquire)
    }

    /// How many messages could not be written.
    pub(super) fn unwritten(&self) -> u64 {
        self.shared.unwritten.load(Ordering::Relaxed)
    }

    /// Writes to `port` from now on.
    pub(super) fn attach(&self, port: Box<dyn Write + Send>) {
        if self.queue.send(Message::Attach(port)).is_ok() {
            self.shared.online.store(true, Ordering::Release);
        }
    }

    /// Closes the port after what was sent before, and waits a moment for that.
    pub(super) fn detach(&self) {
        self.shared.online.store(false, Ordering::Release);
        let (done, closed) = channel();
        if self.queue.send(Message::Detach(done)).is_ok() {
            let _ = closed.recv_timeout(DETACH_WAIT);
        }
    }
}

fn write_all(messages: &Receiver<Message>, shared: &Shared) {
    let mut port: Option<Box<dyn Write + Send>> = None;
    for message in messages {
        match message {
            Message::Attach(opened) => port = Some(opened),
            Message::Detach(done) => {
                port = None;
                let _ = done.send(());
            }
            Message::Bytes(bytes) => {
                let written = port.as_mut().is_some_and(|port| port.write_all(&bytes).is_ok());
                shared.unwritten.fetch_add(u64::from(!written), Ordering::Relaxed);
                shared.waiting.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    /// A port that takes bytes only when it is told to.
    struct Stubborn {
        go: Receiver<()>,
        taken: Sender<Vec<u8>>,
    }

    impl Write for Stubborn {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.go.recv().map_err(|_| io::ErrorKind::BrokenPipe)?;
            self.taken.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn writer() -> ScannerWriter {
        ScannerWriter::start(ScannerId::parse("gun").unwrap()).unwrap()
    }

    #[test]
    fn a_scanner_that_takes_nothing_is_busy_and_holds_nobody_up() {
        let (writer, (go, gate), (taken, seen)) = (writer(), channel(), channel());
        writer.attach(Box::new(Stubborn { go: gate, taken }));
        for n in 0..WAITING_MAX as u8 {
            writer.send(vec![n]).unwrap();
        }
        let refused = writer.send(vec![99]).unwrap_err();
        assert_eq!(refused.to_string(), "scanner `gun` takes no more bytes");
        for n in 0..WAITING_MAX as u8 {
            go.send(()).unwrap();
            assert_eq!(seen.recv().unwrap(), [n]);
        }
        assert_eq!(writer.unwritten(), 1);
    }

    #[test]
    fn a_scanner_that_is_away_is_told_nothing_and_says_so() {
        let writer = writer();
        assert_eq!(writer.send(vec![7]).unwrap_err().to_string(), "scanner `gun` is offline");
        assert_eq!(writer.send(Vec::new()), Ok(()));
        assert_eq!(writer.unwritten(), 1);
    }

    #[test]
    fn what_was_sent_before_the_port_closes_is_written() {
        let (writer, (go, gate), (taken, seen)) = (writer(), channel(), channel());
        writer.attach(Box::new(Stubborn { go: gate, taken }));
        go.send(()).unwrap();
        writer.send(b"E".to_vec()).unwrap();
        writer.detach();
        assert_eq!(seen.recv().unwrap(), b"E");
        assert!(seen.recv().is_err(), "the port is closed");
        assert!(!writer.is_online());
    }

    #[test]
    fn a_message_longer_than_any_scanner_wants_is_refused() {
        let writer = writer();
        let refused = writer.send(vec![0; MESSAGE_BYTES_MAX + 1]).unwrap_err();
        assert_eq!(refused.to_string(), "message of 1025 bytes to scanner `gun`; send at most 1024");
    }
}
