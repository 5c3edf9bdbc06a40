//! Bytes that RFC 5322 and MIME allow: charsets, transfer encodings, encoded words and
//! folded header fields. Written here and not borrowed from a mail library, so that the
//! demo's bytes never change under a library's next version.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A charset of the demo: its MIME name, or nothing for UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Charset(pub(super) &'static str);

/// What every mail program can read.
pub(super) const UTF8: Charset = Charset("utf-8");

impl Charset {
    /// This charset if it can write all of `text`, else UTF-8.
    pub(super) fn or_utf8(self, text: &str) -> Charset {
        if self.bytes(text).is_some() {
            self
        } else {
            UTF8
        }
    }

    /// `text` in this charset; nothing when a character is missing there.
    pub(super) fn bytes(self, text: &str) -> Option<Vec<u8>> {
        match self.0 {
            "utf-8" => Some(text.as_bytes().to_vec()),
            // The web's table for this label is windows-1252, which mail does not mean.
            "iso-8859-1" => text
                .chars()
                .map(|c| u8::try_from(u32::from(c)).ok())
                .collect(),
            label => {
                let table = encoding_rs::Encoding::for_label(label.as_bytes())?;
                let (bytes, _, missing) = table.encode(text);
                (!missing).then(|| bytes.into_owned())
            }
        }
    }
}

/// How bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transfer {
    SevenBit,
    EightBit,
    Quoted,
    Base64,
}

impl Transfer {
    /// The value of Content-Transfer-Encoding.
    pub(super) fn name(self) -> &'static str {
        match self {
            Transfer::SevenBit => "7bit",
            Transfer::EightBit => "8bit",
            Transfer::Quoted => "quoted-printable",
            Transfer::Base64 => "base64",
        }
    }
}

/// `text`, whose lines end in `\n`, as the body of a text part: charset, then transfer.
pub(super) fn body(text: &str, charset: Charset, transfer: Transfer) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() * 4 / 3);
    let mut whole = Vec::new();
    // Line by line, because ISO-2022-JP must be back in ASCII when a line ends.
    for line in text.lines() {
        let bytes = charset
            .bytes(line)
            .unwrap_or_else(|| line.as_bytes().to_vec());
        match transfer {
            Transfer::SevenBit | Transfer::EightBit => {
                out.extend_from_slice(&bytes);
                out.extend_from_slice(b"\r\n");
            }
            Transfer::Quoted => quoted_line(&bytes, &mut out),
            Transfer::Base64 => {
                whole.extend_from_slice(&bytes);
                whole.extend_from_slice(b"\r\n");
            }
        }
    }
    if transfer == Transfer::Base64 {
        out = base64_lines(&whole);
    }
    out
}

/// `bytes` as base64 in lines of 76.
pub(super) fn base64_lines(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() * 7 / 5 + 4);
    for line in bytes.chunks(57) {
        out.extend_from_slice(STANDARD.encode(line).as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// One line as quoted-printable, with soft breaks and the final CRLF.
fn quoted_line(line: &[u8], out: &mut Vec<u8>) {
    let mut column = 0;
    let last = line.len().saturating_sub(1);
    for (at, &byte) in line.iter().enumerate() {
        let blank = byte == b' ' || byte == b'\t';
        let plain = (byte.is_ascii_graphic() && byte != b'=') || (blank && at != last);
        let width = if plain { 1 } else { 3 };
        // 75 and the "=" of the soft break make the 76 that the standard allows.
        if column + width > 75 {
            out.extend_from_slice(b"=\r\n");
            column = 0;
        }
        if plain {
            out.push(byte);
        } else {
            out.extend_from_slice(format!("={byte:02X}").as_bytes());
        }
        column += width;
    }
    out.extend_from_slice(b"\r\n");
}

/// `text` as RFC 2047 encoded words in `charset`, each short enough to stand alone, or
/// `text` itself if it is plain ASCII.
pub(super) fn words(text: &str, charset: Charset, base64: bool) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let charset = charset.or_utf8(text);
    let mut out: Vec<String> = Vec::new();
    let mut piece = String::new();
    for c in text.chars() {
        let mut longer = piece.clone();
        longer.push(c);
        if word(&longer, charset, base64).len() > 72 {
            out.push(word(&piece, charset, base64));
            piece.clear();
        }
        piece.push(c);
    }
    out.push(word(&piece, charset, base64));
    out.join(" ")
}

/// One encoded word.
fn word(text: &str, charset: Charset, base64: bool) -> String {
    let bytes = charset.bytes(text).unwrap_or_default();
    if base64 {
        return format!("=?{}?B?{}?=", charset.0, STANDARD.encode(bytes));
    }
    let mut out = format!("=?{}?Q?", charset.0);
    for byte in bytes {
        match byte {
            b' ' => out.push('_'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'!' | b'*' | b'+' | b'-' | b'/' => {
                out.push(char::from(byte))
            }
            _ => out.push_str(&format!("={byte:02X}")),
        }
    }
    out + "?="
}

/// `text` as RFC 2231 percent-coded UTF-8, for file names.
pub(super) fn percent(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// A display name as a phrase: an atom, a quoted string or encoded words.
pub(super) fn phrase(name: &str, charset: Charset, base64: bool) -> String {
    if !name.is_ascii() {
        return words(name, charset, base64);
    }
    if name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || " '-".contains(c))
    {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace(['"', '\\'], ""))
    }
}

/// A header field, folded at blanks so that lines stay within 78 where words allow it.
pub(super) fn field(name: &str, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    let mut column = name.len() + 1;
    for (at, word) in value.split(' ').enumerate() {
        if at > 0 && column + 1 + word.len() > 78 {
            out.extend_from_slice(b"\r\n");
            column = 0;
        }
        out.push(b' ');
        out.extend_from_slice(word.as_bytes());
        column += 1 + word.len();
    }
    out.extend_from_slice(b"\r\n");
}

/// `text` broken into lines of at most `width` characters, at blanks where there are any.
pub(super) fn wrap(text: &str, width: usize) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 40);
    for line in text.lines() {
        let mut column = 0;
        for word in line.split(' ') {
            let length = word.chars().count();
            if column > 0 && column + 1 + length > width {
                out.push('\n');
                column = 0;
            } else if column > 0 {
                out.push(' ');
                column += 1;
            }
            // Chinese and Japanese write without blanks: break between characters.
            for c in word.chars() {
                if column >= width && !c.is_ascii() {
                    out.push('\n');
                    column = 0;
                }
                out.push(c);
                column += 1;
            }
        }
        out.push('\n');
    }
    out
}
