//! Where a text meets a query, and the piece of it worth showing.

use std::collections::BTreeMap;
use std::ops::Range;

use super::seek::{Place, Seeker};
use super::{Field, Query};

/// Occurrences of one term looked at in one text. More would change no snippet, and the
/// limit bounds the memory a hostile body can ask for.
const MOST: usize = 10_000;

/// Bytes a snippet gives up at an edge to begin or end between words.
const EDGE: usize = 24;

/// A piece of a text in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    /// The text, white space collapsed, with `…` where it was cut.
    pub text: String,
    /// Bytes of `text` that met the query: ascending, apart.
    pub hits: Vec<Range<usize>>,
}

/// Bytes of the body text `text` that meet `query`: ascending, apart, at most `max`.
/// As [`highlight_field`] of the body.
pub fn highlight(text: &str, query: &Query, max: usize) -> Vec<Range<usize>> {
    highlight_field(text, query, Field::Body, max)
}

/// Bytes of a field's text that meet the words of `query` asked of that field or of any:
/// ascending, apart, at most `max`. What is negated marks nothing, and of two words near
/// one another only those that are. No more than 10,000 occurrences of each term are
/// looked at.
pub fn highlight_field(text: &str, query: &Query, field: Field, max: usize) -> Vec<Range<usize>> {
    let mut ranges = apart(&find(text, query, field));
    ranges.truncate(max);
    ranges
}

/// The piece of the body text `text`, about `width` bytes, that shows most of `query`: the
/// most different words first, then the most matches, then the earliest. The beginning of
/// the text where nothing matches.
pub fn snippet(text: &str, query: &Query, width: usize) -> Snippet {
    snippet_field(text, query, Field::Body, width)
}

/// As [`snippet`], of a text of another field: [`Field::Attachment`].
pub fn snippet_field(text: &str, query: &Query, field: Field, width: usize) -> Snippet {
    let hits = find(text, query, field);
    let window = window(text, &hits, width);
    collapse(text, window, &apart(&hits))
}

/// A match, and what was looked for: the number of the needle and its side.
struct Hit {
    range: Range<usize>,
    needle: (usize, usize),
}

/// All matches of what `query` asks of a field, by where they begin.
fn find(text: &str, query: &Query, field: Field) -> Vec<Hit> {
    let seeker = Seeker::new(query, false, &|place| place.covers(Place::Field(field)));
    let scan = seeker.scan(text, MOST);
    let mut hits = Vec::new();
    for (number, needle) in seeker.needles.iter().enumerate() {
        let met = scan.met(needle).into_iter().map(|(side, span)| Hit {
            range: span.range,
            needle: (number, side),
        });
        hits.extend(met);
    }
    hits.sort_by_key(|hit| (hit.range.start, hit.range.end));
    hits
}

/// Ranges of hits, those that overlap as one.
fn apart(hits: &[Hit]) -> Vec<Range<usize>> {
    let mut out: Vec<Range<usize>> = Vec::new();
    for Hit { range, .. } in hits {
        match out.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => out.push(range.clone()),
        }
    }
    out
}

/// The bytes of `text` to show.
fn window(text: &str, hits: &[Hit], width: usize) -> Range<usize> {
    let (first, last) = densest(hits, width);
    // What is left of the width goes around the matches, a third of it before them.
    let room = width.saturating_sub(last.saturating_sub(first));
    let mut start = first.saturating_sub(room / 3);
    let mut end = start.saturating_add(width).min(text.len());
    start = start.min(end.saturating_sub(width));
    start = text.ceil_char_boundary(start);
    end = text.floor_char_boundary(end).max(start);
    let blank = |c: char| c.is_whitespace();
    if start > 0
        && !text
            .get(..start)
            .is_some_and(|before| before.ends_with(blank))
    {
        let edge = text.floor_char_boundary((start + EDGE).min(first).max(start));
        if let Some(skip) = text.get(start..edge).and_then(|edge| edge.find(blank)) {
            start += skip;
        }
    }
    if end < text.len()
        && !text
            .get(end..)
            .is_some_and(|after| after.starts_with(blank))
    {
        let edge = text.ceil_char_boundary(end.saturating_sub(EDGE).max(last).max(start).min(end));
        if let Some(keep) = text.get(edge..end).and_then(|edge| edge.rfind(blank)) {
            end = edge + keep;
        }
    }
    start..end
}

/// Begin and end of the best run of matches that fits in `width`.
fn densest(hits: &[Hit], width: usize) -> (usize, usize) {
    let mut best = (0, 0);
    let mut found = (0, 0);
    let mut inside: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    let mut oldest = hits.iter().enumerate().peekable();
    for (index, hit) in hits.iter().enumerate() {
        *inside.entry(hit.needle).or_default() += 1;
        let fits = |old: &Hit| hit.range.end.saturating_sub(old.range.start) <= width;
        while let Some((_, old)) = oldest.next_if(|&(at, old)| at < index && !fits(old)) {
            if let Some(count) = inside.get_mut(&old.needle) {
                *count -= 1;
                if *count == 0 {
                    inside.remove(&old.needle);
                }
            }
        }
        if let Some(&(from, old)) = oldest.peek() {
            let score = (inside.len(), index + 1 - from);
            if score > best {
                best = score;
                found = (
                    old.range.start,
                    hit.range.end.min(old.range.start.saturating_add(width)),
                );
            }
        }
    }
    found
}

/// One line of the window, and the hits in it.
fn collapse(text: &str, window: Range<usize>, hits: &[Range<usize>]) -> Snippet {
    let mut out = Snippet {
        text: String::new(),
        hits: Vec::new(),
    };
    let shown = text.get(window.clone()).unwrap_or_default();
    let blank = |c: char| c.is_whitespace() || c.is_control();
    if text
        .get(..window.start)
        .is_some_and(|before| !before.chars().all(blank))
    {
        out.text.push('…');
    }
    let mut hits = hits
        .iter()
        .skip_while(|hit| hit.end <= window.start)
        .peekable();
    let (mut gap, mut begun) = (false, false);
    let mut open = None;
    for (at, c) in shown.char_indices() {
        let at = window.start + at;
        if let Some(hit) = hits.peek()
            && hit.end <= at
        {
            close(&mut open, &mut out);
            hits.next();
        }
        if blank(c) {
            gap = true;
            continue;
        }
        if gap && begun {
            out.text.push(' ');
        }
        (gap, begun) = (false, true);
        if open.is_none() && hits.peek().is_some_and(|hit| hit.start <= at) {
            open = Some(out.text.len());
        }
        out.text.push(c);
    }
    close(&mut open, &mut out);
    if text
        .get(window.end..)
        .is_some_and(|after| !after.chars().all(blank))
    {
        out.text.push('…');
    }
    out
}

fn close(open: &mut Option<usize>, out: &mut Snippet) {
    if let Some(start) = open.take() {
        out.hits.push(start..out.text.len());
    }
}
