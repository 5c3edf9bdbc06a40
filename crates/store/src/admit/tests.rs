//! Guards: an admission that was overtaken between its decision and its commit.

use std::sync::Mutex;

use bytes::Bytes;
use everpost_domain::digest::Digest;
use everpost_domain::identity::Origin;
use everpost_domain::message::HeldEvidence;
use everpost_testkit::letters::Letters;
use futures::StreamExt;
use tokio::sync::oneshot;

use super::{Incoming, Outcome, Placement, Prepared, Request};
use crate::{Options, Store, Tenant};

/// Stops one admission behind its decision, once, until it is let go.
#[derive(Default)]
pub(crate) struct Gate(Mutex<Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>>);

impl Gate {
    /// The next admission that comes here tells the receiver and waits for the sender.
    pub(crate) fn close(&self) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
        let (reached, reach) = oneshot::channel();
        let (go, let_go) = oneshot::channel();
        *self.0.lock().unwrap() = Some((reached, let_go));
        (reach, go)
    }

    pub(crate) async fn pass(&self) {
        let stop = self.0.lock().unwrap().take();
        if let Some((reached, let_go)) = stop {
            reached.send(()).ok();
            let_go.await.ok();
        }
    }
}

fn request(mails: &[&[u8]]) -> Vec<Request> {
    let prepare = |raw: &&[u8]| {
        let place = Placement {
            mailbox: "a@example.org".into(),
            folder: "INBOX".into(),
            flags: 0,
            keywords: Vec::new(),
        };
        let incoming = Incoming {
            raw: Bytes::copy_from_slice(raw),
            origin: Origin::Other,
            held: HeldEvidence::default(),
            position: 0,
            envelope: None,
            places: vec![place],
            owners: Vec::new(),
            report_of: None,
            onward: None,
        };
        Prepared::new(incoming, 1_700_000_000)
    };
    vec![Request {
        items: mails.iter().map(prepare).collect(),
        progress: None,
    }]
}

struct Archive {
    _dir: tempfile::TempDir,
    tenant: Tenant,
}

impl Archive {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(Options::create(dir.path().join("data")))
            .await
            .unwrap()
            .store;
        Archive {
            tenant: store.tenant(None).unwrap(),
            _dir: dir,
        }
    }

    /// Admits `late`, and while that stands between decision and commit, `early`.
    async fn overtake(&self, early: &[u8], late: &[u8]) -> (Vec<Outcome>, Vec<Outcome>) {
        let (reached, go) = self.tenant.state.gate.close();
        let overtaken = {
            let (tenant, request) = (self.tenant.clone(), request(&[late]));
            tokio::spawn(async move { tenant.commit(request).await.unwrap() })
        };
        reached.await.unwrap();
        let first = self.tenant.commit(request(&[early])).await.unwrap();
        go.send(()).unwrap();
        (first, overtaken.await.unwrap())
    }

    async fn packs(&self) -> usize {
        let path = object_store::path::Path::from("objects/packs");
        self.tenant
            .store
            .vault
            .objects
            .list(Some(&path))
            .count()
            .await
    }

    async fn holds(&self, mails: &[&[u8]]) {
        for mail in mails {
            assert_eq!(self.tenant.raw(&Digest::of(mail)).await.unwrap(), *mail);
        }
        let status = self.tenant.status().await.unwrap();
        assert_eq!(
            status.packs as usize,
            self.packs().await,
            "every pack has a row: no orphan"
        );
        assert_eq!(self.tenant.advance_log().await.unwrap(), status.events);
        assert_eq!(
            self.tenant.advance_index(true).await.unwrap().indexed,
            status.events
        );
    }
}

#[tokio::test]
async fn the_same_bytes_are_stored_once() {
    let archive = Archive::new().await;
    let mail = Letters::new(1).letter(3000);
    let (first, second) = archive.overtake(&mail, &mail).await;
    let digest = Digest::of(&mail);
    assert_eq!(first, [Outcome::Stored(digest)]);
    assert_eq!(
        second,
        [Outcome::Duplicate(digest)],
        "the overtaken one decided again"
    );
    let status = archive.tenant.status().await.unwrap();
    assert_eq!((status.copies, status.deliveries, status.packs), (1, 2, 1));
    archive.holds(&[&mail]).await;
}

#[tokio::test]
async fn a_part_that_both_bring_is_stored_once() {
    let archive = Archive::new().await;
    let mut letters = Letters::new(2);
    let file = letters.noise(50_000);
    let (early, late) = (
        letters.letter_with(300, &file),
        letters.letter_with(300, &file),
    );
    let (first, second) = archive.overtake(&early, &late).await;
    assert_eq!(first, [Outcome::Stored(Digest::of(&early))]);
    assert_eq!(second, [Outcome::Stored(Digest::of(&late))]);
    let status = archive.tenant.status().await.unwrap();
    assert_eq!((status.copies, status.packs), (2, 2));
    assert!(
        status.pack_bytes < 60_000,
        "the file lies there once: {}",
        status.pack_bytes
    );
    archive.holds(&[&early, &late]).await;
}

#[tokio::test]
async fn a_message_that_came_by_two_ways_is_one() {
    let archive = Archive::new().await;
    let early = Letters::new(3).letter(3000);
    let late = [
        b"Received: from c.example.org by d.example.org; 02 Apr 2021 10:00:00 +0000\n",
        early.as_slice(),
    ]
    .concat();
    archive.overtake(&early, &late).await;
    let status = archive.tenant.status().await.unwrap();
    assert_eq!(
        (
            status.messages,
            status.copies,
            status.deliveries,
            status.packs
        ),
        (1, 2, 2, 2)
    );
    let shown = archive.tenant.show(&Digest::of(&late)).await.unwrap();
    assert_eq!(
        shown.copies,
        [Digest::of(&early), Digest::of(&late)],
        "the one that committed first is the older"
    );
    archive.holds(&[&early, &late]).await;
}

#[tokio::test]
async fn what_has_nothing_in_common_is_not_held_up() {
    let archive = Archive::new().await;
    let mut letters = Letters::new(4);
    let (early, late) = (letters.letter(500), letters.letter(500));
    let (_, second) = archive.overtake(&early, &late).await;
    assert_eq!(second, [Outcome::Stored(Digest::of(&late))]);
    assert_eq!(
        archive.packs().await,
        2,
        "the pack of the first attempt was kept"
    );
    archive.holds(&[&early, &late]).await;
}
