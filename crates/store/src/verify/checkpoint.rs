//! Signed heads: ours, and one that somebody kept elsewhere.

use everpost_domain::log::{Checkpoint, Note, verify_consistency};
use sqlx::AnyConnection;

use super::Bad;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::error::{Result, StoreError};
use crate::tenant::Tenant;

impl Tenant {
    /// The newest checkpoint if it is whole and signed by the log; `None` before the first.
    pub(crate) async fn signed_head(&self, db: &mut AnyConnection) -> Result<Option<Checkpoint>> {
        let Some(row) = sql::fetch_optional(db, statements::LOG, values![self.id()]).await? else {
            return Ok(None);
        };
        self.open_head(db, &row.blob(2)?).await.map(Some)
    }

    /// A checkpoint as the log's row has it, if it is whole and signed by the log.
    pub(crate) async fn open_head(
        &self,
        db: &mut AnyConnection,
        note: &[u8],
    ) -> Result<Checkpoint> {
        let wrong = |what: String| StoreError::damaged("checkpoint", what);
        let note = Note::parse(note).map_err(|error| wrong(error.to_string()))?;
        let key = self.log_signer(db).await?.key().clone();
        Checkpoint::open(&note, &key).map_err(|error| wrong(error.to_string()))
    }

    /// Checks a checkpoint of this log that was kept elsewhere: its signature, and that
    /// the log as it is now goes on from it. Says what is wrong: a checkpoint of more
    /// leaves than we have means that the archive was set back.
    pub async fn verify_checkpoint(&self, note: &[u8]) -> Result<Vec<Bad>> {
        let _alone = self.state.following.lock().await;
        let mut db = self.store.catalog.read().await?;
        let item = "checkpoint";
        let bad = |what: String| Ok(vec![Bad::new(item, what)]);
        let key = self.log_signer(&mut db).await?.key().clone();
        let note = match Note::parse(note) {
            Ok(note) => note,
            Err(error) => return bad(error.to_string()),
        };
        let kept = match Checkpoint::open(&note, &key) {
            Ok(kept) => kept,
            Err(error) => return bad(error.to_string()),
        };
        let head = match self.signed_head(&mut db).await {
            Ok(Some(head)) => head,
            Ok(None) => {
                return bad(format!(
                    "it has {} leaves, this log none: the archive was set back",
                    kept.size()
                ));
            }
            Err(error) => return Ok(vec![Bad::of("checkpoint of this archive", error)?]),
        };
        drop(db);
        if kept.size() > head.size() {
            return bad(format!(
                "it has {} leaves, this log only {}: the archive was set back",
                kept.size(),
                head.size()
            ));
        }
        let proof = match self.prove_consistency(kept.size()).await {
            Ok(proof) => proof,
            Err(error) => return Ok(vec![Bad::of(item, error)?]),
        };
        match verify_consistency(kept.size(), kept.root(), head.size(), head.root(), &proof) {
            Ok(()) => Ok(Vec::new()),
            Err(error) => bad(format!("this log does not go on from it: {error}")),
        }
    }
}
