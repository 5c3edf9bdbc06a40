//! A folder as one connection shows it: message numbers, and what its client was told.

use std::collections::BTreeSet;

use everpost_codec::imap::answer;
use everpost_codec::imap::set::{Numbers, Saved};
use everpost_store::{Changes, Flags, Folder, Replica, Row, StoreError};

use super::Told;

/// A selected folder.
///
/// A message number is a place in `rows`. What is expunged elsewhere keeps its place until the client may be told (RFC 9051
/// §7.5.1): numbers that it has sent already must mean what it meant.
pub(super) struct View {
    pub(super) folder: Folder,
    pub(super) read_only: bool,
    pub(super) keywords: Vec<String>,
    /// What the last SEARCH with SAVE found: UIDs.
    pub(super) saved: BTreeSet<u32>,
    rows: Vec<Row>,
    /// UIDs of rows that are gone, and whose client does not know.
    gone: BTreeSet<u32>,
    /// Up to which the client was told.
    modseq: u64,
}

impl View {
    pub(super) async fn open(
        replica: &Replica,
        folder: u32,
        read_only: bool,
    ) -> Result<Self, StoreError> {
        let keywords = replica.keywords().await?;
        let Changes { folder, rows, .. } = replica.changes(folder, 0).await?;
        Ok(View {
            modseq: folder.modseq,
            folder,
            read_only,
            keywords,
            saved: BTreeSet::new(),
            rows,
            gone: BTreeSet::new(),
        })
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(super) fn row(&self, place: usize) -> Option<&Row> {
        self.rows.get(place)
    }

    /// How many the client knows of.
    pub(super) fn exists(&self) -> u32 {
        number(self.rows.len())
    }

    pub(super) fn modseq(&self) -> u64 {
        self.modseq
    }

    fn place(&self, uid: u32) -> Option<usize> {
        self.rows.binary_search_by_key(&uid, |row| row.uid).ok()
    }

    pub(super) fn largest_uid(&self) -> u32 {
        self.rows.last().map_or(0, |row| row.uid)
    }

    /// The first message without `\Seen`.
    pub(super) fn first_unseen(&self) -> Option<u32> {
        let unseen = |row: &Row| !row.flags.has(Flags::SEEN);
        self.rows
            .iter()
            .position(unseen)
            .map(|place| number(place + 1))
    }

    /// Places of the messages of a set, ascending; UIDs of none are passed over.
    ///
    /// # Errors
    /// A number beyond the last message: the client is wrong about the folder, and told so.
    pub(super) fn resolve(&self, set: &Saved<Numbers>, uid: bool) -> Result<Vec<usize>, Told> {
        let set = match set {
            Saved::Saved => {
                let places = self.saved.iter().filter_map(|uid| self.place(*uid));
                return Ok(places.collect());
            }
            Saved::These(set) => set,
        };
        let mut places = Vec::new();
        match uid {
            true => {
                for (first, last) in set.ranges(self.largest_uid()) {
                    let from = self.rows.partition_point(|row| row.uid < first);
                    let to = self.rows.partition_point(|row| row.uid <= last);
                    places.extend(from..to);
                }
            }
            false => {
                for (first, last) in set.ranges(self.exists()) {
                    if last > self.exists() {
                        return Err(Told::bad("there is no message of that number"));
                    }
                    let place = |number: u32| usize::try_from(number).unwrap_or(usize::MAX) - 1;
                    places.extend(place(first.max(1))..=place(last.max(1)));
                }
                places.retain(|place| *place < self.rows.len());
            }
        }
        Ok(places)
    }

    pub(super) fn uids(&self, places: &[usize]) -> Vec<u32> {
        let rows = places.iter().filter_map(|place| self.rows.get(*place));
        rows.map(|row| row.uid).collect()
    }

    /// What was brought of messages of which only the header was here.
    pub(super) fn filled<'r>(&mut self, rows: impl Iterator<Item = &'r Row>) {
        for row in rows {
            let place = self.place(row.uid);
            let known = place.and_then(|place| self.rows.get_mut(place));
            if let Some(known) = known.filter(|known| known.copy == 0) {
                (known.copy, known.size) = (row.copy, row.size);
            }
        }
    }

    /// What this connection changed: it knows already, or is told by the answer to its command.
    pub(super) fn know(&mut self, rows: &[Row]) {
        for row in rows {
            if let Some(place) = self.place(row.uid)
                && let Some(known) = self.rows.get_mut(place)
            {
                *known = *row;
            }
        }
    }

    /// Looks what is new, and tells it; expunged messages only where `may_expunge` says so.
    pub(super) async fn refresh(
        &mut self,
        replica: &Replica,
        may_expunge: bool,
        how: How,
        out: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        match replica.changes(self.folder.id, self.modseq).await {
            Ok(changes) => {
                let known = |uid: &&u32| self.place(**uid).is_some();
                let gone: Vec<u32> = changes.gone.iter().filter(known).copied().collect();
                self.gone.extend(gone);
                if may_expunge {
                    self.tell_gone(how, out);
                }
                self.learn(replica, changes, how, out).await
            }
            // The folder is gone, and stays, empty, while it is looked at.
            Err(StoreError::NotFound(_)) => {
                self.gone.extend(self.rows.iter().map(|row| row.uid));
                if may_expunge {
                    self.tell_gone(how, out);
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn learn(
        &mut self,
        replica: &Replica,
        changes: Changes,
        how: How,
        out: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        let bits = changes.rows.iter().fold(0, |bits, row| bits | row.flags.0);
        if bits
            >> Flags::FIRST_KEYWORD
                .saturating_add(self.keywords.len())
                .min(63)
            != 0
        {
            self.keywords = replica.keywords().await?;
            answer::flags_line(out, self.flag_names());
        }
        let mut new = false;
        for row in changes.rows {
            match self.place(row.uid) {
                Some(place) => {
                    let known = self.rows.get_mut(place);
                    if let Some(known) = known.filter(|known| known.modseq != row.modseq) {
                        *known = row;
                        self.tell_flags(&row, how, out);
                    }
                }
                // A row that was told as gone does not come again: its UID is never given twice.
                None if row.uid > self.largest_uid() => {
                    self.rows.push(row);
                    new = true;
                }
                None => {}
            }
        }
        self.modseq = changes.folder.modseq;
        self.folder = changes.folder;
        if new {
            answer::exists(out, self.exists());
            if !how.rev2 {
                answer::recent(out, 0);
            }
        }
        Ok(())
    }

    /// Takes what is gone out of the numbers.
    fn tell_gone(&mut self, how: How, out: &mut Vec<u8>) {
        let gone = std::mem::take(&mut self.gone);
        if gone.is_empty() {
            return;
        }
        if how.qresync {
            answer::vanished(out, false, &Numbers::of(gone.iter().copied()));
        } else {
            for uid in gone.iter().rev() {
                if let Some(place) = self.place(*uid) {
                    answer::expunged(out, number(place + 1));
                }
            }
        }
        self.rows.retain(|row| !gone.contains(&row.uid));
    }

    /// A FETCH of the flags of a message.
    pub(super) fn tell_flags(&self, row: &Row, how: How, out: &mut Vec<u8>) {
        let Some(place) = self.place(row.uid) else {
            return;
        };
        let mut fetch = answer::Fetch::new(out, number(place + 1));
        fetch.uid(row.uid);
        fetch.flags(row.flags.names(&self.keywords));
        if how.condstore {
            fetch.modseq(row.modseq);
        }
        fetch.end();
    }

    /// All flags that a message may have here.
    pub(super) fn flag_names(&self) -> Vec<&str> {
        let all = ["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"];
        let keywords = self.keywords.iter().map(String::as_str);
        all.into_iter().chain(keywords).collect()
    }
}

/// What a client enabled, as far as it changes what it is told.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct How {
    pub(super) condstore: bool,
    pub(super) qresync: bool,
    pub(super) rev2: bool,
    pub(super) utf8: bool,
}

/// IMAP counts in 32 bits; a folder has no more UIDs than that.
pub(super) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
