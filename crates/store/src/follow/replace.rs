//! Copies that are indexed once more, because more of their text is known now.

use std::collections::BTreeMap;
use std::sync::Arc;

use roaring::RoaringTreemap;

use super::splits::ATTEMPTS;
use super::{FreshDoc, SplitRow, blocking};
use crate::catalog::sql::{self, values};
use crate::catalog::statements;
use crate::error::{Result, StoreError};
use crate::index::SplitWriter;
use crate::seal::Key;
use crate::tenant::Tenant;

impl Tenant {
    /// Puts new documents of copies in the place of their old ones: a new split with the new
    /// ones is listed in the transaction that marks the old ones dead, so that each copy has
    /// one live document at any time and after any crash. A seq that the index has no live
    /// document of (a copy that went) is left out. Bounded by what the caller gives at once:
    /// all of it is held in memory.
    pub(crate) async fn replace_in_index(&self, docs: Vec<(u64, FreshDoc)>) -> Result<()> {
        let docs: BTreeMap<u64, Arc<FreshDoc>> = docs
            .into_iter()
            .map(|(seq, doc)| (seq, Arc::new(doc)))
            .collect();
        if docs.is_empty() {
            return Ok(());
        }
        let mut building = self.state.building.lock().await;
        // What was gathered before its text was known must not come after what is known now, on
        // no node.
        self.index_all(&mut building).await?;
        drop(building);
        let mut failures = 0;
        loop {
            match self.replace_once(&docs).await {
                Err(StoreError::Guard) if failures < ATTEMPTS => failures += 1,
                other => break other?,
            }
        }
        self.merge_small().await
    }

    async fn replace_once(&self, docs: &BTreeMap<u64, Arc<FreshDoc>>) -> Result<()> {
        let mut db = self.store.catalog.read().await?;
        let rows = self.split_rows(&mut db).await?;
        drop(db);
        let wanted: RoaringTreemap = docs.keys().copied().collect();
        let deaths = self.deaths(rows, &wanted).await?;
        let replaced: RoaringTreemap = deaths.iter().flat_map(|(_, seqs)| seqs).collect();
        if replaced.is_empty() {
            return Ok(());
        }
        let fresh: Vec<(u64, Arc<FreshDoc>)> = docs
            .iter()
            .filter(|(seq, _)| replaced.contains(**seq))
            .map(|(seq, doc)| (*seq, doc.clone()))
            .collect();
        let (scratch, key) = (self.scratch(), Key::random()?);
        let built = blocking(move || {
            // A split of a few documents needs no large tables.
            let mut writer = SplitWriter::new(&scratch, 1 << 20)?;
            for (seq, doc) in &fresh {
                doc.add_to(&mut writer, *seq)?;
            }
            Ok::<_, StoreError>(writer.finish(&key.0)?.map(|built| (built, key)))
        })
        .await??;
        let Some((built, key)) = built else {
            return Ok(());
        };
        let began = self.put_split(&built).await?;
        let mut tx = self.store.catalog.begin().await?;
        let mut lost = false;
        for (row, seqs) in &deaths {
            let dead = &*row.dead | seqs;
            let mut bytes = Vec::with_capacity(dead.serialized_size());
            dead.serialize_into(&mut bytes)
                .map_err(|error| StoreError::Index(error.to_string()))?;
            let count = i64::try_from(dead.len()).unwrap_or(i64::MAX);
            let values = values![self.id(), row.row, row.deaths, count, bytes];
            // Guard: a split that was merged, or in which others died, is looked at again.
            lost |= sql::execute(&mut tx, statements::SET_DEAD, values).await? != 1;
        }
        if lost {
            drop(tx);
            self.delete_object(&built.id).await;
            return Err(StoreError::Guard);
        }
        self.list_split(&mut tx, &built, began, &key).await?;
        tx.commit().await?;
        Ok(())
    }

    /// In which splits live documents of `wanted` are, and which.
    async fn deaths(
        &self,
        rows: Vec<SplitRow>,
        wanted: &RoaringTreemap,
    ) -> Result<Vec<(SplitRow, RoaringTreemap)>> {
        let rows: Vec<SplitRow> = rows
            .into_iter()
            .filter(|row| wanted.range_cardinality(row.seqs()) > 0)
            .collect();
        let parts = self.open_splits(&rows).await?;
        let wanted = wanted.clone();
        let held = blocking(move || {
            let held = parts.iter().map(|part| {
                let opened = part.split.opened()?;
                let seqs = opened.seqs_of(&opened.docs_of(&wanted));
                // Whoever searches opens it again; nobody does while mail comes in bulk.
                part.split.close();
                Ok(seqs - &*part.dead)
            });
            held.collect::<Result<Vec<RoaringTreemap>>>()
        })
        .await??;
        let deaths = rows.into_iter().zip(held);
        Ok(deaths.filter(|(_, seqs)| !seqs.is_empty()).collect())
    }
}
