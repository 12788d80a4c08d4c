//! A small mail server: takes letters as SMTP says, and can be busy or unwilling.

use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with the next letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// 451: try again later.
    Busy,
    /// 550: never.
    Unwilling,
}

/// A letter: to whom, and its text with headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The addresses of the envelope.
    pub to: Vec<String>,
    /// Headers and body.
    pub text: String,
}

/// The server.
#[derive(Clone, Default)]
pub struct PostOffice(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    moods: Vec<Mood>,
    letters: Vec<Letter>,
}

impl PostOffice {
    /// Listens from now on; gives its port.
    pub async fn start(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let office = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(office.clone().talk(stream));
            }
        });
        port
    }

    /// The next letters meet these moods.
    pub fn trouble(&self, moods: &[Mood]) {
        self.0.lock().unwrap().moods = moods.iter().rev().copied().collect();
    }

    /// The letters since this was last asked.
    pub fn letters(&self) -> Vec<Letter> {
        std::mem::take(&mut self.0.lock().unwrap().letters)
    }

    async fn talk(self, stream: TcpStream) {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        let mut letter = Letter { to: Vec::new(), text: String::new() };
        let _ = write.write_all(b"220 post.example ESMTP\r\n").await;
        while let Ok(Some(line)) = lines.next_line().await {
            let upper = line.to_ascii_uppercase();
            let answer = if upper.starts_with("EHLO") || upper.starts_with("HELO") {
                "250 post.example"
            } else if upper.starts_with("RCPT TO:") {
                letter.to.push(line[8..].trim_matches(['<', '>', ' ']).to_owned());
                "250 ok"
            } else if upper == "DATA" {
                let _ = write.write_all(b"354 go on\r\n").await;
                while let Ok(Some(line)) = lines.next_line().await {
                    if line == "." {
                        break;
                    }
                    letter.text += line.strip_prefix('.').unwrap_or(&line);
                    letter.text.push('\n');
                }
                self.judge(std::mem::replace(&mut letter, Letter { to: Vec::new(), text: String::new() }))
            } else if upper == "QUIT" {
                "221 bye"
            } else {
                "250 ok"
            };
            if write.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() || upper == "QUIT" {
                return;
            }
        }
    }

    fn judge(&self, letter: Letter) -> &'static str {
        let mut book = self.0.lock().unwrap();
        match book.moods.pop() {
            Some(Mood::Busy) => "451 try again later",
            Some(Mood::Unwilling) => "550 not here",
            None => {
                book.letters.push(letter);
                "250 taken"
            }
        }
    }
}
