//! The cases of the mission (§2.3), as a table. Each row builds its messages as MIME
//! trees, computes their part sets by origin and asks.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests may panic"
)]

use super::tests::{Sets, Tree};
use super::*;
use crate::digest::Digest;
use crate::message::Sent;
use Content::{Alternative, File, Html, Text};
use Purpose::{Correlate, DedupAttachment, SkipRestore, SkipResubmit};

#[derive(Clone, Copy)]
enum Content {
    Text(&'static str),
    Html(&'static str),
    Alternative(&'static str, &'static str),
    File(&'static [u8]),
}

#[derive(Clone, Copy)]
struct Mail {
    origin: Origin,
    id: &'static str,
    /// Seconds, and minutes of offset.
    sent: Option<(i64, i16)>,
    key: Option<(&'static str, &'static str, KeyScope)>,
    /// Stands for the digest of the whole.
    total: u8,
    size: u64,
    stub_of: Option<u8>,
    content: &'static [Content],
    version: u8,
}

const BODY: &[Content] = &[Alternative("Hello", "<b>Hello</b>"), File(b"%PDF contract")];

const CAPTURE: Mail = Mail {
    origin: Origin::EventSink,
    id: "a@b",
    sent: Some((1_700_000_000, 120)),
    key: None,
    total: 1,
    size: 1000,
    stub_of: None,
    content: BODY,
    version: SET_VERSION,
};
const HARVEST: Mail = Mail {
    origin: Origin::Harvester,
    key: Some(("imap.example", "1", KeyScope::PerInstance)),
    total: 2,
    size: 1100,
    ..CAPTURE
};
const HARVEST_WIDE: Mail = Mail {
    key: Some(("imap.example", "1", KeyScope::MessageWide)),
    ..HARVEST
};
const FILE: Mail = Mail {
    origin: Origin::Other,
    ..CAPTURE
};

struct Case {
    name: &'static str,
    new: Mail,
    stored: &'static [Mail],
    purpose: Purpose,
    profile: Profile,
    verdict: Verdict,
    /// Part sets computed.
    part_sets: usize,
    /// Attachments of the new message and how many of them are stored.
    attachments: (usize, usize),
}

const fn same(candidate: i64, rule: Rule) -> Verdict {
    Verdict::Same { candidate, rule }
}

/// Candidates are numbered from 1. A row of `BODY` has one attachment, stored.
const BASE: Case = Case {
    name: "",
    new: CAPTURE,
    stored: &[CAPTURE],
    purpose: Correlate,
    profile: Profile::STANDARD,
    verdict: same(1, Rule::HeaderPartSubset),
    part_sets: 1,
    attachments: (1, 1),
};

const CASES: &[Case] = &[
    Case {
        name: "1 capture, capture, same bytes",
        verdict: same(1, Rule::HeaderTotalHash),
        part_sets: 0,
        ..BASE
    },
    Case {
        name: "2 two hops, other trace headers",
        new: Mail {
            total: 9,
            ..CAPTURE
        },
        ..BASE
    },
    Case {
        name: "3 harvest, harvest, same key",
        new: HARVEST,
        stored: &[Mail {
            content: &[Text("unread")],
            ..HARVEST
        }],
        purpose: SkipResubmit,
        verdict: same(1, Rule::HeaderServerKey),
        part_sets: 0,
        attachments: (1, 0),
        ..BASE
    },
    Case {
        name: "4 harvest of a capture",
        new: HARVEST,
        purpose: SkipResubmit,
        ..BASE
    },
    Case {
        name: "5 capture of a harvest",
        stored: &[HARVEST],
        ..BASE
    },
    Case {
        name: "6 same id and date, other body",
        new: Mail {
            content: &[Text("Good bye")],
            total: 9,
            ..CAPTURE
        },
        stored: &[CAPTURE, HARVEST],
        verdict: Verdict::Different,
        part_sets: 2,
        attachments: (0, 0),
        ..BASE
    },
    Case {
        name: "7 the zone written differently",
        new: Mail {
            sent: Some((1_700_000_000, -300)),
            ..HARVEST
        },
        ..BASE
    },
    Case {
        name: "7 another instant",
        new: Mail {
            sent: Some((1_700_000_001, 120)),
            ..CAPTURE
        },
        verdict: Verdict::Different,
        part_sets: 0,
        ..BASE
    },
    Case {
        name: "8 spoofed: an attachment changed",
        new: Mail {
            content: &[Alternative("Hello", "<b>Hello</b>"), File(b"%PDF c0ntract")],
            ..HARVEST
        },
        verdict: Verdict::Different,
        attachments: (1, 0),
        ..BASE
    },
    Case {
        name: "9 no Message-ID",
        new: Mail { id: "", ..CAPTURE },
        stored: &[Mail { id: "", ..CAPTURE }, CAPTURE],
        verdict: Verdict::Undecidable,
        part_sets: 0,
        ..BASE
    },
    Case {
        name: "9 no Date",
        new: Mail {
            sent: None,
            ..CAPTURE
        },
        stored: &[
            Mail {
                sent: None,
                ..CAPTURE
            },
            CAPTURE,
        ],
        verdict: Verdict::Undecidable,
        part_sets: 0,
        ..BASE
    },
    Case {
        name: "10 the mailboxes of five recipients",
        new: Mail {
            key: Some(("imap.example", "5", KeyScope::PerInstance)),
            ..HARVEST
        },
        stored: &[HARVEST],
        purpose: SkipResubmit,
        ..BASE
    },
    Case {
        name: "11 a record of version 1",
        new: Mail {
            content: &[Html("<i>x</i>"), File(b"%PDF contract")],
            ..HARVEST
        },
        stored: &[Mail {
            version: 1,
            content: &[Html("<b>y</b>"), File(b"%PDF contract")],
            ..CAPTURE
        }],
        // With the later version's kinds the record would seem to lack one.
        purpose: SkipResubmit,
        ..BASE
    },
    Case {
        name: "11 the same, both of version 2",
        new: Mail {
            content: &[Html("<i>x</i>"), File(b"%PDF contract")],
            ..HARVEST
        },
        stored: &[Mail {
            content: &[Html("<b>y</b>"), File(b"%PDF contract")],
            ..CAPTURE
        }],
        verdict: Verdict::Different,
        ..BASE
    },
    Case {
        name: "12 the same PDF in another mail",
        new: Mail {
            id: "other@b",
            content: &[Text("FYI"), File(b"%PDF contract")],
            ..CAPTURE
        },
        purpose: DedupAttachment,
        profile: Profile::ATTACHMENTS_ONLY,
        verdict: Verdict::Undecidable,
        part_sets: 0,
        ..BASE
    },
    Case {
        name: "13 HTML alone",
        new: Mail {
            content: &[Html("<p>Offer</p>")],
            ..HARVEST
        },
        stored: &[Mail {
            content: &[Html("<p>Offer</p>")],
            ..CAPTURE
        }],
        attachments: (0, 0),
        ..BASE
    },
    // Beyond the mission's table: its subtleties and ambiguities.
    Case {
        name: "strict: sizes differ",
        new: HARVEST,
        profile: Profile::STRICT,
        verdict: Verdict::Different,
        part_sets: 0,
        ..BASE
    },
    Case {
        name: "a server's conflicting message-wide keys eliminate (AMB-6)",
        new: HARVEST_WIDE,
        stored: &[Mail {
            key: Some(("imap.example", "2", KeyScope::MessageWide)),
            ..HARVEST
        }],
        verdict: Verdict::Different,
        part_sets: 0,
        ..BASE
    },
    Case {
        name: "keys of two scopes say nothing",
        new: HARVEST_WIDE,
        stored: &[HARVEST],
        ..BASE
    },
    Case {
        name: "another hop is eliminated where the profile says so (AMB-6)",
        new: Mail {
            total: 9,
            ..CAPTURE
        },
        profile: Profile {
            eliminate_on_total_mismatch: true,
            ..Profile::STANDARD
        },
        verdict: Verdict::Different,
        part_sets: 0,
        ..BASE
    },
    Case {
        name: "equal bytes of a file are judged by parts",
        new: FILE,
        ..BASE
    },
    Case {
        name: "the archive lacks the attachment: upload (AMB-7)",
        new: HARVEST,
        stored: &[Mail {
            content: &[Text("Hello")],
            ..CAPTURE
        }],
        purpose: SkipResubmit,
        verdict: Verdict::Different,
        attachments: (1, 0),
        ..BASE
    },
    Case {
        name: "yet it is the same mail",
        new: HARVEST,
        stored: &[Mail {
            content: &[Text("Hello")],
            ..CAPTURE
        }],
        attachments: (1, 0),
        ..BASE
    },
    Case {
        name: "a stub in the mailbox, even with another header",
        stored: &[
            Mail {
                content: &[Text("Hello")],
                ..HARVEST
            },
            Mail {
                id: "",
                stub_of: Some(1),
                content: &[Text("stub")],
                ..HARVEST
            },
        ],
        purpose: SkipRestore,
        verdict: same(2, Rule::StubPointer),
        part_sets: 0,
        attachments: (1, 0),
        ..BASE
    },
    Case {
        name: "a stub of another copy",
        stored: &[Mail {
            stub_of: Some(7),
            content: &[Text("stub")],
            ..HARVEST
        }],
        purpose: SkipRestore,
        verdict: Verdict::Different,
        attachments: (1, 0),
        ..BASE
    },
    Case {
        name: "equal sets before larger overlap, before age",
        new: HARVEST,
        stored: &[
            Mail {
                content: &[Text("Hello"), File(b"%PDF contract"), File(b"more")],
                ..CAPTURE
            },
            CAPTURE,
            CAPTURE,
        ],
        verdict: same(2, Rule::HeaderPartSubset),
        part_sets: 3,
        ..BASE
    },
    Case {
        name: "two equally good candidates that differ",
        new: Mail {
            content: &[Text("Hello")],
            ..HARVEST
        },
        stored: &[
            Mail {
                content: &[Text("Hello"), File(b"one")],
                ..CAPTURE
            },
            Mail {
                content: &[Text("Hello"), File(b"two")],
                ..CAPTURE
            },
        ],
        verdict: Verdict::Undecidable,
        part_sets: 2,
        attachments: (0, 0),
        ..BASE
    },
    Case {
        name: "two captures that differ in what a harvest cannot show",
        new: HARVEST,
        stored: &[
            HARVEST_WIDE,
            CAPTURE,
            Mail {
                content: &[Alternative("Hello", "<i>Pay!</i>"), File(b"%PDF contract")],
                ..CAPTURE
            },
        ],
        verdict: Verdict::Undecidable,
        part_sets: 3,
        ..BASE
    },
    Case {
        name: "a blank mail proves nothing",
        new: Mail {
            content: &[Text(" \r\n")],
            ..HARVEST
        },
        stored: &[Mail {
            content: &[Text("")],
            ..CAPTURE
        }],
        verdict: Verdict::Different,
        attachments: (0, 0),
        ..BASE
    },
];

impl Mail {
    fn facts(&self) -> Facts {
        let key = self.key.map(|(issuer, value, scope)| ServerKey {
            issuer: issuer.into(),
            value: value.into(),
            scope,
        });
        let mut facts = Facts::new(self.origin, key)
            .unwrap()
            .with_bytes(Digest::of(&[self.total]), self.size);
        facts.message_id = Some(self.id.into());
        facts.sent = self.sent.map(|(unix, offset_minutes)| Sent {
            unix,
            offset_minutes,
        });
        facts.stub_of = self.stub_of.map(|total| Digest::of(&[total]));
        facts
    }

    fn parts(&self) -> PartSet {
        let mut tree = Tree::mixed();
        for content in self.content {
            match content {
                Text(text) => tree.leaf(0, "text/plain", text),
                Html(html) => tree.leaf(0, "text/html", html),
                Alternative(text, html) => {
                    let both = tree.multipart(0, "multipart/alternative");
                    tree.leaf(both, "text/plain", text);
                    tree.leaf(both, "text/html", html)
                }
                File(bytes) => tree.file(0, "application/pdf", bytes),
            };
        }
        part_set(&tree.raw, &tree.structure, self.origin).at_version(self.version)
    }
}

#[test]
fn the_cases_of_the_mission() {
    for case in CASES {
        let candidates: Vec<Candidate> = (1..)
            .zip(case.stored)
            .map(|(id, mail)| Candidate {
                id,
                facts: mail.facts(),
            })
            .collect();
        let mut sets = Sets {
            new: case.new.parts(),
            stored: (1..).zip(case.stored.iter().map(Mail::parts)).collect(),
            asked: 0,
        };
        let (verdict, trace) = match_message(
            &case.new.facts(),
            &candidates,
            case.purpose,
            &case.profile,
            &mut sets,
        );
        assert_eq!(verdict, case.verdict, "{}\n{trace}", case.name);
        assert_eq!(trace.part_sets, case.part_sets, "{}\n{trace}", case.name);
        assert_eq!(
            sets.asked, case.part_sets,
            "the trace counts what was done: {}",
            case.name
        );

        let presence = attachments_present(&sets.new, |digest| {
            sets.stored.values().any(|set| {
                set.parts().contains(&PartHash {
                    kind: PartKind::Attachment,
                    digest: *digest,
                })
            })
        });
        let present = presence
            .iter()
            .filter(|attachment| attachment.present)
            .count();
        assert_eq!((presence.len(), present), case.attachments, "{}", case.name);
    }
}
