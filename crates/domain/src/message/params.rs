//! Values with parameters: Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2183),
//! with parameters in pieces and in charsets (RFC 2231), and as senders write them.

use super::bytes::{cap, unfold};
use super::charset::to_text;
use super::encoded::header_text;
use super::transfer::hex_pair;

/// Most bytes of a field that are read. A name of a thousand characters in RFC 2231
/// pieces takes some 15 KB; a field larger than this is an attack.
const FIELD: usize = 64 * 1024;

/// Most parameters of a field: what [`FIELD`] bytes of name pieces need, with room.
const PARAMETERS: usize = 1_000;

/// A value and its parameters.
pub(super) struct Parameters {
    /// The text before the first parameter, lower case, blanks and comments removed.
    pub(super) value: String,
    list: Vec<Parameter>,
}

struct Parameter {
    /// Lower case, without RFC 2231 marks.
    name: Vec<u8>,
    /// The number of an RFC 2231 piece.
    piece: Option<u32>,
    /// True for `name*=`, whose value is percent-encoded.
    extended: bool,
    /// As written, quotes removed.
    value: Vec<u8>,
}

impl Parameters {
    /// Reads a field's value. Never fails: what cannot be read is left out.
    pub(super) fn read(value: &[u8]) -> Parameters {
        let text = unfold(cap(value, FIELD));
        let mut at = Cursor(&text);
        let mut first = Vec::new();
        loop {
            at.skip_blanks_and_comments();
            let before = at.0;
            let word = at.take_until(|b| b == b';' || b == b'(' || b.is_ascii_whitespace());
            if word.is_empty() {
                break;
            }
            // `text/plain charset=utf-8`: the semicolon was forgotten.
            if !first.is_empty() && word.contains(&b'=') {
                at = Cursor(before);
                break;
            }
            first.extend_from_slice(word);
        }
        let mut list = Vec::new();
        while list.len() < PARAMETERS && at.skip_to_parameter() {
            if let Some(parameter) = at.parameter() {
                list.push(parameter);
            }
        }
        let value = String::from_utf8_lossy(&first).to_ascii_lowercase();
        Parameters { value, list }
    }

    /// The parameters in their order, as they are written but for quotes and the case of names:
    /// RFC 2231 pieces stay pieces (`name*0*`).
    fn written(self) -> Vec<(String, Vec<u8>)> {
        let name = |parameter: &Parameter| {
            let mut name = String::from_utf8_lossy(&parameter.name).into_owned();
            if let Some(piece) = parameter.piece {
                name.push('*');
                name.push_str(&piece.to_string());
            }
            if parameter.extended {
                name.push('*');
            }
            name
        };
        self.list
            .into_iter()
            .map(|parameter| (name(&parameter), parameter.value))
            .collect()
    }

    /// The raw bytes of a parameter: its first occurrence, or its pieces joined.
    pub(super) fn raw(&self, name: &str) -> Option<Vec<u8>> {
        let plain = |p: &&Parameter| p.piece.is_none() && !p.extended && p.name == name.as_bytes();
        match self.list.iter().find(plain) {
            Some(parameter) => Some(parameter.value.clone()),
            None => self.extended(name).map(|(_, bytes)| bytes),
        }
    }

    /// The text of a parameter. The RFC 2231 form wins over the plain one; encoded words
    /// (RFC 2047) are decoded in plain ones, where they are not allowed but common.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.extended(name) {
            // Encoded words cut into pieces exist too.
            Some((None, bytes)) => Some(header_text(&bytes)),
            Some((Some(charset), bytes)) => {
                let text = to_text(&bytes, std::str::from_utf8(&charset).ok());
                Some(header_text(text.as_bytes()))
            }
            None => self.raw(name).map(|bytes| header_text(&bytes)),
        }
    }

    /// The charset, if one was named, and the bytes of a parameter in RFC 2231 form.
    fn extended(&self, name: &str) -> Option<(Option<Vec<u8>>, Vec<u8>)> {
        let of_name = |p: &&Parameter| p.name == name.as_bytes();
        let mut pieces: Vec<&Parameter> = self
            .list
            .iter()
            .filter(of_name)
            .filter(|p| p.extended || p.piece.is_some())
            .collect();
        if let Some(whole) = pieces.iter().find(|p| p.piece.is_none()) {
            pieces = vec![whole];
        }
        pieces.sort_by_key(|p| p.piece);
        pieces.dedup_by_key(|p| p.piece);
        let first = pieces.first()?;
        let mut charset = None;
        let mut bytes = Vec::new();
        for piece in &pieces {
            let mut value = piece.value.as_slice();
            if std::ptr::eq(*piece, *first) && piece.extended {
                // charset'language'text; without the quotes it is text alone.
                let mut fields = value.splitn(3, |&b| b == b'\'');
                if let (Some(name), Some(_), Some(text)) =
                    (fields.next(), fields.next(), fields.next())
                {
                    charset = Some(name.to_vec());
                    value = text;
                }
            }
            if piece.extended {
                percent_decode(value, &mut bytes)
            } else {
                bytes.extend_from_slice(value)
            }
        }
        Some((charset, bytes))
    }
}

/// The value of a field like Content-Type and its parameters (RFC 2045 §5.1), for who hands them
/// on undecoded. The value is in lower case, without blanks and comments; parameters come in their
/// order, names in lower case, quotes removed, RFC 2231 pieces and encodings left as they are.
pub fn parameters(value: &[u8]) -> (String, Vec<(String, Vec<u8>)>) {
    let mut read = Parameters::read(value);
    (std::mem::take(&mut read.value), read.written())
}

fn percent_decode(value: &[u8], out: &mut Vec<u8>) {
    let mut rest = value;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match hex_pair(after).filter(|_| first == b'%') {
            Some(byte) => {
                out.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => out.push(first),
        }
    }
}

/// What is not read yet.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take_until(&mut self, stop: impl Fn(u8) -> bool) -> &'a [u8] {
        let length = self.0.iter().position(|&b| stop(b)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at_checked(length).unwrap_or((self.0, &[]));
        self.0 = rest;
        taken
    }

    fn skip_blanks_and_comments(&mut self) {
        loop {
            self.take_until(|b| !b.is_ascii_whitespace());
            match self.0.strip_prefix(b"(") {
                Some(rest) => self.0 = skip_comment(rest),
                None => return,
            }
        }
    }

    /// Moves to the next parameter's name; false at the end.
    fn skip_to_parameter(&mut self) -> bool {
        loop {
            self.skip_blanks_and_comments();
            match self.0.split_first() {
                None => return false,
                // A comma for a semicolon, and what a damaged value left.
                Some((b';' | b',' | b'=' | b'"' | b')', rest)) => self.0 = rest,
                Some(_) => return true,
            }
        }
    }

    /// Reads `name=value`. Something without `=` is skipped.
    fn parameter(&mut self) -> Option<Parameter> {
        let name = self.take_until(|b| matches!(b, b'=' | b';') || b.is_ascii_whitespace());
        self.skip_blanks_and_comments();
        self.0 = self.0.strip_prefix(b"=")?.trim_ascii_start();
        let mut name = name.to_ascii_lowercase();
        let extended = name.last() == Some(&b'*');
        if extended {
            name.pop();
        }
        let mut piece = None;
        if let Some(star) = name.iter().position(|&b| b == b'*') {
            let digits = name.split_off(star);
            piece = std::str::from_utf8(digits.get(1..)?).ok()?.parse().ok();
            piece?;
        }
        let value = match self.0.strip_prefix(b"\"") {
            Some(rest) => self.quoted(rest),
            None => self.unquoted(&name),
        };
        Some(Parameter {
            name,
            piece,
            extended,
            value,
        })
    }

    /// A quoted string without its quotes. A backslash escapes only a quote or a
    /// backslash, so that Windows paths survive; without an end it is read as unquoted.
    fn quoted(&mut self, rest: &'a [u8]) -> Vec<u8> {
        let mut value = Vec::new();
        let mut at = rest;
        while let Some((&first, after)) = at.split_first() {
            at = after;
            match (first, after.split_first()) {
                (b'"', _) => {
                    self.0 = at;
                    return value;
                }
                (b'\\', Some((&escaped @ (b'"' | b'\\'), tail))) => {
                    value.push(escaped);
                    at = tail;
                }
                _ => value.push(first),
            }
        }
        self.0 = rest;
        self.take_until(|b| b == b';').trim_ascii().to_vec()
    }

    /// A value without quotes: to the semicolon for names (which hold blanks when their
    /// sender forgot the quotes), else to the first blank.
    fn unquoted(&mut self, name: &[u8]) -> Vec<u8> {
        let to_semicolon = matches!(name, b"filename" | b"name");
        let value = self.take_until(|b| b == b';' || (!to_semicolon && b.is_ascii_whitespace()));
        let value = if name == b"charset" {
            value
                .split(|&b| matches!(b, b'(' | b','))
                .next()
                .unwrap_or_default()
        } else {
            value
        };
        value.trim_ascii().to_vec()
    }
}

/// What follows the comment (RFC 5322 §3.2.2) whose opening bracket was read; nothing if
/// it has no end, so that a flood of brackets is read once.
pub(super) fn skip_comment(text: &[u8]) -> &[u8] {
    let mut depth = 1u32;
    let mut rest = text;
    while depth > 0
        && let Some((&first, after)) = rest.split_first()
    {
        rest = after;
        match first {
            b'(' => depth = depth.saturating_add(1),
            b')' => depth -= 1,
            b'\\' => rest = rest.get(1..).unwrap_or_default(),
            _ => {}
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_as_they_are_written() {
        let value = b" Attachment (c);\r\n FileName*0*=utf-8''%e4; filename*1=\"\\\"b\"; x = y;z";
        let (word, list) = parameters(value);
        assert_eq!(word, "attachment");
        let expected: [(&str, &[u8]); 3] = [
            ("filename*0*", b"utf-8''%e4"),
            ("filename*1", b"\"b"),
            ("x", b"y"),
        ];
        let expected = expected.map(|(name, value)| (name.to_string(), value.to_vec()));
        assert_eq!(list, expected);
        assert_eq!(parameters(b""), (String::new(), Vec::new()));
    }
}
