//! The term stream.

use std::ops::Range;

use super::LONGEST;
use super::class::{Class, class, is_ascii_word};
use super::fold::{fold_char, join};

/// A stream of terms over a text. Nothing is allocated per term: the buffers are reused.
///
/// ```
/// let mut terms = everpost_domain::text::Terms::new("Ann's  CAFÉ");
/// let mut seen = Vec::new();
/// while terms.advance() {
///     seen.push((terms.term().to_owned(), terms.position(), terms.range()));
/// }
/// assert_eq!(seen, [("ann".into(), 0, 0..3), ("s".into(), 1, 4..5), ("cafe".into(), 2, 7..12)]);
/// ```
#[derive(Debug, Clone)]
pub struct Terms<'a> {
    text: &'a str,
    /// Next byte of the text.
    at: usize,
    term: String,
    range: Range<usize>,
    position: u32,
    next_position: u32,
    tail: bool,
    /// Folded characters of one source character, and how far they were read.
    parts: String,
    parts_at: usize,
    parts_range: Range<usize>,
    /// A unit that was read but belongs to the next term.
    held: Option<Unit>,
    /// The last character of a run without spaces, to be the first of the next pair.
    run: Option<Unit>,
    /// True when the run has given a pair.
    paired: bool,
}

/// A folded character and where it came from.
#[derive(Debug, Clone, Copy)]
struct Unit {
    c: char,
    class: Class,
    start: usize,
    end: usize,
}

impl<'a> Terms<'a> {
    /// Terms of `text` from its start, positions from 0.
    pub fn new(text: &'a str) -> Self {
        Terms {
            text,
            at: 0,
            term: String::new(),
            range: 0..0,
            position: 0,
            next_position: 0,
            tail: false,
            parts: String::new(),
            parts_at: 0,
            parts_range: 0..0,
            held: None,
            run: None,
            paired: false,
        }
    }

    /// Moves to the next term; false at the end of the text.
    pub fn advance(&mut self) -> bool {
        self.tail = false;
        loop {
            self.term.clear();
            if let Some(first) = self.run.take() {
                self.pair(first);
                return true;
            }
            match self.next_unit() {
                Some(unit) => match unit.class {
                    Class::Gap | Class::Dropped | Class::Voice => {}
                    Class::Unspaced => {
                        self.run = Some(self.joined(unit));
                        self.paired = false;
                    }
                    Class::Word => {
                        self.term.push(unit.c);
                        self.range = unit.start..unit.end;
                        if self.word() {
                            return true;
                        }
                    }
                },
                None => {
                    let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
                    let Some(skip) = rest.iter().position(|&b| is_ascii_word(b) || b >= 0x80)
                    else {
                        self.at = self.text.len();
                        return false;
                    };
                    self.at += skip;
                    if rest.get(skip).is_some_and(|&b| b < 0x80) {
                        self.range = self.at..self.at;
                        if self.word() {
                            return true;
                        }
                    }
                }
            }
        }
    }

    /// The term, folded.
    pub fn term(&self) -> &str {
        &self.term
    }

    /// Position of the term; a phrase is terms at consecutive positions. Positions grow,
    /// by more than one over a dropped term, and not at all for a [tail](Self::is_tail).
    pub fn position(&self) -> u32 {
        self.position
    }

    /// Bytes of the source text that the term came from.
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// True for the last character of a run without spaces given once more, alone, at the
    /// position of the last pair. It is indexed; a query does not look for it.
    pub fn is_tail(&self) -> bool {
        self.tail
    }

    /// Takes the next position, and what is left of it.
    fn place(&mut self) {
        self.position = self.next_position;
        self.next_position = self.next_position.saturating_add(1);
    }

    /// Reads the rest of a word whose start is in `term` and `range`. False when the term
    /// was too long.
    fn word(&mut self) -> bool {
        let mut long = false;
        loop {
            if self.parts_at == self.parts.len() {
                let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
                let run = rest
                    .iter()
                    .position(|&b| !is_ascii_word(b))
                    .unwrap_or(rest.len());
                if run > 0 {
                    let end = self.at + run;
                    let old = self.term.len();
                    if old + run > LONGEST {
                        long = true;
                    } else if let Some(part) = self.text.get(self.at..end) {
                        self.term.push_str(part);
                        if let Some(new) = self.term.get_mut(old..) {
                            new.make_ascii_lowercase();
                        }
                    }
                    self.at = end;
                    self.range.end = end;
                }
            }
            let Some(unit) = self.next_unit() else {
                break;
            };
            match unit.class {
                Class::Word => {
                    if self.term.len() + unit.c.len_utf8() > LONGEST {
                        long = true;
                    } else {
                        self.term.push(unit.c);
                    }
                }
                Class::Dropped | Class::Voice => {}
                Class::Unspaced => {
                    self.held = Some(unit);
                    break;
                }
                Class::Gap => break,
            }
            self.range.end = unit.end;
        }
        self.place();
        !long
    }

    /// The pair that begins with `first`, or `first` alone at the end of its run.
    fn pair(&mut self, first: Unit) {
        self.term.push(first.c);
        self.range = first.start..first.end;
        match self.next_unit() {
            Some(unit) if unit.class == Class::Unspaced => {
                let second = self.joined(unit);
                self.term.push(second.c);
                self.range.end = second.end;
                self.run = Some(second);
                self.paired = true;
                self.place();
            }
            other => {
                self.held = other;
                if self.paired {
                    self.tail = true;
                } else {
                    self.place();
                }
            }
        }
    }

    /// `unit` with all that follows and joins it.
    fn joined(&mut self, mut unit: Unit) -> Unit {
        while let Some(next) = self.next_unit() {
            if let Some(c) = join(unit.c, next.c, next.class) {
                unit.c = c;
            } else if !matches!(next.class, Class::Dropped | Class::Voice) {
                self.held = Some(next);
                break;
            }
            unit.end = next.end;
        }
        unit
    }

    /// The next folded character that is not plain ASCII of the text; none before ASCII
    /// and at the end.
    #[inline]
    fn next_unit(&mut self) -> Option<Unit> {
        if let Some(held) = self.held.take() {
            return Some(held);
        }
        if self.parts_at == self.parts.len()
            && self.text.as_bytes().get(self.at).is_none_or(u8::is_ascii)
        {
            return None;
        }
        self.next_folded()
    }

    #[inline(never)]
    fn next_folded(&mut self) -> Option<Unit> {
        if self.parts_at == self.parts.len() {
            let c = self.text.get(self.at..)?.chars().next()?;
            let end = self.at + c.len_utf8();
            self.parts.clear();
            self.parts_at = 0;
            self.parts_range = self.at..end;
            self.at = end;
            fold_char(c, &mut self.parts);
        }
        let c = self.parts.get(self.parts_at..)?.chars().next()?;
        self.parts_at += c.len_utf8();
        let class = class(c);
        Some(Unit {
            c,
            class,
            start: self.parts_range.start,
            end: self.parts_range.end,
        })
    }
}
