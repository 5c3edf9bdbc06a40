//! Messages as documents: in Internet format, and what TNEF packs.

use everpost_codec::tnef::{Tnef, decompress_rtf};
use everpost_domain::message::{Address, Head, Kind, decode, scan};

use super::{Item, Reader, plain, rtf};
use crate::Gap;

/// Most bytes of RTF that are unpacked of one body.
const RTF: usize = 32 << 20;

/// A message in Internet format: its head, then every part as a document.
pub(super) fn message(reader: &mut Reader, bytes: &[u8], depth: u32) {
    let structure = scan(bytes);
    if structure.parts.len() >= everpost_domain::message::MAX_PARTS {
        reader.miss(Gap::TooMuch);
    }
    head(reader, &Head::read(bytes, &structure));
    for part in &structure.parts {
        let nested = part.parent.and_then(|at| structure.parts.get(at));
        if nested.is_some_and(|around| around.kind == Kind::Message) {
            let header = bytes.get(part.header.clone()).unwrap_or_default();
            head(reader, &Head::read(header, &scan(header)));
        }
        if part.kind != Kind::Leaf {
            continue;
        }
        if !reader.entry() {
            return;
        }
        let item = Item {
            name: part.filename.as_deref().unwrap_or_default(),
            content_type: &part.content_type,
            charset: part.charset.as_deref().unwrap_or_default(),
            bytes: &decode(bytes, part),
        };
        reader.inner(&item, depth);
    }
}

fn head(reader: &mut Reader, head: &Head) {
    reader.line(&head.subject);
    for list in [&head.from, &head.to, &head.cc] {
        for Address { name, email, .. } in list {
            reader.line(&format!("{name} {email}"));
        }
    }
}

/// What Outlook packed into one attachment.
pub(super) fn tnef(reader: &mut Reader, bytes: &[u8], depth: u32) {
    let Some(tnef) = Tnef::read(bytes) else {
        return reader.miss(Gap::Damaged);
    };
    for line in [&tnef.subject, &tnef.sender, &tnef.to] {
        reader.line(line.as_deref().unwrap_or_default());
    }
    let body = Body {
        plain: tnef.body.clone(),
        html: tnef.html.map(|html| html.bytes().to_vec()),
        html_charset: tnef.html_charset.clone(),
        compressed_rtf: tnef.compressed_rtf.map(<[u8]>::to_vec),
    };
    body.push(reader);
    for attachment in &tnef.attachments {
        if !reader.entry() {
            return;
        }
        let content_type = attachment.mime_type.as_deref().unwrap_or_default();
        let item = Item {
            name: attachment.name.as_deref().unwrap_or_default(),
            content_type: &content_type.to_ascii_lowercase(),
            charset: "",
            bytes: attachment.data,
        };
        reader.inner(&item, depth);
    }
    if tnef.damaged {
        reader.miss(Gap::Damaged);
    }
}

/// One text in up to three forms, as MAPI keeps it.
pub(super) struct Body {
    pub(super) plain: Option<String>,
    pub(super) html: Option<Vec<u8>>,
    pub(super) html_charset: Option<String>,
    pub(super) compressed_rtf: Option<Vec<u8>>,
}

impl Body {
    /// Appends the simplest form that has text.
    pub(super) fn push(&self, reader: &mut Reader) {
        if let Some(text) = &self.plain
            && !text.trim().is_empty()
        {
            return reader.line(text);
        }
        if let Some(html) = &self.html
            && !html.is_empty()
        {
            let item = Item {
                name: "",
                content_type: "text/html",
                charset: self.html_charset.as_deref().unwrap_or_default(),
                bytes: html,
            };
            return reader.line(&plain::html(&item));
        }
        let Some(stream) = &self.compressed_rtf else {
            return;
        };
        let budget = usize::try_from(reader.expanded).unwrap_or(RTF).min(RTF);
        match decompress_rtf(stream, budget) {
            Some(rtf) => {
                reader.expanded = reader.expanded.saturating_sub(rtf.len() as u64);
                let text = rtf::text(&rtf, reader.limits.text);
                reader.line(&text);
            }
            None => reader.miss(Gap::Damaged),
        }
    }
}
