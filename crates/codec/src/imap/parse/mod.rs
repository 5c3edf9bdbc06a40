//! From the bytes of a whole command to a [`Command`], or to what is wrong with it.
//!
//! Literals stand inline, as on the wire: `{3}`, a line end, three octets.
//!
//! **Lenient where programs are careless**: blanks may be doubled or stand before the line end, a bare LF ends a command, case
//! does not matter, strings may hold any byte but NUL, CR and LF in quotes, flags of a STORE may lack their parentheses.
//! **Strict where a guess could do harm**: a quoted string is closed and escapes as it should, numbers fit, days exist, unknown
//! options are refused (RFC 5258 §3, RFC 4466 §2), nothing may follow a command.

pub(super) mod append;
mod cursor;
mod fetch;
mod folder;
mod search;
mod store;

use super::answer::Code;
use super::command::Command;
use super::name::NameFault;
use cursor::Cursor;

/// Why a command is not obeyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its tag, if it could be read.
    pub tag: Option<String>,
    /// It is the command that is wrong (BAD), and not what it wants (NO).
    pub bad: bool,
    /// A code for programs.
    pub code: Option<Code>,
    /// What people read.
    pub text: String,
}

/// What went wrong within a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    bad: bool,
    code: Option<Code>,
    text: &'static str,
}

type Read<T> = Result<T, Fault>;

impl Fault {
    pub(super) fn bad(text: &'static str) -> Self {
        Fault {
            bad: true,
            code: None,
            text,
        }
    }

    /// What is asked for cannot be, however it is written.
    fn no(code: Code, text: &'static str) -> Self {
        Fault {
            bad: false,
            code: Some(code),
            text,
        }
    }

    pub(super) fn of(self, tag: Option<&str>) -> Refused {
        Refused {
            tag: tag.map(str::to_owned),
            bad: self.bad,
            code: self.code,
            text: self.text.to_owned(),
        }
    }
}

impl From<NameFault> for Fault {
    fn from(fault: NameFault) -> Self {
        match fault {
            NameFault::NotUtf8 => Fault::no(Code::Cannot, "name is not UTF-8"),
            NameFault::Control => Fault::no(Code::Cannot, "name has a control character"),
            NameFault::TooLong => Fault::no(Code::Limit, "name too long"),
        }
    }
}

/// The commands there are. APPEND is not among those of [`Command`]: its messages do not fit into one.
const VERBS: &[&str] = &[
    "APPEND",
    "AUTHENTICATE",
    "CAPABILITY",
    "CHECK",
    "CLOSE",
    "COPY",
    "CREATE",
    "DELETE",
    "ENABLE",
    "EXAMINE",
    "EXPUNGE",
    "FETCH",
    "ID",
    "IDLE",
    "LIST",
    "LOGIN",
    "LOGOUT",
    "LSUB",
    "MOVE",
    "NAMESPACE",
    "NOOP",
    "RENAME",
    "SEARCH",
    "SELECT",
    "SORT",
    "STARTTLS",
    "STATUS",
    "STORE",
    "SUBSCRIBE",
    "THREAD",
    "UID",
    "UNSELECT",
    "UNSUBSCRIBE",
];

/// Tag and verb, as far as they can be read; the verb in upper case, and one that exists.
pub(super) fn opening(bytes: &[u8]) -> (Option<String>, Option<&'static str>) {
    let mut cursor = Cursor::new(bytes, false);
    let Ok(tag) = cursor.tag() else {
        return (None, None);
    };
    let verb = cursor.gap().and_then(|()| cursor.word()).ok();
    let known = verb.and_then(|verb| VERBS.iter().find(|known| **known == verb));
    (Some(tag), known.copied())
}

/// Reads a command. `utf8`: names are UTF-8, not modified UTF-7; see [`decode`](super::name::decode).
///
/// APPEND is refused: a [`Session`](super::server::Session) takes its messages off the wire itself.
pub fn parse(bytes: &[u8], utf8: bool) -> Result<(String, Command), Refused> {
    let mut cursor = Cursor::new(bytes, utf8);
    let tag = cursor.tag().map_err(|fault| fault.of(None))?;
    match whole(&mut cursor) {
        Ok(command) => Ok((tag, command)),
        Err(fault) => Err(fault.of(Some(&tag))),
    }
}

fn whole(cursor: &mut Cursor<'_>) -> Read<Command> {
    cursor.gap().map_err(|_| Fault::bad("no command"))?;
    let verb = cursor.word().map_err(|_| Fault::bad("no command"))?;
    let (verb, uid) = match verb.as_str() {
        "UID" => {
            cursor.gap()?;
            (cursor.word()?, true)
        }
        _ => (verb, false),
    };
    let command = match uid {
        true => with_uid(cursor, &verb)?,
        false => plain(cursor, &verb)?,
    };
    cursor.end()?;
    Ok(command)
}

fn with_uid(cursor: &mut Cursor<'_>, verb: &str) -> Read<Command> {
    match verb {
        "FETCH" => fetch::fetch(cursor, true),
        "STORE" => store::store(cursor, true),
        "COPY" => store::copy(cursor, true, false),
        "MOVE" => store::copy(cursor, true, true),
        "EXPUNGE" => {
            cursor.gap()?;
            Ok(Command::Expunge(Some(cursor.numbers()?)))
        }
        "SEARCH" => search::search(cursor, true),
        "SORT" => search::sort(cursor, true),
        "THREAD" => search::thread(cursor, true),
        _ => Err(Fault::bad("unknown command")),
    }
}

fn plain(cursor: &mut Cursor<'_>, verb: &str) -> Read<Command> {
    Ok(match verb {
        "CAPABILITY" => Command::Capability,
        "NOOP" => Command::Noop,
        "CHECK" => Command::Check,
        "LOGOUT" => Command::Logout,
        "STARTTLS" => Command::StartTls,
        "NAMESPACE" => Command::Namespace,
        "CLOSE" => Command::Close { expunge: true },
        "UNSELECT" => Command::Close { expunge: false },
        "IDLE" => Command::Idle,
        "EXPUNGE" => Command::Expunge(None),
        "ID" => id(cursor)?,
        "LOGIN" => {
            cursor.gap()?;
            let user = cursor.astring()?;
            cursor.gap()?;
            let password = cursor.astring()?;
            Command::Login { user, password }
        }
        "AUTHENTICATE" => authenticate(cursor)?,
        "ENABLE" => {
            let mut words = Vec::new();
            while cursor.another()? {
                words.push(cursor.word()?);
                cursor.bounded(words.len())?;
            }
            match words.is_empty() {
                true => return Err(Fault::bad("enable what?")),
                false => Command::Enable(words),
            }
        }
        "SELECT" => folder::select(cursor, false)?,
        "EXAMINE" => folder::select(cursor, true)?,
        "CREATE" => folder::create(cursor)?,
        "DELETE" => Command::Delete(cursor.gap_mailbox()?),
        "RENAME" => Command::Rename {
            from: cursor.gap_mailbox()?,
            to: cursor.gap_mailbox()?,
        },
        "SUBSCRIBE" => Command::Subscribe(cursor.gap_mailbox()?),
        "UNSUBSCRIBE" => Command::Unsubscribe(cursor.gap_mailbox()?),
        "LIST" => folder::list(cursor)?,
        "LSUB" => folder::lsub(cursor)?,
        "STATUS" => folder::status(cursor)?,
        "SEARCH" => search::search(cursor, false)?,
        "SORT" => search::sort(cursor, false)?,
        "THREAD" => search::thread(cursor, false)?,
        "FETCH" => fetch::fetch(cursor, false)?,
        "STORE" => store::store(cursor, false)?,
        "COPY" => store::copy(cursor, false, false)?,
        "MOVE" => store::copy(cursor, false, true)?,
        "APPEND" => return Err(Fault::bad("the message comes as a literal")),
        _ => return Err(Fault::bad("unknown command")),
    })
}

/// ID with its list, or NIL (RFC 2971 §3.1).
fn id(cursor: &mut Cursor<'_>) -> Read<Command> {
    let mut fields = Vec::new();
    cursor.gap()?;
    if cursor.peek() != Some(b'(') {
        return match cursor.nstring()? {
            None => Ok(Command::Id(fields)),
            Some(_) => Err(Fault::bad("a list of fields is wanted")),
        };
    }
    cursor.list(|cursor| {
        let name = cursor.string()?;
        cursor.gap()?;
        fields.push((name, cursor.nstring()?));
        Ok(())
    })?;
    Ok(Command::Id(fields))
}

fn authenticate(cursor: &mut Cursor<'_>) -> Read<Command> {
    cursor.gap()?;
    let mechanism = cursor.word()?;
    let initial = match cursor.another()? {
        true => Some(cursor.base64()?),
        false => None,
    };
    Ok(Command::Authenticate { mechanism, initial })
}

#[cfg(test)]
mod tests;
