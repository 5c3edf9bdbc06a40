//! Documents that are replaced: one live document a copy, whatever happens between.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

use std::sync::Arc;

use everpost_domain::message::Attachment;
use everpost_domain::query::parse;
use everpost_testkit::faults::{After, Fault, Faults, Plan};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use roaring::RoaringTreemap;

use super::FreshDoc;
use crate::error::StoreError;
use crate::tenant::Tenant;
use crate::trial::{Trial, mails};

async fn found(tenant: &Tenant, query: &str) -> RoaringTreemap {
    tenant.matched(&parse(query).unwrap()).await.unwrap().0
}

/// New documents of the copies at `seqs`, whose attachment says `word`.
async fn settled(tenant: &Tenant, seqs: &[u64], word: &str) -> Vec<(u64, FreshDoc)> {
    let mut db = tenant.store.catalog.read().await.unwrap();
    let copies = tenant.copies_at(&mut db, seqs).await.unwrap();
    let mut docs = Vec::new();
    for seq in seqs {
        let mut doc = tenant.read_doc(&mut db, copies[seq].id).await.unwrap();
        doc.content.attachments = vec![Attachment {
            part: 0,
            name: None,
            kind: "bin".to_owned(),
            text: Some(format!("{word} of {seq}")),
            cut: false,
        }];
        docs.push((*seq, doc));
    }
    docs
}

async fn is_whole(trial: &Trial) {
    let report = trial.store.fsck(false, |_| ()).await.unwrap();
    assert_eq!(report.bad, []);
    assert_eq!(
        found(&trial.tenant, "").await.len(),
        trial.mails.len() as u64
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_copy_is_found_by_its_new_text_once() {
    let trial = Trial::new(mails(60, None, 3), 20).await;
    let tenant = &trial.tenant;
    let seqs: Vec<u64> = (0..60).step_by(7).collect();
    let docs = settled(tenant, &seqs, "zebra").await;
    tenant.replace_in_index(docs).await.unwrap();
    assert_eq!(
        found(tenant, "attachment:zebra").await,
        seqs.iter().copied().collect()
    );
    is_whole(&trial).await;
    assert!(trial.numbers("SELECT SUM(deaths) FROM split").await[0] > 0);
    // Once more, and nothing of the first replacement is left to be found.
    let docs = settled(tenant, &seqs[..3], "gnu").await;
    tenant.replace_in_index(docs).await.unwrap();
    assert_eq!(found(tenant, "gnu").await.len(), 3);
    assert_eq!(found(tenant, "zebra").await.len(), seqs.len() as u64 - 3);
    is_whole(&trial).await;
    // A split that is mostly dead is written again without them.
    let all: Vec<u64> = (0..60).collect();
    let docs = settled(tenant, &all, "okapi").await;
    tenant.replace_in_index(docs).await.unwrap();
    assert_eq!(found(tenant, "okapi").await.len(), 60);
    assert_eq!(trial.numbers("SELECT SUM(deaths) FROM split").await, [0]);
    is_whole(&trial).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_not_yet_indexed_and_one_that_is_none_can_be_given() {
    let mut trial = Trial::new(mails(20, None, 3), 20).await;
    let more = mails(10, None, 4);
    let items = more
        .iter()
        .map(|mail| crate::trial::prepared(mail))
        .collect();
    trial.tenant.admit(items, None).await.unwrap();
    trial.mails.extend(
        more.into_iter()
            .map(|mail| (everpost_domain::digest::Digest::of(&mail), mail)),
    );
    let mut docs = settled(&trial.tenant, &[25], "zebra").await;
    docs.extend(
        settled(&trial.tenant, &[3], "zebra")
            .await
            .into_iter()
            .map(|(_, doc)| (9_999, doc)),
    );
    trial.tenant.replace_in_index(docs).await.unwrap();
    assert_eq!(
        found(&trial.tenant, "zebra").await,
        [25].into_iter().collect()
    );
    trial.tenant.advance_index(true).await.unwrap();
    trial.tenant.advance_log().await.unwrap();
    is_whole(&trial).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_that_lost_a_race_gives_way() {
    let trial = Trial::new(mails(60, None, 3), 20).await;
    let tenant = &trial.tenant;
    let rows = async || {
        let mut db = tenant.store.catalog.read().await.unwrap();
        tenant.split_rows(&mut db).await.unwrap()
    };
    let seen = rows().await;
    let docs = settled(tenant, &[1, 30, 59], "zebra").await;
    tenant.replace_in_index(docs).await.unwrap();
    let lost = tenant.merge_splits(seen, RoaringTreemap::new()).await;
    assert!(matches!(lost, Err(StoreError::Guard)), "{lost:?}");
    is_whole(&trial).await;
    assert_eq!(
        trial.store.fsck(false, |_| ()).await.unwrap().orphans,
        Vec::<String>::new()
    );
    tenant
        .merge_splits(rows().await, RoaringTreemap::new())
        .await
        .unwrap();
    assert_eq!(rows().await.len(), 1);
    assert_eq!(
        found(tenant, "zebra").await,
        [1, 30, 59].into_iter().collect()
    );
    is_whole(&trial).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_a_copy_has_one_live_document() {
    let seqs: Vec<u64> = (0..30).step_by(2).collect();
    let mut reached = 0;
    for at in 1.. {
        let mut tripped = false;
        for fault in Fault::ALL {
            for after in After::ALL {
                let trial = Trial::new(mails(30, None, 5), 10).await;
                let data = trial.store.data().to_path_buf();
                let below: Arc<dyn ObjectStore> =
                    Arc::new(LocalFileSystem::new_with_prefix(&data).unwrap());
                let faults = Faults::over(below);
                let trial = trial.reopen(Some(Arc::new(faults.clone()))).await;
                let docs = settled(&trial.tenant, &seqs, "zebra").await;
                faults.obey(Plan { at, fault, after });
                let done = trial.tenant.replace_in_index(docs).await;
                if faults.tripped().is_none() {
                    done.unwrap();
                } else {
                    tripped = true;
                }
                let trial = trial.reopen(None).await;
                let count = found(&trial.tenant, "zebra").await.len();
                assert!(
                    count == 0 || count == seqs.len() as u64,
                    "{at} {fault:?} {after:?}"
                );
                is_whole(&trial).await;
                // And what failed can be done again.
                let docs = settled(&trial.tenant, &seqs, "zebra").await;
                trial.tenant.replace_in_index(docs).await.unwrap();
                assert_eq!(found(&trial.tenant, "zebra").await.len(), seqs.len() as u64);
                is_whole(&trial).await;
            }
        }
        if !tripped {
            break;
        }
        reached = at;
    }
    assert!(reached >= 2, "a put and a delete: {reached}");
}
