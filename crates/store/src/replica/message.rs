//! Messages of a folder: what they are called there, and orders that change them.

use everpost_domain::digest::Digest;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::Replica;
use super::flags::{FlagOrder, Flags};
use super::folder::{Folder, number};
use crate::catalog::sql::{self, Columns, Value, values};
use crate::catalog::statements;
use crate::clock::now_us;
use crate::error::{Result, StoreError};

/// Messages that one order adds, copies or moves.
const MOST_AT_ONCE: usize = 100_000;

/// A message of a folder, without what is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Its UID.
    pub uid: u32,
    /// The copy that has its bytes: a number of this archive.
    pub copy: i64,
    /// Its flags.
    pub flags: Flags,
    /// MODSEQ.
    pub modseq: u64,
    /// INTERNALDATE, in seconds since 1970.
    pub date: i64,
    /// When it came into this folder, µs since 1970.
    pub saved: i64,
    /// Bytes that IMAP shows of it.
    pub size: u64,
}

impl Row {
    pub(super) fn read(row: &AnyRow) -> Result<Row> {
        Ok(Row {
            uid: number(row.int(0)?)?,
            copy: row.int(1)?,
            flags: Flags(row.int(2)?.cast_unsigned()),
            modseq: row.int(3)?.unsigned_abs(),
            date: row.int(4)?,
            saved: row.int(5)?,
            size: row.int(6)?.unsigned_abs(),
        })
    }
}

/// A message that is to come into a folder. Its bytes were admitted before.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// The copy.
    pub copy: Digest,
    /// Its flags.
    pub flags: Flags,
    /// INTERNALDATE, in seconds since 1970.
    pub date: i64,
    /// Bytes that IMAP shows of it.
    pub size: u64,
    /// What whoever shows it wants to know without opening it; sealed, and given back as it is.
    pub summary: Vec<u8>,
}

/// Where messages went by a copy or a move.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// UIDs in the folder that they are from.
    pub from: Vec<u32>,
    /// UIDs in the folder that they went to, in the same order.
    pub to: Vec<u32>,
}

impl Replica {
    /// Puts messages into a folder, in their order; their UIDs. `is_new`: mail that came, which raises the indicator.
    pub async fn append(
        &self,
        folder: u32,
        messages: &[NewMessage],
        is_new: bool,
    ) -> Result<Vec<u32>> {
        let mut tx = self.tenant.store.catalog.begin().await?;
        let uids = self.append_in(&mut tx, folder, messages, is_new).await?;
        tx.commit().await?;
        self.tell();
        Ok(uids)
    }

    /// As [`Replica::append`], within a transaction.
    pub(crate) async fn append_in(
        &self,
        tx: &mut AnyConnection,
        folder: u32,
        messages: &[NewMessage],
        is_new: bool,
    ) -> Result<Vec<u32>> {
        let into = self.folder_in(tx, folder).await?;
        let (uids, modseq) = self.advance(tx, &into, messages.len()).await?;
        let saved = now_us();
        let mut rows = Vec::with_capacity(messages.len());
        for (message, uid) in messages.iter().zip(&uids) {
            let copy = self.tenant.find_copy(tx, &message.copy).await?.id;
            let row = Row {
                uid: *uid,
                copy,
                flags: message.flags,
                modseq,
                date: message.date,
                saved,
                size: message.size,
            };
            rows.push(self.values(folder, &row, &message.summary)?);
        }
        statements::INSERT_REPLICA_MESSAGES
            .execute(tx, rows)
            .await?;
        if is_new {
            let count = i64::try_from(messages.len()).unwrap_or(i64::MAX);
            let row = values![self.tenant.id(), self.id, count];
            sql::execute(tx, statements::RAISE_INDICATOR, row).await?;
        }
        Ok(uids)
    }

    /// Gives out UIDs of a folder, and a MODSEQ.
    async fn advance(
        &self,
        tx: &mut AnyConnection,
        folder: &Folder,
        count: usize,
    ) -> Result<(Vec<u32>, u64)> {
        let full = || StoreError::Invalid(format!("folder {} has no UIDs left", folder.name));
        if count > MOST_AT_ONCE {
            return Err(StoreError::Invalid(format!(
                "at most {MOST_AT_ONCE} messages at once"
            )));
        }
        let count = u32::try_from(count).map_err(|_| full())?;
        let next = folder.next.checked_add(count).ok_or_else(full)?;
        let modseq = folder.modseq + 1;
        self.move_on(tx, folder.id, next, modseq).await?;
        Ok(((folder.next..next).collect(), modseq))
    }

    async fn move_on(
        &self,
        tx: &mut AnyConnection,
        folder: u32,
        next: u32,
        modseq: u64,
    ) -> Result<()> {
        let row = values![
            self.tenant.id(),
            i64::from(folder),
            i64::from(next),
            modseq.cast_signed(),
        ];
        sql::execute(tx, statements::MOVE_ON_REPLICA_FOLDER, row).await?;
        Ok(())
    }

    fn values(&self, folder: u32, row: &Row, summary: &[u8]) -> Result<Vec<Value>> {
        let names = &self.tenant.state.keys.names;
        let sealed = names.seal(&summary_label(folder, row.uid), summary)?;
        Ok(values![
            self.tenant.id(),
            i64::from(folder),
            i64::from(row.uid),
            row.copy,
            row.flags.stored(),
            row.modseq.cast_signed(),
            row.date,
            row.saved,
            row.size.cast_signed(),
            sealed,
        ])
    }

    /// Changes flags of messages; those that are gone are passed over. Nothing changes of a message whose MODSEQ is above
    /// `unchanged_since`. Returns the rows that changed, or would not have, and the UIDs of those left alone.
    pub async fn store_flags(
        &self,
        folder: u32,
        uids: &[u32],
        order: FlagOrder,
        unchanged_since: Option<u64>,
    ) -> Result<(Vec<Row>, Vec<u32>)> {
        let mut tx = self.tenant.store.catalog.begin().await?;
        let into = self.folder_in(&mut tx, folder).await?;
        let modseq = into.modseq + 1;
        let (mut done, mut left) = (Vec::new(), Vec::new());
        let mut changed = false;
        for (mut row, _) in self.rows_of(&mut tx, folder, uids).await? {
            if unchanged_since.is_some_and(|since| row.modseq > since) {
                left.push(row.uid);
                continue;
            }
            let flags = order.apply(row.flags);
            if flags != row.flags {
                (row.flags, row.modseq, changed) = (flags, modseq, true);
                let new = values![
                    self.tenant.id(),
                    i64::from(folder),
                    i64::from(row.uid),
                    flags.stored(),
                    modseq.cast_signed(),
                ];
                sql::execute(&mut tx, statements::SET_REPLICA_FLAGS, new).await?;
            }
            done.push(row);
        }
        if changed {
            self.move_on(&mut tx, folder, into.next, modseq).await?;
            tx.commit().await?;
            self.tell();
        }
        Ok((done, left))
    }

    /// Takes messages out of a folder; those that are gone already are passed over. Their UIDs.
    pub async fn expunge(&self, folder: u32, uids: &[u32]) -> Result<Vec<u32>> {
        let mut tx = self.tenant.store.catalog.begin().await?;
        let from = self.folder_in(&mut tx, folder).await?;
        let rows = self.rows_of(&mut tx, folder, uids).await?;
        let uids: Vec<u32> = rows.iter().map(|(row, _)| row.uid).collect();
        if !uids.is_empty() {
            self.remove(&mut tx, &from, &uids).await?;
            tx.commit().await?;
            self.tell();
        }
        Ok(uids)
    }

    async fn remove(&self, tx: &mut AnyConnection, from: &Folder, uids: &[u32]) -> Result<()> {
        let modseq = from.modseq + 1;
        let (tenant, folder) = (self.tenant.id(), i64::from(from.id));
        let mut gone = Vec::with_capacity(uids.len());
        for uid in uids {
            let row = values![tenant, folder, i64::from(*uid)];
            sql::execute(tx, statements::DELETE_REPLICA_MESSAGE, row).await?;
            gone.push(values![
                tenant,
                folder,
                i64::from(*uid),
                modseq.cast_signed()
            ]);
        }
        statements::INSERT_REPLICA_GONE.execute(tx, gone).await?;
        self.move_on(tx, from.id, from.next, modseq).await
    }

    /// Copies messages into another folder, or moves them there; those that are gone are passed over.
    pub async fn copy(&self, from: u32, uids: &[u32], to: u32, and_remove: bool) -> Result<Taken> {
        let mut tx = self.tenant.store.catalog.begin().await?;
        let taken = self.copy_in(&mut tx, from, uids, to, and_remove).await?;
        if !taken.from.is_empty() {
            tx.commit().await?;
            self.tell();
        }
        Ok(taken)
    }

    async fn copy_in(
        &self,
        tx: &mut AnyConnection,
        from: u32,
        uids: &[u32],
        to: u32,
        and_remove: bool,
    ) -> Result<Taken> {
        let source = self.folder_in(tx, from).await?;
        let rows = self.rows_of(tx, from, uids).await?;
        let mut taken = Taken {
            from: rows.iter().map(|(row, _)| row.uid).collect(),
            to: Vec::new(),
        };
        if rows.is_empty() {
            return Ok(taken);
        }
        if and_remove {
            self.remove(tx, &source, &taken.from).await?;
        }
        // Read after that: it may be the same folder.
        let target = self.folder_in(tx, to).await?;
        let (new, modseq) = self.advance(tx, &target, rows.len()).await?;
        let saved = now_us();
        let mut values = Vec::with_capacity(rows.len());
        for ((row, sealed), uid) in rows.iter().zip(&new) {
            let summary = self.open_summary(from, row.uid, sealed)?;
            let row = Row {
                uid: *uid,
                modseq,
                saved,
                ..*row
            };
            values.push(self.values(to, &row, &summary)?);
        }
        statements::INSERT_REPLICA_MESSAGES
            .execute(tx, values)
            .await?;
        taken.to = new;
        Ok(taken)
    }

    /// Moves all of a folder into another.
    pub(super) async fn move_everything(
        &self,
        tx: &mut AnyConnection,
        from: u32,
        to: u32,
    ) -> Result<()> {
        loop {
            let asked = values![self.tenant.id(), i64::from(from), 0];
            let rows = sql::fetch(tx, statements::REPLICA_ROWS, asked).await?;
            let uids: Vec<u32> = rows
                .iter()
                .map(|row| number(row.int(0)?))
                .collect::<Result<_>>()?;
            if uids.is_empty() {
                return Ok(());
            }
            self.copy_in(tx, from, &uids, to, true).await?;
        }
    }
}

/// What a summary is sealed for: that of one message opens for no other.
pub(super) fn summary_label(folder: u32, uid: u32) -> Vec<u8> {
    let mut label = b"replica_summary".to_vec();
    label.extend(folder.to_le_bytes());
    label.extend(uid.to_le_bytes());
    label
}
