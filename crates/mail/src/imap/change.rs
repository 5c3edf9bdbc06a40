//! STORE, COPY, MOVE, EXPUNGE, CLOSE.

use everpost_codec::imap::answer::Code;
use everpost_codec::imap::command::FlagChange;
use everpost_codec::imap::set::{Numbers, Saved};
use everpost_store::{FlagOrder, Flags, StoreError};

use super::Told;
use super::talk::Talk;
use super::view::{How, View, number};

/// What a STORE says.
pub(super) struct Order {
    pub(super) uid: bool,
    pub(super) change: FlagChange,
    pub(super) silent: bool,
    pub(super) unchanged_since: Option<u64>,
}

/// Refuses an order where the folder was opened to be looked at.
fn writable(view: &View) -> Result<(), Told> {
    match view.read_only {
        true => Err(Told::no(Code::ReadOnly, "the folder is open to be read")),
        false => Ok(()),
    }
}

impl Talk<'_> {
    pub(super) async fn store(
        &mut self,
        messages: &Saved<Numbers>,
        flags: &[String],
        order: Order,
    ) -> Result<Told, Told> {
        let how = self.how();
        let (view, replica, session) = self.selected()?;
        writable(view)?;
        let places = view.resolve(messages, order.uid)?;
        let uids = view.uids(&places);
        let flags = replica.flags(flags).await?;
        let change = match order.change {
            FlagChange::Set => FlagOrder::Replace(flags),
            FlagChange::Add => FlagOrder::Add(flags),
            FlagChange::Remove => FlagOrder::Remove(flags),
        };
        let since = order.unchanged_since;
        let stored = replica.store_flags(view.folder.id, &uids, change, since);
        let (rows, left) = stored.await?;
        let named = view.keywords.len() + Flags::FIRST_KEYWORD;
        if flags.0 >> named.min(63) != 0 {
            view.keywords = replica.keywords().await?;
            everpost_codec::imap::answer::flags_line(session.out(), view.flag_names());
        }
        view.know(&rows);
        // RFC 7162 §3.1.3: who stores under a condition is told MODSEQ, silent or not.
        let how = How {
            condstore: how.condstore || since.is_some(),
            ..how
        };
        if !order.silent || since.is_some() || how.condstore {
            for row in &rows {
                view.tell_flags(row, how, session.out());
            }
        }
        if left.is_empty() {
            return Ok(Told::ok("stored"));
        }
        let left = match order.uid {
            true => Numbers::of(left),
            false => {
                let numbered = view.rows().iter().enumerate();
                let left = numbered.filter(|(_, row)| left.contains(&row.uid));
                Numbers::of(left.map(|(place, _)| number(place + 1)))
            }
        };
        Ok(Told::ok_with(Code::Modified(left), "some changed before"))
    }

    pub(super) async fn copy(
        &mut self,
        messages: &Saved<Numbers>,
        uid: bool,
        mailbox: &str,
        and_remove: bool,
    ) -> Result<Told, Told> {
        let how = self.how();
        let (view, replica, session) = self.selected()?;
        if and_remove {
            writable(view)?;
        }
        let places = view.resolve(messages, uid)?;
        let uids = view.uids(&places);
        let target = match replica.folder(mailbox).await {
            Err(StoreError::NotFound(what)) => {
                return Err(Told::no(Code::TryCreate, &format!("there is no {what}")));
            }
            found => found?,
        };
        let taken = replica
            .copy(view.folder.id, &uids, target.id, and_remove)
            .await?;
        if taken.from.is_empty() {
            return Ok(Told::ok("nothing was there"));
        }
        let code = Code::CopyUid(target.id, Numbers::of(taken.from), Numbers::of(taken.to));
        if !and_remove {
            return Ok(Told::ok_with(code, "copied"));
        }
        // RFC 6851 §4.3: where they went is told before they are gone.
        let out = session.out();
        let ok = everpost_codec::imap::answer::Condition::Ok;
        everpost_codec::imap::answer::line(out, None, ok, Some(&code), "moved");
        view.refresh(replica, true, how, out).await?;
        Ok(Told::ok("moved"))
    }

    /// EXPUNGE; `uids`: of these alone.
    pub(super) async fn expunge(&mut self, uids: Option<Saved<Numbers>>) -> Result<Told, Told> {
        let how = self.how();
        let (view, replica, session) = self.selected()?;
        writable(view)?;
        // Of others too, that were marked since this connection looked.
        view.refresh(replica, true, how, session.out()).await?;
        let places = match &uids {
            Some(set) => view.resolve(set, true)?,
            None => (0..view.rows().len()).collect(),
        };
        let deleted = deleted(view, &places);
        if deleted.is_empty() {
            return Ok(Told::ok("nothing is marked as deleted"));
        }
        replica.expunge(view.folder.id, &deleted).await?;
        view.refresh(replica, true, how, session.out()).await?;
        let modseq = Code::HighestModSeq(view.modseq());
        Ok(match how.condstore {
            true => Told::ok_with(modseq, "expunged"),
            false => Told::ok("expunged"),
        })
    }

    /// CLOSE and UNSELECT.
    pub(super) async fn close_folder(&mut self, expunge: bool) -> Result<Told, Told> {
        let (view, replica, _) = self.selected()?;
        if expunge && !view.read_only {
            let mut out = Vec::new();
            // Nobody is told of it (RFC 9051 §6.4.1).
            view.refresh(replica, true, How::default(), &mut out)
                .await?;
            let all: Vec<usize> = (0..view.rows().len()).collect();
            let deleted = deleted(view, &all);
            if !deleted.is_empty() {
                replica.expunge(view.folder.id, &deleted).await?;
            }
        }
        self.mailbox()?.view = None;
        Ok(Told::ok("closed"))
    }
}

/// UIDs of those that are marked.
fn deleted(view: &View, places: &[usize]) -> Vec<u32> {
    let rows = places.iter().filter_map(|place| view.row(*place));
    let marked = rows.filter(|row| row.flags.has(Flags::DELETED));
    marked.map(|row| row.uid).collect()
}
