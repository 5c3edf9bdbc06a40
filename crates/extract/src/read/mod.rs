//! Reading one document: find out what it is, take its text, go into what it holds.

mod archive;
mod compound;
mod letter;
mod odf;
mod ooxml;
mod outlook;
mod pdf;
mod plain;
mod rtf;
mod sniff;
#[cfg(test)]
mod tests;
mod xml;

use std::io::Read;

use crate::{Extraction, Gap};
use sniff::Format;

/// A document to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    /// Its file name; may be empty.
    pub name: &'a str,
    /// Its media type, lower case; may be empty.
    pub content_type: &'a str,
    /// The charset its sender named; may be empty.
    pub charset: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// How much is read of one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of text. What is larger is a table of data, and the index of it would outweigh
    /// the mail of a month.
    pub text: usize,
    /// Documents inside documents, counted downwards.
    pub depth: u32,
    /// Documents inside the document, all levels together.
    pub entries: u32,
    /// Bytes that everything inside may unpack to, and …
    pub expanded: u64,
    /// … as a multiple of the document's own size: text packs by 20, sheets by 50.
    pub ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            text: 8 << 20,
            depth: 4,
            entries: 2_000,
            expanded: 256 << 20,
            ratio: 200,
        }
    }
}

/// Small documents may unpack to this much whatever their size.
const ALWAYS: u64 = 4 << 20;

/// The text of a document. Call it in a child process: parsers of hostile documents may panic,
/// loop and eat memory, whatever they promise.
pub fn extract(item: &Item<'_>, limits: &Limits) -> Extraction {
    let own = u64::try_from(item.bytes.len()).unwrap_or(u64::MAX);
    let mut reader = Reader {
        limits: *limits,
        text: String::new(),
        gap: None,
        entries: 0,
        expanded: limits
            .expanded
            .min(own.saturating_mul(limits.ratio).saturating_add(ALWAYS)),
    };
    reader.document(item, 0);
    let mut text = reader.text;
    text.truncate(text.trim_end().len());
    Extraction {
        text,
        gap: reader.gap,
    }
}

/// The text so far, and what may still be read.
struct Reader {
    limits: Limits,
    text: String,
    gap: Option<Gap>,
    entries: u32,
    /// Bytes that may still be unpacked.
    expanded: u64,
}

impl Reader {
    /// Reads one document, at the top or inside of another.
    fn document(&mut self, item: &Item<'_>, depth: u32) {
        match sniff::format(item) {
            Format::Silent => {}
            Format::Text => self.push(&plain::text(item)),
            Format::Html => self.push(&plain::html(item)),
            Format::Cards => self.push(&plain::unfolded(item)),
            Format::Rtf => {
                let text = rtf::text(item.bytes, self.limits.text);
                self.push(&text);
            }
            Format::Pdf => pdf::read(self, item.bytes),
            Format::Zip => archive::zip(self, item, depth),
            Format::Gzip => archive::gzip(self, item, depth),
            Format::Tar => archive::tar(self, item.bytes, depth),
            Format::Compound => compound::read(self, item.bytes, depth),
            Format::Message => letter::message(self, item.bytes, depth),
            Format::Tnef => letter::tnef(self, item.bytes, depth),
            Format::Encrypted => self.miss(Gap::Encrypted),
            Format::Unknown => self.miss(Gap::Unsupported),
        }
    }

    /// Reads a document inside a document: its name, then its text.
    fn inner(&mut self, item: &Item<'_>, depth: u32) {
        self.line(item.name);
        if depth >= self.limits.depth {
            if sniff::format(item) != Format::Silent {
                self.miss(Gap::TooMuch);
            }
            return;
        }
        self.document(item, depth + 1);
        self.line_break();
    }

    /// Counts a document inside the document; false if there are too many.
    fn entry(&mut self) -> bool {
        self.entries = self.entries.saturating_add(1);
        let fits = self.entries <= self.limits.entries;
        if !fits {
            self.miss(Gap::TooMuch);
        }
        fits && !self.full()
    }

    /// Notes that something was not read. The first reason is told.
    fn miss(&mut self, gap: Gap) {
        self.gap.get_or_insert(gap);
    }

    /// True when no more text fits.
    fn full(&self) -> bool {
        self.text.len() >= self.limits.text
    }

    /// Appends text, as far as it fits.
    fn push(&mut self, text: &str) {
        let room = self.limits.text.saturating_sub(self.text.len());
        if text.len() <= room {
            self.text.push_str(text);
            return;
        }
        let mut end = room;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.text.push_str(text.get(..end).unwrap_or_default());
        self.miss(Gap::TooMuch);
        // Nothing follows a cut, or words would stand side by side that never did.
        self.limits.text = self.text.len();
    }

    /// Ends the line, unless it is empty.
    fn line_break(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') && !self.full() {
            self.text.push('\n');
        }
    }

    /// Appends a line of its own, if there is anything to say.
    fn line(&mut self, text: &str) {
        let text = text.trim();
        if !text.is_empty() {
            self.line_break();
            self.push(text);
            self.line_break();
        }
    }

    /// Unpacks a stream, within what may still be unpacked. What is damaged gives what came
    /// before.
    fn unpack(&mut self, stream: impl Read) -> Vec<u8> {
        let mut bytes = Vec::new();
        // One byte more than allowed tells "just fits" from "too much".
        let limit = self.expanded.saturating_add(1);
        if let Err(error) = stream.take(limit).read_to_end(&mut bytes) {
            // Whoever asks for memory in another way dies of it here: the same must be said of both.
            if error.kind() == std::io::ErrorKind::OutOfMemory {
                std::process::abort();
            }
            self.miss(Gap::Damaged);
        }
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if length > self.expanded {
            self.miss(Gap::TooMuch);
            bytes.pop();
        }
        self.expanded = self.expanded.saturating_sub(length);
        bytes
    }
}
