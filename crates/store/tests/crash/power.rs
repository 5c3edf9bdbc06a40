//! The catalog after a power cut: its write-ahead log ends anywhere behind the last transaction
//! that was acknowledged.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use everpost_store::{KeySource, Options, Store, Tenant};
use everpost_testkit::letters::Letters;
use everpost_testkit::wal::Wal;
use futures::StreamExt;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;

use super::common::{Place, distinct, is_whole, items, prepared, reads_back, scratch, soak};

/// What was acknowledged when the log had some length.
#[derive(Clone, Copy, Debug)]
struct Point {
    length: u64,
    /// Groups whose admission returned.
    groups: usize,
    /// Leaves of the log, as told.
    leaves: u64,
    /// Events found by search, as told.
    indexed: u64,
}

/// A store whose power will be cut.
struct Patient {
    dir: tempfile::TempDir,
    groups: Vec<Vec<Vec<u8>>>,
    points: Vec<Point>,
    catalog: Vec<u8>,
    wal: Vec<u8>,
}

fn mail() -> Vec<Vec<Vec<u8>>> {
    let mut letters = Letters::new(30);
    let file = letters.noise(30_000);
    let mut groups: Vec<Vec<Vec<u8>>> = Vec::new();
    for size in 0..5 {
        let mut group: Vec<Vec<u8>> = (0..6 + size).map(|_| letters.letter(150 << size)).collect();
        group.push(letters.letter_with(200, &file));
        if let Some(before) = groups.last() {
            group.push(before[0].clone());
        }
        groups.push(group);
    }
    groups
}

impl Patient {
    /// Works, and remembers at which length of the write-ahead log what was acknowledged.
    async fn work() -> Self {
        let dir = scratch();
        let data = dir.path().join("data");
        let store = Store::open(Options::create(&data)).await.unwrap().store;
        // The first tenant's key was shown to a person: it is acknowledged too.
        store.close().await.unwrap();
        let store = Store::open(Options::new(&data)).await.unwrap().store;
        let tenant = store.tenant(None).unwrap();
        let wal = || fs::metadata(data.join("catalog.db-wal")).map_or(0, |meta| meta.len());
        let mut point = Point {
            length: 0,
            groups: 0,
            leaves: 0,
            indexed: 0,
        };
        let mut points = vec![point];
        let catalog = fs::read(data.join("catalog.db")).unwrap();
        let groups = mail();
        for group in &groups {
            admit(&tenant, group).await;
            point = Point {
                length: wal(),
                groups: point.groups + 1,
                ..point
            };
            points.push(point);
            let leaves = tenant.advance_log().await.unwrap();
            point = Point {
                length: wal(),
                leaves,
                ..point
            };
            points.push(point);
            let indexed = tenant.advance_index(true).await.unwrap().indexed;
            point = Point {
                length: wal(),
                indexed,
                ..point
            };
            points.push(point);
        }
        assert!(
            points.is_sorted_by(|a, b| a.length < b.length),
            "each step is durable before it is acknowledged"
        );
        let wal = fs::read(data.join("catalog.db-wal")).unwrap();
        assert_eq!(
            fs::read(data.join("catalog.db")).unwrap(),
            catalog,
            "no page was moved back meanwhile"
        );
        drop((store, tenant));
        Patient {
            dir,
            groups,
            points,
            catalog,
            wal,
        }
    }

    /// The newest point whose transaction lies before `cut`.
    fn acknowledged(&self, cut: u64) -> Point {
        *self
            .points
            .iter()
            .rfind(|point| point.length <= cut)
            .unwrap()
    }

    fn objects(&self) -> PathBuf {
        self.dir.path().join("data")
    }
}

async fn admit(tenant: &Tenant, group: &[Vec<u8>]) {
    let group = group.iter().map(|mail| prepared(mail)).collect();
    tenant.admit(group, None).await.unwrap();
}

/// What lies behind the cut.
#[derive(Clone, Copy, Debug)]
enum Tail {
    /// The file ends.
    Nothing,
    /// The file has its length, its blocks were never written.
    Zeros,
    /// They hold something else.
    Noise,
    /// One page was lost, later ones were written.
    Hole,
}

fn cut(wal: &[u8], at: u64, tail: Tail) -> Vec<u8> {
    let at = usize::try_from(at).unwrap();
    let mut cut = wal[..at].to_vec();
    match tail {
        Tail::Nothing => {}
        Tail::Zeros => cut.resize(wal.len(), 0),
        Tail::Noise => cut.extend(Letters::new(at as u64).noise(wal.len() - at)),
        Tail::Hole => {
            let hole = (at + 4096).min(wal.len());
            cut.resize(hole, 0);
            cut.extend_from_slice(&wal[hole..]);
        }
    }
    cut
}

/// Opens a copy of the catalog with its log cut, and holds what was acknowledged against it.
async fn reopen(patient: Arc<Patient>, at: u64, tail: Tail, go_on: bool) {
    let dir = scratch();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("catalog.db"), &patient.catalog).unwrap();
    fs::write(data.join("catalog.db-wal"), cut(&patient.wal, at, tail)).unwrap();
    let objects: Arc<dyn ObjectStore> =
        Arc::new(LocalFileSystem::new_with_prefix(patient.objects()).unwrap());
    let mut options = Options::new(&data);
    options.key = Some(KeySource::File(key_of(&patient.objects())));
    options.objects = Some(objects.clone());
    let store = Store::open(options).await.unwrap().store;
    let tenant = store.tenant(None).unwrap();
    let place = Place { data, objects };

    let told = patient.acknowledged(at);
    reads_back(&tenant, distinct(&patient.groups[..told.groups]).values()).await;
    place.check_catalog().await;
    let status = tenant.status().await.unwrap();
    // A group is there whole or not at all.
    let there = (told.groups..=patient.groups.len())
        .find(|count| items(&patient.groups[..*count]) == status.deliveries);
    let there = there.unwrap_or_else(|| {
        panic!(
            "half a group: {} deliveries after {told:?}",
            status.deliveries
        )
    });
    assert_eq!(
        status.copies as usize,
        distinct(&patient.groups[..there]).len()
    );
    assert!(
        status.log_size >= told.leaves,
        "{} leaves after {told:?}",
        status.log_size
    );
    assert!(
        status.events - status.index_lag >= told.indexed,
        "lag {} after {told:?}",
        status.index_lag
    );
    if go_on {
        for group in &patient.groups[there..] {
            admit(&tenant, group).await;
        }
        is_whole(
            &place,
            &tenant,
            &distinct(&patient.groups),
            items(&patient.groups),
        )
        .await;
    }
}

fn key_of(data: &Path) -> PathBuf {
    let mut name = data.as_os_str().to_owned();
    name.push(".key");
    name.into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_cut_anywhere_holds_what_was_acknowledged() {
    let patient = Arc::new(Patient::work().await);
    let wal = Wal::read(&patient.wal).unwrap();
    assert_eq!(
        *wal.frames.last().unwrap(),
        patient.wal.len() as u64,
        "one generation"
    );
    let mut cuts = vec![(0, Tail::Nothing), (17, Tail::Nothing), (32, Tail::Zeros)];
    for (number, end) in (0..).zip(&wal.frames) {
        cuts.push((*end, Tail::Nothing));
        // Inside the frame that follows: its header, its page, its last byte.
        let inside = [1, 23, 24, 24 + 512, 24 + wal.page - 1];
        let odd: Vec<u64> = inside
            .iter()
            .map(|more| end + more)
            .filter(|at| *at < patient.wal.len() as u64)
            .collect();
        match soak() {
            true => {
                cuts.extend(odd.iter().map(|at| (*at, Tail::Nothing)));
                cuts.extend([(*end, Tail::Zeros), (*end, Tail::Noise), (*end, Tail::Hole)]);
            }
            false => {
                cuts.extend(odd.get(number % 5).map(|at| (*at, Tail::Nothing)));
                cuts.push((*end, [Tail::Zeros, Tail::Noise, Tail::Hole][number % 3]));
            }
        }
    }
    let count = cuts.len();
    let runs = (0..).zip(cuts).map(|(number, (at, tail))| {
        // What can be told by reading is told each time; going on from there, sometimes.
        let run = tokio::spawn(reopen(patient.clone(), at, tail, soak() || number % 7 == 0));
        async move { (at, tail, run.await) }
    });
    let mut runs = futures::stream::iter(runs).buffer_unordered(2);
    while let Some((at, tail, run)) = runs.next().await {
        if let Err(error) = run {
            panic!(
                "log cut at {at} of {}, {tail:?} behind: {error}",
                patient.wal.len()
            );
        }
    }
    println!(
        "{} frames, {} transactions, {count} cuts survived",
        wal.frames.len(),
        wal.commits.len()
    );
}
