//! Import jobs: resumable, listed, undone.

use everpost_domain::log::{ActionRecord, EventKind, SALT_BYTES};
use everpost_domain::text::fold_exact;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{Counter, statements, take_ids};
use crate::clock::now_us;
use crate::error::{Result, StoreError};
use crate::seal::random;
use crate::search::name_of;
use crate::tenant::Tenant;

/// What a job is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// Started and not finished: running now, or to be resumed.
    Running = 1,
    /// Everything was seen.
    Done = 2,
    /// Undone: what only this job brought is hidden.
    Withdrawn = 3,
}

/// The balance of a job: `seen` = `stored` + `duplicate` + `rejected` + `failed`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Items of the source in the chosen range.
    pub seen: u64,
    /// Bytes not seen before in this tenant and store.
    pub stored: u64,
    /// The very same bytes again.
    pub duplicate: u64,
    /// Not a mail file, or above the size limit.
    pub rejected: u64,
    /// Could not be read.
    pub failed: u64,
    /// Not in the chosen range of dates; not in `seen`.
    pub outside: u64,
    /// Raw bytes of stored and duplicate items.
    pub bytes: u64,
}

impl Counts {
    /// True if every item seen is accounted for.
    pub fn balances(&self) -> bool {
        self.seen == self.stored + self.duplicate + self.rejected + self.failed
    }
}

/// A job as it rests in the catalog.
#[derive(Debug, Clone)]
pub struct JobInfo {
    /// Its number.
    pub id: i64,
    /// What it is doing.
    pub state: JobState,
    /// Kind and source, for people.
    pub about: String,
    /// Where to go on; the source's own language.
    pub cursor: Vec<u8>,
    /// When it began, µs since 1970.
    pub started: i64,
    /// When it last moved.
    pub updated: i64,
    /// Its balance so far.
    pub counts: Counts,
}

fn read_job(tenant: &Tenant, row: &AnyRow) -> Result<JobInfo> {
    let id = row.int(0)?;
    let state = match row.int(2)? {
        1 => JobState::Running,
        2 => JobState::Done,
        3 => JobState::Withdrawn,
        _ => {
            return Err(StoreError::damaged(
                format!("job {id}"),
                "its state is unknown",
            ));
        }
    };
    let natural = |column| {
        row.int(column)
            .map(|value| u64::try_from(value).unwrap_or(0))
    };
    Ok(JobInfo {
        id,
        state,
        about: tenant.open_name(b"job", &row.blob(3)?)?,
        // A cursor names files: sealed like everything that people could read.
        cursor: match row.blob(4)? {
            empty if empty.is_empty() => empty,
            sealed => tenant
                .state
                .keys
                .names
                .open(b"cursor", &sealed)
                .ok_or_else(|| {
                    StoreError::damaged(format!("job {id}"), "its cursor does not open")
                })?,
        },
        started: row.int(5)?,
        updated: row.int(6)?,
        counts: Counts {
            seen: natural(7)?,
            stored: natural(8)?,
            duplicate: natural(9)?,
            rejected: natural(10)?,
            failed: natural(11)?,
            outside: natural(12)?,
            bytes: natural(13)?,
        },
    })
}

impl Tenant {
    /// Starts an import, or goes on with one that did not finish: one of the same
    /// `identity` (everything that makes it the same work: kind, source, mailbox, range).
    /// `server` names the mail server that the mail lay on, for `server:`.
    pub async fn start_job(
        &self,
        about: &str,
        identity: &str,
        server: Option<&str>,
    ) -> Result<JobInfo> {
        let hash = self.state.keys.lookup(b"job", identity.as_bytes());
        let mut tx = self.store.catalog.begin().await?;
        let open =
            sql::fetch_optional(&mut tx, statements::OPEN_JOB, values![self.id(), hash]).await?;
        let id = match open {
            Some(row) => row.int(0)?,
            None => {
                let id = take_ids(&mut tx, Counter::Job, 1).await?;
                let about = self.state.keys.names.seal(b"job", about.as_bytes())?;
                let server = match server {
                    Some(name) => self.server(&mut tx, name).await?,
                    None => 0,
                };
                let row = values![
                    id,
                    self.id(),
                    1,
                    JobState::Running as i64,
                    hash,
                    about,
                    Vec::new(),
                    now_us(),
                    server,
                ];
                sql::execute(&mut tx, statements::INSERT_JOB, row).await?;
                id
            }
        };
        tx.commit().await?;
        self.job(id).await
    }

    /// The keyed hash of a server's name, which is kept to be listed.
    async fn server(&self, db: &mut AnyConnection, name: &str) -> Result<i64> {
        let name = name_of("server", name)?;
        let hash = self.server_hash(&fold_exact(&name));
        let sealed = self.state.keys.names.seal(b"server", name.as_bytes())?;
        sql::execute(
            db,
            statements::INSERT_SERVER,
            values![self.id(), hash, sealed],
        )
        .await?;
        Ok(hash)
    }

    /// By what a server's folded name is looked up.
    pub(crate) fn server_hash(&self, name: &str) -> i64 {
        self.state.keys.lookup(b"server", name.as_bytes())
    }

    /// The servers that jobs named, by name.
    pub async fn servers(&self) -> Result<Vec<String>> {
        let mut db = self.store.catalog.read().await?;
        let rows = sql::fetch(&mut db, statements::SERVERS, values![self.id()]).await?;
        let names = rows
            .iter()
            .map(|row| self.open_name(b"server", &row.blob(0)?));
        let mut names = names.collect::<Result<Vec<String>>>()?;
        names.sort();
        Ok(names)
    }

    /// Marks a job as done; one that was withdrawn meanwhile stays withdrawn.
    pub async fn finish_job(&self, id: i64) -> Result<JobInfo> {
        let mut tx = self.store.catalog.begin().await?;
        let row = values![self.id(), id, JobState::Done as i64, now_us()];
        sql::execute(&mut tx, statements::SET_JOB_STATE, row).await?;
        tx.commit().await?;
        self.job(id).await
    }

    /// All jobs, oldest first.
    pub async fn jobs(&self) -> Result<Vec<JobInfo>> {
        let mut db = self.store.catalog.read().await?;
        let rows = sql::fetch(&mut db, statements::JOBS, values![self.id()]).await?;
        rows.iter().map(|row| read_job(self, row)).collect()
    }

    /// One job.
    pub async fn job(&self, id: i64) -> Result<JobInfo> {
        let jobs = self.jobs().await?;
        jobs.into_iter()
            .find(|job| job.id == id)
            .ok_or_else(|| StoreError::NotFound(format!("job {id}")))
    }

    /// What a job could not import, by position in its source.
    pub async fn job_errors(&self, id: i64) -> Result<Vec<(u64, String)>> {
        let mut db = self.store.catalog.read().await?;
        let rows = sql::fetch(&mut db, statements::JOB_ERRORS, values![self.id(), id]).await?;
        rows.iter()
            .map(|row| {
                let position = u64::try_from(row.int(0)?).unwrap_or(0);
                Ok((position, self.open_name(b"job_error", &row.blob(1)?)?))
            })
            .collect()
    }

    /// Remembers how to go on with a job after a restart; `what` is the caller's own language.
    pub async fn keep_task(&self, job: i64, what: &[u8]) -> Result<()> {
        let sealed = self.state.keys.names.seal(b"task", what)?;
        let mut tx = self.store.catalog.begin().await?;
        let row = values![self.id(), job, sealed];
        sql::execute(&mut tx, statements::INSERT_TASK, row).await?;
        tx.commit().await
    }

    /// Jobs that were kept and not dropped.
    pub async fn tasks(&self) -> Result<Vec<(i64, Vec<u8>)>> {
        let mut db = self.store.catalog.read().await?;
        let rows = sql::fetch(&mut db, statements::TASKS, values![self.id()]).await?;
        rows.iter()
            .map(|row| {
                let job = row.int(0)?;
                let what = self.state.keys.names.open(b"task", &row.blob(1)?);
                let what = what.ok_or_else(|| {
                    StoreError::damaged(format!("task of job {job}"), "it does not open")
                })?;
                Ok((job, what))
            })
            .collect()
    }

    /// Forgets how to go on with a job.
    pub async fn drop_task(&self, job: i64) -> Result<()> {
        let mut tx = self.store.catalog.begin().await?;
        sql::execute(&mut tx, statements::DELETE_TASK, values![self.id(), job]).await?;
        tx.commit().await
    }

    /// Undoes an import: its deliveries and placements no longer count, and copies that
    /// came by no other way are hidden from search. Nothing is destroyed: that takes a
    /// purge plan. One event in the log says who did it and why.
    pub async fn withdraw_job(&self, id: i64, actor: &str, reason: &str) -> Result<JobInfo> {
        let withdrawn = || StoreError::Invalid(format!("job {id} is withdrawn already"));
        let job = self.job(id).await?;
        if job.state == JobState::Withdrawn {
            return Err(withdrawn());
        }
        let mut tx = self.store.catalog.begin().await?;
        let row = values![self.id(), id, JobState::Withdrawn as i64, now_us()];
        if sql::execute(&mut tx, statements::SET_JOB_STATE, row).await? != 1 {
            return Err(withdrawn());
        }
        sql::execute(
            &mut tx,
            statements::DROP_OWNERS_OF_JOB,
            values![self.id(), id],
        )
        .await?;
        let record = ActionRecord {
            actor: actor.into(),
            subject: id.to_le_bytes().to_vec(),
            reason: reason.into(),
        };
        self.record_action(&mut tx, EventKind::ImportWithdrawn, &record.encode())
            .await?;
        tx.commit().await?;
        self.job(id).await
    }

    /// Adds an event that concerns no copy to the order, and so to the log.
    pub(crate) async fn record_action(
        &self,
        db: &mut AnyConnection,
        kind: EventKind,
        record: &[u8],
    ) -> Result<()> {
        let salt: [u8; SALT_BYTES] = random()?;
        let note = self
            .state
            .keys
            .names
            .seal(b"event", &[salt.as_slice(), record].concat())?;
        let id = take_ids(db, Counter::Event, 1).await?;
        let seq = crate::admit::next_seq(db, self.id()).await?;
        let row = values![
            id,
            self.id(),
            seq,
            i64::from(kind.code()),
            now_us(),
            0,
            note
        ];
        statements::INSERT_EVENTS.execute(db, vec![row]).await?;
        Ok(())
    }
}
