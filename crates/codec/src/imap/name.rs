//! Names of mailboxes on the wire: modified UTF-7 (RFC 3501 §5.1.3), or UTF-8 where the client enabled it (RFC 6855 §3,
//! RFC 9051 §5.1).

use std::borrow::Cow;

use super::limits;
use crate::maildir::{mutf7_decode, mutf7_encode};

/// What parts a name into levels.
pub const DELIMITER: char = '/';

/// The mailbox that everybody has, its name in any case (RFC 9051 §5.1).
pub const INBOX: &str = "INBOX";

/// Why bytes are no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum NameFault {
    /// It is neither modified UTF-7 nor UTF-8.
    #[error("name is not UTF-8")]
    NotUtf8,
    /// It has a control character or a line separator (RFC 9051 §5.1), which no list could show.
    #[error("name has a control character")]
    Control,
    /// It is longer than [`limits::NAME`].
    #[error("name too long")]
    TooLong,
}

/// Reads a name. `utf8`: the client enabled UTF8=ACCEPT or IMAP4rev2, so that `&` stands for itself; otherwise modified UTF-7 is
/// decoded. UTF-8 is taken in either case, and what is no valid modified UTF-7 means itself: a program that
/// writes `A&B` wants a folder of that name.
pub fn decode(wire: &[u8], utf8: bool) -> Result<String, NameFault> {
    let name = text(wire, utf8)?;
    if name.chars().any(is_control) {
        return Err(NameFault::Control);
    }
    Ok(fold(name))
}

/// Reads a reference or pattern of LIST: as [`decode`], but without folding INBOX, which may be a part of it only.
pub fn decode_pattern(wire: &[u8], utf8: bool) -> Result<String, NameFault> {
    text(wire, utf8)
}

fn text(wire: &[u8], utf8: bool) -> Result<String, NameFault> {
    let text = std::str::from_utf8(wire).map_err(|_| NameFault::NotUtf8)?;
    let decoded = match utf8 || !text.is_ascii() {
        true => None,
        false => mutf7_decode(text),
    };
    let name = decoded.unwrap_or_else(|| text.to_owned());
    match name.len() > limits::NAME {
        true => Err(NameFault::TooLong),
        false => Ok(name),
    }
}

fn is_control(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}')
}

/// `INBOX` for itself in any case. What lies below keeps the case that it was written in.
fn fold(name: String) -> String {
    match name.eq_ignore_ascii_case(INBOX) {
        true => INBOX.to_owned(),
        false => name,
    }
}

/// The name as the client is to see it.
pub fn encode(name: &str, utf8: bool) -> Cow<'_, str> {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'&';
    match utf8 || name.bytes().all(plain) {
        true => Cow::Borrowed(name),
        false => Cow::Owned(mutf7_encode(name)),
    }
}

/// The mailboxes above, the outermost first: `a` and `a/b` for `a/b/c`.
pub fn ancestors(name: &str) -> impl Iterator<Item = &str> {
    let ends = name.match_indices(DELIMITER);
    ends.filter_map(|(end, _)| name.get(..end))
        .filter(|above| !above.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn read() {
        let cases: &[(&[u8], &str, &str)] = &[
            (b"INBOX", "INBOX", "INBOX"),
            (b"inBox", "INBOX", "INBOX"),
            (b"inbox/x", "inbox/x", "inbox/x"),
            (b"Sent", "Sent", "Sent"),
            (b"", "", ""),
            (b"Entw&APw-rfe", "Entwürfe", "Entw&APw-rfe"),
            (
                b"~peter/mail/&U,BTFw-/&ZeVnLIqe-",
                "~peter/mail/台北/日本語",
                "~peter/mail/&U,BTFw-/&ZeVnLIqe-",
            ),
            (b"R&-D", "R&D", "R&-D"),
            // Not valid, so literal.
            (b"R&D", "R&D", "R&D"),
            (b"&AGE-", "&AGE-", "&AGE-"),
            (b"&", "&", "&"),
            (b"&2D0-", "&2D0-", "&2D0-"),
            ("Entwürfe".as_bytes(), "Entwürfe", "Entwürfe"),
            (
                "Entwürfe &- &APw-".as_bytes(),
                "Entwürfe &- &APw-",
                "Entwürfe &- &APw-",
            ),
            ("\u{1F4E7}".as_bytes(), "\u{1F4E7}", "\u{1F4E7}"),
            (b"&2D3c5w-", "\u{1F4E7}", "&2D3c5w-"),
        ];
        for (wire, old, utf8) in cases {
            assert_eq!(decode(wire, false).as_deref(), Ok(*old), "{wire:?}");
            assert_eq!(decode(wire, true).as_deref(), Ok(*utf8), "{wire:?}");
        }
    }

    #[test]
    fn refused() {
        let cases: &[(&[u8], NameFault)] = &[
            (b"\xff", NameFault::NotUtf8),
            (b"a\tb", NameFault::Control),
            (b"a\x7f", NameFault::Control),
            (b"&AAoADQ-", NameFault::Control),
            ("a\u{85}".as_bytes(), NameFault::Control),
            ("a\u{2028}".as_bytes(), NameFault::Control),
            (&[b'a'; 1_001], NameFault::TooLong),
        ];
        for (wire, fault) in cases {
            assert_eq!(decode(wire, false), Err(*fault));
        }
        assert!(decode(&[b'a'; 1_000], true).is_ok());
        assert_eq!(decode_pattern(b"inbox", true).as_deref(), Ok("inbox"));
    }

    #[test]
    fn shown() {
        assert_eq!(encode("R&D/Entwürfe", false), "R&-D/Entw&APw-rfe");
        assert_eq!(encode("R&D/Entwürfe", true), "R&D/Entwürfe");
        assert_eq!(encode("INBOX", false), "INBOX");
    }

    #[test]
    fn above() {
        let above = |name| ancestors(name).collect::<Vec<_>>();
        assert_eq!(above("a/b/c"), ["a", "a/b"]);
        assert!(above("a").is_empty() && above("/a").is_empty());
    }

    proptest! {
        #[test]
        fn back_and_forth(name in "[a-zA-Z&\\-,+/ äöß台\u{1F4E7}%*\"\\\\]{0,20}", utf8 in any::<bool>()) {
            let wire = encode(&name, utf8).into_owned();
            prop_assert!(utf8 || wire.is_ascii());
            prop_assert_eq!(decode(wire.as_bytes(), utf8), Ok(fold(name)));
        }

        #[test]
        fn any_bytes(wire in proptest::collection::vec(any::<u8>(), 0..40), utf8 in any::<bool>()) {
            if let Ok(name) = decode(&wire, utf8) {
                prop_assert_eq!(decode(encode(&name, utf8).as_bytes(), utf8), Ok(name));
            }
        }
    }
}
