//! Answers about mailboxes.

use super::string::{self, mailbox, words};
use crate::imap::command::StatusItem;

/// A line of LIST or LSUB (RFC 9051 §7.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Listed<'a> {
    /// It answers LSUB.
    pub lsub: bool,
    /// `\HasChildren`, `\Subscribed`, `\Sent`, …
    pub attributes: &'a [&'a str],
    /// Its name; empty, with `\Noselect`, to tell the delimiter.
    pub name: &'a str,
    /// Why it is listed for those below it: `SUBSCRIBED` in CHILDINFO (RFC 5258 §3.5).
    pub child_info: &'a [&'a str],
    /// The name that the client knows (OLDNAME, RFC 9051 §6.3.9.7).
    pub old_name: Option<&'a str>,
}

impl Listed<'_> {
    /// Writes the line; `utf8` as in [`name::encode`](crate::imap::name::encode).
    pub fn write(&self, out: &mut Vec<u8>, utf8: bool) {
        let verb: &[u8] = if self.lsub { b"* LSUB " } else { b"* LIST " };
        out.extend_from_slice(verb);
        words(out, self.attributes);
        out.extend_from_slice(b" \"/\" ");
        mailbox(out, self.name, utf8);
        if !self.child_info.is_empty() || self.old_name.is_some() {
            out.extend_from_slice(b" (");
            if !self.child_info.is_empty() {
                out.extend_from_slice(b"\"CHILDINFO\" (");
                for (at, info) in self.child_info.iter().enumerate() {
                    out.extend_from_slice(if at > 0 { b" " } else { b"" });
                    string::string(out, info.as_bytes());
                }
                out.push(b')');
            }
            if let Some(old) = self.old_name {
                let gap: &[u8] = if self.child_info.is_empty() {
                    b""
                } else {
                    b" "
                };
                out.extend_from_slice(gap);
                out.extend_from_slice(b"\"OLDNAME\" (");
                mailbox(out, old, utf8);
                out.push(b')');
            }
            out.push(b')');
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// A value of STATUS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure<'a> {
    /// Of most items.
    Number(u64),
    /// Of MAILBOXID.
    Id(&'a str),
    /// APPENDLIMIT, where there is none.
    Nil,
}

/// A line of STATUS.
pub fn status(out: &mut Vec<u8>, name: &str, utf8: bool, items: &[(StatusItem, Figure<'_>)]) {
    out.extend_from_slice(b"* STATUS ");
    mailbox(out, name, utf8);
    out.extend_from_slice(b" (");
    for (at, (item, figure)) in items.iter().enumerate() {
        let gap = if at > 0 { " " } else { "" };
        let value = match figure {
            Figure::Number(number) => number.to_string(),
            Figure::Id(id) => format!("({id})"),
            Figure::Nil => "NIL".to_owned(),
        };
        out.extend_from_slice(format!("{gap}{} {value}", item.name()).as_bytes());
    }
    out.extend_from_slice(b")\r\n");
}

/// `* FLAGS (…)`.
pub fn flags_line<F: AsRef<str>>(out: &mut Vec<u8>, flags: impl IntoIterator<Item = F>) {
    out.extend_from_slice(b"* FLAGS ");
    words(out, flags);
    out.extend_from_slice(b"\r\n");
}

/// `* 7 EXISTS`.
pub fn exists(out: &mut Vec<u8>, messages: u32) {
    out.extend_from_slice(format!("* {messages} EXISTS\r\n").as_bytes());
}

/// `* 0 RECENT` (RFC 3501; not for who enabled IMAP4rev2).
pub fn recent(out: &mut Vec<u8>, messages: u32) {
    out.extend_from_slice(format!("* {messages} RECENT\r\n").as_bytes());
}

/// `* 7 EXPUNGE`: those behind it move up by one.
pub fn expunged(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(format!("* {number} EXPUNGE\r\n").as_bytes());
}

/// The one personal namespace, without prefix (RFC 2342).
pub fn namespace(out: &mut Vec<u8>) {
    out.extend_from_slice(b"* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
}

/// `* ENABLED …` (RFC 5161).
pub fn enabled(out: &mut Vec<u8>, words: &[&str]) {
    out.extend_from_slice(b"* ENABLED");
    for word in words {
        out.push(b' ');
        out.extend_from_slice(word.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}
