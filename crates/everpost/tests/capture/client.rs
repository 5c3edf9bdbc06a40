//! A small SMTP client, which says what it is told to say.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A connection after EHLO.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects, reads the greeting, says hello.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let (mut client, greeting) = Client::greeted(address);
        assert!(greeting.starts_with("220 "), "{greeting}");
        let hello = client.say("EHLO client.test");
        assert!(hello.starts_with("250 "), "{hello}");
        client
    }

    /// Connects and reads what comes first.
    pub(crate) fn greeted(address: SocketAddr) -> (Self, String) {
        let stream = TcpStream::connect(address).unwrap();
        let late = Some(Duration::from_secs(60));
        stream.set_read_timeout(late).unwrap();
        let mut client = Client {
            stream: BufReader::new(stream),
        };
        let greeting = client.reply();
        (client, greeting)
    }

    /// The last line of a reply; empty if the connection is closed.
    pub(crate) fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).unwrap();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }

    pub(crate) fn say(&mut self, line: &str) -> String {
        let stream = self.stream.get_mut();
        stream.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        self.reply()
    }

    /// Hands a mail in: the answer to it, or the first that says no.
    pub(crate) fn send(&mut self, from: &str, to: &[&str], message: &[u8]) -> String {
        let mut lines = vec![format!("MAIL FROM:<{from}>")];
        lines.extend(to.iter().map(|to| format!("RCPT TO:<{to}>")));
        lines.push("DATA".to_string());
        for line in &lines {
            let said = self.say(line);
            if !said.starts_with('2') && !said.starts_with('3') {
                self.say("RSET");
                return said;
            }
        }
        let mut stuffed = Vec::with_capacity(message.len() + 8);
        for line in message.split_inclusive(|byte| *byte == b'\n') {
            if line.starts_with(b".") {
                stuffed.push(b'.');
            }
            stuffed.extend_from_slice(line);
        }
        assert!(stuffed.ends_with(b"\r\n"));
        stuffed.extend_from_slice(b".\r\n");
        self.stream.get_mut().write_all(&stuffed).unwrap();
        self.reply()
    }

    pub(crate) fn quit(mut self) {
        assert!(self.say("QUIT").starts_with("221 "));
    }
}

/// The id in an answer of the archive that says yes.
pub(crate) fn id(said: &str) -> String {
    let id = said.strip_prefix("250 2.6.0 kept as ");
    id.unwrap_or_else(|| panic!("{said}")).to_string()
}
