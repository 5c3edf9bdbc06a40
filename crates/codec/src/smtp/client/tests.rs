//! Dialogues with the client, as they would be seen on the wire, and what it concludes of them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests may panic"
)]

use super::*;
use crate::smtp::{Mailbox, Notify, Path, Return, Survey, Timeout, limits};
use proptest::prelude::*;

/// A driver that sends its messages one after the other, says QUIT, and writes down what happens.
struct Driver {
    client: Client,
    messages: Vec<(Envelope, Vec<u8>)>,
    transcript: Vec<String>,
    /// Octets of a message that are handed out at once.
    piece: usize,
    /// Octets of a message that are handed out at all.
    stop: usize,
}

fn path(text: &str) -> Mailbox {
    Mailbox::parse(text).unwrap()
}

/// A message from ann to these.
fn message(to: &[&str], message: &[u8]) -> (Envelope, Vec<u8>) {
    let mut survey = Survey::new();
    survey.push(message);
    let envelope = Envelope {
        mail: Mail {
            from: Path::Mailbox(path("ann@x.org")),
            ..Mail::default()
        },
        recipients: to.iter().map(|to| Rcpt::new(path(to))).collect(),
        content: survey.finish(),
    };
    (envelope, message.to_vec())
}

impl Driver {
    fn new(config: Config, messages: Vec<(Envelope, Vec<u8>)>, piece: usize, stop: usize) -> Self {
        Driver {
            client: Client::new(config),
            messages,
            transcript: Vec::new(),
            piece,
            stop,
        }
    }

    fn write(&mut self) {
        let output = self.client.output().to_vec();
        self.client.written(output.len());
        let text = String::from_utf8_lossy(&output).into_owned();
        for line in text.split_inclusive("\r\n") {
            let line = match line.strip_suffix("\r\n") {
                Some(line) => line.to_owned(),
                None => format!("{line}~"),
            };
            self.transcript
                .push(format!("C: {line}").trim_end().to_owned());
        }
    }

    fn feed(&mut self, mut input: &[u8]) {
        while let Some(event) = self.client.next(&mut input) {
            self.write();
            self.handle(event);
        }
        self.write();
    }

    fn handle(&mut self, event: Event) {
        let tell = |report: Report| {
            let outcomes = report.outcomes.iter().map(show);
            let added = if report.line_end_added { " +CRLF" } else { "" };
            format!("done{added} {}", outcomes.collect::<Vec<_>>().join("; "))
        };
        match event {
            Event::StartTls => {
                self.transcript.push("E: tls".to_owned());
                self.client.tls_started();
            }
            Event::Ready if self.messages.is_empty() => self.client.quit().unwrap(),
            Event::Ready => {
                let (envelope, _) = &self.messages[0];
                self.client.send(envelope.clone()).unwrap();
            }
            Event::Body => {
                let (_, message) = self.messages[0].clone();
                self.transcript.push("E: body".to_owned());
                let most = message.len().min(self.stop);
                let mut out = Vec::new();
                for piece in message[..most].chunks(self.piece) {
                    if self.client.body(piece).is_err() {
                        return;
                    }
                    out.extend_from_slice(self.client.output());
                    self.client.written(usize::MAX);
                }
                if most == message.len() {
                    let _ = self.client.end();
                    out.extend_from_slice(self.client.output());
                    self.client.written(usize::MAX);
                }
                // As one piece, so that the transcript does not show the pieces.
                self.client.output = out;
            }
            Event::Done(report) => {
                self.messages.remove(0);
                self.transcript.push(format!("E: {}", tell(report)));
            }
            Event::Failed(outcome) => self
                .transcript
                .push(format!("E: failed {}", show(&outcome))),
            Event::Closed => self.transcript.push("E: closed".to_owned()),
        }
    }

    fn lose(&mut self) {
        self.transcript.push("X".to_owned());
        match self.client.lost() {
            Some(report) => self.handle(Event::Done(report)),
            None => self.transcript.push("E: nothing lost".to_owned()),
        }
    }
}

fn show(outcome: &Outcome) -> String {
    let by = match outcome.by {
        By::Server => "",
        By::Client => "own ",
    };
    format!("{:?} {by}{}", outcome.verdict, outcome.reply)
}

fn plain() -> Config {
    Config {
        starttls: StartTls::Off,
        ..Config::new("me.test", Protocol::Smtp)
    }
}

/// Plays a dialogue: adjoining `S:` lines are one packet, `X` is the end of the connection.
fn dialogue(config: &Config, messages: &[(Envelope, Vec<u8>)], script: &str) {
    dialogue_until(config, messages, usize::MAX, script);
}

fn dialogue_until(config: &Config, messages: &[(Envelope, Vec<u8>)], stop: usize, script: &str) {
    let script: Vec<_> = script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    for piece in [usize::MAX, 1, 3] {
        let mut driver = Driver::new(config.clone(), messages.to_vec(), piece, stop);
        let mut lines = script.iter().peekable();
        while let Some(line) = lines.next() {
            if *line == "X" {
                driver.lose();
            }
            let Some(mut text) = line.strip_prefix("S: ") else {
                continue;
            };
            let mut packet = String::new();
            loop {
                driver.transcript.push(format!("S: {text}"));
                packet.push_str(text);
                packet.push_str("\r\n");
                match lines.peek().and_then(|line| line.strip_prefix("S: ")) {
                    Some(next) => text = next,
                    None => break,
                }
                lines.next();
            }
            packet
                .as_bytes()
                .chunks(piece)
                .for_each(|piece| driver.feed(piece));
        }
        let (found, wanted) = (driver.transcript.join("\n"), script.join("\n"));
        assert!(
            found == wanted,
            "pieces of {piece}\n--- found\n{found}\n--- wanted\n{wanted}"
        );
    }
}

#[test]
fn step_by_step() {
    dialogue(
        &plain(),
        &[
            message(
                &["bob@y.org", "cid@y.org"],
                b"Subject: x\r\n\r\n.\r\n..x\r\n",
            ),
            message(&["dan@y.org"], b"open"),
        ],
        r"
        S: 220 mx.test
        C: EHLO me.test
        S: 250 mx.test
        C: MAIL FROM:<ann@x.org>
        S: 250 2.1.0 ok
        C: RCPT TO:<bob@y.org>
        S: 250 2.1.5 ok
        C: RCPT TO:<cid@y.org>
        S: 550-5.1.1 no such
        S: 550 5.1.1 person
        C: DATA
        S: 354 go on
        E: body
        C: Subject: x
        C:
        C: ..
        C: ...x
        C: .
        S: 250 2.0.0 queued as 1
        E: done Accepted 250 2.0.0 queued as 1; Permanent 550 5.1.1 no such person
        C: MAIL FROM:<ann@x.org>
        S: 250 ok
        C: RCPT TO:<dan@y.org>
        S: 250 ok
        C: DATA
        S: 354 go on
        E: body
        C: open
        C: .
        S: 451 4.3.0 try later
        E: done +CRLF Temporary 451 4.3.0 try later
        C: QUIT
        S: 221 bye
        E: closed
        ",
    );
}

#[test]
fn pipelined_and_chunked() {
    let (mut first, body) = message(
        &["bob@y.org", "cid@y.org"],
        "Subject: é\r\n\r\n.".as_bytes(),
    );
    first.mail.ret = Some(Return::Headers);
    first.mail.envid = Some("q 1+".to_owned());
    first.mail.priority = Some(-2);
    first.recipients[0].notify = Some(Notify::On {
        success: true,
        failure: true,
        delay: false,
    });
    first.recipients[1].original = Some(crate::smtp::OriginalRecipient {
        kind: "rfc822".to_owned(),
        address: "c+d@z.org".to_owned(),
    });
    dialogue(
        &plain(),
        &[(first, body), message(&["no@y.org"], b"x\r\n")],
        r"
        S: 220 mx.test
        C: EHLO me.test
        S: 250-mx.test
        S: 250-PIPELINING
        S: 250-CHUNKING
        S: 250-8BITMIME
        S: 250-DSN
        S: 250-MT-PRIORITY
        S: 250 SIZE 1000
        C: MAIL FROM:<ann@x.org> SIZE=16 BODY=8BITMIME RET=HDRS ENVID=q+201+2B MT-PRIORITY=-2
        C: RCPT TO:<bob@y.org> NOTIFY=SUCCESS,FAILURE
        C: RCPT TO:<cid@y.org> ORCPT=rfc822;c+2Bd@z.org
        S: 250 ok
        S: 250 ok
        S: 250 ok
        C: BDAT 16 LAST
        E: body
        C: Subject: é
        C:
        C: .~
        S: 250 got it
        E: done Accepted 250 got it; Accepted 250 got it
        C: MAIL FROM:<ann@x.org> SIZE=3
        C: RCPT TO:<no@y.org>
        S: 250 ok
        S: 550 no
        C: RSET
        E: done Permanent 550 no
        S: 250 ok
        C: QUIT
        S: 221 bye
        E: closed
        ",
    );
}

/// The opening of dialogues with a server that offers these.
fn opened(offers: &[&str]) -> String {
    let mut lines = vec!["mx.test"];
    lines.extend(offers);
    let last = lines.len() - 1;
    let mut script = "S: 220 mx.test\nC: EHLO me.test\n".to_owned();
    for (at, line) in lines.iter().enumerate() {
        let between = if at < last { '-' } else { ' ' };
        script.push_str(&format!("S: 250{between}{line}\n"));
    }
    script
}

#[test]
fn data_goes_ahead_with_the_recipients() {
    let two = [message(&["bob@y.org", "cid@y.org"], b"x\r\n")];
    let sent = opened(&["PIPELINING"])
        + "C: MAIL FROM:<ann@x.org>\nC: RCPT TO:<bob@y.org>\nC: RCPT TO:<cid@y.org>\nC: DATA\n";
    let cases = [
        // One of two.
        r"
        S: 250 ok
        S: 450 4.2.1 later
        S: 250 ok
        S: 354 go on
        E: body
        C: x
        C: .
        S: 554 5.7.1 spam
        E: done Temporary 450 4.2.1 later; Permanent 554 5.7.1 spam
        C: QUIT
        ",
        // Nobody.
        r"
        S: 250 ok
        S: 450 4.2.1 later
        S: 550 5.1.1 no
        S: 503 5.5.1 no recipients
        C: RSET
        E: done Temporary 450 4.2.1 later; Permanent 550 5.1.1 no
        ",
        // Nobody, but the server waits for a message to nobody.
        r"
        S: 450 4.7.1 who are you?
        S: 503 5.5.1 no sender
        S: 503 5.5.1 no sender
        S: 354 go on
        C: .
        S: 554 no recipients
        C: RSET
        E: done Temporary 450 4.7.1 who are you?; Temporary 450 4.7.1 who are you?
        ",
        // Not now.
        r"
        S: 250 ok
        S: 250 ok
        S: 552 too many recipients
        S: 451 4.3.1 disk full
        C: RSET
        E: done Temporary 451 4.3.1 disk full; Temporary 552 too many recipients
        ",
        // The server leaves in the middle.
        r"
        S: 250 ok
        S: 550 5.1.1 no
        S: 421 4.3.2 stopping
        E: done Permanent 550 5.1.1 no; Temporary 421 4.3.2 stopping
        E: closed
        ",
        r"
        S: 250 ok
        S: 250 ok
        S: 350 what?
        E: done Temporary own 451 4.4.2 a reply out of place; Temporary own 451 4.4.2 a reply out of place
        E: closed
        ",
        r"
        S: 250 ok
        S: 552 5.2.2 mailbox full
        S: hello
        E: done Permanent 552 5.2.2 mailbox full; Temporary own 451 4.4.2 garbage from the server: not a reply of SMTP
        E: closed
        ",
    ];
    for case in cases {
        dialogue(&plain(), &two, &(sent.clone() + case));
    }
}

#[test]
fn what_a_lost_connection_means() {
    let two = [message(&["bob@y.org", "cid@y.org"], b"one\r\ntwo\r\n")];
    let lost = "Temporary own 451 4.4.2 connection lost";
    let unknown = "Uncertain own 451 4.4.2 connection lost; the message may have been accepted";
    let data = opened(&["PIPELINING"])
        + "C: MAIL FROM:<ann@x.org>\nC: RCPT TO:<bob@y.org>\nC: RCPT TO:<cid@y.org>\nC: DATA\n";
    let bdat = opened(&["PIPELINING", "CHUNKING"])
        + "C: MAIL FROM:<ann@x.org>\nC: RCPT TO:<bob@y.org>\nC: RCPT TO:<cid@y.org>\n";
    let half = "S: 250 ok\nS: 250 ok\nS: 550 no\n";
    let no = "Permanent 550 no";
    // Before the message.
    dialogue(
        &plain(),
        &two,
        &format!("{data}S: 250 ok\nS: 250 ok\nX\nE: done {lost}; {lost}"),
    );
    dialogue(
        &plain(),
        &two,
        &format!("{data}{half}X\nE: done {lost}; {no}"),
    );
    // All of the message, but not the dot behind it.
    let go = "S: 354 go on\nE: body\nC: one\nC: two\n";
    let open = [message(&["bob@y.org", "cid@y.org"], b"one\r\ntwo\r\n...")];
    dialogue_until(
        &plain(),
        &open,
        10,
        &format!("{data}{half}{go}X\nE: done {lost}; {no}"),
    );
    // With the dot.
    dialogue(
        &plain(),
        &two,
        &format!("{data}{half}{go}C: .\nX\nE: done {unknown}; {no}"),
    );
    // Less than the chunk, and all of it.
    let chunk = "C: BDAT 10 LAST\nE: body\nC: one\n";
    let less = format!("{bdat}{half}{chunk}X\nE: done {lost}; {no}");
    dialogue_until(&plain(), &two, 5, &less);
    dialogue(
        &plain(),
        &two,
        &format!("{bdat}{half}{chunk}C: two\nX\nE: done {unknown}; {no}"),
    );
    // An answer that is none.
    let garbage = "Uncertain own 451 4.4.2 garbage from the server: not a reply of SMTP; the message may have been accepted";
    let end = format!(
        "{data}{half}{go}C: .\nS: ???\nE: done {garbage}; {no}\nE: closed\nX\nE: nothing lost"
    );
    dialogue(&plain(), &two, &end);
    let odd = "Uncertain own 451 4.4.2 a reply out of place; the message may have been accepted";
    let end = format!("{data}{half}{go}C: .\nS: 354 more\nE: done {odd}; {no}\nE: closed");
    dialogue(&plain(), &two, &end);
    // The server leaves, having refused.
    let end =
        format!("{data}{half}{go}C: .\nS: 421 bye\nE: done Temporary 421 bye; {no}\nE: closed");
    dialogue(&plain(), &two, &end);
}

#[test]
fn an_empty_chunk_may_be_accepted_at_once() {
    let empty = [message(&["bob@y.org"], b"")];
    let script = opened(&["CHUNKING"])
        + "C: MAIL FROM:<ann@x.org>\nS: 250 ok\nC: RCPT TO:<bob@y.org>\nS: 250 ok\nC: BDAT 0 LAST\nE: body\n";
    let lost =
        "X\nE: done Uncertain own 451 4.4.2 connection lost; the message may have been accepted";
    dialogue(&plain(), &empty, &(script.clone() + lost));
    dialogue(
        &plain(),
        &empty,
        &(script + "S: 250 ok\nE: done Accepted 250 ok\nC: QUIT"),
    );
}

#[test]
fn refused_before_its_end() {
    let one = [message(&["bob@y.org", "cid@y.org"], b"one\r\ntwo\r\n")];
    let data = opened(&["PIPELINING"])
        + "C: MAIL FROM:<ann@x.org>\nC: RCPT TO:<bob@y.org>\nC: RCPT TO:<cid@y.org>\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go on\nE: body\nC: one\n";
    let refused = "S: 552 5.3.4 too large\nE: done Permanent 552 5.3.4 too large; Permanent 552 5.3.4 too large\nE: closed";
    dialogue_until(&plain(), &one, 5, &(data.clone() + refused));
    let odd = "Temporary own 451 4.4.2 a reply out of place";
    let too_early = format!("S: 250 thanks\nE: done {odd}; {odd}\nE: closed");
    dialogue_until(&plain(), &one, 5, &(data + &too_early));
}

#[test]
fn lmtp() {
    let config = Config {
        protocol: Protocol::Lmtp,
        ..plain()
    };
    let three = [message(&["ann", "bob", "cid"], b"x\r\n")];
    let opened = opened(&["PIPELINING"]).replace("EHLO", "LHLO");
    let sent =
        "C: MAIL FROM:<ann@x.org>\nC: RCPT TO:<ann>\nC: RCPT TO:<bob>\nC: RCPT TO:<cid>\nC: DATA\n";
    let begun = opened
        + sent
        + "S: 250 ok\nS: 250 ok\nS: 550 no\nS: 250 ok\nS: 354 go on\nE: body\nC: x\nC: .\n";
    let all = "S: 250 ann has it\nS: 452 4.2.2 full\nE: done Accepted 250 ann has it; Permanent 550 no; Temporary 452 4.2.2 full\nC: QUIT";
    dialogue(&config, &three, &(begun.clone() + all));
    let unknown = "Uncertain own 451 4.4.2 connection lost; the message may have been accepted";
    let one = format!(
        "S: 250 ann has it\nX\nE: done Accepted 250 ann has it; Permanent 550 no; {unknown}"
    );
    dialogue(&config, &three, &(begun.clone() + &one));
    let leaves = "S: 421 stopping\nE: done Temporary 421 stopping; Permanent 550 no; Uncertain own 451 4.4.2 the server leaves; the message may have been accepted\nE: closed";
    dialogue(&config, &three, &(begun + leaves));
}

#[test]
fn what_the_server_cannot_carry() {
    let never = |text: &str| format!("E: done Permanent own {text}\nC: QUIT");
    let eight = message(&["bob@y.org"], "é\r\n".as_bytes());
    let binary = message(&["bob@y.org"], b"a\nb\r\n");
    let mut utf8 = message(&["bob@y.org"], b"x\r\n");
    utf8.0.mail.smtputf8 = true;
    let mut from = message(&["bob@y.org"], b"x\r\n");
    from.0.mail.from = Path::Mailbox(path("é@x.org"));
    let large = message(&["bob@y.org"], &[b'x'; 101]);
    let cases: Vec<(&[&str], _, _)> = vec![
        (&[], eight, "554 5.6.3 the server does not offer 8BITMIME"),
        (
            &["8BITMIME", "CHUNKING"],
            binary.clone(),
            "554 5.6.3 the server does not offer BINARYMIME",
        ),
        (
            &["8BITMIME", "BINARYMIME"],
            binary,
            "554 5.6.3 the server does not offer BINARYMIME",
        ),
        (
            &["8BITMIME"],
            utf8,
            "553 5.6.7 the server does not offer SMTPUTF8",
        ),
        (
            &["8BITMIME"],
            from,
            "553 5.6.7 the server does not offer SMTPUTF8",
        ),
        (
            &["SIZE 100"],
            large,
            "552 5.3.4 the message is larger than the server takes",
        ),
    ];
    for (offers, message, text) in cases {
        dialogue(&plain(), &[message], &(opened(offers) + &never(text)));
    }
    // One recipient of three needs it; another is one too many.
    let mixed = message(&["é@y.org", "bob@y.org", "cid@y.org"], b"x\r\n");
    let script = opened(&["LIMITS RCPTMAX=1", "SIZE 0"])
        + r"
        C: MAIL FROM:<ann@x.org> SIZE=3
        S: 250 ok
        C: RCPT TO:<bob@y.org>
        S: 550 no
        C: RSET
        E: done Permanent own 553 5.6.7 the server does not offer SMTPUTF8; Permanent 550 no; Temporary own 452 4.5.3 more recipients than the server takes
        ";
    dialogue(&plain(), std::slice::from_ref(&mixed), &script);
    let script = opened(&["SMTPUTF8", "8BITMIME"])
        + "C: MAIL FROM:<ann@x.org> SMTPUTF8\nS: 250 ok\nC: RCPT TO:<é@y.org>\n";
    dialogue(&plain(), &[mixed], &script);
}

#[test]
fn openings_that_fail() {
    let cases = [
        (
            "S: 554 go away\nE: failed Permanent 554 go away",
            StartTls::Off,
        ),
        ("S: 421 busy\nE: failed Temporary 421 busy", StartTls::Off),
        (
            "S: 350 x\nE: failed Temporary own 451 4.4.0 a reply out of place",
            StartTls::Off,
        ),
        (
            "S: SSH-2.0\nE: failed Temporary own 451 4.4.0 garbage from the server: not a reply of SMTP",
            StartTls::Off,
        ),
        (
            "S: 220 x\nC: EHLO me.test\nS: 451 later\nE: failed Temporary 451 later",
            StartTls::Off,
        ),
        (
            "S: 220 x\nC: EHLO me.test\nS: 500 what?\nC: HELO me.test\nS: 550 no\nE: failed Permanent 550 no",
            StartTls::Off,
        ),
        (
            "S: 220 x\nC: EHLO me.test\nS: 500 what?\nC: HELO me.test\nS: 250 x\nC: QUIT",
            StartTls::Off,
        ),
        (
            "S: 220 x\nC: EHLO me.test\nS: 250 x\nC: QUIT",
            StartTls::Opportunistic,
        ),
        (
            "S: 220 x\nC: EHLO me.test\nS: 250 x\nE: failed Temporary own 454 4.7.0 the server offers no TLS, which is required",
            StartTls::Required,
        ),
        ("S: 220 x\nX\nE: nothing lost", StartTls::Off),
    ];
    for (script, starttls) in cases {
        let config = Config {
            starttls,
            ..plain()
        };
        let script = if script.ends_with("lost") {
            "S: 220 x\nC: EHLO me.test\nX\nE: nothing lost"
        } else {
            script
        };
        dialogue(&config, &[], script);
    }
}

#[test]
fn starttls() {
    let asked = opened(&["STARTTLS"]) + "C: STARTTLS\n";
    let taken = "S: 220 go\nE: tls\nC: EHLO me.test\nS: 250 mx.test\nC: QUIT";
    for starttls in [StartTls::Opportunistic, StartTls::Required] {
        let config = Config {
            starttls,
            ..plain()
        };
        dialogue(&config, &[], &(asked.clone() + taken));
    }
    let config = Config {
        starttls: StartTls::Opportunistic,
        ..plain()
    };
    dialogue(&config, &[], &(asked.clone() + "S: 454 not now\nC: QUIT"));
    dialogue(
        &config,
        &[],
        &(asked.clone() + "S: 421 bye\nE: failed Temporary 421 bye"),
    );
    let required = Config {
        starttls: StartTls::Required,
        ..plain()
    };
    dialogue(
        &required,
        &[],
        &(asked + "S: 501 no\nE: failed Temporary 501 no"),
    );
    // Plain text behind the answer.
    let mut client = Client::new(required);
    let _ = client.next(&mut &b"220 x\r\n250-x\r\n250 STARTTLS\r\n"[..]);
    let event = client.next(&mut &b"220 go\r\n250-x\r\n"[..]);
    assert!(matches!(event, Some(Event::Failed(outcome)) if outcome.verdict == Verdict::Temporary));
    client.tls_started();
    assert!(client.is_closed() && !client.is_tls());
}

#[test]
fn login() {
    let config = Config {
        login: Some(Login {
            user: "ann".to_owned(),
            password: Secret::new("pw"),
        }),
        login_in_clear: true,
        ..plain()
    };
    let by = |offer, script: &str| dialogue(&config, &[], &(opened(&[offer]) + script));
    by(
        "AUTH LOGIN PLAIN",
        "C: AUTH PLAIN\nS: 334\nC: AGFubgBwdw==\nS: 235 ok\nC: QUIT",
    );
    by(
        "AUTH LOGIN",
        "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: YW5u\nS: 334 UGFzc3dvcmQ6\nC: cHc=\nS: 235 ok\nC: QUIT",
    );
    by(
        "AUTH PLAIN",
        "C: AUTH PLAIN\nS: 334\nC: AGFubgBwdw==\nS: 535 5.7.8 wrong\nE: failed Temporary 535 5.7.8 wrong",
    );
    by(
        "AUTH PLAIN",
        "C: AUTH PLAIN\nS: 334\nC: AGFubgBwdw==\nS: 334 x\nE: failed Temporary own 451 4.4.0 the server asks too much in AUTH",
    );
    by(
        "AUTH CRAM-MD5",
        "E: failed Temporary own 454 4.7.0 the server offers neither AUTH PLAIN nor LOGIN",
    );
    let clear = Config {
        login_in_clear: false,
        ..config.clone()
    };
    let script = "E: failed Temporary own 454 4.7.11 the password is not sent without TLS";
    dialogue(&clear, &[], &(opened(&["AUTH PLAIN"]) + script));
}

/// A client that was told to go on with this message.
fn at_the_body(offers: &str, envelope: &Envelope) -> Client {
    let mut client = Client::new(plain());
    let opening = format!("220 x\r\n250-x\r\n250 {offers}\r\n");
    assert_eq!(client.next(&mut opening.as_bytes()), Some(Event::Ready));
    client.send(envelope.clone()).unwrap();
    assert_eq!(client.send(envelope.clone()), Err(NotReady));
    let mut input = &b"250 ok\r\n250 ok\r\n354 go on\r\n"[..];
    assert_eq!(client.next(&mut input), Some(Event::Body));
    client.written(usize::MAX);
    client
}

#[test]
fn a_message_that_is_not_as_announced() {
    let (envelope, _) = message(&["bob@y.org"], b"abc\r\n");
    let cases: [(&[&[u8]], BodyFault); 6] = [
        (&[b"abc\r\nd"], BodyFault::Size),
        (&[b"abc"], BodyFault::Size),
        (&[b"a\n.\r\n"], BodyFault::Content),
        (&[b"a\r", b"cd\r"], BodyFault::Content),
        (&[b"abcd\r"], BodyFault::Content),
        (&[b"a", b"\xc3\xa9", b"\r\n"], BodyFault::Content),
    ];
    for offers in ["SIZE", "CHUNKING"] {
        for (pieces, fault) in cases {
            let mut client = at_the_body(offers, &envelope);
            let mut result = pieces.iter().try_for_each(|piece| client.body(piece));
            if result.is_ok() {
                result = client.end();
            }
            assert_eq!(result, Err(fault), "{pieces:?}");
            assert!(client.output().is_empty());
            let Some(Event::Done(report)) = client.next(&mut &b""[..]) else {
                panic!("no report");
            };
            assert_eq!(report.outcomes[0].verdict, Verdict::Temporary);
            assert_eq!(client.next(&mut &b"250 ok\r\n"[..]), Some(Event::Closed));
            assert_eq!(client.body(b"x"), Err(BodyFault::NotAwaited));
            assert_eq!(client.end(), Err(BodyFault::NotAwaited));
            assert_eq!(client.lost(), None);
        }
    }
}

#[test]
fn waits_have_their_names() {
    let (envelope, _) = message(&["bob@y.org"], b"x\r\n");
    let mut client = Client::new(plain());
    let mut seen = vec![client.timeout()];
    for reply in [
        "220 x\r\n",
        "250 x\r\n",
        "",
        "250 x\r\n",
        "250 x\r\n",
        "354 x\r\n",
    ] {
        if client.next(&mut reply.as_bytes()) == Some(Event::Ready) {
            client.send(envelope.clone()).unwrap();
        }
        seen.push(client.timeout());
    }
    client.body(b"x\r\n").unwrap();
    client.end().unwrap();
    seen.push(client.timeout());
    let names = [
        Timeout::Greeting,
        Timeout::Command,
        Timeout::Mail,
        Timeout::Mail,
        Timeout::Rcpt,
        Timeout::DataStart,
        Timeout::DataBlock,
        Timeout::DataEnd,
    ];
    assert_eq!(seen, names.map(Some));
    let minutes = names.map(|name| name.duration().as_secs() / 60);
    assert_eq!(minutes, [5, 5, 5, 5, 5, 2, 3, 10]);
}

#[test]
fn many_recipients_do_not_fill_the_buffers() {
    let names: Vec<_> = (0..100_000)
        .map(|number| format!("u{number}@y.org"))
        .collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let (envelope, _) = message(&names, b"x\r\n");
    let mut client = Client::new(plain());
    let opening = &mut &b"220 x\r\n250-x\r\n250 PIPELINING\r\n"[..];
    assert_eq!(client.next(opening), Some(Event::Ready));
    client.written(usize::MAX);
    client.send(envelope).unwrap();
    let (mut unanswered, mut asked) = (0, 0);
    loop {
        assert_eq!(client.next(&mut &b""[..]), None);
        let written = client
            .output()
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count();
        assert!(client.output().len() <= limits::OUTPUT + limits::ENVELOPE_LINE);
        if client.output().ends_with(b"DATA\r\n") {
            break;
        }
        (unanswered, asked) = (unanswered + written, asked + written);
        client.written(usize::MAX);
        assert!(unanswered <= limits::PIPELINED);
        assert_eq!(client.next(&mut &b"250 ok\r\n"[..]), None);
        unanswered -= 1;
    }
    assert!(asked >= 100_000);
}

/// Replies, more or less.
fn replies() -> impl Strategy<Value = Vec<u8>> {
    let words = prop_oneof![
        9 => prop_oneof![
            Just("220 x\r\n"), Just("250 ok\r\n"), Just("250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n"),
            Just("250-x\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"), Just("250 ok\r\n250 ok\r\n250 ok\r\n"),
            Just("354 x\r\n"), Just("450 x\r\n"), Just("550 5.1.1 x\r\n"), Just("334 \r\n"),
        ].prop_map(|text| text.as_bytes().to_vec()),
        1 => Just(b"421 x\r\n".to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..12),
    ];
    proptest::collection::vec(words, 0..20).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn any_replies_lead_to_an_end(replies in replies(), piece in 1usize..30, lmtp in any::<bool>()) {
        let protocol = if lmtp { Protocol::Lmtp } else { Protocol::Smtp };
        let config = Config { protocol, login_in_clear: true, ..plain() };
        let messages = vec![
            message(&["bob@y.org", "cid@y.org"], b"x\r\n.\r\n"),
            message(&["dan@y.org"], b"y"),
        ];
        let count = messages.len();
        let mut driver = Driver::new(config, messages, piece, usize::MAX);
        replies.chunks(piece).for_each(|piece| driver.feed(piece));
        let begun = matches!(driver.client.state, super::connection::State::Busy(_));
        let told = count - driver.messages.len();
        driver.lose();
        // Every message that was begun is told of, once.
        prop_assert_eq!(count - driver.messages.len(), told + usize::from(begun));
        prop_assert!(driver.client.is_closed());
        let mut whole = Driver::new(driver.client.config.clone(), vec![
            message(&["bob@y.org", "cid@y.org"], b"x\r\n.\r\n"),
            message(&["dan@y.org"], b"y"),
        ], piece, usize::MAX);
        whole.feed(&replies);
        whole.lose();
        let events = |driver: &Driver| {
            let events = driver.transcript.iter().filter(|line| !line.starts_with("C: "));
            events.cloned().collect::<Vec<_>>()
        };
        prop_assert_eq!(events(&whole), events(&driver));
    }
}
