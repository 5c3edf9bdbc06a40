//! Dialogues with the server, as they would be seen on the wire; hostile clients; limits.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests may panic"
)]

use super::*;
use crate::smtp::{Content, Extensions, Mechanism, Path, Protocol, Reply, limits};
use proptest::prelude::*;

/// A driver that writes down what happens: `S:` what the server says, `E:` what it tells its driver.
///
/// It refuses recipients `no…` (550) and `later…` (450), senders `no…`, the password `wrong`, the
/// message to `busy…` at DATA (451), and messages that contain `REFUSE`; it answers 421 to `gone…`.
struct Driver {
    session: Session,
    transcript: Vec<String>,
    body: Vec<u8>,
    busy: bool,
}

impl Driver {
    fn new(config: Config) -> Self {
        let mut session = Session::new(config);
        session.greet();
        let mut driver = Driver {
            session,
            transcript: Vec::new(),
            body: Vec::new(),
            busy: false,
        };
        driver.write();
        driver
    }

    /// Takes the output over.
    fn write(&mut self) {
        let output = self.session.output().to_vec();
        self.session.written(output.len());
        let text = String::from_utf8(output).unwrap();
        assert!(text.is_empty() || text.ends_with("\r\n"));
        self.transcript.extend(
            text.split_terminator("\r\n")
                .map(|line| format!("S: {line}").trim_end().to_owned()),
        );
    }

    fn tell(&mut self, what: String) {
        self.transcript.push(format!("E: {what}"));
    }

    fn feed(&mut self, mut input: &[u8]) {
        loop {
            let event = self.session.next(&mut input);
            self.write();
            let Some(event) = event else {
                if input.is_empty() {
                    return;
                }
                continue;
            };
            self.handle(event);
            self.write();
        }
    }

    fn handle(&mut self, event: Event<'_>) {
        match event {
            Event::Mail(mail) => {
                self.busy = false;
                self.tell(format!("mail {}", debug(&mail)));
                self.judge(&mail.from.to_string());
            }
            Event::Rcpt(rcpt) => {
                self.busy |= rcpt.to.local().starts_with("busy");
                self.tell(format!("rcpt {}", debug(&rcpt)));
                self.judge(rcpt.to.as_str());
            }
            Event::Data => {
                self.tell("data".to_owned());
                if self.busy {
                    self.session.answer(&Reply::new(451, [3, 1], "disk full"));
                } else {
                    self.session.accept();
                }
            }
            Event::Body(bytes) => {
                assert!(!bytes.is_empty());
                self.body.extend_from_slice(bytes);
            }
            Event::BodyEnd(content) => {
                let body = std::mem::take(&mut self.body);
                assert_eq!(content.size, body.len() as u64);
                let text = String::from_utf8_lossy(&body).escape_debug().to_string();
                self.tell(format!("message {text:.60} {}", describe(content)));
                if text.contains("REFUSE") {
                    self.session
                        .answer_rest(&Reply::new(554, [7, 1], "not wanted"));
                } else {
                    self.session.accept();
                    self.session
                        .answer_rest(&Reply::new(452, [2, 2], "over quota"));
                }
            }
            Event::Abandoned(why) => {
                self.body.clear();
                self.tell(format!("abandoned {why:?}"));
            }
            Event::Auth(credentials) => {
                let wrong = match &credentials {
                    Credentials::Password { password, .. } => password.reveal() == "wrong",
                    Credentials::Bearer { token, .. } => token.reveal() == "wrong",
                };
                self.tell(format!("auth {credentials:?}"));
                if wrong {
                    self.session.answer(&Reply::new(535, [7, 8], "who?"));
                } else {
                    self.session.accept();
                }
            }
            Event::StartTls => {
                self.tell("tls".to_owned());
                self.body.clear();
                self.write();
                self.session.tls_started();
            }
            Event::Close(why) => {
                self.body.clear();
                self.tell(format!("close {why:?}"));
            }
        }
    }

    fn judge(&mut self, address: &str) {
        let session = &mut self.session;
        if address.starts_with("no") {
            session.answer(&Reply::new(550, [1, 1], "unknown"));
        } else if address.starts_with("later") {
            session.answer(&Reply::new(450, [2, 1], "later"));
        } else if address.starts_with("gone") {
            session.answer(&Reply::new(421, [3, 2], "stopping"));
        } else {
            session.accept();
        }
    }
}

/// What is not the default, shortly.
fn debug(what: &impl std::fmt::Debug) -> String {
    let text = format!("{what:?}");
    let (_, fields) = text.split_once(" { ").unwrap();
    let fields = fields.strip_suffix(" }").unwrap();
    let fields = fields
        .split(", ")
        .filter(|field| !field.ends_with(": None") && !field.ends_with(": false"));
    fields.collect::<Vec<_>>().join(" ")
}

fn describe(content: Content) -> String {
    let flags = [
        (content.eight_bit, "8bit"),
        (content.bare_cr, "cr"),
        (content.bare_lf, "lf"),
        (content.nul, "nul"),
        (!content.ends_with_crlf, "open"),
    ];
    let flags = flags.iter().filter(|(is, _)| *is).map(|(_, name)| *name);
    format!("[{}]", flags.collect::<Vec<_>>().join(" "))
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'\\' => match bytes.next().unwrap() {
                b'r' => b'\r',
                b'n' => b'\n',
                b'0' => 0,
                other => other,
            },
            byte => byte,
        });
    }
    out
}

/// Plays a dialogue: adjoining `C:` lines are one packet, with CRLF at each end unless they end
/// with `~`. What the server says and tells must be what stands there, however the packets are cut.
fn dialogue(config: &Config, script: &str) {
    let script: Vec<_> = script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    for piece in [usize::MAX, 1, 2, 5] {
        let mut driver = Driver::new(config.clone());
        let mut lines = script.iter().peekable();
        while let Some(line) = lines.next() {
            let Some(mut text) = line.strip_prefix("C:") else {
                continue;
            };
            let mut packet = Vec::new();
            loop {
                driver.transcript.push(format!("C:{text}"));
                let text_sent = text.strip_prefix(' ').unwrap_or(text);
                match text_sent.strip_suffix('~') {
                    Some(open) => packet.extend(unescape(open)),
                    None => packet.extend([unescape(text_sent), b"\r\n".to_vec()].concat()),
                }
                match lines.peek().and_then(|line| line.strip_prefix("C:")) {
                    Some(next) => text = next,
                    None => break,
                }
                lines.next();
            }
            packet.chunks(piece).for_each(|piece| driver.feed(piece));
        }
        let (found, wanted) = (driver.transcript.join("\n"), script.join("\n"));
        assert!(
            found == wanted,
            "pieces of {piece}\n--- found\n{found}\n--- wanted\n{wanted}"
        );
    }
}

fn config() -> Config {
    Config::new("mx.test", Protocol::Smtp)
}

/// Offers nothing, for short answers to EHLO.
fn bare() -> Config {
    Config {
        offers: Extensions {
            chunking: true,
            enhanced_codes: true,
            ..Extensions::default()
        },
        ..config()
    }
}

/// The opening of most dialogues with `bare()`.
fn opened(config: &Config, script: &str) {
    let mut hello = String::from("S: 220 mx.test ESMTP\nC: EHLO c.test\n");
    let offers = config.offers(config.tls).lines();
    let mut lines = vec!["mx.test".to_owned()];
    lines.extend(offers);
    let last = lines.len() - 1;
    for (at, line) in lines.iter().enumerate() {
        let between = if at < last { '-' } else { ' ' };
        hello.push_str(&format!("S: 250{between}{line}\n"));
    }
    dialogue(config, &(hello + script));
}

#[test]
fn a_message() {
    dialogue(
        &config(),
        r#"
        S: 220 mx.test ESMTP
        C: EHLO client.test
        S: 250-mx.test
        S: 250-PIPELINING
        S: 250-8BITMIME
        S: 250-SMTPUTF8
        S: 250-CHUNKING
        S: 250-DSN
        S: 250-ENHANCEDSTATUSCODES
        S: 250-MT-PRIORITY
        S: 250-SIZE 268435456
        S: 250 LIMITS RCPTMAX=1000
        C: MAIL FROM:<ann@x.org> SIZE=20 BODY=8BITMIME RET=FULL ENVID=q+2B1 MT-PRIORITY=3
        E: mail from: Mailbox(<ann@x.org>) size: Some(20) body: Some(EightBit) ret: Some(Full) envid: Some("q+1") priority: Some(3)
        S: 250 2.1.0 sender ok
        C: RCPT TO:<bob@y.org> NOTIFY=NEVER ORCPT=rfc822;bobby@y.org
        E: rcpt to: <bob@y.org> notify: Some(Never) original: Some(OriginalRecipient { kind: "rfc822" address: "bobby@y.org" })
        S: 250 2.1.5 recipient ok
        C: RCPT TO:<no@y.org>
        E: rcpt to: <no@y.org>
        S: 550 5.1.1 unknown
        C: DATA
        E: data
        S: 354 end with CRLF.CRLF
        C: Subject: x
        C:
        C: ..dot
        C: é.
        C: .
        E: message Subject: x\r\n\r\n.dot\r\né.\r\n [8bit]
        S: 250 2.0.0 accepted
        C: QUIT
        S: 221 2.0.0 bye
        E: close Quit
        "#,
    );
}

#[test]
fn pipelined_answers_keep_their_order() {
    opened(
        &bare(),
        r#"
        C: MAIL FROM:<>
        C: RCPT TO:<no@x.org>
        C: RCPT TO:<a@x.org>
        C: RCPT TO:<later@x.org>
        C: DATA
        C: one
        C: .
        C: MAIL FROM:<b@x.org>
        C: RCPT TO:<c@x.org>
        C: DATA
        C: .
        C: NOOP
        C: QUIT
        C: NOOP
        E: mail from: Null
        S: 250 2.1.0 sender ok
        E: rcpt to: <no@x.org>
        S: 550 5.1.1 unknown
        E: rcpt to: <a@x.org>
        S: 250 2.1.5 recipient ok
        E: rcpt to: <later@x.org>
        S: 450 4.2.1 later
        E: data
        S: 354 end with CRLF.CRLF
        E: message one\r\n []
        S: 250 2.0.0 accepted
        E: mail from: Mailbox(<b@x.org>)
        S: 250 2.1.0 sender ok
        E: rcpt to: <c@x.org>
        S: 250 2.1.5 recipient ok
        E: data
        S: 354 end with CRLF.CRLF
        E: message  []
        S: 250 2.0.0 accepted
        S: 250 2.0.0 ok
        S: 221 2.0.0 bye
        E: close Quit
        "#,
    );
}

#[test]
fn commands_out_of_order() {
    dialogue(
        &bare(),
        r#"
        S: 220 mx.test ESMTP
        C: MAIL FROM:<a@x.org>
        S: 503 5.5.1 say hello first
        C: DATA
        S: 503 5.5.1 say MAIL first
        C: LHLO c.test
        S: 500 5.5.1 say EHLO
        C: STARTTLS
        S: 502 5.5.1 not implemented
        C: AUTH PLAIN
        S: 502 5.5.1 not implemented
        C: HELO c.test
        S: 250 mx.test
        C: RCPT TO:<b@x.org>
        S: 503 5.5.1 say MAIL first
        C: MAIL FROM:<a@x.org> SIZE=1
        S: 555 5.5.4 parameter not offered
        C: MAIL FROM:<a@x.org>
        E: mail from: Mailbox(<a@x.org>)
        S: 250 2.1.0 sender ok
        C: MAIL FROM:<a@x.org>
        S: 503 5.5.1 a message is under way
        C: DATA
        S: 503 5.5.1 say RCPT first
        C: RCPT TO:<no@x.org>
        E: rcpt to: <no@x.org>
        S: 550 5.1.1 unknown
        C: DATA
        S: 554 5.5.1 no valid recipients
        C: RCPT TO:<b@x.org>
        E: rcpt to: <b@x.org>
        S: 250 2.1.5 recipient ok
        C: RSET
        S: 250 2.0.0 reset
        E: abandoned Reset
        C: RSET
        S: 250 2.0.0 reset
        C: DATA
        S: 503 5.5.1 say MAIL first
        C: MAIL FROM:<nobody@x.org>
        E: mail from: Mailbox(<nobody@x.org>)
        S: 550 5.1.1 unknown
        C: RCPT TO:<b@x.org>
        S: 503 5.5.1 say MAIL first
        C: MAIL FROM:<a@x.org>
        E: mail from: Mailbox(<a@x.org>)
        S: 250 2.1.0 sender ok
        C: HELO again.test
        S: 250 mx.test
        E: abandoned Reset
        C: VRFY bob
        S: 252 2.1.5 send some mail, it will be tried
        C: EXPN list
        S: 502 5.5.1 not implemented
        C: HELP
        S: 214 2.0.0 RFC 5321 says it all
        C: XCLIENT NAME=x
        S: 500 5.5.1 command not recognized
        "#,
    );
}

#[test]
fn addresses_and_limits_of_the_envelope() {
    let config = Config {
        max_size: 100,
        max_recipients: 2,
        ..config()
    };
    opened(
        &config,
        r#"
        C: MAIL FROM:<a@x.org> SIZE=101
        S: 552 5.3.4 message too large
        C: MAIL FROM:<a>
        S: 501 5.1.7 address without a domain
        C: MAIL FROM:<a@x.org> SIZE=100
        E: mail from: Mailbox(<a@x.org>) size: Some(100)
        S: 250 2.1.0 sender ok
        C: RCPT TO:<bob>
        S: 501 5.1.3 address without a domain
        C: RCPT TO:<é@x.org>
        S: 553 5.6.7 address needs SMTPUTF8
        C: RCPT TO:<postmaster>
        E: rcpt to: <postmaster>
        S: 250 2.1.5 recipient ok
        C: RCPT TO:<no@[IPv6:::1]>
        E: rcpt to: <no@[IPv6:::1]>
        S: 550 5.1.1 unknown
        C: RCPT TO:<c@x.org>
        S: 452 4.5.3 too many recipients
        C: RSET
        S: 250 2.0.0 reset
        E: abandoned Reset
        C: MAIL FROM:<é@x.org> SMTPUTF8
        E: mail from: Mailbox(<é@x.org>) smtputf8: true
        S: 250 2.1.0 sender ok
        C: RCPT TO:<"ü @"@x.org>
        E: rcpt to: <"ü @"@x.org>
        S: 250 2.1.5 recipient ok
        "#,
    );
}

#[test]
fn chunks() {
    // What is in a chunk is neither a command nor a line, and no dot ends it.
    opened(
        &bare(),
        r#"
        C: MAIL FROM:<a@x.org>
        C: RCPT TO:<b@x.org>
        C: BDAT 7
        C: \0\na\r\n.~
        C: x~
        C: BDAT 3
        C: \n.\n~
        C: BDAT 0 LAST
        C: NOOP
        E: mail from: Mailbox(<a@x.org>)
        S: 250 2.1.0 sender ok
        E: rcpt to: <b@x.org>
        S: 250 2.1.5 recipient ok
        E: data
        S: 250 2.0.0 7 octets
        S: 250 2.0.0 10 octets
        E: message \0\na\r\n.x\n.\n [lf nul open]
        S: 250 2.0.0 accepted
        S: 250 2.0.0 ok
        "#,
    );
    // DATA and BDAT are not mixed, and recipients come first.
    opened(
        &bare(),
        r#"
        C: MAIL FROM:<a@x.org>
        E: mail from: Mailbox(<a@x.org>)
        S: 250 2.1.0 sender ok
        C: RCPT TO:<b@x.org>
        E: rcpt to: <b@x.org>
        S: 250 2.1.5 recipient ok
        C: BDAT 1
        C: a~
        E: data
        S: 250 2.0.0 1 octets
        C: DATA
        S: 503 5.5.1 the message comes by BDAT
        C: RCPT TO:<c@x.org>
        S: 503 5.5.1 the message has begun
        C: RSET
        S: 250 2.0.0 reset
        E: abandoned Reset
        C: BDAT 6 LAST
        C: QUIT\r\n~
        S: 503 5.5.1 say MAIL first
        C: NOOP
        S: 250 2.0.0 ok
        C: BDAT x
        S: 501 5.5.4 syntax: BDAT octets [LAST]
        E: close Unreadable
        "#,
    );
}

#[test]
fn chunks_that_are_refused() {
    let config = Config {
        max_size: 10,
        max_passed_over: 50,
        ..bare()
    };
    let begin = r#"
        C: MAIL FROM:<a@x.org>
        E: mail from: Mailbox(<a@x.org>)
        S: 250 2.1.0 sender ok
        C: RCPT TO:<b@x.org>
        E: rcpt to: <b@x.org>
        S: 250 2.1.5 recipient ok
    "#;
    let too_large = r#"
        C: BDAT 8
        C: 12345678~
        E: data
        S: 250 2.0.0 8 octets
        C: BDAT 6
        C: QUIT\r\n~
        C: BDAT 6
        C: QUIT\r\n~
        C: BDAT 2 LAST
        C: xx~
        C: MAIL FROM:<c@x.org>
        E: abandoned TooLarge
        S: 552 5.3.4 message too large
        S: 503 5.5.1 an earlier chunk was refused
        S: 503 5.5.1 an earlier chunk was refused
        E: mail from: Mailbox(<c@x.org>)
        S: 250 2.1.0 sender ok
    "#;
    opened(&config, &(begin.to_owned() + too_large));
    let at_once = r#"
        C: BDAT 11 LAST
        C: 12345678901~
        C: NOOP
        E: abandoned TooLarge
        S: 552 5.3.4 message too large
        S: 250 2.0.0 ok
        C: BDAT 51 LAST
        S: 552 5.3.4 message too large
        E: close Endless
    "#;
    opened(&config, &(begin.to_owned() + at_once));
    let by_the_driver = r#"
        C: RCPT TO:<busy@x.org>
        E: rcpt to: <busy@x.org>
        S: 250 2.1.5 recipient ok
        C: BDAT 6 LAST
        C: QUIT\r\n~
        E: data
        S: 451 4.3.1 disk full
        C: MAIL FROM:<c@x.org>
        E: mail from: Mailbox(<c@x.org>)
        S: 250 2.1.0 sender ok
    "#;
    opened(&config, &(begin.to_owned() + by_the_driver));
    let huge = "C: BDAT 18446744073709551616\nS: 501 5.5.4 syntax: BDAT octets [LAST]\nE: close Unreadable";
    opened(&config, huge);
}

#[test]
fn binary_comes_by_bdat() {
    let mut config = bare();
    config.offers.binary = true;
    opened(
        &config,
        r#"
        C: MAIL FROM:<a@x.org> BODY=BINARYMIME
        E: mail from: Mailbox(<a@x.org>) body: Some(Binary)
        S: 250 2.1.0 sender ok
        C: RCPT TO:<b@x.org>
        E: rcpt to: <b@x.org>
        S: 250 2.1.5 recipient ok
        C: DATA
        S: 503 5.5.1 BINARYMIME comes by BDAT
        "#,
    );
}

#[test]
fn messages_that_are_refused() {
    let config = Config {
        max_size: 30,
        ..bare()
    };
    opened(
        &config,
        r#"
        C: MAIL FROM:<a@x.org>
        C: RCPT TO:<b@x.org>
        C: DATA
        C: 0123456789
        C: 0123456789
        C: 0123456789
        C: .
        E: mail from: Mailbox(<a@x.org>)
        S: 250 2.1.0 sender ok
        E: rcpt to: <b@x.org>
        S: 250 2.1.5 recipient ok
        E: data
        S: 354 end with CRLF.CRLF
        E: abandoned TooLarge
        S: 552 5.3.4 message too large
        C: MAIL FROM:<a@x.org>
        C: RCPT TO:<b@x.org>
        C: DATA
        C: REFUSE
        C: .
        E: mail from: Mailbox(<a@x.org>)
        S: 250 2.1.0 sender ok
        E: rcpt to: <b@x.org>
        S: 250 2.1.5 recipient ok
        E: data
        S: 354 end with CRLF.CRLF
        E: message REFUSE\r\n []
        S: 554 5.7.1 not wanted
        C: MAIL FROM:<a@x.org>
        C: RCPT TO:<busy@x.org>
        C: DATA
        C: RSET
        C: MAIL FROM:<gone@x.org>
        C: NOOP
        E: mail from: Mailbox(<a@x.org>)
        S: 250 2.1.0 sender ok
        E: rcpt to: <busy@x.org>
        S: 250 2.1.5 recipient ok
        E: data
        S: 451 4.3.1 disk full
        S: 250 2.0.0 reset
        E: abandoned Reset
        E: mail from: Mailbox(<gone@x.org>)
        S: 421 4.3.2 stopping
        E: close ByDriver
        "#,
    );
}

/// A message in DATA whose bytes are `body`, then what would be a second transaction if the first had
/// ended too early.
fn smuggle(config: &Config, body: &str, outcome: &str) {
    let script = r#"
        C: MAIL FROM:<a@x.org>
        C: RCPT TO:<b@x.org>
        C: DATA
        C: BODY~
        C: MAIL FROM:<smuggled@x.org>
        C: .
        E: mail from: Mailbox(<a@x.org>)
        S: 250 2.1.0 sender ok
        E: rcpt to: <b@x.org>
        S: 250 2.1.5 recipient ok
        E: data
        S: 354 end with CRLF.CRLF
    "#;
    opened(config, &(script.replace("BODY", body) + outcome));
}

#[test]
fn smuggling_is_refused() {
    let cases = [
        (r"x\n.\r\n", "BareLf", "bare LF"),
        (r"x\r\n.\n", "BareLf", "bare LF"),
        (r"x\n.\n", "BareLf", "bare LF"),
        (r"x\r.\r", "BareCr", "bare CR"),
        (r"x\r\n.\r", "BareCr", "bare CR"),
        (r"x\r.\r\n", "BareCr", "bare CR"),
        (r"x\r\n\n.\r\n", "BareLf", "bare LF"),
        (r"x\n\r\n.\r", "BareLf", "bare LF"),
        (r"x\r\r\n.\n", "BareCr", "bare CR"),
        (r"x\0\r\n", "Nul", "NUL"),
    ];
    for (body, why, what) in cases {
        let outcome = format!("E: abandoned {why}\nS: 554 5.6.0 {what} in the message");
        smuggle(&bare(), body, &outcome);
    }
}

#[test]
fn a_journal_keeps_such_bytes_and_ends_at_none_of_them() {
    let journal = Config {
        bare_line_ends: true,
        nul_in_data: true,
        ..bare()
    };
    let cases = [
        (r"x\n.\r\n", r"x\n.\r\n", "lf"),
        (r"x\r\n.\n", r"x\r\n\n", "lf"),
        (r"x\n.\n", r"x\n.\n", "lf"),
        (r"x\r.\r", r"x\r.\r", "cr"),
        (r"x\r\n.\r", r"x\r\n\r", "cr"),
        (r"x\r.\r\n", r"x\r.\r\n", "cr"),
        (r"x\0\r\n", r"x\0\r\n", "nul"),
    ];
    for (body, kept, flags) in cases {
        let outcome = format!(
            "E: message {kept}MAIL FROM:<smuggled@x.org>\\r\\n [{flags}]\nS: 250 2.0.0 accepted"
        );
        smuggle(&journal, body, &outcome);
    }
    let lines_only = Config {
        nul_in_data: false,
        ..journal
    };
    let outcome = "E: abandoned Nul\nS: 554 5.6.0 NUL in the message";
    smuggle(&lines_only, r"x\n\0", outcome);
}

#[test]
fn lines_of_commands_end_with_crlf() {
    opened(
        &bare(),
        r#"
        C: NOOP\nMAIL FROM:<a@x.org>
        C: NOOP
        S: 500 5.5.2 lines end with CRLF
        S: 250 2.0.0 ok
        C: NOOP\n~
        S: 500 5.5.2 lines end with CRLF
        C: NOOP\n~
        S: 500 5.5.2 lines end with CRLF
        C: NOOP
        C: NOOP\rQUIT
        C: NOOP \0
        S: 500 5.5.2 CR or NUL in a command
        S: 500 5.5.2 CR or NUL in a command
        C: NOOP
        S: 250 2.0.0 ok
        "#,
    );
}

#[test]
fn who_errs_too_often_is_given_up() {
    let config = Config {
        max_errors: 2,
        max_idle_commands: 5,
        ..bare()
    };
    opened(
        &config,
        r#"
        C: X
        C: Y
        C: Z
        C: NOOP
        S: 500 5.5.1 command not recognized
        S: 500 5.5.1 command not recognized
        S: 421 4.7.0 too many errors
        E: close TooManyErrors
        "#,
    );
    opened(
        &config,
        r#"
        C: NOOP
        C: RSET
        C: HELP
        C: NOOP
        C: NOOP
        C: NOOP
        S: 250 2.0.0 ok
        S: 250 2.0.0 reset
        S: 214 2.0.0 RFC 5321 says it all
        S: 250 2.0.0 ok
        S: 421 4.7.0 too many commands without mail
        E: close TooManyCommands
        "#,
    );
    let empty = "C: BDAT 0\n".repeat(3)
        + "E: data\nS: 250 2.0.0 0 octets\nS: 250 2.0.0 0 octets\nS: 421 4.7.0 too many commands without mail\nE: close TooManyCommands";
    let begun = "C: NOOP\nS: 250 2.0.0 ok\nC: MAIL FROM:<a@x.org>\nE: mail from: Mailbox(<a@x.org>)\nS: 250 2.1.0 sender ok\nC: RCPT TO:<b@x.org>\nE: rcpt to: <b@x.org>\nS: 250 2.1.5 recipient ok\n";
    opened(&config, &(begun.to_owned() + &empty));
    dialogue(
        &config,
        r#"
        S: 220 mx.test ESMTP
        C: POST / HTTP/1.1
        C: Host: mx.test
        C: MAIL FROM:<a@x.org>
        S: 421 4.7.0 this is no web server
        E: close Foreign
        "#,
    );
}

fn with_accounts() -> Config {
    let mut config = bare();
    config.offers.starttls = true;
    config.offers.auth = vec![Mechanism::Plain, Mechanism::Login, Mechanism::OAuthBearer];
    config.needs_tls = true;
    config.needs_auth = true;
    config
}

#[test]
fn starttls_begins_anew() {
    dialogue(
        &with_accounts(),
        r#"
        S: 220 mx.test ESMTP
        C: STARTTLS
        S: 503 5.5.1 say hello first
        C: EHLO c.test
        S: 250-mx.test
        S: 250-CHUNKING
        S: 250-ENHANCEDSTATUSCODES
        S: 250 STARTTLS
        C: MAIL FROM:<a@x.org>
        S: 530 5.7.0 say STARTTLS first
        C: AUTH PLAIN AGFubgBwdw==
        S: 538 5.7.11 say STARTTLS first
        C: STARTTLS
        S: 220 2.0.0 go ahead
        E: tls
        C: MAIL FROM:<a@x.org>
        S: 503 5.5.1 say hello first
        C: EHLO c.test
        S: 250-mx.test
        S: 250-CHUNKING
        S: 250-ENHANCEDSTATUSCODES
        S: 250 AUTH PLAIN LOGIN OAUTHBEARER
        C: STARTTLS
        S: 503 5.5.1 TLS is active
        C: MAIL FROM:<a@x.org>
        S: 530 5.7.0 say AUTH first
        "#,
    );
}

#[test]
fn what_is_injected_behind_starttls_is_not_obeyed() {
    let injected = "S: 554 5.7.0 plain text behind STARTTLS\nE: close Injected\n";
    // In one packet, then in two: the driver has not shaken hands yet.
    let mut driver = Driver::new(with_accounts());
    driver.feed(b"EHLO c.test\r\nSTARTTLS\r\nMAIL FROM:<a@x.org>\r\n");
    let transcript = driver.transcript.join("\n") + "\n";
    assert!(transcript.ends_with(injected), "{transcript}");
    let mut session = Session::new(with_accounts());
    session.greet();
    assert_eq!(
        session.next(&mut &b"EHLO c.test\r\nSTARTTLS\r\n"[..]),
        Some(Event::StartTls)
    );
    assert_eq!(session.timeout(), Some(crate::smtp::Timeout::Handshake));
    assert_eq!(
        session.next(&mut &b"M"[..]),
        Some(Event::Close(Closed::Injected))
    );
    session.tls_started();
    assert!(session.is_closed() && !session.is_tls());
}

#[test]
fn auth() {
    let config = Config {
        tls: true,
        ..with_accounts()
    };
    opened(
        &config,
        r#"
        C: AUTH CRAM-MD5
        S: 504 5.5.4 no such mechanism
        C: AUTH PLAIN
        S: 334
        C: *
        S: 501 5.7.0 cancelled
        C: AUTH PLAIN !!!
        S: 501 5.5.2 malformed answer
        C: AUTH LOGIN
        S: 334 VXNlcm5hbWU6
        C: YW5u
        S: 334 UGFzc3dvcmQ6
        C: d3Jvbmc=
        E: auth Password { acts_as: "", user: "ann", password: (secret) }
        S: 535 5.7.8 who?
        C: AUTH OAUTHBEARER bixhPWFubiwBYXV0aD1CZWFyZXIgd3JvbmcBAQ==
        E: auth Bearer { acts_as: "ann", token: (secret) }
        S: 334 eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=
        C: AQ==
        S: 535 5.7.8 who?
        C: auth plain AGFubgBwdw==
        C: AUTH PLAIN
        C: MAIL FROM:<a@x.org> AUTH=<>
        E: auth Password { acts_as: "", user: "ann", password: (secret) }
        S: 235 2.7.0 authenticated
        S: 503 5.5.1 you are known
        E: mail from: Mailbox(<a@x.org>) auth: Some("<>")
        S: 250 2.1.0 sender ok
        C: AUTH PLAIN
        S: 503 5.5.1 not now
        "#,
    );
}

#[test]
fn answers_to_challenges_have_a_limit() {
    let config = Config {
        tls: true,
        ..with_accounts()
    };
    for (octets, reply) in [
        (12_284, "501 5.5.2 malformed"),
        (12_288, "500 5.5.6 answer"),
    ] {
        let mut driver = Driver::new(config.clone());
        driver.feed(b"EHLO c.test\r\nAUTH PLAIN\r\n");
        driver.feed("A".repeat(octets).as_bytes());
        driver.feed(b"\r\nNOOP\r\n");
        let end = driver.transcript.split_off(driver.transcript.len() - 2);
        assert!(end[0].starts_with(&format!("S: {reply}")), "{end:?}");
        assert_eq!(end[1], "S: 250 2.0.0 ok");
    }
}

#[test]
fn lmtp_answers_for_each_recipient() {
    let config = Config {
        protocol: Protocol::Lmtp,
        local_names: true,
        max_size: 20,
        ..bare()
    };
    let hello = r#"
        S: 220 mx.test LMTP
        C: EHLO c.test
        S: 500 5.5.1 say LHLO
        C: LHLO c.test
        S: 250-mx.test
        S: 250-CHUNKING
        S: 250 ENHANCEDSTATUSCODES
        C: MAIL FROM:<>
        C: RCPT TO:<ann>
        C: RCPT TO:<no>
        C: RCPT TO:<bob>
        E: mail from: Null
        S: 250 2.1.0 sender ok
        E: rcpt to: <ann>
        S: 250 2.1.5 recipient ok
        E: rcpt to: <no>
        S: 550 5.1.1 unknown
        E: rcpt to: <bob>
        S: 250 2.1.5 recipient ok
    "#;
    let cases = [
        "C: DATA\nC: x\nC: .\nE: data\nS: 354 end with CRLF.CRLF\nE: message x\\r\\n []\nS: 250 2.0.0 accepted\nS: 452 4.2.2 over quota",
        "C: BDAT 3 LAST\nC: x~\nC:\nE: data\nE: message x\\r\\n []\nS: 250 2.0.0 accepted\nS: 452 4.2.2 over quota",
        "C: DATA\nC: x\\ny\nC: .\nE: data\nS: 354 end with CRLF.CRLF\nE: abandoned BareLf\nS: 554 5.6.0 bare LF in the message\nS: 554 5.6.0 bare LF in the message",
    ];
    for case in cases {
        dialogue(
            &config,
            &(hello.to_owned() + case + "\nC: NOOP\nS: 250 2.0.0 ok\n"),
        );
    }
}

#[test]
fn codes_are_left_out_where_they_are_not_offered() {
    let mut config = bare();
    config.offers.enhanced_codes = false;
    opened(
        &config,
        "C: NOOP\nS: 250 ok\nC: X\nS: 500 command not recognized\n",
    );
}

#[test]
fn a_driver_may_refuse_and_stop() {
    let mut session = Session::new(config());
    assert_eq!(session.next(&mut &b"EHLO x\r\n"[..]), None);
    session.shut_down(&Reply::plain(554, "no"));
    assert_eq!(session.output(), b"554 no\r\n");
    assert_eq!(
        session.next(&mut &b""[..]),
        Some(Event::Close(Closed::ByDriver))
    );
    let mut rest = &b"NOOP\r\n"[..];
    assert_eq!(session.next(&mut rest), None);
    assert!(rest.is_empty() && session.is_closed());
}

#[test]
fn nothing_is_read_while_an_answer_is_awaited() {
    let mut session = Session::new(config());
    session.greet();
    let mut input = &b"EHLO x\r\nMAIL FROM:<a@x.org>\r\nNOOP\r\n"[..];
    assert!(matches!(session.next(&mut input), Some(Event::Mail(_))));
    assert_eq!(session.next(&mut input), None);
    assert_eq!((input, session.timeout()), (&b"NOOP\r\n"[..], None));
    session.accept();
    session.accept();
    assert_eq!(session.next(&mut input), None);
    assert!(
        session
            .output()
            .ends_with(b"\r\n250 2.1.0 sender ok\r\n250 2.0.0 ok\r\n")
    );
}

#[test]
fn a_hundred_thousand_recipients() {
    let mut driver = Driver::new(config());
    driver.feed(b"EHLO x\r\nMAIL FROM:<a@x.org>\r\n");
    driver.transcript.clear();
    let mut commands = Vec::new();
    for number in 0..100_000 {
        commands.extend_from_slice(format!("RCPT TO:<u{number}@x.org>\r\n").as_bytes());
    }
    let mut most = 0;
    for mut piece in commands.chunks(32 << 10) {
        loop {
            let event = driver.session.next(&mut piece);
            most = most.max(driver.session.held());
            match event {
                Some(event) => driver.handle(event),
                None => {
                    driver.write();
                    if piece.is_empty() {
                        break;
                    }
                }
            }
        }
    }
    let count = |start: &str| {
        driver
            .transcript
            .iter()
            .filter(|line| line.starts_with(start))
            .count()
    };
    assert_eq!(count("S: 250 2.1.5"), limits::RECIPIENTS);
    assert_eq!(
        count("S: 452 4.5.3 too many recipients"),
        100_000 - limits::RECIPIENTS
    );
    assert!(most < 4 * limits::OUTPUT, "{most}");
    driver.transcript.clear();
    driver.feed(b"DATA\r\nx\r\n.\r\n");
    assert_eq!(driver.transcript.last().unwrap(), "S: 250 2.0.0 accepted");
}

/// Feeds `total` octets of one line and gives the most that the session held.
fn long_line(session: &mut Session, total: u64) -> (usize, u64) {
    let piece = vec![b'x'; 1 << 20];
    let (mut most, mut body) = (0, 0);
    for _ in 0..total >> 20 {
        let mut input = &piece[..];
        while !input.is_empty() {
            match session.next(&mut input) {
                Some(Event::Body(bytes)) => body += bytes.len() as u64,
                Some(Event::Abandoned(_) | Event::Close(_)) | None => {}
                Some(event) => panic!("{event:?}"),
            }
            most = most.max(session.held());
        }
    }
    (most, body)
}

#[test]
fn a_line_of_a_gigabyte() {
    let begun = |max_size| {
        let mut driver = Driver::new(Config {
            max_size,
            ..config()
        });
        driver.feed(b"EHLO x\r\nMAIL FROM:<a@x.org>\r\nRCPT TO:<b@x.org>\r\nDATA\r\n");
        driver
    };
    // Taken, where so much may come.
    let mut driver = begun(2 << 30);
    assert_eq!(
        long_line(&mut driver.session, 1 << 30),
        (driver.session.held(), 1 << 30)
    );
    assert!(driver.session.held() < 4_096);
    let mut end = &b"\r\n.\r\n"[..];
    assert_eq!(driver.session.next(&mut end), Some(Event::Body(b"\r\n")));
    assert!(
        matches!(driver.session.next(&mut end), Some(Event::BodyEnd(c)) if c.size == (1 << 30) + 2)
    );
    // Refused, and given up when too much of it came.
    let mut driver = begun(1 << 20);
    let (held, body) = long_line(&mut driver.session, 1 << 30);
    assert!(held < 4_096 && body <= 1 << 20);
    assert!(driver.session.is_closed());
    assert_eq!(driver.session.output(), b"552 5.3.4 message too large\r\n");
    // As a command.
    let mut driver = Driver::new(config());
    let (held, _) = long_line(&mut driver.session, 1 << 30);
    assert!(held < 4_096 && driver.session.is_closed());
    assert_eq!(driver.session.output(), b"500 5.5.2 line without end\r\n");
}

/// Much that is a dialogue, more or less.
fn packets() -> impl Strategy<Value = Vec<u8>> {
    let words = prop_oneof![
        8 => prop_oneof![
            Just("EHLO x\r\n"), Just("MAIL FROM:<a@x.org>\r\n"), Just("RCPT TO:<b@x.org>\r\n"),
            Just("RCPT TO:<no@x.org>\r\n"), Just("DATA\r\n"), Just(".\r\n"), Just("\r\n.\r\n"),
            Just("BDAT 5\r\n"), Just("BDAT 9 LAST\r\n"), Just("RSET\r\n"), Just("NOOP\r\n"),
            Just("AUTH PLAIN\r\n"), Just("AUTH LOGIN YW5u\r\n"), Just("AGFubgBwdw==\r\n"), Just("*\r\n"),
            Just("RCPT TO:<busy@x.org>\r\n"), Just("Subject: x\r\n\r\n"), Just("QUIT\r\n"),
        ].prop_map(|text| text.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..20),
        1 => "[\r\n.a\\x00]{0,6}".prop_map(String::into_bytes),
        1 => (500usize..520).prop_map(|octets| vec![b'y'; octets]),
    ];
    proptest::collection::vec(words, 0..30).prop_map(|words| words.concat())
}

fn loose(strict: bool) -> Config {
    Config {
        tls: true,
        needs_auth: false,
        needs_tls: false,
        max_size: 25,
        max_passed_over: 40,
        bare_line_ends: !strict,
        nul_in_data: !strict,
        ..with_accounts()
    }
}

proptest! {
    #[test]
    fn events_do_not_depend_on_the_pieces(
        packets in packets(),
        pieces in proptest::collection::vec(1usize..40, 1..9),
        strict in any::<bool>(),
    ) {
        let mut whole = Driver::new(loose(strict));
        whole.feed(&packets);
        let mut cut = Driver::new(loose(strict));
        let mut rest = &packets[..];
        for &piece in pieces.iter().cycle() {
            if rest.is_empty() { break; }
            let (piece, after) = rest.split_at(piece.min(rest.len()));
            cut.feed(piece);
            rest = after;
            prop_assert!(cut.session.held() <= limits::AUTH_LINE + 2 * limits::OUTPUT);
        }
        prop_assert_eq!(&whole.transcript, &cut.transcript);
        prop_assert_eq!(whole.session.is_closed(), cut.session.is_closed());
    }
}

#[test]
fn received_with() {
    let mut driver = Driver::new(Config {
        tls: true,
        ..config()
    });
    assert_eq!(driver.session.received_with(), "SMTP");
    driver.feed(b"EHLO x\r\n");
    assert_eq!(driver.session.received_with(), "ESMTPS");
    assert_eq!(driver.session.client_name(), Some("x"));
    driver.feed(b"MAIL FROM:<a@x.org> SMTPUTF8\r\n");
    assert_eq!(driver.session.received_with(), "UTF8SMTPS");
    assert!(matches!(Path::default(), Path::Null));
}
