//! What is seen, by each of the three ways.

use super::*;

#[tokio::test]
async fn folders_and_what_they_have() {
    let dovecot = dovecot();
    let mut upstream = connect(dovecot.imap(), &[]).await;
    assert!(upstream.capabilities().uidplus() && upstream.capabilities().moves());
    let verdict = upstream.create("Entw\u{fc}rfe/R&D").await.unwrap();
    assert_eq!(verdict, Verdict::done());
    upstream.subscribe("Entw\u{fc}rfe/R&D", true).await.unwrap();
    put(&mut upstream, "Entw\u{fc}rfe/R&D", "1", &[]).await;
    let mut told = Vec::new();
    for ignored in [
        &[] as &[&str],
        &["LIST-STATUS"],
        &["LIST-EXTENDED", "LIST-STATUS"],
        &[
            "LIST-EXTENDED",
            "LIST-STATUS",
            "NAMESPACE",
            "CONDSTORE",
            "QRESYNC",
        ],
    ] {
        let mut upstream = connect(dovecot.imap(), ignored).await;
        let mut folders = upstream.folders(true).await.unwrap();
        assert!(folders.unreadable.is_empty());
        for folder in &mut folders.all {
            if let Some(counts) = &mut folder.counts {
                assert_eq!(counts.modseq.is_some(), ignored.len() < 5);
                counts.modseq = None;
            }
            // What is for what, only the extended list tells here.
            folder.uses.clear();
        }
        told.push(folders);
    }
    assert!(told.iter().all(|one| *one == told[0]), "{told:#?}");
    let mut folders = upstream.folders(false).await.unwrap().all;
    let sent = folders.iter().find(|folder| folder.name == "Sent").unwrap();
    assert_eq!(sent.role(), Some(everpost_domain::replica::Role::Sent));
    assert!(sent.is_subscribed && sent.is_selectable && sent.counts.is_none());
    folders.retain(|folder| folder.name.contains("Entw"));
    assert_eq!(folders.len(), 2, "{folders:?}");
    assert!(folders[1].is_subscribed);
    let counts = upstream.counts("Entw\u{fc}rfe/R&D").await.unwrap().unwrap();
    assert_eq!((counts.messages, counts.uidnext), (1, 2));
    assert_eq!(upstream.counts("nowhere").await.unwrap(), None);
    let nowhere = upstream.look("nowhere", None, Access::Read).await;
    assert!(matches!(nowhere, Err(Trouble::Refused(_))), "{nowhere:?}");
    upstream.quit().await;
}

/// The three ways, and what each knows.
struct Watcher {
    upstream: Upstream,
    known: Option<Known>,
    messages: BTreeMap<u32, Copied>,
    ways: Vec<&'static str>,
}

impl Watcher {
    async fn new(address: SocketAddr, ignored: &[&str]) -> Self {
        Watcher {
            upstream: connect(address, ignored).await,
            known: None,
            messages: BTreeMap::new(),
            ways: Vec::new(),
        }
    }

    async fn look(&mut self) {
        let known = self.known;
        let seen = self
            .upstream
            .look("INBOX", known.as_ref(), Access::Read)
            .await
            .unwrap();
        self.ways.push(match &seen.told {
            Told::AsBefore => "as before",
            Told::All(_) => "all",
            Told::Changes {
                gone: Gone::These(_),
                ..
            } => "changes",
            Told::Changes { .. } => "changes, searched",
        });
        self.messages = take(&self.messages, &seen).unwrap();
        self.known = Some(seen.known());
    }

    /// Without what only some can tell.
    fn flags(&self) -> BTreeMap<u32, Flags> {
        self.messages
            .iter()
            .map(|(uid, copied)| (*uid, copied.flags))
            .collect()
    }
}

#[tokio::test]
async fn all_ways_see_the_same() {
    let dovecot = dovecot();
    let address = dovecot.imap();
    let mut actor = connect(address, &[]).await;
    let mut watchers = [
        Watcher::new(address, &[]).await,
        Watcher::new(address, &["QRESYNC"]).await,
        Watcher::new(address, &["QRESYNC", "ESEARCH"]).await,
        Watcher::new(address, &["QRESYNC", "CONDSTORE"]).await,
    ];
    let mut places = Vec::new();
    for round in 0..8_usize {
        match round {
            0 | 5 => {}
            1 | 3 => {
                for number in 0..20 {
                    let flags: &[&str] = if number % 3 == 0 {
                        &["\\Seen", "$one"]
                    } else {
                        &[]
                    };
                    let place = put(&mut actor, "INBOX", &format!("{round}-{number}"), flags).await;
                    places.push(place);
                }
            }
            2 => {
                for place in places.iter().step_by(4) {
                    actor
                        .store(place, &["\\Flagged", "$two"], &["$one"], None)
                        .await
                        .unwrap();
                }
            }
            4 => {
                for place in places.iter().step_by(5) {
                    let unchanged = Unchanged {
                        modseq: None,
                        flags: &|_| true,
                    };
                    let verdict = actor.delete(place, &unchanged).await.unwrap();
                    assert_eq!(verdict, Verdict::done());
                }
            }
            6 => {
                // As many come as go.
                let verdict = actor.relocate(&places[1], "Trash").await.unwrap();
                assert!(matches!(verdict, Verdict::Done(_)));
                put(&mut actor, "INBOX", "new", &[]).await;
            }
            _ => {
                for place in &places {
                    actor.relocate(place, "Trash").await.unwrap();
                }
            }
        }
        let truth = all(&mut actor, "INBOX").await;
        for watcher in &mut watchers {
            watcher.look().await;
            let seen: Vec<u32> = watcher.messages.keys().copied().collect();
            assert_eq!(
                seen,
                truth.keys().copied().collect::<Vec<u32>>(),
                "{round} {:?}",
                watcher.ways
            );
        }
        let flags = watchers[0].flags();
        for watcher in &watchers {
            assert_eq!(watcher.flags(), flags, "{round} {:?}", watcher.ways);
        }
    }
    let ways = watchers.map(|watcher| watcher.ways);
    assert_eq!(
        ways[0],
        [
            "all",
            "changes",
            "changes",
            "changes",
            "changes",
            "as before",
            "changes",
            "changes"
        ]
    );
    for ways in &ways[1..3] {
        assert_eq!(
            ways[4..8],
            [
                "changes, searched",
                "as before",
                "changes, searched",
                "changes, searched"
            ]
        );
    }
    assert!(ways[3].iter().all(|way| *way == "all"));
}

#[tokio::test]
async fn two_thousand_messages() {
    const MANY: u32 = 2_000;
    let dovecot = dovecot();
    let mut upstream = connect(dovecot.imap(), &[]).await;
    for number in 0..MANY {
        put(&mut upstream, "INBOX", &number.to_string(), &[]).await;
    }
    let seen = upstream.look("INBOX", None, Access::Write).await.unwrap();
    assert_eq!((seen.exists, seen.uidnext), (MANY, MANY + 1));
    let keeps = seen.keeps.clone().unwrap();
    assert!(
        keeps.any_keyword && keeps.takes("\\Seen") && keeps.takes("$new") && !keeps.takes("\\New")
    );
    let counts = upstream.counts("INBOX").await.unwrap().unwrap();
    assert!(seen.known().is_as(&counts));
    let mut uids: Vec<u32> = (1..=MANY + 50).collect();
    uids.reverse();
    let mut ids = BTreeMap::new();
    let take = |traits: Traits| {
        assert_eq!(traits.date, Some(1_000_000_000));
        assert!(traits.size > 50);
        ids.insert(traits.uid, traits.message_id().unwrap());
    };
    upstream
        .evidence("INBOX", seen.uidvalidity, &uids, &["Message-ID"], take)
        .await
        .unwrap();
    assert_eq!(ids.len() as u32, MANY);
    assert_eq!(ids[&2_000], "<1999@x>");
    let other = upstream
        .evidence("INBOX", seen.uidvalidity + 1, &uids, &["Subject"], |_| {})
        .await;
    assert!(matches!(other, Err(Trouble::Refused(_))));
    let since = |uidnext| Some((seen.uidvalidity, uidnext));
    let found = upstream.find("INBOX", "<1234@x>", None).await.unwrap();
    assert_eq!(found.uidvalidity, seen.uidvalidity);
    assert_eq!(
        found
            .messages
            .iter()
            .map(|traits| traits.uid)
            .collect::<Vec<_>>(),
        [1_235]
    );
    assert!(
        upstream
            .find("INBOX", "<1234@x>", since(1_236))
            .await
            .unwrap()
            .messages
            .is_empty()
    );
    assert!(
        upstream
            .find("INBOX", "1234@x", since(1_000))
            .await
            .unwrap()
            .messages
            .is_empty()
    );
}

#[tokio::test]
async fn bytes_come_as_they_are() {
    let dovecot = dovecot();
    let mut upstream = connect(dovecot.imap(), &[]).await;
    let mut long = b"Message-ID: <long@x>\r\n\r\n".to_vec();
    for number in 0..300_000_u32 {
        // Not all of them are text, but no line ends alone.
        let byte = (number % 251) as u8;
        long.push(if matches!(byte, 0 | b'\r' | b'\n') {
            b'x'
        } else {
            byte
        });
    }
    long.extend_from_slice(b"\r\n");
    let with_nul = b"Message-ID: <nul@x>\r\n\r\na\0b\r\n".to_vec();
    for bytes in [long.clone(), with_nul] {
        // In parts, as it may lie here.
        let parts: Vec<Bytes> = bytes.chunks(70_001).map(Bytes::copy_from_slice).collect();
        let verdict = upstream.append("INBOX", &[], 5, &parts).await.unwrap();
        let Verdict::Done(done) = verdict else {
            panic!("{verdict:?}");
        };
        let landed = done.landed.unwrap();
        let mut sink = Vec::new();
        let body = upstream
            .body("INBOX", landed.uidvalidity, landed.uid, 1 << 20, &mut sink)
            .await
            .unwrap();
        assert!(
            matches!(body, Body::Whole(octets) if octets == bytes.len() as u64),
            "{body:?}"
        );
        // BODY[] cannot have NUL: Dovecot shows another byte for it, and has the right one.
        let shown = bytes
            .iter()
            .map(|byte| if *byte == 0 { 0x80 } else { *byte });
        assert!(sink == shown.collect::<Vec<u8>>());
    }
    let uidvalidity = upstream
        .look("INBOX", None, Access::Read)
        .await
        .unwrap()
        .uidvalidity;
    let mut sink = Vec::new();
    let gone = upstream
        .body("INBOX", uidvalidity, 99, 1 << 20, &mut sink)
        .await
        .unwrap();
    assert!(matches!(gone, Body::Gone) && sink.is_empty());
    let long = upstream
        .body("INBOX", uidvalidity, 1, 1_000, &mut sink)
        .await
        .unwrap();
    assert!(matches!(long, Body::TooLong(_)));
    // That ended the connection, for the bytes are still on the way.
    assert!(upstream.noop().await.is_err());
}
