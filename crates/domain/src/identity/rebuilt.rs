//! Mail before and after a server took it apart and built it anew: the corpus of A12,
//! read by the real scanner. Each pair must match whichever side is new; each with its
//! last attachment or word changed must not.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests may panic"
)]

use super::tests::Sets;
use super::*;
use crate::digest::Digest;
use crate::message::{Sent, scan};
use std::collections::BTreeMap;

struct Pair {
    name: &'static str,
    captured: &'static str,
    harvested: &'static str,
    /// What to change in the harvested one, to what.
    change: (&'static str, &'static str),
}

const PAIRS: &[Pair] = &[
    Pair {
        name: "alternative: other charset, encoding, boundary and trace headers",
        captured: "Content-Type: multipart/alternative; boundary=a\n\
            \n\
            --a\n\
            Content-Type: text/plain; charset=iso-8859-1\n\
            Content-Transfer-Encoding: quoted-printable\n\
            \n\
            Gr=FC=DFe =\naus K=F6ln  \n\
            --a\n\
            Content-Type: text/html; charset=utf-8\n\
            \n\
            <p>Grüße</p>\n\
            --a--\n",
        harvested: "Received: by imap\n\
            Content-Type: multipart/alternative;\n boundary=\"server\"\n\
            \n\
            --server\n\
            Content-Type: text/plain; charset=\"UTF-8\"\n\
            Content-Transfer-Encoding: base64\n\
            \n\
            R3LDvMOfZSBhdXMgS8O2bG4NCg==\n\
            --server\n\
            Content-Type: text/html; charset=utf-8\n\
            \n\
            <html><body><p>Grüße</p></body></html>\n\
            --server--\n",
        change: (
            "R3LDvMOfZSBhdXMgS8O2bG4NCg==",
            "R3LDvMOfZSBhdXMgS8O2bHMNCg==",
        ),
    },
    Pair {
        name: "HTML alone",
        captured: "Content-Type: text/html; charset=utf-8\n\n<p>Offer: 5 €</p>\n",
        harvested: "Content-Type: text/html; charset=utf-8\n\
            Content-Transfer-Encoding: quoted-printable\n\n<p>Offer: 5 =E2=82=AC</p>\n\n",
        change: ("5", "6"),
    },
    Pair {
        name: "a nested message with an attachment of its own",
        captured: "Content-Type: multipart/mixed; boundary=a\n\
            \n\
            --a\n\
            \n\
            See below\n\
            --a\n\
            Content-Type: message/rfc822\n\
            \n\
            Subject: inner\n\
            Content-Type: multipart/mixed; boundary=b\n\
            \n\
            --b\n\
            \n\
            Inner text\n\
            --b\n\
            Content-Type: application/zip; name=x.zip\n\
            Content-Transfer-Encoding: base64\n\
            \n\
            UEsDBAo=\n\
            --b--\n\
            --a--\n",
        harvested: "Content-Type: multipart/mixed; boundary=c\n\
            \n\
            --c\n\
            Content-Type: text/plain; charset=us-ascii\n\
            \n\
            See below\n\
            --c\n\
            Content-Type: message/rfc822; name=inner.eml\n\
            Content-Disposition: attachment; filename=inner.eml\n\
            \n\
            X-Added: yes\n\
            Subject: inner\n\
            Content-Type: multipart/mixed; boundary=d\n\
            \n\
            preamble\n\
            --d\n\
            Content-Type: text/plain\n\
            \n\
            Inner text\n\
            \n\
            --d\n\
            Content-Type: application/zip\n\
            Content-Disposition: attachment; filename=x.zip\n\
            Content-Transfer-Encoding: base64\n\
            \n\
            UEsD\n\
            BAo=\n\
            --d--\n\
            --c--\n",
        change: ("BAo=", "BAs="),
    },
    Pair {
        name: "an inline image that the server names",
        captured: "Content-Type: multipart/related; boundary=a\n\
            \n\
            --a\n\
            Content-Type: multipart/alternative; boundary=b\n\
            \n\
            --b\n\
            Content-Type: text/plain\n\
            \n\
            Look\n\
            --b\n\
            Content-Type: text/html\n\
            \n\
            <img src=cid:1>\n\
            --b--\n\
            --a\n\
            Content-Type: image/png\n\
            Content-ID: <1>\n\
            Content-Transfer-Encoding: base64\n\
            \n\
            iVBORw0KGgo=\n\
            --a--\n",
        harvested: "Content-Type: multipart/mixed; boundary=z\n\
            \n\
            --z\n\
            Content-Type: text/plain\n\
            \n\
            Look\n\
            --z\n\
            Content-Type: image/png; name=image001.png\n\
            Content-Disposition: attachment; filename=image001.png\n\
            Content-Transfer-Encoding: base64\n\
            \n\
            iVBORw0KGgo=\n\
            \n\
            --z--\n",
        change: ("iVBORw0KGgo=", "iVBORw0KGgs="),
    },
    Pair {
        name: "an invitation",
        captured: "Content-Type: multipart/alternative; boundary=a\n\
            \n\
            --a\n\
            Content-Type: text/plain\n\
            \n\
            Meeting\n\
            --a\n\
            Content-Type: text/html\n\
            \n\
            <p>Meeting\n\
            --a\n\
            Content-Type: text/calendar; method=REQUEST; charset=utf-8\n\
            Content-Transfer-Encoding: 8bit\n\
            \n\
            BEGIN:VCALENDAR\n\
            SUMMARY:Café\n\
            END:VCALENDAR\n\
            --a--\n",
        harvested: "Content-Type: multipart/alternative; boundary=q\n\
            \n\
            --q\n\
            Content-Type: text/plain\n\
            \n\
            Meeting\n\
            --q\n\
            Content-Type: text/html\n\
            \n\
            <p>Meeting</p>\n\
            --q\n\
            Content-Type: text/calendar; charset=\"utf-8\"; method=REQUEST\n\
            Content-Transfer-Encoding: quoted-printable\n\
            \n\
            BEGIN:VCALENDAR\n\
            SUMMARY:Caf=C3=A9\n\
            END:VCALENDAR\n\
            --q--\n",
        change: ("Caf=C3=A9", "Cafe"),
    },
    Pair {
        name: "a patch, re-encoded",
        captured: "Content-Type: multipart/mixed; boundary=a\n\
            \n\
            --a\n\
            \n\
            A fix\n\
            --a\n\
            Content-Type: text/x-patch; name=fix.patch\n\
            \n\
            -old \n\
            +new\n\
            \n\
            --a--\n",
        harvested: "Content-Type: multipart/mixed; boundary=b\n\
            \n\
            --b\n\
            \n\
            A fix\n\
            --b\n\
            Content-Type: text/x-patch; name=fix.patch\n\
            Content-Transfer-Encoding: base64\n\
            \n\
            LW9sZCANCituZXcNCg==\n\
            --b--\n",
        change: ("LW9sZCANCituZXcNCg==", "LW9sZCAKK25leHQK"),
    },
];

fn facts(origin: Origin, raw: &[u8]) -> Facts {
    let key = ServerKey {
        issuer: "imap.example".into(),
        value: b"1".into(),
        scope: KeyScope::PerInstance,
    };
    let key = Some(key).filter(|_| origin == Origin::Harvester);
    let mut facts = Facts::new(origin, key)
        .unwrap()
        .with_bytes(Digest::of(raw), raw.len() as u64);
    facts.message_id = Some(b"1@b".into());
    facts.sent = Some(Sent {
        unix: 1,
        offset_minutes: 0,
    });
    facts
}

fn ask(new: (Origin, &str), stored: (Origin, &str), purpose: Purpose) -> (Verdict, Trace) {
    let set =
        |(origin, raw): (Origin, &str)| part_set(raw.as_bytes(), &scan(raw.as_bytes()), origin);
    let mut sets = Sets {
        new: set(new),
        stored: BTreeMap::from([(1, set(stored))]),
        asked: 0,
    };
    let candidates = [Candidate {
        id: 1,
        facts: facts(stored.0, stored.1.as_bytes()),
    }];
    let new = facts(new.0, new.1.as_bytes());
    match_message(&new, &candidates, purpose, &Profile::STANDARD, &mut sets)
}

const SAME: Verdict = Verdict::Same {
    candidate: 1,
    rule: Rule::HeaderPartSubset,
};

#[test]
fn rebuilt_mail_is_the_same_mail() {
    for pair in PAIRS {
        // The wire has CRLF.
        let captured = &pair.captured.replace('\n', "\r\n");
        let harvested = &pair.harvested.replace('\n', "\r\n");
        for purpose in [Purpose::Correlate, Purpose::SkipResubmit] {
            let stored = (Origin::EventSink, captured.as_str());
            let (verdict, trace) = ask((Origin::Harvester, harvested), stored, purpose);
            assert_eq!(verdict, SAME, "{}\n{trace}", pair.name);
            assert_eq!(trace.part_sets, 1);

            let (from, to) = pair.change;
            let changed = harvested.replacen(from, to, 1);
            assert_ne!(&changed, harvested, "{}", pair.name);
            let (verdict, trace) = ask((Origin::Harvester, &changed), stored, purpose);
            assert_eq!(verdict, Verdict::Different, "{}\n{trace}", pair.name);
        }
        let harvest = (Origin::Harvester, harvested.as_str());
        let (verdict, trace) = ask((Origin::EventSink, captured), harvest, Purpose::Correlate);
        assert_eq!(verdict, SAME, "{}\n{trace}", pair.name);
        // And the archived mail is found in the mailbox.
        let (verdict, trace) = ask((Origin::EventSink, captured), harvest, Purpose::SkipRestore);
        assert_eq!(verdict, SAME, "{}\n{trace}", pair.name);
    }
}

#[test]
fn a_mail_folder_with_bare_line_feeds_holds_the_same_mail() {
    for pair in PAIRS {
        let wire = pair.captured.replace('\n', "\r\n");
        // mbox ends each message with an empty line.
        let file = format!("{}\n", pair.captured);
        for (origin, stored) in [(Origin::EventSink, &wire), (Origin::Other, &wire)] {
            let (verdict, trace) = ask(
                (Origin::Other, &file),
                (origin, stored),
                Purpose::SkipResubmit,
            );
            assert_eq!(verdict, SAME, "{}\n{trace}", pair.name);
        }
    }
}
