//! What a folded character is to the analyser.

use unicode_normalization::char::is_combining_mark;

/// The part a folded character plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Part of a word.
    Word,
    /// Part of a run written without spaces.
    Unspaced,
    /// A Kana voicing mark: joins the character before it, or vanishes.
    Voice,
    /// Leaves no trace and parts nothing.
    Dropped,
    /// Parts words.
    Gap,
}

/// Bit 7 of every byte.
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Bit 7 of each byte of `low` (all below 128) that is at least `least`.
#[inline]
fn at_least(low: u64, least: u8) -> u64 {
    (low + u64::from(128 - least) * 0x0101_0101_0101_0101) & HIGH
}

/// ASCII that parts words.
#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler; the loop ends inside the table"
)]
static GAPS: [bool; 256] = {
    let mut gaps = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        gaps[byte] = !(byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    gaps
};

/// True for ASCII that is neither letter nor digit.
#[inline]
pub(super) fn is_gap(byte: u8) -> bool {
    GAPS.get(usize::from(byte)).is_some_and(|gap| *gap)
}

/// Length of the run of ASCII letters and digits at the start of `bytes`, and whether one
/// is upper case. Eight bytes at a time and without a branch in the eight: words are short,
/// and a mispredicted end of a loop costs more than all the rest.
#[inline]
pub(super) fn ascii_run(bytes: &[u8]) -> (usize, bool) {
    let (mut length, mut any_upper) = (0, 0);
    let mut rest = bytes;
    while let Some((eight, after)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*eight);
        let low = word & !HIGH;
        let digit = at_least(low, b'0') & !at_least(low, b'9' + 1);
        let upper = at_least(low, b'A') & !at_least(low, b'Z' + 1) & !word;
        let lower = at_least(low, b'a') & !at_least(low, b'z' + 1);
        let outside = ((digit | upper | lower) & !word & HIGH) ^ HIGH;
        if outside != 0 {
            let before = outside & outside.wrapping_neg();
            any_upper |= upper & (before - 1);
            return (
                length + (outside.trailing_zeros() / 8) as usize,
                any_upper != 0,
            );
        }
        any_upper |= upper;
        length += 8;
        rest = after;
    }
    let last = rest
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric())
        .count();
    let upper = rest.iter().take(last).any(u8::is_ascii_uppercase);
    (length + last, any_upper != 0 || upper)
}

/// True for a folded character of a script without spaces.
pub(crate) fn is_unspaced(c: char) -> bool {
    class(c) == Class::Unspaced
}

/// Class of a character after folding.
pub(super) fn class(c: char) -> Class {
    match c as u32 {
        0x4e00..=0x9fff | 0xac00..=0xd7a3 | 0x3041..=0x3096 | 0x30a1..=0x30fa => Class::Unspaced,
        0x3099 | 0x309a => Class::Voice,
        code if is_dropped(code) => Class::Dropped,
        code if c.is_alphanumeric() || is_combining_mark(c) => {
            if is_unspaced_block(code) {
                Class::Unspaced
            } else {
                Class::Word
            }
        }
        _ => Class::Gap,
    }
}

/// Marks by their own block rather than by the letter before them: the general diacritics
/// are used by Latin, Greek and Cyrillic, while marks that are letters live in the blocks
/// of their scripts. So a character means the same at the start of a text and inside it.
fn is_dropped(code: u32) -> bool {
    matches!(
        code,
        // Diacritics; Cyrillic number and titlo marks; tone marks beside Han.
        0x0300..=0x036f | 0x0483..=0x0489 | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff
        | 0x20d0..=0x20ff | 0x2de0..=0x2dff | 0xa66f..=0xa672 | 0xa674..=0xa67d
        | 0xa69e..=0xa69f | 0xfe20..=0xfe2f | 0x302a..=0x302f
        // Hebrew points and accents.
        | 0x0591..=0x05bd | 0x05bf | 0x05c1..=0x05c2 | 0x05c4..=0x05c5 | 0x05c7
        // Arabic vowel marks, hamza above and below, Quranic marks, tatweel.
        | 0x0610..=0x061a | 0x0640 | 0x064b..=0x065f | 0x0670 | 0x06d6..=0x06dc
        | 0x06df..=0x06e4 | 0x06e7..=0x06e8 | 0x06ea..=0x06ed | 0x08d3..=0x08e1 | 0x08e3..=0x08ff
        // Characters that are not seen: soft hyphen, joiners, direction, variants, fillers, tags.
        | 0x00ad | 0x061c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f
        | 0x200c..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0xfe00..=0xfe0f | 0xfeff
        | 0xe0000..=0xe01ef
    )
}

fn is_unspaced_block(code: u32) -> bool {
    matches!(
        code,
        // Thai, Lao, Myanmar, Khmer.
        0x0e00..=0x0eff | 0x1000..=0x109f | 0xa9e0..=0xa9ff | 0xaa60..=0xaa7f | 0x1780..=0x17ff
        // Hangul.
        | 0x1100..=0x11ff | 0x3130..=0x318f | 0xa960..=0xa97f | 0xac00..=0xd7ff
        // Han, Kana, Bopomofo.
        | 0x2e80..=0x2fdf | 0x3005..=0x3007 | 0x3021..=0x303c | 0x3041..=0x312f
        | 0x31a0..=0x31ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff
        | 0x16fe0..=0x18dff | 0x1aff0..=0x1b2ff | 0x20000..=0x3ffff
    )
}
