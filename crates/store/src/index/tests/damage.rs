//! Damage, foreign keys and small caches; and that nothing readable is written.

use super::*;
use bytes::Bytes;
use everpost_domain::query::{Field, Query, Test};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Word that must not be found in any file.
const MARKER: &str = "zanzibarmarker";

fn copies(count: u64, words: usize) -> Vec<Copy> {
    (0..count)
        .map(|seq| {
            let mut copy = plain(
                seq,
                &format!("{MARKER} {MARKER}{seq} {}", filler(seq, words)),
            );
            copy.head.subject = format!("{MARKER} subject {seq}");
            copy.head.from = vec![address(MARKER, &format!("{MARKER}@example.org"))];
            copy.head.filenames = vec![format!("{MARKER}.pdf")];
            copy.head.message_id = Some(format!("{MARKER}@id").into_bytes());
            copy
        })
        .collect()
}

fn ask(split: &Arc<Split>, query: &Query) -> Result<Page, IndexError> {
    let question = Question {
        query,
        sets: &|_| None,
        visible: None,
        hidden: None,
    };
    let searcher = Searcher::new([Arc::clone(split)]);
    page(&searcher, &question, Order::NewestFirst, None, 10)
}

fn marker() -> Query {
    let terms = vec![MARKER.to_owned()];
    Query::Or(vec![
        Query::Test(Test::Prefix {
            field: Field::Any,
            terms: terms.clone(),
        }),
        Query::Test(Test::Words {
            field: Field::Subject,
            terms: [terms, vec!["subject".into()]].concat(),
        }),
        Query::Test(Test::Filename("*.pdf".into())),
    ])
}

/// Reads all there is to read of a split.
fn read_all(bytes: Vec<u8>, id: SplitId, key: &[u8; 32]) -> Result<Page, IndexError> {
    let cache = Arc::new(BlockCache::new(0));
    let split = Arc::new(Split::open(Arc::new(Bytes::from(bytes)), id, key, cache)?);
    let page = ask(&split, &marker())?;
    split.verify()?;
    Ok(page)
}

#[test]
fn every_flipped_byte_and_every_cut_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let built = build(&copies(40, 400), dir.path(), &KEY).unwrap();
    let whole = bytes_of(&built);
    assert!(
        whole.len() > 2 * seal::BLOCK,
        "{} bytes are too few for blocks",
        whole.len()
    );
    assert_eq!(
        read_all(whole.clone(), built.id, &KEY)
            .unwrap()
            .matched
            .len(),
        40
    );
    let is_damage = |result: Result<Page, IndexError>, what: &str| match result {
        Err(IndexError::Damaged(damage)) => {
            assert_eq!(damage.split, built.id);
            assert!(damage.to_string().contains(&built.id.to_string()));
            damage.part
        }
        Ok(_) => panic!("{what} went unnoticed"),
        Err(other) => panic!("{what}: {other}"),
    };
    // All bytes of header, footer and trailer, some of every block.
    let ends = (0..64).chain(whole.len() - 600..whole.len());
    for at in ends.chain((64..whole.len() - 600).step_by(997)) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        let part = is_damage(
            read_all(bytes, built.id, &KEY),
            &format!("flipped byte {at}"),
        );
        if (24..24 + seal::BLOCK).contains(&at) {
            assert_eq!(part, "block 0");
        }
    }
    for length in (0..whole.len())
        .step_by(991)
        .chain(whole.len() - 40..whole.len())
    {
        is_damage(read_all(whole[..length].to_vec(), built.id, &KEY), "a cut");
    }
    let mut longer = whole.clone();
    longer.push(0);
    is_damage(read_all(longer, built.id, &KEY), "a byte more");
    // Two blocks changed for each other, both sealed with the right key.
    let sealed = seal::BLOCK + seal::TAG;
    let mut swapped = whole.clone();
    let (left, right) = swapped[24..].split_at_mut(sealed);
    left.swap_with_slice(&mut right[..sealed]);
    is_damage(read_all(swapped, built.id, &KEY), "swapped blocks");
    is_damage(read_all(whole.clone(), built.id, &[8; 32]), "a wrong key");
    match read_all(whole, SplitId([0; 16]), &KEY) {
        Err(IndexError::Damaged(damage)) => assert_eq!(damage.split, SplitId([0; 16])),
        other => panic!("another split's id was accepted: {other:?}"),
    }
}

#[test]
fn nothing_readable_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let has_marker = |bytes: &[u8]| {
        bytes
            .windows(MARKER.len())
            .any(|window| window == MARKER.as_bytes())
    };
    // The scratch file has no name, but its writer can still be looked at.
    let open_files = || -> Vec<Vec<u8>> {
        std::fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let target = std::fs::read_link(&path).ok()?;
                target
                    .starts_with(dir.path())
                    .then(|| std::fs::read(&path).unwrap())
            })
            .collect()
    };
    let copies = copies(600, 800);
    let mut splits = Vec::new();
    let cache = Arc::new(BlockCache::new(1 << 20));
    for some in copies.chunks(300) {
        let built = build(some, dir.path(), &KEY).unwrap();
        let bytes = bytes_of(&built);
        assert!(!has_marker(&bytes));
        assert!(
            matches!(built.data, Sealed::File(_)),
            "{} bytes",
            built.bytes
        );
        splits.push(open(&built, &KEY, &cache));
    }
    let directory = directory::SealedDirectory::new(dir.path()).unwrap();
    {
        use std::io::Write;
        use tantivy::Directory;
        use tantivy::directory::TerminatingWrite;
        let before = open_files().len();
        let mut file = directory.open_write(Path::new("file")).unwrap();
        let text = format!("{MARKER} ").repeat(20_000);
        file.write_all(text.as_bytes()).unwrap();
        file.terminate().unwrap();
        let scratch = open_files();
        assert_eq!(scratch.len(), before + 1);
        assert!(scratch.iter().all(|bytes| !has_marker(bytes)));
        let back = directory.open_read(Path::new("file")).unwrap();
        assert_eq!(back.read_bytes().unwrap().as_slice(), text.as_bytes());
        let (from, to) = (seal::BLOCK - 5, 3 * seal::BLOCK + 7);
        let part = back.read_bytes_slice(from..to).unwrap();
        assert_eq!(part.as_slice(), &text.as_bytes()[from..to]);
    }
    let merged = merge(&parts(&splits), &Default::default(), dir.path(), &KEY)
        .unwrap()
        .unwrap();
    assert!(!has_marker(&bytes_of(&merged)));
    drop((splits, directory));
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(path.extension().unwrap(), "split", "left behind: {path:?}");
        assert!(!has_marker(&std::fs::read(&path).unwrap()));
    }
}

/// Counts what is read, and fails when told to.
struct Flaky {
    bytes: Bytes,
    broken: AtomicBool,
    reads: Mutex<Vec<Range<u64>>>,
}

impl RangeRead for Flaky {
    fn len(&self) -> u64 {
        Bytes::len(&self.bytes) as u64
    }

    fn read(&self, range: Range<u64>) -> std::io::Result<Bytes> {
        self.reads.lock().unwrap().push(range.clone());
        if self.broken.load(Ordering::Relaxed) {
            return Err(std::io::Error::other("the store is away"));
        }
        RangeRead::read(&self.bytes, range)
    }
}

#[test]
fn a_store_that_goes_away_is_an_error_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let built = build(&copies(40, 400), dir.path(), &KEY).unwrap();
    let source = Arc::new(Flaky {
        bytes: bytes_of(&built).into(),
        broken: AtomicBool::new(false),
        reads: Mutex::default(),
    });
    let cache = Arc::new(BlockCache::new(0));
    let split = Arc::new(Split::open(source.clone(), built.id, &KEY, cache).unwrap());
    source.broken.store(true, Ordering::Relaxed);
    assert!(matches!(ask(&split, &marker()), Err(IndexError::Io(_))));
    source.broken.store(false, Ordering::Relaxed);
    assert_eq!(ask(&split, &marker()).unwrap().matched.len(), 40);
    // The readers are open now; their reads fail one by one.
    source.broken.store(true, Ordering::Relaxed);
    assert!(matches!(ask(&split, &marker()), Err(IndexError::Io(_))));
    source.broken.store(false, Ordering::Relaxed);
    split.close();
    assert_eq!(ask(&split, &marker()).unwrap().matched.len(), 40);
}

#[test]
fn the_cache_keeps_its_bound_and_saves_reads() {
    let dir = tempfile::tempdir().unwrap();
    let built = build(&copies(200, 1000), dir.path(), &KEY).unwrap();
    let run = |size: usize| {
        let source = Arc::new(Flaky {
            bytes: bytes_of(&built).into(),
            broken: AtomicBool::new(false),
            reads: Mutex::default(),
        });
        let cache = Arc::new(BlockCache::new(size));
        let split = Arc::new(Split::open(source.clone(), built.id, &KEY, cache.clone()).unwrap());
        for _ in 0..3 {
            for seq in 0..50 {
                let terms = vec![MARKER.to_owned(), format!("{MARKER}{seq}")];
                let query = Query::Test(Test::Words {
                    field: Field::Body,
                    terms,
                });
                assert_eq!(ask(&split, &query).unwrap().matched.len(), 1);
                assert!(cache.bytes() <= size);
            }
        }
        let reads = source.reads.lock().unwrap().len();
        cache.forget(built.id);
        assert_eq!(cache.bytes(), 0);
        reads
    };
    let (none, tiny, large) = (run(0), run(2 * seal::BLOCK), run(64 << 20));
    assert!(large < tiny && tiny <= none, "{large} {tiny} {none}");
    assert!((large as u64) < built.bytes / seal::BLOCK as u64 + 10);
}

#[test]
fn a_panic_of_the_engine_is_an_error() {
    let id = SplitId([1; 16]);
    let result: Result<(), IndexError> = error::guarded(id, || panic!("out of {}", "range"));
    assert!(result.unwrap_err().to_string().contains("out of range"));
}
