//! Dialogues with the server, as they would be seen on the wire; programs out of step; limits.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests may panic"
)]

use super::*;
use crate::imap::answer::{self, Code};
use crate::imap::limits;
use proptest::prelude::*;

/// A driver that writes down what happens: `S:` what the server says, `E:` what it tells its driver.
///
/// It refuses the password `wrong`, mailboxes `no…` (at SELECT, and the first message of an APPEND), a message whose flags are
/// `Bad` at once, and one that contains `REFUSE` at its end; it is shut down by DELETE of `down`.
struct Driver {
    session: Session,
    transcript: Vec<String>,
    body: Vec<u8>,
    mailbox: String,
}

impl Driver {
    fn new(config: Config) -> Self {
        let mut session = Session::new(config);
        session.greet();
        let mut driver = Driver {
            session,
            transcript: Vec::new(),
            body: Vec::new(),
            mailbox: String::new(),
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
        let lines = text.split_terminator("\r\n");
        self.transcript
            .extend(lines.map(|line| format!("S: {line}")));
    }

    fn tell(&mut self, what: String) {
        self.transcript.push(format!("E: {what}"));
    }

    fn feed(&mut self, mut input: &[u8]) {
        loop {
            let event = self.session.next(&mut input);
            self.write();
            match event {
                Some(event) => self.handle(event),
                None if input.is_empty() => return,
                None => {}
            }
            self.write();
        }
    }

    fn handle(&mut self, event: Event<'_>) {
        match event {
            Event::Auth(credentials) => {
                let wrong = match &credentials {
                    Credentials::Password { password, .. } => password.reveal() == "wrong",
                    Credentials::Bearer { token, .. } => token.reveal() == "wrong",
                };
                self.tell(format!("auth {credentials:?}"));
                match wrong {
                    true => self.session.no(Some(&Code::AuthenticationFailed), "who?"),
                    false => self.session.ok(None, "welcome"),
                }
            }
            Event::Command { tag, command } => {
                self.tell(format!("{tag} {command:?}"));
                match command {
                    Command::Select { mailbox, .. } if mailbox.starts_with("no") => {
                        self.session.no(Some(&Code::NonExistent), "no such mailbox");
                    }
                    Command::Select { .. } => {
                        answer::exists(self.session.out(), 3);
                        self.session.ok(Some(&Code::ReadWrite), "selected");
                    }
                    Command::Idle => self.session.go_on(),
                    Command::Delete(name) if name == "down" => self.session.shut_down("stopping"),
                    _ => self.session.ok(None, "done"),
                }
                if self.session.is_idling() {
                    answer::exists(self.session.out(), 4);
                }
            }
            Event::Done { tag } => {
                self.tell(format!("done {tag}"));
                self.session.ok(None, "idled");
            }
            Event::Append { tag, mailbox } => {
                self.tell(format!("append {tag} {mailbox}"));
                self.mailbox = mailbox;
            }
            Event::Message(appended) => {
                self.tell(format!(
                    "message {:?} {:?} {} {}",
                    appended.flags, appended.date, appended.size, appended.literal8
                ));
                if self.mailbox.starts_with("no") {
                    self.session.no(Some(&Code::TryCreate), "no such mailbox");
                } else if appended.flags == ["Bad"] {
                    self.session.no(None, "bad flag");
                } else {
                    self.session.go_on();
                }
            }
            Event::Bytes(bytes) => {
                assert!(!bytes.is_empty());
                self.body.extend_from_slice(bytes);
            }
            Event::MessageEnd => {
                let body = std::mem::take(&mut self.body);
                let text = String::from_utf8_lossy(&body).escape_debug().to_string();
                self.tell(format!("end {text}"));
                if text.contains("REFUSE") {
                    self.session.no(None, "not wanted");
                }
            }
            Event::AppendEnd => {
                self.tell("append end".to_owned());
                let uids = crate::imap::Numbers::of([7]);
                self.session.ok(Some(&Code::AppendUid(1, uids)), "stored");
            }
            Event::Abandoned => {
                self.body.clear();
                self.tell("abandoned".to_owned());
            }
            Event::StartTls => {
                self.tell("tls".to_owned());
                self.write();
                self.session.tls_started();
            }
            Event::Close(why) => {
                self.body.clear();
                self.tell(format!("close {why:?}"));
            }
        }
    }
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

/// Plays a dialogue: adjoining `C:` lines are one packet, with CRLF at each end unless they end with `~`. What the server says
/// and tells must be what stands there, however the packets are cut.
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
                let sent = text.strip_prefix(' ').unwrap_or(text);
                match sent.strip_suffix('~') {
                    Some(open) => packet.extend(unescape(open)),
                    None => packet.extend([unescape(sent), b"\r\n".to_vec()].concat()),
                }
                match lines.peek().and_then(|line| line.strip_prefix("C:")) {
                    Some(next) => text = next,
                    None => break,
                }
                lines.next();
            }
            packet.chunks(piece).for_each(|piece| driver.feed(piece));
        }
        let trim = |lines: &[String]| {
            lines
                .iter()
                .map(|line| line.trim_end().to_owned())
                .collect::<Vec<_>>()
        };
        let (found, wanted) = (trim(&driver.transcript).join("\n"), script.join("\n"));
        assert!(
            found == wanted,
            "pieces of {piece}\n--- found\n{found}\n--- wanted\n{wanted}"
        );
    }
}

/// Short lists of capabilities, and passwords in clear.
fn config() -> Config {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Config {
        auth_in_clear: true,
        auth: vec![
            Mechanism::Plain,
            Mechanism::Login,
            Mechanism::OAuthBearer,
            Mechanism::XOAuth2,
        ],
        before_login: owned(&["IMAP4rev1", "LITERAL+"]),
        after_login: owned(&[
            "IMAP4rev1",
            "IMAP4rev2",
            "QRESYNC",
            "CONDSTORE",
            "UTF8=ACCEPT",
        ]),
        max_message: 100,
        ..Config::new("mail.test")
    }
}

const GREETING: &str = "S: * OK [CAPABILITY IMAP4rev1 LITERAL+ AUTH=PLAIN AUTH=LOGIN AUTH=OAUTHBEARER AUTH=XOAUTH2] mail.test ready\n";
const LOGIN: &str = "
    C: 1 LOGIN ann pw
    E: auth Password { acts_as: \"\", user: \"ann\", password: (secret) }
    S: 1 OK [CAPABILITY IMAP4rev1 IMAP4rev2 QRESYNC CONDSTORE UTF8=ACCEPT APPENDLIMIT=100] welcome
";
const SELECT: &str = "
    C: 2 SELECT INBOX
    E: 2 Select { mailbox: \"INBOX\", read_only: false, condstore: false, qresync: None }
    S: * 3 EXISTS
    S: 2 OK [READ-WRITE] selected
";

fn greeted(script: &str) {
    dialogue(&config(), &(GREETING.to_owned() + script));
}

fn known(script: &str) {
    greeted(&(LOGIN.to_owned() + script));
}

fn selected(script: &str) {
    known(&(SELECT.to_owned() + script));
}

#[test]
fn before_login() {
    greeted(
        "C: a CAPABILITY
         S: * CAPABILITY IMAP4rev1 LITERAL+ AUTH=PLAIN AUTH=LOGIN AUTH=OAUTHBEARER AUTH=XOAUTH2
         S: a OK done
         C: b noop
         S: b OK done
         C: c ID (\"name\" \"x\")
         S: * ID (\"name\" \"Everpost\")
         S: c OK done
         C: d SELECT INBOX
         S: d BAD log in first
         C: e FROB
         S: e BAD unknown command
         C: (
         S: * BAD no tag
         C: f STARTTLS
         S: f BAD unknown command
         C:
         C: g LOGOUT
         S: * BYE until next time
         S: g OK done
         E: close Logout",
    );
}

#[test]
fn after_login() {
    known(
        "C: a CAPABILITY
         S: * CAPABILITY IMAP4rev1 IMAP4rev2 QRESYNC CONDSTORE UTF8=ACCEPT APPENDLIMIT=100
         S: a OK done
         C: b LOGIN ann pw
         S: b BAD you are known
         C: c AUTHENTICATE PLAIN
         S: c BAD you are known
         C: d namespace
         S: * NAMESPACE ((\"\" \"/\")) NIL NIL
         S: d OK done
         C: e FETCH 1 FLAGS
         S: e BAD select a mailbox first
         C: f CLOSE
         S: f BAD select a mailbox first
         C: g NOOP
         E: g Noop
         S: g OK done
         C: h DELETE down
         E: h Delete(\"down\")
         S: * BYE stopping
         E: close ByDriver
         C: i NOOP",
    );
}

#[test]
fn selecting() {
    selected(
        "C: a FETCH 1 FLAGS
         E: a Fetch { messages: These(Numbers([(1, 1)])), uid: false, items: [Flags], changed_since: None, vanished: false }
         S: a OK done
         C: b SELECT nowhere
         S: * OK [CLOSED] the mailbox before is closed
         E: b Select { mailbox: \"nowhere\", read_only: false, condstore: false, qresync: None }
         S: b NO [NONEXISTENT] no such mailbox
         C: c EXPUNGE
         S: c BAD select a mailbox first
         C: d EXAMINE x
         E: d Select { mailbox: \"x\", read_only: true, condstore: false, qresync: None }
         S: * 3 EXISTS
         S: d OK [READ-WRITE] selected
         C: e CLOSE
         E: e Close { expunge: true }
         S: e OK done
         C: f CHECK
         S: f BAD select a mailbox first",
    );
}

#[test]
fn pipelines_wait_for_answers() {
    known(
        "C: a NOOP
         C: b NOOP
         C: c FROB
         E: a Noop
         S: a OK done
         E: b Noop
         S: b OK done
         S: c BAD unknown command",
    );
    let mut driver = Driver::new(config());
    driver.feed(b"a LOGIN ann pw\r\n");
    let mut input = &b"b NOOP\r\nc NOOP\r\n"[..];
    assert!(matches!(
        driver.session.next(&mut input),
        Some(Event::Command { .. })
    ));
    assert_eq!(driver.session.next(&mut input), None);
    assert_eq!(input, b"c NOOP\r\n");
    assert!(driver.session.is_asked());
    driver.session.ok(None, "done");
    driver.session.ok(None, "nobody asked");
    assert!(matches!(
        driver.session.next(&mut input),
        Some(Event::Command { .. })
    ));
    assert_eq!(driver.session.output(), b"b OK done\r\n");
}

#[test]
fn enabling() {
    known(
        "C: a ENABLE UTF8=ACCEPT frob condstore
         S: * ENABLED UTF8=ACCEPT CONDSTORE
         S: a OK done
         C: b ENABLE X
         S: * ENABLED
         S: b OK done
         C: c DELETE R&-D
         E: c Delete(\"R&-D\")
         S: c OK done
         C: d SELECT x (QRESYNC (1 1))
         S: d BAD enable QRESYNC first
         C: e ENABLE QRESYNC
         S: * ENABLED QRESYNC
         S: e OK done
         C: f SELECT x (QRESYNC (1 1))
         E: f Select { mailbox: \"x\", read_only: false, condstore: false, qresync: Some(Resync { validity: 1, modseq: 1, known: None, samples: None }) }
         S: * 3 EXISTS
         S: f OK [READ-WRITE] selected",
    );
    let enabled = |command: &str| {
        let mut driver = Driver::new(config());
        driver.feed(b"a LOGIN ann pw\r\nb SELECT x\r\n");
        assert_eq!(driver.session.enabled(), Enabled::default());
        driver.feed(format!("c {command}\r\n").as_bytes());
        driver.session.enabled()
    };
    let condstore = Enabled {
        condstore: true,
        ..Enabled::default()
    };
    for command in [
        "FETCH 1 MODSEQ",
        "FETCH 1 FLAGS (CHANGEDSINCE 1)",
        "STORE 1 (UNCHANGEDSINCE 1) FLAGS x",
        "SEARCH OR (NOT MODSEQ 5 1) 1",
        "STATUS x (HIGHESTMODSEQ)",
        "SELECT x (CONDSTORE)",
    ] {
        assert_eq!(enabled(command), condstore, "{command}");
    }
    assert!(enabled("ENABLE QRESYNC").condstore);
    assert!(enabled("ENABLE IMAP4rev2").utf8_names());
    assert_eq!(enabled("FETCH 1 FLAGS"), Enabled::default());
}

#[test]
fn logins() {
    greeted(
        "C: a LOGIN ann wrong
         E: auth Password { acts_as: \"\", user: \"ann\", password: (secret) }
         S: a NO [AUTHENTICATIONFAILED] who?
         C: b LOGIN ann \"\"
         S: b NO [AUTHENTICATIONFAILED] refused
         C: c AUTHENTICATE CRAM-MD5
         S: c NO [CANNOT] no such mechanism
         C: d authenticate plain
         S: +
         C: *
         S: d BAD cancelled
         C: e AUTHENTICATE PLAIN
         S: +
         C: !!
         S: e BAD malformed answer
         C: f AUTHENTICATE PLAIN =
         S: f BAD malformed answer
         C: g AUTHENTICATE LOGIN
         S: + VXNlcm5hbWU6
         C: YW5u
         S: + UGFzc3dvcmQ6
         C: cHc=
         E: auth Password { acts_as: \"\", user: \"ann\", password: (secret) }
         S: g OK [CAPABILITY IMAP4rev1 IMAP4rev2 QRESYNC CONDSTORE UTF8=ACCEPT APPENDLIMIT=100] welcome",
    );
    greeted(
        "C: a AUTHENTICATE PLAIN AGFubgBwdw==
         E: auth Password { acts_as: \"\", user: \"ann\", password: (secret) }
         S: a OK [CAPABILITY IMAP4rev1 IMAP4rev2 QRESYNC CONDSTORE UTF8=ACCEPT APPENDLIMIT=100] welcome",
    );
    greeted(
        "C: a LOGIN {3}
         S: + go on
         C: ann {2+}
         C: pw
         E: auth Password { acts_as: \"\", user: \"ann\", password: (secret) }
         S: a OK [CAPABILITY IMAP4rev1 IMAP4rev2 QRESYNC CONDSTORE UTF8=ACCEPT APPENDLIMIT=100] welcome",
    );
    // `n,,^Aauth=Bearer wrong^A^A`: the client hears why, says that it did, and is refused.
    greeted(
        "C: a AUTHENTICATE OAUTHBEARER biwsAWF1dGg9QmVhcmVyIHdyb25nAQE=
         E: auth Bearer { acts_as: \"\", token: (secret) }
         S: + eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=
         C: AQ==
         S: a NO [AUTHENTICATIONFAILED] who?
         C: b AUTHENTICATE XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgeAEB
         E: auth Bearer { acts_as: \"ann\", token: (secret) }
         S: b OK [CAPABILITY IMAP4rev1 IMAP4rev2 QRESYNC CONDSTORE UTF8=ACCEPT APPENDLIMIT=100] welcome",
    );
}

#[test]
fn no_password_without_tls() {
    let config = Config {
        starttls: true,
        auth_in_clear: false,
        auth: vec![Mechanism::Plain],
        ..config()
    };
    dialogue(
        &config,
        "S: * OK [CAPABILITY IMAP4rev1 LITERAL+ STARTTLS LOGINDISABLED] mail.test ready
         C: a LOGIN ann pw
         S: a NO [PRIVACYREQUIRED] not without TLS
         C: b AUTHENTICATE PLAIN
         S: b NO [PRIVACYREQUIRED] not without TLS
         C: c STARTTLS
         S: c OK go ahead
         E: tls
         C: d CAPABILITY
         S: * CAPABILITY IMAP4rev1 LITERAL+ AUTH=PLAIN
         S: d OK done
         C: e STARTTLS
         S: e BAD TLS is active",
    );
    let mut driver = Driver::new(config.clone());
    driver.feed(b"a STARTTLS\r\nb LOGIN ann pw\r\n");
    let last = driver.transcript.split_off(driver.transcript.len() - 2);
    assert_eq!(
        last,
        ["S: * BYE plain text behind STARTTLS", "E: close Injected"]
    );
    // It comes while hands are shaken.
    let mut session = Session::new(config);
    session.greet();
    assert_eq!(
        session.next(&mut &b"a STARTTLS\r\n"[..]),
        Some(Event::StartTls)
    );
    assert_eq!(
        session.next(&mut &b"b"[..]),
        Some(Event::Close(Closed::Injected))
    );
}

#[test]
fn idling() {
    selected(
        "C: a IDLE
         E: a Idle
         S: + idling
         S: * 4 EXISTS
         C: done
         E: done a
         S: a OK idled
         C: b IDLE
         C: DONE
         C: c NOOP
         E: b Idle
         S: + idling
         S: * 4 EXISTS
         E: done b
         S: b OK idled
         E: c Noop
         S: c OK done
         C: d IDLE
         E: d Idle
         S: + idling
         S: * 4 EXISTS
         C: e NOOP
         E: done d
         S: d BAD DONE ends IDLE",
    );
    // What a program out of step sends as data is not read as commands.
    selected(
        "C: a IDLE
         E: a Idle
         S: + idling
         S: * 4 EXISTS
         C: b APPEND x {10+}
         C: c LOGOUT\\r\\n
         E: done a
         S: a BAD DONE ends IDLE
         C: d NOOP
         E: d Noop
         S: d OK done",
    );
}

#[test]
fn literals() {
    known(
        "C: a CREATE {5}
         S: + go on
         C: a b\\\"c
         E: a Create { mailbox: \"a b\\\"c\", uses: [] }
         S: a OK done
         C: b RENAME {1+}
         C: a {1}
         S: + go on
         C: b
         E: b Rename { from: \"a\", to: \"b\" }
         S: b OK done
         C: c FROB {5}
         S: c BAD unknown command
         C: d FROB {8+}
         C: e NOOP\\r\\n {3}
         S: d BAD unknown command
         C: f CREATE {70000}
         S: f NO [TOOBIG] literal too large
         C: g CREATE {99999999999999999999}
         S: g NO [TOOBIG] literal too large
         C: h NOOP
         E: h Noop
         S: h OK done
         C: i CREATE {99999999999999999999+}
         S: * BYE literal without end
         E: close Endless",
    );
    greeted(
        "C: a SELECT {3}
         S: a BAD log in first
         C: b SELECT {6+}
         C: c ID ( x
         S: b BAD log in first
         C: d LOGIN {90000}
         S: d NO [TOOBIG] literal too large
         C: e LOGIN {9000000+}
         S: * BYE literal without end
         E: close Endless",
    );
}

#[test]
fn appending() {
    known(
        "C: 52 append \"Sent\" (\\\\Seen) {14+}
         C: Subject: x\\r\\n\\r\\n~
         C:
         E: append 52 Sent
         E: message [\"\\\\Seen\"] None 14 false
         E: end Subject: x\\r\\n\\r\\n
         E: append end
         S: 52 OK [APPENDUID 1 7] stored
         C: a APPEND Drafts (\\\\Draft) \" 1-Jan-1970 00:00:07 +0000\" {3}
         E: append a Drafts
         E: message [\"\\\\Draft\"] Some(7) 3 false
         S: + go on
         C: abc
         E: end abc
         E: append end
         S: a OK [APPENDUID 1 7] stored
         C: b APPEND {4}
         S: + go on
         C: Sent ~{3}
         E: append b Sent
         E: message [] None 3 true
         S: + go on
         C: \\0bc
         E: end \\0bc
         E: append end
         S: b OK [APPENDUID 1 7] stored
         C: c APPEND x UTF8 (~{2+}
         C: hi)
         E: append c x
         E: message [] None 2 true
         E: end hi
         E: append end
         S: c OK [APPENDUID 1 7] stored",
    );
}

#[test]
fn appending_several() {
    known(
        "C: a APPEND x {2+}
         C: hi (Old) {3}
         E: append a x
         E: message [] None 2 false
         E: end hi
         E: message [\"Old\"] None 3 false
         S: + go on
         C: you {4+}
         C: NOOP
         E: end you
         E: message [] None 4 false
         E: end NOOP
         E: append end
         S: a OK [APPENDUID 1 7] stored
         C: b APPEND x {2+}
         C: hi {0}
         E: append b x
         E: message [] None 2 false
         E: end hi
         S: b NO message is empty
         E: abandoned
         C: c APPEND x {2+}
         C: hi frob
         E: append c x
         E: message [] None 2 false
         E: end hi
         S: c BAD something follows the command
         E: abandoned
         C: d APPEND x {2+}
         C: hi frob {6+}
         C: y NOOP
         E: append d x
         E: message [] None 2 false
         E: end hi
         E: abandoned
         S: d BAD flags, a date and the message are wanted
         C: e NOOP
         E: e Noop
         S: e OK done",
    );
}

#[test]
fn messages_refused() {
    known(
        "C: a APPEND x {101}
         S: a NO [TOOBIG] message too large
         C: b APPEND x {101+}
         C: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
         S: b NO [TOOBIG] message too large
         C: c APPEND x {2+}
         C: hi {101+}
         C: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
         E: append c x
         E: message [] None 2 false
         E: end hi
         E: abandoned
         S: c NO [TOOBIG] message too large
         C: d APPEND nowhere {10}
         E: append d nowhere
         E: message [] None 10 false
         S: d NO [TRYCREATE] no such mailbox
         C: e APPEND nowhere {10+}
         C: z LOGOUT\\r\\n {3+}
         C: abc {3}
         E: append e nowhere
         E: message [] None 10 false
         S: e NO [TRYCREATE] no such mailbox
         C: f APPEND x {2+}
         C: hi (Bad) {6+}
         C: NOOP\\r\\n
         E: append f x
         E: message [] None 2 false
         E: end hi
         E: message [\"Bad\"] None 6 false
         S: f NO bad flag
         C: g APPEND x {6+}
         C: REFUSE {3+}
         C: abc
         E: append g x
         E: message [] None 6 false
         E: end REFUSE
         S: g NO not wanted
         C: h APPEND x frob {3+}
         C: abc
         S: h BAD flags, a date and the message are wanted
         C: i APPEND x {0}
         S: i NO message is empty
         C: j APPEND x \\\"abc\\\"
         S: j BAD the message comes as a literal
         C: k NOOP
         E: k Noop
         S: k OK done",
    );
}

#[test]
fn refused_while_it_comes() {
    let mut driver = Driver::new(config());
    driver.feed(b"a LOGIN ann pw\r\n");
    let session = &mut driver.session;
    let mut input = &b"b APPEND x {4+}\r\nabcd\r\nc NOOP\r\n"[..];
    assert!(matches!(
        session.next(&mut input),
        Some(Event::Append { .. })
    ));
    assert!(matches!(session.next(&mut input), Some(Event::Message(_))));
    session.go_on();
    let mut piece;
    (piece, input) = input.split_at(2);
    assert_eq!(session.next(&mut piece), Some(Event::Bytes(b"ab")));
    session.no(Some(&Code::OverQuota), "full");
    assert_eq!(session.output(), b"");
    assert!(matches!(session.next(&mut input), Some(Event::Command { tag, .. }) if tag == "c"));
    assert_eq!(session.output(), b"b NO [OVERQUOTA] full\r\n");
}

#[test]
fn refused_by_its_mailbox() {
    let mut driver = Driver::new(config());
    driver.feed(b"a LOGIN ann pw\r\n");
    let session = &mut driver.session;
    let mut input = &b"b APPEND x {4+}\r\nNOOP\r\nc APPEND x {4}\r\nd NOOP\r\n"[..];
    assert!(matches!(
        session.next(&mut input),
        Some(Event::Append { .. })
    ));
    session.no(Some(&Code::TryCreate), "no such mailbox");
    assert!(matches!(session.next(&mut input), Some(Event::Append { tag, .. }) if tag == "c"));
    session.no(Some(&Code::TryCreate), "no such mailbox");
    assert!(matches!(session.next(&mut input), Some(Event::Command { tag, .. }) if tag == "d"));
    let no = |tag| format!("{tag} NO [TRYCREATE] no such mailbox\r\n");
    assert_eq!(session.output(), (no("b") + &no("c")).as_bytes());
}

#[test]
fn limits_of_commands() {
    let config = Config {
        max_command: 300,
        max_command_before_login: 300,
        ..config()
    };
    let long = "x".repeat(300);
    dialogue(
        &config,
        &format!(
            "{GREETING}
             C: a NOOP {long}
             S: a BAD command too long
             C: b LOGIN \"{long}\" {{3+}}
             C: abc {{3}}
             S: b BAD command too long
             C: {long} NOOP
             S: * BAD command too long
             {LOGIN}
             C: c CREATE {{200+}}
             C: {long:.200} {{80}}
             S: c NO [TOOBIG] literal too large
             C: d APPEND x {{2+}}
             C: hi ({long}
             E: append d x
             E: message [] None 2 false
             E: end hi
             S: d BAD command too long
             E: abandoned
             C: e NOOP
             E: e Noop
             S: e OK done"
        ),
    );
}

#[test]
fn who_does_nothing_else() {
    let mut driver = Driver::new(Config {
        max_errors: 2,
        ..config()
    });
    driver.feed(b"a FROB\r\nb FROB\r\nc FROB\r\nd NOOP\r\n");
    let last = driver.transcript.split_off(driver.transcript.len() - 3);
    assert_eq!(
        last,
        [
            "S: c BAD unknown command",
            "S: * BYE too many errors",
            "E: close TooManyErrors"
        ]
    );
    let mut driver = Driver::new(Config {
        max_commands_before_login: 2,
        ..config()
    });
    driver.feed(b"a NOOP\r\n\r\n b\r\nc NOOP\r\n");
    assert_eq!(
        driver.transcript.last().unwrap(),
        "E: close TooManyCommands"
    );
    // Who is known may be as odd as it likes.
    let mut driver = Driver::new(config());
    driver.feed(b"a LOGIN ann pw\r\n");
    driver.feed(&b"b FROB\r\n".repeat(1_000));
    assert!(!driver.session.is_closed());
    // A page in a browser.
    let mut driver = Driver::new(config());
    driver.feed(b"POST / HTTP/1.1\r\nHost: x\r\n\r\na LOGIN ann pw\r\n");
    assert_eq!(driver.transcript.last().unwrap(), "E: close Foreign");
}

#[test]
fn without_end() {
    let mut driver = Driver::new(config());
    let piece = [b'x'; 4_096];
    for _ in 0..300 {
        driver.feed(&piece);
        assert!(driver.session.held() < limits::COMMAND_BEFORE_LOGIN * 3);
    }
    assert_eq!(driver.transcript.last().unwrap(), "E: close Endless");
    let mut driver = Driver::new(config());
    driver.feed(b"a AUTHENTICATE PLAIN\r\n");
    for _ in 0..300 {
        driver.feed(&piece);
    }
    assert_eq!(driver.transcript.last().unwrap(), "E: close Endless");
}

#[test]
fn a_client_that_does_not_read() {
    let mut session = Session::new(config());
    session.greet();
    let flood = b"a CAPABILITY\r\n".repeat(50);
    let mut session_input = &flood[..];
    assert_eq!(session.next(&mut session_input), None);
    session.written(usize::MAX);
    let mut driver = Driver::new(config());
    driver.feed(b"a LOGIN ann pw\r\n");
    let flood = b"a FROB\r\n".repeat(100_000);
    let mut input = &flood[..];
    while !input.is_empty() {
        let before = input.len();
        assert_eq!(driver.session.next(&mut input), None);
        assert!(driver.session.output().len() < limits::OUTPUT + 100);
        if input.len() == before {
            driver.session.written(10_000);
        }
    }
    // A megabyte of the driver's goes out in pieces.
    driver.session.written(usize::MAX);
    driver.session.out().extend_from_slice(&[b'y'; 1 << 20]);
    assert_eq!(driver.session.next(&mut &b"b NOOP\r\n"[..]), None);
    let mut left = 1 << 20;
    while left > 0 {
        assert_eq!(driver.session.output().len(), left);
        driver.session.written(100_000);
        left = left.saturating_sub(100_000);
        driver.session.out();
    }
    assert!(driver.session.held() < 1 << 17);
}

#[test]
fn shut_down_at_any_time() {
    let mut session = Session::new(config());
    session.shut_down("too much to do");
    assert_eq!(session.output(), b"* BYE too much to do\r\n");
    assert_eq!(
        session.next(&mut &b""[..]),
        Some(Event::Close(Closed::ByDriver))
    );
    session.shut_down("again");
    assert!(session.is_closed() && session.output() == b"* BYE too much to do\r\n");
    session.greet();
    session.ok(None, "x");
    session.go_on();
    session.no(None, "x");
    assert_eq!(session.output(), b"* BYE too much to do\r\n");
}

/// Much that is a dialogue, more or less.
fn packets() -> impl Strategy<Value = Vec<u8>> {
    let words = prop_oneof![
        12 => prop_oneof![
            Just("a LOGIN ann pw\r\n"), Just("a LOGIN {3}\r\nann {2+}\r\npw\r\n"), Just("b SELECT x\r\n"), Just("c SELECT no\r\n"),
            Just("d IDLE\r\n"), Just("DONE\r\n"), Just("e APPEND x {4+}\r\n"), Just("f APPEND no {4+}\r\n"),
            Just("g APPEND {1+}\r\nx (Bad) {4}\r\n"), Just(" {4+}\r\n"), Just("REFUSE"), Just("abcd"), Just("\r\n"),
            Just("h NOOP\r\n"), Just("i FROB {3+}\r\n"), Just("j AUTHENTICATE PLAIN\r\n"), Just("AGFubgBwdw==\r\n"),
            Just("*\r\n"), Just("k CLOSE\r\n"), Just("l APPEND x {900+}\r\n"), Just("m FETCH 1 BODY[]\r\n"), Just("\"\n"),
            Just("n APPEND x UTF8 (~{4+}\r\nabcd)\r\n"), Just("o LOGIN a \""), Just(" (Bad) {4}\r\n"), Just("{5+}\r\n"),
        ].prop_map(|text| text.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..20),
        1 => "[\r\n{+}\"\\\\0-9~]{0,8}".prop_map(String::into_bytes),
        1 => (240usize..320).prop_map(|octets| vec![b'y'; octets]),
    ];
    proptest::collection::vec(words, 0..30).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn events_do_not_depend_on_the_pieces(
        packets in packets(),
        logged_in in any::<bool>(),
        pieces in proptest::collection::vec(1usize..40, 1..9),
    ) {
        let config = Config { max_command: 300, max_command_before_login: 300, max_passed_over: 800, ..config() };
        let begun = || {
            let mut driver = Driver::new(config.clone());
            if logged_in {
                driver.feed(b"0 LOGIN ann pw\r\n");
            }
            driver
        };
        let mut whole = begun();
        whole.feed(&packets);
        let mut cut = begun();
        let mut rest = &packets[..];
        for &piece in pieces.iter().cycle() {
            if rest.is_empty() { break; }
            let (piece, after) = rest.split_at(piece.min(rest.len()));
            cut.feed(piece);
            rest = after;
            prop_assert!(cut.session.held() <= 2 * limits::AUTH_LINE + 2 * limits::OUTPUT);
        }
        prop_assert_eq!(&whole.transcript, &cut.transcript);
        prop_assert_eq!(whole.session.is_closed(), cut.session.is_closed());
    }
}
