//! Orders, as they are carried out and refused.

use everpost_domain::replica::{MessageId, Order, Outcome};

use super::*;

fn unkept(verdict: &Verdict) -> Vec<String> {
    match verdict {
        Verdict::Done(done) => done.unkept.clone(),
        other => panic!("{other:?}"),
    }
}

async fn flags(upstream: &mut Upstream, place: &Place) -> Option<Vec<String>> {
    all(upstream, &place.folder).await.remove(&place.uid)
}

/// What a server that can do this much is ordered.
async fn all_orders(ignored: &[&str]) {
    let dovecot = dovecot();
    let mut upstream = connect(dovecot.imap(), ignored).await;
    let mut other = connect(dovecot.imap(), &[]).await;
    let has_uidplus = upstream.capabilities().uidplus();
    let verdict = upstream
        .append("INBOX", &["\\Seen", "$one", "no flag"], 5, &mail("1"))
        .await
        .unwrap();
    assert_eq!(unkept(&verdict), ["no flag"]);
    assert_eq!(
        matches!(&verdict, Verdict::Done(done) if done.landed.is_some()),
        has_uidplus
    );
    let found = upstream
        .find("INBOX", "<1@x>", None)
        .await
        .unwrap()
        .messages;
    assert_eq!((found.len(), found[0].uid, found[0].date), (1, 1, Some(5)));
    let place = put(&mut other, "INBOX", "2", &[]).await;
    assert_eq!(place.uid, 2);

    // Flags.
    let store = upstream
        .store(&place, &["\\Flagged", "$one"], &["\\Seen", "\\Odd"], None)
        .await;
    assert_eq!(unkept(&store.unwrap()), ["\\Odd"]);
    assert_eq!(
        flags(&mut upstream, &place).await.unwrap(),
        ["$one", "\\Flagged"]
    );
    // Once more changes nothing, and is done all the same.
    let store = upstream
        .store(&place, &["\\Flagged"], &[], None)
        .await
        .unwrap();
    assert_eq!(store, Verdict::done());
    let nothing = Place {
        uid: 99,
        ..place.clone()
    };
    let elsewhere = Place {
        uidvalidity: 1,
        ..place.clone()
    };
    let nowhere = Place {
        folder: "nowhere".into(),
        ..place.clone()
    };
    for wrong in [&nothing, &elsewhere] {
        let store = upstream.store(wrong, &["\\Seen"], &[], None).await.unwrap();
        assert_eq!(store, Verdict::NotAsThought);
        assert_eq!(
            upstream.copy(wrong, "Trash").await.unwrap(),
            Verdict::NotAsThought
        );
        assert_eq!(
            upstream.relocate(wrong, "Trash").await.unwrap(),
            Verdict::NotAsThought
        );
        let unchanged = Unchanged {
            modseq: None,
            flags: &|_| true,
        };
        assert_eq!(
            upstream.delete(wrong, &unchanged).await.unwrap(),
            Verdict::NotAsThought
        );
    }
    assert!(!matches!(
        upstream.copy(&nowhere, "Trash").await.unwrap(),
        Verdict::Done(_)
    ));
    if upstream.capabilities().condstore() {
        let stale = upstream
            .store(&place, &["\\Seen"], &[], Some(1))
            .await
            .unwrap();
        assert_eq!(stale, Verdict::NotAsThought);
        assert!(
            !flags(&mut upstream, &place)
                .await
                .unwrap()
                .contains(&"\\Seen".to_owned())
        );
        let unchanged = Unchanged {
            modseq: Some(1),
            flags: &|_| true,
        };
        assert_eq!(
            upstream.delete(&place, &unchanged).await.unwrap(),
            Verdict::NotAsThought
        );
    }

    // Copies and moves.
    let Verdict::Done(copied) = upstream.copy(&place, "Trash").await.unwrap() else {
        panic!();
    };
    assert_eq!(copied.landed.is_some(), has_uidplus);
    assert_eq!(all(&mut other, "Trash").await.len(), 1);
    let no_such = upstream.copy(&place, "nowhere").await.unwrap();
    assert!(matches!(no_such, Verdict::Refused(_)), "{no_such:?}");
    let Verdict::Done(moved) = upstream.relocate(&place, "Trash").await.unwrap() else {
        panic!();
    };
    assert_eq!(moved.landed.is_some(), has_uidplus);
    assert!(!moved.remains);
    assert_eq!(all(&mut other, "Trash").await.len(), 2);
    assert_eq!(flags(&mut other, &place).await, None);

    // Deleting: only if it is as it was, and no other with it.
    let mine = put(&mut other, "INBOX", "3", &[]).await;
    let theirs = put(&mut other, "INBOX", "4", &["\\Deleted"]).await;
    let changed = Unchanged {
        modseq: None,
        flags: &|flags| flags.contains(&"$two".to_owned()),
    };
    assert_eq!(
        upstream.delete(&mine, &changed).await.unwrap(),
        Verdict::NotAsThought
    );
    assert_eq!(
        flags(&mut other, &mine).await.unwrap(),
        Vec::<String>::new()
    );
    let unchanged = Unchanged {
        modseq: None,
        flags: &|flags| flags.is_empty(),
    };
    let deleted = upstream.delete(&mine, &unchanged).await.unwrap();
    if has_uidplus {
        assert_eq!(deleted, Verdict::done());
    } else {
        assert!(
            matches!(&deleted, Verdict::Refused(no) if !no.is_permanent),
            "{deleted:?}"
        );
        assert_eq!(
            flags(&mut other, &mine).await.unwrap(),
            Vec::<String>::new()
        );
        other
            .store(&theirs, &[], &["\\Deleted"], None)
            .await
            .unwrap();
        let marked = Unchanged {
            modseq: None,
            flags: &|flags| flags.is_empty(),
        };
        assert_eq!(
            upstream.delete(&mine, &marked).await.unwrap(),
            Verdict::done()
        );
    }
    assert_eq!(flags(&mut other, &mine).await, None);
    assert!(flags(&mut other, &theirs).await.is_some());
    folders(&mut upstream, &mut other).await;
}

async fn folders(upstream: &mut Upstream, other: &mut Upstream) {
    assert_eq!(upstream.create("a/b").await.unwrap(), Verdict::done());
    assert_eq!(upstream.create("a/b").await.unwrap(), Verdict::done());
    assert!(upstream.has_folder("a/b").await.unwrap());
    assert!(!upstream.has_folder("a/*").await.unwrap());
    assert_eq!(
        upstream.rename("a/b", "c \u{e4}").await.unwrap(),
        Verdict::done()
    );
    assert!(!upstream.has_folder("a/b").await.unwrap());
    assert!(upstream.has_folder("c \u{e4}").await.unwrap());
    assert_eq!(
        upstream.rename("a/b", "d").await.unwrap(),
        Verdict::NotAsThought
    );
    for wanted in [true, false] {
        assert_eq!(
            upstream.subscribe("c \u{e4}", wanted).await.unwrap(),
            Verdict::done()
        );
        let folders = other.folders(false).await.unwrap().all;
        let folder = folders
            .iter()
            .find(|folder| folder.name == "c \u{e4}")
            .unwrap();
        assert_eq!(folder.is_subscribed, wanted);
    }
    let counts = other.counts("c \u{e4}").await.unwrap().unwrap();
    let place = put(other, "c \u{e4}", "9", &[]).await;
    let delete = |uidnext| (counts.uidvalidity, uidnext);
    let (uidvalidity, uidnext) = delete(counts.uidnext);
    let verdict = upstream
        .delete_folder("c \u{e4}", uidvalidity, uidnext)
        .await
        .unwrap();
    assert_eq!(verdict, Verdict::NotAsThought);
    other.relocate(&place, "Trash").await.unwrap();
    let verdict = upstream
        .delete_folder("c \u{e4}", uidvalidity, uidnext)
        .await
        .unwrap();
    assert_eq!(verdict, Verdict::NotAsThought);
    let verdict = upstream
        .delete_folder("c \u{e4}", uidvalidity, uidnext + 1)
        .await
        .unwrap();
    assert_eq!(verdict, Verdict::done());
    assert!(!other.has_folder("c \u{e4}").await.unwrap());
    let verdict = upstream.create("x\r\ny").await.unwrap();
    assert!(matches!(verdict, Verdict::Refused(no) if no.is_permanent));
    let verdict = upstream
        .append("nowhere", &[], 0, &mail("1"))
        .await
        .unwrap();
    assert!(
        matches!(&verdict, Verdict::Refused(no) if no.code.as_deref() == Some("TRYCREATE")),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn of_a_server_that_can_all() {
    all_orders(&[]).await;
}

#[tokio::test]
async fn of_a_server_without_move() {
    all_orders(&["MOVE", "QRESYNC", "LITERAL+", "SASL-IR"]).await;
}

#[tokio::test]
async fn of_a_server_that_can_nothing() {
    all_orders(&[
        "MOVE",
        "QRESYNC",
        "CONDSTORE",
        "UIDPLUS",
        "LITERAL+",
        "ESEARCH",
        "LIST-EXTENDED",
        "LIST-STATUS",
        "NAMESPACE",
        "UNSELECT",
        "ENABLE",
        "SPECIAL-USE",
        "IDLE",
        "ID",
        "SASL-IR",
        "AUTH=PLAIN",
    ])
    .await;
}

pub(super) struct Known64;

impl Keywords for Known64 {
    fn bit(&self, keyword: &str) -> Flags {
        bits(keyword)
    }

    fn name(&self, bit: Flags) -> Option<String> {
        [(32, "$one"), (64, "$two")]
            .iter()
            .find(|(known, _)| *known == bit.0)
            .map(|(_, name)| (*name).to_owned())
    }
}

#[tokio::test]
async fn as_the_replica_orders() {
    let dovecot = dovecot();
    let mut upstream = connect(dovecot.imap(), &[]).await;
    let message = MessageId(1);
    let order = Order::Append {
        message,
        to: "INBOX".into(),
        flags: Flags::SEEN.with(Flags(32)),
    };
    let letter = Letter {
        date: 7,
        bytes: mail("1"),
    };
    let verdict = upstream.carry_out(&order, Some(&letter), &Known64).await;
    let Outcome::Done(Some(landed)) = outcome(&verdict) else {
        panic!("{verdict:?}");
    };
    let at = Place {
        folder: "INBOX".into(),
        uidvalidity: landed.uidvalidity,
        uid: landed.uid,
    };
    assert_eq!(flags(&mut upstream, &at).await.unwrap(), ["$one", "\\Seen"]);
    let order = Order::Store {
        message,
        at: at.clone(),
        add: Flags(64),
        remove: Flags::SEEN,
    };
    assert_eq!(
        outcome(&upstream.carry_out(&order, None, &Known64).await),
        Outcome::Done(None)
    );
    assert_eq!(flags(&mut upstream, &at).await.unwrap(), ["$one", "$two"]);
    let delete = |flags| Order::Delete {
        message,
        at: at.clone(),
        flags,
        modseq: None,
    };
    let before = upstream.carry_out(&delete(Flags(32)), None, &Known64).await;
    assert_eq!(outcome(&before), Outcome::NotAsThought);
    let now = upstream.carry_out(&delete(Flags(96)), None, &Known64).await;
    assert_eq!(outcome(&now), Outcome::Done(None));
    assert!(all(&mut upstream, "INBOX").await.is_empty());
}
