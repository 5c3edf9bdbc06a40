//! What breaks other archives (peers.md, traps): a follower that is down, many recipients,
//! hostile sizes.

use std::sync::Arc;

use everpost_domain::digest::Digest;
use everpost_store::Envelope;
use everpost_testkit::faults::Faults;
use everpost_testkit::letters::Letters;
use object_store::memory::InMemory;

use super::common::{Place, distinct, found, is_whole, prepared, prepared_in, reads_back, scratch};

struct World {
    _dir: tempfile::TempDir,
    place: Place,
    faults: Faults,
}

impl World {
    fn new() -> Self {
        let dir = scratch();
        let place = Place {
            data: dir.path().join("data"),
            objects: Arc::new(InMemory::new()),
        };
        let faults = Faults::over(place.objects.clone());
        World {
            _dir: dir,
            place,
            faults,
        }
    }
}

/// Trap 2: search is down while mail comes in.
#[tokio::test]
async fn an_index_that_is_down_refuses_no_mail() {
    let world = World::new();
    let (_store, tenant) = world.place.open(Some(Arc::new(world.faults.clone()))).await;
    let mut letters = Letters::new(1);
    let mails: Vec<Vec<u8>> = (0..600).map(|_| letters.letter(400)).collect();
    world.faults.close("objects/splits");
    for half in mails.chunks(300) {
        tenant
            .admit(half.iter().map(|mail| prepared(mail)).collect(), None)
            .await
            .unwrap();
        assert!(tenant.advance_index(true).await.is_err());
        tenant.advance_log().await.unwrap();
    }
    let status = tenant.status().await.unwrap();
    assert_eq!(
        (status.index_lag, status.log_lag),
        (600, 0),
        "the lag is shown"
    );
    assert_eq!(
        found(&tenant, "").await,
        0,
        "search answers with what it has"
    );
    reads_back(&tenant, &mails).await;
    world.faults.heal();
    is_whole(&world.place, &tenant, &distinct(&[mails]), 600).await;
}

/// The same for the log: a tile that cannot be put holds up nothing but the log.
#[tokio::test]
async fn a_log_that_is_down_refuses_no_mail() {
    let world = World::new();
    let (_store, tenant) = world.place.open(Some(Arc::new(world.faults.clone()))).await;
    let mut letters = Letters::new(2);
    let mails: Vec<Vec<u8>> = (0..300).map(|_| letters.letter(100)).collect();
    world.faults.close("objects/tiles");
    tenant
        .admit(mails.iter().map(|mail| prepared(mail)).collect(), None)
        .await
        .unwrap();
    assert!(tenant.advance_log().await.is_err());
    assert_eq!(tenant.advance_index(true).await.unwrap().indexed, 300);
    assert_eq!(tenant.status().await.unwrap().log_lag, 300);
    world.faults.heal();
    is_whole(&world.place, &tenant, &distinct(&[mails]), 300).await;
}

/// What the index had gathered when its scratch folder failed is gathered again.
#[tokio::test]
async fn an_index_that_fails_half_way_skips_nothing() {
    let world = World::new();
    let (_store, tenant) = world.place.open(None).await;
    let mut letters = Letters::new(3);
    let mails: Vec<Vec<u8>> = (0..400).map(|_| letters.letter(8000)).collect();
    let admit =
        |mails: &[Vec<u8>]| tenant.admit(mails.iter().map(|mail| prepared(mail)).collect(), None);
    admit(&mails[..100]).await.unwrap();
    tenant.advance_index(false).await.unwrap();
    let folder = world.place.data.join("tmp");
    std::fs::remove_dir_all(&folder).unwrap();
    admit(&mails[100..]).await.unwrap();
    let first = tenant.advance_index(false).await;
    let second = tenant.advance_index(true).await;
    assert!(
        first.is_err() || second.is_err(),
        "without its folder the index cannot be built"
    );
    std::fs::create_dir(&folder).unwrap();
    is_whole(&world.place, &tenant, &distinct(&[mails]), 400).await;
}

/// Whoever asked for the index may go away in the middle of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_whose_caller_went_away_skips_nothing() {
    let world = World::new();
    let (_store, tenant) = world.place.open(None).await;
    let mut letters = Letters::new(4);
    let mails: Vec<Vec<u8>> = (0..300).map(|_| letters.letter(2000)).collect();
    for (polls, part) in (1..).zip(mails.chunks(30)) {
        tenant
            .admit(part.iter().map(|mail| prepared(mail)).collect(), None)
            .await
            .unwrap();
        tenant.advance_index(false).await.unwrap();
        let mut asked = Box::pin(tenant.advance_index(polls % 2 == 0));
        for _ in 0..polls {
            if futures::poll!(&mut asked).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    is_whole(&world.place, &tenant, &distinct(&[mails]), 300).await;
}

/// Trap 4: every recipient of one transaction is recorded.
#[tokio::test]
async fn all_of_130_recipients_are_recorded() {
    let world = World::new();
    let (store, tenant) = world.place.open(None).await;
    let mail = Letters::new(5).letter(300);
    let id = Digest::of(&mail);
    let first = Envelope {
        sender: "list@example.org".into(),
        recipients: (0..130)
            .map(|number| format!("reader{number}@example.org"))
            .collect(),
        ..Envelope::default()
    };
    let null = Envelope {
        sender: String::new(),
        recipients: vec!["postmaster@example.org".into()],
        ..Envelope::default()
    };
    for envelope in [Some(first.clone()), Some(null.clone()), None] {
        tenant
            .admit(vec![prepared_in(&mail, "INBOX", envelope)], None)
            .await
            .unwrap();
    }
    drop((store, tenant));
    let (_store, tenant) = world.place.open(None).await;
    let deliveries = tenant.deliveries(&id).await.unwrap();
    let envelopes: Vec<Option<Envelope>> = deliveries
        .into_iter()
        .map(|delivery| delivery.envelope)
        .collect();
    assert_eq!(envelopes, [Some(first), Some(null), None]);
    is_whole(&world.place, &tenant, &distinct(&[vec![mail]]), 3).await;
}

/// Trap 11: nothing is too long to be kept.
#[tokio::test]
async fn hostile_sizes_are_archived() {
    let world = World::new();
    let (_store, tenant) = world.place.open(None).await;
    let long_id = format!(
        "Message-ID: <{}@example.org>\nSubject: longid\n\nlongidbody\n",
        "i".repeat(16 << 10)
    );
    let mut long_header = String::from("Subject: longheader\n");
    for number in 0..3000 {
        long_header.push_str(&format!(
            "X-Trace-{number}: hop {number} of a loop that somebody will find some day\n"
        ));
    }
    assert!(long_header.len() > 131_072);
    long_header.push_str("From: Ann <ann@example.org>\n\nlongheaderbody\n");
    let one_line = format!(
        "Subject: oneline\nX-Pad: {}\n\nonelinebody\n",
        "p".repeat(300_000)
    );
    let folder = format!("Projects/{}/deep", "ordner-".repeat(60));
    let mails: Vec<Vec<u8>> = [long_id, long_header, one_line]
        .map(String::into_bytes)
        .into();
    for mail in &mails {
        tenant
            .admit(vec![prepared_in(mail, &folder, None)], None)
            .await
            .unwrap();
    }
    is_whole(
        &world.place,
        &tenant,
        &distinct(std::slice::from_ref(&mails)),
        3,
    )
    .await;
    for word in [
        "longidbody",
        "longheaderbody",
        "onelinebody",
        "subject:longid",
        "subject:longheader",
    ] {
        assert_eq!(found(&tenant, word).await, 1, "{word}");
    }
    assert_eq!(
        found(&tenant, "from:ann@example.org").await,
        1,
        "a field behind 131,072 bytes of header"
    );
    let shown = tenant.show(&Digest::of(&mails[0])).await.unwrap();
    assert_eq!(shown.places[0].folder, folder);
    assert_eq!(
        shown.head.message_id.unwrap().len(),
        (16 << 10) + "@example.org".len()
    );
}

/// Trap 1: a Message-ID that comes twice with different text names two mails.
#[tokio::test]
async fn an_id_that_comes_twice_loses_nothing() {
    let world = World::new();
    let (_store, tenant) = world.place.open(None).await;
    let mail = |text: &str| {
        format!("Message-ID: <same@example.org>\nDate: 1 Mar 2021 10:00:00 +0000\nFrom: a@example.org\nSubject: x\n\n{text}\n").into_bytes()
    };
    let mails = vec![mail("ersterbrief"), mail("zweiterbrief")];
    for mail in &mails {
        tenant.admit(vec![prepared(mail)], None).await.unwrap();
    }
    is_whole(&world.place, &tenant, &distinct(&[mails]), 2).await;
    assert_eq!(
        (
            found(&tenant, "ersterbrief").await,
            found(&tenant, "zweiterbrief").await
        ),
        (1, 1)
    );
    assert_eq!(tenant.status().await.unwrap().messages, 2);
}
