//! SEARCH, SORT and THREAD (RFC 9051 §6.4.4; RFC 5256; RFC 4731, 5182, 9394; RFC 7162 §3.1.5; RFC 5032; RFC 8474 §4).

use super::cursor::{Cursor, ascii};
use super::{Fault, Read};
use crate::imap::command::{
    Command, Day, Returns, Search, SearchKey, SortBy, SortKey, ThreadAlgorithm,
};
use crate::imap::limits;

pub(super) fn search(cursor: &mut Cursor<'_>, uid: bool) -> Read<Command> {
    cursor.gap()?;
    let returns = returns(cursor)?;
    let charset = match cursor.eat_word("CHARSET") {
        true => {
            cursor.gap()?;
            let charset = charset(cursor)?;
            cursor.gap()?;
            Some(charset)
        }
        false => None,
    };
    let key = keys_to_end(cursor)?;
    Ok(Command::Search(Search {
        uid,
        charset,
        key,
        returns,
    }))
}

/// SORT; with RETURN it is RFC 5267's.
pub(super) fn sort(cursor: &mut Cursor<'_>, uid: bool) -> Read<Command> {
    cursor.gap()?;
    let returns = returns(cursor)?;
    let (mut keys, mut reverse) = (Vec::new(), false);
    cursor.list(|cursor| {
        let by = match cursor.word()?.as_str() {
            "REVERSE" if !reverse => {
                reverse = true;
                return Ok(());
            }
            "ARRIVAL" => SortBy::Arrival,
            "CC" => SortBy::Cc,
            "DATE" => SortBy::Date,
            "FROM" => SortBy::From,
            "SIZE" => SortBy::Size,
            "SUBJECT" => SortBy::Subject,
            "TO" => SortBy::To,
            "DISPLAYFROM" => SortBy::DisplayFrom,
            "DISPLAYTO" => SortBy::DisplayTo,
            _ => return Err(Fault::bad("sort by what?")),
        };
        keys.push(SortKey { reverse, by });
        reverse = false;
        Ok(())
    })?;
    if keys.is_empty() || reverse {
        return Err(Fault::bad("sort by what?"));
    }
    cursor.gap()?;
    let search = program(cursor, uid, returns)?;
    Ok(Command::Sort { keys, search })
}

pub(super) fn thread(cursor: &mut Cursor<'_>, uid: bool) -> Read<Command> {
    cursor.gap()?;
    let algorithm = match cursor.word()?.as_str() {
        "ORDEREDSUBJECT" => ThreadAlgorithm::OrderedSubject,
        "REFERENCES" => ThreadAlgorithm::References,
        "REFS" => ThreadAlgorithm::Refs,
        _ => return Err(Fault::bad("unknown algorithm")),
    };
    cursor.gap()?;
    let search = program(cursor, uid, None)?;
    Ok(Command::Thread { algorithm, search })
}

/// Charset and keys of SORT and THREAD, where the charset must be.
fn program(cursor: &mut Cursor<'_>, uid: bool, returns: Option<Returns>) -> Read<Search> {
    let charset = Some(charset(cursor)?);
    cursor.gap()?;
    let key = keys_to_end(cursor)?;
    Ok(Search {
        uid,
        charset,
        key,
        returns,
    })
}

/// A charset's name is an atom, or quoted (RFC 9051 §9).
fn charset(cursor: &mut Cursor<'_>) -> Read<String> {
    Ok(ascii(&cursor.astring()?).to_ascii_uppercase())
}

/// `RETURN (…)` and the blank behind it, if it is next.
fn returns(cursor: &mut Cursor<'_>) -> Read<Option<Returns>> {
    if !cursor.eat_word("RETURN") {
        return Ok(None);
    }
    cursor.gap()?;
    let mut returns = Returns::default();
    let mut some = false;
    cursor.list(|cursor| {
        match cursor.word()?.as_str() {
            "MIN" => returns.min = true,
            "MAX" => returns.max = true,
            "ALL" => returns.all = true,
            "COUNT" => returns.count = true,
            "SAVE" => returns.save = true,
            "PARTIAL" if returns.partial.is_none() => {
                cursor.gap()?;
                returns.partial = Some(page(cursor)?);
            }
            _ => return Err(Fault::bad("unknown return option")),
        }
        some = true;
        Ok(())
    })?;
    if returns.all && returns.partial.is_some() {
        // RFC 9394 §3.1.
        return Err(Fault::bad("either ALL or PARTIAL"));
    }
    returns.all |= !some;
    cursor.gap()?;
    Ok(Some(returns))
}

/// `1:100`, or `-1:-100`; both ends on the same side (RFC 9394 §3.1).
fn page(cursor: &mut Cursor<'_>) -> Read<(i64, i64)> {
    let from = place(cursor)?;
    cursor.want(b':', "a range is from:to")?;
    let to = place(cursor)?;
    match (from > 0) == (to > 0) {
        true => Ok((from, to)),
        false => Err(Fault::bad("both ends are counted from one side")),
    }
}

fn place(cursor: &mut Cursor<'_>) -> Read<i64> {
    let negative = cursor.eat(b'-');
    let number = i64::from(cursor.positive()?);
    Ok(if negative { -number } else { number })
}

/// The keys up to the end of the command.
fn keys_to_end(cursor: &mut Cursor<'_>) -> Read<SearchKey> {
    let mut keys = vec![key(cursor, 0)?];
    while cursor.another()? {
        keys.push(key(cursor, 0)?);
    }
    Ok(all_of(keys))
}

fn all_of(mut keys: Vec<SearchKey>) -> SearchKey {
    match (keys.pop(), keys.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            keys.extend(last);
            SearchKey::And(keys)
        }
    }
}

fn key(cursor: &mut Cursor<'_>, depth: usize) -> Read<SearchKey> {
    if depth > limits::SEARCH_DEPTH {
        return Err(Fault::bad("the search is nested too deep"));
    }
    match cursor.peek() {
        Some(b'(') => {
            let mut keys = Vec::new();
            cursor.eat(b'(');
            cursor.blanks();
            while !cursor.eat(b')') {
                keys.push(key(cursor, depth + 1)?);
                if !cursor.blanks() && cursor.peek() != Some(b')') {
                    return Err(Fault::bad("a list does not end"));
                }
            }
            return match keys.is_empty() {
                true => Err(Fault::bad("a key is missing")),
                false => Ok(all_of(keys)),
            };
        }
        Some(b'0'..=b'9' | b'*' | b'$') => return cursor.numbers().map(SearchKey::Sequence),
        _ => {}
    }
    let word = cursor.word().map_err(|_| Fault::bad("a key is missing"))?;
    if let Some(key) = alone(&word) {
        return Ok(key);
    }
    cursor.gap()?;
    match word.as_str() {
        "NOT" => Ok(not(key(cursor, depth + 1)?)),
        "OR" => {
            let one = key(cursor, depth + 1)?;
            cursor.gap()?;
            let other = key(cursor, depth + 1)?;
            Ok(SearchKey::Or(Box::new(one), Box::new(other)))
        }
        _ => with_argument(cursor, &word),
    }
}

fn not(key: SearchKey) -> SearchKey {
    SearchKey::Not(Box::new(key))
}

/// Keys that are one word.
fn alone(word: &str) -> Option<SearchKey> {
    let flag = |flag: &str| SearchKey::Flag(flag.to_owned());
    Some(match word {
        "ALL" => SearchKey::And(Vec::new()),
        "ANSWERED" => flag("\\Answered"),
        "DELETED" => flag("\\Deleted"),
        "DRAFT" => flag("\\Draft"),
        "FLAGGED" => flag("\\Flagged"),
        "SEEN" => flag("\\Seen"),
        "UNANSWERED" => not(flag("\\Answered")),
        "UNDELETED" => not(flag("\\Deleted")),
        "UNDRAFT" => not(flag("\\Draft")),
        "UNFLAGGED" => not(flag("\\Flagged")),
        "UNSEEN" => not(flag("\\Seen")),
        "RECENT" => SearchKey::Recent,
        "OLD" => not(SearchKey::Recent),
        "NEW" => SearchKey::And(vec![SearchKey::Recent, not(flag("\\Seen"))]),
        _ => return None,
    })
}

fn with_argument(cursor: &mut Cursor<'_>, word: &str) -> Read<SearchKey> {
    let field = |name: &str, cursor: &mut Cursor<'_>| -> Read<SearchKey> {
        let text = cursor.astring()?;
        Ok(SearchKey::Header(name.to_owned(), text))
    };
    Ok(match word {
        "FROM" => field("From", cursor)?,
        "TO" => field("To", cursor)?,
        "CC" => field("Cc", cursor)?,
        "BCC" => field("Bcc", cursor)?,
        "SUBJECT" => field("Subject", cursor)?,
        "HEADER" => {
            let name = cursor.astring()?;
            cursor.gap()?;
            field(&ascii(&name), cursor)?
        }
        "BODY" => SearchKey::Body(cursor.astring()?),
        "TEXT" => SearchKey::Text(cursor.astring()?),
        "KEYWORD" => SearchKey::Flag(cursor.flag()?),
        "UNKEYWORD" => not(SearchKey::Flag(cursor.flag()?)),
        "UID" => SearchKey::Uid(cursor.numbers()?),
        "LARGER" => SearchKey::Larger(cursor.number64()?),
        "SMALLER" => SearchKey::Smaller(cursor.number64()?),
        "YOUNGER" => SearchKey::Younger(cursor.positive()?),
        "OLDER" => SearchKey::Older(cursor.positive()?),
        "BEFORE" => SearchKey::Before(day(cursor)?),
        "ON" => SearchKey::On(day(cursor)?),
        "SINCE" => SearchKey::Since(day(cursor)?),
        "SENTBEFORE" => SearchKey::SentBefore(day(cursor)?),
        "SENTON" => SearchKey::SentOn(day(cursor)?),
        "SENTSINCE" => SearchKey::SentSince(day(cursor)?),
        "MODSEQ" => SearchKey::ModSeq(modseq(cursor)?),
        "EMAILID" => SearchKey::EmailId(ascii(&cursor.astring()?)),
        "THREADID" => SearchKey::ThreadId(ascii(&cursor.astring()?)),
        _ => return Err(Fault::bad("unknown search key")),
    })
}

/// A day, which may be quoted.
fn day(cursor: &mut Cursor<'_>) -> Read<Day> {
    Day::parse(&cursor.astring()?).ok_or(Fault::bad("there is no such day"))
}

/// `MODSEQ "/flags/\\draft" all 620`: which flag changed is not kept, so that the entry is passed over, as RFC 7162 §3.1.5 lets
/// a server do.
fn modseq(cursor: &mut Cursor<'_>) -> Read<u64> {
    if cursor.peek() == Some(b'"') {
        cursor.string()?;
        cursor.gap()?;
        if !matches!(cursor.word()?.as_str(), "PRIV" | "SHARED" | "ALL") {
            return Err(Fault::bad("priv, shared or all is wanted"));
        }
        cursor.gap()?;
    }
    cursor.number64()
}
