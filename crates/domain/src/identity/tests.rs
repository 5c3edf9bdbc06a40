//! Part sets of hand-made MIME trees, facts, durable numbers, the trace's text.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests may panic"
)]

use super::*;
use crate::cut::{Limits, cut};
use crate::digest::Digest;
use crate::message::{Encoding, Kind, Part, Sent, Structure, html_to_text};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;

/// Part sets by candidate, and how often a candidate's was asked for.
pub(super) struct Sets {
    pub(super) new: PartSet,
    pub(super) stored: BTreeMap<i64, PartSet>,
    pub(super) asked: usize,
}

impl PartSource for Sets {
    fn of_new(&mut self) -> PartSet {
        self.new.clone()
    }

    fn of_candidate(&mut self, id: i64) -> PartSet {
        self.asked += 1;
        self.stored[&id].clone()
    }
}

/// A MIME tree made by hand, so that these tests do not depend on the scanner.
pub(super) struct Tree {
    pub(super) raw: Vec<u8>,
    pub(super) structure: Structure,
}

impl Tree {
    pub(super) fn mixed() -> Tree {
        let mut tree = Tree {
            raw: Vec::new(),
            structure: Structure { parts: Vec::new() },
        };
        tree.part(
            None,
            Kind::Multipart,
            "multipart/mixed",
            Encoding::Identity,
            b"",
        );
        tree
    }

    fn part(
        &mut self,
        parent: Option<usize>,
        kind: Kind,
        content_type: &str,
        encoding: Encoding,
        body: &[u8],
    ) -> usize {
        let start = self.raw.len();
        self.raw.extend_from_slice(body);
        self.structure.parts.push(Part {
            parent,
            header: start..start,
            body: start..self.raw.len(),
            kind,
            content_type: content_type.into(),
            charset: Some("utf-8".into()).filter(|_| content_type.starts_with("text/")),
            encoding,
            attachment: false,
            filename: None,
            content_id: None,
            transfer: crate::message::Transfer::SevenBit,
            disposition: crate::message::Disposition::None,
        });
        self.structure.parts.len() - 1
    }

    pub(super) fn multipart(&mut self, parent: usize, content_type: &str) -> usize {
        self.part(
            Some(parent),
            Kind::Multipart,
            content_type,
            Encoding::Identity,
            b"",
        )
    }

    pub(super) fn leaf(&mut self, parent: usize, content_type: &str, body: &str) -> usize {
        self.part(
            Some(parent),
            Kind::Leaf,
            content_type,
            Encoding::Identity,
            body.as_bytes(),
        )
    }

    /// An attached file in base64.
    pub(super) fn file(&mut self, parent: usize, content_type: &str, bytes: &[u8]) -> usize {
        let body = STANDARD.encode(bytes);
        let part = self.part(
            Some(parent),
            Kind::Leaf,
            content_type,
            Encoding::Base64,
            body.as_bytes(),
        );
        self.structure.parts[part].attachment = true;
        part
    }

    fn set(&self, origin: Origin) -> Vec<PartHash> {
        part_set(&self.raw, &self.structure, origin)
            .parts()
            .to_vec()
    }
}

fn hash(kind: PartKind, content: &str) -> PartHash {
    PartHash {
        kind,
        digest: Digest::of(content.as_bytes()),
    }
}

fn derived(html: &str) -> PartHash {
    hash(PartKind::DerivedText, html_to_text(html).trim())
}

#[test]
fn an_alternative_keeps_html_from_captures_only() {
    let mut tree = Tree::mixed();
    let both = tree.multipart(0, "multipart/alternative");
    tree.leaf(both, "text/plain", "a");
    tree.leaf(both, "text/html", "b");
    let (text, html) = (hash(PartKind::Text, "a"), hash(PartKind::Html, "b"));
    assert_eq!(tree.set(Origin::EventSink), [text, html]);
    assert_eq!(tree.set(Origin::Other), [text, html]);
    assert_eq!(tree.set(Origin::Harvester), [text]);
}

#[test]
fn html_alone_has_its_rendering() {
    let mut tree = Tree::mixed();
    tree.leaf(0, "text/plain", "a disclaimer, not an alternative");
    tree.leaf(0, "text/html", "b");
    assert!(tree.set(Origin::EventSink).contains(&derived("b")));
    assert!(
        tree.set(Origin::EventSink)
            .contains(&hash(PartKind::Html, "b"))
    );
    assert_eq!(
        tree.set(Origin::Harvester),
        [
            hash(PartKind::Text, "a disclaimer, not an alternative"),
            derived("b")
        ]
    );
}

#[test]
fn the_plain_version_stands_beside_containers_too() {
    // alternative { plain, related { html, image } }, and as Apple Mail writes it,
    // alternative { plain, mixed { html, file, html } }
    for inner in ["multipart/related", "multipart/mixed"] {
        let mut tree = Tree::mixed();
        let both = tree.multipart(0, "multipart/alternative");
        tree.leaf(both, "text/plain", "a");
        let inner = tree.multipart(both, inner);
        tree.leaf(inner, "text/html", "b");
        tree.file(inner, "image/png", b"png");
        tree.leaf(inner, "text/html", "c");
        let image = hash(PartKind::Attachment, "png");
        assert_eq!(
            tree.set(Origin::Harvester),
            [hash(PartKind::Text, "a"), image]
        );
    }
}

#[test]
fn no_plain_version_is_taken_from_elsewhere() {
    let mut blank = Tree::mixed();
    let both = blank.multipart(0, "multipart/alternative");
    blank.leaf(both, "text/plain", " \r\n\r\n");
    blank.leaf(both, "text/html", "b");
    assert_eq!(
        blank.set(Origin::Harvester),
        [derived("b")],
        "a blank sibling is none"
    );

    let mut calendar = Tree::mixed();
    let both = calendar.multipart(0, "multipart/alternative");
    calendar.leaf(both, "text/html", "b");
    calendar.leaf(both, "text/calendar", "BEGIN:VCALENDAR");
    let invitation = hash(PartKind::Text, "BEGIN:VCALENDAR");
    assert_eq!(calendar.set(Origin::Harvester), [invitation, derived("b")]);

    let mut nested = Tree::mixed();
    let both = nested.multipart(0, "multipart/alternative");
    nested.leaf(both, "text/plain", "a");
    let message = nested.part(
        Some(both),
        Kind::Message,
        "message/rfc822",
        Encoding::Identity,
        b"",
    );
    nested.leaf(message, "text/html", "b");
    assert_eq!(
        nested.set(Origin::Harvester),
        [hash(PartKind::Text, "a"), derived("b")],
        "a nested message is another message"
    );

    let mut same_branch = Tree::mixed();
    let both = same_branch.multipart(0, "multipart/alternative");
    let inner = same_branch.multipart(both, "multipart/mixed");
    same_branch.leaf(inner, "text/html", "b");
    same_branch.leaf(inner, "text/plain", "footer");
    assert!(same_branch.set(Origin::Harvester).contains(&derived("b")));
}

#[test]
fn leaves_of_nested_messages_are_parts() {
    let mut tree = Tree::mixed();
    tree.leaf(0, "text/plain", "see below");
    let message = tree.part(
        Some(0),
        Kind::Message,
        "message/rfc822",
        Encoding::Identity,
        b"",
    );
    let mixed = tree.multipart(message, "multipart/mixed");
    tree.leaf(mixed, "text/plain", "below");
    tree.file(mixed, "application/zip", b"zip");
    tree.leaf(0, "message/delivery-status", "Action: failed\r\n");
    let mut expected = vec![
        hash(PartKind::Text, "below"),
        hash(PartKind::Text, "see below"),
        hash(PartKind::Attachment, "zip"),
        hash(PartKind::Other, "Action: failed\n"),
    ];
    expected.sort();
    assert_eq!(tree.set(Origin::EventSink), expected);
}

#[test]
fn text_is_compared_without_trailing_blanks() {
    let of = |text: &str| {
        let mut tree = Tree::mixed();
        tree.leaf(0, "text/plain", text);
        tree.set(Origin::EventSink)
    };
    let plain = vec![hash(PartKind::Text, "\n a\n\n\tb")];
    for text in [
        "\n a\n\n\tb",
        "\r\n a\r\n\r\n\tb\r\n",
        " \n a \t\n \r\n\tb\n\n\n \n",
        "\n a  \n\n\tb\t\r",
    ] {
        assert_eq!(of(text), plain, "{text:?}");
    }
    for other in ["a\n\n\tb", "\n a\n\tb", "\n a\n\n b", "\n a\n\n\tB"] {
        assert_ne!(of(other), plain, "{other:?}");
    }
    let many = format!("a{}b", "\r\n".repeat(200));
    assert_eq!(
        of(&many),
        [hash(PartKind::Text, &format!("a{}b", "\n".repeat(200)))]
    );
    assert_eq!(of("\r\n \t"), []);
}

#[test]
fn files_are_compared_by_content_and_type() {
    let mut tree = Tree::mixed();
    let named = tree.leaf(0, "text/plain", "diff \r\n+x\r\n");
    tree.structure.parts[named].filename = Some("x.patch".into());
    tree.leaf(0, "application/x-patch", "--- a\r\n\r");
    tree.file(0, "image/png", b"raw\r\nbytes");
    tree.file(0, "text/csv", b"a;b\r\nc;d\n");
    let html = tree.file(0, "text/html", b"<p>");
    assert_eq!(tree.structure.parts[html].filename, None);
    tree.file(0, "image/png", b"");
    let mut expected = [
        hash(PartKind::Attachment, "diff \n+x\n"),
        hash(PartKind::Attachment, "--- a\n\r"),
        hash(PartKind::Attachment, "raw\r\nbytes"),
        hash(PartKind::Attachment, "<p>"),
        hash(PartKind::Attachment, "a;b\nc;d\n"),
    ];
    expected.sort();
    assert_eq!(tree.set(Origin::Harvester), expected);
}

#[test]
fn hashes_of_the_cut_are_used_again() {
    let mut tree = Tree::mixed();
    tree.leaf(0, "text/plain", &"long text ".repeat(3000));
    tree.file(0, "application/pdf", &[7; 10_000]);
    tree.file(0, "text/csv", &b"a;b\r\n".repeat(2000));
    tree.file(0, "image/png", &[8; 100]);
    let pieces = cut(&tree.raw, &tree.structure, &Limits::default());
    assert_eq!(pieces.parts().count(), 3);
    for origin in [Origin::EventSink, Origin::Harvester, Origin::Other] {
        assert_eq!(
            part_set_of_cut(&tree.raw, &tree.structure, origin, &pieces),
            part_set(&tree.raw, &tree.structure, origin)
        );
    }
    let pdf = pieces.parts().nth(1).unwrap().digest;
    assert!(tree.set(Origin::Other).contains(&PartHash {
        kind: PartKind::Attachment,
        digest: pdf
    }));
}

#[test]
fn harvested_mail_needs_its_server_key() {
    assert_eq!(Facts::new(Origin::Harvester, None), Err(MissingServerKey));
    for (issuer, value) in [("", "1"), ("imap", "")] {
        let key = ServerKey {
            issuer: issuer.into(),
            value: value.into(),
            scope: KeyScope::PerInstance,
        };
        assert_eq!(
            Facts::new(Origin::Harvester, Some(key.clone())),
            Err(MissingServerKey)
        );
        assert_eq!(
            Facts::new(Origin::Other, Some(key)).unwrap().server_key(),
            None
        );
    }
    assert!(Facts::new(Origin::Other, None).is_ok());
}

#[test]
fn one_pdf_in_a_hundred_mails_is_stored_once() {
    let mut stored: Vec<Digest> = Vec::new();
    let mut reused = 0;
    for mail in 0..100 {
        let mut tree = Tree::mixed();
        tree.leaf(0, "text/plain", &format!("Mail {mail}"));
        tree.file(0, "application/pdf", b"%PDF the same");
        let set = part_set(&tree.raw, &tree.structure, Origin::Harvester);
        for attachment in attachments_present(&set, |digest| stored.contains(digest)) {
            reused += usize::from(attachment.present);
            if !attachment.present {
                stored.push(attachment.digest);
            }
        }
    }
    assert_eq!((stored.len(), reused), (1, 99));
}

#[test]
fn codes_are_durable() {
    let codes = |codes: &[u8]| codes.to_vec();
    let kinds = [
        PartKind::Text,
        PartKind::Html,
        PartKind::DerivedText,
        PartKind::Attachment,
        PartKind::Other,
    ];
    assert_eq!(kinds.map(PartKind::code).to_vec(), codes(&[1, 2, 3, 4, 5]));
    let rules = [
        Rule::HeaderServerKey,
        Rule::HeaderTotalHash,
        Rule::HeaderPartSubset,
        Rule::StubPointer,
    ];
    assert_eq!(rules.map(Rule::code).to_vec(), codes(&[1, 2, 3, 4]));
    let origins = [Origin::EventSink, Origin::Harvester, Origin::Other];
    assert_eq!(origins.map(Origin::code).to_vec(), codes(&[1, 2, 3]));
    for code in 0..=255 {
        assert!(PartKind::from_code(code).is_none_or(|kind| kind.code() == code));
        assert!(Rule::from_code(code).is_none_or(|rule| rule.code() == code));
        assert!(Origin::from_code(code).is_none_or(|origin| origin.code() == code));
        assert!(KeyScope::from_code(code).is_none_or(|scope| scope.code() == code));
    }
}

#[test]
fn a_set_of_a_later_version_is_read_as_one_of_ours() {
    let text = hash(PartKind::Text, "a");
    let mut later = PartSet::new([text]).encode();
    later[0] = SET_VERSION + 1;
    later.push(77);
    later.extend([0; 32]);
    assert_eq!(PartSet::decode(&later).unwrap(), PartSet::new([text]));
    later[0] = SET_VERSION;
    assert!(
        PartSet::decode(&later).is_err(),
        "our own versions have no such kind"
    );
    assert!(PartSet::decode(&[]).is_err());
    assert!(PartSet::decode(&[0]).is_err());
    let derived = PartSet::new([hash(PartKind::DerivedText, "a")]).encode();
    assert!(PartSet::decode(&[&[1], &derived[1..]].concat()).is_err());
    let twice = [&derived[..], &derived[1..]].concat();
    assert!(PartSet::decode(&twice).is_err(), "each hash once");
}

#[test]
fn the_trace_explains() {
    let mut facts = Facts::captured();
    facts.message_id = Some(b"a\"\x00@b".into());
    facts.sent = Some(Sent {
        unix: 5,
        offset_minutes: 60,
    });
    let candidates = [Candidate {
        id: 3,
        facts: facts.clone(),
    }];
    let set = PartSet::new([hash(PartKind::Text, "a"), hash(PartKind::Attachment, "b")]);
    let other = PartSet::new([hash(PartKind::Text, "a")]);
    let mut sets = Sets {
        new: other,
        stored: BTreeMap::from([(3, set)]),
        asked: 0,
    };
    let (verdict, trace) = match_message(
        &facts,
        &candidates,
        Purpose::Correlate,
        &Profile::STANDARD,
        &mut sets,
    );
    assert_eq!(verdict.to_string(), "same as 3 by header+part_subset");
    assert_eq!(
        trace.to_string(),
        "purpose: correlate\n\
         header key: <a\\\"\\x00@b> sent at 5 s\n\
         candidate 3: no cheap key decides\n\
         candidate 3: 1 of 1 parts among its 2: suffices\n\
         part sets computed: 1\n"
    );
}
