//! Messages made ready to be answered: what rows and summaries know, and the bytes where these do not do.
//!
//! They are opened some megabytes at a time, the next while the last are sent, so that memory does not grow with what is asked
//! for.

use std::collections::{BTreeMap, VecDeque};
use std::vec::IntoIter;

use everpost_codec::imap::command::{FetchItem, Form};
use everpost_store::{Row, StoreError};

use super::bodies::Bringing;
use super::summary::{Summary, is_kept};

/// Messages answered between two writes, where none is opened.
const ROWS: usize = 2_000;
/// Bytes of messages that are opened at a time; one may be larger.
const OPENED: u64 = 4 << 20;
/// Messages that are opened at a time.
const MOST_OPENED: usize = 256;

/// What has to be read to answer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Needs {
    /// The summary.
    summary: bool,
    /// Of the summary the structure.
    structure: bool,
    /// Of the summary the kept fields.
    fields: bool,
    /// That there is a copy, whatever is in it.
    copy: bool,
    /// The copy's bytes.
    bytes: bool,
    /// `\Seen` is set by it.
    pub(super) seen: bool,
}

impl Needs {
    pub(super) fn of(items: &[FetchItem]) -> Self {
        let mut needs = Needs::default();
        for item in items {
            match item {
                FetchItem::Envelope => needs.summary = true,
                FetchItem::BodyStructure => (needs.summary, needs.structure) = (true, true),
                // RFC 8474 §5.1: it may neither be NIL nor change, and it is the copy's. So the copy has to be here first.
                FetchItem::EmailId => needs.copy = true,
                FetchItem::Section { section, peek, .. } if is_kept(section) => {
                    (needs.summary, needs.fields) = (true, true);
                    needs.seen |= !peek;
                }
                FetchItem::Section { peek, form, .. } => {
                    needs.bytes = true;
                    needs.seen |= !peek && *form != Form::Rfc822Header;
                }
                FetchItem::Body | FetchItem::Preview | FetchItem::BinarySize(_) => {
                    needs.bytes = true;
                }
                _ => {}
            }
        }
        needs
    }

    /// Whether a message has to be opened of which that much is known.
    fn opens(self, summary: Option<&Summary>) -> bool {
        let does = |summary: &Summary| {
            (!self.structure || !summary.structure.is_empty())
                && (!self.fields || !summary.header.is_empty())
        };
        self.bytes || (self.summary && !summary.is_some_and(does))
    }
}

/// What is known of a message that is answered.
pub(super) struct Opened {
    pub(super) place: usize,
    pub(super) row: Row,
    pub(super) summary: Option<Summary>,
    pub(super) raw: Option<Vec<u8>>,
}

/// Messages that are being opened, in their order.
pub(super) struct Opening {
    needs: Needs,
    bringing: Bringing,
    rest: IntoIter<(usize, Row)>,
    /// Their summaries were read.
    known: VecDeque<Opened>,
}

impl Opening {
    pub(super) fn new(needs: Needs, bringing: Bringing, rows: Vec<(usize, Row)>) -> Self {
        Opening {
            needs,
            bringing,
            rest: rows.into_iter(),
            known: VecDeque::new(),
        }
    }

    /// Nothing is left to be opened.
    pub(super) fn is_done(&self) -> bool {
        self.rest.as_slice().is_empty() && self.known.is_empty()
    }

    /// Some messages could not be had, and were left out.
    pub(super) fn lacks(&self) -> bool {
        self.bringing.lacks
    }

    /// The next messages that are answered together.
    pub(super) async fn next(mut self) -> Result<(Self, Vec<Opened>), StoreError> {
        if self.known.is_empty() {
            self.look().await?;
        }
        let mut batch = self.batch();
        self.bring(&mut batch).await?;
        self.read(&mut batch).await?;
        Ok((self, batch))
    }

    /// Reads summaries ahead, where they are asked for.
    async fn look(&mut self) -> Result<(), StoreError> {
        let rows: Vec<(usize, Row)> = self.rest.by_ref().take(ROWS).collect();
        let mut summaries = match self.needs.summary {
            true => self.summaries(rows.iter().map(|(_, row)| row.uid)).await?,
            false => BTreeMap::new(),
        };
        self.known = rows
            .into_iter()
            .map(|(place, row)| Opened {
                place,
                row,
                summary: summaries.remove(&row.uid),
                raw: None,
            })
            .collect();
        Ok(())
    }

    async fn summaries(
        &self,
        uids: impl Iterator<Item = u32>,
    ) -> Result<BTreeMap<u32, Summary>, StoreError> {
        let uids: Vec<u32> = uids.collect();
        let kept = self.bringing.replica.summaries(self.bringing.folder, &uids);
        let kept = kept.await?.into_iter();
        let decoded = kept.filter_map(|(uid, kept)| Some((uid, Summary::decode(&kept)?)));
        Ok(decoded.collect())
    }

    /// Takes as many as are opened together.
    fn batch(&mut self) -> Vec<Opened> {
        let (mut batch, mut count, mut bytes) = (Vec::new(), 0, 0_u64);
        while let Some(one) = self.known.front() {
            if self.is_wanted(one) {
                count += 1;
                bytes = bytes.saturating_add(one.row.size);
                if count > 1 && (count > MOST_OPENED || bytes > OPENED) {
                    break;
                }
            }
            batch.extend(self.known.pop_front());
        }
        batch
    }

    /// Whether more than its row and its summary is needed of a message.
    fn is_wanted(&self, one: &Opened) -> bool {
        self.needs.opens(one.summary.as_ref()) || (self.needs.copy && one.row.copy == 0)
    }

    /// Sees to it that the bytes are here of what is opened. Messages that are gone, or cannot be had, are left out.
    async fn bring(&mut self, batch: &mut Vec<Opened>) -> Result<(), StoreError> {
        let is_absent = |one: &&Opened| one.row.copy == 0 && self.is_wanted(one);
        let absent: Vec<u32> = batch
            .iter()
            .filter(is_absent)
            .map(|one| one.row.uid)
            .collect();
        if absent.is_empty() {
            return Ok(());
        }
        let rows = self.bringing.bring(absent.clone()).await?;
        let here = rows.iter().filter(|row| row.copy != 0);
        let here: BTreeMap<u32, &Row> = here.map(|row| (row.uid, row)).collect();
        let mut summaries = match self.needs.summary {
            true => self.summaries(here.keys().copied()).await?,
            false => BTreeMap::new(),
        };
        batch.retain_mut(|one| {
            if !absent.contains(&one.row.uid) {
                return true;
            }
            let Some(row) = here.get(&one.row.uid) else {
                return false;
            };
            // Flags and MODSEQ stay as the program was told of them.
            (one.row.copy, one.row.size) = (row.copy, row.size);
            if let Some(summary) = summaries.remove(&row.uid) {
                one.summary = Some(summary);
            }
            true
        });
        Ok(())
    }

    /// Reads the bytes of what is opened.
    async fn read(&self, batch: &mut [Opened]) -> Result<(), StoreError> {
        let needs = self.needs;
        let mut opened: Vec<&mut Opened> = batch
            .iter_mut()
            .filter(|one| needs.opens(one.summary.as_ref()))
            .collect();
        if opened.is_empty() {
            return Ok(());
        }
        let copies: Vec<i64> = opened.iter().map(|one| one.row.copy).collect();
        let mut failed = None;
        let tenant = self.bringing.replica.tenant();
        let read = tenant.read_copies(&copies, |at, raw| {
            match (raw, opened.get_mut(at)) {
                (Ok(raw), Some(one)) => one.raw = Some(raw),
                (Err(error), _) => failed = Some(error),
                (Ok(_), None) => {}
            }
            failed.is_none()
        });
        read.await?;
        failed.map_or(Ok(()), Err)
    }
}
