//! Client against server, in memory: whatever is offered and however the bytes are cut, what goes in
//! comes out.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use super::client::{self, Client, Envelope, Report, Verdict};
use super::server::{self, Session};
use super::*;
use proptest::prelude::*;

/// A message as a server got it.
#[derive(Debug, Default, PartialEq)]
struct Received {
    mail: Mail,
    recipients: Vec<Rcpt>,
    bytes: Vec<u8>,
}

/// The two machines and what is on its way between them.
struct Pair {
    client: Client,
    session: Session,
    to_server: Vec<u8>,
    to_client: Vec<u8>,
    /// Octets that go through at a time, over and over.
    pieces: Vec<usize>,
    turn: usize,
    outbox: Vec<(Envelope, Vec<u8>)>,
    reports: Vec<Report>,
    begun: Received,
    received: Vec<Received>,
    last: Option<client::Event>,
}

/// Who is refused by the server of these tests, and who has no room at the end.
fn refused(mailbox: &Mailbox) -> bool {
    mailbox.local().starts_with("no")
}

fn full(mailbox: &Mailbox) -> bool {
    mailbox.local().starts_with("full")
}

impl Pair {
    fn new(
        client: Client,
        session: Session,
        pieces: Vec<usize>,
        outbox: Vec<(Envelope, Vec<u8>)>,
    ) -> Self {
        Pair {
            client,
            session,
            to_server: Vec::new(),
            to_client: Vec::new(),
            pieces,
            turn: 0,
            outbox,
            reports: Vec::new(),
            begun: Received::default(),
            received: Vec::new(),
            last: None,
        }
    }

    /// Takes at most the next piece's octets off a queue.
    fn piece(&mut self, server: bool) -> Vec<u8> {
        self.turn += 1;
        let most = self.pieces[self.turn % self.pieces.len()];
        let queue = if server {
            &mut self.to_server
        } else {
            &mut self.to_client
        };
        let most = most.min(queue.len());
        queue.drain(..most).collect()
    }

    fn move_output(&mut self) {
        self.to_server.extend_from_slice(self.client.output());
        self.client.written(usize::MAX);
        self.to_client.extend_from_slice(self.session.output());
        self.session.written(usize::MAX);
    }

    fn run(&mut self) {
        self.session.greet();
        let mut quiet = 0;
        while quiet < 3 {
            self.move_output();
            let piece = self.piece(true);
            self.serve(&piece);
            self.move_output();
            let answer = self.piece(false);
            self.send(&answer);
            let idle = piece.is_empty() && answer.is_empty();
            quiet = if idle { quiet + 1 } else { 0 };
        }
    }

    fn serve(&mut self, piece: &[u8]) {
        let mut input = piece;
        loop {
            let Some(event) = self.session.next(&mut input) else {
                self.move_output();
                if input.is_empty() {
                    return;
                }
                continue;
            };
            match event {
                server::Event::Mail(mail) => {
                    self.begun = Received {
                        mail,
                        ..Received::default()
                    };
                    self.session.accept();
                }
                server::Event::Rcpt(rcpt) if refused(&rcpt.to) => {
                    self.session.answer(&Reply::new(550, [1, 1], "unknown"));
                }
                server::Event::Rcpt(rcpt) => {
                    self.begun.recipients.push(rcpt);
                    self.session.accept();
                }
                server::Event::Data => self.session.accept(),
                server::Event::Body(bytes) => self.begun.bytes.extend_from_slice(bytes),
                server::Event::BodyEnd(content) => {
                    let mut survey = Survey::new();
                    survey.push(&self.begun.bytes);
                    assert_eq!(content, survey.finish());
                    let message = std::mem::take(&mut self.begun);
                    for rcpt in &message.recipients {
                        if full(&rcpt.to) {
                            self.session.answer(&Reply::new(452, [2, 2], "full"));
                        } else {
                            self.session.answer(&Reply::new(250, [0, 0], "accepted"));
                        }
                    }
                    self.received.push(message);
                }
                server::Event::Abandoned(_) => self.begun = Received::default(),
                server::Event::Auth(credentials) => {
                    let Credentials::Password { user, password, .. } = credentials else {
                        panic!("not a password");
                    };
                    assert_eq!((user.as_str(), password.reveal()), ("ann", "pw"));
                    self.session.accept();
                }
                server::Event::StartTls => {
                    self.move_output();
                    self.session.tls_started();
                }
                server::Event::Close(why) => assert_eq!(why, server::Closed::Quit),
            }
        }
    }

    fn send(&mut self, piece: &[u8]) {
        let mut input = piece;
        while let Some(event) = self.client.next(&mut input) {
            match &event {
                client::Event::StartTls => self.client.tls_started(),
                client::Event::Ready if self.outbox.is_empty() => self.client.quit().unwrap(),
                client::Event::Ready => {
                    let (envelope, _) = self.outbox[0].clone();
                    self.client.send(envelope).unwrap();
                }
                client::Event::Body => {
                    let (_, message) = self.outbox[0].clone();
                    let piece = self.pieces[0];
                    for piece in message.chunks(piece) {
                        self.client.body(piece).unwrap();
                        assert!(
                            self.client.output().len() <= limits::OUTPUT + 2 * piece.len() + 2_048
                        );
                        self.to_server.extend_from_slice(self.client.output());
                        self.client.written(usize::MAX);
                    }
                    self.client.end().unwrap();
                }
                client::Event::Done(report) => {
                    self.outbox.remove(0);
                    self.reports.push(report.clone());
                }
                client::Event::Failed(_) | client::Event::Closed => {}
            }
            self.last = Some(event);
        }
    }
}

fn mailboxes() -> impl Strategy<Value = Mailbox> {
    let texts = prop_oneof![
        6 => "(no|full|ann|bob)[a-z0-9.+-]{0,8}@[a-z]{1,9}(\\.[a-z]{2,5})?",
        1 => "(no|full|a)[a-z]{0,5}@\\[IPv6:2001:db8::[1-9]\\]",
        1 => "\"[ -!#-\\[\\]-~]{0,9}\"@x\\.org".prop_filter("a quoted pair", |text| !text.contains("\\\"@")),
        1 => "[é☃a]{1,6}@[ü]{1,4}\\.example",
    ];
    texts.prop_filter_map("an address", |text| Mailbox::parse(&text).ok())
}

fn rcpts() -> impl Strategy<Value = Rcpt> {
    let notify = prop_oneof![
        Just(Notify::Never),
        (any::<bool>(), any::<bool>()).prop_map(|(success, delay)| Notify::On {
            success,
            failure: true,
            delay,
        }),
    ];
    let original = "[!-~]{1,12}".prop_map(|address| OriginalRecipient {
        kind: "rfc822".to_owned(),
        address,
    });
    (
        mailboxes(),
        proptest::option::of(notify),
        proptest::option::of(original),
    )
        .prop_map(|(to, notify, original)| Rcpt {
            to,
            notify,
            original,
        })
}

fn mails() -> impl Strategy<Value = Mail> {
    let from = proptest::option::weighted(0.9, mailboxes());
    let from = from.prop_map(|from| from.map_or(Path::Null, Path::Mailbox));
    let ret = proptest::option::of(prop_oneof![Just(Return::Full), Just(Return::Headers)]);
    let envid = proptest::option::of("[!-~]{1,20}");
    (
        from,
        ret,
        envid,
        proptest::option::of(-9i8..10),
        any::<bool>(),
    )
        .prop_map(|(from, ret, envid, priority, smtputf8)| Mail {
            from,
            ret,
            envid,
            priority,
            smtputf8,
            ..Mail::default()
        })
}

fn messages() -> impl Strategy<Value = (Envelope, Vec<u8>)> {
    let lines = prop_oneof![
        3 => "([ -~]{0,20}\r\n){0,9}",
        2 => "([.]{0,3}[a]{0,3}\r\n){0,9}",
        1 => "([.é ]{0,9}\r\n){0,5}",
        1 => "([.a]{0,3}\r\n){0,3}[.a]{1,3}",
        1 => "[.a\r\n\\x00]{0,20}",
    ];
    (mails(), proptest::collection::vec(rcpts(), 1..6), lines).prop_map(
        |(mail, recipients, text)| {
            let mut survey = Survey::new();
            survey.push(text.as_bytes());
            let content = survey.finish();
            let envelope = Envelope {
                mail,
                recipients,
                content,
            };
            (envelope, text.into_bytes())
        },
    )
}

fn extensions() -> impl Strategy<Value = Extensions> {
    let flags = proptest::collection::vec(any::<bool>(), 12);
    flags.prop_map(|flags| Extensions {
        pipelining: flags[0],
        chunking: flags[1],
        binary: flags[2],
        eight_bit: flags[3],
        smtputf8: flags[4],
        dsn: flags[5],
        enhanced_codes: flags[6],
        priorities: flags[7],
        starttls: flags[8],
        size: flags[9].then_some(0),
        auth: vec![if flags[10] {
            Mechanism::Plain
        } else {
            Mechanism::Login
        }],
        recipients: flags[11].then_some(0),
    })
}

/// What of an envelope arrives at a server with these offers; `None` if it cannot go there.
fn arrives(envelope: &Envelope, bytes: &[u8], offers: &Extensions) -> Option<Received> {
    let content = envelope.content;
    let (binary, chunking) = (offers.binary && offers.chunking, offers.chunking);
    let ascii_from = match &envelope.mail.from {
        Path::Null => true,
        Path::Mailbox(mailbox) => mailbox.is_ascii(),
    };
    let utf8_needed = envelope.mail.smtputf8 || !ascii_from;
    if (content.is_binary() && !binary)
        || (content.eight_bit && !content.is_binary() && !offers.eight_bit)
        || (utf8_needed && !offers.smtputf8)
    {
        return None;
    }
    let utf8_used = utf8_needed || envelope.recipients.iter().any(|rcpt| !rcpt.to.is_ascii());
    let mut bytes = bytes.to_vec();
    if !chunking && !content.ends_with_crlf {
        bytes.extend_from_slice(b"\r\n");
    }
    let mail = &envelope.mail;
    let recipients = envelope
        .recipients
        .iter()
        .filter(|rcpt| !refused(&rcpt.to) && (offers.smtputf8 || rcpt.to.is_ascii()));
    let recipients: Vec<_> = recipients
        .cloned()
        .map(|rcpt| Rcpt {
            notify: rcpt.notify.filter(|_| offers.dsn),
            original: rcpt.original.filter(|_| offers.dsn),
            ..rcpt
        })
        .collect();
    (!recipients.is_empty()).then(|| Received {
        mail: Mail {
            from: mail.from.clone(),
            size: offers.size.map(|_| content.size),
            body: if content.is_binary() {
                Some(BodyType::Binary)
            } else {
                content.eight_bit.then_some(BodyType::EightBit)
            },
            smtputf8: utf8_used && offers.smtputf8,
            ret: mail.ret.filter(|_| offers.dsn),
            envid: mail.envid.clone().filter(|_| offers.dsn),
            auth: None,
            priority: mail.priority.filter(|_| offers.priorities),
        },
        recipients,
        bytes,
    })
}

proptest! {
    #[test]
    fn what_is_sent_arrives(
        outbox in proptest::collection::vec(messages(), 1..4),
        offers in extensions(),
        pieces in proptest::collection::vec(prop_oneof![1usize..8, 1usize..900], 1..6),
        lmtp in any::<bool>(),
    ) {
        let protocol = if lmtp { Protocol::Lmtp } else { Protocol::Smtp };
        let client = Client::new(client::Config {
            login: Some(client::Login { user: "ann".to_owned(), password: Secret::new("pw") }),
            login_in_clear: true,
            ..client::Config::new("c.test", protocol)
        });
        let session = Session::new(server::Config {
            offers: offers.clone(),
            auth_in_clear: true,
            needs_auth: true,
            ..server::Config::new("s.test", protocol)
        });
        let mut pair = Pair::new(client, session, pieces, outbox.clone());
        pair.run();
        prop_assert_eq!(&pair.last, &Some(client::Event::Closed));
        prop_assert_eq!(pair.client.is_tls(), offers.starttls);
        let wanted: Vec<_> = outbox.iter().filter_map(|(e, bytes)| arrives(e, bytes, &offers)).collect();
        prop_assert_eq!(&pair.received, &wanted);
        prop_assert_eq!(pair.reports.len(), outbox.len());
        for ((envelope, bytes), report) in outbox.iter().zip(&pair.reports) {
            let arrived = arrives(envelope, bytes, &offers);
            let added = !offers.chunking && !envelope.content.ends_with_crlf;
            prop_assert_eq!(report.line_end_added, added && arrived.is_some());
            let first_is_full = arrived.as_ref().is_some_and(|a| full(&a.recipients[0].to));
            for (rcpt, outcome) in envelope.recipients.iter().zip(&report.outcomes) {
                // SMTP has the answer of the first for all: the server of these tests is that simple.
                let at_the_end = if lmtp { full(&rcpt.to) } else { first_is_full };
                let unsendable = !rcpt.to.is_ascii() && !offers.smtputf8;
                let verdict = match arrived {
                    None => Verdict::Permanent,
                    Some(_) if refused(&rcpt.to) || unsendable => Verdict::Permanent,
                    Some(_) if at_the_end => Verdict::Temporary,
                    Some(_) => Verdict::Accepted,
                };
                prop_assert_eq!(outcome.verdict, verdict, "{:?}", outcome);
            }
        }
    }
}
