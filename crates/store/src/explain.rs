//! Why a copy was taken for the same message as another, or was not.

use everpost_domain::digest::Digest;
use everpost_domain::identity::{
    Candidate, PartSet, PartSource, Profile, Purpose, Trace, Verdict, match_message,
};

use crate::catalog::sql::{Columns, values};
use crate::catalog::statements;
use crate::copy::{copy_key, open_head, open_record};
use crate::error::Result;
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
        let hash =
            crate::admit::header_hash(&self.state, facts.header_key().map(|key| key.digest()));
        let wanted = if hash == 0 {
            vec![]
        } else {
            vec![values![self.id(), hash]]
        };
        for found in statements::FIND_BY_HEADER.fetch(&mut db, wanted).await? {
            let (copy, digest) = (found.int(0)?, Digest(found.array(2)?));
            if copy == row.id {
                continue;
            }
            let key = copy_key(keys, &digest, &found.blob(4)?)?;
            let head = open_head(&key, &digest, &found.blob(5)?)?;
            let record = Record::decode(&open_record(&key, &digest, &found.blob(6)?)?)?;
            let size = u64::try_from(found.int(3)?).unwrap_or(0);
            candidates.push(Candidate {
                id: copy,
                facts: record.facts(&digest, size, &head),
            });
            known.candidates.push((copy, record.parts));
            names.push((copy, digest));
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
