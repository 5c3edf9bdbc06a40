//! Sets of message numbers and of UIDs (RFC 9051 §9, `sequence-set`).

use std::fmt;

use super::limits;

/// Ranges as a client wrote them. Either end may be `*`, the largest there is, which is `u32::MAX` here; no number is 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Numbers(pub Vec<(u32, u32)>);

/// A set, or `$`: what the last search saved (RFC 5182).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saved<T> {
    /// This.
    These(T),
    /// `$`.
    Saved,
}

/// How `*` is kept. No message has that number: what a client writes so is read as one less, which none has either.
const STAR: u32 = u32::MAX;

impl Numbers {
    /// Reads `1:4,7,*:9`. `None` if it is malformed, has a 0, or more ranges than [`limits::RANGES`].
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut ranges = Vec::new();
        for range in text.split(|byte| *byte == b',') {
            if ranges.len() >= limits::RANGES {
                return None;
            }
            let mut ends = range.splitn(2, |byte| *byte == b':');
            let from = end_of_range(ends.next()?)?;
            let to = ends.next().map_or(Some(from), end_of_range)?;
            ranges.push((from, to));
        }
        Some(Numbers(ranges))
    }

    /// The set of these, neighbours put together. They should ascend; otherwise the set is right, but longer than it need be.
    pub fn of(numbers: impl IntoIterator<Item = u32>) -> Self {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for number in numbers {
            match ranges.last_mut() {
                Some((_, to)) if to.checked_add(1) == Some(number) => *to = number,
                Some((_, to)) if *to == number => {}
                _ => ranges.push((number, number)),
            }
        }
        Numbers(ranges)
    }

    /// Whether it is a set of nothing, which no client can write.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `*` occurs.
    pub fn has_star(&self) -> bool {
        let star = |&(from, to): &(u32, u32)| from == STAR || to == STAR;
        self.0.iter().any(star)
    }

    /// Whether `number` is of the set, where `largest` is what `*` means: 0 in an empty mailbox. One look costs as much as the
    /// set is long; for many, take [`ranges`](Numbers::ranges).
    pub fn contains(&self, number: u32, largest: u32) -> bool {
        self.resolved(largest)
            .any(|(from, to)| (from..=to).contains(&number))
    }

    /// The ranges in order, disjoint and not touching, `*` being `largest`. What is above `largest` is not cut off: `5:*` with
    /// 3 messages is `3:5` (RFC 9051 §9: the order of the ends does not matter). With a `largest` of 0, ranges with a `*` are
    /// left out.
    pub fn ranges(&self, largest: u32) -> Vec<(u32, u32)> {
        let mut sorted: Vec<_> = self.resolved(largest).collect();
        sorted.sort_unstable();
        let mut ranges: Vec<(u32, u32)> = Vec::with_capacity(sorted.len());
        for (from, to) in sorted {
            match ranges.last_mut() {
                Some((_, last)) if from <= last.saturating_add(1) => *last = to.max(*last),
                _ => ranges.push((from, to)),
            }
        }
        ranges
    }

    /// Writes it as it is sent.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.to_string().as_bytes());
    }

    fn resolved(&self, largest: u32) -> impl Iterator<Item = (u32, u32)> {
        let end = move |end: u32| if end == STAR { largest } else { end };
        let ranges = self.0.iter().map(move |&(from, to)| (end(from), end(to)));
        ranges
            .map(|(one, other)| (one.min(other), one.max(other)))
            .filter(|(from, _)| *from > 0)
    }
}

/// A number from 1, or `*`.
fn end_of_range(text: &[u8]) -> Option<u32> {
    if text == b"*" {
        return Some(STAR);
    }
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let number: u32 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (digits && number > 0).then_some(number.min(STAR - 1))
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = |f: &mut fmt::Formatter<'_>, end: u32| match end {
            STAR => f.write_str("*"),
            end => write!(f, "{end}"),
        };
        for (at, &(from, to)) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            end(f, from)?;
            if from != to {
                f.write_str(":")?;
                end(f, to)?;
            }
        }
        Ok(())
    }
}

impl Saved<Numbers> {
    /// Reads a set or `$`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        match text {
            b"$" => Some(Saved::Saved),
            text => Numbers::parse(text).map(Saved::These),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn read_and_written() {
        for text in [
            "1",
            "*",
            "1:4",
            "1:4,7,*:9",
            "4:1",
            "4294967294",
            "1:*",
            "1,1,1",
        ] {
            let numbers = Numbers::parse(text.as_bytes()).unwrap();
            assert_eq!(numbers.to_string(), text);
        }
        for bad in [
            "",
            "0",
            "1:",
            ":1",
            "1,",
            ",1",
            "1:2:3",
            "a",
            "-1",
            "+1",
            "1 ",
            "4294967296",
            "0:5",
            "**",
            "1:*:",
            "$",
            "1,$",
        ] {
            assert_eq!(Numbers::parse(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(Saved::parse(b"$"), Some(Saved::Saved));
        assert_eq!(
            Saved::parse(b"3"),
            Some(Saved::These(Numbers(vec![(3, 3)])))
        );
        assert_eq!(Saved::parse(b"$1"), None);
    }

    #[test]
    fn no_more_ranges_than_allowed() {
        let many = |count: usize| vec!["1"; count].join(",");
        assert!(Numbers::parse(many(limits::RANGES).as_bytes()).is_some());
        assert!(Numbers::parse(many(limits::RANGES + 1).as_bytes()).is_none());
    }

    #[test]
    fn what_star_means() {
        let set = |text: &str| Numbers::parse(text.as_bytes()).unwrap();
        assert_eq!(set("5:*").ranges(3), [(3, 5)]);
        assert_eq!(set("*").ranges(3), [(3, 3)]);
        assert_eq!(set("1:*").ranges(3), [(1, 3)]);
        assert_eq!(set("*:4,2").ranges(9), [(2, 2), (4, 9)]);
        assert_eq!(set("1:*,7").ranges(0), [(7, 7)]);
        assert!(!set("*").contains(0, 0));
        assert!(set("2:*").contains(2, 1) && set("2:*").contains(1, 1));
        assert!(set("1:*").has_star() && !set("1:7").has_star());
        assert!(Numbers::default().is_empty());
    }

    #[test]
    fn put_together() {
        assert_eq!(Numbers::of([1, 2, 3, 7, 9, 10]).to_string(), "1:3,7,9:10");
        assert_eq!(Numbers::of([3, 3, 2]).to_string(), "3,2");
        assert_eq!(Numbers::of([]).to_string(), "");
        assert_eq!(Numbers::of([u32::MAX - 1]).to_string(), "4294967294");
    }

    fn end() -> impl Strategy<Value = u32> {
        prop_oneof![4 => 1u32..40, 1 => Just(STAR)]
    }

    proptest! {
        #[test]
        fn as_if_each_number_were_tried(
            ranges in proptest::collection::vec((end(), end()), 1..8),
            largest in 0u32..40,
        ) {
            let numbers = Numbers(ranges);
            let text = numbers.to_string();
            prop_assert_eq!(&Numbers::parse(text.as_bytes()), &Some(numbers.clone()));
            let naive: BTreeSet<u32> = (1..=50)
                .filter(|&number| numbers.0.iter().any(|&(a, b)| {
                    let (a, b) = (if a == STAR { largest } else { a }, if b == STAR { largest } else { b });
                    a.min(b) > 0 && (a.min(b)..=a.max(b)).contains(&number)
                }))
                .collect();
            let found: BTreeSet<u32> = (1..=50).filter(|&number| numbers.contains(number, largest)).collect();
            prop_assert_eq!(&naive, &found);
            let ranges = numbers.ranges(largest);
            prop_assert!(ranges.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
            let all: Vec<u32> = ranges.iter().flat_map(|&(from, to)| from..=to).collect();
            prop_assert_eq!(all, naive.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn compressed_and_read_again(numbers in proptest::collection::btree_set(1u32..200, 1..60)) {
            let text = Numbers::of(numbers.iter().copied()).to_string();
            let ranges = Numbers::parse(text.as_bytes()).unwrap().ranges(0);
            let all: BTreeSet<u32> = ranges.into_iter().flat_map(|(from, to)| from..=to).collect();
            prop_assert_eq!(all, numbers);
        }
    }
}
