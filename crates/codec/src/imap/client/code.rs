//! Response codes: what a server tells programs beside its words for people.

use super::cursor::Cursor;
use super::limits;
use crate::imap::Numbers;

/// A response code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// APPENDUID (RFC 4315): where the message is now.
    AppendUid {
        /// UIDVALIDITY there.
        uidvalidity: u32,
        /// Its UID.
        uids: Numbers,
    },
    /// COPYUID (RFC 4315): which became which, in the order that is written.
    CopyUid {
        /// UIDVALIDITY where the copies are.
        uidvalidity: u32,
        /// The UIDs of what was copied.
        from: Numbers,
        /// The UIDs of the copies.
        to: Numbers,
    },
    /// CAPABILITY, in upper case.
    Capabilities(Vec<String>),
    /// HIGHESTMODSEQ.
    HighestModseq(u64),
    /// MODIFIED: these were not changed, for somebody else did (RFC 7162).
    Modified(Numbers),
    /// PERMANENTFLAGS.
    PermanentFlags(Vec<String>),
    /// UIDNEXT.
    UidNext(u32),
    /// UIDVALIDITY.
    UidValidity(u32),
    /// Another, in upper case, with whatever belongs to it; also one of the above that makes no sense.
    Other(String),
}

impl Code {
    /// Its name: `OVERQUOTA`.
    pub fn name(&self) -> &str {
        match self {
            Code::AppendUid { .. } => "APPENDUID",
            Code::CopyUid { .. } => "COPYUID",
            Code::Capabilities(_) => "CAPABILITY",
            Code::HighestModseq(_) => "HIGHESTMODSEQ",
            Code::Modified(_) => "MODIFIED",
            Code::PermanentFlags(_) => "PERMANENTFLAGS",
            Code::UidNext(_) => "UIDNEXT",
            Code::UidValidity(_) => "UIDVALIDITY",
            Code::Other(text) => text.split(' ').next().unwrap_or_default(),
        }
    }

    /// Reads what stands between the brackets.
    fn parse(inner: &[u8]) -> Self {
        known(inner).unwrap_or_else(|| {
            let text = String::from_utf8_lossy(inner.get(..limits::WORD).unwrap_or(inner));
            Code::Other(text.trim().to_ascii_uppercase())
        })
    }
}

fn known(inner: &[u8]) -> Option<Code> {
    let mut cursor = Cursor::of(inner);
    let name = cursor.atom().to_ascii_uppercase();
    Some(match name.as_slice() {
        b"APPENDUID" => Code::AppendUid {
            uidvalidity: cursor.number()?,
            uids: cursor.numbers()?,
        },
        b"COPYUID" => Code::CopyUid {
            uidvalidity: cursor.number()?,
            from: cursor.numbers()?,
            to: cursor.numbers()?,
        },
        b"CAPABILITY" => Code::Capabilities(capabilities(&mut cursor)),
        b"HIGHESTMODSEQ" => Code::HighestModseq(cursor.number()?),
        b"MODIFIED" => Code::Modified(cursor.numbers()?),
        b"PERMANENTFLAGS" => Code::PermanentFlags(cursor.words()?),
        b"UIDNEXT" => Code::UidNext(cursor.number().filter(|next| *next > 0)?),
        b"UIDVALIDITY" => Code::UidValidity(cursor.number().filter(|validity| *validity > 0)?),
        _ => return None,
    })
}

/// Words until the end, in upper case.
pub(super) fn capabilities(cursor: &mut Cursor<'_>) -> Vec<String> {
    let mut words = Vec::new();
    while words.len() < limits::LIST {
        let word = cursor.atom();
        if word.is_empty() {
            break;
        }
        if word.len() <= limits::WORD {
            words.push(String::from_utf8_lossy(word).to_ascii_uppercase());
        }
    }
    words
}

/// Reads `[CODE] text`; either may be missing.
pub(super) fn code_and_text(rest: &[u8]) -> (Option<Code>, String) {
    let rest = rest.trim_ascii();
    let inside = rest
        .strip_prefix(b"[")
        .and_then(|inner| Some((inner, closing(inner)?)));
    let (code, text) = match inside {
        Some((inner, end)) => {
            let (inner, text) = inner.split_at(end);
            (Some(Code::parse(inner)), text.get(1..).unwrap_or_default())
        }
        None => (None, rest),
    };
    let text = text.get(..limits::TEXT).unwrap_or(text);
    (code, String::from_utf8_lossy(text).trim().to_owned())
}

/// Where the bracket that closes the code is: not one in a list, for flags may have it in their names.
fn closing(inner: &[u8]) -> Option<usize> {
    let mut is_in_list = false;
    let outside = inner.iter().position(|byte| {
        match byte {
            b'(' => is_in_list = true,
            b')' => is_in_list = false,
            _ => {}
        }
        *byte == b']' && !is_in_list
    });
    outside.or_else(|| inner.iter().position(|byte| *byte == b']'))
}
