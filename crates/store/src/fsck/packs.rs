//! Packs as objects: each byte belongs to preamble, frames or footer, and says what the
//! rows say.

use bytes::Bytes;
use sqlx::AnyConnection;

use super::FsckReport;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::error::Result;
use crate::follow::Follower;
use crate::tenant::Tenant;
use crate::texts::DERIVED;
use crate::vault::pack::{self, Name, Survey};
use crate::vault::{FrameRow, ObjectKind, frame_label, object_path, read_frame_row};
use crate::verify::{Bad, Stage, VerifyProgress};

/// The class of new mail; whatever is not texts is mail.
const MAIL: i64 = 0;

impl Tenant {
    /// Reads every pack whole.
    pub(super) async fn fsck_packs(
        &self,
        report: &mut FsckReport,
        progress: &mut (impl FnMut(VerifyProgress) + Send),
    ) -> Result<()> {
        let mut db = self.store.catalog.read().await?;
        self.store
            .vault
            .learn_volumes(&mut db, &self.state.keys)
            .await?;
        let packs = sql::fetch(&mut db, statements::PACKS, values![self.id(), MAIL]).await?;
        let total = packs.len() as u64;
        for (done, row) in (1..).zip(&packs) {
            report.checked += 1;
            let id = row.int(0)?;
            match row.array(1) {
                Ok(name) => {
                    self.fsck_pack(
                        &mut db,
                        id,
                        (row.int(3)?, &name),
                        row.int(2)?,
                        &mut report.bad,
                    )
                    .await?
                }
                Err(error) => report.bad.push(Bad::of(format!("pack row {id}"), error)?),
            }
            progress(VerifyProgress {
                stage: Stage::Packs,
                done,
                total,
            });
        }
        Ok(())
    }

    /// Reads every pack of attachments' texts whole. These are derived: with `repair`, what is
    /// damaged is forgotten, and read again from the mail by the next `everpost extract`.
    pub(super) async fn fsck_texts(&self, repair: bool, report: &mut FsckReport) -> Result<()> {
        let mut db = self.store.catalog.read().await?;
        let packs = sql::fetch(&mut db, statements::PACKS, values![self.id(), DERIVED]).await?;
        for row in packs {
            report.checked += 1;
            let (id, name) = (row.int(0)?, row.array(1)?);
            let mut bad = Vec::new();
            self.fsck_pack(&mut db, id, (row.int(3)?, &name), row.int(2)?, &mut bad)
                .await?;
            if bad.is_empty() || !repair {
                report.bad.extend(bad);
                continue;
            }
            let mut tx = self.store.catalog.begin().await?;
            let pack = values![self.id(), id];
            for statement in [
                statements::DELETE_COPY_TEXTS_OF_PACK,
                statements::DELETE_TEXTS_OF_PACK,
                statements::DELETE_FRAMES_OF_PACK,
                statements::DELETE_PACK,
            ] {
                sql::execute(&mut tx, statement, pack.clone()).await?;
            }
            // All copies are looked at again; texts that are still there are found.
            let start = values![self.id(), Follower::Extract as i64, 0];
            sql::execute(&mut tx, statements::SET_FOLLOWER, start).await?;
            self.doom(&mut tx, ObjectKind::Pack, [name]).await?;
            tx.commit().await?;
            self.remove_doomed().await?;
            self.store.vault.forget();
            let path = object_path("packs", &name);
            report.repaired.push(format!(
                "{path}: its texts are forgotten, `everpost extract` reads them again"
            ));
        }
        Ok(())
    }

    /// Reads one pack whole. What is wrong with one that compaction replaced meanwhile is nobody's
    /// loss.
    async fn fsck_pack(
        &self,
        db: &mut AnyConnection,
        id: i64,
        (volume, name): (i64, &Name),
        size: i64,
        bad: &mut Vec<Bad>,
    ) -> Result<()> {
        let mut found = Vec::new();
        self.look_at_pack(db, id, (volume, name), size, &mut found)
            .await?;
        if !found.is_empty() {
            let pack = values![self.id(), id];
            let listed = sql::fetch_optional(db, statements::PACK_IS_LISTED, pack).await?;
            if listed.is_some() {
                bad.extend(found);
            }
        }
        Ok(())
    }

    async fn look_at_pack(
        &self,
        db: &mut AnyConnection,
        id: i64,
        (volume, name): (i64, &Name),
        size: i64,
        bad: &mut Vec<Bad>,
    ) -> Result<()> {
        let path = object_path("packs", name);
        let volume = self.store.vault.volumes.of(volume)?;
        let bytes = match volume.get(&path).await {
            Ok(bytes) => Ok(bytes),
            Err(object_store::Error::NotFound { .. }) => {
                bad.push(Bad::new(path, "the object is missing"));
                return Ok(());
            }
            Err(error) => Err(crate::StoreError::from(error)),
        };
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) => {
                bad.push(Bad::of(path, error)?);
                return Ok(());
            }
        };
        let mut rows = Vec::new();
        for row in sql::fetch(db, statements::FRAMES_OF_PACK, values![self.id(), id]).await? {
            match read_frame_row(&row) {
                Ok(row) => rows.push(row),
                Err(error) => bad.push(Bad::of(
                    format!("frame row {} of {path}", row.int(0)?),
                    error,
                )?),
            }
        }
        let (keys, name, path) = (self.state.keys.clone(), *name, path.to_string());
        let found = crate::follow::blocking(move || {
            let mut bad = structure(&bytes, &name, size, &path);
            bad.extend(frames(&keys, &bytes, &name, &rows, &path));
            bad
        })
        .await?;
        bad.extend(found);
        Ok(())
    }
}

/// What is wrong with the container.
fn structure(bytes: &Bytes, name: &Name, size: i64, path: &str) -> Vec<Bad> {
    let mut bad = Vec::new();
    if bytes.len() as u64 != size.unsigned_abs() {
        bad.push(Bad::new(
            path,
            format!("it has {} bytes, its row says {size}", bytes.len()),
        ));
    }
    let survey = pack::survey(bytes);
    bad.extend(survey.complaints.iter().map(|what| Bad::new(path, what)));
    if survey.name.is_some_and(|found| found != *name) {
        bad.push(Bad::new(path, "its preamble names another pack"));
    }
    if bad.is_empty() && !is_covered(&survey, bytes.len() as u64) {
        bad.push(Bad::new(path, "it has bytes that belong to no frame"));
    }
    bad
}

/// True if frames follow each other from the preamble to the footer.
fn is_covered(survey: &Survey, length: u64) -> bool {
    let mut ranges: Vec<_> = survey
        .frames
        .iter()
        .map(|(_, frame)| frame.range())
        .collect();
    ranges.sort_by_key(|range| range.start);
    let end = ranges.iter().try_fold(pack::PREAMBLE, |at, range| {
        (range.start == at).then_some(range.end)
    });
    end.and_then(|end| end.checked_add(pack::closing_length(survey.frames.len()))) == Some(length)
}

/// What is wrong with frames: rows that differ from the pack, seals that do not open.
/// Frames without a row are dead: their keys were destroyed.
fn frames(
    keys: &crate::keys::TenantKeys,
    bytes: &Bytes,
    name: &Name,
    rows: &[FrameRow],
    path: &str,
) -> Vec<Bad> {
    let survey = pack::survey(bytes);
    let mut bad = Vec::new();
    for row in rows {
        let item = format!("frame {} of {path}", row.number);
        let found = survey
            .frames
            .iter()
            .find(|(number, _)| *number == row.number);
        if found.is_none_or(|(_, found)| *found != row.place) {
            bad.push(Bad::new(
                &item,
                "the pack says otherwise than its row where it lies and how long it is",
            ));
        }
        let Some(key) = keys.unwrap(&frame_label(name, row.number), &row.key) else {
            bad.push(Bad::new(&item, "its key does not open"));
            continue;
        };
        let range = row.place.range();
        let range = usize::try_from(range.start).unwrap_or(usize::MAX)
            ..usize::try_from(range.end).unwrap_or(usize::MAX);
        let opened = match bytes.get(range) {
            Some(sealed) => pack::open_frame(keys.tenant, name, row.number, &key, sealed),
            None => Err("the object ends before it"),
        };
        if let Err(what) = opened {
            bad.push(Bad::new(&item, what));
        }
    }
    bad
}
