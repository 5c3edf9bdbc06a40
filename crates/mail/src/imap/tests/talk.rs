//! An IMAP client that says what it is told to say.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A connection in the clear.
pub(super) struct Talk {
    stream: BufReader<TcpStream>,
    count: usize,
}

impl Talk {
    /// Connects and hears the greeting.
    pub(super) fn to(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).unwrap();
        let late = Some(Duration::from_secs(60));
        stream.set_read_timeout(late).unwrap();
        let mut talk = Talk {
            stream: BufReader::new(stream),
            count: 0,
        };
        let greeting = talk.line();
        assert!(greeting.starts_with(b"* OK "), "{}", text(&greeting));
        talk
    }

    /// As [`Talk::to`], signed in.
    pub(super) fn of(server: SocketAddr, user: &str, password: &str) -> Self {
        let mut talk = Talk::to(server);
        talk.ok(&format!("LOGIN {user} \"{password}\""));
        talk
    }

    /// A line, with the literals in it.
    pub(super) fn line(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        loop {
            let from = line.len();
            self.stream.read_until(b'\n', &mut line).unwrap();
            assert!(line.len() > from, "the server closed: {}", text(&line));
            let Some(length) = literal(&line[from..]) else {
                return line;
            };
            let mut bytes = vec![0; length];
            self.stream.read_exact(&mut bytes).unwrap();
            line.extend(bytes);
        }
    }

    /// Says a command and hears all of its answer, the tag left out. Where the server asks for it, what follows a literal is
    /// said: a command is cut behind each `}`.
    pub(super) fn say(&mut self, command: &[u8]) -> Vec<Vec<u8>> {
        self.count += 1;
        let tag = format!("a{} ", self.count);
        let mut parts = pieces(command).into_iter();
        let first = [tag.as_bytes(), parts.next().unwrap_or_default(), b"\r\n"].concat();
        self.stream.get_mut().write_all(&first).unwrap();
        let mut heard = Vec::new();
        loop {
            let line = self.line();
            if line.starts_with(b"+") {
                let part = parts.next().expect("the server waits for more");
                let part = [part, b"\r\n"].concat();
                self.stream.get_mut().write_all(&part).unwrap();
                continue;
            }
            match line.strip_prefix(tag.as_bytes()) {
                Some(end) => {
                    heard.push(end.to_vec());
                    return heard;
                }
                None => heard.push(line),
            }
        }
    }

    /// Says a command upon which the server ends the connection; the lines before that.
    pub(super) fn cut(&mut self, command: &str) -> Vec<String> {
        self.send(format!("cut {command}\r\n").as_bytes());
        let mut heard = Vec::new();
        while !self.stream.fill_buf().unwrap().is_empty() {
            heard.push(text(&self.line()));
        }
        heard
    }

    /// Says a command that must be answered with OK.
    pub(super) fn ok(&mut self, command: &str) -> Vec<String> {
        let heard = self.say(command.as_bytes());
        let heard: Vec<String> = heard.iter().map(|line| text(line)).collect();
        let last = heard.last().unwrap();
        assert!(last.starts_with("OK"), "{command}: {heard:?}");
        heard
    }

    /// Sends bytes as they are, without a tag.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
    }
}

/// A command cut behind each literal's announcement.
fn pieces(command: &[u8]) -> Vec<&[u8]> {
    let (mut parts, mut from) = (Vec::new(), 0);
    let mut at = 0;
    while let Some(end) = command[at..].windows(2).position(|two| two == b"\r\n") {
        let line = &command[from..at + end];
        at += end + 2;
        if let Some(length) = literal(&[line, b"\r\n"].concat()) {
            parts.push(line);
            (from, at) = (at, at + length);
        }
    }
    parts.push(&command[from..]);
    parts
}

/// The length of the literal that a line announces at its end.
fn literal(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"}\r\n")?;
    let from = line.iter().rposition(|byte| *byte == b'{')?;
    std::str::from_utf8(&line[from + 1..]).ok()?.parse().ok()
}

pub(super) fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim_end().to_owned()
}
