//! FETCH.

use super::answer::{Fetched, Message};
use super::cursor::{Cursor, Value};
use super::reader::is_message_item;
use crate::imap::parse_internal_date;

/// Reads `(UID 5 FLAGS (\Seen) …)`. Items that are not known are passed over.
pub(super) fn fetched(number: u32, cursor: &mut Cursor<'_>) -> Option<Fetched> {
    let mut fetched = Fetched {
        number,
        ..Fetched::default()
    };
    if !cursor.takes(b'(') {
        return None;
    }
    while !cursor.takes(b')') {
        let name = cursor.item().to_ascii_uppercase();
        match name.as_slice() {
            b"" => return None,
            b"UID" => fetched.uid = Some(cursor.number().filter(|uid| *uid > 0)?),
            b"FLAGS" => fetched.flags = Some(cursor.words()?),
            b"MODSEQ" => {
                let is_list = cursor.takes(b'(');
                let modseq: u64 = cursor.number()?;
                fetched.modseq = (modseq > 0).then_some(modseq);
                if is_list && !cursor.takes(b')') {
                    return None;
                }
            }
            b"RFC822.SIZE" => fetched.size = Some(cursor.number()?),
            b"INTERNALDATE" => {
                let date = cursor.value()?.bytes();
                fetched.date = date.and_then(|date| parse_internal_date(&date));
            }
            name if is_message_item(name) => {
                fetched.message = Some(match cursor.value()? {
                    Value::Bytes(bytes) => Message::Whole(bytes.into_owned()),
                    Value::Streamed(size) => Message::Streamed(size),
                    Value::Nil | Value::PassedOver(_) => Message::Nothing,
                });
            }
            name if name.starts_with(b"BODY[HEADER") => {
                let header = cursor.value()?;
                fetched.header = match header {
                    Value::Nil => Some(Vec::new()),
                    header => header.bytes().map(|bytes| bytes.into_owned()),
                };
            }
            _ => cursor.skip()?,
        }
    }
    Some(fetched)
}
