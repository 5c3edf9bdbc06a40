//! Message ids (RFC 5322 §3.6.4) as people write them.

use super::bytes::{cap, find, split_once, unfold};

/// Longest Message-ID of a message. Ids of some 16 KB exist; a longer one is not kept,
/// and without an id matching is undecidable, which never drops mail (two ids that were
/// cut would be equal, which might).
const ID: usize = 64 * 1024;

/// Longest id kept in In-Reply-To and References: the longest line of RFC 5322.
const REFERENCE: usize = 998;

/// Most bytes of In-Reply-To and References that are read: a thousand ids.
const FIELD: usize = 128 * 1024;

/// The id of a Message-ID field: without angle brackets, folding and blanks around it;
/// the first one if there are several; without brackets the whole value.
pub(super) fn message_id(value: &[u8]) -> Option<Vec<u8>> {
    if value.len() > 2 * ID {
        return None;
    }
    let text = unfold(value);
    let id = match split_once(b'<', &text) {
        Some((_, after)) => {
            let inside = split_once(b'>', after).map_or(after, |(id, _)| id);
            inside.trim_ascii()
        }
        None => text.trim_ascii(),
    };
    let id = id.strip_suffix(b">").unwrap_or(id).trim_ascii();
    (1..=ID).contains(&id.len()).then(|| id.to_vec())
}

/// The ids of an In-Reply-To or References field: all in brackets; where there are none,
/// the words with an `@`. (`In-Reply-To: Your mail of Monday, <id>` was usual once.)
pub(super) fn references(value: &[u8], out: &mut Vec<Vec<u8>>) {
    let text = unfold(cap(value, FIELD));
    let mut rest: &[u8] = &text;
    let mut brackets = false;
    while let Some((_, after)) = split_once(b'<', rest) {
        let end = after
            .iter()
            .position(|&b| matches!(b, b'<' | b'>'))
            .unwrap_or(after.len());
        let (id, tail) = after.split_at_checked(end).unwrap_or((after, &[]));
        brackets = true;
        push(id, out);
        rest = tail;
    }
    if !brackets {
        let divides =
            |b: &u8| b.is_ascii_whitespace() || matches!(b, b',' | b';' | b'"' | b'(' | b')');
        text.split(divides)
            .filter(|word| find(b'@', word).is_some())
            .for_each(|word| push(word, out));
    }
}

fn push(id: &[u8], out: &mut Vec<Vec<u8>>) {
    let id = id.trim_ascii();
    if (1..=REFERENCE).contains(&id.len()) && out.last().is_none_or(|last| last != id) {
        out.push(id.to_vec());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use super::*;

    #[test]
    fn message_ids() {
        let table: [(&str, Option<&str>); 11] = [
            (" <a@b>", Some("a@b")),
            ("\r\n <a@b> ", Some("a@b")),
            ("<a@b> <c@d>", Some("a@b")),
            ("< a@b >", Some("a@b")),
            ("a@b", Some("a@b")),
            ("<a@b", Some("a@b")),
            ("a@b>", Some("a@b")),
            ("<a\r\n b@c>", Some("a b@c")),
            ("<<a@b>>", Some("<a@b")),
            ("<>", None),
            ("", None),
        ];
        for (value, id) in table {
            assert_eq!(
                message_id(value.as_bytes()).as_deref(),
                id.map(str::as_bytes),
                "{value}"
            );
        }
        let long = format!("<{}>", "x".repeat(16 * 1024));
        assert_eq!(message_id(long.as_bytes()).unwrap().len(), 16 * 1024);
        assert_eq!(
            message_id(format!("<{}>", "x".repeat(ID + 1)).as_bytes()),
            None
        );
    }

    #[test]
    fn reference_lists() {
        let table: [(&str, &[&str]); 6] = [
            ("<a@b> <c@d>", &["a@b", "c@d"]),
            ("<a@b>\r\n\t<c@d><e@f>", &["a@b", "c@d", "e@f"]),
            ("Your message of \"Mon, 1 Jan\" <a@b>", &["a@b"]),
            ("a@b, c@d", &["a@b", "c@d"]),
            ("<a@b <c@d>", &["a@b", "c@d"]),
            ("Your message of Monday", &[]),
        ];
        for (value, ids) in table {
            let mut out = Vec::new();
            references(value.as_bytes(), &mut out);
            let expected: Vec<Vec<u8>> = ids.iter().map(|id| id.as_bytes().to_vec()).collect();
            assert_eq!(out, expected, "{value}");
        }
    }
}
