//! The term stream.

use std::ops::Range;

use super::LONGEST;
use super::class::{Class, ascii_run, class, is_gap};
use super::fold::{alphabetic, fold_char, is_folded, join};

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
    /// The term, unless it is `plain`.
    term: String,
    /// True when the text itself, at `range`, is the term: lower-case ASCII.
    plain: bool,
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
            plain: false,
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
            if let Some(first) = self.run.take() {
                self.pair(first);
                return true;
            }
            if let Some(unit) = self.next_unit() {
                match unit.class {
                    Class::Gap | Class::Dropped | Class::Voice => {}
                    Class::Unspaced => {
                        self.run = Some(self.joined(unit));
                        self.paired = false;
                    }
                    Class::Word => {
                        self.start(unit.start..unit.end);
                        self.term.push(unit.c);
                        if self.word() {
                            return true;
                        }
                    }
                }
                continue;
            }
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            let Some(skip) = rest.iter().position(|b| !is_gap(*b)) else {
                self.at = self.text.len();
                return false;
            };
            self.at += skip;
            let rest = rest.get(skip..).unwrap_or_default();
            let (run, upper) = ascii_run(rest);
            if run == 0 && alphabetic(rest).is_none() {
                continue;
            }
            if run <= LONGEST && rest.get(run).is_none_or(u8::is_ascii) {
                self.start(self.at..self.at + run);
                self.at += run;
                self.plain = !upper;
                if upper {
                    let word = self.text.get(self.range()).unwrap_or_default();
                    self.term.push_str(word);
                    self.term.make_ascii_lowercase();
                }
                self.place();
                return true;
            }
            self.start(self.at..self.at);
            if self.word() {
                return true;
            }
        }
    }

    /// The term, folded.
    pub fn term(&self) -> &str {
        if self.plain {
            self.text.get(self.range()).unwrap_or_default()
        } else {
            &self.term
        }
    }

    /// Position of the term; a phrase is terms at consecutive positions. Positions grow,
    /// by more than one over a dropped term, and not at all for a [tail](Self::is_tail).
    pub fn position(&self) -> u32 {
        self.position
    }

    /// Positions taken so far, those of dropped terms included: once [`advance`](Self::advance)
    /// gave false, the length of the text in positions.
    pub fn positions(&self) -> u32 {
        self.next_position
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

    /// Begins a term that is not `plain`.
    fn start(&mut self, range: Range<usize>) {
        self.plain = false;
        self.term.clear();
        self.range = range;
    }

    /// Takes the next position.
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
                long |= !self.letters();
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
                Class::Dropped | Class::Voice => self.mark(unit.c),
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

    /// A mark after the last character of the term, which may make another letter of it.
    fn mark(&mut self, mark: char) {
        let last = self.term.chars().next_back();
        if let Some(letter) = last.and_then(|last| join(last, mark)) {
            self.term.pop();
            self.term.push(letter);
        }
    }

    /// Appends ASCII and what the table of alphabets knows, up to anything else. False when
    /// the term would be too long.
    #[inline]
    fn letters(&mut self) -> bool {
        let mut fits = true;
        let begin = self.at;
        let mut rest = self.text.as_bytes().get(begin..).unwrap_or_default();
        loop {
            let (run, _) = ascii_run(rest);
            let old = self.term.len();
            if old + run > LONGEST {
                fits = false;
            } else if let Some(part) = self.text.get(self.at..self.at + run) {
                self.term.push_str(part);
                if let Some(new) = self.term.get_mut(old..) {
                    new.make_ascii_lowercase();
                }
            }
            self.at += run;
            rest = rest.get(run..).unwrap_or_default();
            while let Some((first, second)) = alphabetic(rest) {
                if self.term.len() + 8 > LONGEST {
                    fits &= self.term.len() + first.len_utf8() + second.map_or(0, char::len_utf8)
                        <= LONGEST;
                }
                if fits {
                    self.term.push(first);
                    self.term.extend(second);
                }
                self.at += 2;
                rest = rest.get(2..).unwrap_or_default();
            }
            if !rest.first().is_some_and(u8::is_ascii_alphanumeric) {
                break;
            }
        }
        if self.at > begin {
            self.range.end = self.at;
        }
        fits
    }

    /// The pair that begins with `first`, or `first` alone at the end of its run.
    fn pair(&mut self, first: Unit) {
        self.start(first.start..first.end);
        self.term.push(first.c);
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
            if let Some(c) = join(unit.c, next.c) {
                unit.c = c;
            } else if !matches!(next.class, Class::Dropped | Class::Voice) {
                self.held = Some(next);
                break;
            }
            unit.end = next.end;
        }
        unit
    }

    /// The next folded character; none at the end, and before ASCII and the alphabets.
    #[inline]
    fn next_unit(&mut self) -> Option<Unit> {
        if let Some(held) = self.held.take() {
            return Some(held);
        }
        if self.parts_at == self.parts.len() {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            // ASCII and the alphabets are read by `advance` and `letters`, faster.
            if rest.first().is_none_or(u8::is_ascii) || alphabetic(rest).is_some() {
                return None;
            }
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
            if is_folded(c as u32) {
                let range = self.parts_range.clone();
                return Some(Unit {
                    c,
                    class: Class::Unspaced,
                    start: range.start,
                    end: range.end,
                });
            }
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
