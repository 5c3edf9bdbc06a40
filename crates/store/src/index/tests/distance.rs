//! Splits that lie on a server: how often it is asked, and what is kept instead.

use super::*;
use bytes::Bytes;
use everpost_domain::query::{Field, Query, Test};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Mutex;

const MARKER: &str = "zanzibarmarker";

/// A server that counts what it is asked for.
struct Server {
    bytes: Bytes,
    asked: Mutex<Vec<Range<u64>>>,
}

impl RangeRead for Server {
    fn len(&self) -> u64 {
        Bytes::len(&self.bytes) as u64
    }

    fn read(&self, range: Range<u64>) -> std::io::Result<Bytes> {
        self.asked.lock().unwrap().push(range.clone());
        RangeRead::read(&self.bytes, range)
    }
}

impl Server {
    fn of(built: &Built) -> Arc<Self> {
        Arc::new(Server {
            bytes: bytes_of(built).into(),
            asked: Mutex::default(),
        })
    }

    /// How often it was asked since the last look, and for how many bytes.
    fn asked(&self) -> (usize, u64) {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        let bytes = asked.iter().map(|range| range.end - range.start).sum();
        (asked.len(), bytes)
    }
}

fn copies(count: u64, words: usize) -> Vec<Copy> {
    let one = |seq: u64| {
        let mut copy = plain(seq, &format!("{MARKER} {}", filler(seq, words)));
        copy.head.from = vec![address(
            "",
            &format!("{}@example.org", filler(seq, 1).trim()),
        )];
        copy.held = 1_600_000_000 + (seq * 7_919 % 100_000_000) as i64;
        copy.size = 1_000 + seq * 31 % 99_991;
        copy
    };
    (0..count).map(one).collect()
}

/// A split, and the same as it was before what opening reads was kept together.
fn with_and_without(copies: &[Copy], dir: &Path) -> [Built; 2] {
    [hot::WHOLE, u64::MAX].map(|whole| {
        let mut writer = SplitWriter::new(dir, 1 << 20).unwrap();
        copies.iter().for_each(|copy| copy.add_to(&mut writer));
        writer.finish_above(whole, &KEY).unwrap().unwrap()
    })
}

fn opened(server: &Arc<Server>, built: &Built, cache: BlockCache) -> Arc<Split> {
    let split = Split::open(server.clone(), built.id, &KEY, Arc::new(cache)).unwrap();
    Arc::new(split)
}

/// Everything, in order, and how many there are of each month and sender.
fn look(split: &Arc<Split>) -> (Vec<Hit>, Months) {
    let question = Question {
        query: &Query::And(Vec::new()),
        sets: &|_| None,
        visible: None,
        hidden: None,
    };
    let matches = Searcher::new([split.clone()]).matches(&question).unwrap();
    let hits = matches.page(Order::NewestFirst, None, 100).unwrap();
    (hits, matches.months())
}

fn find(split: &Arc<Split>, word: &str) -> RoaringTreemap {
    let query = Query::Test(Test::Words {
        field: Field::Body,
        terms: vec![word.to_owned()],
    });
    let question = Question {
        query: &query,
        sets: &|_| None,
        visible: None,
        hidden: None,
    };
    let matches = Searcher::new([split.clone()]).matches(&question).unwrap();
    matches.seqs()
}

#[test]
fn a_server_is_asked_twice_to_open_a_split() {
    let dir = tempfile::tempdir().unwrap();
    for (count, words, most) in [(20, 40, 1), (2_000, 60, 1), (24_000, 8, 2)] {
        let copies = copies(count, words);
        let [with, without] = with_and_without(&copies, dir.path());
        let (server, before) = (Server::of(&with), Server::of(&without));
        let split = opened(&server, &with, BlockCache::new(1 << 20));
        let seen = look(&split);
        let asked = server.asked();
        assert!(asked.0 <= most, "{count} documents: {asked:?}");
        assert_eq!(find(&split, MARKER).len(), count);
        // What was written before is read as ever.
        let split = opened(&before, &without, BlockCache::new(1 << 20));
        assert_eq!(look(&split), seen);
        let asked_before = before.asked();
        println!(
            "{count} documents: {} bytes opened with {asked:?} requests and bytes; {} with {asked_before:?}",
            with.bytes, without.bytes
        );
        assert!(count < 100 || asked_before.0 > asked.0, "{asked_before:?}");
        assert_eq!(find(&split, MARKER).len(), count);
        split.verify().unwrap();
    }
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let splits = std::fs::read_dir(folder).unwrap();
    let files = splits.flat_map(|split| std::fs::read_dir(split.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

fn disk(folder: &Path, bytes: u64) -> BlockCache {
    BlockCache::new(0).above(DiskCache::open(folder, bytes, |_| true).unwrap())
}

#[test]
fn what_the_disk_keeps_survives_restarts_and_damage() {
    let (dir, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let built = build(&copies(3_000, 60), dir.path(), &KEY).unwrap();
    let server = Server::of(&built);
    let start = |bytes| opened(&server, &built, disk(cache.path(), bytes));
    let ask = |split: &Arc<Split>| (look(split), find(split, MARKER), find(split, "subject"));
    let split = start(1 << 30);
    let wanted = ask(&split);
    assert!(server.asked().0 > 1);
    assert_eq!(ask(&split), wanted);
    assert_eq!(server.asked().0, 0);
    // The next process.
    assert_eq!(ask(&start(1 << 30)), wanted);
    assert_eq!(server.asked().0, 0);
    // Whoever verifies looks at the object and not at what is kept of it.
    start(1 << 30).verify().unwrap();
    for at in [5, 30, 120] {
        let mut bytes = bytes_of(&built);
        let place = bytes.len() - at;
        bytes[place] ^= 1;
        let changed = Arc::new(Server {
            bytes: bytes.into(),
            asked: Mutex::default(),
        });
        let split = opened(&changed, &built, disk(cache.path(), 1 << 30));
        assert!(split.verify().is_err(), "{at} bytes before the end");
    }
    server.asked();
    let kept = files(cache.path());
    for file in &kept {
        let bytes = std::fs::read(file).unwrap();
        let marker = MARKER.as_bytes();
        assert!(!bytes.windows(marker.len()).any(|window| window == marker));
        // As a power cut leaves it.
        std::fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
    }
    let split = start(1 << 30);
    assert_eq!(ask(&split), wanted);
    assert!(server.asked().0 > 1);
    assert_eq!(ask(&start(1 << 30)), wanted);
    assert_eq!(server.asked().0, 0);
    // A smaller bound holds for what lies there already, and for what comes.
    let small = 6 << 16;
    for _ in 0..2 {
        let cached = disk(cache.path(), small);
        assert!(cached.disk_bytes() <= small);
        assert_eq!(ask(&opened(&server, &built, cached)), wanted);
        let lengths = files(cache.path());
        let lengths = lengths.iter().map(|file| file.metadata().unwrap().len());
        assert!(lengths.sum::<u64>() <= small);
    }
    // Nothing stays of a split that is gone.
    let cached = disk(cache.path(), 1 << 30);
    cached.forget(built.id);
    assert_eq!((cached.disk_bytes(), files(cache.path()).len()), (0, 0));
    start(1 << 30);
    assert!(!files(cache.path()).is_empty());
    DiskCache::open(cache.path(), 1 << 30, |_| false).unwrap();
    assert!(files(cache.path()).is_empty());
}
