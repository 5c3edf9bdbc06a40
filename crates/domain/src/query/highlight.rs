//! Where a text meets a query, and the piece of it worth showing.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::{Field, Query, Test};
use crate::text::{Terms, is_unspaced};

/// Matches looked at in one text. More would change no snippet, and bound the memory a
/// hostile body can ask for.
const MOST: usize = 10_000;

/// Phrases under way at once, so that time grows with the text alone. It takes a phrase of
/// more than so many equal words, or so many phrases that begin alike, to meet it; then
/// some matches are not marked.
const UNDER_WAY: usize = 64;

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
/// ascending, apart, at most `max`. What is negated marks nothing. Time grows with the
/// text alone, and no more than 10,000 matches are looked at.
pub fn highlight_field(text: &str, query: &Query, field: Field, max: usize) -> Vec<Range<usize>> {
    let needles = needles(query, field);
    let mut ranges = apart(&find(text, &needles));
    ranges.truncate(max);
    ranges
}

/// The piece of the body text `text`, about `width` bytes, that shows most of `query`: the
/// most different words first, then the most matches, then the earliest. The beginning of
/// the text where nothing matches.
pub fn snippet(text: &str, query: &Query, width: usize) -> Snippet {
    let hits = find(text, &needles(query, Field::Body));
    let window = window(text, &hits, width);
    collapse(text, window, &apart(&hits))
}

struct Needle<'a> {
    terms: &'a [String],
    open: bool,
}

struct Hit {
    range: Range<usize>,
    needle: usize,
}

fn needles(query: &Query, wanted: Field) -> Vec<Needle<'_>> {
    let mut seen = BTreeSet::new();
    let mut out = Vec::new();
    let mut stack = vec![query];
    while let Some(query) = stack.pop() {
        let (field, terms, open) = match query {
            Query::And(list) | Query::Or(list) => {
                stack.extend(list.iter().rev());
                continue;
            }
            Query::Test(Test::Words { field, terms }) => (*field, terms, false),
            Query::Test(Test::Prefix { field, terms }) => (*field, terms, true),
            Query::Not(_) | Query::Test(_) => continue,
        };
        let asked = field == wanted || field == Field::Any;
        if asked && !terms.is_empty() && seen.insert((terms, open)) {
            out.push(Needle { terms, open });
        }
    }
    out
}

/// A phrase of which some terms were met.
struct Begun {
    needle: usize,
    /// Terms met.
    met: usize,
    start: usize,
    /// Position where the next term must stand.
    position: u32,
}

/// All matches, by where they begin.
fn find(text: &str, needles: &[Needle]) -> Vec<Hit> {
    let mut hits = Vec::new();
    if needles.is_empty() {
        return hits;
    }
    let mut closed: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut open: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, needle) in needles.iter().enumerate() {
        if let Some(first) = needle.terms.first() {
            let is_open = needle.open && needle.terms.len() == 1;
            let map = if is_open { &mut open } else { &mut closed };
            map.entry(first).or_default().push(index);
        }
    }
    // Most terms begin like none of the needles, and need no look at the maps.
    let mut initials = [false; 256];
    for initial in open
        .keys()
        .chain(closed.keys())
        .filter_map(|key| key.as_bytes().first())
    {
        if let Some(flag) = initials.get_mut(usize::from(*initial)) {
            *flag = true;
        }
    }
    let mut begun: Vec<Begun> = Vec::new();
    let mut next: Vec<Begun> = Vec::new();
    let mut terms = Terms::new(text);
    while hits.len() < MOST && terms.advance() {
        let (term, position, range) = (terms.term(), terms.position(), terms.range());
        begun.retain(|phrase| phrase.position >= position);
        for phrase in begun.iter().filter(|phrase| phrase.position == position) {
            let Some(needle) = needles.get(phrase.needle) else {
                continue;
            };
            let last = phrase.met + 1 == needle.terms.len();
            let Some(wanted) = needle.terms.get(phrase.met) else {
                continue;
            };
            if last && needle.open && term.starts_with(wanted.as_str()) {
                let end = end_of(text, term, wanted, &range);
                hits.push(Hit {
                    range: phrase.start..end,
                    needle: phrase.needle,
                });
            } else if wanted == term && last {
                hits.push(Hit {
                    range: phrase.start..range.end,
                    needle: phrase.needle,
                });
            } else if wanted == term {
                next.push(Begun {
                    met: phrase.met + 1,
                    position: position.saturating_add(1),
                    ..*phrase
                });
            }
        }
        begun.append(&mut next);
        let initial = term.as_bytes().first().copied().unwrap_or_default();
        if !initials.get(usize::from(initial)).is_some_and(|&flag| flag) {
            continue;
        }
        if !open.is_empty() {
            let prefixes = term
                .char_indices()
                .map(|(at, _)| at)
                .skip(1)
                .chain([term.len()]);
            for prefix in prefixes.filter_map(|end| term.get(..end)) {
                for &needle in open.get(prefix).into_iter().flatten() {
                    let range = range.start..end_of(text, term, prefix, &range);
                    hits.push(Hit { range, needle });
                }
            }
        }
        for &needle in closed.get(term).into_iter().flatten() {
            if needles.get(needle).is_some_and(|n| n.terms.len() == 1) {
                hits.push(Hit {
                    range: range.clone(),
                    needle,
                });
            } else if begun.len() < UNDER_WAY {
                let position = position.saturating_add(1);
                begun.push(Begun {
                    needle,
                    met: 1,
                    start: range.start,
                    position,
                });
            }
        }
    }
    hits.sort_by_key(|hit| (hit.range.start, hit.range.end));
    hits
}

/// Where to end the mark of a prefix: at the end of a word, but after the one character
/// of a pair that was asked for.
fn end_of(text: &str, term: &str, prefix: &str, range: &Range<usize>) -> usize {
    if prefix.len() == term.len() || !prefix.starts_with(is_unspaced) {
        return range.end;
    }
    let first = text
        .get(range.clone())
        .and_then(|source| source.chars().next());
    first.map_or(range.end, |c| range.start + c.len_utf8())
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
    let mut inside: BTreeMap<usize, usize> = BTreeMap::new();
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
