//! What is new in a standby mailbox for a device that knows it so far.
//!
//! Messages are told in the order of their changes, so that a page may end anywhere: the mark says up to which change, and of
//! that change up to which UID. Bytes go with what the device has never seen: all from the UID on that the folder gave out
//! next when the device knew it whole the last time. What changes while pages are told is told again: that does no harm.

use std::collections::BTreeMap;

use bytes::Bytes;
use everpost_codec::link::MOST_TOGETHER;
use everpost_codec::link::message::{
    Body, FetchAnswer, FetchAsk, FolderState, Gone, Mark, RowState,
};
use everpost_domain::digest::Digest;
use everpost_store::{Changes, Folder, Replica, Row, StoreError};

/// Messages of one answer.
const MOST_ROWS: usize = 5_000;

/// An answer, and the bytes that go with it.
#[derive(Debug)]
pub struct Looked {
    /// What is said.
    pub answer: FetchAnswer,
    /// Bytes of the rows that have some, in order.
    pub messages: Vec<Bytes>,
}

/// A folder of which nothing is known.
fn unknown(folder: u32) -> Mark {
    Mark {
        folder,
        modseq: 0,
        uid: u32::MAX,
        next: 0,
    }
}

/// A row that is told, and whether its bytes go with it.
struct Told {
    folder: u32,
    row: Row,
    with_bytes: bool,
}

/// A page under way.
struct Page {
    most: u64,
    bytes: u64,
    told: Vec<Told>,
    gone: Vec<Gone>,
    more: bool,
}

impl Page {
    fn is_full(&self) -> bool {
        self.bytes >= self.most || self.told.len() >= MOST_ROWS
    }

    /// Tells what changed in a folder, as much as there is room for; how far it is known then.
    fn tell(&mut self, mark: Mark, changes: Changes) -> Mark {
        let Changes {
            folder,
            mut rows,
            gone,
        } = changes;
        if !gone.is_empty() {
            self.gone.push(Gone {
                folder: folder.id,
                uids: gone,
            });
        }
        rows.retain(|row| (row.modseq, row.uid) > (mark.modseq, mark.uid));
        rows.sort_unstable_by_key(|row| (row.modseq, row.uid));
        let whole = Mark {
            folder: folder.id,
            modseq: folder.modseq,
            uid: u32::MAX,
            next: folder.next,
        };
        let mut known = mark;
        for row in rows {
            let with_bytes = row.uid >= mark.next;
            let size = if with_bytes { row.size } else { 0 };
            let fits = self.bytes.saturating_add(size) <= self.most;
            if self.told.len() >= MOST_ROWS || !(fits || self.bytes == 0) {
                self.more = true;
                // Rows may be newer than the folder that was read before them; of those it is not known that all are there.
                let cut = (known.modseq, known.uid).min((whole.modseq, whole.uid));
                return Mark {
                    modseq: cut.0,
                    uid: cut.1,
                    ..mark
                };
            }
            self.bytes = self.bytes.saturating_add(size);
            (known.modseq, known.uid) = (row.modseq, row.uid);
            self.told.push(Told {
                folder: folder.id,
                row,
                with_bytes,
            });
        }
        whole
    }
}

fn shown(folder: Folder, mark: Mark) -> FolderState {
    FolderState {
        id: folder.id,
        name: folder.name,
        used_for: folder.used_for.map(|used| used.name().to_owned()),
        subscribed: folder.subscribed,
        next: folder.next,
        mark,
    }
}

/// What is new. `None` for a mailbox that was never made.
pub async fn look(replica: Option<&Replica>, ask: &FetchAsk) -> Result<Looked, StoreError> {
    let mut looked = Looked {
        answer: FetchAnswer {
            indicator: 0,
            folders: Vec::new(),
            rows: Vec::new(),
            gone: Vec::new(),
            more: false,
        },
        messages: Vec::new(),
    };
    let Some(replica) = replica else {
        return Ok(looked);
    };
    looked.answer.indicator = replica.indicator().await?;
    let marks: BTreeMap<u32, Mark> = ask.marks.iter().map(|mark| (mark.folder, *mark)).collect();
    let mut page = Page {
        most: ask.most.clamp(1, MOST_TOGETHER as u64),
        bytes: 0,
        told: Vec::new(),
        gone: Vec::new(),
        more: false,
    };
    for folder in replica.folders().await? {
        let mark = marks.get(&folder.id).copied();
        let mark = mark.unwrap_or_else(|| unknown(folder.id));
        let is_whole = mark.uid == u32::MAX;
        if page.is_full() || (is_whole && mark.modseq >= folder.modseq) {
            page.more |= !is_whole || mark.modseq < folder.modseq;
            looked.answer.folders.push(shown(folder, mark));
            continue;
        }
        // Of the change within which the last page ended, some are not told yet.
        let since = mark.modseq.saturating_sub(u64::from(!is_whole));
        let changes = match replica.changes(folder.id, since).await {
            Ok(changes) => changes,
            // It was deleted meanwhile.
            Err(StoreError::NotFound(_)) => continue,
            Err(error) => return Err(error),
        };
        let folder = changes.folder.clone();
        let known = page.tell(mark, changes);
        looked.answer.folders.push(shown(folder, known));
    }
    looked.answer.gone = page.gone;
    looked.answer.more = page.more;
    // After the rows: a keyword that is new has a name by now.
    let keywords = replica.keywords().await?;
    let copies = page.told.iter().filter(|told| told.with_bytes);
    let copies: Vec<i64> = copies.map(|told| told.row.copy).collect();
    let mut raws = Vec::with_capacity(copies.len());
    let read = replica.tenant().read_copies(&copies, |_, raw| {
        raws.push(raw.ok().map(Bytes::from));
        true
    });
    read.await?;
    let mut raws = raws.into_iter();
    for told in page.told {
        let raw = match told.with_bytes {
            // What is damaged is told without its bytes; `fsck` names it.
            true => raws.next().flatten(),
            false => None,
        };
        let flags = told.row.flags.names(&keywords).into_iter();
        looked.answer.rows.push(RowState {
            folder: told.folder,
            uid: told.row.uid,
            modseq: told.row.modseq,
            flags: flags.map(str::to_owned).collect(),
            date: told.row.date,
            body: raw.as_ref().map(|raw| Body {
                size: raw.len() as u64,
                sha256: Digest::of(raw),
            }),
        });
        looked.messages.extend(raw);
    }
    Ok(looked)
}
