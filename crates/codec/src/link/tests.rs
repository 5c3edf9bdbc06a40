//! What goes in comes out, and nothing else does.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

use bytes::Bytes;
use everpost_domain::continuity::UserState;
use everpost_domain::digest::Digest;
use proptest::prelude::*;

use super::message::*;
use super::*;

fn key(byte: u8) -> LinkKey {
    LinkKey::from_bytes([byte; 32])
}

fn way(key: &LinkKey) -> Way<'_> {
    Way {
        key,
        direction: Direction::ToService,
        path: "/link/v1/submit",
        device: "D7",
        answers: None,
    }
}

fn submission(mails: &[Vec<u8>]) -> (SubmitAsk, Vec<Bytes>) {
    let mails: Vec<Bytes> = mails.iter().cloned().map(Bytes::from).collect();
    let named = mails.iter().zip(1..).map(|(raw, number)| Mail {
        number,
        sender: "ann@example.org".into(),
        recipients: vec!["bob@example.com".into()],
        size: raw.len() as u64,
        sha256: Digest::of(raw),
    });
    (
        SubmitAsk {
            mails: named.collect(),
        },
        mails,
    )
}

fn open(way: &Way<'_>, batch: &[u8]) -> Result<Batch<SubmitAsk>, BatchFault> {
    way.unseal(batch.to_vec())?.unpack()
}

proptest! {
    #[test]
    fn a_batch_comes_back(mails in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..5), nonce: [u8; 12]) {
        let key = key(1);
        let (head, messages) = submission(&mails);
        let batch = way(&key).seal(nonce, &head, &messages).unwrap();
        prop_assert!(batch.starts_with(b"EVLK\x01\x00"));
        let packed = way(&key).unseal(batch).unwrap();
        prop_assert_eq!(packed.nonce(), nonce);
        let opened: Batch<SubmitAsk> = packed.unpack().unwrap();
        prop_assert_eq!(opened.head, head);
        prop_assert_eq!(opened.messages, messages);
    }

    #[test]
    fn a_changed_bit_or_a_cut_is_refused(mail in prop::collection::vec(any::<u8>(), 0..100), place: prop::sample::Index, bit in 0_u8..8) {
        let key = key(1);
        let (head, messages) = submission(&[mail]);
        let batch = way(&key).seal([5; 12], &head, &messages).unwrap();
        let place = place.index(batch.len());
        let mut changed = batch.clone();
        changed[place] ^= 1 << bit;
        prop_assert!(open(&way(&key), &changed).is_err());
        prop_assert!(open(&way(&key), &batch[..place]).is_err());
        let longer = [batch.as_slice(), b"x"].concat();
        prop_assert!(open(&way(&key), &longer).is_err());
    }

    #[test]
    fn any_bytes_are_refused_and_nothing_panics(mut bytes in prop::collection::vec(any::<u8>(), 0..200), like: bool) {
        let key = key(1);
        if like {
            let length = bytes.len().saturating_sub(22) as u32;
            for (place, byte) in b"EVLK\x01\x00".iter().enumerate().chain((18..).zip(&length.to_le_bytes())) {
                if let Some(slot) = bytes.get_mut(place) {
                    *slot = *byte;
                }
            }
        }
        prop_assert!(open(&way(&key), &bytes).is_err());
    }

    /// Whoever has the key may seal anything.
    #[test]
    fn any_content_is_refused_or_read(plain in prop::collection::vec(any::<u8>(), 0..200), frame: bool) {
        let key = key(1);
        let body = if frame { zstd::bulk::compress(&plain, 1).unwrap() } else { plain };
        let batch = sealed_as_it_is(&way(&key), body);
        if let Ok(packed) = way(&key).unseal(batch) {
            packed.unpack::<SubmitAsk>().ok();
        }
    }

    #[test]
    fn a_code_comes_back_however_it_is_typed(random: [u8; 10]) {
        let code = Code::new(random);
        let text = code.display();
        prop_assert_eq!(text.len(), 19);
        prop_assert!(Code::parse(&text).unwrap() == code);
        let spoken = text.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
        prop_assert!(Code::parse(&spoken).unwrap() == code);
        prop_assert!(code.ticket() != code.salt());
        prop_assert!(Code::parse(text.get(1..).unwrap()).is_none());
        let (longer, odd) = (format!("{text}0"), text.replacen('-', "U", 1));
        prop_assert!(Code::parse(&longer).is_none() && Code::parse(&odd).is_none());
    }

    #[test]
    fn text_of_strangers_does_no_harm(text in ".{0,120}") {
        Code::parse(&text);
        read_content_digest(&text);
        read_signature(&text);
        read_input(&text);
    }

    #[test]
    fn what_signs_a_request_comes_back(created in 0..=999_999_999_999_999_i64, key_id in "[A-Za-z0-9-]{1,64}", body: Vec<u8>) {
        let digest = content_digest(&body);
        prop_assert_eq!(read_content_digest(&digest), Some(Digest::of(&body)));
        let signed = Signed {
            method: "POST",
            path: "/link/v1/submit",
            query: None,
            content_digest: &digest,
            created,
            key_id: &key_id,
        };
        let read = read_input(&signed.input()).unwrap();
        prop_assert_eq!(&read, &Params { created, key_id: key_id.clone() });
        let again = Signed { created: read.created, key_id: &read.key_id, ..signed };
        prop_assert_eq!(again.base(), signed.base());
        let other = Signed { query: Some("a=b"), ..signed };
        prop_assert_ne!(other.base(), signed.base());
        let signature: Vec<u8> = (0..64).collect();
        prop_assert_eq!(read_signature(&write_signature(&signature)), Some(signature));
    }
}

/// Seals bytes that are no frame, or none of a batch.
fn sealed_as_it_is(way: &Way<'_>, mut body: Vec<u8>) -> Vec<u8> {
    use ring::aead::{Aad, Nonce};
    let cipher = way.key.cipher(way.direction).unwrap();
    let aad = [way.path.as_bytes(), b"\0", way.device.as_bytes()].concat();
    cipher
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key([5; 12]),
            Aad::from(aad),
            &mut body,
        )
        .unwrap();
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    [b"EVLK\x01\x00".as_slice(), &[5; 12], &length, &body].concat()
}

#[test]
fn a_batch_opens_for_what_it_was_made() {
    let (one, two) = (key(1), key(2));
    let (head, messages) = submission(&[b"mail".to_vec()]);
    let right = way(&one);
    let batch = right.seal([5; 12], &head, &messages).unwrap();
    assert!(open(&right, &batch).is_ok());
    let wrong = [
        Way { key: &two, ..right },
        Way {
            direction: Direction::ToAgent,
            ..right
        },
        Way {
            path: "/link/v1/change",
            ..right
        },
        Way {
            device: "D8",
            ..right
        },
        Way {
            answers: Some([5; 12]),
            ..right
        },
    ];
    for way in wrong {
        assert_eq!(open(&way, &batch), Err(BatchFault::Sealed), "{way:?}");
    }
    let answer = Way {
        answers: Some([1; 12]),
        ..right
    };
    let batch = answer.seal([6; 12], &head, &messages).unwrap();
    assert!(open(&answer, &batch).is_ok());
    let other = Way {
        answers: Some([2; 12]),
        ..right
    };
    assert_eq!(open(&other, &batch), Err(BatchFault::Sealed));
}

#[test]
fn nothing_is_unpacked_beyond_its_bound() {
    let key = key(1);
    // A frame that says it is larger than anything, and one that does not say.
    let mut huge = zstd::bulk::compress(&vec![0; 1 << 20], 1).unwrap();
    assert_eq!(huge[4] >> 6, 2, "four bytes of size");
    // They stand behind a window's descriptor, unless the frame is one segment.
    let at = if huge[4] & 0x20 == 0 { 6 } else { 5 };
    huge[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    let batch = sealed_as_it_is(&way(&key), huge);
    assert!(matches!(way(&key).unseal(batch), Err(BatchFault::Size)));
    let silent = zstd::stream::encode_all(b"mail".as_slice(), 1).unwrap();
    let batch = sealed_as_it_is(&way(&key), silent);
    assert!(matches!(way(&key).unseal(batch), Err(BatchFault::Content)));
    // A frame that says it is smaller than it is.
    let mut liar = zstd::bulk::compress(&[7; 200], 1).unwrap();
    assert_eq!(
        (liar[4] >> 6, liar[4] & 0x20),
        (0, 0x20),
        "one byte of size"
    );
    liar[5] = 100;
    let batch = sealed_as_it_is(&way(&key), liar);
    let packed = way(&key).unseal(batch).unwrap();
    assert_eq!(packed.size(), 100);
    assert_eq!(packed.unpack::<SubmitAsk>(), Err(BatchFault::Content));
}

#[test]
fn a_batch_has_its_limits() {
    let key = key(1);
    let large = vec![0; MOST_TOGETHER + 1];
    let (head, messages) = submission(std::slice::from_ref(&large));
    let batch = way(&key).seal([5; 12], &head, &messages).unwrap();
    assert_eq!(open(&way(&key), &batch).unwrap().head, head);
    let (head, messages) = submission(&[large, vec![1]]);
    let refused = way(&key).seal([5; 12], &head, &messages);
    assert_eq!(refused, Err(BatchFault::Size));
    let (mut head, messages) = submission(&[vec![1]]);
    head.mails[0].size = 2;
    let refused = way(&key).seal([5; 12], &head, &messages);
    assert_eq!(refused, Err(BatchFault::Content));
    let most = MOST_TOGETHER as u64;
    assert_eq!(fit([]), 0);
    assert_eq!(fit([most * 3, 1]), 1);
    assert_eq!(fit([1, most - 1, 1]), 2);
}

#[test]
fn only_our_form_of_a_signature_is_read() {
    let good = r#"link=("@method" "@path" "@query" "content-digest");created=1764547200;keyid="D7";alg="ed25519""#;
    let params = read_input(good).unwrap();
    assert_eq!(
        (params.created, params.key_id.as_str()),
        (1_764_547_200, "D7")
    );
    let wrong = [
        good.replace("link=", "sig1="),
        good.replace(r#""@query" "#, ""),
        good.replace("1764547200", "01764547200"),
        good.replace("1764547200", "+1764547200"),
        good.replace("1764547200", "-1"),
        good.replace("D7", "D\"7"),
        good.replace("D7", ""),
        good.replace("ed25519", "hmac-sha256"),
        format!("{good};expires=1"),
        format!("{good}, {good}"),
    ];
    for text in wrong {
        assert_eq!(read_input(&text), None, "{text}");
    }
    let digest = content_digest(b"{}");
    assert_eq!(
        digest,
        "sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:"
    );
    for text in [
        "",
        "sha-256=",
        "sha-256=::",
        "sha-512=:AAAA:",
        "sha-256=:AAAA:",
    ] {
        assert_eq!(read_content_digest(text), None, "{text}");
    }
    let signed = Signed {
        method: "POST",
        path: "/link/v1/heartbeat",
        query: None,
        content_digest: &digest,
        created: params.created,
        key_id: "D7",
    };
    assert_eq!(signed.input(), good);
    let base = "\"@method\": POST\n\"@path\": /link/v1/heartbeat\n\"@query\": ?\n\"content-digest\": \
                sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:\n\"@signature-params\": (\"@method\" \"@path\" \
                \"@query\" \"content-digest\");created=1764547200;keyid=\"D7\";alg=\"ed25519\"";
    assert_eq!(signed.base(), base);
}

#[test]
fn both_sides_agree_only_with_the_same_code_and_keys() {
    let exchange = Exchange {
        device: [1; 32],
        agent: [2; 32],
        service: [3; 32],
    };
    let key = LinkKey::agree(b"secret", &[4; 32], &exchange).unwrap();
    assert!(LinkKey::agree(b"secret", &[4; 32], &exchange) == Some(key));
    let others = [
        LinkKey::agree(b"secreT", &[4; 32], &exchange),
        LinkKey::agree(b"secret", &[5; 32], &exchange),
        LinkKey::agree(
            b"secret",
            &[4; 32],
            &Exchange {
                service: [2; 32],
                ..exchange
            },
        ),
    ];
    assert!(others.iter().all(|other| *other != Some(key)));
    assert_eq!(format!("{key:?} {:?}", Bytes32([1; 32])), "LinkKey Bytes32");
}

/// What stands in JSON is what `docs/link.md` says, and a later field does not disturb.
#[test]
fn messages_are_as_they_are_written_down() {
    let page: StatePage =
        serde_json::from_str(r#"{"state":"active","generation":4,"config":2,"later":[1]}"#)
            .unwrap();
    assert_eq!((page.state, page.generation), (UserState::Active, 4));
    assert_eq!(
        serde_json::to_string(&page).unwrap(),
        r#"{"state":"active","generation":4,"config":2}"#
    );
    assert!(serde_json::from_str::<StatePage>(r#"{"state":"gone","generation":4}"#).is_err());
    let answer: HeartbeatAnswer = serde_json::from_str(
        r#"{"state":"ready","generation":0,"config":9,"orders":["dormant","dance"]}"#,
    )
    .unwrap();
    assert_eq!(answer.orders, [Order::Dormant, Order::Unknown]);
    assert_eq!((answer.page.config, answer.settings), (9, None));
    let beat: Heartbeat = serde_json::from_str(r#"{"doing":"asleep","primary":"silent"}"#).unwrap();
    assert_eq!((beat.doing, beat.primary), (Doing::Other, Primary::Silent));
    let digest = Digest::of(b"mail");
    let receipts = SubmitAnswer {
        receipts: vec![
            Receipt {
                number: 3,
                sha256: digest,
                fate: Fate::Taken {
                    copy: digest,
                    not_for: Vec::new(),
                },
            },
            Receipt {
                number: 4,
                sha256: digest,
                fate: Fate::Refused {
                    code: 553,
                    words: "not yours".into(),
                },
            },
        ],
    };
    let text = serde_json::to_string(&receipts).unwrap();
    assert!(text.contains(&format!(
        r#"{{"number":3,"sha256":"{digest}","fate":"taken","copy":"{digest}"}}"#
    )));
    assert_eq!(
        serde_json::from_str::<SubmitAnswer>(&text).unwrap(),
        receipts
    );
    let change: Change =
        serde_json::from_str(r#"{"number":1,"do":"move","folder":7,"uids":[1,2],"to":"Trash"}"#)
            .unwrap();
    assert!(matches!(change.deed, Deed::Move { folder: 7, .. }));
    assert_eq!(
        serde_json::from_str::<Change>(&serde_json::to_string(&change).unwrap()).unwrap(),
        change
    );
}
