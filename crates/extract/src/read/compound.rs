//! OLE compound files: legacy Word, Excel and PowerPoint, and Outlook messages.

use std::io::{Cursor, Read};

use undoc::model::{Block, Paragraph};
use undoc::{Document, ErrorKind};

use super::{Reader, outlook};
use crate::Gap;

/// An open compound file.
pub(super) type Compound<'a> = cfb::CompoundFile<Cursor<&'a [u8]>>;

pub(super) fn read(reader: &mut Reader, bytes: &[u8], depth: u32) {
    let Ok(mut file) = Compound::open(Cursor::new(bytes)) else {
        return reader.miss(Gap::Damaged);
    };
    if file.exists("/EncryptedPackage") {
        return reader.miss(Gap::Encrypted);
    }
    if file.exists("/__properties_version1.0") {
        return outlook::message(reader, &mut file, std::path::Path::new("/"), depth);
    }
    let parsed = if file.exists("/PowerPoint Document") {
        undoc::ppt::PptParser::from_bytes(bytes.to_vec()).and_then(|mut parser| parser.parse())
    } else if file.exists("/Workbook") || file.exists("/Book") {
        undoc::xls::XlsParser::from_bytes(bytes.to_vec()).and_then(|mut parser| parser.parse())
    } else if file.exists("/WordDocument") {
        undoc::doc::DocParser::from_bytes(bytes.to_vec()).and_then(|mut parser| parser.parse())
    } else {
        return reader.miss(Gap::Unsupported);
    };
    if has_unread_stories(reader, &mut file) {
        reader.miss(Gap::Unsupported);
    }
    match parsed {
        Ok(document) => take(reader, &document),
        Err(error) => reader.miss(match error.kind() {
            ErrorKind::Encrypted => Gap::Encrypted,
            ErrorKind::UnsupportedFormat => Gap::Unsupported,
            _ => Gap::Damaged,
        }),
    }
}

/// Whether a Word document has comments or text boxes, which the parser leaves out ([MS-DOC]
/// §2.5.4: lengths of stories, in characters).
fn has_unread_stories(reader: &mut Reader, file: &mut Compound<'_>) -> bool {
    const COMMENTS: usize = 0x5c;
    const TEXT_BOXES: usize = 0x64;
    const HEADER_TEXT_BOXES: usize = 0x68;
    // Word 97, from which on these stand there.
    const SINCE: u16 = 0xc1;
    let Ok(stream) = file.open_stream("/WordDocument") else {
        return false;
    };
    let head = reader.unpack(stream.take(0x6c));
    let version = head.get(2..4).and_then(|two| two.first_chunk());
    let newer = version.is_some_and(|two| u16::from_le_bytes(*two) >= SINCE);
    let some = |at: usize| {
        let length = head.get(at..).and_then(|rest| rest.first_chunk());
        length.is_some_and(|four| u32::from_le_bytes(*four) != 0)
    };
    newer
        && [COMMENTS, TEXT_BOXES, HEADER_TEXT_BOXES]
            .into_iter()
            .any(some)
}

fn take(reader: &mut Reader, document: &Document) {
    let meta = &document.metadata;
    for line in [&meta.title, &meta.subject, &meta.author] {
        reader.line(line.as_deref().unwrap_or_default());
    }
    for section in &document.sections {
        if reader.full() {
            return;
        }
        reader.line(section.name.as_deref().unwrap_or_default());
        paragraphs(reader, section.header.as_deref());
        for block in &section.content {
            match block {
                Block::Paragraph(paragraph) => reader.line(&paragraph.plain_text()),
                Block::Table(table) => reader.line(&table.plain_text()),
                _ => {}
            }
        }
        paragraphs(reader, section.footer.as_deref());
        paragraphs(reader, section.notes.as_deref());
    }
}

fn paragraphs(reader: &mut Reader, list: Option<&[Paragraph]>) {
    for paragraph in list.unwrap_or_default() {
        reader.line(&paragraph.plain_text());
    }
}
