//! Status answers and their codes (RFC 9051 §7.1).

use super::string::{astring, words};
use crate::imap::set::Numbers;

/// How a command ended, or what an untagged line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// It is done.
    Ok,
    /// It could not be done.
    No,
    /// It was no proper command.
    Bad,
    /// The connection ends.
    Bye,
}

impl Condition {
    fn name(self) -> &'static str {
        match self {
            Condition::Ok => "OK",
            Condition::No => "NO",
            Condition::Bad => "BAD",
            Condition::Bye => "BYE",
        }
    }
}

/// What a program reads in a status answer (RFC 9051 §7.1, RFC 5530).
///
/// ALERT and UNAVAILABLE are missing on purpose: programs show both as dialogs, again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// ALREADYEXISTS.
    AlreadyExists,
    /// APPENDUID: the validity, and the UIDs of the messages (RFC 4315).
    AppendUid(u32, Numbers),
    /// AUTHENTICATIONFAILED.
    AuthenticationFailed,
    /// AUTHORIZATIONFAILED: it may not act as whom it wants to.
    AuthorizationFailed,
    /// BADCHARSET, with those that are known.
    BadCharset(Vec<String>),
    /// CANNOT: it is against the rules, and always will be.
    Cannot,
    /// CAPABILITY.
    Capability(Vec<String>),
    /// CLIENTBUG.
    ClientBug,
    /// CLOSED: what follows is about the new mailbox (RFC 7162 §3.2.11).
    Closed,
    /// COPYUID: the validity, and the UIDs there and their new ones, in one order (RFC 4315).
    CopyUid(u32, Numbers, Numbers),
    /// EXPUNGEISSUED.
    ExpungeIssued,
    /// HASCHILDREN (RFC 9051 §7.1).
    HasChildren,
    /// HIGHESTMODSEQ.
    HighestModSeq(u64),
    /// LIMIT.
    Limit,
    /// MAILBOXID (RFC 8474).
    MailboxId(String),
    /// MODIFIED: what a STORE with UNCHANGEDSINCE did not change (RFC 7162 §3.1.3).
    Modified(Numbers),
    /// NOMODSEQ.
    NoModSeq,
    /// NONEXISTENT.
    NonExistent,
    /// NOPERM.
    NoPerm,
    /// NOTSAVED: the last SAVE failed (RFC 5182).
    NotSaved,
    /// OVERQUOTA.
    OverQuota,
    /// PERMANENTFLAGS; `\*` is one of them, if programs may make their own.
    PermanentFlags(Vec<String>),
    /// PRIVACYREQUIRED: not without TLS.
    PrivacyRequired,
    /// READ-ONLY.
    ReadOnly,
    /// READ-WRITE.
    ReadWrite,
    /// SERVERBUG.
    ServerBug,
    /// TOOBIG (RFC 4469).
    TooBig,
    /// TRYCREATE.
    TryCreate,
    /// UIDNEXT.
    UidNext(u32),
    /// UIDNOTSTICKY.
    UidNotSticky,
    /// UIDVALIDITY.
    UidValidity(u32),
    /// UNKNOWN-CTE: a part's transfer encoding cannot be undone (RFC 3516 §4.3).
    UnknownCte,
    /// UNSEEN: the first message that is not seen (RFC 3501).
    Unseen(u32),
    /// USEATTR: there can be no such special use (RFC 6154 §3).
    UseAttr,
}

impl Code {
    /// Writes it without its brackets.
    pub fn write(&self, out: &mut Vec<u8>) {
        let plain = |out: &mut Vec<u8>, text: &str| out.extend_from_slice(text.as_bytes());
        match self {
            Code::AppendUid(validity, uids) => {
                plain(out, &format!("APPENDUID {validity} {uids}"));
            }
            Code::CopyUid(validity, from, to) => {
                plain(out, &format!("COPYUID {validity} {from} {to}"));
            }
            Code::HighestModSeq(modseq) => plain(out, &format!("HIGHESTMODSEQ {modseq}")),
            Code::Modified(numbers) => plain(out, &format!("MODIFIED {numbers}")),
            Code::UidNext(uid) => plain(out, &format!("UIDNEXT {uid}")),
            Code::UidValidity(validity) => plain(out, &format!("UIDVALIDITY {validity}")),
            Code::Unseen(number) => plain(out, &format!("UNSEEN {number}")),
            Code::BadCharset(charsets) => {
                plain(out, "BADCHARSET (");
                for (at, charset) in charsets.iter().enumerate() {
                    plain(out, if at > 0 { " " } else { "" });
                    astring(out, charset.as_bytes());
                }
                plain(out, ")");
            }
            Code::Capability(capabilities) => {
                plain(out, "CAPABILITY");
                for capability in capabilities {
                    plain(out, " ");
                    plain(out, capability);
                }
            }
            Code::MailboxId(id) => {
                plain(out, "MAILBOXID ");
                words(out, [id]);
            }
            Code::PermanentFlags(flags) => {
                plain(out, "PERMANENTFLAGS ");
                words(out, flags);
            }
            code => plain(out, code.word()),
        }
    }

    /// Codes that are one word.
    fn word(&self) -> &'static str {
        match self {
            Code::AlreadyExists => "ALREADYEXISTS",
            Code::AuthenticationFailed => "AUTHENTICATIONFAILED",
            Code::AuthorizationFailed => "AUTHORIZATIONFAILED",
            Code::Cannot => "CANNOT",
            Code::ClientBug => "CLIENTBUG",
            Code::Closed => "CLOSED",
            Code::ExpungeIssued => "EXPUNGEISSUED",
            Code::HasChildren => "HASCHILDREN",
            Code::Limit => "LIMIT",
            Code::NoModSeq => "NOMODSEQ",
            Code::NonExistent => "NONEXISTENT",
            Code::NoPerm => "NOPERM",
            Code::NotSaved => "NOTSAVED",
            Code::OverQuota => "OVERQUOTA",
            Code::PrivacyRequired => "PRIVACYREQUIRED",
            Code::ReadOnly => "READ-ONLY",
            Code::ReadWrite => "READ-WRITE",
            Code::ServerBug => "SERVERBUG",
            Code::TooBig => "TOOBIG",
            Code::TryCreate => "TRYCREATE",
            Code::UidNotSticky => "UIDNOTSTICKY",
            Code::UnknownCte => "UNKNOWN-CTE",
            Code::UseAttr => "USEATTR",
            Code::AppendUid(..)
            | Code::BadCharset(_)
            | Code::Capability(_)
            | Code::CopyUid(..)
            | Code::HighestModSeq(_)
            | Code::MailboxId(_)
            | Code::Modified(_)
            | Code::PermanentFlags(_)
            | Code::UidNext(_)
            | Code::UidValidity(_)
            | Code::Unseen(_) => "",
        }
    }
}

/// A status line: tagged, or with `*`.
pub fn line(
    out: &mut Vec<u8>,
    tag: Option<&str>,
    condition: Condition,
    code: Option<&Code>,
    text: &str,
) {
    out.extend_from_slice(tag.unwrap_or("*").as_bytes());
    out.push(b' ');
    out.extend_from_slice(condition.name().as_bytes());
    out.push(b' ');
    if let Some(code) = code {
        out.push(b'[');
        code.write(out);
        out.extend_from_slice(b"] ");
    }
    say(out, text);
    out.extend_from_slice(b"\r\n");
}

/// Text for people: printable ASCII, and one letter at least (RFC 9051 §9, `text`). A bracket would begin a code.
pub(super) fn say(out: &mut Vec<u8>, text: &str) {
    let begin = out.len();
    for letter in text.chars() {
        let first = out.len() == begin;
        match u8::try_from(letter) {
            Ok(b'[') if first => out.push(b'('),
            Ok(byte @ b' '..=b'~') => out.push(byte),
            _ => out.push(b'?'),
        }
    }
    if out.len() == begin {
        out.push(b'.');
    }
}
