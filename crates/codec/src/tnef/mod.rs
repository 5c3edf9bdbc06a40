//! TNEF (`winmail.dat`): the message that Outlook and Exchange pack into one attachment.
//!
//! After [MS-OXTNEF] and [MS-OXRTFCP]. The reader takes what can be read: a stream that is cut
//! off or whose lengths lie gives what came before, marked as damaged.

mod compressed_rtf;
mod properties;
#[cfg(test)]
mod tests;

pub use compressed_rtf::decompress_rtf;
pub use properties::Value;

use crate::codepage;
use everpost_domain::message::text_of_bytes;
use properties::Properties;

/// The first four bytes of every stream.
pub const SIGNATURE: [u8; 4] = [0x78, 0x9f, 0x3e, 0x22];

/// Most attachments of one stream: a real one has some dozens, and each costs memory.
const ATTACHMENTS: usize = 10_000;

/// Attributes, by their 32-bit tags.
mod attribute {
    pub(super) const SUBJECT: u32 = 0x0001_8004;
    pub(super) const BODY: u32 = 0x0002_800c;
    pub(super) const MESSAGE_PROPERTIES: u32 = 0x0006_9003;
    pub(super) const OEM_CODEPAGE: u32 = 0x0006_9007;
    pub(super) const ATTACHMENT_BEGINS: u32 = 0x0006_9002;
    pub(super) const ATTACHMENT_DATA: u32 = 0x0006_800f;
    pub(super) const ATTACHMENT_TITLE: u32 = 0x0001_8010;
    pub(super) const ATTACHMENT_PROPERTIES: u32 = 0x0006_9005;
}

/// Identifiers of MAPI properties.
mod property {
    pub(super) const SUBJECT: u16 = 0x0037;
    pub(super) const SENDER_NAME: u16 = 0x0c1a;
    pub(super) const DISPLAY_TO: u16 = 0x0e04;
    pub(super) const BODY: u16 = 0x1000;
    pub(super) const RTF_COMPRESSED: u16 = 0x1009;
    pub(super) const HTML: u16 = 0x1013;
    pub(super) const DISPLAY_NAME: u16 = 0x3001;
    pub(super) const DATA: u16 = 0x3701;
    pub(super) const FILE_NAME: u16 = 0x3704;
    pub(super) const LONG_FILE_NAME: u16 = 0x3707;
    pub(super) const MIME_TYPE: u16 = 0x370e;
    pub(super) const INTERNET_CODEPAGE: u16 = 0x3fde;
}

/// What a stream holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tnef<'a> {
    /// The subject.
    pub subject: Option<String>,
    /// Who sent it, as shown to people.
    pub sender: Option<String>,
    /// To whom, as shown to people.
    pub to: Option<String>,
    /// The body as plain text.
    pub body: Option<String>,
    /// The body as HTML, in the charset `html_charset`.
    pub html: Option<Value<'a>>,
    /// The name of the charset of the HTML, where the stream says it.
    pub html_charset: Option<String>,
    /// The body as compressed RTF; see [`decompress_rtf`].
    pub compressed_rtf: Option<&'a [u8]>,
    /// The name of the charset of 8-bit text, where the stream says it.
    pub charset: Option<String>,
    /// The attachments, in their order.
    pub attachments: Vec<Attachment<'a>>,
    /// True if the stream ends early or its lengths lie: more may have been there.
    pub damaged: bool,
}

/// One attachment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attachment<'a> {
    /// Its file name, the long one if there are two.
    pub name: Option<String>,
    /// Its media type, where one is named.
    pub mime_type: Option<String>,
    /// Its bytes. Of an embedded message, the stream that [`Tnef::read`] reads; of an embedded
    /// object, whatever the object's program wrote.
    pub data: &'a [u8],
}

impl<'a> Tnef<'a> {
    /// Reads a stream; `None` if it does not open as one. Never fails otherwise.
    pub fn read(bytes: &'a [u8]) -> Option<Tnef<'a>> {
        // Signature and a key that means nothing here.
        let rest = bytes.strip_prefix(&SIGNATURE)?.get(2..)?;
        let mut attributes = Vec::new();
        let mut input = Input(rest);
        let mut damaged = false;
        while !input.0.is_empty() {
            match input.attribute() {
                Some(attribute) => attributes.push(attribute),
                None => {
                    damaged = true;
                    break;
                }
            }
        }
        let mut tnef = Tnef {
            damaged,
            ..Tnef::default()
        };
        // The code page may stand behind the text that needs it.
        tnef.charset = attributes
            .iter()
            .find(|(tag, _)| *tag == attribute::OEM_CODEPAGE)
            .and_then(|(_, data)| Some(u32::from_le_bytes(*data.first_chunk()?)))
            .and_then(codepage::charset)
            .map(|name| name.into_owned());
        for (tag, data) in attributes {
            tnef.take(tag, data);
        }
        Some(tnef)
    }

    fn take(&mut self, tag: u32, data: &'a [u8]) {
        match tag {
            attribute::SUBJECT => {
                let subject = self.text(data);
                self.subject.get_or_insert(subject);
            }
            attribute::BODY => {
                let body = self.text(data);
                self.body.get_or_insert(body);
            }
            attribute::MESSAGE_PROPERTIES => self.message_properties(data),
            attribute::ATTACHMENT_BEGINS => {
                if self.attachments.len() < ATTACHMENTS {
                    self.attachments.push(Attachment::default());
                } else {
                    self.damaged = true;
                }
            }
            attribute::ATTACHMENT_DATA => {
                if let Some(last) = self.attachments.last_mut() {
                    last.data = data;
                }
            }
            attribute::ATTACHMENT_TITLE => {
                let title = self.text(data);
                if let Some(last) = self.attachments.last_mut() {
                    last.name.get_or_insert(title);
                }
            }
            attribute::ATTACHMENT_PROPERTIES => self.attachment_properties(data),
            _ => {}
        }
    }

    fn text(&self, bytes: &[u8]) -> String {
        let text = text_of_bytes(bytes, self.charset.as_deref());
        text.trim_end_matches('\0').to_string()
    }

    fn message_properties(&mut self, data: &'a [u8]) {
        let mut list = Properties::read(data);
        // 8-bit properties are in the code page of the stream, HTML may have its own.
        let page = list.number(property::INTERNET_CODEPAGE);
        self.html_charset = page
            .and_then(codepage::charset)
            .map(|name| name.into_owned());
        for (id, value) in list.by_ref() {
            match id {
                property::SUBJECT => self.subject = value.text(self.charset.as_deref()),
                property::SENDER_NAME => self.sender = value.text(self.charset.as_deref()),
                property::DISPLAY_TO => self.to = value.text(self.charset.as_deref()),
                property::BODY => self.body = value.text(self.charset.as_deref()),
                property::HTML => self.html = Some(value),
                property::RTF_COMPRESSED => self.compressed_rtf = Some(value.bytes()),
                _ => {}
            }
        }
        self.damaged |= list.damaged;
    }

    fn attachment_properties(&mut self, data: &'a [u8]) {
        let charset = self.charset.clone();
        let Some(last) = self.attachments.last_mut() else {
            return;
        };
        let mut list = Properties::read(data);
        let mut names: [Option<String>; 3] = [None, None, None];
        let [long, short, shown] = &mut names;
        for (id, value) in list.by_ref() {
            match id {
                property::LONG_FILE_NAME => *long = value.text(charset.as_deref()),
                property::FILE_NAME => *short = value.text(charset.as_deref()),
                property::DISPLAY_NAME => *shown = value.text(charset.as_deref()),
                property::MIME_TYPE => last.mime_type = value.text(charset.as_deref()),
                // An object's class stands before its bytes.
                property::DATA => last.data = value.object(),
                _ => {}
            }
        }
        self.damaged |= list.damaged;
        // The title is a short name; without properties it is all there is.
        let [long, short, shown] = names;
        let title = last.name.take();
        last.name = long.or(title).or(shown).or(short);
    }
}

/// Bytes that are read from the front.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(*self.take(2)?.first_chunk()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(*self.take(4)?.first_chunk()?))
    }

    /// Level, tag, length, that many bytes and their sum, which is not checked: whoever wants
    /// the text wants it with a flipped bit too.
    fn attribute(&mut self) -> Option<(u32, &'a [u8])> {
        let level = *self.take(1)?.first()?;
        if !matches!(level, 1 | 2) {
            return None;
        }
        let tag = self.u32()?;
        let length = usize::try_from(self.u32()?).ok()?;
        let data = self.take(length)?;
        // The last sum may be missing.
        self.0 = self.0.get(2..).unwrap_or_default();
        Some((tag, data))
    }
}
