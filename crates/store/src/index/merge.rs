//! Makes one split of several.

use super::assemble::{Built, Summary, assemble};
use super::directory::SealedDirectory;
use super::error::guarded;
use super::hot::WHOLE;
use super::schema::{schema, settings};
use super::{ANALYSER_VERSION, IndexError, Part, SplitId};
use roaring::RoaringTreemap;
use std::path::Path;
use tantivy::BitSet;
use tantivy::directory::OwnedBytes;
use tantivy::fastfield::{AliveBitSet, write_alive_bitset};
use tantivy::indexer::merge_filtered_segments;

/// Merges splits into one under `key`, without their dead documents and without the copies
/// whose seq is in `hidden`.
/// The result holds nothing of those: neither postings nor terms that only they had.
/// `None` if nothing is left. Give the splits in the order of their seqs, so that the
/// result keeps it.
pub fn merge(
    parts: &[Part],
    hidden: &RoaringTreemap,
    out_dir: &Path,
    key: &[u8; 32],
) -> Result<Option<Built>, IndexError> {
    let id = SplitId::random()?;
    let mut summary = Summary {
        docs: 0,
        seq_min: u64::MAX,
        seq_max: 0,
        whole: WHOLE,
    };
    let mut segments = Vec::new();
    let mut filters = Vec::new();
    for part in parts {
        let split = &part.split;
        if split.analyser() != ANALYSER_VERSION {
            // Terms of two analysers in one split could not be told apart again.
            return Err(IndexError::Version {
                split: split.id(),
                what: "analyser",
                found: split.analyser(),
            });
        }
        let opened = split.opened()?;
        let mut alive = BitSet::with_max_value_and_full(opened.docs);
        let mut kept = 0u64;
        for doc in 0..opened.docs {
            let seq = opened.seq(doc);
            if hidden.contains(seq) || part.dead.contains(seq) {
                alive.remove(doc);
                continue;
            }
            kept += 1;
            summary.seq_min = summary.seq_min.min(seq);
            summary.seq_max = summary.seq_max.max(seq);
        }
        if kept == 0 {
            continue;
        }
        summary.docs += kept;
        filters.push(if kept == u64::from(opened.docs) {
            None
        } else {
            let mut bytes = Vec::new();
            write_alive_bitset(&alive, &mut bytes)?;
            Some(AliveBitSet::open(OwnedBytes::new(bytes)))
        });
        if opened.segment.schema() != schema().0 {
            return Err(IndexError::Engine {
                split: split.id(),
                what: "its fields are not those of this version".to_owned(),
            });
        }
        segments.push(opened.segment.clone());
    }
    if segments.is_empty() {
        return Ok(None);
    }
    let directory = SealedDirectory::new(out_dir)?;
    guarded(id, || {
        merge_filtered_segments(&segments, settings(), filters, directory.clone())
            .map(drop)
            .map_err(|error| IndexError::from_engine(id, error))
    })?;
    assemble(&directory, out_dir, id, key, &summary).map(Some)
}
