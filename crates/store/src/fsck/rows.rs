//! Rows: those that refer to others, and columns that follow from others.

use std::collections::{HashMap, HashSet};

use everpost_domain::digest::Digest;
use everpost_domain::identity::Facts;
use everpost_domain::message::day;
use sqlx::AnyConnection;

use super::FsckReport;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::copy::CopyRow;
use crate::error::Result;
use crate::tenant::{Tenant, mailbox_key};
use crate::texts::DERIVED;
use crate::verify::Bad;

/// Each statement gives the ids of rows that are wrong; what they are, and how.
const CHECKS: &[(&str, &str, &str)] = &[
    (
        statements::PACKS_WITHOUT_BUCKET,
        "pack row",
        "its bucket does not exist",
    ),
    (
        statements::FRAMES_WITHOUT_PACK,
        "frame row",
        "its pack does not exist",
    ),
    (
        statements::COPIES_WITHOUT_FRAME,
        "copy row",
        "the frame of its skeleton does not exist",
    ),
    (
        statements::PARTS_WITHOUT_FRAME,
        "part row",
        "its frame does not exist",
    ),
    (
        statements::INSTANCES_DANGLING,
        "instance of copy row",
        "its copy or frame does not exist",
    ),
    (
        statements::COPY_PARTS_DANGLING,
        "parts of copy row",
        "the copy or one of its parts does not exist",
    ),
    (
        statements::COPY_PARTS_WITH_GAPS,
        "parts of copy row",
        "their ordinals have a gap",
    ),
    (
        statements::COPIES_DOUBLED,
        "copy row",
        "another row has the same digest",
    ),
    (
        statements::PARTS_DOUBLED,
        "part row",
        "another row has the same address",
    ),
    (
        statements::EVENTS_WITHOUT_COPY,
        "event row",
        "its copy does not exist",
    ),
    (
        statements::EVENTS_WITHOUT_DELIVERY,
        "event row",
        "its delivery does not exist",
    ),
    (
        statements::EVENTS_WITH_SEQ_TWICE,
        "event",
        "two rows have its number",
    ),
    (
        statements::EVENTS_AFTER_GAP,
        "event",
        "the sequence has a gap before it",
    ),
    (
        statements::DELIVERIES_DANGLING,
        "delivery row",
        "its copy, event or job does not exist",
    ),
    (
        statements::PLACEMENTS_DANGLING,
        "placement row",
        "its delivery or folder does not exist",
    ),
    (
        statements::OWNERS_DANGLING,
        "owner of copy row",
        "the copy or the mailbox does not exist",
    ),
    (
        statements::FOLDERS_WITHOUT_MAILBOX,
        "folder row",
        "its mailbox does not exist",
    ),
    (
        statements::LINKS_DANGLING,
        "link row",
        "its copy or message does not exist",
    ),
    (
        statements::TAGGED_DANGLING,
        "tag of copy row",
        "its copy or tag does not exist",
    ),
    (
        statements::TEXTS_DOUBLED,
        "text row",
        "another row has the same address",
    ),
    (
        statements::TEXTS_WITHOUT_FRAME,
        "text row",
        "its text lies in no frame",
    ),
    (
        statements::COPY_TEXTS_DANGLING,
        "texts of copy row",
        "the copy or the text does not exist",
    ),
    (
        statements::PINS_WITHOUT_COPY,
        "pin row",
        "its copy does not exist",
    ),
];

impl Tenant {
    /// Checks every row.
    pub(super) async fn fsck_rows(&self, report: &mut FsckReport) -> Result<()> {
        let mut db = self.store.catalog.read().await?;
        for (statement, item, what) in CHECKS {
            for row in sql::fetch(&mut db, statement, values![self.id()]).await? {
                report
                    .bad
                    .push(Bad::new(format!("{item} {}", row.int(0)?), *what));
            }
        }
        self.fsck_names(&mut db, report).await?;
        self.fsck_parts(&mut db, report).await?;
        let texts = values![self.id(), DERIVED];
        let rows = sql::fetch(&mut db, statements::MAIL_BUCKETS, texts).await?;
        let buckets = rows
            .iter()
            .map(|row| row.int(0))
            .collect::<Result<HashSet<i64>>>()?;
        let mut after = (i64::MIN, i64::MIN);
        loop {
            let lookups = sql::fetch(
                &mut db,
                statements::COPY_LOOKUPS,
                values![self.id(), after.0, after.1],
            )
            .await?;
            if lookups.is_empty() {
                return Ok(());
            }
            let mut clear = HashMap::new();
            let mut wanted = Vec::with_capacity(lookups.len());
            for row in &lookups {
                let id = row.int(0)?;
                after = (row.int(3)?, id);
                clear.insert(id, (row.int(1)?, row.int(2)?));
                wanted.push(values![self.id(), id]);
            }
            for row in statements::COPIES_BY_ID.fetch(&mut db, wanted).await? {
                let id = row.int(0)?;
                let clear = clear.get(&id).copied().unwrap_or_default();
                // What cannot be read is named by whoever reads the copy back.
                if let Ok(copy) = CopyRow::read(&row) {
                    self.fsck_copy(&copy, clear, report)?;
                    if !buckets.contains(&copy.bucket) {
                        let item = format!("copy {}", copy.digest);
                        let what = "its bucket is not one of this tenant's mail";
                        report.bad.push(Bad::new(item, what));
                    }
                }
            }
        }
    }

    /// Clear columns of a copy follow from its digest and its head.
    fn fsck_copy(
        &self,
        copy: &CopyRow,
        (prefix, header_key): (i64, i64),
        report: &mut FsckReport,
    ) -> Result<()> {
        let item = format!("copy {}", copy.digest);
        if prefix != copy.digest.prefix() {
            report.bad.push(Bad::new(
                &item,
                "its look-up column is not the beginning of its digest",
            ));
        }
        let head = match copy.head(&self.state.keys) {
            Ok(head) => head,
            Err(error) => {
                report.bad.push(Bad::of(item, error)?);
                return Ok(());
            }
        };
        if copy.day != day(head.sent) {
            report
                .bad
                .push(Bad::new(&item, "its day is not that of its Date field"));
        }
        let facts = Facts::other().with_head(&head);
        let hash = facts
            .header_key()
            .map_or(0, |key| self.state.keys.lookup(b"header", &key.digest().0));
        if header_key != hash {
            report
                .bad
                .push(Bad::new(&item, "its header key is not that of its head"));
        }
        Ok(())
    }

    async fn fsck_parts(&self, db: &mut AnyConnection, report: &mut FsckReport) -> Result<()> {
        let mut after = (i64::MIN, i64::MIN);
        loop {
            let rows = sql::fetch(
                db,
                statements::PART_LOOKUPS,
                values![self.id(), after.0, after.1],
            )
            .await?;
            for row in &rows {
                let id = row.int(0)?;
                after = (row.int(3)?, id);
                let prefix = row.int(1)?;
                if !row
                    .array(2)
                    .is_ok_and(|address| Digest(address).prefix() == prefix)
                {
                    let what = "its look-up column is not the beginning of its address";
                    report.bad.push(Bad::new(format!("part row {id}"), what));
                }
            }
            if rows.is_empty() {
                return Ok(());
            }
        }
    }

    /// Names open, and their hashes are what look-ups ask for.
    async fn fsck_names(&self, db: &mut AnyConnection, report: &mut FsckReport) -> Result<()> {
        for row in sql::fetch(db, statements::MAILBOXES, values![self.id()]).await? {
            let item = format!("mailbox row {}", row.int(0)?);
            match self.open_name(b"mailbox", &row.blob(2)?) {
                Ok(name)
                    if self.state.keys.lookup(b"mailbox", &mailbox_key(&name)) == row.int(1)? => {}
                Ok(_) => report
                    .bad
                    .push(Bad::new(item, "its hash is not that of its name")),
                Err(error) => report.bad.push(Bad::of(item, error)?),
            }
        }
        for row in sql::fetch(db, statements::FOLDERS, values![self.id()]).await? {
            let item = format!("folder row {}", row.int(0)?);
            match self.open_name(b"folder", &row.blob(3)?) {
                Ok(name) if self.state.keys.lookup(b"folder", name.as_bytes()) == row.int(2)? => {}
                Ok(_) => report
                    .bad
                    .push(Bad::new(item, "its hash is not that of its name")),
                Err(error) => report.bad.push(Bad::of(item, error)?),
            }
        }
        Ok(())
    }
}
