//! Text becomes terms.
//!
//! One analyser serves the index, the in-memory evaluator, queries and highlights, so
//! that a word means the same everywhere. What it does:
//!
//! - **Case, width and accents** are folded: `Ｃａｆé`, `CAFE` and `café` are one term.
//!   Compatibility forms are taken apart (NFKD); `ß` is `ss`, `ı` is `i`, `æ` is `ae`,
//!   `œ` is `oe`, `ø` is `o`, `ł` is `l`, `đ` and `ð` are `d`, `þ` is `th`. Diacritics of
//!   Latin, Greek and Cyrillic, Hebrew points and Arabic vowel marks are dropped; marks
//!   that are letters (Indic vowel signs and the like) stay. Decimal digits of any script
//!   are `0` to `9`.
//! - **Words** are runs of letters, digits and kept marks. Everything else parts them, `_`
//!   and `@` too: `ann@example.org` is the phrase `ann example org`.
//! - **Scripts without spaces** (Han, Kana, Hangul, Bopomofo, Thai, Lao, Khmer, Myanmar)
//!   become overlapping pairs, one position each: `日本語` is `日本` `本語`. A character that
//!   stands alone is a term by itself. The last character of a longer run is also given
//!   alone, as a [`tail`](Terms::is_tail) at the position of the last pair, so that the
//!   prefix `語` finds every `語` wherever it stands.
//! - **Limits.** A term longer than [`LONGEST`] bytes is dropped but takes its position:
//!   nobody types it, it is encoded data, and each one would be a new entry of the term
//!   dictionary. Keeping the position keeps its neighbours from looking adjacent.
//!
//! Marks are not re-ordered as full normalisation would: those for which the order varies
//! in practice are dropped, and it spares a buffer.

mod class;
mod detect;
mod fold;
mod language;
mod stem;
mod terms;

#[cfg(test)]
mod families;
#[cfg(test)]
mod tests;

pub(crate) use class::is_unspaced;
pub use detect::language_of;
pub(crate) use detect::{language_code, language_codes};
pub use fold::fold_exact;
pub use language::Language;
pub use stem::Stem;
pub use terms::Terms;

/// Version of the analyser: stored with every index split, because terms of two versions
/// cannot be compared. Raise it with any change of what [`Terms`] gives.
pub const VERSION: u32 = 2;

/// The longest term kept, in bytes after folding.
pub const LONGEST: usize = 255;

/// The terms of `text` in order, without tails: what a query looks for.
pub fn terms_of(text: &str) -> Vec<String> {
    let mut terms = Terms::new(text);
    let mut out = Vec::new();
    while terms.advance() {
        if !terms.is_tail() {
            out.push(terms.term().to_owned());
        }
    }
    out
}
