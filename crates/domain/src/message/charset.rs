//! Bytes to text by a charset's name.
//!
//! Message identity hashes the result, so what a name means here is frozen with version
//! 1 of the part-hash set. encoding_rs implements the WHATWG Encoding Standard, which
//! does not change the meaning of a name once given.

use encoding_rs::{EUC_KR, Encoding, GBK, ISO_2022_JP, REPLACEMENT, X_USER_DEFINED};
use mail_parser::decoders::charsets::map::charset_decoder;
use std::borrow::Cow;

/// The text of `bytes` in the charset called `label`.
///
/// In this order: pure ASCII in a charset that keeps ASCII is itself; a byte order mark
/// wins; names of the WHATWG standard; ISO-2022-KR/-CN and HZ, whose shift codes are
/// turned into EUC first; UTF-7 and the names only mail uses (mail-parser's table). No
/// name, `us-ascii` with 8-bit bytes and invented names: UTF-8 if it is valid, else
/// windows-1252. Bytes a charset does not have become U+FFFD.
pub(super) fn to_text<'a>(bytes: &'a [u8], label: Option<&str>) -> Cow<'a, str> {
    let label =
        label.map(|l| l.trim_matches(|c: char| c.is_ascii_whitespace() || "\"'".contains(c)));
    match label.map(find) {
        None | Some(Found::Unknown) => unknown(bytes),
        Some(Found::Whatwg(encoding)) if encoding == ISO_2022_JP => {
            Cow::Owned(encoding.decode(&join_escapes(bytes)).0.into_owned())
        }
        Some(Found::Whatwg(encoding)) => encoding.decode(bytes).0,
        Some(Found::Shifted(encoding)) => {
            Cow::Owned(encoding.decode(&unshift(bytes)).0.into_owned())
        }
        Some(Found::Hz) => Cow::Owned(GBK.decode(&unshift_hz(bytes)).0.into_owned()),
        Some(Found::Mail(decode)) => Cow::Owned(decode(bytes)),
    }
}

enum Found {
    Whatwg(&'static Encoding),
    Shifted(&'static Encoding),
    Hz,
    Mail(fn(&[u8]) -> String),
    Unknown,
}

fn find(label: &str) -> Found {
    let lower = label.to_ascii_lowercase();
    match lower.as_str() {
        // The WHATWG standard reads ASCII as windows-1252. Mail that says ASCII and holds
        // more is wrong about its charset, and nowadays mostly UTF-8.
        "us-ascii" | "ascii" | "ansi_x3.4-1968" | "iso-ir-6" | "646" => return Found::Unknown,
        "iso-2022-kr" | "csiso2022kr" => return Found::Shifted(EUC_KR),
        "iso-2022-cn" | "iso-2022-cn-ext" => return Found::Shifted(GBK),
        "hz-gb-2312" | "hz" => return Found::Hz,
        _ => {}
    }
    match Encoding::for_label(lower.as_bytes()) {
        Some(encoding) if encoding != REPLACEMENT && encoding != X_USER_DEFINED => {
            Found::Whatwg(encoding)
        }
        Some(_) => Found::Unknown,
        None if lower.starts_with("iso-2022-jp") => Found::Whatwg(ISO_2022_JP),
        None => charset_decoder(lower.as_bytes()).map_or(Found::Unknown, Found::Mail),
    }
}

fn unknown(bytes: &[u8]) -> Cow<'_, str> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(text) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            encoding_rs::WINDOWS_1252
                .decode_without_bom_handling(bytes)
                .0
        }
    }
}

/// ISO-2022-JP without the escape sequences that another one follows at once. The WHATWG
/// decoder takes them for an attack and writes U+FFFD; in mail they come of joining
/// encoded words and of senders that switch back and forth around nothing.
fn join_escapes(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        rest = match rest {
            [0x1b, b'(' | b'$', _, 0x1b, b'(' | b'$', _, ..] => rest.get(3..).unwrap_or_default(),
            _ => {
                out.push(first);
                after
            }
        };
    }
    out
}

/// 7-bit ISO-2022 with shift-out and shift-in to its 8-bit EUC form; designations
/// (`ESC $ ) C`) go, since only one set can be designated.
fn unshift(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut shifted = false;
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (0x0e, _) => shifted = true,
            (0x0f, _) => shifted = false,
            (0x1b, [b'$', b')' | b'*' | b'+', _, tail @ ..]) => rest = tail,
            (b'\r' | b'\n', _) => {
                shifted = false;
                out.push(first);
            }
            (0x21..=0x7e, _) if shifted => out.push(first | 0x80),
            _ => out.push(first),
        }
    }
    out
}

/// HZ (RFC 1843) to GBK: `~{` and `~}` shift, `~~` is a tilde, `~` at a line's end goes.
fn unshift_hz(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut shifted = false;
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'~', [b'{', tail @ ..]) => (shifted, rest) = (true, tail),
            (b'~', [b'}', tail @ ..]) => (shifted, rest) = (false, tail),
            (b'~', [b'~', tail @ ..]) if !shifted => {
                out.push(b'~');
                rest = tail;
            }
            (b'~', [b'\n', tail @ ..] | [b'\r', b'\n', tail @ ..]) if !shifted => rest = tail,
            (b'\n', _) => {
                shifted = false;
                out.push(first);
            }
            (0x21..=0x7e, _) if shifted => out.push(first | 0x80),
            _ => out.push(first),
        }
    }
    out
}
