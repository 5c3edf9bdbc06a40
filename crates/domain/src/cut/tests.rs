//! Cutting messages and putting them together.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests may panic"
)]

use super::*;
use crate::message::{Encoding, Kind, Part, Structure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

/// No lower limit but one byte.
const ALL: Limits = Limits {
    part_min: 1,
    text_min: 1,
};

fn leaf(content_type: &str, encoding: Encoding, body: Range<usize>) -> Part {
    Part {
        parent: None,
        header: 0..0,
        body,
        kind: Kind::Leaf,
        content_type: content_type.into(),
        charset: None,
        encoding,
        attachment: false,
        filename: None,
        content_id: None,
        transfer: crate::message::Transfer::SevenBit,
        disposition: crate::message::Disposition::None,
    }
}

/// `before`, one base64 part of `body`, `after`.
fn around(before: &[u8], body: &[u8], after: &[u8]) -> (Vec<u8>, Structure) {
    let raw = [before, body, after].concat();
    let range = before.len()..before.len() + body.len();
    (
        raw,
        Structure {
            parts: vec![leaf("application/pdf", Encoding::Base64, range)],
        },
    )
}

/// Puts a message together as the store does: parts in pieces of `chunk` bytes, each
/// piece pushed in smaller ones of `push`.
fn rebuild(raw: &[u8], cut: &Cut, chunk: usize, push: usize) -> Vec<u8> {
    let skeleton = cut.skeleton(raw);
    let plan = Plan::parse(&skeleton).unwrap();
    let parts: Vec<Vec<u8>> = cut
        .parts()
        .map(|part| {
            let pieces: Vec<_> = part.chunks(raw, chunk).collect();
            for piece in pieces.iter().rev().skip(1) {
                assert_eq!(piece.len(), chunk, "only the last piece is shorter");
            }
            let stored = pieces.concat();
            assert_eq!(stored.len() as u64, part.size);
            assert_eq!(Digest::of(&stored), part.digest);
            assert_eq!(part.recipe.raw_len(part.size), Some(part.raw.len() as u64));
            stored
        })
        .collect();
    let mut out = Vec::new();
    for piece in plan.pieces() {
        match piece {
            Piece::Literal(range) => out.extend_from_slice(&skeleton[range.clone()]),
            Piece::Part {
                ordinal,
                recipe,
                size,
            } => {
                assert_eq!(parts[*ordinal].len() as u64, *size);
                let mut encoder = Encoder::new(*recipe);
                for bytes in parts[*ordinal].chunks(push) {
                    encoder.push(bytes, &mut out);
                }
                encoder.finish(&mut out);
            }
        }
    }
    assert_eq!(out.len() as u64, plan.raw_len());
    out
}

/// Base64 as a mailer writes it, by hand rather than by the encoder under test.
fn base64_of(bytes: &[u8], line: usize, eol: &str, ends: usize) -> Vec<u8> {
    let text = STANDARD.encode(bytes);
    let lines: Vec<&str> = if line == 0 {
        vec![&text]
    } else {
        text.as_bytes()
            .chunks(line)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect()
    };
    (lines.join(eol) + &eol.repeat(ends)).into_bytes()
}

#[test]
fn a_message_without_parts_costs_two_bytes() {
    let raw = b"Subject: x\r\n\r\nhello";
    let structure = Structure {
        parts: vec![leaf("text/plain", Encoding::Identity, 14..19)],
    };
    let cut = cut(raw, &structure, &Limits::default());
    assert_eq!(cut.segments, [Segment::Skeleton(0..19)]);
    assert_eq!(cut.skeleton(raw), [&[1u8, 0][..], &raw[..]].concat());
}

#[test]
fn limits_are_those_of_the_stored_form() {
    for (size, line, cut_out) in [(4095, 76, 0), (4096, 76, 1), (4097, 76, 1), (4095, 0, 0)] {
        let (raw, structure) = around(b"a", &base64_of(&vec![7; size], line, "\r\n", 0), b"b");
        assert_eq!(
            cut(&raw, &structure, &Limits::default()).parts().count(),
            cut_out,
            "{size}"
        );
    }
    let raw = vec![b'x'; 20_000];
    let mut part = leaf("text/plain", Encoding::Identity, 0..16_383);
    let parts = |part: &Part| {
        let structure = Structure {
            parts: vec![part.clone()],
        };
        cut(&raw, &structure, &Limits::default()).parts().count()
    };
    assert_eq!(parts(&part), 0);
    part.attachment = true;
    assert_eq!(parts(&part), 1, "an attached text is an attachment");
    part.attachment = false;
    part.filename = Some("a.txt".into());
    assert_eq!(parts(&part), 1, "so is a named one");
    part.filename = None;
    part.body = 0..16_384;
    assert_eq!(parts(&part), 1);
}

#[test]
fn the_same_file_in_two_layouts_is_one_part() {
    let file: Vec<u8> = (0..60_000u32).map(|at| ((at * 31) >> 3) as u8).collect();
    let layouts = [
        (76, "\r\n", 0),
        (76, "\n", 1),
        (72, "\r\n", 2),
        (60, "\n", 0),
        (64, "\r\n", 1),
        (0, "\n", 1),
    ];
    let digests: Vec<_> = layouts
        .map(|(line, eol, ends)| {
            let (raw, structure) =
                around(b"head\r\n", &base64_of(&file, line, eol, ends), b"\r\n--");
            let cut = cut(&raw, &structure, &Limits::default());
            assert_eq!(rebuild(&raw, &cut, 1 << 22, 1 << 22), raw);
            let part = cut.parts().next().unwrap();
            assert_ne!(part.recipe, Recipe::Identity);
            part.digest
        })
        .into();
    assert!(digests.iter().all(|digest| *digest == Digest::of(&file)));
}

#[test]
fn what_no_recipe_writes_is_stored_as_it_came() {
    let good = base64_of(&[9; 1000], 76, "\r\n", 1);
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut body = good.clone();
        change(&mut body);
        body
    };
    let bodies = [
        (
            "a blank at a line's end",
            with(&|body| body.insert(76, b' ')),
        ),
        ("one line shorter", with(&|body| drop(body.drain(160..164)))),
        (
            "a line feed alone",
            with(&|body| {
                body.remove(154);
            }),
        ),
        (
            "a footer",
            with(&|body| body.extend(b"-- \r\nlist footer\r\n")),
        ),
        ("bits behind the end", b"QUJDRB==".to_vec()),
        ("no padding", b"QUJDRA".to_vec()),
        ("padding inside", b"QQ==QUJDRA==".to_vec()),
        (
            "padding at the end of a group",
            [&b"A".repeat(8190)[..], b"==", b"AAAA"].concat(),
        ),
        ("url alphabet", b"__--QUJD".repeat(4)),
        ("blank lines beyond count", base64_of(&[1; 30], 0, "\n", 65)),
        ("a blank line first", [b"\r\n", &good[..]].concat()),
        ("only blank lines", b"\r\n\r\n".to_vec()),
        ("only padding", b"====".to_vec()),
    ];
    for (name, body) in bodies {
        let (raw, structure) = around(b"before", &body, b"after");
        let cut = cut(&raw, &structure, &ALL);
        assert_eq!(
            cut.parts().next().map(|part| part.recipe),
            Some(Recipe::Identity),
            "{name}"
        );
        assert_eq!(rebuild(&raw, &cut, 7, 3), raw, "{name}");
    }
}

#[test]
fn damaged_skeletons_are_refused() {
    for damaged in [
        &[][..],
        &[2, 0],
        &[1],
        &[1, 1, 0],
        &[1, 1, 0, 3, 1],
        &[1, 1, 5, 0, 9, b'x'],
        &[1, 0xff, 0xff, 0xff, 0xff, 0x0f],
        &[
            1, 1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, b'x',
        ],
        &[
            1, 1, 0, 1, 1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
        ],
    ] {
        assert!(Plan::parse(damaged).is_err(), "{damaged:?}");
    }
}

fn any_layout() -> impl Strategy<Value = (usize, &'static str, usize)> {
    let line = prop_oneof![
        Just(0usize),
        Just(60),
        Just(64),
        Just(72),
        Just(76),
        1usize..200
    ];
    (line, prop_oneof![Just("\n"), Just("\r\n")], 0usize..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn base64_gets_a_recipe_in_every_layout(
        bytes in proptest::collection::vec(any::<u8>(), 1..20_000),
        (line, eol, ends) in any_layout(),
        chunk in 1usize..30_000,
        push in 1usize..10_000,
    ) {
        let (raw, structure) = around(b"x\r\n\r\n", &base64_of(&bytes, line, eol, ends), b"\r\n--b");
        let cut = cut(&raw, &structure, &ALL);
        let part = cut.parts().next().unwrap();
        prop_assert_ne!(part.recipe, Recipe::Identity);
        prop_assert_eq!(part.digest, Digest::of(&bytes));
        prop_assert_eq!(rebuild(&raw, &cut, chunk, push), raw);
    }

    #[test]
    fn one_changed_byte_is_still_exact(
        bytes in proptest::collection::vec(any::<u8>(), 1..2_000),
        (line, eol, ends) in any_layout(),
        at in any::<prop::sample::Index>(),
        change in prop_oneof![any::<u8>(), Just(b'='), Just(b'\n'), Just(b'\r'), Just(b' '), Just(b'A')],
    ) {
        let mut body = base64_of(&bytes, line, eol, ends);
        let at = at.index(body.len());
        body[at] = change;
        let (raw, structure) = around(b"", &body, b"");
        prop_assert_eq!(rebuild(&raw, &cut(&raw, &structure, &ALL), 100, 10), raw);
    }

    #[test]
    fn any_bytes_in_any_structure_come_back(
        raw in proptest::collection::vec(
            prop_oneof![Just(b'A'), Just(b'='), Just(b'\n'), Just(b'\r'), any::<u8>()], 0..600),
        ranges in proptest::collection::vec((0usize..700, 0usize..700, any::<bool>()), 0..8),
        part_min in 0usize..50,
    ) {
        let parts = ranges
            .into_iter()
            .map(|(start, end, base64)| {
                let encoding = if base64 { Encoding::Base64 } else { Encoding::Identity };
                leaf("image/png", encoding, start..end)
            })
            .collect();
        let cut = cut(&raw, &Structure { parts }, &Limits { part_min, text_min: 0 });
        prop_assert_eq!(rebuild(&raw, &cut, 5, 4), raw);
    }

    #[test]
    fn any_bytes_parse_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(plan) = Plan::parse(&bytes) {
            let mut at = 0;
            for piece in plan.pieces() {
                if let Piece::Literal(range) = piece {
                    prop_assert!(at <= range.start && range.end <= bytes.len());
                    at = range.end;
                }
            }
            prop_assert!(plan.pieces().len() <= bytes.len());
        }
    }

    #[test]
    fn a_plan_of_a_table_without_damage(
        mut bytes in proptest::collection::vec(0u8..4, 0..60),
    ) {
        // Small values, so that tables often make sense.
        bytes.insert(0, 1);
        if let Ok(plan) = Plan::parse(&bytes) {
            let parts = plan.pieces().iter().filter(|piece| matches!(piece, Piece::Part { .. }));
            prop_assert_eq!(parts.count() as u64, u64::from(bytes[1]));
        }
    }
}
