//! Peers that mean harm, or break.

use std::time::Duration;

use everpost_codec::smtp::Timeout;
use tokio::io::AsyncWriteExt;

use super::{ANN, Archive, connect, id};

/// Memory of this process, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    kib.unwrap().parse::<usize>().unwrap() << 10
}

#[tokio::test]
async fn a_line_of_a_gigabyte_costs_no_memory() {
    let archive = Archive::new().await;
    let piece = vec![b'a'; 1 << 20];
    // As a command, and as a message that was never to be so large.
    for in_message in [false, true] {
        let (mut talk, served) = connect(archive.smtp()).await;
        talk.say("EHLO client").await;
        if in_message {
            talk.begin(ANN, &["bob@example.org"]).await;
            talk.say("DATA").await;
        }
        let before = resident();
        for _ in 0..1024 {
            if talk.write.write_all(&piece).await.is_err() {
                break;
            }
        }
        let grown = resident().saturating_sub(before);
        assert!(grown < 32 << 20, "{grown} bytes more");
        let said = talk.reply().await;
        let expected = if in_message {
            "552 5.3.4 "
        } else {
            "500 5.5.2 "
        };
        assert!(said.starts_with(expected), "{said}");
        assert_eq!(talk.reply().await, "");
        served.ended().await;
    }
    assert_eq!((archive.count("refused"), archive.count("kept")), (1, 0));
    assert!(archive.has_all_its_room());
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_the_next_mail_taken() {
    let archive = Archive::new().await;
    let (mut talk, _served) = connect(archive.smtp()).await;
    talk.say("EHLO client").await;
    let said = talk.say(&format!("{ANN} SIZE=2000000")).await;
    assert!(said.starts_with("552 5.3.4 "), "{said}");
    talk.begin(ANN, &["bob@example.org"]).await;
    let large = b"A line of thirty-two characters\r\n".repeat(40_000);
    let said = talk.data(&large).await;
    assert!(said.starts_with("552 5.3.4 "), "{said}");
    talk.begin(ANN, &["bob@example.org"]).await;
    id(&talk.data(b"Subject: small\r\n").await);
}

/// A byte now and then keeps no connection open.
#[tokio::test]
async fn who_dawdles_is_cut_off() {
    let archive = Archive::new().await;
    for in_message in [false, true] {
        let mut road = archive.smtp();
        road.patience = |_: Timeout| Duration::from_millis(300);
        let (mut talk, served) = connect(road).await;
        talk.say("EHLO client").await;
        if in_message {
            talk.begin(ANN, &["bob@example.org"]).await;
            talk.say("DATA").await;
        }
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        let said = loop {
            tokio::select! {
                _ = ticks.tick() => {
                    // It may be closed by now; what it said is there to be read.
                    talk.write.write_all(b"N").await.ok();
                }
                said = talk.reply() => break said,
            }
        };
        assert!(said.starts_with("421 4.4.2 "), "{said}");
        served.ended().await;
    }
    assert_eq!(archive.count("abandoned"), 1);
    assert!(archive.has_all_its_room());
}

#[tokio::test]
async fn a_hundred_thousand_recipients_are_too_many() {
    let archive = Archive::new().await;
    let (mut talk, _served) = connect(archive.smtp()).await;
    talk.say("EHLO client").await;
    talk.begin(ANN, &[]).await;
    let mut refused = 0;
    for number in 0..100_000_u32 {
        let said = talk.say(&format!("RCPT TO:<{number}@example.org>")).await;
        refused += u32::from(said.starts_with("452 4.5.3 "));
    }
    assert_eq!(refused, 99_000);
    let first = id(&talk.data(b"Subject: many\r\n").await);
    let (_, envelopes) = archive.kept(&first).await;
    assert_eq!(envelopes[0].1.len(), 1_000);
}

#[tokio::test]
async fn a_mail_that_breaks_off_is_not_kept() {
    let archive = Archive::new().await;
    let (mut talk, served) = connect(archive.smtp()).await;
    talk.say("EHLO client").await;
    talk.begin(ANN, &["bob@example.org"]).await;
    talk.say("DATA").await;
    // The dot without the end of its line.
    talk.send(b"Subject: half\r\n\r\ntext\r\n.").await;
    drop(talk);
    served.ended().await;
    assert_eq!((archive.count("abandoned"), archive.count("kept")), (1, 0));
    assert_eq!(archive.tenant.status().await.unwrap().copies, 0);
}
