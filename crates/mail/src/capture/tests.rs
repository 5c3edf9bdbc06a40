//! Drivers over connections in memory, into a real archive.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod filter;
mod hostile;
mod tls;

use std::time::Duration;

use everpost_codec::journal::Reports;
use everpost_codec::smtp::Protocol;
use everpost_domain::digest::Digest;
use everpost_store::{Options, Scope, Store, Tenant};
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream, ReadHalf,
    WriteHalf,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::smtp::{Security, SmtpOptions, SmtpRoad};
use super::{Capture, CaptureOptions, Road};

/// No answer takes so long.
const LATE: Duration = Duration::from_secs(60);

/// An archive and the way into it.
struct Archive {
    _dir: tempfile::TempDir,
    store: Store,
    tenant: Tenant,
    capture: Capture,
}

impl Archive {
    async fn with_room(room: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let opened = Store::open(Options::create(dir.path().join("data"))).await;
        let store = opened.unwrap().store;
        let tenant = store.tenant(None).unwrap();
        let options = CaptureOptions {
            domains: vec!["Example.org".into()],
            reports: Reports::Read,
            room,
            spool: room,
        };
        Archive {
            _dir: dir,
            capture: Capture::new(tenant.clone(), &options),
            store,
            tenant,
        }
    }

    async fn new() -> Self {
        Self::with_room(64 << 20).await
    }

    fn road(&self, protocol: Protocol) -> SmtpRoad {
        let options = SmtpOptions {
            hostname: "archive.test".into(),
            protocol,
            max_message: 1 << 20,
        };
        SmtpRoad::new(self.capture.clone(), &options)
    }

    fn smtp(&self) -> SmtpRoad {
        self.road(Protocol::Smtp)
    }

    /// How many messages ended so, of the roads that are tested here.
    fn count(&self, outcome: &str) -> u64 {
        let all = Road::ALL
            .iter()
            .flat_map(|road| self.capture.tally(*road).messages());
        all.filter(|(name, _)| *name == outcome)
            .map(|(_, many)| many)
            .sum()
    }

    /// Files of the spool.
    fn spooled(&self) -> usize {
        std::fs::read_dir(self.store.data().join("spool")).map_or(0, Iterator::count)
    }

    fn has_all_its_room(&self) -> bool {
        self.capture.try_room(64 << 20).is_some()
    }

    /// The bytes of a copy, and the envelopes that it came with.
    async fn kept(&self, id: &Digest) -> (Vec<u8>, Vec<(String, Vec<String>)>) {
        let raw = self.tenant.raw(id).await.unwrap();
        let deliveries = self.tenant.deliveries(id).await.unwrap();
        let envelopes = deliveries.into_iter().map(|one| {
            let envelope = one.envelope.unwrap();
            (envelope.sender, envelope.recipients)
        });
        (raw, envelopes.collect())
    }
}

/// The client's end of a connection.
struct Talk<S = DuplexStream> {
    read: BufReader<ReadHalf<S>>,
    write: WriteHalf<S>,
}

/// The service's end.
struct Served {
    task: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl Served {
    /// Waits until it is over.
    async fn ended(self) {
        tokio::time::timeout(LATE, self.task)
            .await
            .unwrap()
            .unwrap();
    }
}

/// Connects and reads the greeting.
async fn connect(road: SmtpRoad) -> (Talk, Served) {
    let (mut talk, served) = connect_with(road, Security::None).await;
    let greeting = talk.reply().await;
    assert!(greeting.starts_with("220 archive.test "), "{greeting}");
    (talk, served)
}

async fn connect_with(road: SmtpRoad, security: Security) -> (Talk, Served) {
    let (ours, theirs) = tokio::io::duplex(32 << 10);
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(async move {
        let stopped = async {
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        road.serve(theirs, None, security, stopped).await;
    });
    (Talk::over(ours), Served { task, stop })
}

impl<S: AsyncRead + AsyncWrite> Talk<S> {
    fn over(stream: S) -> Self {
        let (read, write) = tokio::io::split(stream);
        Talk {
            read: BufReader::new(read),
            write,
        }
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.write.write_all(bytes).await.unwrap();
        self.write.flush().await.unwrap();
    }

    /// One reply, its last line; empty when the connection is closed.
    async fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            let read = tokio::time::timeout(LATE, self.read.read_line(&mut line)).await;
            read.expect("no answer").unwrap_or(0);
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }

    async fn say(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes()).await;
        self.reply().await
    }

    /// Says hello and the envelope.
    async fn begin(&mut self, mail: &str, to: &[&str]) {
        for line in [mail.to_owned()]
            .into_iter()
            .chain(to.iter().map(|to| format!("RCPT TO:<{to}>")))
        {
            let said = self.say(&line).await;
            assert!(said.starts_with("250 "), "{line}: {said}");
        }
    }

    /// Sends a message by DATA; it must be without dots at the beginning of lines.
    async fn data(&mut self, message: &[u8]) -> String {
        let said = self.say("DATA").await;
        assert!(said.starts_with("354 "), "{said}");
        self.send(message).await;
        self.say("\r\n.").await
    }
}

/// The id in an answer that says yes.
fn id(said: &str) -> Digest {
    let id = said.strip_prefix("250 2.6.0 kept as ");
    id.unwrap_or_else(|| panic!("{said}")).parse().unwrap()
}

const ANN: &str = "MAIL FROM:<ann@example.org>";

#[tokio::test]
async fn a_mail_is_in_the_archive_when_its_sender_hears_so() {
    let archive = Archive::new().await;
    let (mut talk, served) = connect(archive.smtp()).await;
    talk.say("EHLO client").await;
    let to = ["bob@example.org", "hidden@EXAMPLE.org", "out@example.net"];
    // Bytes that no strict server takes, and a NUL.
    let message = b"Subject: odd\nX: 1\r\n\r\nbare\nline\rends\0\r\n".as_slice();
    talk.begin(ANN, &to).await;
    let first = id(&talk.data(message).await);
    let whole = [message, b"\r\n"].concat();
    assert_eq!(first, Digest::of(&whole));
    let envelope = ("ann@example.org".to_string(), to.map(String::from).to_vec());
    assert_eq!(
        archive.kept(&first).await,
        (whole.clone(), vec![envelope.clone()])
    );
    // In the mailboxes of the organization's people, and of nobody else.
    for (person, owns) in [
        ("ann@example.org", true),
        ("bob@example.org", true),
        ("hidden@example.org", true),
        ("out@example.net", false),
        ("eve@example.org", false),
    ] {
        let scope = Scope::mailboxes([person.to_string()]);
        let shown = archive.tenant.show_within(&first, &scope).await;
        assert_eq!(shown.is_ok(), owns, "{person}");
    }
    // The answer was lost, say: the same comes again.
    talk.begin(ANN, &to).await;
    assert_eq!(id(&talk.data(message).await), first);
    let (_, envelopes) = archive.kept(&first).await;
    assert_eq!(envelopes, [envelope.clone(), envelope]);
    assert!(talk.say("QUIT").await.starts_with("221 "));
    assert_eq!(talk.reply().await, "");
    served.ended().await;
    assert_eq!(archive.count("kept"), 2);
    assert_eq!(archive.capture.tally(Road::Journal).open(), 0);
}

#[tokio::test]
async fn chunks_and_what_is_sent_ahead() {
    let archive = Archive::new().await;
    let (mut talk, _served) = connect(archive.smtp()).await;
    let ahead = "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nBDAT 3\r\na: BDAT 7 LAST\r\nb\r\n\r\n.\n\
                 MAIL FROM:<>\r\nRCPT TO:<x>\r\nDATA\r\n";
    talk.send(ahead.as_bytes()).await;
    for expected in ["250 ", "250 ", "250 ", "250 "] {
        let said = talk.reply().await;
        assert!(said.starts_with(expected), "{said}");
    }
    let first = id(&talk.reply().await);
    let (raw, envelopes) = archive.kept(&first).await;
    assert_eq!(raw, b"a: b\r\n\r\n.\n");
    assert_eq!(
        envelopes,
        [(String::new(), vec!["bob@example.org".to_string()])]
    );
    for expected in ["250 ", "250 ", "354 "] {
        let said = talk.reply().await;
        assert!(said.starts_with(expected), "{said}");
    }
    let second = id(&talk.say("..dot\r\n.").await);
    assert_eq!(archive.kept(&second).await.0, b".dot\r\n");
}

#[tokio::test]
async fn by_lmtp_each_recipient_hears_of_it() {
    let archive = Archive::new().await;
    let (mut talk, _served) = connect(archive.road(Protocol::Lmtp)).await;
    talk.say("LHLO client").await;
    talk.begin(ANN, &["bob@example.org", "eve", "x@example.net"])
        .await;
    let first = id(&talk.data(b"Subject: 1\r\n").await);
    assert_eq!(id(&talk.reply().await), first);
    assert_eq!(id(&talk.reply().await), first);
    assert!(talk.say("NOOP").await.starts_with("250 2.0.0"));
    assert_eq!(archive.kept(&first).await.1.len(), 1);
    archive.store.clone().close().await.unwrap();
    talk.begin(ANN, &["bob@example.org", "eve"]).await;
    for said in [talk.data(b"Subject: 2\r\n").await, talk.reply().await] {
        assert!(said.starts_with("451 4.3.0 "), "{said}");
    }
}

#[tokio::test]
async fn whom_a_copy_is_for_says_its_envelope_else_its_header() {
    let archive = Archive::new().await;
    let (mut talk, _served) = connect(archive.smtp()).await;
    talk.say("EHLO client").await;
    let letter = b"From: Eve <eve@example.com>\r\nTo: Bob <Bob@example.org>, x@example.net\r\nCc: carl@example.org\r\n";
    let mut owners = async |to: &str| {
        talk.begin("MAIL FROM:<eve@example.com>", &[to]).await;
        let copy = [&letter[..], format!("X: {to}\r\n").as_bytes()].concat();
        let kept = id(&talk.data(&copy).await);
        let mut owners = Vec::new();
        for one in ["bob@example.org", "carl@example.org", "dan@example.org"] {
            let scope = Scope::mailboxes(vec![one.to_owned()]);
            if archive.tenant.show_within(&kept, &scope).await.is_ok() {
                owners.push(one);
            }
        }
        owners
    };
    let named = owners("journal@archive.example").await;
    assert_eq!(named, ["bob@example.org", "carl@example.org"]);
    assert_eq!(owners("dan@example.org").await, ["dan@example.org"]);
}

#[tokio::test]
async fn without_room_a_sender_comes_again() {
    let archive = Archive::with_room(256 << 10).await;
    let (mut talk, _served) = connect(archive.smtp()).await;
    talk.say("EHLO client").await;
    // It says how much will come.
    talk.begin(&format!("{ANN} SIZE=500000"), &["bob@example.org"])
        .await;
    assert!(talk.say("DATA").await.starts_with("452 4.3.1 "));
    // Nor at a second try of the same.
    assert!(talk.say("DATA").await.starts_with("452 4.3.1 "));
    talk.say("RSET").await;
    // It doesn't.
    talk.begin(ANN, &["bob@example.org"]).await;
    let large = b"A line of thirty-two characters\r\n".repeat(16_000);
    let said = talk.data(&large).await;
    assert!(said.starts_with("452 4.3.1 "), "{said}");
    assert_eq!(archive.count("no_room"), 3);
    // Another holds it.
    let other = archive.capture.try_room(250 << 10).unwrap();
    let small = b"A line of thirty-two characters\r\n".repeat(1_000);
    talk.begin(ANN, &["bob@example.org"]).await;
    assert!(talk.data(&small).await.starts_with("452 "));
    talk.say("RSET").await;
    drop(other);
    talk.begin(ANN, &["bob@example.org"]).await;
    id(&talk.data(&small).await);
    assert!(archive.capture.try_room(256 << 10).is_some());
}

#[tokio::test]
async fn a_long_message_waits_on_the_disk_for_its_end() {
    let archive = Archive::with_room(1 << 20).await;
    let long = b"A line of thirty-two characters\r\n".repeat(22_000);
    // It does not come to its end, and holds no memory.
    let (mut slow, served) = connect(archive.smtp()).await;
    slow.say("EHLO client").await;
    slow.begin(ANN, &["bob@example.org"]).await;
    assert!(slow.say("DATA").await.starts_with("354 "));
    slow.write.write_all(&long).await.unwrap();
    while archive.spooled() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(archive.capture.try_room(1 << 20).is_some());
    drop(slow);
    served.ended().await;
    assert_eq!(archive.spooled(), 0);
    let (mut talk, _served) = connect(archive.smtp()).await;
    talk.say("EHLO client").await;
    for size in [String::new(), format!(" SIZE={}", long.len())] {
        talk.begin(&format!("{ANN}{size}"), &["bob@example.org"])
            .await;
        let kept = id(&talk.data(&long).await);
        let raw = archive.kept(&kept).await.0;
        assert!(raw.starts_with(&long) && raw.len() == long.len() + 2);
        assert_eq!(archive.spooled(), 0);
    }
    assert!(archive.capture.try_room(1 << 20).is_some());
}

#[tokio::test]
async fn what_the_store_does_not_take_is_not_accepted() {
    let archive = Archive::new().await;
    let (mut talk, _served) = connect(archive.smtp()).await;
    talk.say("EHLO client").await;
    archive.store.clone().close().await.unwrap();
    talk.begin(ANN, &["bob@example.org"]).await;
    let said = talk.data(b"Subject: 1\r\n").await;
    assert!(said.starts_with("451 4.3.0 "), "{said}");
    assert!(talk.say("NOOP").await.starts_with("250 "));
    assert_eq!((archive.count("failed"), archive.count("kept")), (1, 0));
    assert!(archive.has_all_its_room());
}

#[tokio::test]
async fn a_mail_under_way_comes_to_its_end_when_the_service_stops() {
    let archive = Archive::new().await;
    let (mut idle, served) = connect(archive.smtp()).await;
    idle.say("EHLO client").await;
    served.stop.send(()).unwrap();
    assert!(idle.reply().await.starts_with("421 4.3.2 "));
    assert_eq!(idle.reply().await, "");
    let (mut talk, served) = connect(archive.smtp()).await;
    talk.say("EHLO client").await;
    talk.begin(ANN, &["bob@example.org"]).await;
    talk.say("DATA").await;
    served.stop.send(()).unwrap();
    talk.send(b"Subject: late\r\n").await;
    let first = id(&talk.say(".").await);
    assert_eq!(archive.kept(&first).await.0, b"Subject: late\r\n");
    assert!(talk.reply().await.starts_with("421 4.3.2 "));
    assert_eq!(talk.reply().await, "");
}

#[tokio::test]
async fn a_stranger_is_turned_away() {
    let archive = Archive::new().await;
    let (ours, theirs) = tokio::io::duplex(1024);
    archive.smtp().turn_away(theirs).await;
    let mut talk = Talk::over(ours);
    assert!(talk.reply().await.starts_with("554 5.7.1 "));
    assert_eq!(talk.reply().await, "");
}
