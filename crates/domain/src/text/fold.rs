//! Folding of case, width and accents, one character at a time.

use unicode_normalization::char::{compose, decompose_compatible};

use super::class::{Class, class};

/// Appends the folded characters of `c`, marks included: what stays of them is for
/// [`class`] to say. Not for ASCII, which callers lower-case themselves.
pub(super) fn fold_char(c: char, out: &mut String) {
    match c as u32 {
        // Already folded: taking these apart would only be undone by `join`.
        0x4e00..=0x9fff | 0xac00..=0xd7a3 | 0x3041..=0x3096 | 0x30a1..=0x30fa => out.push(c),
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

/// `before` and `c` as one character, where `c` is of a script that is compared composed
/// (Hangul syllables, voiced Kana).
pub(super) fn join(before: char, c: char, kind: Class) -> Option<char> {
    match kind {
        Class::Unspaced | Class::Voice => compose(before, c),
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
            if let Some(joined) = out
                .chars()
                .next_back()
                .and_then(|last| join(last, part, kind))
            {
                out.pop();
                out.push(joined);
            } else if !matches!(kind, Class::Dropped | Class::Voice) {
                out.push(part);
            }
        }
    }
    out
}
