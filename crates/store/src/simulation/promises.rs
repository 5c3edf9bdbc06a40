//! The archive against the ledger, when all is well again.

use std::collections::BTreeMap;

use everpost_domain::digest::Digest;
use everpost_domain::log::verify_consistency;
use everpost_domain::query::parse;

use super::ledger::{Import, Promise};
use super::life::Shared;
use crate::catalog::sql::Columns;
use crate::error::{Result, StoreError};
use crate::{By, Order, Scope, SearchRequest, Store, Tenant};

/// Holds everything that concerns all nodes. Returns copies, and deliveries that came again
/// because the answer to their commit was lost and could not be asked for.
pub(super) async fn of_the_archive(store: &Store, shared: &Shared) -> (u64, u64) {
    let Ok(tenant) = store.tenant(None) else {
        return (0, 0);
    };
    let archive = Archive { shared, tenant };
    let mut counted = (0, 0);
    // Each promise is looked at, whatever became of the others.
    archive.works("follow", archive.follow().await);
    archive.works("order", archive.order().await);
    archive.works("log", archive.log().await);
    match archive.once().await {
        Ok(found) => counted = found,
        Err(error) => archive.works("once", Err(error)),
    }
    archive.works("durable", archive.durable().await);
    archive.works("tags", archive.tags().await);
    archive.works("balance", archive.balance(counted.0).await);
    archive.works("found", archive.found().await);
    // Last, because it repairs.
    archive.works("whole", archive.whole(store).await);
    counted
}

/// Holds what each node must give.
pub(super) async fn of_a_node(store: &Store, shared: &Shared) {
    let Ok(tenant) = store.tenant(None) else {
        return;
    };
    let archive = Archive { shared, tenant };
    archive.works("durable", archive.durable().await);
    archive.works("found", archive.found().await);
}

struct Archive<'a> {
    shared: &'a Shared,
    tenant: Tenant,
}

impl Archive<'_> {
    fn broken(&self, promise: Promise, what: impl Into<String>) {
        self.shared.ledger().break_promise(promise, what);
    }

    /// Nothing goes wrong any more, so nothing may fail.
    fn works(&self, what: &str, done: Result<()>) {
        if let Err(error) = done {
            self.broken(Promise::Works, format!("{what}: {} {error}", error.code()));
        }
    }

    /// Numbers that a query gives, a row of them each.
    async fn numbers(&self, query: &'static str) -> Result<Vec<(Vec<u8>, i64)>> {
        let mut db = self.tenant.store.catalog.read().await?;
        let rows = sqlx::query(query).fetch_all(&mut *db).await?;
        let read = |row: &sqlx::any::AnyRow| Ok((row.blob(0)?, row.int(1)?));
        rows.iter().map(read).collect()
    }

    async fn follow(&self) -> Result<()> {
        self.tenant.advance_log().await?;
        let index = self.tenant.advance_index(true).await?;
        if index.indexed != index.events {
            let what = format!("{} of {} events indexed", index.indexed, index.events);
            self.broken(Promise::Found, what);
        }
        Ok(())
    }

    async fn order(&self) -> Result<()> {
        let seqs = self
            .numbers("SELECT CAST('' AS BLOB), seq FROM event ORDER BY seq")
            .await?;
        for (place, (_, seq)) in (0..).zip(&seqs) {
            if *seq != place {
                self.broken(Promise::Order, format!("event {place} has number {seq}"));
                break;
            }
        }
        Ok(())
    }

    async fn log(&self) -> Result<()> {
        let events = self
            .numbers("SELECT CAST('' AS BLOB), COUNT(*) FROM event")
            .await?;
        let events = events.first().map_or(0, |(_, count)| *count).unsigned_abs();
        let Some(head) = self.tenant.log_head().await? else {
            if events > 0 {
                self.broken(Promise::Log, "there is no checkpoint");
            }
            return Ok(());
        };
        if head.size != events {
            let what = format!("{} leaves of {events} events", head.size);
            self.broken(Promise::Log, what);
        }
        let seen = self.shared.ledger().checkpoints.clone();
        for (size, root) in seen {
            let proven = match self.tenant.prove_consistency(size).await {
                Ok(proof) => verify_consistency(size, &root, head.size, &head.root, &proof)
                    .map_err(|error| error.to_string()),
                Err(StoreError::Invalid(what)) => Err(what),
                Err(error) => return Err(error),
            };
            if let Err(what) = proven {
                let what = format!("checkpoint {size} is no beginning of {}: {what}", head.size);
                self.broken(Promise::Log, what);
            }
        }
        let verified = self.tenant.verify_all(|_| ()).await?;
        if verified.leaves != events || verified.unlogged != 0 {
            let what = format!("{} leaves, {} unlogged", verified.leaves, verified.unlogged);
            self.broken(Promise::Log, what);
        }
        for bad in verified.bad.iter().filter(|bad| is_of_log(&bad.item)) {
            self.broken(Promise::Log, format!("{}: {}", bad.item, bad.what));
        }
        Ok(())
    }

    /// One row of the same bytes, and as many deliveries as were acknowledged; more only where the
    /// caller could not be told.
    async fn once(&self) -> Result<(u64, u64)> {
        let mut copies: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
        for (digest, _) in self.numbers("SELECT digest, id FROM copy").await? {
            *copies.entry(digest).or_default() += 1;
        }
        for (digest, count) in copies.iter().filter(|(_, count)| **count != 1) {
            let id = digest.clone().try_into().map(Digest);
            self.broken(Promise::Once, format!("{count} rows of copy {id:?}"));
        }
        let deliveries = self
            .numbers("SELECT copy.digest, COUNT(*) FROM copy JOIN delivery ON delivery.copy = copy.id GROUP BY copy.digest")
            .await?;
        let deliveries: BTreeMap<Vec<u8>, i64> = deliveries.into_iter().collect();
        let mut doubled = 0;
        let mut ledger = self.shared.ledger();
        let mut wrong = Vec::new();
        for (id, offered) in &ledger.offered {
            let count = deliveries.get(id.0.as_slice()).copied().unwrap_or(0);
            let (count, least) = (count.unsigned_abs(), offered.acknowledged);
            if count < least {
                let what = format!("{id} was delivered {count} times, {least} were acknowledged");
                wrong.push((Promise::Durable, what));
            }
            if count > least + offered.unknown {
                let what = format!("{id} was delivered {count} times for {least} commands");
                wrong.push((Promise::Once, what));
            }
            doubled += count.saturating_sub(least.max(1));
        }
        for digest in copies.keys() {
            let known = ledger.offered.keys().any(|id| id.0.as_slice() == digest);
            if !known {
                wrong.push((Promise::Once, "a copy that nobody offered".into()));
            }
        }
        for (promise, what) in wrong {
            ledger.break_promise(promise, what);
        }
        Ok((copies.len() as u64, doubled))
    }

    /// What was acknowledged comes back as it came in.
    async fn durable(&self) -> Result<()> {
        self.tenant.store.vault.forget();
        let ids = self.shared.ledger().acknowledged();
        for id in ids {
            let raw = self.tenant.raw(&id).await;
            let same = {
                let ledger = self.shared.ledger();
                let offered = ledger.offered.get(&id);
                raw.as_ref()
                    .is_ok_and(|raw| offered.is_some_and(|one| one.raw == *raw))
            };
            if !same {
                let what = match raw {
                    Ok(_) => "it came back as other bytes".to_owned(),
                    Err(error) => format!("{} {error}", error.code()),
                };
                self.broken(Promise::Durable, format!("{id}: {what}"));
            }
        }
        Ok(())
    }

    async fn whole(&self, store: &Store) -> Result<()> {
        let report = store.fsck(false, |_| ()).await?;
        for bad in report.bad {
            self.broken(Promise::Whole, format!("{}: {}", bad.item, bad.what));
        }
        let report = store.fsck(true, |_| ()).await?;
        if !report.orphans.is_empty() || !report.bad.is_empty() {
            let what = format!("repair left {:?} {:?}", report.orphans, report.bad);
            self.broken(Promise::Whole, what);
        }
        let report = store.fsck(true, |_| ()).await?;
        if !report.repaired.is_empty() {
            let what = format!("there was something left to repair: {:?}", report.repaired);
            self.broken(Promise::Whole, what);
        }
        Ok(())
    }

    /// A tag that was acknowledged is there.
    async fn tags(&self) -> Result<()> {
        let tags = self.shared.ledger().tags.clone();
        for (name, id) in tags {
            // What a withdrawn import brought is hidden, with its tags.
            let hidden = {
                let ledger = self.shared.ledger();
                ledger.offered.get(&id).is_none_or(|one| one.job.is_some())
            };
            if hidden {
                continue;
            }
            let message = self.tenant.show(&id).await?.message;
            let query = everpost_domain::query::parse(&format!("tag:{name}"))
                .map_err(|error| StoreError::Invalid(error.to_string()))?;
            let request = SearchRequest {
                by: By::Message,
                limit: 1000,
                ..SearchRequest::new(query)
            };
            let page = self.tenant.search(&request).await?;
            if !page.hits.iter().any(|hit| hit.id == message) {
                self.broken(Promise::Durable, format!("{name} is not on {id}"));
            }
        }
        Ok(())
    }

    async fn balance(&self, copies: u64) -> Result<()> {
        let status = self.tenant.status().await?;
        let deliveries = self
            .numbers("SELECT CAST('' AS BLOB), COUNT(*) FROM event WHERE kind IN (1, 2)")
            .await?;
        let deliveries = deliveries.first().map_or(0, |(_, count)| *count);
        let told = (status.copies, status.deliveries);
        if told != (copies, deliveries.unsigned_abs()) {
            let what = format!("status says {told:?}, there are {copies} and {deliveries}");
            self.broken(Promise::Balance, what);
        }
        if (status.index_lag, status.log_lag) != (0, 0) {
            self.broken(Promise::Balance, "status says that something lags");
        }
        for job in self.tenant.jobs().await? {
            if !job.counts.balances() {
                let what = format!("job {} does not balance: {:?}", job.id, job.counts);
                self.broken(Promise::Balance, what);
            }
        }
        Ok(())
    }

    async fn found(&self) -> Result<()> {
        let words: std::collections::BTreeSet<String> = {
            let ledger = self.shared.ledger();
            ledger
                .offered
                .values()
                .map(|one| one.word.clone())
                .collect()
        };
        for word in words {
            let (least, most) = self.shared.ledger().found(&word);
            let times = found(&self.tenant, &word).await?;
            if times < least || times > most {
                let what = format!("{word} found {times} times, not {least} to {most}");
                self.broken(Promise::Found, what);
            }
        }
        // Nothing but what withdrawn imports brought is hidden.
        let standing = {
            let ledger = self.shared.ledger();
            let certain = |import: &Import| *import != Import::Unknown;
            ledger.imports.values().all(certain)
        };
        if standing {
            let copies = self
                .numbers("SELECT CAST('' AS BLOB), COUNT(*) FROM copy WHERE EXISTS (SELECT 1 FROM delivery LEFT JOIN job ON job.id = delivery.job WHERE delivery.copy = copy.id AND COALESCE(job.state, 0) <> 3)")
                .await?;
            let copies = copies.first().map_or(0, |(_, count)| *count).unsigned_abs();
            let times = found(&self.tenant, "").await?;
            if times != copies {
                self.broken(Promise::Found, format!("{times} of {copies} copies found"));
            }
        }
        Ok(())
    }
}

/// Copies that a query finds.
pub(super) async fn found(tenant: &Tenant, query: &str) -> Result<u64> {
    let query = parse(query).map_err(|error| StoreError::Invalid(error.to_string()))?;
    let request = SearchRequest {
        by: By::Copy,
        order: Order::Newest,
        limit: 1,
        scope: Scope::Everything,
        ..SearchRequest::new(query)
    };
    Ok(tenant.search(&request).await?.copies)
}

/// Events, tiles and checkpoints; not copies.
fn is_of_log(item: &str) -> bool {
    !item.starts_with("copy") && !item.starts_with("frame") && !item.starts_with("objects/packs")
}
