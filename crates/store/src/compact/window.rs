//! The live runs of some packs, read once and put in order.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use everpost_domain::message::Head;
use sqlx::AnyConnection;

use super::conversation::{Order, Talk, order};
use super::plan::PackRow;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::copy::CopyRow;
use crate::error::{Result, StoreError};
use crate::tenant::Tenant;
use crate::vault::{FrameKind, FrameRow, Run, read_frame_row};
use crate::verify::Bad;

/// Runs above this are not held: they pass from frame to frame when they are written.
const LARGE: u64 = 1 << 20;

/// A run that is moved.
pub(super) struct Item {
    /// Skeletons are of copies, parts of part rows.
    pub(super) kind: FrameKind,
    /// The row that names it.
    pub(super) id: i64,
    /// Where it lies now.
    pub(super) old: Run,
    /// Its bytes; empty for large ones.
    pub(super) bytes: Bytes,
    place: Place,
}

/// What decides about neighbours: text by conversation, all else by what its first bytes
/// say it is and by size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    class: u32,
    conversation: Order,
    size: u64,
}

/// All live runs of a window.
pub(super) struct Window {
    /// In the order in which they are written.
    pub(super) items: Vec<Item>,
    pub(super) large: Vec<Item>,
    /// Frames that large runs lie in, by id.
    pub(super) frames: HashMap<i64, FrameRow>,
}

impl Window {
    pub(super) fn moved(&self) -> u64 {
        (self.items.len() + self.large.len()) as u64
    }
}

/// A window, or the pack of it that cannot be read whole.
pub(super) enum Loaded {
    Window(Window),
    Damaged(i64, Bad),
}

/// A part's row and the first copy that has it.
struct PartRow {
    id: i64,
    run: Run,
    copy: Option<i64>,
}

impl Tenant {
    /// Opens the frames of `packs`, each once, and takes the live runs out of them.
    pub(super) async fn load_window(&self, packs: &[PackRow]) -> Result<Loaded> {
        let mut db = self.store.catalog.read().await?;
        let mut window = Window {
            items: Vec::new(),
            large: Vec::new(),
            frames: HashMap::new(),
        };
        let mut talks = Vec::new();
        let mut copies_of_parts = HashMap::new();
        for pack in packs {
            if let Err(error) = self
                .load_pack(&mut db, pack, &mut window, &mut talks, &mut copies_of_parts)
                .await
            {
                let item = crate::vault::object_path("packs", &pack.name);
                return Ok(Loaded::Damaged(pack.id, Bad::of(item, error)?));
            }
        }
        let orders = order(talks);
        for item in window.items.iter_mut().chain(&mut window.large) {
            let copy = match item.kind {
                FrameKind::Skeleton => Some(item.id),
                FrameKind::Part => copies_of_parts.get(&item.id).copied(),
            };
            let conversation = copy
                .and_then(|copy| orders.get(&copy).copied())
                .unwrap_or_default();
            let class = if item.kind == FrameKind::Skeleton {
                0
            } else {
                class(&item.bytes)
            };
            item.place = match class {
                0 => Place {
                    class,
                    conversation,
                    size: 0,
                },
                _ => Place {
                    class,
                    conversation: Order::default(),
                    size: item.old.length,
                },
            };
        }
        for items in [&mut window.items, &mut window.large] {
            items.sort_by_key(|item| (item.kind == FrameKind::Part, item.place, item.id));
        }
        Ok(Loaded::Window(window))
    }

    async fn load_pack(
        &self,
        db: &mut AnyConnection,
        pack: &PackRow,
        window: &mut Window,
        talks: &mut Vec<Talk>,
        copies_of_parts: &mut HashMap<i64, i64>,
    ) -> Result<()> {
        let range = values![self.id(), pack.frames.0, pack.frames.1];
        if !sql::fetch(db, statements::INSTANCES_IN_FRAMES, range.clone())
            .await?
            .is_empty()
        {
            return Err(StoreError::damaged(
                "instances",
                "runs of other buckets lie in this pack",
            ));
        }
        let mut runs: BTreeMap<i64, Vec<Item>> = BTreeMap::new();
        let mut add = |kind, id, old: Run| {
            let item = Item {
                kind,
                id,
                old,
                bytes: Bytes::new(),
                place: Place::default(),
            };
            runs.entry(old.frame).or_default().push(item);
        };
        for row in sql::fetch(db, statements::COPIES_IN_FRAMES, range.clone()).await? {
            let copy = CopyRow::read(&row)?;
            // Where a head is damaged the bytes are moved all the same.
            let head = copy
                .head(&self.state.keys)
                .unwrap_or_else(|_| Head::default());
            talks.push(Talk::new(copy.id, &head));
            add(FrameKind::Skeleton, copy.id, copy.skeleton);
        }
        for row in sql::fetch(db, statements::PARTS_IN_FRAMES, range).await? {
            let part = read_part(&row)?;
            if let Some(copy) = part.copy {
                copies_of_parts.insert(part.id, copy);
            }
            add(FrameKind::Part, part.id, part.run);
        }
        let mut frames = HashMap::new();
        for row in sql::fetch(db, statements::FRAMES_OF_PACK, values![self.id(), pack.id]).await? {
            let row = read_frame_row(&row)?;
            frames.insert(row.id, row);
        }
        let frame = |id: i64| {
            frames.get(&id).ok_or_else(|| {
                StoreError::damaged(format!("frame {id}"), "it is not of the pack it should be")
            })
        };
        for (id, items) in runs {
            let row = frame(id)?;
            let opened = Bytes::from(self.store.vault.open(&self.state.keys, row).await?);
            for mut item in items {
                let start = usize::try_from(item.old.at).unwrap_or(usize::MAX);
                let end =
                    start.saturating_add(usize::try_from(item.old.length).unwrap_or(usize::MAX));
                if item.old.length <= LARGE && end <= opened.len() {
                    item.bytes = opened.slice(start..end);
                    window.items.push(item);
                    continue;
                }
                // Opened here as well, so that damage shows before anything is written.
                let mut rest = item
                    .old
                    .length
                    .saturating_sub((opened.len().saturating_sub(start)) as u64);
                let mut next = id;
                window.frames.insert(id, copy_of(row));
                while rest > 0 {
                    next += 1;
                    let row = frame(next)?;
                    let length = self.store.vault.open(&self.state.keys, row).await?.len() as u64;
                    if length == 0 {
                        return Err(StoreError::damaged(
                            format!("frame {next}"),
                            "a run goes on in it and it is empty",
                        ));
                    }
                    rest = rest.saturating_sub(length);
                    window.frames.insert(next, copy_of(row));
                }
                window.large.push(item);
            }
        }
        Ok(())
    }
}

fn copy_of(row: &FrameRow) -> FrameRow {
    FrameRow {
        id: row.id,
        volume: row.volume,
        pack: row.pack,
        number: row.number,
        place: row.place,
        key: row.key.clone(),
    }
}

fn read_part(row: &sqlx::any::AnyRow) -> Result<PartRow> {
    let natural = |column| -> Result<u64> {
        u64::try_from(row.int(column)?)
            .map_err(|_| StoreError::damaged("part row", "a number is negative"))
    };
    Ok(PartRow {
        id: row.int(0)?,
        run: Run {
            frame: row.int(1)?,
            at: natural(2)?,
            length: natural(3)?,
        },
        copy: row.int_or_null(4)?,
    })
}

/// 0 for text, else a number that formats have in common: their first bytes.
fn class(bytes: &[u8]) -> u32 {
    let start = bytes.get(..bytes.len().min(512)).unwrap_or_default();
    let controls = start
        .iter()
        .filter(|byte| **byte < 32 && !b"\t\n\r\x0c\x1b".contains(byte))
        .count();
    if controls == 0
        && std::str::from_utf8(start)
            .map_or_else(|error| error.valid_up_to() + 4 > start.len(), |_| true)
    {
        return 0;
    }
    start
        .first_chunk::<4>()
        .map_or(1, |magic| u32::from_be_bytes(*magic).max(1))
}

#[cfg(test)]
mod tests {
    use super::class;

    #[test]
    fn text_is_told_from_formats() {
        assert_eq!(class(b"diff --git a/md.c b/md.c\n"), 0);
        assert_eq!(class("grüße\n".as_bytes()), 0);
        assert_eq!(class(b"\x89PNG\r\n\x1a\n\0\0"), 0x8950_4e47);
        assert_eq!(class(b"PK\x03\x04rest"), 0x504b_0304);
        assert_eq!(class(b""), 0);
        assert_eq!(class(&[0, 0]), 1);
    }
}
