//! An archive at both addresses, moved from one to the other while it goes on.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use everpost_domain::digest::Digest;
use everpost_domain::log::verify_consistency;
use everpost_domain::query::parse;
use everpost_testkit::faults::{After, Fault, Faults, Plan};
use everpost_testkit::peers::{Postgres, Seaweed};
use tokio::task::JoinHandle;

use super::*;
use crate::trial::{mails, prepared};
use crate::{
    BackupKeys, Bucket, CompactOptions, KeySource, LogHead, Options, Outcome, Restore, Tenant,
    restore_backup, verify_backup,
};

/// Servers and folders for archives.
pub(crate) struct World {
    pub(crate) postgres: Postgres,
    objects: Seaweed,
    folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn start() -> Self {
        let world = World {
            postgres: Postgres::start().unwrap(),
            objects: Seaweed::start().unwrap(),
            folder: tempfile::tempdir().unwrap(),
        };
        world.objects.create_bucket("archive", false).unwrap();
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A new database and a part of the bucket, both called `name`.
    pub(crate) fn cluster(&self, name: &str) -> Box<Cluster> {
        self.postgres.create_database(name).unwrap();
        let (id, secret) = (self.objects.access_key(), self.objects.secret_key());
        Box::new(Cluster {
            catalog: self.postgres.url(name),
            objects: Bucket {
                name: "archive".into(),
                prefix: name.into(),
                endpoint: Some(self.objects.endpoint()),
                region: Some("us-east-1".into()),
                credentials: Some((id.into(), secret.into())),
            },
        })
    }

    /// All archives here have one key.
    pub(crate) fn key(&self) -> KeySource {
        KeySource::File(self.path("master.key"))
    }

    /// How the archive in a directory is opened.
    pub(crate) fn directory(&self, name: &str) -> Options {
        Options {
            key: Some(self.key()),
            ..Options::new(self.path(name))
        }
    }

    /// How a node called `name` opens an archive.
    pub(crate) fn node(&self, name: &str, cluster: &Cluster) -> Options {
        Options {
            address: Address::Cluster(Box::new(cluster.clone())),
            ..self.directory(name)
        }
    }
}

async fn open(options: &Options) -> (Store, Tenant) {
    let store = Store::open(options.clone()).await.unwrap().store;
    let tenant = store.tenant(None).unwrap();
    (store, tenant)
}

/// What was acknowledged.
type Acknowledged = BTreeMap<Digest, Vec<u8>>;

/// Takes mails in, one after the other, until the archive refuses: gives what was acknowledged, and
/// why it ended.
fn writer(tenant: Tenant, mails: Vec<Vec<u8>>) -> JoinHandle<(Acknowledged, Option<StoreError>)> {
    tokio::spawn(async move {
        let mut acknowledged = Acknowledged::new();
        for mail in mails {
            match tenant.admit(vec![prepared(&mail)], None).await {
                Ok(outcomes) => {
                    assert!(matches!(outcomes[0], Outcome::Stored(_)));
                    acknowledged.insert(Digest::of(&mail), mail);
                }
                Err(error) => return (acknowledged, Some(error)),
            }
        }
        (acknowledged, None)
    })
}

async fn hits(tenant: &Tenant, query: &str) -> u64 {
    tenant
        .matched(&parse(query).unwrap())
        .await
        .unwrap()
        .0
        .len()
}

/// Everything is there, found and proven, and nothing else.
async fn is_whole(store: &Store, tenant: &Tenant, wanted: &Acknowledged) {
    tenant.advance_index(true).await.unwrap();
    tenant.advance_log().await.unwrap();
    for (id, mail) in wanted {
        assert_eq!(tenant.raw(id).await.unwrap(), *mail);
    }
    assert_eq!(hits(tenant, "").await, wanted.len() as u64);
    let report = store.fsck(false, |_| ()).await.unwrap();
    assert_eq!((report.bad, report.orphans), (vec![], vec![]));
    let verified = tenant.verify_all(|_| ()).await.unwrap();
    assert_eq!((verified.ok, verified.bad), (wanted.len() as u64, vec![]));
}

/// The log goes on from `old`, under the same name.
async fn goes_on_from(tenant: &Tenant, old: &LogHead) {
    let new = tenant.log_head().await.unwrap().unwrap();
    assert_eq!(new.key.name(), old.key.name());
    let proof = tenant.prove_consistency(old.size).await.unwrap();
    verify_consistency(old.size, &old.root, new.size, &new.root, &proof).unwrap();
    assert!(new.size > old.size);
}

/// Moves the archive while `at` takes mail in.
async fn move_under_way(
    from: &Store,
    at: &Tenant,
    to: &Destination,
    more: Vec<Vec<u8>>,
    wanted: &mut Acknowledged,
) -> Relocated {
    let writing = writer(at.clone(), more);
    let mut stages = Vec::new();
    let moved = from
        .relocate(to, |progress| stages.push(progress.stage))
        .await
        .unwrap();
    let (acknowledged, refused) = writing.await.unwrap();
    assert!(!acknowledged.is_empty(), "nobody wrote meanwhile");
    wanted.extend(acknowledged);
    let refused = refused.expect("the mails lasted longer than the move");
    assert_eq!(refused.code(), "E-MOVED", "{refused}");
    assert!(refused.to_string().contains(&moved.place), "{refused}");
    assert!(stages.contains(&RelocationStage::Objects));
    // Both sides by the same code.
    assert_eq!(from.manifest().await.unwrap(), moved.tables);
    println!("{} objects, stopped for {:?}", moved.objects, moved.stopped);
    moved
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_moves_to_servers_and_back_while_it_goes_on() {
    let world = World::start();
    let home = Options {
        create: true,
        ..world.directory("home")
    };
    let (store, tenant) = open(&home).await;
    let mut wanted = Acknowledged::new();
    let mut supply = mails(2800, Some(40), 21).into_iter();
    for _ in 0..4 {
        let group: Vec<Vec<u8>> = supply.by_ref().take(50).collect();
        let items = group.iter().map(|mail| prepared(mail)).collect();
        tenant.admit(items, None).await.unwrap();
        wanted.extend(group.into_iter().map(|mail| (Digest::of(&mail), mail)));
    }
    tenant.advance_index(true).await.unwrap();
    tenant.advance_log().await.unwrap();
    tenant
        .compact(&CompactOptions::default(), |_| ())
        .await
        .unwrap();
    let questions = [
        "parity",
        "from:ann3 resync",
        "\"of the archive\"",
        "has:attachment",
    ];
    let mut before = Vec::new();
    for question in questions {
        before.push(hits(&tenant, question).await);
    }
    let head = tenant.log_head().await.unwrap().unwrap();

    // There.
    let cluster = world.cluster("there");
    let to = Destination::Servers(cluster.clone());
    let plan = store.plan_relocation(&to).await.unwrap();
    assert!(plan.objects > 2 && plan.rows > 300, "{plan:?}");
    let taken = Destination::Directory(world.folder.path().to_path_buf());
    assert_eq!(
        store.relocate(&taken, |_| ()).await.unwrap_err().code(),
        "E-INVALID"
    );
    let more = supply.by_ref().take(1300).collect();
    let moved = move_under_way(&store, &tenant, &to, more, &mut wanted).await;
    assert!(moved.objects >= plan.objects && !moved.earlier);
    let late = store.backup(&world.path("late"), |_| ()).await.unwrap_err();
    assert_eq!(late.code(), "E-MOVED");
    // What was left can be read; asked again, a move that is done says so.
    assert_eq!(hits(&tenant, "parity").await, before[0]);
    let again = store.relocate(&to, |_| ()).await.unwrap();
    assert!(again.earlier && again.tables == moved.tables);
    let elsewhere = Destination::Directory(world.path("elsewhere"));
    assert_eq!(
        store.relocate(&elsewhere, |_| ()).await.unwrap_err().code(),
        "E-MOVED"
    );
    drop(tenant);
    store.close().await.unwrap();

    let (one, other) = (world.node("one", &cluster), world.node("other", &cluster));
    let ((store, tenant), (second, second_tenant)) = (open(&one).await, open(&other).await);
    assert_eq!(store.manifest().await.unwrap(), moved.tables);
    for (question, before) in questions.iter().zip(&before) {
        assert!(hits(&tenant, question).await >= *before, "{question}");
    }
    is_whole(&second, &second_tenant, &wanted).await;
    goes_on_from(&tenant, &head).await;
    let head = tenant.log_head().await.unwrap().unwrap();

    // And back, while another node than the one that moves it takes mail in.
    let to = Destination::Directory(world.path("back"));
    let more = supply.collect();
    let moved = move_under_way(&store, &second_tenant, &to, more, &mut wanted).await;
    drop((tenant, second_tenant));
    store.close().await.unwrap();
    second.close().await.unwrap();
    let (store, tenant) = open(&world.directory("back")).await;
    assert_eq!(store.manifest().await.unwrap(), moved.tables);
    is_whole(&store, &tenant, &wanted).await;
    goes_on_from(&tenant, &head).await;
    // It is an archive as any other: it takes mail in and is compacted.
    tenant
        .admit(vec![prepared(b"Subject: last\r\n\r\nhome again\r\n")], None)
        .await
        .unwrap();
    tenant
        .compact(&CompactOptions::default(), |_| ())
        .await
        .unwrap();
    assert_eq!(store.fsck(false, |_| ()).await.unwrap().bad, []);
}

/// Whatever effect on objects is the last: the archive goes on here, and the same move, asked for
/// again, ends well.
#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_dies_leaves_the_archive_here() {
    let world = World::start();
    let dead = |at| Plan {
        at,
        fault: Fault::AnswerLost,
        after: After::Dead,
    };
    let data = world.path("home");
    let home = Options {
        create: true,
        ..world.directory("home")
    };
    let (store, tenant) = open(&home).await;
    let mut supply = mails(160, None, 22).into_iter();
    let first: Vec<Vec<u8>> = supply.by_ref().take(150).collect();
    for group in first.chunks(30) {
        let items = group.iter().map(|mail| prepared(mail)).collect();
        tenant.admit(items, None).await.unwrap();
    }
    let mut wanted: Acknowledged = first
        .into_iter()
        .map(|mail| (Digest::of(&mail), mail))
        .collect();
    tenant.advance_index(true).await.unwrap();
    tenant.advance_log().await.unwrap();
    drop(tenant);
    store.close().await.unwrap();
    let cluster = world.cluster("there");
    let to = Destination::Servers(cluster.clone());
    let whole = crate::open_objects(&Address::Embedded, &data).unwrap();
    let mut deaths = 0;
    for at in [1, 2, 5, 9] {
        let faults = Faults::over(whole.clone());
        let options = Options {
            objects: Some(Arc::new(faults.clone())),
            ..world.directory("home")
        };
        let (store, tenant) = open(&options).await;
        faults.obey(dead(at));
        deaths += u64::from(store.relocate(&to, |_| ()).await.is_err());
        faults.heal();
        let mail = supply.next().unwrap();
        tenant.admit(vec![prepared(&mail)], None).await.unwrap();
        wanted.insert(Digest::of(&mail), mail);
        drop(tenant);
        store.close().await.unwrap();
        // Nothing opens there.
        let refused = Store::open(world.node("node", &cluster))
            .await
            .err()
            .unwrap();
        assert_eq!(refused.code(), "E-NOT-FOUND", "{refused}");
    }
    assert_eq!(deaths, 4);

    // All but the last step: it arrived, and nobody has said yet that it left.
    let (store, tenant) = open(&world.directory("home")).await;
    let identity = portable::identity(&mut store.inner.catalog.read().await.unwrap())
        .await
        .unwrap();
    let (arrival, lock) = store.claim(&to, &identity).await.unwrap();
    arrival.clear_catalog().unwrap();
    store
        .inner
        .catalog
        .snapshot(&arrival.catalog())
        .await
        .unwrap();
    let from = Moved::From(store.place());
    arrival.land(Some(&from)).await.unwrap();
    drop((arrival, lock));
    let refused = Store::open(world.node("node", &cluster))
        .await
        .err()
        .unwrap();
    assert_eq!(refused.code(), "E-ARRIVING", "{refused}");
    // The archive goes on here meanwhile, and then all of it goes.
    let mail = supply.next().unwrap();
    tenant.admit(vec![prepared(&mail)], None).await.unwrap();
    wanted.insert(Digest::of(&mail), mail);
    store.relocate(&to, |_| ()).await.unwrap();

    // As if it had died between the two last steps: it left, and is not open there.
    let say = "INSERT INTO moved (id, arriving, place, at) VALUES (1, 1, 'home', 0)";
    world.postgres.query("there", say).unwrap();
    let put = object_store::PutPayload::from(format!(
        "move {} {}\n",
        identity
            .0
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>(),
        identity.1
    ));
    let bucket = crate::open_objects(&Address::Cluster(cluster.clone()), &data).unwrap();
    object_store::ObjectStoreExt::put(&*bucket, &ObjectPath::from("arriving"), put)
        .await
        .unwrap();
    let moved = store.relocate(&to, |_| ()).await.unwrap();
    assert!(moved.earlier);
    drop(tenant);
    store.close().await.unwrap();
    let (store, tenant) = open(&world.node("node", &cluster)).await;
    is_whole(&store, &tenant, &wanted).await;
    drop(tenant);
    store.close().await.unwrap();

    // A place that holds something is never written to.
    let (store, _tenant) = open(&world.directory("home")).await;
    assert!(store.relocate(&to, |_| ()).await.unwrap().earlier);
    let other = world.cluster("other");
    world
        .postgres
        .query("other", "CREATE TABLE mine (id INT)")
        .unwrap();
    let refused = arrival::refuse_taken(&Address::Cluster(other), &data, None).await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("not of an archive")
    );
}

/// Backups of either address are restored at either, while other nodes write and compact.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_either_address_is_restored_at_either() {
    let world = World::start();
    let cluster = world.cluster("here");
    let make = Options {
        create: true,
        ..world.node("one", &cluster)
    };
    let (store, tenant) = open(&make).await;
    let (second, second_tenant) = open(&world.node("other", &cluster)).await;
    let all = mails(200, Some(33), 23);
    for group in all[..140].chunks(10) {
        let items = group.iter().map(|mail| prepared(mail)).collect();
        tenant.admit(items, None).await.unwrap();
    }
    tenant.advance_index(true).await.unwrap();
    let repo = world.path("repo");
    let stop = Arc::new(AtomicBool::new(false));
    let compacting = tokio::spawn({
        let (tenant, stop) = (second_tenant.clone(), stop.clone());
        let (postgres, mut removed) = (world.postgres.url("here"), 0);
        async move {
            let mut db = crate::catalog::peek_server(&postgres).await.unwrap();
            while !stop.load(Ordering::SeqCst) {
                tenant
                    .compact(&CompactOptions::default(), |_| ())
                    .await
                    .unwrap();
                // As if an hour had passed.
                sqlx::query("UPDATE doomed SET at = 0")
                    .execute(&mut db)
                    .await
                    .unwrap();
                removed += tenant.remove_doomed().await.unwrap();
            }
            removed
        }
    });
    let writing = writer(second_tenant.clone(), all[140..].to_vec());
    let report = store.backup(&repo, |_| ()).await.unwrap();
    assert_eq!(report.bad, [], "an object vanished while it was copied");
    let (acknowledged, refused) = writing.await.unwrap();
    assert!(refused.is_none() && acknowledged.len() == 60);
    store.backup(&repo, |_| ()).await.unwrap();
    stop.store(true, Ordering::SeqCst);
    let mut removed = compacting.await.unwrap();
    world
        .postgres
        .query("here", "UPDATE doomed SET at = 0")
        .unwrap();
    removed += second_tenant.remove_doomed().await.unwrap();
    assert!(removed > 0, "nothing was there to vanish");
    let keys = || BackupKeys::Master(world.key());
    let verified = verify_backup(&repo, None, &keys(), |_| ()).await.unwrap();
    assert_eq!((verified.snapshots, verified.bad), (2, vec![]));

    // In a directory and at servers.
    let wanted: Acknowledged = all
        .iter()
        .map(|mail| (Digest::of(mail), mail.clone()))
        .collect();
    tenant.advance_log().await.unwrap();
    let head = tenant.log_head().await.unwrap().unwrap();
    let there = world.cluster("restored");
    let restore = |address: Address, data: &str| Restore {
        address,
        repo: repo.clone(),
        snapshot: None,
        data: world.path(data),
        keys: keys(),
        key: Some(world.key()),
        despite_damage: false,
    };
    let places = [
        (restore(Address::Embedded, "dir"), world.directory("dir")),
        (
            restore(Address::Cluster(there.clone()), "node"),
            world.node("node", &there),
        ),
    ];
    for (what, options) in &places {
        let restored = restore_backup(what, |_| ()).await.unwrap();
        assert!(restored.done && restored.epoch > 1, "{restored:?}");
        let (store, tenant) = open(options).await;
        is_whole(&store, &tenant, &wanted).await;
        let new = tenant.log_head().await.unwrap().unwrap();
        assert_ne!(new.key.name(), head.key.name(), "a restore begins an epoch");
        assert!(!arrival::partial(&what.data).exists());
        // An archive is never written over.
        drop(tenant);
        store.close().await.unwrap();
        let refused = restore_backup(what, |_| ()).await.unwrap_err();
        assert_eq!(refused.code(), "E-INVALID", "{refused}");
    }
    // A backup of the directory goes to servers as well.
    let (store, _) = open(&places[0].1).await;
    let repo = world.path("second");
    store.backup(&repo, |_| ()).await.unwrap();
    store.close().await.unwrap();
    let again = world.cluster("again");
    let what = Restore {
        repo,
        ..restore(Address::Cluster(again.clone()), "node2")
    };
    assert!(restore_backup(&what, |_| ()).await.unwrap().done);
    let (store, tenant) = open(&world.node("node2", &again)).await;
    is_whole(&store, &tenant, &wanted).await;
    drop(second);
}

/// Where objects are removed at once, they wait for whoever copies, too.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_removed_while_it_is_copied() {
    let trial = crate::trial::Trial::new(mails(120, None, 24), 10).await;
    let before = trial.objects("packs").len();
    let hold = trial.store.hold_objects().await.unwrap();
    trial
        .tenant
        .compact(&CompactOptions::default(), |_| ())
        .await
        .unwrap();
    assert_eq!(trial.objects("packs").len(), before + 1);
    assert_eq!(trial.tenant.remove_doomed().await.unwrap(), 0);
    hold.end().await;
    assert!(trial.tenant.remove_doomed().await.unwrap() >= before as u64);
    assert_eq!(trial.objects("packs").len(), 1);
}
