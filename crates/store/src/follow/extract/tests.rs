//! Attachments from admission to search, with readers that are told what to say.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::sync::Mutex;

use everpost_domain::query::parse;
use everpost_extract::{Extract, Extraction, Gap, Item, PoolError};

use crate::trial::{Trial, flip, mails};

/// A reader whose documents say what they say in plain text; `crash` and `sealed` are what
/// those words mean.
#[derive(Default)]
struct Plain {
    /// Names of what was read, in order.
    read: Mutex<Vec<String>>,
    /// Refuses to work after so many documents.
    breaks_after: Option<usize>,
    /// No more accidents.
    calm: bool,
}

impl Plain {
    fn count(&self) -> usize {
        self.read.lock().unwrap().len()
    }
}

impl Extract for Plain {
    async fn extract(&self, item: Item<'_>) -> Result<Extraction, PoolError> {
        if self.breaks_after.is_some_and(|limit| self.count() >= limit) {
            return Err(PoolError::Refused);
        }
        self.read.lock().unwrap().push(item.name.to_string());
        let text = String::from_utf8_lossy(item.bytes).trim().to_string();
        let gap = match text.as_str() {
            "crash" if !self.calm => Some(Gap::Crashed),
            "sealed" => Some(Gap::Encrypted),
            text if text.starts_with("part of") => Some(Gap::TooMuch),
            _ => None,
        };
        let known = gap.is_none() || gap == Some(Gap::TooMuch);
        Ok(Extraction {
            text: if known { text } else { String::new() },
            gap,
        })
    }
}

/// A mail with attachments of which only a reader knows the text.
fn mail(number: usize, attached: &[&str]) -> Vec<u8> {
    let mut mail = format!(
        "From: ann@example.org\r\nTo: bob@example.org\r\nDate: Mon, 01 Jan 2024 10:00:00 +0000\r\nMessage-ID: <{number}@example.org>\r\nSubject: letter {number}\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nthe body\r\n"
    );
    for (at, text) in attached.iter().enumerate() {
        mail.push_str(&format!(
            "--b\r\nContent-Type: application/x-test; name=f{at}.dat\r\n\r\n{text}\r\n"
        ));
    }
    mail.push_str("--b--\r\n");
    mail.into_bytes()
}

/// Seqs that match, and how many may.
async fn found(trial: &Trial, query: &str) -> (Vec<u64>, u64) {
    let (seqs, unknown) = trial.tenant.matched(&parse(query).unwrap()).await.unwrap();
    (seqs.into_iter().collect(), unknown.len())
}

async fn is_whole(trial: &Trial) {
    let report = trial.store.fsck(false, |_| ()).await.unwrap();
    assert_eq!(report.bad, []);
    assert_eq!(report.orphans, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_of_twenty_attachments_is_found() {
    let mut list = vec!["nothing of note"; 19];
    list.push("the zebra is here");
    let trial = Trial::new(vec![mail(0, &list), mail(1, &[])], 2).await;
    assert_eq!(found(&trial, "zebra").await, (vec![], 1));
    assert_eq!(trial.tenant.unsettled().await.unwrap().len(), 2);
    let reader = Plain::default();
    let done = trial
        .tenant
        .advance_extract(&reader, false, |_| ())
        .await
        .unwrap();
    assert_eq!(found(&trial, "zebra").await, (vec![0], 0));
    assert_eq!(found(&trial, "attachment:zebra").await, (vec![0], 0));
    assert_eq!(found(&trial, "gnu").await, (vec![], 0));
    // Nineteen are one and the same document.
    assert_eq!((done.documents, reader.count()), (2, 2));
    assert!(trial.tenant.unsettled().await.unwrap().is_empty());
    is_whole(&trial).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_document_in_two_mails_is_read_once_and_found_in_both() {
    let mut trial = Trial::new(vec![mail(0, &["zebra"]), mail(1, &["zebra"])], 2).await;
    let reader = Plain::default();
    trial
        .tenant
        .advance_extract(&reader, false, |_| ())
        .await
        .unwrap();
    trial.admit(vec![mail(2, &["zebra", "gnu"])], 1).await;
    assert_eq!(found(&trial, "zebra").await, (vec![0, 1], 1));
    trial
        .tenant
        .advance_extract(&reader, false, |_| ())
        .await
        .unwrap();
    assert_eq!(found(&trial, "zebra").await, (vec![0, 1, 2], 0));
    assert_eq!(reader.count(), 2);
    let status = trial.tenant.text_status().await.unwrap();
    assert_eq!((status.read, status.pending), (2, 0));
    // A new index needs no reader, and compaction leaves texts where they are.
    trial
        .tenant
        .compact(&Default::default(), |_| ())
        .await
        .unwrap();
    trial.tenant.reindex().await.unwrap();
    assert_eq!(found(&trial, "zebra").await, (vec![0, 1, 2], 0));
    is_whole(&trial).await;
    let trial = trial.reopen(None).await;
    assert_eq!(found(&trial, "gnu").await, (vec![2], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_read_stays_unknown_and_accidents_are_tried_again() {
    let list = [
        mail(0, &["sealed"]),
        mail(1, &["crash"]),
        mail(2, &["part of a zebra"]),
        mail(3, &["fine"]),
    ];
    let trial = Trial::new(list.to_vec(), 4).await;
    let tenant = &trial.tenant;
    let reader = Plain::default();
    tenant
        .advance_extract(&reader, false, |_| ())
        .await
        .unwrap();
    assert_eq!(found(&trial, "zebra").await, (vec![2], 2));
    assert_eq!(found(&trial, "gnu").await, (vec![], 3));
    assert_eq!(found(&trial, "-gnu").await, (vec![3], 3));
    let gaps = tenant.text_status().await.unwrap().gaps;
    assert_eq!(
        gaps,
        [(Gap::Encrypted, 1), (Gap::TooMuch, 1), (Gap::Crashed, 1)]
    );
    assert_eq!(
        tenant
            .unsettled()
            .await
            .unwrap()
            .into_iter()
            .collect::<Vec<_>>(),
        [1]
    );
    // It is tried until it is clear that it is no accident …
    for _ in 0..5 {
        tenant
            .advance_extract(&reader, false, |_| ())
            .await
            .unwrap();
    }
    assert_eq!(reader.read.lock().unwrap().len(), 4 + 2);
    assert!(tenant.unsettled().await.unwrap().is_empty());
    // … and then only when somebody asks for it.
    let calm = Plain {
        calm: true,
        ..Plain::default()
    };
    tenant.advance_extract(&calm, false, |_| ()).await.unwrap();
    assert_eq!(calm.count(), 0);
    tenant.advance_extract(&calm, true, |_| ()).await.unwrap();
    assert_eq!(calm.count(), 1);
    assert_eq!(found(&trial, "crash").await, (vec![1], 2));
    is_whole(&trial).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_stops_anywhere_is_gone_on_with() {
    let texts: Vec<String> = (0..90)
        .map(|number| format!("zebra number{number}"))
        .collect();
    let list: Vec<Vec<u8>> = (0..90)
        .map(|number| mail(number, &[&texts[number]]))
        .collect();
    for limit in [0, 1, 40, 64, 80] {
        let trial = Trial::new(list.clone(), 30).await;
        let broken = Plain {
            breaks_after: Some(limit),
            ..Plain::default()
        };
        let stopped = trial.tenant.advance_extract(&broken, false, |_| ()).await;
        assert!(stopped.is_err_and(|error| error.code() == "E-EXTRACT"));
        is_whole(&trial).await;
        let trial = trial.reopen(None).await;
        let reader = Plain::default();
        trial
            .tenant
            .advance_extract(&reader, false, |_| ())
            .await
            .unwrap();
        assert_eq!(
            found(&trial, "zebra").await,
            ((0..90).collect(), 0),
            "{limit}"
        );
        assert_eq!(found(&trial, "number77").await, (vec![77], 0));
        // Groups that were stored are not read again.
        assert_eq!(reader.count(), if limit < 64 { 90 } else { 26 });
        is_whole(&trial).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_copies_are_passed_by_and_nothing_is_readable_on_disk() {
    let list = vec![mail(0, &["sekretwort zebra"]), mail(1, &["gnu"])];
    let mut trial = Trial::new(list, 1).await;
    let reader = Plain::default();
    trial
        .tenant
        .advance_extract(&reader, false, |_| ())
        .await
        .unwrap();
    let before = trial.objects("packs");
    trial.admit(vec![mail(2, &["okapi"])], 1).await;
    let new = trial
        .objects("packs")
        .into_iter()
        .find(|path| !before.contains(path))
        .unwrap();
    flip(&new, 60);
    trial.store.inner.vault.forget();
    trial
        .tenant
        .advance_extract(&reader, false, |_| ())
        .await
        .unwrap();
    assert_eq!(trial.tenant.text_status().await.unwrap().unreadable, 1);
    assert_eq!(found(&trial, "okapi").await, (vec![], 1));
    flip(&new, 60);
    trial
        .tenant
        .advance_extract(&reader, false, |_| ())
        .await
        .unwrap();
    assert_eq!(trial.tenant.text_status().await.unwrap().unreadable, 0);
    assert_eq!(found(&trial, "okapi").await, (vec![2], 0));
    is_whole(&trial).await;
    trial.store.inner.catalog.checkpoint().await.unwrap();
    for kind in ["packs", "splits"] {
        for path in trial.objects(kind) {
            let bytes = std::fs::read(path).unwrap();
            assert!(!bytes.windows(10).any(|window| window == b"sekretwort"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_without_attachments_is_not_read_back() {
    let trial = Trial::new(mails(40, None, 3), 20).await;
    let reader = Plain::default();
    let done = trial
        .tenant
        .advance_extract(&reader, false, |_| ())
        .await
        .unwrap();
    // Each seventh of the mails has one; each 21st the same.
    assert_eq!((done.done, reader.count()), (40, 5));
    let rows = trial.numbers("SELECT COUNT(*) FROM copy_text").await;
    assert_eq!(rows, [6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_texts_are_named_and_read_again() {
    let mut trial = Trial::new(vec![mail(0, &["zebra"])], 1).await;
    let reader = Plain::default();
    trial
        .tenant
        .advance_extract(&reader, false, |_| ())
        .await
        .unwrap();
    let before = trial.objects("packs");
    trial.admit(vec![mail(1, &["gnu"])], 1).await;
    let with_mail = trial.objects("packs");
    trial
        .tenant
        .advance_extract(&reader, false, |_| ())
        .await
        .unwrap();
    let texts = trial
        .objects("packs")
        .into_iter()
        .find(|path| !with_mail.contains(path))
        .unwrap();
    assert_eq!((before.len(), with_mail.len()), (2, 3));
    flip(&texts, 50);
    trial.store.inner.vault.forget();
    let report = trial.store.fsck(false, |_| ()).await.unwrap();
    assert!(
        !report.bad.is_empty() && report.lost.is_empty(),
        "{:?}",
        report.bad
    );
    let report = trial.store.fsck(true, |_| ()).await.unwrap();
    assert_eq!(report.bad, []);
    assert!(!texts.exists());
    trial.tenant.reindex().await.unwrap();
    assert_eq!(found(&trial, "gnu").await, (vec![], 1));
    trial
        .tenant
        .advance_extract(&reader, false, |_| ())
        .await
        .unwrap();
    assert_eq!(found(&trial, "gnu").await, (vec![1], 0));
    assert_eq!(found(&trial, "zebra").await, (vec![0], 0));
    assert_eq!(reader.count(), 3);
    is_whole(&trial).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attachments_of_a_nested_message_are_parts_of_their_own() {
    let inner = String::from_utf8(mail(7, &["zebra", "gnu"])).unwrap();
    let outer = format!(
        "From: ann@example.org\r\nSubject: outer\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\r\nsee below\r\n--o\r\n\
         Content-Type: message/rfc822\r\n\r\n{inner}\r\n--o\r\nContent-Type: application/x-test; name=last.dat\r\n\r\nokapi\r\n--o--\r\n"
    );
    let trial = Trial::new(vec![outer.into_bytes()], 1).await;
    let reader = Plain::default();
    trial
        .tenant
        .advance_extract(&reader, false, |_| ())
        .await
        .unwrap();
    let mut names = reader.read.lock().unwrap().clone();
    names.sort();
    assert_eq!(names, ["f0.dat", "f1.dat", "last.dat"]);
    let rows = "SELECT COUNT(DISTINCT part) FROM copy_text";
    assert_eq!(trial.numbers(rows).await, [3]);
    for word in ["zebra", "gnu", "okapi"] {
        assert_eq!(found(&trial, word).await, (vec![0], 0), "{word}");
    }
    // Words of two attachments are not side by side.
    assert_eq!(found(&trial, "\"zebra gnu\"").await, (vec![], 0));
}
