//! FETCH and the names of what it fetches (RFC 9051 §6.4.5, RFC 3516, RFC 7162 §3.1.4).

use super::cursor::Cursor;
use super::{Fault, Read};
use crate::imap::command::{Command, FetchItem, Form, Section, SectionOf};
use crate::imap::limits;

/// What is implied stands in the items, too: UID of UID FETCH (RFC 9051 §6.4.9), MODSEQ of CHANGEDSINCE (RFC 7162 §3.1.4.1).
pub(super) fn fetch(cursor: &mut Cursor<'_>, uid: bool) -> Read<Command> {
    cursor.gap()?;
    let messages = cursor.numbers()?;
    cursor.gap()?;
    let mut items = Vec::new();
    match cursor.peek() {
        Some(b'(') => cursor.list(|cursor| item(cursor, &mut items))?,
        _ => item(cursor, &mut items)?,
    }
    if items.is_empty() {
        return Err(Fault::bad("fetch what?"));
    }
    if items.len() > limits::FETCH_ITEMS {
        return Err(Fault::bad("too many items"));
    }
    let (mut changed_since, mut vanished) = (None, false);
    if cursor.another()? {
        cursor.list(|cursor| {
            match cursor.word()?.as_str() {
                "CHANGEDSINCE" if changed_since.is_none() => {
                    cursor.gap()?;
                    changed_since = Some(cursor.number64()?);
                }
                "VANISHED" => vanished = true,
                _ => return Err(Fault::bad("unknown modifier")),
            }
            Ok(())
        })?;
    }
    if vanished && (!uid || changed_since.is_none()) {
        // RFC 7162 §3.2.6.
        return Err(Fault::bad("VANISHED is for UID FETCH with CHANGEDSINCE"));
    }
    let implied = [
        (uid, FetchItem::Uid),
        (changed_since.is_some(), FetchItem::ModSeq),
    ];
    for (is, item) in implied {
        if is && !items.contains(&item) {
            items.push(item);
        }
    }
    Ok(Command::Fetch {
        messages,
        uid,
        items,
        changed_since,
        vanished,
    })
}

fn item(cursor: &mut Cursor<'_>, items: &mut Vec<FetchItem>) -> Read<()> {
    let name = cursor.run(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    let name = super::cursor::ascii(name).to_ascii_uppercase();
    const FAST: [FetchItem; 3] = [FetchItem::Flags, FetchItem::InternalDate, FetchItem::Size];
    let item = match name.as_str() {
        "ALL" | "FAST" | "FULL" => {
            items.extend(FAST);
            match name.as_str() {
                "FAST" => return Ok(()),
                "FULL" => items.extend([FetchItem::Envelope, FetchItem::Body]),
                _ => items.push(FetchItem::Envelope),
            }
            return Ok(());
        }
        "UID" => FetchItem::Uid,
        "FLAGS" => FetchItem::Flags,
        "INTERNALDATE" => FetchItem::InternalDate,
        "ENVELOPE" => FetchItem::Envelope,
        "BODYSTRUCTURE" => FetchItem::BodyStructure,
        "MODSEQ" => FetchItem::ModSeq,
        "EMAILID" => FetchItem::EmailId,
        "THREADID" => FetchItem::ThreadId,
        "SAVEDATE" => FetchItem::SaveDate,
        "PREVIEW" => {
            lazy(cursor)?;
            FetchItem::Preview
        }
        "RFC822.SIZE" => FetchItem::Size,
        "RFC822" => old(SectionOf::Whole, false, Form::Rfc822),
        "RFC822.HEADER" => old(SectionOf::Header, true, Form::Rfc822Header),
        "RFC822.TEXT" => old(SectionOf::Text, false, Form::Rfc822Text),
        "BODY" if cursor.peek() != Some(b'[') => FetchItem::Body,
        "BODY" | "BODY.PEEK" => body(cursor, name == "BODY.PEEK")?,
        "BINARY" | "BINARY.PEEK" => binary(cursor, name == "BINARY.PEEK")?,
        "BINARY.SIZE" => FetchItem::BinarySize(numbered(cursor)?),
        _ => return Err(Fault::bad("unknown item")),
    };
    items.push(item);
    Ok(())
}

/// `PREVIEW (LAZY)` permits to answer NIL (RFC 8970 §3.1), which needs no permission where it is quick.
fn lazy(cursor: &mut Cursor<'_>) -> Read<()> {
    let mut ahead = cursor.clone();
    if ahead.blanks() && ahead.peek() == Some(b'(') {
        // At the end of a FETCH that is no list, its modifiers may stand here.
        let modifiers = ahead.clone().list(|cursor| match cursor.eat_word("LAZY") {
            true => Ok(()),
            false => Err(Fault::bad("unknown modifier")),
        });
        if modifiers.is_ok() {
            ahead.list(|cursor| {
                cursor.eat_word("LAZY");
                Ok(())
            })?;
            *cursor = ahead;
        }
    }
    Ok(())
}

fn old(of: SectionOf, peek: bool, form: Form) -> FetchItem {
    FetchItem::Section {
        section: Section {
            part: Vec::new(),
            of,
        },
        partial: None,
        peek,
        form,
    }
}

fn body(cursor: &mut Cursor<'_>, peek: bool) -> Read<FetchItem> {
    cursor.want(b'[', "a section is missing")?;
    cursor.blanks();
    let (part, dangling) = part(cursor)?;
    let of = match part.is_empty() || dangling {
        true => section_text(cursor, !part.is_empty())?,
        false => SectionOf::Whole,
    };
    if dangling && of == SectionOf::Whole {
        return Err(Fault::bad("a section ends with a dot"));
    }
    cursor.blanks();
    cursor.want(b']', "a section does not end")?;
    Ok(FetchItem::Section {
        section: Section { part, of },
        partial: partial(cursor)?,
        peek,
        form: Form::Body,
    })
}

fn binary(cursor: &mut Cursor<'_>, peek: bool) -> Read<FetchItem> {
    let part = numbered(cursor)?;
    Ok(FetchItem::Section {
        section: Section {
            part,
            of: SectionOf::Whole,
        },
        partial: partial(cursor)?,
        peek,
        form: Form::Binary,
    })
}

/// `[1.2]` or `[]`.
fn numbered(cursor: &mut Cursor<'_>) -> Read<Vec<u32>> {
    cursor.want(b'[', "a section is missing")?;
    let (part, dangling) = part(cursor)?;
    if dangling {
        return Err(Fault::bad("a section ends with a dot"));
    }
    cursor.want(b']', "a section does not end")?;
    Ok(part)
}

/// The numbers of a part, and whether a dot follows the last.
fn part(cursor: &mut Cursor<'_>) -> Read<(Vec<u32>, bool)> {
    let mut part = Vec::new();
    while cursor.peek().is_some_and(|byte| byte.is_ascii_digit()) {
        part.push(cursor.positive()?);
        if part.len() > limits::PART_DEPTH {
            return Err(Fault::bad("a part lies too deep"));
        }
        if !cursor.eat(b'.') {
            return Ok((part, false));
        }
    }
    let dangling = !part.is_empty();
    Ok((part, dangling))
}

fn section_text(cursor: &mut Cursor<'_>, of_part: bool) -> Read<SectionOf> {
    let name = cursor.run(|byte| byte.is_ascii_alphabetic() || byte == b'.');
    let name = super::cursor::ascii(name).to_ascii_uppercase();
    Ok(match name.as_str() {
        "" => SectionOf::Whole,
        "HEADER" => SectionOf::Header,
        "TEXT" => SectionOf::Text,
        "MIME" if of_part => SectionOf::Mime,
        "HEADER.FIELDS" => SectionOf::Fields(fields(cursor)?),
        "HEADER.FIELDS.NOT" => SectionOf::FieldsNot(fields(cursor)?),
        _ => return Err(Fault::bad("unknown section")),
    })
}

/// Names of fields. Only what a name may consist of is taken (RFC 5322 §2.2): it is said again in the answer.
fn fields(cursor: &mut Cursor<'_>) -> Read<Vec<String>> {
    cursor.gap()?;
    let mut fields = Vec::new();
    cursor.list(|cursor| {
        let field = cursor.astring()?;
        let right = !field.is_empty() && field.iter().all(u8::is_ascii_graphic);
        if !right {
            return Err(Fault::bad("this is no name of a field"));
        }
        fields.push(super::cursor::ascii(&field));
        Ok(())
    })?;
    match fields.is_empty() {
        true => Err(Fault::bad("which fields?")),
        false => Ok(fields),
    }
}

/// `<0.2048>`. What reaches beyond 32 bits reaches beyond any message.
fn partial(cursor: &mut Cursor<'_>) -> Read<Option<(u32, u32)>> {
    if !cursor.eat(b'<') {
        return Ok(None);
    }
    let capped = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let from = capped(cursor.number64()?);
    cursor.want(b'.', "a range is <from.octets>")?;
    let octets = capped(cursor.number64()?);
    cursor.want(b'>', "a range is <from.octets>")?;
    match octets {
        0 => Err(Fault::bad("a range of nothing")),
        octets => Ok(Some((from, octets))),
    }
}
