//! A message that is cut and put together again is the message, bit for bit.
#![no_main]

use everpost_domain::cut::{Encoder, Limits, Piece, Plan, cut};
use everpost_domain::message::scan;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &[u8]| {
    let cut = cut(raw, &scan(raw), &Limits { part_min: 16, text_min: 16 });
    let parts: Vec<_> = cut.parts().collect();
    let skeleton = cut.skeleton(raw);
    let plan = Plan::parse(&skeleton).expect("what was just written");
    let mut built = Vec::new();
    for piece in plan.pieces() {
        match piece {
            Piece::Literal(range) => built.extend_from_slice(&skeleton[range.clone()]),
            Piece::Part { ordinal, recipe, size } => {
                let mut encoder = Encoder::new(*recipe);
                let mut stored = 0;
                for chunk in parts[*ordinal].chunks(raw, 7) {
                    stored += chunk.len() as u64;
                    encoder.push(&chunk, &mut built);
                }
                encoder.finish(&mut built);
                assert_eq!(stored, *size);
            }
        }
    }
    assert_eq!(built, raw);
    // And a damaged skeleton is an error or another plan, never a panic.
    let _ = Plan::parse(raw);
});
