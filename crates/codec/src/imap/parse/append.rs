//! What stands around the messages of an APPEND (RFC 9051 §6.3.12; RFC 3502; RFC 6855 §4), without their bytes.

use super::cursor::Cursor;
use super::{Fault, Read, Refused, store};
use crate::imap::command::Appended;
use crate::imap::date::parse_internal_date;

/// What is before a literal of an APPEND.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::imap) enum Before {
    /// The literal is the mailbox's name.
    Name,
    /// The literal is the first message.
    Message {
        tag: String,
        mailbox: String,
        /// Without its size.
        appended: Appended,
        /// It is in `UTF8 (…)`, and a parenthesis follows it.
        wrapped: bool,
    },
}

/// Reads an APPEND up to a literal: `bytes` end where the literal is announced, without the announcement.
pub(in crate::imap) fn begin(bytes: &[u8], utf8: bool) -> Result<Before, Refused> {
    let mut cursor = Cursor::new(bytes, utf8);
    let tag = cursor.tag().map_err(|fault| fault.of(None))?;
    let begun = (|| {
        cursor.gap()?;
        cursor.word()?;
        cursor.gap()?;
        if cursor.at_end() {
            return Ok(None);
        }
        let mailbox = cursor.mailbox()?;
        cursor.gap()?;
        let (appended, wrapped) = arguments(&mut cursor)?;
        Ok(Some((mailbox, appended, wrapped)))
    })();
    match begun {
        Ok(None) => Ok(Before::Name),
        Ok(Some((mailbox, appended, wrapped))) => Ok(Before::Message {
            tag,
            mailbox,
            appended,
            wrapped,
        }),
        Err(fault) => Err(Fault::of(fault, Some(&tag))),
    }
}

/// Reads what stands between two messages: `bytes` begin behind one, and end where the next is announced.
pub(in crate::imap) fn next(bytes: &[u8], wrapped: bool) -> Read<(Appended, bool)> {
    let mut cursor = Cursor::new(bytes, false);
    unwrap(&mut cursor, wrapped)?;
    cursor.gap()?;
    arguments(&mut cursor)
}

/// Reads what stands behind the last message.
pub(in crate::imap) fn end(bytes: &[u8], wrapped: bool) -> Read<()> {
    let mut cursor = Cursor::new(bytes, false);
    unwrap(&mut cursor, wrapped)?;
    cursor.end()
}

fn unwrap(cursor: &mut Cursor<'_>, wrapped: bool) -> Read<()> {
    match wrapped {
        true => {
            cursor.blanks();
            cursor.want(b')', "UTF8 does not end")
        }
        false => Ok(()),
    }
}

/// Flags, date, and the beginning of `UTF8 (`.
fn arguments(cursor: &mut Cursor<'_>) -> Read<(Appended, bool)> {
    let mut appended = Appended::default();
    if cursor.peek() == Some(b'(') {
        appended.flags = store::flags(cursor)?;
        cursor.gap()?;
    }
    if cursor.peek() == Some(b'"') {
        let date = parse_internal_date(&cursor.string()?);
        appended.date = Some(date.ok_or(Fault::bad("there is no such date"))?);
        cursor.gap()?;
    }
    let wrapped = cursor.eat_word("UTF8");
    if wrapped {
        cursor.gap()?;
        cursor.want(b'(', "a list is missing")?;
        cursor.blanks();
    }
    match cursor.at_end() {
        true => Ok((appended, wrapped)),
        false => Err(Fault::bad("flags, a date and the message are wanted")),
    }
}
