//! How long queries take over a large index: `EVERPOST_SPEED=N` asks for one of N documents,
//! the soak tier for one of 100,000. Prints, and holds nothing against a clock.

use super::*;
use everpost_domain::query::{Query, parse};
use std::time::{Duration, Instant};

struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit
    }

    /// A rank below `limit`, the low ones often: the n-th about 1/n of the first.
    fn zipf(&mut self, limit: u64) -> u64 {
        let share = self.roll() as f64 / (1u64 << 53) as f64;
        ((limit as f64).powf(share) as u64).clamp(1, limit) - 1
    }
}

/// The word of a rank: pronounceable, so that prefixes have the expansions of a language.
fn word(rank: u64) -> String {
    let mut out = String::new();
    let mut left = rank.wrapping_mul(7919) % 1_000_003;
    loop {
        out.push(char::from(b"bcdfghklmnprstvw"[(left % 16) as usize]));
        out.push(char::from(b"aeiou"[(left / 16 % 5) as usize]));
        left /= 80;
        if left == 0 {
            return out;
        }
    }
}

fn letter(seq: u64) -> Copy {
    let mut dice = Dice(seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut text = |count: u64| {
        let words: Vec<String> = (0..count).map(|_| word(dice.zipf(200_000))).collect();
        words.join(" ")
    };
    let mut copy = plain(seq, &text(20 + seq % 200));
    copy.head.subject = text(5);
    if seq % 10 == 3 {
        let signs = (0..80).filter_map(|_| char::from_u32(0x4e00 + dice.zipf(4000) as u32));
        copy.text.body.extend(signs);
    }
    let mut person = || {
        let who = dice.zipf(8000);
        address(
            &format!("{} {}", word(who), word(who / 7)),
            &format!("{}.{who}@{}.example.org", word(who), word(who % 300)),
        )
    };
    copy.head.from = vec![person()];
    copy.head.to = (0..1 + seq % 3).map(|_| person()).collect();
    copy.head.sent = Some(Sent {
        unix: 1_300_000_000 + (seq * 4000 + dice.below(40_000)) as i64,
        offset_minutes: 0,
    });
    copy.size = 2000 + dice.below(50_000);
    copy.language = (!seq.is_multiple_of(3)).then(|| "en".to_owned());
    if seq.is_multiple_of(5) {
        copy.head.attachments = 1;
        copy.attachments = vec![("pdf".to_owned(), Some(word(dice.zipf(200_000))))];
    }
    copy
}

fn timed(rounds: usize, mut work: impl FnMut()) -> (Duration, Duration) {
    let mut times: Vec<Duration> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort();
    (times[rounds / 2], times[rounds * 99 / 100])
}

#[test]
fn queries_over_a_large_index() {
    let wanted = |name: &str| std::env::var(name).ok();
    let Some(docs) = wanted("EVERPOST_SPEED")
        .and_then(|docs| docs.parse().ok())
        .or_else(|| wanted("EVERPOST_SOAK").map(|_| 100_000u64))
    else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let cache = Arc::new(BlockCache::new(64 << 20));
    let share = docs.div_ceil(5).max(1);
    let mut splits: Vec<Arc<Split>> = Vec::new();
    let start = Instant::now();
    for first in (0..docs).step_by(share as usize) {
        let mut writer = SplitWriter::new(dir.path(), 40 << 20).unwrap();
        for seq in first..(first + share).min(docs) {
            letter(seq).add_to(&mut writer);
        }
        splits.push(open(&writer.finish(&KEY).unwrap().unwrap(), &KEY, &cache));
    }
    let bytes: u64 = splits.iter().map(|split| split.bytes()).sum();
    println!(
        "{docs} documents, {} splits, {bytes} bytes, built in {:?}",
        splits.len(),
        start.elapsed()
    );
    let searcher = Searcher::new(splits);
    let common = word(1);
    let queries = [
        String::new(),
        common.clone(),
        word(150_000),
        format!("{common} {}", word(3)),
        format!("{common} OR {}", word(2)),
        format!("{common} -{}", word(2)),
        format!("\"{common} {}\"", word(2)),
        format!("{common} NEAR/5 {}", word(9)),
        "bac*".to_owned(),
        "ba*".to_owned(),
        "subject:ba*".to_owned(),
        "一丁".to_owned(),
        "丁".to_owned(),
        "一*".to_owned(),
        format!("subject:{common}"),
        format!("from:{}", word(5)),
        "sent:2014".to_owned(),
        "has:attachment".to_owned(),
        "size>10K".to_owned(),
        format!("stem:{common}"),
        "type:pdf lang:en".to_owned(),
    ];
    for text in queries {
        let query: Query = match parse(&text) {
            Ok(query) => query,
            Err(error) => {
                println!("{text:28} {error}");
                continue;
            }
        };
        let question = Question {
            query: &query,
            sets: &|_| None,
            visible: None,
            hidden: None,
        };
        let start = Instant::now();
        let count = searcher.matches(&question).unwrap().count();
        let first = start.elapsed();
        let ask = || searcher.matches(&question).unwrap();
        let (find, find99) = timed(40, || drop(ask()));
        let matches = ask();
        let (date, _) = timed(20, || {
            drop(matches.page(Order::NewestFirst, None, 50).unwrap())
        });
        let (score, _) = timed(10, || drop(matches.page(Order::Score, None, 50).unwrap()));
        let (facets, _) = timed(10, || drop(matches.facets(20).unwrap()));
        let (months, _) = timed(10, || drop(matches.months()));
        println!(
            "{text:28} {count:7}  first {first:9.2?}  found {find:9.2?} p99 {find99:9.2?}  page {date:9.2?}  score {score:9.2?}  facets {facets:9.2?}  months {months:9.2?}"
        );
    }
    for prefix in ["b", "ba", &word(5)] {
        let (suggest, _) = timed(20, || {
            drop(searcher.suggest(prefix, None, None, 10).unwrap())
        });
        let visible: RoaringTreemap = (0..docs / 2).collect();
        let (scoped, _) = timed(20, || {
            drop(searcher.suggest(prefix, Some(&visible), None, 10).unwrap());
        });
        println!("suggest {prefix:10} {suggest:9.2?}  in a scope {scoped:9.2?}");
    }
}
