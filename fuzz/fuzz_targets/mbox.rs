//! The splitter's items do not depend on the pieces.
#![no_main]

use everpost_codec::mbox::{Dialect, Item, Splitter};
use libfuzzer_sys::fuzz_target;

fn split(dialect: Dialect, limit: usize, file: &[u8], piece: usize) -> Vec<Item> {
    let mut splitter = Splitter::new(dialect, limit);
    let mut items = Vec::new();
    for piece in file.chunks(piece) {
        splitter.push(piece);
        items.extend(std::iter::from_fn(|| splitter.next()));
    }
    splitter.finish();
    items.extend(std::iter::from_fn(|| splitter.next()));
    items
}

fuzz_target!(|input: &[u8]| {
    let [dialect, limit, piece, file @ ..] = input else {
        return;
    };
    let dialects = [
        Dialect::Auto,
        Dialect::O,
        Dialect::Rd,
        Dialect::Cl,
        Dialect::Cl2,
    ];
    let dialect = dialects[usize::from(*dialect) % dialects.len()];
    // Small limits are reached by small inputs; large ones let Content-Length be believed.
    let limit = usize::from(*limit) * 16;
    let whole = split(dialect, limit, file, usize::MAX);
    assert_eq!(whole, split(dialect, limit, file, usize::from(*piece) + 1));
    let mut end = None;
    for item in &whole {
        let (Item::Message { offset, length, .. } | Item::TooLarge { offset, length }) = item
        else {
            assert_eq!(whole.len(), 1);
            continue;
        };
        assert_eq!(end.unwrap_or(*offset), *offset);
        end = Some(offset + length);
    }
    assert!(end.is_none_or(|end| end == file.len() as u64));
});
