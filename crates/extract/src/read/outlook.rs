//! Outlook messages, `.msg` ([MS-OXMSG]): properties are streams, attachments are storages.

use std::path::{Path, PathBuf};

use everpost_codec::codepage;
use everpost_domain::message::text_of_bytes;

use super::compound::Compound;
use super::{Item, Reader, letter};
use crate::Gap;

const SUBJECT: u16 = 0x0037;
const SENDER_NAME: u16 = 0x0c1a;
const SENDER_ADDRESS: u16 = 0x0c1f;
const DISPLAY_CC: u16 = 0x0e03;
const DISPLAY_TO: u16 = 0x0e04;
const BODY: u16 = 0x1000;
const RTF_COMPRESSED: u16 = 0x1009;
const HTML: u16 = 0x1013;
const DISPLAY_NAME: u16 = 0x3001;
const DATA: u16 = 0x3701;
const FILE_NAME: u16 = 0x3704;
const LONG_FILE_NAME: u16 = 0x3707;
const MIME_TYPE: u16 = 0x370e;
const INTERNET_CODEPAGE: u16 = 0x3fde;
const MESSAGE_CODEPAGE: u16 = 0x3ffd;

/// Types of values, as the names of streams end.
const UNICODE: u16 = 0x001f;
const STRING8: u16 = 0x001e;
const BINARY: u16 = 0x0102;
const OBJECT: u16 = 0x000d;

/// Reads the message in the storage `at`.
pub(super) fn message(reader: &mut Reader, file: &mut Compound<'_>, at: &Path, depth: u32) {
    let pages = codepages(reader, file, at);
    let mut open = Storage {
        file,
        at,
        charset: pages.text,
    };
    for id in [SUBJECT, SENDER_NAME, SENDER_ADDRESS, DISPLAY_TO, DISPLAY_CC] {
        let line = open.text(reader, id).unwrap_or_default();
        reader.line(&line);
    }
    let body = letter::Body {
        plain: open.text(reader, BODY),
        html: open.bytes(reader, HTML, BINARY),
        html_charset: pages.html,
        compressed_rtf: open.bytes(reader, RTF_COMPRESSED, BINARY),
    };
    body.push(reader);
    let Ok(entries) = open.file.read_storage(at) else {
        return reader.miss(Gap::Damaged);
    };
    let attachments: Vec<PathBuf> = entries
        .filter(|entry| entry.is_storage() && entry.name().starts_with("__attach_version1.0_"))
        .map(|entry| entry.path().to_path_buf())
        .collect();
    for path in attachments {
        if !reader.entry() {
            return;
        }
        attachment(reader, open.file, &path, &open.charset, depth);
    }
}

fn attachment(
    reader: &mut Reader,
    file: &mut Compound<'_>,
    at: &Path,
    charset: &Option<String>,
    depth: u32,
) {
    let mut open = Storage {
        file,
        at,
        charset: charset.clone(),
    };
    let mut name = None;
    for id in [LONG_FILE_NAME, FILE_NAME, DISPLAY_NAME] {
        if name.is_none() {
            name = open.text(reader, id);
        }
    }
    let name = name.unwrap_or_default();
    let content_type = open
        .text(reader, MIME_TYPE)
        .unwrap_or_default()
        .to_ascii_lowercase();
    if let Some(bytes) = open.bytes(reader, DATA, BINARY) {
        let item = Item {
            name: &name,
            content_type: &content_type,
            charset: "",
            bytes: &bytes,
        };
        return reader.inner(&item, depth);
    }
    let inner = at.join(stream_name(DATA, OBJECT));
    reader.line(&name);
    if depth >= reader.limits.depth {
        reader.miss(Gap::TooMuch);
    } else if open.file.exists(inner.join("__properties_version1.0")) {
        message(reader, open.file, &inner, depth + 1);
        reader.line_break();
    } else if open.file.exists(&inner) {
        // An object of some program, stored open.
        reader.miss(Gap::Unsupported);
    }
}

fn stream_name(id: u16, kind: u16) -> String {
    format!("__substg1.0_{id:04X}{kind:04X}")
}

/// A storage whose properties are read.
struct Storage<'f, 'b> {
    file: &'f mut Compound<'b>,
    at: &'f Path,
    /// Of 8-bit text.
    charset: Option<String>,
}

impl Storage<'_, '_> {
    fn bytes(&mut self, reader: &mut Reader, id: u16, kind: u16) -> Option<Vec<u8>> {
        let path = self.at.join(stream_name(id, kind));
        if !self.file.is_stream(&path) {
            return None;
        }
        match self.file.open_stream(&path) {
            Ok(stream) => Some(reader.unpack(stream)),
            Err(_) => {
                reader.miss(Gap::Damaged);
                None
            }
        }
    }

    fn text(&mut self, reader: &mut Reader, id: u16) -> Option<String> {
        let text = match self.bytes(reader, id, UNICODE) {
            Some(bytes) => text_of_bytes(&bytes, Some("utf-16le")),
            None => text_of_bytes(&self.bytes(reader, id, STRING8)?, self.charset.as_deref()),
        };
        let text = text.trim_end_matches('\0');
        (!text.is_empty()).then(|| text.to_string())
    }
}

/// The charsets that a message names for its 8-bit text and for its HTML.
#[derive(Default)]
struct Codepages {
    text: Option<String>,
    html: Option<String>,
}

fn codepages(reader: &mut Reader, file: &mut Compound<'_>, at: &Path) -> Codepages {
    let Ok(stream) = file.open_stream(at.join("__properties_version1.0")) else {
        return Codepages::default();
    };
    let bytes = reader.unpack(stream);
    // The header of the outermost message is longer by eight bytes; entries have sixteen.
    let header = bytes.len() % 16 + 16;
    let mut found = Codepages::default();
    for entry in bytes.get(header..).unwrap_or_default().chunks_exact(16) {
        let [_, _, low, high, _, _, _, _, a, b, c, d, ..] = *entry else {
            continue;
        };
        let page = codepage::charset(u32::from_le_bytes([a, b, c, d]));
        match u16::from_le_bytes([low, high]) {
            MESSAGE_CODEPAGE => found.text = page.map(|name| name.into_owned()),
            INTERNET_CODEPAGE => found.html = page.map(|name| name.into_owned()),
            _ => {}
        }
    }
    found
}
