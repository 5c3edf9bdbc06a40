//! fsck: everything that is stored is read, and compared with everything else.
//!
//! Verification asks whether mail is what came in. fsck asks as well whether the store is
//! whole: each byte of each pack, rows that refer to rows, what is derived, and objects
//! that nothing refers to. Each tenant's packs are read once as objects and once as mail.
//!
//! **Invariant.** Repair makes derived things again (tiles, index) and removes what no row
//! names. It never deletes or changes truth; and while anything of the truth is damaged it
//! removes no pack either, for a row that is wrong may be why nothing names it.

mod orphans;
mod packs;
mod repair;
mod rows;
mod splits;
#[cfg(test)]
mod tests;

use everpost_domain::digest::Digest;

use crate::error::Result;
use crate::store::Store;
use crate::tenant::Tenant;
use crate::verify::{Bad, VerifyProgress};

pub(crate) use orphans::unfinished;

/// What fsck found.
#[derive(Debug, Clone, Default)]
pub struct FsckReport {
    /// Packs, copies, leaves and splits that were read.
    pub checked: u64,
    /// Everything that is wrong, and was not repaired.
    pub bad: Vec<Bad>,
    /// Copies that cannot be put together any more. Everything else can be read.
    pub lost: Vec<Digest>,
    /// Objects that no row names: left by writers that died. Harmless.
    pub orphans: Vec<String>,
    /// What was made again or removed.
    pub repaired: Vec<String>,
}

impl Store {
    /// Reads everything back; with `repair`, makes again what is derived and removes
    /// orphans. Safe because an open store is locked: no writer is at work but ours.
    pub async fn fsck(
        &self,
        repair: bool,
        mut progress: impl FnMut(VerifyProgress) + Send,
    ) -> Result<FsckReport> {
        let mut report = FsckReport::default();
        let broken = self.inner.catalog.integrity().await?;
        report
            .bad
            .extend(broken.into_iter().map(|what| Bad::new("catalog", what)));
        for tenant in self.tenants() {
            if repair {
                tenant.remove_doomed().await?;
            }
            tenant.fsck(repair, &mut report, &mut progress).await?;
        }
        self.fsck_orphans(repair, &mut report).await?;
        report.bad.dedup();
        Ok(report)
    }
}

impl Tenant {
    async fn fsck(
        &self,
        repair: bool,
        report: &mut FsckReport,
        progress: &mut (impl FnMut(VerifyProgress) + Send),
    ) -> Result<()> {
        let mut audit = self.audit_log(progress).await?;
        if repair && audit.derived_damage && audit.rows_proven {
            self.remake_tiles(audit.size, report).await?;
            audit = self.audit_log(progress).await?;
        }
        report.checked += audit.size;
        report.bad.extend(audit.bad);
        self.fsck_packs(report, progress).await?;
        self.fsck_texts(repair, report).await?;
        self.fsck_rows(report).await?;
        let copies = self.check_all_copies(progress).await?;
        report.checked += copies.checked;
        report.bad.extend(copies.bad);
        report.lost.extend(copies.lost);
        let mut splits = self.fsck_splits(progress).await?;
        if repair && !splits.bad.is_empty() {
            self.reindex().await?;
            report.repaired.push("index: built again".into());
            splits = self.fsck_splits(progress).await?;
        }
        report.checked += splits.checked;
        report.bad.extend(splits.bad);
        Ok(())
    }
}
