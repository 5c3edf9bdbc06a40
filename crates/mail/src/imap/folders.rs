//! Folders: what there is, and SELECT.

use std::collections::BTreeSet;

use everpost_codec::imap::Pattern;
use everpost_codec::imap::answer::{self, Code, Condition, Figure, Listed};
use everpost_codec::imap::command::{List, Resync, StatusItem};
use everpost_codec::imap::name;
use everpost_codec::imap::set::Numbers;
use everpost_store::{Folder, Replica, SpecialUse, StoreError};

use super::Told;
use super::talk::Talk;
use super::view::View;

impl Talk<'_> {
    pub(super) async fn create(&mut self, mailbox: &str, uses: &[String]) -> Result<Told, Told> {
        let replica = self.replica()?;
        let used_for = match uses {
            [] => None,
            [one] => match SpecialUse::named(one) {
                Some(used_for) => Some(used_for),
                None => return Err(Told::no(Code::UseAttr, "there is no such use")),
            },
            _ => return Err(Told::no(Code::UseAttr, "a folder has one use")),
        };
        let made = replica.create_folder(mailbox, used_for).await?;
        let id = Code::MailboxId(mailbox_id(&made));
        Ok(Told::ok_with(id, "made"))
    }

    pub(super) async fn delete(&mut self, mailbox: &str) -> Result<Told, Told> {
        self.replica()?.delete_folder(mailbox).await?;
        Ok(Told::ok("deleted"))
    }

    pub(super) async fn rename(&mut self, from: &str, to: &str) -> Result<Told, Told> {
        self.replica()?.rename_folder(from, to).await?;
        Ok(Told::ok("renamed"))
    }

    pub(super) async fn subscribe(&mut self, mailbox: &str, yes: bool) -> Result<Told, Told> {
        match self.replica()?.subscribe(mailbox, yes).await {
            // What is not there cannot be seen: nothing changes by not seeing it (RFC 9051 §6.3.8).
            Err(StoreError::NotFound(_)) if !yes => {}
            done => done?,
        }
        Ok(Told::ok(if yes { "subscribed" } else { "unsubscribed" }))
    }

    pub(super) async fn list(&mut self, list: &List) -> Result<Told, Told> {
        let replica = self.replica()?;
        let utf8 = self.how().utf8;
        let patterns: Vec<&String> = list.patterns.iter().collect();
        if !list.extended && matches!(patterns.as_slice(), [one] if one.is_empty()) {
            let root = Listed {
                attributes: &["\\Noselect"],
                ..Listed::default()
            };
            root.write(self.session.out(), utf8);
            return Ok(Told::ok("listed"));
        }
        let patterns = patterns.into_iter();
        let patterns: Vec<Pattern> = patterns
            .map(|pattern| Pattern::new(&list.reference, pattern))
            .collect();
        let mut folders = replica.folders().await?;
        folders.sort_by(|one, other| one.name.cmp(&other.name));
        let below: BTreeSet<&str> = folders
            .iter()
            .flat_map(|folder| name::ancestors(&folder.name))
            .collect();
        // Those that are listed only because of one below them (RFC 5258 §3.5).
        let mut for_children = BTreeSet::new();
        if list.recursive && list.subscribed {
            let matched = |one: &str| patterns.iter().any(|pattern| pattern.matches(one));
            for folder in folders.iter().filter(|folder| folder.subscribed) {
                if !matched(&folder.name) {
                    for_children.extend(name::ancestors(&folder.name).map(str::to_owned));
                }
            }
        }
        for folder in &folders {
            if !patterns.iter().any(|pattern| pattern.matches(&folder.name)) {
                continue;
            }
            let selected = (!list.subscribed || folder.subscribed)
                && (!list.special_use || folder.used_for.is_some());
            let for_child = for_children.contains(&folder.name);
            if !selected && !for_child {
                continue;
            }
            let mut attributes = vec![match below.contains(folder.name.as_str()) {
                true => "\\HasChildren",
                false => "\\HasNoChildren",
            }];
            if folder.subscribed && (list.subscribed || list.return_subscribed) {
                attributes.push("\\Subscribed");
            }
            // RFC 6154 §2: also to a plain LIST.
            attributes.extend(folder.used_for.map(SpecialUse::name));
            let line = Listed {
                attributes: &attributes,
                name: &folder.name,
                child_info: if for_child { &["SUBSCRIBED"] } else { &[] },
                ..Listed::default()
            };
            line.write(self.session.out(), utf8);
            if let Some(items) = &list.return_status {
                self.tell_status(&replica, folder, items).await?;
            }
        }
        Ok(Told::ok("listed"))
    }

    pub(super) async fn lsub(&mut self, reference: &str, pattern: &str) -> Result<Told, Told> {
        let utf8 = self.how().utf8;
        let wanted = Pattern::new(reference, pattern);
        let mut folders = self.replica()?.folders().await?;
        folders.sort_by(|one, other| one.name.cmp(&other.name));
        let mut told = BTreeSet::new();
        let subscribed = folders.iter().filter(|folder| folder.subscribed);
        for folder in subscribed {
            let mut lines: Vec<(&str, &[&str])> = Vec::new();
            if wanted.matches(&folder.name) {
                lines.push((&folder.name, &[]));
            } else if pattern.ends_with('%') {
                // RFC 3501 §6.3.9: one above a subscribed folder is told, and cannot be selected by that.
                let above = name::ancestors(&folder.name).filter(|name| wanted.matches(name));
                lines.extend(above.map(|name| (name, &["\\Noselect"][..])));
            }
            for (name, attributes) in lines {
                if told.insert(name.to_owned()) {
                    let line = Listed {
                        lsub: true,
                        attributes,
                        name,
                        ..Listed::default()
                    };
                    line.write(self.session.out(), utf8);
                }
            }
        }
        Ok(Told::ok("listed"))
    }

    pub(super) async fn status(
        &mut self,
        mailbox: &str,
        items: &[StatusItem],
    ) -> Result<Told, Told> {
        let replica = self.replica()?;
        let folder = replica.folder(mailbox).await?;
        self.tell_status(&replica, &folder, items).await?;
        Ok(Told::ok("told"))
    }

    async fn tell_status(
        &mut self,
        replica: &Replica,
        folder: &Folder,
        items: &[StatusItem],
    ) -> Result<(), Told> {
        let utf8 = self.how().utf8;
        let counts = replica.count(folder.id).await?;
        let id = mailbox_id(folder);
        let figure = |item: &StatusItem| match item {
            StatusItem::Messages => Figure::Number(counts.messages),
            StatusItem::Recent => Figure::Number(0),
            StatusItem::UidNext => Figure::Number(folder.next.into()),
            StatusItem::UidValidity => Figure::Number(folder.id.into()),
            StatusItem::Unseen => Figure::Number(counts.unseen),
            StatusItem::Deleted => Figure::Number(counts.deleted),
            StatusItem::Size => Figure::Number(counts.bytes),
            StatusItem::HighestModSeq => Figure::Number(folder.modseq),
            StatusItem::AppendLimit => Figure::Nil,
            StatusItem::MailboxId => Figure::Id(&id),
        };
        let figures: Vec<_> = items.iter().map(|item| (*item, figure(item))).collect();
        answer::status(self.session.out(), &folder.name, utf8, &figures);
        Ok(())
    }

    pub(super) async fn select(
        &mut self,
        mailbox: &str,
        read_only: bool,
        resync: Option<Resync>,
    ) -> Result<Told, Told> {
        let how = self.how();
        self.mailbox()?.view = None;
        let replica = self.replica()?;
        let folder = replica.folder(mailbox).await?;
        let view = View::open(&replica, folder.id, read_only).await?;
        let out = self.session.out();
        answer::flags_line(out, view.flag_names());
        let mut note = |code: Code, text: &str| {
            answer::line(out, None, Condition::Ok, Some(&code), text);
        };
        let mut permanent: Vec<String> = Vec::new();
        if !read_only {
            permanent.extend(view.flag_names().into_iter().map(str::to_owned));
            permanent.push("\\*".to_owned());
        }
        note(Code::PermanentFlags(permanent), "flags that stay");
        note(Code::UidValidity(view.folder.id), "for ever");
        note(Code::UidNext(view.folder.next), "the next UID");
        note(Code::HighestModSeq(view.modseq()), "so far");
        note(Code::MailboxId(mailbox_id(&view.folder)), "its id");
        if let Some(unseen) = view.first_unseen().filter(|_| !how.rev2) {
            note(Code::Unseen(unseen), "the first unseen");
        }
        answer::exists(out, view.exists());
        if !how.rev2 {
            answer::recent(out, 0);
        } else {
            let listed = Listed {
                name: &view.folder.name,
                attributes: &[],
                ..Listed::default()
            };
            listed.write(out, how.utf8);
        }
        if let Some(resync) = resync.filter(|resync| resync.validity == view.folder.id) {
            let changes = replica.changes(view.folder.id, resync.modseq).await?;
            // Told of what the client can know: UIDs that were given out, as far as it says.
            let known = |uid: &u32| {
                let known = resync.known.as_ref();
                known.is_none_or(|known| known.contains(*uid, u32::MAX))
            };
            let gone = changes.gone.into_iter().filter(known);
            let out = self.session.out();
            answer::vanished(out, true, &Numbers::of(gone));
            for row in changes.rows.iter().filter(|row| known(&row.uid)) {
                view.tell_flags(row, how, out);
            }
        }
        self.mailbox()?.view = Some(view);
        Ok(match read_only {
            true => Told::ok_with(Code::ReadOnly, "selected"),
            false => Told::ok_with(Code::ReadWrite, "selected"),
        })
    }
}

/// MAILBOXID: a folder keeps its id when its name changes.
fn mailbox_id(folder: &Folder) -> String {
    format!("F{}", folder.id)
}
