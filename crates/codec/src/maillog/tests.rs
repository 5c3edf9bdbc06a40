//! Logs as Postfix 3.7 writes them, and hostile ones.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

use super::*;
use proptest::prelude::*;

/// 2026-11-30T00:00:00Z.
const NOW: i64 = 1_795_996_800;

const LOG: &str = "\
Nov 29 10:00:00 mx postfix/smtpd[101]: connect from client.test[192.0.2.7]
Nov 29 10:00:01 mx postfix/smtpd[101]: 4AB12C3D4E: client=client.test[192.0.2.7], sasl_method=PLAIN, sasl_username=ann
Nov 29 10:00:01 mx postfix/cleanup[102]: 4AB12C3D4E: message-id=<1@example.org>
Nov 29 10:00:01 mx postfix/qmgr[103]: 4AB12C3D4E: from=<ann@example.org>, size=1234, nrcpt=3 (queue active)
Nov 29 10:00:02 mx postfix/lmtp[104]: 4AB12C3D4E: to=<bob@example.org>, orig_to=<info@example.org>, relay=127.0.0.1[127.0.0.1]:24, delay=0.12, delays=0.05/0.01/0/0.06, dsn=2.0.0, status=sent (250 2.0.0 <bob@example.org> Saved, status=fine)
Nov 29 10:00:02 mx postfix/smtp[105]: 4AB12C3D4E: host mx.there.test[198.51.100.1] said: 450 4.2.0 Greylisted (in reply to RCPT TO command)
Nov 29 10:00:03 mx postfix/smtp[105]: 4AB12C3D4E: to=<eve@there.test>, relay=mx.there.test[198.51.100.1]:25, conn_use=2, delay=1.5, delays=0.1/0/1.3/0.1, dsn=5.7.1, status=bounced (host mx.there.test[198.51.100.1] said: 554 5.7.1 Service unavailable; Client host [203.0.113.5] blocked using zen.spamhaus.org (in reply to RCPT TO command))
Nov 29 10:00:03 mx postfix/smtp[106]: 4AB12C3D4E: to=<zoe@gone.test>, relay=none, delay=30, delays=0.1/0/30/0, dsn=4.4.1, status=deferred (connect to gone.test[198.51.100.9]:25: Connection refused)
Nov 29 10:00:03 mx postfix/bounce[107]: 4AB12C3D4E: sender non-delivery notification: 5CD0000001
Dec  1 10:00:04 mx postfix/qmgr[103]: 4AB12C3D4E: from=<ann@example.org>, status=expired, returned to sender
Nov 30 10:00:05 mx postfix/qmgr[103]: 4AB12C3D4E: removed
";

fn entry(line: &str) -> Option<Entry> {
    Entry::read(line.as_bytes())
}

#[test]
fn a_message_from_client_to_removal() {
    let mut stories = Stories::new(NOW, 60);
    let mut done: Vec<Story> = LOG
        .lines()
        .filter_map(|line| stories.push(entry(line)?))
        .collect();
    assert_eq!((done.len(), stories.open().count()), (1, 0));
    let story = done.remove(0);
    assert!(story.accepted() && story.removed && story.expired);
    assert_eq!(story.client.as_deref(), Some("client.test[192.0.2.7]"));
    assert_eq!(story.sasl_username.as_deref(), Some("ann"));
    assert_eq!(story.message_id.as_deref(), Some("1@example.org"));
    assert_eq!(story.from.as_deref(), Some("ann@example.org"));
    assert_eq!((story.size, story.recipients), (Some(1234), Some(3)));
    assert_eq!(story.notifications, ["5CD0000001"]);
    assert_eq!(story.sent(), ["bob@example.org"]);
    // 10:00:01 in a zone one hour east.
    let hours = 3_600;
    assert_eq!(story.first, Some((NOW - 15 * hours + 1) * 1_000_000));
    let bob = story.outcome("INFO@example.org").unwrap();
    assert_eq!(bob.orig_to.as_deref(), Some("info@example.org"));
    assert_eq!(bob.delay_ms, Some(120));
    assert_eq!(bob.text, "250 2.0.0 <bob@example.org> Saved, status=fine");
    let relay = Relay {
        host: "127.0.0.1".into(),
        address: Some("127.0.0.1".into()),
        port: Some(24),
    };
    assert_eq!(bob.relay, Some(relay));
    let eve = story.outcome("eve@there.test").unwrap();
    assert_eq!(
        (eve.status, eve.dsn.as_deref()),
        (Status::Bounced, Some("5.7.1"))
    );
    let zoe = story.outcome("zoe@gone.test").unwrap();
    assert_eq!((zoe.status, &zoe.relay), (Status::Deferred, &None));
    assert_eq!(story.outcome("nobody@there.test"), None);
}

#[test]
fn acceptance_is_the_queue() {
    let story = |lines: &[&str]| {
        let mut stories = Stories::new(NOW, 0);
        for line in lines {
            assert_eq!(stories.push(entry(line).unwrap()), None);
        }
        stories.finish().next().unwrap()
    };
    let lines: Vec<&str> = LOG.lines().collect();
    assert!(
        !story(&lines[1..3]).accepted(),
        "the connection may have broken"
    );
    assert!(story(&lines[1..4]).accepted());
    let refused = "Nov 29 10:00:02 mx postfix/cleanup[1]: 4AB12C3D4E: milter-reject: END-OF-MESSAGE from c.test[192.0.2.7]: \
        4.7.1 Service unavailable - try again later; from=<ann@example.org> to=<bob@example.org> proto=ESMTP helo=<c>";
    let story = story(&[lines[1], lines[2], refused]);
    assert!(!story.accepted() && story.rejected[0].starts_with("END-OF-MESSAGE"));
}

#[test]
fn lines() {
    let exact = entry(
        "2026-11-29T10:00:00.123456+01:00 mx postfix/submission/smtpd[1]: 4XyzBCdfGhz1Q2: client=unknown[unknown]",
    )
    .unwrap();
    assert_eq!(
        exact.stamp.resolve(0, 0),
        Some((NOW - 15 * 3_600) * 1_000_000 + 123_456)
    );
    assert_eq!(
        (&*exact.service, &*exact.program, exact.queue_id.as_deref()),
        ("postfix/submission", "smtpd", Some("4XyzBCdfGhz1Q2"))
    );
    let rejected = entry(
        "<22>Nov 29 10:00:00 mx postfix-in/smtpd[9]: NOQUEUE: reject: RCPT from x.test[192.0.2.9]: 554 5.7.1 \
         Service unavailable; Client host [192.0.2.9] blocked using bl.example; from=<a@b.test> to=<c@d.test> \
         proto=ESMTP helo=<x.test>",
    )
    .unwrap();
    assert_eq!(rejected.queue_id, None);
    assert_eq!(rejected.reputation(), None, "not ours");
    let Event::Rejected { from, to, text } = rejected.event else {
        panic!("{rejected:?}")
    };
    assert_eq!(
        (from.as_deref(), to.as_deref()),
        (Some("a@b.test"), Some("c@d.test"))
    );
    assert!(text.starts_with("RCPT from"));
    for (line, event) in [
        ("pickup[1]: ABCDEF0: uid=0 from=<root>", None),
        (
            "pickup[1]: ABCDEF0: uid=0, from=<root>",
            Some(Event::Pickup {
                from: "root".into(),
            }),
        ),
        (
            "cleanup[1]: ABCDEF0: message-id=no brackets",
            Some(Event::MessageId("no brackets".into())),
        ),
        ("cleanup[1]: ABCDEF0: resent-message-id=<x>", None),
        (
            "cleanup[1]: ABCDEF0: warning: header Subject: a=b, message-id=<forged@x> from c",
            None,
        ),
        ("smtp[1]: ABCDEF0: removed", None),
        ("qmgr[1]: warning: from=<a>, size=1, nrcpt=1", None),
        (
            "qmgr[1]: ABCDEF0: from=<>, size=x, nrcpt=1 (queue active)",
            None,
        ),
        ("scache[1]: statistics: start interval", None),
        ("dovecot[1]: ABCDEF0: removed", None),
    ] {
        let line = format!("Nov  9 10:00:00 mx postfix/{line}");
        assert_eq!(entry(&line).map(|entry| entry.event), event, "{line}");
    }
    for other in [
        "",
        "x",
        "Nov 29 10:00:00 mx kernel: ABCDEF0: removed",
        "Foo 29 10:00:00 mx postfix/qmgr: A",
        "Nov 29 25:00:00 mx postfix/qmgr[1]: ABCDEF0: removed",
    ] {
        assert_eq!(entry(other), None, "{other}");
    }
}

#[test]
fn addresses_may_hold_anything() {
    let delivery = |text: &str| {
        let line = format!("Nov 29 10:00:00 mx postfix/smtp[1]: ABCDEF0: {text}");
        match entry(&line)?.event {
            Event::Delivery(found) => Some(*found),
            other => panic!("{other:?}"),
        }
    };
    let forged = delivery(
        "to=<\"a>, relay=x[1.1.1.1]:25, dsn=2.0.0, status=sent (\\\"ok\"@b.test>, relay=none, dsn=5.0.0, status=bounced (no)",
    )
    .unwrap();
    assert_eq!((forged.status, &*forged.text), (Status::Bounced, "no"));
    assert!(forged.to.ends_with("@b.test") && forged.relay.is_none());
    let odd =
        delivery("to=<a>b@c.test>, relay=local, delay=5, status=undeliverable (mail to command)")
            .unwrap();
    assert_eq!(
        (&*odd.to, odd.status, odd.delay_ms),
        ("a>b@c.test", Status::Other, Some(5_000))
    );
    assert_eq!(odd.relay.unwrap().host, "local");
    let bare = delivery("to=<>, relay=x, status=sent").unwrap();
    assert_eq!((&*bare.to, &*bare.text), ("", ""));
    assert_eq!(delivery("to=<a, relay=x"), None);
}

#[test]
fn years_are_filled_in() {
    let at = |text: &str, now: i64, zone: i16| {
        let line = format!("{text} mx");
        let (stamp, rest) = Stamp::read(&line).unwrap();
        assert_eq!(rest, "mx");
        stamp.resolve(now, zone).map(|micros| micros / 1_000_000)
    };
    assert_eq!(at("Nov 29 00:00:00", NOW, 0), Some(NOW - 86_400));
    assert_eq!(
        at("Dec  1 00:00:00", NOW, 0),
        Some(NOW + 86_400),
        "clocks differ"
    );
    assert_eq!(
        at("Dec  2 00:00:00", NOW, 0),
        Some(NOW + 2 * 86_400 - 365 * 86_400)
    );
    assert_eq!(at("Nov 30 01:00:00", NOW, 60), Some(NOW));
    // In the first hours of a year, and on the days that few years have.
    let new_year = 1_798_761_600;
    assert_eq!(at("Dec 31 23:59:59", new_year, 0), Some(new_year - 1));
    assert_eq!(at("Jan  1 00:00:00.5", new_year - 1, 0), Some(new_year));
    let leap = everpost_domain::message::parse_rfc3339("2024-02-29T00:00:00Z");
    assert_eq!(at("Feb 29 00:00:00", NOW, 0), leap);
}

#[test]
fn memory_is_bounded() {
    let mut stories = Stories::at_most(10, NOW, 0);
    let mut given = Vec::new();
    for number in 0..100 {
        // The first one is heard of again and again.
        for id in [0, number] {
            let line =
                format!("Nov 29 10:00:00 mx postfix/cleanup[1]: {id:010X}: message-id=<{id}>");
            given.extend(stories.push(entry(&line).unwrap()));
        }
    }
    assert_eq!((given.len(), stories.open().count()), (90, 10));
    assert!(
        given
            .iter()
            .all(|story| !story.removed && story.queue_id != "0000000000")
    );
    assert_eq!(given[0].message_id.as_deref(), Some("1"));
    let mut stories = Stories::new(NOW, 0);
    let line = LOG.lines().nth(7).unwrap();
    for _ in 0..2_000 {
        stories.push(entry(line).unwrap());
    }
    assert_eq!(stories.finish().next().unwrap().deliveries.len(), 1_000);
}

#[test]
fn a_bad_name_is_heard() {
    let lists: Vec<Option<String>> = LOG
        .lines()
        .filter_map(|line| Some(entry(line)?.reputation()?.list))
        .collect();
    assert_eq!(lists, [Some("zen.spamhaus.org".to_string())]);
}

proptest! {
    #[test]
    fn never_panics(bytes: Vec<u8>, text in "(ABCDEF0|NOQUEUE): (to=<|from=<|reject: |message-id=)[ -~]{0,60}") {
        Entry::read(&bytes);
        let mut stories = Stories::at_most(2, NOW, 0);
        for program in ["smtpd", "smtp", "qmgr", "cleanup", "bounce"] {
            let line = format!("Nov 29 10:00:00 mx postfix/{program}[1]: {text}");
            if let Some(entry) = Entry::read(line.as_bytes()) {
                entry.reputation();
                stories.push(entry);
            }
        }
    }

    #[test]
    fn times_are_read_back(unix in 0i64..4_000_000_000, micros in 0i64..1_000_000, zone in -14i64..=14) {
        let local = everpost_domain::message::format_rfc3339(unix + zone * 3_600);
        let sign = if zone < 0 { '-' } else { '+' };
        let text = format!("{}.{micros:06}{sign}{:02}:00 x", local.trim_end_matches('Z'), zone.abs());
        let (stamp, _) = Stamp::read(&text).unwrap();
        prop_assert_eq!(stamp, Stamp::Exact(unix * 1_000_000 + micros));
    }
}
