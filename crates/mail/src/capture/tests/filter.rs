//! Milter, with the frames that Postfix sends.

use everpost_domain::digest::Digest;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::{Archive, LATE};
use crate::capture::milter::{MilterOptions, MilterRoad};

fn frame(command: u8, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len() + 1).unwrap();
    [&length.to_be_bytes()[..], &[command], data].concat()
}

/// All of a mail up to its end: from ann, to bob openly and to another secretly.
fn mail(body: &[u8]) -> Vec<u8> {
    [
        frame(b'M', b"<ann@example.org>\0SIZE=9\0"),
        frame(b'R', b"<bob@example.org>\0"),
        frame(b'R', b"<hidden@example.org>\0NOTIFY=NEVER\0"),
        frame(b'D', b"Ti\x004AB\0"),
        frame(b'T', b""),
        frame(b'L', b"Subject\0 plain\0"),
        frame(b'N', b""),
        frame(b'B', body),
        frame(b'E', b""),
    ]
    .concat()
}

struct Server {
    stream: DuplexStream,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Server {
    async fn connect(archive: &Archive, fail_open: bool) -> Self {
        let options = MilterOptions {
            fail_open,
            max_message: 1 << 20,
        };
        let road = MilterRoad::new(&archive.capture, options);
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        tokio::spawn(async move {
            let stopped = async { stopped.await.unwrap_or(()) };
            road.serve(theirs, stopped).await;
        });
        let mut server = Server {
            stream: ours,
            _stop: stop,
        };
        let offer = [6_u32, 0x1ff, 0x1f_ffff].map(u32::to_be_bytes).concat();
        server.send(&frame(b'O', &offer)).await;
        assert_eq!(server.answer().await, b'O');
        let connect = b"client.test\x004\x30\x39192.0.2.7\0";
        server.send(&frame(b'C', connect)).await;
        assert_eq!(server.answer().await, b'c');
        server
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The command of the next answer; 0 when the connection is closed.
    async fn answer(&mut self) -> u8 {
        let read = async {
            let mut length = [0; 4];
            if self.stream.read_exact(&mut length).await.is_err() {
                return 0;
            }
            let length = usize::try_from(u32::from_be_bytes(length)).unwrap();
            let mut frame = vec![0; length];
            self.stream.read_exact(&mut frame).await.unwrap();
            frame[0]
        };
        tokio::time::timeout(LATE, read).await.unwrap()
    }

    /// Answers to sender, two recipients and the end of a mail.
    async fn answers(&mut self) -> [u8; 4] {
        let mut all = [0; 4];
        for one in &mut all {
            *one = self.answer().await;
        }
        all
    }
}

#[tokio::test]
async fn a_mail_passes_when_it_is_kept_with_all_its_recipients() {
    let archive = Archive::new().await;
    let mut server = Server::connect(&archive, false).await;
    for times in 1..3 {
        server.send(&mail(b"Hello\r\n")).await;
        server.send(&frame(b'A', b"")).await;
        assert_eq!(server.answers().await, *b"cccc");
        let raw = b"Subject: plain\r\n\r\nHello\r\n";
        let (kept, envelopes) = archive.kept(&Digest::of(raw)).await;
        assert_eq!(kept, raw);
        let to = ["bob@example.org", "hidden@example.org"].map(String::from);
        let envelope = ("ann@example.org".to_string(), to.to_vec());
        assert_eq!(envelopes, vec![envelope; times]);
    }
    assert_eq!((archive.count("kept"), archive.count("abandoned")), (2, 0));
}

#[tokio::test]
async fn what_is_not_kept_is_held_up_or_told_of() {
    let archive = Archive::new().await;
    let mut closed = Server::connect(&archive, false).await;
    let mut open = Server::connect(&archive, true).await;
    archive.store.clone().close().await.unwrap();
    closed.send(&mail(b"Hello\r\n")).await;
    assert_eq!(closed.answers().await, *b"ccct");
    open.send(&mail(b"Hello\r\n")).await;
    assert_eq!(open.answers().await, *b"ccca");
    assert_eq!((archive.count("failed"), archive.count("omitted")), (1, 1));
    assert!(archive.has_all_its_room());
}

#[tokio::test]
async fn what_is_too_large_is_refused_for_good() {
    let archive = Archive::new().await;
    let mut server = Server::connect(&archive, false).await;
    let whole = mail(b"");
    let (before, end) = whole.split_at(whole.len() - frame(b'E', b"").len());
    server.send(before).await;
    for _ in 0..20 {
        server.send(&frame(b'B', &[b'x'; 65_535])).await;
    }
    server.send(end).await;
    assert_eq!(server.answers().await, *b"cccy");
    assert_eq!(archive.count("refused"), 1);
    assert!(archive.has_all_its_room());
    // What is no milter is shown the door.
    server.send(b"GET / HTTP/1.1\r\n\r\n").await;
    assert_eq!(server.answer().await, 0);
}
