//! Why a copy was taken for the same message as another, or was not.

use everpost_domain::digest::Digest;
use everpost_domain::identity::{
    Candidate, PartSet, PartSource, Profile, Purpose, Trace, Verdict, match_message,
};

use sqlx::AnyConnection;

use crate::admit::Prepared;
use crate::catalog::sql::{Columns, values};
use crate::catalog::statements;
use crate::copy::{copy_key, open_head, open_record};
use crate::error::{Result, StoreError};
use crate::record::Record;
use crate::tenant::Tenant;

/// What matching says of a copy among all others with its header key, as of now.
pub struct MatchExplanation {
    /// The verdict.
    pub verdict: Verdict,
    /// Each step of the procedure; `Display` is for people.
    pub trace: Trace,
    /// The copies it was compared with, by the ids that verdict and trace use.
    pub candidates: Vec<(i64, Digest)>,
}

/// Part sets of copies that were read already.
struct Known {
    new: PartSet,
    candidates: Vec<(i64, PartSet)>,
}

impl PartSource for Known {
    fn of_new(&mut self) -> PartSet {
        self.new.clone()
    }

    fn of_candidate(&mut self, id: i64) -> PartSet {
        let found = self
            .candidates
            .iter()
            .find(|(candidate, _)| *candidate == id);
        found.map_or_else(PartSet::empty, |(_, parts)| parts.clone())
    }
}

impl Tenant {
    /// All copies with a header key but `except`, with what matching asks of them.
    async fn rivals(
        &self,
        db: &mut AnyConnection,
        header_key: Option<Digest>,
        except: Option<i64>,
    ) -> Result<Vec<(Candidate, PartSet, Digest)>> {
        let keys = &self.state.keys;
        let hash = crate::admit::header_hash(&self.state, header_key);
        let wanted = if hash == 0 {
            vec![]
        } else {
            vec![values![self.id(), hash]]
        };
        let mut rivals = Vec::new();
        for found in statements::FIND_BY_HEADER.fetch(db, wanted).await? {
            let (copy, digest) = (found.int(0)?, Digest(found.array(2)?));
            if Some(copy) == except {
                continue;
            }
            let key = copy_key(keys, &digest, &found.blob(4)?)?;
            let head = open_head(&key, &digest, &found.blob(5)?)?;
            let record = Record::decode(&open_record(&key, &digest, &found.blob(6)?)?)?;
            let size = u64::try_from(found.int(3)?).unwrap_or(0);
            let candidate = Candidate {
                id: copy,
                facts: record.facts(&digest, size, &head),
            };
            rivals.push((candidate, record.parts, digest));
        }
        Ok(rivals)
    }

    /// Copies of a message that was not admitted: those that matching takes for the same, its very bytes among them; oldest
    /// first.
    pub async fn copies_like(&self, item: &Prepared) -> Result<Vec<Digest>> {
        let mut db = self.store.catalog.read().await?;
        let record = Record {
            origin: item.incoming.origin,
            held_source: item.held_source,
            server_key: None,
            parts: item.parts.clone(),
        };
        let facts = record.facts(&item.digest, item.size(), &item.head);
        let mut like = Vec::new();
        for (candidate, parts, digest) in self.rivals(&mut db, item.header_key, None).await? {
            let mut known = Known {
                new: record.parts.clone(),
                candidates: vec![(candidate.id, parts)],
            };
            let candidates = std::slice::from_ref(&candidate);
            let (verdict, _) = match_message(
                &facts,
                candidates,
                Purpose::Correlate,
                &Profile::STANDARD,
                &mut known,
            );
            if digest == item.digest || matches!(verdict, Verdict::Same { .. }) {
                like.push((candidate.id, digest));
            }
        }
        // A message without a header key is known by its bytes alone.
        match self.find_copy(&mut db, &item.digest).await {
            Ok(row) => like.push((row.id, row.digest)),
            Err(StoreError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
        like.sort_unstable_by_key(|(id, _)| *id);
        like.dedup();
        Ok(like.into_iter().map(|(_, digest)| digest).collect())
    }

    /// Runs the matching procedure for an admitted copy once more and keeps its trace.
    pub async fn explain_match(&self, id: &Digest) -> Result<MatchExplanation> {
        let keys = &self.state.keys;
        let mut db = self.store.catalog.read().await?;
        let row = self.find_copy(&mut db, id).await?;
        let head = row.head(keys)?;
        let record = Record::decode(&row.record(keys)?)?;
        let facts = record.facts(&row.digest, row.size, &head);
        let mut known = Known {
            new: record.parts,
            candidates: Vec::new(),
        };
        let mut candidates = Vec::new();
        let mut names = Vec::new();
        let header_key = facts.header_key().map(|key| key.digest());
        for (candidate, parts, digest) in self.rivals(&mut db, header_key, Some(row.id)).await? {
            names.push((candidate.id, digest));
            known.candidates.push((candidate.id, parts));
            candidates.push(candidate);
        }
        let (verdict, trace) = match_message(
            &facts,
            &candidates,
            Purpose::Correlate,
            &Profile::STANDARD,
            &mut known,
        );
        Ok(MatchExplanation {
            verdict,
            trace,
            candidates: names,
        })
    }
}
