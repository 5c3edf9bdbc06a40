//! What is watched at each commit, whatever happens: UIDs, MODSEQs, and what a client that comes back is told.

use std::collections::{BTreeMap, BTreeSet};

use super::upstream::Mail;
use crate::replica::*;

/// A folder as a client saw it.
#[derive(Debug, Clone)]
struct Mark {
    folder: FolderId,
    modseq: u64,
    flags: BTreeMap<u32, Flags>,
    /// UIDs that were seen to go since.
    gone: BTreeSet<u32>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    /// Which mail a UID stands for: for ever.
    names: BTreeMap<(FolderId, u32), u32>,
    folders: BTreeMap<FolderId, (Folder, BTreeMap<u32, Seat>)>,
    numbers: BTreeSet<FolderId>,
    marks: Vec<Mark>,
    commits: usize,
}

fn seats(mailbox: &Mailbox<u32>, folder: FolderId) -> BTreeMap<u32, Seat> {
    let seen = mailbox.seen_in(folder);
    seen.map(|(seat, _)| (seat.uid, seat)).collect()
}

impl Watch {
    pub(super) fn look(&mut self, mailbox: &Mailbox<u32>) {
        self.commits += 1;
        let mut now = BTreeMap::new();
        for folder in mailbox.folders() {
            let seats = seats(mailbox, folder.id);
            match self.folders.get(&folder.id) {
                Some((before, old)) => self.compare(before.clone(), &old.clone(), folder, &seats),
                None => assert!(self.numbers.insert(folder.id), "{:?} came again", folder.id),
            }
            for (seat, row) in mailbox.seen_in(folder.id) {
                let content = Mail::of(row).content;
                let known = self.names.entry((folder.id, seat.uid)).or_insert(content);
                assert_eq!(
                    *known, content,
                    "UID {} of {} is another mail",
                    seat.uid, folder.name
                );
                assert!(seat.uid < folder.uidnext && seat.modseq <= folder.modseq);
            }
            if self.commits.is_multiple_of(5) {
                self.marks.push(Mark {
                    folder: folder.id,
                    modseq: folder.modseq,
                    flags: seats.iter().map(|(uid, seat)| (*uid, seat.flags)).collect(),
                    gone: BTreeSet::new(),
                });
            }
            now.insert(folder.id, (folder.clone(), seats));
        }
        self.folders = now;
        let names: BTreeSet<&String> = mailbox.folders().map(|folder| &folder.name).collect();
        assert_eq!(names.len(), self.folders.len(), "two folders of one name");
    }

    fn compare(
        &mut self,
        before: Folder,
        old: &BTreeMap<u32, Seat>,
        after: &Folder,
        new: &BTreeMap<u32, Seat>,
    ) {
        assert!(after.modseq >= before.modseq && after.uidnext >= before.uidnext);
        for (uid, seat) in new {
            let known = old.get(uid);
            if known.is_none() {
                assert!(
                    *uid >= before.uidnext,
                    "UID {uid} came again in {}",
                    after.name
                );
            }
            if known.map(|known| known.flags) != Some(seat.flags) {
                assert!(
                    seat.modseq > before.modseq,
                    "{uid} of {} changed unheard",
                    after.name
                );
            }
        }
        for uid in old.keys().filter(|uid| !new.contains_key(uid)) {
            assert!(after.modseq > before.modseq);
            for mark in self.marks.iter_mut().filter(|mark| mark.folder == after.id) {
                mark.gone.insert(*uid);
            }
        }
    }

    /// Each client that comes back, from whenever, ends with what is there.
    pub(super) fn clients_come_back(&self, mailbox: &Mailbox<u32>) {
        for mark in &self.marks {
            let Some(folder) = mailbox.folder(mark.folder) else {
                continue;
            };
            let now = seats(mailbox, mark.folder);
            let since = mailbox.since(mark.folder, mark.modseq);
            let mut view = mark.flags.clone();
            for uid in &since.changed {
                view.insert(*uid, now[uid].flags);
            }
            let vanished: BTreeSet<u32> = since.vanished.iter().copied().collect();
            view.retain(|uid, _| !vanished.contains(uid));
            let flags: BTreeMap<u32, Flags> =
                now.iter().map(|(uid, seat)| (*uid, seat.flags)).collect();
            assert_eq!(view, flags, "{mark:?}");
            assert!(vanished.is_superset(&mark.gone), "{mark:?}");
            // What came and went between two commits nobody saw.
            let mut more = vanished.difference(&mark.gone);
            let is_known = |uid: &u32| self.names.contains_key(&(mark.folder, *uid));
            assert!(
                mark.modseq < folder.forgotten || !more.any(is_known),
                "{mark:?}"
            );
        }
    }
}
