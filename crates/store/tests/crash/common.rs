//! Mail to admit, and what must hold of a store whatever happened to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use everpost_domain::digest::Digest;
use everpost_domain::identity::Origin;
use everpost_domain::message::HeldEvidence;
use everpost_domain::query::parse;
use everpost_store::{
    By, Envelope, Incoming, Options, Order, Placement, Prepared, SearchRequest, Store, StoreError,
    Tenant,
};
use everpost_testkit::letters::Letters;
use object_store::path::Path as Object;
use object_store::{ObjectStore, ObjectStoreExt};
use sqlx::{Connection, Row};

/// More repetitions, where they were asked for.
pub(crate) fn soak() -> bool {
    std::env::var("EVERPOST_SOAK").is_ok_and(|value| value == "1")
}

/// Catalogs are made by the hundred here, and their durability is not at stake but where a test
/// says so: in memory, where the system has such a folder.
pub(crate) fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    match memory.is_dir() {
        true => tempfile::tempdir_in(memory).unwrap(),
        false => tempfile::tempdir().unwrap(),
    }
}

/// A mail for `alice`.
pub(crate) fn prepared(raw: &[u8]) -> Prepared {
    prepared_in(raw, "INBOX", None)
}

pub(crate) fn prepared_in(raw: &[u8], folder: &str, envelope: Option<Envelope>) -> Prepared {
    let place = Placement {
        mailbox: "alice@example.org".into(),
        folder: folder.into(),
        flags: 1,
        keywords: vec!["work".into()],
    };
    let incoming = Incoming {
        raw: Bytes::copy_from_slice(raw),
        origin: Origin::Other,
        held: HeldEvidence::default(),
        position: 0,
        envelope,
        places: vec![place],
        owners: Vec::new(),
        report_of: None,
        onward: None,
    };
    Prepared::new(incoming, 1_700_000_000)
}

pub(crate) type Groups = Arc<Vec<Vec<Vec<u8>>>>;

/// Groups of mail: plain, with files that several groups share, one too large for one frame or
/// one request, the same bytes again in the same group and in a later one, the same message with
/// another Received line; enough of them for a tile of the log and a merge of the index.
pub(crate) fn groups() -> Groups {
    let mut letters = Letters::new(20);
    // The huge one is sent in two parts and costs most of the time, so it comes once.
    let (file, huge) = (letters.noise(20_000), letters.noise(17 << 19));
    let first: Vec<Vec<u8>> = (0..5).map(|size| letters.letter(200 << size)).collect();
    let again = |mail: &[u8]| {
        [
            b"Received: by relay.example.org; 03 Mar 2021 10:00:00 +0000\n",
            mail,
        ]
        .concat()
    };
    let with_file = letters.letter_with(400, &file);
    let with_huge = letters.letter_with(400, &huge);
    let mut groups = vec![
        [first.clone(), vec![first[0].clone(), with_file.clone()]].concat(),
        vec![
            letters.letter_with(900, &file),
            first[0].clone(),
            again(&first[1]),
            letters.letter(5000),
        ],
        vec![letters.letter(100), with_huge, letters.letter(70)],
        (0..236).map(|_| letters.letter(60)).collect(),
        vec![
            with_file.clone(),
            letters.letter_with(50, &file),
            again(&with_file),
            again(&with_file),
        ],
    ];
    groups.extend((0..5).map(|_| vec![letters.letter(800), letters.letter(300)]));
    Arc::new(groups)
}

/// Distinct mails by digest.
pub(crate) fn distinct(groups: &[Vec<Vec<u8>>]) -> BTreeMap<Digest, Vec<u8>> {
    groups
        .iter()
        .flatten()
        .map(|mail| (Digest::of(mail), mail.clone()))
        .collect()
}

pub(crate) fn items(groups: &[Vec<Vec<u8>>]) -> u64 {
    groups.iter().map(Vec::len).sum::<usize>() as u64
}

/// Whoever holds a store for so long does not let go of it by itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// A store's folder and the objects it uses.
pub(crate) struct Place {
    pub(crate) data: PathBuf,
    pub(crate) objects: Arc<dyn ObjectStore>,
}

impl Place {
    /// Opens the store, over `objects` or healthy.
    pub(crate) async fn open(&self, objects: Option<Arc<dyn ObjectStore>>) -> (Store, Tenant) {
        let objects = objects.unwrap_or_else(|| self.objects.clone());
        let began = Instant::now();
        let store = loop {
            let mut options = Options::create(&self.data);
            options.objects = Some(objects.clone());
            match Store::open(options).await {
                Ok(opened) => break opened.store,
                // Work that a fault cut off ends by itself, and holds the store until then.
                Err(StoreError::Busy { .. }) if began.elapsed() < PATIENCE => {
                    tokio::task::yield_now().await;
                }
                Err(error) => panic!("{error}"),
            }
        };
        let tenant = store.tenant(None).unwrap();
        (store, tenant)
    }

    async fn sql(&self) -> sqlx::AnyConnection {
        sqlx::any::install_default_drivers();
        let address = format!(
            "sqlite://{}?mode=ro",
            self.data.join("catalog.db").display()
        );
        sqlx::AnyConnection::connect(&address).await.unwrap()
    }

    /// What must hold of the catalog and its objects after any crash.
    pub(crate) async fn check_catalog(&self) {
        let mut db = self.sql().await;
        let sound: String = sqlx::query("PRAGMA integrity_check")
            .fetch_one(&mut db)
            .await
            .unwrap()
            .get(0);
        assert_eq!(sound, "ok");
        // Each of these counts rows that must not be.
        let broken = [
            (
                "a copy twice",
                "SELECT COUNT(*) - COUNT(DISTINCT digest) FROM copy",
            ),
            (
                "a part twice",
                "SELECT COUNT(*) - COUNT(DISTINCT address) FROM part",
            ),
            (
                "a gap in the order",
                "SELECT COALESCE(MAX(seq) + 1, 0) - COUNT(seq) FROM event",
            ),
            (
                "a place of the order twice",
                "SELECT COUNT(*) - COUNT(DISTINCT seq) FROM event",
            ),
            (
                "a mailbox twice",
                "SELECT COUNT(*) - COUNT(DISTINCT hash) FROM mailbox",
            ),
            (
                "a folder twice",
                "SELECT COUNT(*) FROM folder AS a JOIN folder AS b ON a.hash = b.hash AND a.mailbox = b.mailbox AND a.id < b.id",
            ),
            (
                "a copy without its admission",
                "SELECT COUNT(*) FROM copy WHERE NOT EXISTS (SELECT 1 FROM event WHERE event.id = copy.event AND event.copy = copy.id AND event.kind = 1)",
            ),
            (
                "an admission without its copy",
                "SELECT COUNT(*) FROM event WHERE kind IN (1, 2) AND NOT EXISTS (SELECT 1 FROM copy WHERE copy.id = event.copy)",
            ),
            (
                "a delivery without its event",
                "SELECT COUNT(*) FROM delivery WHERE NOT EXISTS (SELECT 1 FROM event WHERE event.id = delivery.id AND event.copy = delivery.copy)",
            ),
            (
                "a delivery event without its delivery",
                "SELECT COUNT(*) FROM event WHERE kind IN (1, 2) AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.id = event.id)",
            ),
            (
                "a placement without its delivery",
                "SELECT COUNT(*) FROM placement WHERE NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.id = placement.id)",
            ),
            (
                "a copy without its frame",
                "SELECT COUNT(*) FROM copy WHERE NOT EXISTS (SELECT 1 FROM frame WHERE frame.id = copy.frame)",
            ),
            (
                "a part without its frame",
                "SELECT COUNT(*) FROM part WHERE NOT EXISTS (SELECT 1 FROM frame WHERE frame.id = part.frame)",
            ),
            (
                "a reference to no part",
                "SELECT COUNT(*) FROM copy_part WHERE NOT EXISTS (SELECT 1 FROM part WHERE part.id = copy_part.part)",
            ),
            (
                "a frame without its pack",
                "SELECT COUNT(*) FROM frame WHERE NOT EXISTS (SELECT 1 FROM pack WHERE pack.id = frame.pack)",
            ),
            (
                "a frame outside of its pack",
                "SELECT COUNT(*) FROM frame JOIN pack ON pack.id = frame.pack WHERE frame.at + 16 + frame.sealed > pack.size",
            ),
            (
                "a link of no copy",
                "SELECT COUNT(*) FROM link WHERE copy NOT IN (SELECT id FROM copy) OR message NOT IN (SELECT id FROM copy)",
            ),
        ];
        for (what, query) in broken {
            let found: i64 = sqlx::query(query).fetch_one(&mut db).await.unwrap().get(0);
            assert_eq!(found, 0, "{what}");
        }
        for kind in ["pack", "split"] {
            let query = format!("SELECT lower(hex(name)), size FROM {kind}");
            for row in sqlx::query(sqlx::AssertSqlSafe(query))
                .fetch_all(&mut db)
                .await
                .unwrap()
            {
                let (name, size): (String, i64) = (row.get(0), row.get(1));
                let path = Object::from(format!(
                    "objects/{kind}s/{}/{name}",
                    name.get(..2).unwrap_or_default()
                ));
                let found = self
                    .objects
                    .head(&path)
                    .await
                    .unwrap_or_else(|error| panic!("a row names it: {error}"));
                assert_eq!(found.size as i64, size, "{path}");
            }
        }
    }
}

/// Every mail reads back byte for byte.
pub(crate) async fn reads_back<'a>(tenant: &Tenant, mails: impl IntoIterator<Item = &'a Vec<u8>>) {
    for mail in mails {
        let id = Digest::of(mail);
        let found = tenant
            .raw(&id)
            .await
            .unwrap_or_else(|error| panic!("{id} was acknowledged: {error}"));
        assert!(found == *mail, "{id} came back as other bytes");
    }
}

/// Copies that a search finds.
pub(crate) async fn found(tenant: &Tenant, query: &str) -> u64 {
    let request = SearchRequest {
        query: parse(query).unwrap(),
        by: By::Copy,
        order: Order::Newest,
        after: None,
        limit: 1,
        scope: everpost_store::Scope::Everything,
    };
    tenant.search(&request).await.unwrap().copies
}

/// The store holds exactly these mails, delivered so many times, and its followers catch up.
pub(crate) async fn is_whole(
    place: &Place,
    tenant: &Tenant,
    mails: &BTreeMap<Digest, Vec<u8>>,
    deliveries: u64,
) {
    reads_back(tenant, mails.values()).await;
    let log = tenant.advance_log().await.unwrap();
    let index = tenant.advance_index(true).await.unwrap();
    let status = tenant.status().await.unwrap();
    assert_eq!(status.copies, mails.len() as u64);
    assert_eq!(status.deliveries, deliveries);
    assert_eq!(
        (status.events, log, index.indexed),
        (deliveries, deliveries, deliveries)
    );
    assert_eq!((status.index_lag, status.log_lag), (0, 0));
    assert_eq!(tenant.log_head().await.unwrap().unwrap().size, log);
    assert_eq!(found(tenant, "").await, mails.len() as u64);
    place.check_catalog().await;
}
