//! Two nodes over one PostgreSQL and one S3 store, in one process, so that a test can hold one of
//! them where the other overtakes it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::path::Path;

use everpost_domain::digest::Digest;
use everpost_domain::query::parse;
use everpost_testkit::letters::Letters;
use everpost_testkit::peers::{Postgres, Seaweed};
use futures::TryStreamExt;
use object_store::path::Path as Object;

use crate::trial::{mails, prepared};
use crate::{
    Address, Bucket, Cluster, CompactOptions, KeySource, Options, Outcome, Store, StoreError,
    Tagging, Tenant,
};

pub(crate) struct Node {
    pub(crate) store: Store,
    pub(crate) tenant: Tenant,
}

pub(crate) struct Together {
    postgres: Postgres,
    pub(crate) objects: Seaweed,
    folder: tempfile::TempDir,
}

impl Together {
    pub(crate) fn start() -> Self {
        let together = Together {
            postgres: Postgres::start().unwrap(),
            objects: Seaweed::start().unwrap(),
            folder: tempfile::tempdir().unwrap(),
        };
        together.postgres.create_database("mail").unwrap();
        together.objects.create_bucket("archive", false).unwrap();
        together
    }

    pub(crate) async fn node(&self, name: &str) -> Node {
        let (id, secret) = (self.objects.access_key(), self.objects.secret_key());
        let cluster = Cluster {
            catalog: self.postgres.url("mail"),
            objects: Bucket {
                name: "archive".into(),
                prefix: "two/nodes".into(),
                endpoint: Some(self.objects.endpoint()),
                region: Some("us-east-1".into()),
                credentials: Some((id.into(), secret.into())),
            },
        };
        let mut options = Options::create(self.folder.path().join(name));
        options.address = Address::Cluster(Box::new(cluster));
        options.key = Some(KeySource::File(self.folder.path().join("master.key")));
        let store = Store::open(options).await.unwrap().store;
        let tenant = store.tenant(None).unwrap();
        Node { store, tenant }
    }

    pub(crate) fn sql(&self, text: &str) -> String {
        self.postgres
            .query("mail", text)
            .unwrap()
            .trim()
            .to_string()
    }
}

impl Node {
    pub(crate) async fn admit(&self, mails: &[Vec<u8>]) -> Vec<Outcome> {
        let items = mails.iter().map(|mail| prepared(mail)).collect();
        self.tenant.admit(items, None).await.unwrap()
    }

    async fn found(&self, query: &str) -> u64 {
        self.tenant
            .matched(&parse(query).unwrap())
            .await
            .unwrap()
            .0
            .len()
    }

    /// Names of objects that a query gives.
    pub(crate) async fn names(&self, text: &str) -> Vec<[u8; 16]> {
        let mut db = self.store.inner.catalog.read().await.unwrap();
        let rows: Vec<Vec<u8>> = sqlx::query_scalar(sqlx::AssertSqlSafe(text.to_string()))
            .fetch_all(&mut *db)
            .await
            .unwrap();
        rows.into_iter()
            .map(|name| name.try_into().unwrap())
            .collect()
    }

    /// Objects below a folder.
    async fn objects(&self, kind: &str) -> usize {
        let path = Object::from(format!("objects/{kind}"));
        let objects = &self.store.inner.vault.objects;
        let found: Vec<_> = objects.list(Some(&path)).try_collect().await.unwrap();
        found.len()
    }

    pub(crate) async fn is_whole(&self, copies: u64) {
        let report = self.store.fsck(false, |_| ()).await.unwrap();
        assert_eq!(report.bad, []);
        assert_eq!(self.found("").await, copies);
        let verified = self.tenant.verify_all(|_| ()).await.unwrap();
        assert_eq!((verified.ok, verified.bad), (copies, Vec::new()));
    }
}

/// Admits `late` at one node and, while that stands between decision and commit, `early` at the
/// other.
async fn overtake(one: &Node, other: &Node, late: &[u8], early: &[u8]) -> [Outcome; 2] {
    let (reached, go) = one.tenant.state.gate.close();
    let overtaken = {
        let (tenant, item) = (one.tenant.clone(), prepared(late));
        tokio::spawn(async move { tenant.admit(vec![item], None).await.unwrap() })
    };
    reached.await.unwrap();
    let first = other.admit(&[early.to_vec()]).await;
    go.send(()).unwrap();
    [first[0], overtaken.await.unwrap()[0]]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_overtaken_decides_again() {
    let together = Together::start();
    let (a, b) = (together.node("a").await, together.node("b").await);
    let mut letters = Letters::new(11);
    let file = letters.noise(50_000);

    // The same bytes, and a mailbox and a folder that both meet first.
    let mail = letters.letter(3000);
    let id = Digest::of(&mail);
    let outcomes = overtake(&a, &b, &mail, &mail).await;
    assert_eq!(outcomes, [Outcome::Stored(id), Outcome::Duplicate(id)]);
    assert_eq!(together.sql("SELECT COUNT(*) FROM mailbox"), "1");
    assert_eq!(together.sql("SELECT COUNT(*) FROM folder"), "1");

    // The same part.
    let (early, late) = (
        letters.letter_with(300, &file),
        letters.letter_with(300, &file),
    );
    let outcomes = overtake(&b, &a, &late, &early).await;
    assert_eq!(
        outcomes,
        [Digest::of(&early), Digest::of(&late)].map(Outcome::Stored)
    );
    assert_eq!(together.sql("SELECT COUNT(*) FROM part"), "1");

    // The same message by two ways.
    let early = letters.letter(2000);
    let relay = b"Received: from c.example.org by d.example.org; 02 Apr 2021 10:00:00 +0000\n";
    let late = [relay.as_slice(), &early].concat();
    overtake(&a, &b, &late, &early).await;
    let shown = b.tenant.show(&Digest::of(&late)).await.unwrap();
    assert_eq!(shown.copies, [Digest::of(&early), Digest::of(&late)]);

    // What a failed guard wrote is gone, and the order has no gap.
    assert_eq!(
        together.sql("SELECT COUNT(*) FROM pack"),
        a.objects("packs").await.to_string()
    );
    assert_eq!(
        together
            .sql("SELECT COUNT(DISTINCT seq) = MAX(seq) + 1 AND COUNT(*) = COUNT(seq) FROM event"),
        "t"
    );
    a.tenant.advance_index(true).await.unwrap();
    a.tenant.advance_log().await.unwrap();
    b.is_whole(5).await;

    // What one changed the other sees at once.
    let which = [id];
    a.tenant
        .add_tag("urgent", Tagging::Copies(&which))
        .await
        .unwrap();
    assert_eq!(b.found("tag:urgent").await, 1);
    b.tenant
        .remove_tag("urgent", Tagging::Copies(&which))
        .await
        .unwrap();
    assert_eq!(a.found("tag:urgent").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_both_follow_do_work_twice_and_nothing_worse() {
    let together = Together::start();
    let (a, b) = (together.node("a").await, together.node("b").await);
    let mail = mails(240, None, 5);
    for (number, group) in mail.chunks(20).enumerate() {
        let node = if number % 2 == 0 { &a } else { &b };
        node.admit(group).await;
    }

    // Only one has the lease; the other waits for it.
    assert!(a.tenant.lead().await.unwrap().is_some());
    assert!(b.tenant.lead().await.unwrap().is_none());

    // Both index all the same, as after a sleep longer than the lease.
    let (mut mine, mut theirs) = (
        a.tenant.state.building.lock().await,
        b.tenant.state.building.lock().await,
    );
    together.sql("UPDATE index_range SET until = 0");
    a.tenant.catch_up(&mut mine, false).await.unwrap();
    b.tenant.catch_up(&mut theirs, true).await.unwrap();
    a.tenant.catch_up(&mut mine, true).await.unwrap();
    drop((mine, theirs));
    assert_eq!((a.found("").await, b.found("").await), (240, 240));

    // Both log.
    let sizes = futures::join!(a.tenant.log_all(), b.tenant.log_all());
    assert_eq!((sizes.0.unwrap(), sizes.1.unwrap()), (240, 240));
    assert_eq!(together.sql("SELECT size FROM log"), "240");

    // Both merge the same splits: one of them gives way.
    let rows = async || {
        let mut db = a.store.inner.catalog.read().await.unwrap();
        a.tenant.split_rows(&mut db).await.unwrap()
    };
    let none = roaring::RoaringTreemap::new;
    let (mine, theirs) = (rows().await, rows().await);
    let done = futures::join!(
        a.tenant.merge_splits(mine, none()),
        b.tenant.merge_splits(theirs, none())
    );
    let lost = |done: &crate::Result<()>| matches!(done, Err(StoreError::Guard));
    assert!(
        done.0.is_ok() != done.1.is_ok() && lost(&done.0) != lost(&done.1),
        "{done:?}"
    );
    assert_eq!(together.sql("SELECT COUNT(*) FROM split"), "1");
    a.is_whole(240).await;

    // Both compact, without a lease; what a reader has looked up is there for an hour.
    let before = b.objects("packs").await;
    let options = CompactOptions::default();
    let (mut quiet, mut still) = (|_| (), |_| ());
    let done = futures::join!(
        a.tenant.compact_all(&options, &mut quiet),
        b.tenant.compact_all(&options, &mut still)
    );
    done.0.unwrap();
    done.1.unwrap();
    assert_eq!(together.sql("SELECT COUNT(*) FROM pack"), "1");
    assert!(
        b.objects("packs").await > before,
        "old packs wait for their readers"
    );
    b.is_whole(240).await;
    together.sql("UPDATE doomed SET at = 0");
    assert!(a.tenant.remove_doomed().await.unwrap() > 0);
    assert_eq!(
        (a.objects("packs").await, a.objects("splits").await),
        (1, 1)
    );
    b.store.inner.vault.forget();
    b.is_whole(240).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_node_indexes_what_it_admitted() {
    let together = Together::start();
    let (a, b) = (together.node("a").await, together.node("b").await);
    assert!(a.tenant.lead().await.unwrap().is_some());
    b.admit(&mails(10, None, 21)).await;
    a.admit(&mails(20, None, 22)).await;

    // What one has indexed ahead of the other is found when the other is done with what was before.
    let mut building = a.tenant.state.building.lock().await;
    a.tenant.catch_up(&mut building, true).await.unwrap();
    drop(building);
    assert_eq!(together.sql("SELECT COUNT(*) FROM split"), "1");
    assert_eq!((a.found("").await, b.found("").await), (0, 0));
    assert_eq!(a.tenant.index_progress().await.unwrap().indexed, 0);
    assert_eq!(a.store.fsck(false, |_| ()).await.unwrap().bad, []);

    // What was admitted is still in memory where it was admitted, and nobody else reads it.
    assert!(b.tenant.state.fresh.held() > 0);
    assert_eq!(a.tenant.state.fresh.held(), 0);
    let both = futures::join!(a.tenant.advance_index(true), b.tenant.advance_index(true));
    assert_eq!((both.0.unwrap().indexed, both.1.unwrap().indexed), (30, 30));
    assert_eq!(b.tenant.state.fresh.held(), 0);
    assert_eq!((a.found("").await, b.found("").await), (30, 30));
    assert_eq!(together.sql("SELECT COUNT(*) FROM index_range"), "0");

    // A node that died leaves its mail to the one that leads, once its time is over.
    b.admit(&mails(5, None, 23)).await;
    a.admit(&mails(3, None, 24)).await;
    drop(b);
    together.sql("UPDATE index_range SET until = 0");
    a.tenant.advance_index(true).await.unwrap();
    a.tenant.advance_log().await.unwrap();
    a.is_whole(38).await;

    // One that closes leaves it at once.
    let c = together.node("c").await;
    c.admit(&mails(4, None, 25)).await;
    let Node { store, tenant } = c;
    drop(tenant);
    store.close().await.unwrap();
    assert_eq!(together.sql("SELECT COUNT(*) FROM index_range"), "0");
    a.tenant.advance_index(true).await.unwrap();
    a.tenant.advance_log().await.unwrap();
    a.is_whole(42).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_passes_on_when_its_holder_is_gone() {
    let together = Together::start();
    let (a, b) = (together.node("a").await, together.node("b").await);
    a.admit(&mails(20, None, 6)).await;
    a.tenant.advance_index(true).await.unwrap();
    assert!(b.tenant.lead().await.unwrap().is_none());
    // A node that closes gives it back; the next has it at once.
    let Node { store, tenant } = a;
    drop(tenant);
    store.close().await.unwrap();
    assert!(b.tenant.lead().await.unwrap().is_some());
    // One that died does not; when its time is over, another has it.
    let c = together.node("c").await;
    assert!(c.tenant.lead().await.unwrap().is_none());
    together.sql("UPDATE lease SET until = 0");
    assert!(c.tenant.lead().await.unwrap().is_some());
    // Which the first does not know: what it commits is right all the same.
    c.admit(&mails(30, None, 7)).await;
    let both = futures::join!(b.tenant.advance_index(true), c.tenant.advance_index(true));
    assert_eq!((both.0.unwrap().indexed, both.1.unwrap().indexed), (50, 50));
    c.tenant.advance_log().await.unwrap();
    c.is_whole(50).await;
    // Its own data directory is a node's alone.
    let again = Options {
        data: Path::new(b.store.data()).to_path_buf(),
        ..b.store.inner.options.clone()
    };
    let busy = Store::open(again).await.err().unwrap();
    assert_eq!(busy.code(), "E-STORE-BUSY");
}
