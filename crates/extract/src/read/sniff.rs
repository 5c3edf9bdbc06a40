//! What a document is, by its first bytes; by name and media type where those say nothing.

use super::Item;
use super::plain;

/// What to read it with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Html,
    /// vCard and iCalendar: text with folded lines.
    Cards,
    Rtf,
    Pdf,
    /// ZIP: an office document or an archive.
    Zip,
    Gzip,
    Tar,
    /// OLE compound file: legacy Office and Outlook messages.
    Compound,
    /// A message in Internet format.
    Message,
    Tnef,
    /// Encrypted, whatever it is.
    Encrypted,
    /// Holds no text that people wrote: pictures, sound, film, fonts, signatures.
    Silent,
    /// May hold text that nobody here can read.
    Unknown,
}

/// A signature is looked for this far into a PDF, as readers do.
const PDF_WITHIN: usize = 1024;

pub(super) fn format(item: &Item<'_>) -> Format {
    if item.bytes.is_empty() || is_signature(item) {
        return Format::Silent;
    }
    if let Some(format) = by_magic(item.bytes) {
        return format;
    }
    if let Some(format) = by_type(item) {
        return format;
    }
    // Without a signature, only text can be told.
    if !plain::is_text(item) {
        return Format::Unknown;
    }
    text_format(item)
}

fn by_magic(bytes: &[u8]) -> Option<Format> {
    let head = bytes.get(..PDF_WITHIN).unwrap_or(bytes);
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    let at = |offset: usize, magic: &[u8]| {
        bytes
            .get(offset..)
            .is_some_and(|rest| rest.starts_with(magic))
    };
    if starts(b"PK\x03\x04") || starts(b"PK\x05\x06") {
        return Some(Format::Zip);
    }
    if starts(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return Some(Format::Compound);
    }
    if starts(b"{\\rtf") {
        return Some(Format::Rtf);
    }
    if starts(&everpost_codec::tnef::SIGNATURE) {
        return Some(Format::Tnef);
    }
    if starts(b"\x1f\x8b\x08") {
        return Some(Format::Gzip);
    }
    if at(257, b"ustar") {
        return Some(Format::Tar);
    }
    if head.windows(5).any(|window| window == b"%PDF-") {
        return Some(Format::Pdf);
    }
    if starts(b"-----BEGIN PGP MESSAGE-----") {
        return Some(Format::Encrypted);
    }
    let silent: [&[u8]; 15] = [
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"GIF87a",
        b"GIF89a",
        b"II*\0",
        b"MM\0*",
        b"ID3",
        b"OggS",
        b"fLaC",
        b"\x1aE\xdf\xa3",
        b"\0\0\x01\0",
        b"wOFF",
        b"wOF2",
        b"\0\x01\0\0\0",
        b"-----BEGIN PGP SIGNATURE-----",
    ];
    let film = at(4, b"ftyp") || (starts(b"RIFF") && !at(8, b"\0"));
    (film || silent.iter().any(|magic| starts(magic))).then_some(Format::Silent)
}

/// Signatures and the control part of PGP mail are machinery, not documents.
fn is_signature(item: &Item<'_>) -> bool {
    matches!(
        item.content_type,
        "application/pgp-signature"
            | "application/pgp-encrypted"
            | "application/pgp-keys"
            | "application/pkcs7-signature"
            | "application/x-pkcs7-signature"
    )
}

/// Types whose bytes have no signature of their own.
fn by_type(item: &Item<'_>) -> Option<Format> {
    match item.content_type {
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => return Some(Format::Encrypted),
        // SVG is text.
        "image/svg+xml" => return None,
        _ => {}
    }
    let silent = ["image/", "audio/", "video/", "font/", "model/"];
    silent
        .iter()
        .any(|major| item.content_type.starts_with(major))
        .then_some(Format::Silent)
}

/// Which text it is.
fn text_format(item: &Item<'_>) -> Format {
    let name = item.name.to_ascii_lowercase();
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    let head = item.bytes.get(..512).unwrap_or(item.bytes);
    let head = String::from_utf8_lossy(head)
        .trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace())
        .to_ascii_lowercase();
    if matches!(item.content_type, "message/rfc822" | "message/global")
        || ends(&[".eml", ".mht", ".mhtml"])
    {
        return Format::Message;
    }
    if head.starts_with("begin:vcard") || head.starts_with("begin:vcalendar") {
        return Format::Cards;
    }
    let html = matches!(item.content_type, "text/html" | "application/xhtml+xml")
        || ends(&[".htm", ".html", ".xhtml"])
        || head.starts_with("<!doctype html")
        || head.starts_with("<html");
    if html { Format::Html } else { Format::Text }
}
