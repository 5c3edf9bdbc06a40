//! Commands about mailboxes: SELECT, CREATE, LIST, LSUB, STATUS.

use super::cursor::Cursor;
use super::{Fault, Read};
use crate::imap::command::{Command, List, Resync, StatusItem};
use crate::imap::name::DELIMITER;

/// SELECT and EXAMINE with their parameters (RFC 7162 §3.1.8, §3.2.5).
pub(super) fn select(cursor: &mut Cursor<'_>, read_only: bool) -> Read<Command> {
    let mailbox = cursor.gap_mailbox()?;
    let (mut condstore, mut qresync) = (false, None);
    if cursor.another()? {
        cursor.list(|cursor| {
            match cursor.word()?.as_str() {
                "CONDSTORE" => condstore = true,
                "QRESYNC" if qresync.is_none() => {
                    cursor.gap()?;
                    qresync = Some(resync(cursor)?);
                }
                _ => return Err(Fault::bad("unknown parameter")),
            }
            Ok(())
        })?;
    }
    Ok(Command::Select {
        mailbox,
        read_only,
        condstore,
        qresync,
    })
}

fn resync(cursor: &mut Cursor<'_>) -> Read<Resync> {
    cursor.want(b'(', "a list is missing")?;
    cursor.blanks();
    let validity = cursor.positive()?;
    cursor.gap()?;
    let mut resync = Resync {
        validity,
        modseq: cursor.number64()?,
        known: None,
        samples: None,
    };
    let mut more = cursor.blanks();
    if more && !matches!(cursor.peek(), Some(b'(' | b')')) {
        resync.known = Some(no_star(cursor)?);
        more = cursor.blanks();
    }
    if more && cursor.eat(b'(') {
        cursor.blanks();
        let numbers = no_star(cursor)?;
        cursor.gap()?;
        resync.samples = Some((numbers, no_star(cursor)?));
        cursor.blanks();
        cursor.want(b')', "a list does not end")?;
        cursor.blanks();
    }
    cursor.want(b')', "a list does not end")?;
    Ok(resync)
}

/// What a client knows has numbers (RFC 7162 §3.2.5: `known-uids` and the others without `*`).
fn no_star(cursor: &mut Cursor<'_>) -> Read<crate::imap::set::Numbers> {
    let numbers = cursor.plain_numbers()?;
    match numbers.has_star() {
        true => Err(Fault::bad("* is not known")),
        false => Ok(numbers),
    }
}

/// CREATE. A delimiter at the end says that names will follow below it, and is no part of the name (RFC 9051 §6.3.4).
pub(super) fn create(cursor: &mut Cursor<'_>) -> Read<Command> {
    let mut mailbox = cursor.gap_mailbox()?;
    if mailbox.len() > 1 && mailbox.ends_with(DELIMITER) {
        mailbox.pop();
    }
    let mut uses = Vec::new();
    if cursor.another()? {
        cursor.list(|cursor| {
            if !cursor.eat_word("USE") {
                return Err(Fault::bad("unknown parameter"));
            }
            cursor.gap()?;
            cursor.list(|cursor| {
                uses.push(cursor.flag()?);
                Ok(())
            })
        })?;
    }
    Ok(Command::Create { mailbox, uses })
}

/// LIST in all its forms.
pub(super) fn list(cursor: &mut Cursor<'_>) -> Read<Command> {
    cursor.gap()?;
    let mut list = List::default();
    if cursor.peek() == Some(b'(') {
        list.extended = true;
        selection(cursor, &mut list)?;
        cursor.gap()?;
    }
    list.reference = cursor.reference()?;
    cursor.gap()?;
    if cursor.peek() == Some(b'(') {
        list.extended = true;
        cursor.list(|cursor| {
            list.patterns.push(cursor.pattern()?);
            Ok(())
        })?;
        if list.patterns.is_empty() {
            return Err(Fault::bad("a pattern is missing"));
        }
    } else {
        list.patterns.push(cursor.pattern()?);
    }
    if cursor.another()? {
        if !cursor.eat_word("RETURN") {
            return Err(Fault::bad("RETURN is wanted"));
        }
        list.extended = true;
        cursor.gap()?;
        returns(cursor, &mut list)?;
    }
    Ok(Command::List(list))
}

/// What is selected. Options that are not known are refused (RFC 5258 §3).
fn selection(cursor: &mut Cursor<'_>, list: &mut List) -> Read<()> {
    cursor.list(|cursor| {
        match cursor.word()?.as_str() {
            "SUBSCRIBED" => list.subscribed = true,
            "REMOTE" => list.remote = true,
            "RECURSIVEMATCH" => list.recursive = true,
            "SPECIAL-USE" => list.special_use = true,
            _ => return Err(Fault::bad("unknown selection")),
        }
        Ok(())
    })?;
    match list.recursive && !list.subscribed && !list.special_use {
        true => Err(Fault::bad("RECURSIVEMATCH needs another selection")),
        false => Ok(()),
    }
}

fn returns(cursor: &mut Cursor<'_>, list: &mut List) -> Read<()> {
    cursor.list(|cursor| {
        match cursor.word()?.as_str() {
            "SUBSCRIBED" => list.return_subscribed = true,
            "CHILDREN" => list.return_children = true,
            "SPECIAL-USE" => list.return_special_use = true,
            "STATUS" => {
                cursor.gap()?;
                list.return_status = Some(items(cursor)?);
            }
            _ => return Err(Fault::bad("unknown return option")),
        }
        Ok(())
    })
}

pub(super) fn lsub(cursor: &mut Cursor<'_>) -> Read<Command> {
    cursor.gap()?;
    let reference = cursor.reference()?;
    cursor.gap()?;
    let pattern = cursor.pattern()?;
    Ok(Command::Lsub { reference, pattern })
}

pub(super) fn status(cursor: &mut Cursor<'_>) -> Read<Command> {
    let mailbox = cursor.gap_mailbox()?;
    cursor.gap()?;
    let items = items(cursor)?;
    Ok(Command::Status { mailbox, items })
}

/// What STATUS is to tell, each once.
fn items(cursor: &mut Cursor<'_>) -> Read<Vec<StatusItem>> {
    let mut items = Vec::new();
    cursor.list(|cursor| {
        let word = cursor.word()?;
        let item = StatusItem::parse(&word).ok_or(Fault::bad("unknown status"))?;
        if !items.contains(&item) {
            items.push(item);
        }
        Ok(())
    })?;
    match items.is_empty() {
        true => Err(Fault::bad("the status of what?")),
        false => Ok(items),
    }
}

impl StatusItem {
    const NAMES: [(&'static str, StatusItem); 10] = [
        ("MESSAGES", StatusItem::Messages),
        ("RECENT", StatusItem::Recent),
        ("UIDNEXT", StatusItem::UidNext),
        ("UIDVALIDITY", StatusItem::UidValidity),
        ("UNSEEN", StatusItem::Unseen),
        ("DELETED", StatusItem::Deleted),
        ("SIZE", StatusItem::Size),
        ("HIGHESTMODSEQ", StatusItem::HighestModSeq),
        ("APPENDLIMIT", StatusItem::AppendLimit),
        ("MAILBOXID", StatusItem::MailboxId),
    ];

    /// The item of this name, which is in upper case.
    fn parse(name: &str) -> Option<Self> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, item)| *item)
    }

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        let found = Self::NAMES.iter().find(|(_, item)| *item == self);
        found.map_or("", |(name, _)| name)
    }
}
