//! STORE, COPY and MOVE, and the flags of APPEND.

use super::cursor::Cursor;
use super::{Fault, Read};
use crate::imap::command::{Command, FlagChange};

/// STORE (RFC 9051 §6.4.6, RFC 7162 §3.1.3).
pub(super) fn store(cursor: &mut Cursor<'_>, uid: bool) -> Read<Command> {
    cursor.gap()?;
    let messages = cursor.numbers()?;
    cursor.gap()?;
    let mut unchanged_since = None;
    if cursor.peek() == Some(b'(') {
        cursor.list(|cursor| {
            if !cursor.eat_word("UNCHANGEDSINCE") || unchanged_since.is_some() {
                return Err(Fault::bad("unknown modifier"));
            }
            cursor.gap()?;
            unchanged_since = Some(cursor.number64()?);
            Ok(())
        })?;
        cursor.gap()?;
    }
    let word = cursor.word()?;
    let (name, silent) = match word.strip_suffix(".SILENT") {
        Some(name) => (name, true),
        None => (word.as_str(), false),
    };
    let change = match name {
        "FLAGS" => FlagChange::Set,
        "+FLAGS" => FlagChange::Add,
        "-FLAGS" => FlagChange::Remove,
        _ => return Err(Fault::bad("FLAGS, +FLAGS or -FLAGS is wanted")),
    };
    cursor.gap()?;
    let flags = match cursor.peek() {
        Some(b'(') => flags(cursor)?,
        // RFC 9051 §9, `store-att-flags`: they may come without parentheses.
        _ => {
            let mut flags = Vec::new();
            add(cursor, &mut flags)?;
            while cursor.another()? {
                add(cursor, &mut flags)?;
                cursor.bounded(flags.len())?;
            }
            flags
        }
    };
    Ok(Command::Store {
        messages,
        uid,
        change,
        flags,
        silent,
        unchanged_since,
    })
}

/// A list of flags in parentheses.
pub(super) fn flags(cursor: &mut Cursor<'_>) -> Read<Vec<String>> {
    let mut flags = Vec::new();
    cursor.list(|cursor| add(cursor, &mut flags))?;
    Ok(flags)
}

/// A flag that somebody sets. `\Recent` is passed over: no client may set it, but some send back all flags that they were told.
fn add(cursor: &mut Cursor<'_>, flags: &mut Vec<String>) -> Read<()> {
    let flag = cursor.flag()?;
    if flag != "\\Recent" && !flags.contains(&flag) {
        flags.push(flag);
    }
    Ok(())
}

/// COPY and MOVE (RFC 6851).
pub(super) fn copy(cursor: &mut Cursor<'_>, uid: bool, and_remove: bool) -> Read<Command> {
    cursor.gap()?;
    let messages = cursor.numbers()?;
    let mailbox = cursor.gap_mailbox()?;
    Ok(Command::Copy {
        messages,
        uid,
        mailbox,
        and_remove,
    })
}
