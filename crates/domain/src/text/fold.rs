//! Folding of case, width and accents, one character at a time.

use std::sync::LazyLock;

use unicode_normalization::char::{compose, decompose_compatible};

use super::class::{Class, class};

/// Appends the folded characters of `c`, marks included: what stays of them is for
/// [`class`] to say. Not for ASCII, which callers lower-case themselves.
pub(super) fn fold_char(c: char, out: &mut String) {
    match c as u32 {
        code if is_folded(code) => out.push(c),
        // Compared composed, see `join`; both cases.
        0x0403 | 0x0453 => out.push('ѓ'),
        0x0407 | 0x0457 => out.push('ї'),
        0x040c | 0x045c => out.push('ќ'),
        0x040e | 0x045e => out.push('ў'),
        0x0419 | 0x0439 => out.push('й'),
        _ => decompose_compatible(c, |part| {
            // Upper, then lower: both cases of a letter meet, `ς` and `σ` too, and `ß` is `SS`.
            for upper in part.to_uppercase() {
                for lower in upper.to_lowercase() {
                    push_plain(lower, out);
                }
            }
        }),
    }
}

/// Han, Hangul and Kana: taking these apart would only be undone by [`join`].
pub(super) fn is_folded(code: u32) -> bool {
    matches!(code, 0x4e00..=0x9fff | 0xac00..=0xd7a3 | 0x3041..=0x3096 | 0x30a1..=0x30fa)
}

/// One or two folded word characters.
type Letters = (char, Option<char>);

/// What the alphabets of most mail fold to, looked up instead of worked out: for each
/// character from U+0080 one or two word characters, dropped marks left out; none where
/// the rules must be asked.
static ALPHABETS: LazyLock<Vec<Option<Letters>>> = LazyLock::new(|| {
    let mut parts = String::new();
    ('\u{80}'..'\u{590}')
        .map(|c| {
            parts.clear();
            fold_char(c, &mut parts);
            if parts
                .chars()
                .any(|c| !matches!(class(c), Class::Word | Class::Dropped))
            {
                return None;
            }
            let mut words = parts.chars().filter(|&c| class(c) == Class::Word);
            match (words.next(), words.next(), words.next()) {
                (Some(first), second, None) => Some((first, second)),
                _ => None,
            }
        })
        .collect()
});

/// Folded word characters of the character at the start of `bytes` (UTF-8 of two bytes),
/// where the table has them.
#[inline]
pub(super) fn alphabetic(bytes: &[u8]) -> Option<Letters> {
    match bytes {
        [first @ 0xc2..=0xd6, second, ..] => {
            let code = (usize::from(first & 0x1f) << 6) | usize::from(second & 0x3f);
            *ALPHABETS.get(code.checked_sub(0x80)?)?
        }
        _ => None,
    }
}

fn push_plain(c: char, out: &mut String) {
    match c {
        '\0'..='\x7f' => out.push(c),
        'æ' => out.push_str("ae"),
        'œ' => out.push_str("oe"),
        'þ' => out.push_str("th"),
        // Of the capital `ẞ`, which is upper case already.
        'ß' => out.push_str("ss"),
        'ø' => out.push('o'),
        'ł' => out.push('l'),
        'đ' | 'ð' => out.push('d'),
        'ħ' => out.push('h'),
        'ŧ' => out.push('t'),
        'ı' => out.push('i'),
        _ => out.push(ascii_digit(c).unwrap_or(c)),
    }
}

/// Zeros of the decimal digits that compatibility folding leaves alone.
const ZEROS: [u32; 35] = [
    0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66,
    0x0de6, 0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90,
    0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0,
];

fn ascii_digit(c: char) -> Option<char> {
    let code = c as u32;
    let before = ZEROS.partition_point(|&zero| zero <= code).checked_sub(1)?;
    let zero = ZEROS.get(before)?;
    char::from_digit(code.checked_sub(*zero)?, 10)
}

/// `before` and `c` as one character, where the two are compared composed: voiced Kana,
/// Hangul syllables, one Myanmar vowel, and the Cyrillic letters that a mark makes another
/// letter of (й ў ї ѓ ќ; not ё, which is written е as often).
#[inline]
pub(super) fn join(before: char, c: char) -> Option<char> {
    match (before, c as u32) {
        (_, 0x3099 | 0x309a | 0x1161..=0x11ff | 0x102e)
        | ('и' | 'у', 0x0306)
        | ('і', 0x0308)
        | ('г' | 'к', 0x0301) => compose(before, c),
        _ => None,
    }
}

/// Folds a whole string, separators kept: for exact tests of addresses, domains and file
/// names, and for nothing else that is compared. Folding twice changes nothing.
pub fn fold_exact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut parts = String::new();
    for c in text.chars() {
        if c.is_ascii() {
            out.push(c.to_ascii_lowercase());
            continue;
        }
        parts.clear();
        fold_char(c, &mut parts);
        for part in parts.chars() {
            let kind = class(part);
            if let Some(joined) = out.chars().next_back().and_then(|last| join(last, part)) {
                out.pop();
                out.push(joined);
            } else if !matches!(kind, Class::Dropped | Class::Voice) {
                out.push(part);
            }
        }
    }
    out
}
