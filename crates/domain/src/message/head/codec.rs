//! The durable form of a head (docs/format.md, head). It is small because there is one
//! per message: absent fields take a bit, common media types and charsets a byte, and
//! what repeats within the head is a reference.

use super::{Address, BodyPart, Head, Sent};
use crate::message::{Disposition, Transfer};
use crate::wire::{Damaged, Reader, Writer};

/// First byte of the record.
const VERSION: u8 = 1;

/// Media types by number, from 1. Only ever appended to.
#[rustfmt::skip]
const TYPES: &[&str] = &[
    "text/plain", "text/html", "multipart/mixed", "multipart/alternative", "multipart/related",
    "multipart/signed", "multipart/report", "multipart/digest", "multipart/encrypted",
    "message/rfc822", "message/delivery-status", "message/disposition-notification",
    "application/octet-stream", "application/pdf", "application/pgp-signature",
    "application/pkcs7-signature", "application/x-pkcs7-signature", "application/pkcs7-mime",
    "application/pgp-encrypted", "application/zip", "application/msword", "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint", "application/ms-tnef", "application/ics", "application/json",
    "application/xml", "application/x-gzip", "application/gzip", "application/rtf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "image/png", "image/jpeg", "image/gif", "image/svg+xml", "image/tiff", "image/bmp", "image/webp",
    "text/calendar", "text/csv", "text/x-patch", "text/x-diff", "text/x-vcard", "text/vcard",
    "text/enriched", "text/rtf", "text/xml", "text/rfc822-headers", "text/x-amp-html", "text/markdown",
    "audio/mpeg", "audio/wav", "video/mp4", "video/quicktime", "message/feedback-report",
    "message/global", "message/partial", "message/external-body",
];

/// Charsets by number, from 2 (0: none, 1: written out). Only ever appended to.
#[rustfmt::skip]
const CHARSETS: &[&str] = &[
    "us-ascii", "utf-8", "iso-8859-1", "windows-1252", "iso-8859-15", "iso-8859-2", "windows-1250",
    "windows-1251", "koi8-r", "gb2312", "gbk", "gb18030", "big5", "iso-2022-jp", "shift_jis",
    "euc-kr", "ks_c_5601-1987", "windows-1256", "windows-1255", "windows-1254", "iso-8859-9",
    "windows-1253", "iso-8859-7", "utf-7", "euc-jp", "iso-8859-8-i", "tis-620",
];

const SENT: u64 = 1;
const MESSAGE_ID: u64 = 1 << 1;
const SUBJECT: u64 = 1 << 2;
const IN_REPLY_TO: u64 = 1 << 3;
const REFERENCES: u64 = 1 << 4;
const LIST_ID: u64 = 1 << 5;
const FILENAMES: u64 = 1 << 6;
/// From, Sender, Reply-To, To, Cc, Bcc: bits 7 to 12.
const ADDRESSES: u64 = 1 << 7;
const KNOWN: u64 = (1 << 13) - 1;

const LINES: u8 = 1 << 5;
const FILENAME: u8 = 1 << 6;
const CONTENT_ID: u8 = 1 << 7;

impl Head {
    /// The durable form (docs/format.md, head). Every head has exactly one.
    ///
    /// In order: version byte 1; a number whose bits say which fields follow; the body
    /// structure; number of attachments; then, where present, sent (seconds and offset,
    /// signed), Message-ID, Subject, In-Reply-To (count, ids), References (count, then
    /// each as 0 for the first In-Reply-To id, once, or length + 1 and bytes), List-Id,
    /// file names (count, then each as the distance to a later part of that name, or 0
    /// and text), and the six address lists (count, then name and email).
    ///
    /// A part is: depth; media type (number, or 0 and text); a byte of transfer encoding
    /// (3 bits), disposition (2 bits) and the presence of lines, file name and
    /// Content-ID; charset (0, 1 and text, or number); size; lines; file name;
    /// Content-ID.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.byte(VERSION).number(self.presence());
        out.number(self.structure.len() as u64);
        self.structure
            .iter()
            .for_each(|part| write_part(&mut out, part));
        out.number(self.attachments.into());
        if let Some(sent) = self.sent {
            out.signed(sent.unix).signed(sent.offset_minutes.into());
        }
        if let Some(id) = &self.message_id {
            out.bytes(id);
        }
        if !self.subject.is_empty() {
            out.text(&self.subject);
        }
        if !self.in_reply_to.is_empty() {
            out.number(self.in_reply_to.len() as u64);
            self.in_reply_to.iter().for_each(|id| {
                out.bytes(id);
            });
        }
        self.write_references(&mut out);
        if let Some(list) = &self.list_id {
            out.text(list);
        }
        self.write_filenames(&mut out);
        for list in self
            .address_lists()
            .into_iter()
            .filter(|list| !list.is_empty())
        {
            out.number(list.len() as u64);
            for address in list {
                out.text(&address.name).text(&address.email);
            }
        }
        out.finish()
    }

    fn address_lists(&self) -> [&Vec<Address>; 6] {
        [
            &self.from,
            &self.sender,
            &self.reply_to,
            &self.to,
            &self.cc,
            &self.bcc,
        ]
    }

    fn presence(&self) -> u64 {
        let bit = |present: bool, bit: u64| if present { bit } else { 0 };
        let mut bits = bit(self.sent.is_some(), SENT)
            | bit(self.message_id.is_some(), MESSAGE_ID)
            | bit(!self.subject.is_empty(), SUBJECT)
            | bit(!self.in_reply_to.is_empty(), IN_REPLY_TO)
            | bit(!self.references.is_empty(), REFERENCES)
            | bit(self.list_id.is_some(), LIST_ID)
            | bit(!self.filenames.is_empty(), FILENAMES);
        for (at, list) in self.address_lists().into_iter().enumerate() {
            bits |= bit(!list.is_empty(), ADDRESSES << at);
        }
        bits
    }

    fn write_references(&self, out: &mut Writer) {
        if self.references.is_empty() {
            return;
        }
        out.number(self.references.len() as u64);
        let mut parent = self.in_reply_to.first();
        for id in &self.references {
            if parent == Some(id) {
                out.number(0);
                parent = None;
            } else {
                out.number(id.len() as u64 + 1).raw(id);
            }
        }
    }

    fn write_filenames(&self, out: &mut Writer) {
        if self.filenames.is_empty() {
            return;
        }
        out.number(self.filenames.len() as u64);
        let mut rest = self.structure.as_slice();
        for name in &self.filenames {
            match rest
                .iter()
                .position(|part| part.filename.as_ref() == Some(name))
            {
                Some(at) => {
                    out.number(at as u64 + 1);
                    rest = rest.get(at + 1..).unwrap_or_default();
                }
                None => {
                    out.number(0).text(name);
                }
            }
        }
    }

    /// Reads the durable form. Memory taken is bounded by a small multiple of the
    /// record's length, whatever it says.
    pub fn decode(bytes: &[u8]) -> Result<Head, Damaged> {
        let mut reader = Reader::new(bytes);
        let input = &mut reader;
        if input.byte()? != VERSION {
            return Err(Damaged("head of an unknown version"));
        }
        let bits = input.number()?;
        if bits & !KNOWN != 0 {
            return Err(Damaged("head with unknown fields"));
        }
        let has = |bit: u64| bits & bit != 0;
        let mut head = Head {
            structure: list(input, read_part)?,
            ..Head::default()
        };
        head.attachments = u32::try_from(input.number()?).map_err(|_| Damaged("attachments"))?;
        if has(SENT) {
            let unix = input.signed()?;
            let offset_minutes = i16::try_from(input.signed()?).map_err(|_| Damaged("zone"))?;
            head.sent = Some(Sent {
                unix,
                offset_minutes,
            });
        }
        if has(MESSAGE_ID) {
            head.message_id = Some(input.bytes()?.to_vec());
        }
        if has(SUBJECT) {
            head.subject = present(input.text()?.to_string(), String::is_empty)?;
        }
        if has(IN_REPLY_TO) {
            head.in_reply_to = present(
                list(input, |input| Ok(input.bytes()?.to_vec()))?,
                Vec::is_empty,
            )?;
        }
        if has(REFERENCES) {
            let mut parent = head.in_reply_to.first().cloned();
            head.references = present(
                list(input, |input| read_reference(input, &mut parent))?,
                Vec::is_empty,
            )?;
        }
        if has(LIST_ID) {
            head.list_id = Some(input.text()?.to_string());
        }
        if has(FILENAMES) {
            let mut rest = head.structure.as_slice();
            head.filenames = present(
                list(input, |input| read_filename(input, &mut rest))?,
                Vec::is_empty,
            )?;
        }
        let lists = [
            &mut head.from,
            &mut head.sender,
            &mut head.reply_to,
            &mut head.to,
            &mut head.cc,
            &mut head.bcc,
        ];
        for (at, addresses) in lists.into_iter().enumerate() {
            if has(ADDRESSES << at) {
                *addresses = present(list(input, read_address)?, Vec::is_empty)?;
            }
        }
        if input.is_empty() {
            Ok(head)
        } else {
            Err(Damaged("head goes on after its end"))
        }
    }
}

/// A value whose bit said it is there.
fn present<T>(value: T, is_empty: impl Fn(&T) -> bool) -> Result<T, Damaged> {
    if is_empty(&value) {
        Err(Damaged("present field is empty"))
    } else {
        Ok(value)
    }
}

/// Count, then items. No memory is taken on the count's word.
fn list<'a, T>(
    input: &mut Reader<'a>,
    mut read: impl FnMut(&mut Reader<'a>) -> Result<T, Damaged>,
) -> Result<Vec<T>, Damaged> {
    let count = input.length()?;
    let mut out = Vec::new();
    for _ in 0..count {
        out.push(read(input)?);
    }
    Ok(out)
}

fn read_address(input: &mut Reader<'_>) -> Result<Address, Damaged> {
    Ok(Address {
        name: input.text()?.to_string(),
        email: input.text()?.to_string(),
    })
}

/// `parent` is the id that 0 stands for, once: a record of zeros cannot multiply it.
fn read_reference(
    input: &mut Reader<'_>,
    parent: &mut Option<Vec<u8>>,
) -> Result<Vec<u8>, Damaged> {
    match input.length()?.checked_sub(1) {
        None => parent.take().ok_or(Damaged("reference to no id")),
        Some(length) => Ok(input.raw(length)?.to_vec()),
    }
}

/// Each name can be referred to once, for the same reason.
fn read_filename(input: &mut Reader<'_>, rest: &mut &[BodyPart]) -> Result<String, Damaged> {
    let Some(skip) = input.length()?.checked_sub(1) else {
        return Ok(input.text()?.to_string());
    };
    let (part, tail) = rest
        .get(skip..)
        .and_then(<[_]>::split_first)
        .ok_or(Damaged("file name of no part"))?;
    *rest = tail;
    part.filename
        .clone()
        .ok_or(Damaged("file name of a part without one"))
}

fn write_part(out: &mut Writer, part: &BodyPart) {
    out.number(part.depth.into());
    write_type(out, &part.content_type);
    let mut flags = transfer_code(part.transfer) | disposition_code(part.disposition) << 3;
    flags |= if part.lines.is_some() { LINES } else { 0 };
    flags |= if part.filename.is_some() { FILENAME } else { 0 };
    flags |= if part.content_id.is_some() {
        CONTENT_ID
    } else {
        0
    };
    out.byte(flags);
    match &part.charset {
        None => {
            out.number(0);
        }
        Some(charset) => write_charset(out, charset),
    }
    out.number(part.size);
    if let Some(lines) = part.lines {
        out.number(lines);
    }
    if let Some(name) = &part.filename {
        out.text(name);
    }
    if let Some(id) = &part.content_id {
        out.text(id);
    }
}

/// A media type by its number, or 0 and the type.
fn write_type(out: &mut Writer, word: &str) {
    match TYPES.iter().position(|known| *known == word) {
        Some(at) => out.number(at as u64 + 1),
        None => out.number(0).text(word),
    };
}

fn write_charset(out: &mut Writer, charset: &str) {
    match CHARSETS.iter().position(|known| *known == charset) {
        Some(at) => out.number(at as u64 + 2),
        None => out.number(1).text(charset),
    };
}

fn read_part(input: &mut Reader<'_>) -> Result<BodyPart, Damaged> {
    let depth = u32::try_from(input.number()?).map_err(|_| Damaged("depth"))?;
    let content_type = match input.length()?.checked_sub(1) {
        None => input.text()?,
        Some(at) => TYPES.get(at).ok_or(Damaged("unknown media type"))?,
    };
    let flags = input.byte()?;
    let charset = match input.length()? {
        0 => None,
        1 => Some(input.text()?),
        at => Some(*CHARSETS.get(at - 2).ok_or(Damaged("unknown charset"))?),
    };
    let size = input.number()?;
    let lines = if flags & LINES == 0 {
        None
    } else {
        Some(input.number()?)
    };
    let filename = if flags & FILENAME == 0 {
        None
    } else {
        Some(input.text()?.to_string())
    };
    let content_id = if flags & CONTENT_ID == 0 {
        None
    } else {
        Some(input.text()?.to_string())
    };
    Ok(BodyPart {
        depth,
        content_type: content_type.to_string(),
        charset: charset.map(str::to_string),
        transfer: transfer_of(flags & 7)?,
        disposition: disposition_of(flags >> 3 & 3),
        size,
        lines,
        filename,
        content_id,
    })
}

fn transfer_code(transfer: Transfer) -> u8 {
    match transfer {
        Transfer::SevenBit => 0,
        Transfer::EightBit => 1,
        Transfer::Binary => 2,
        Transfer::QuotedPrintable => 3,
        Transfer::Base64 => 4,
        Transfer::Other => 5,
    }
}

fn transfer_of(code: u8) -> Result<Transfer, Damaged> {
    Ok(match code {
        0 => Transfer::SevenBit,
        1 => Transfer::EightBit,
        2 => Transfer::Binary,
        3 => Transfer::QuotedPrintable,
        4 => Transfer::Base64,
        5 => Transfer::Other,
        _ => return Err(Damaged("unknown transfer encoding")),
    })
}

fn disposition_code(disposition: Disposition) -> u8 {
    match disposition {
        Disposition::None => 0,
        Disposition::Inline => 1,
        Disposition::Attachment => 2,
        Disposition::Other => 3,
    }
}

fn disposition_of(code: u8) -> Disposition {
    match code {
        0 => Disposition::None,
        1 => Disposition::Inline,
        2 => Disposition::Attachment,
        _ => Disposition::Other,
    }
}
