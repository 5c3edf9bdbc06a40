//! Raw bytes to MIME tree.

use super::bytes::{find, line, line_ending};
use super::entity::Entity;
use super::fields::{bom, field_name, is_mbox_from};
use super::{Disposition, Encoding, Kind, Part, Structure, Transfer};
use std::ops::Range;

/// Most containers around a part. Real mail nests some 10 deep (forwards of forwards);
/// every open container is one more boundary to compare at each line that opens with
/// `--`, so the depth bounds the work. A container beyond it is a leaf.
pub const MAX_DEPTH: usize = 64;

/// Most parts of a message. Digests and mail with a thousand files exist; each part costs
/// some 300 bytes of memory, so an unlimited number would let 1 MB of boundaries take
/// 50 MB. The last part allowed is a leaf that holds all the rest.
pub const MAX_PARTS: usize = 10_000;

/// Lines that are looked at after one that cannot belong to a header. Signatures and
/// traces, the longest fields, take about as many; the number bounds the work.
const AHEAD: usize = 10;

/// Reads the MIME tree of `raw`. Never fails: whatever is broken becomes content.
///
/// One pass over the bytes, whatever the nesting, without recursion:
///
/// - A line ends with LF or CRLF; with CR in mail that holds no LF at all.
/// - A header ends with an empty line. It also ends before a boundary of an open
///   multipart, and before a line that cannot be a header line (no field, no
///   continuation), unless the line before it ends with `;` or `:`, or one of the ten lines after
///   it is a field: programs that strip blanks from header lines exist, and their mail
///   is whole otherwise. A byte order mark before the header, and at the start of a
///   message a `From ` or `>From ` line of an mbox, belong to it.
/// - A boundary line is `--`, the boundary, `--` at the end of the multipart, blanks and
///   nothing else. Boundaries of inner multiparts are looked for first; a boundary of an
///   outer one ends all that is open inside.
/// - Preamble and epilogue belong to no child.
/// - A multipart without boundary parameter, or whose boundary never appears, contains
///   nothing: it is a leaf of text/plain. A nested message with a transfer encoding
///   other than identity is a leaf. A multipart's transfer encoding means nothing
///   (RFC 2045 §6.4) and is reported as identity.
/// - Containers deeper than [`MAX_DEPTH`] are leaves of their own type, and so is part
///   number [`MAX_PARTS`], which holds all the rest.
pub fn scan(raw: &[u8]) -> Structure {
    let mut scanner = Scanner {
        raw,
        eol: line_ending(raw),
        parts: Vec::new(),
        open: Vec::new(),
    };
    let mut at = scanner.entity(0, None, "text/plain");
    while scanner.searching()
        && let Some((lines, level, end)) = scanner.next_boundary(at)
    {
        scanner.close_inside(level, scanner.break_before(lines.start));
        at = lines.end;
        let Some(multipart) = scanner.open.get_mut(level) else {
            break;
        };
        if end {
            multipart.boundary = None;
        } else {
            multipart.children = true;
            let (part, default) = (multipart.part, multipart.default);
            at = scanner.entity(lines.end, Some(part), default);
        }
    }
    scanner.finish()
}

/// An entity whose end is not known yet.
struct Open {
    part: usize,
    /// The boundary that is looked for; none in leaves, messages and epilogues.
    boundary: Option<Vec<u8>>,
    /// Content type of children that name none.
    default: &'static str,
    /// True once a child was found.
    children: bool,
}

struct Scanner<'a> {
    raw: &'a [u8],
    eol: u8,
    parts: Vec<Part>,
    open: Vec<Open>,
}

impl Scanner<'_> {
    /// True while a boundary can matter.
    fn searching(&self) -> bool {
        self.parts.len() < MAX_PARTS && self.open.iter().any(|open| open.boundary.is_some())
    }

    /// Reads the header of an entity that starts at `start`, opens it, and if it is a
    /// message, what it holds. Returns where the innermost body starts.
    fn entity(&mut self, start: usize, parent: Option<usize>, default: &'static str) -> usize {
        let (mut start, mut parent, mut default) = (start, parent, default);
        loop {
            let message =
                parent.is_none_or(|p| self.parts.get(p).is_some_and(|p| p.kind == Kind::Message));
            let (content, body) = self.header_end(start, message);
            let entity = Entity::read(self.raw.get(content..body).unwrap_or_default());
            let index = self.parts.len();
            let open = self.push(parent, start..body, entity, default);
            self.open.push(open);
            if self
                .parts
                .get(index)
                .is_none_or(|part| part.kind != Kind::Message)
            {
                return body;
            }
            (start, parent, default) = (body, Some(index), "text/plain");
        }
    }

    fn push(
        &mut self,
        parent: Option<usize>,
        header: Range<usize>,
        entity: Entity,
        default: &str,
    ) -> Open {
        let encoding = entity.encoding();
        let content_type = entity.content_type.unwrap_or_else(|| default.to_string());
        // A message needs room for its child.
        let room = self.open.len() < MAX_DEPTH && self.parts.len() + 1 < MAX_PARTS;
        let multipart = content_type.starts_with("multipart/");
        let nested = matches!(content_type.as_str(), "message/rfc822" | "message/global");
        let kind = match () {
            () if multipart && room => Kind::Multipart,
            () if nested && room && encoding == Encoding::Identity => Kind::Message,
            () => Kind::Leaf,
        };
        let open = Open {
            part: self.parts.len(),
            boundary: entity.boundary.filter(|_| kind == Kind::Multipart),
            default: if content_type == "multipart/digest" {
                "message/rfc822"
            } else {
                "text/plain"
            },
            children: false,
        };
        self.parts.push(Part {
            parent,
            body: header.end..self.raw.len(),
            header,
            kind,
            content_type,
            charset: entity.charset,
            encoding,
            transfer: entity.transfer,
            disposition: entity.disposition,
            attachment: entity.disposition == Disposition::Attachment,
            filename: entity.filename,
            content_id: entity.content_id,
        });
        open
    }

    /// Where the header that starts at `start` ends, and where its first Content field
    /// (or another that begins with C) starts.
    fn header_end(&self, start: usize, message: bool) -> (usize, usize) {
        let mut at = start + bom(self.raw.get(start..).unwrap_or_default());
        let first = at;
        let mut content_fields = None;
        let mut unfinished = false;
        while at < self.raw.len() {
            let (end, next) = line(self.raw, at, self.eol);
            let content = self.raw.get(at..end).unwrap_or_default();
            match content.first() {
                None => return (content_fields.unwrap_or(next), next),
                Some(b'-') if self.boundary_at(at).is_some() => break,
                Some(b'c' | b'C') if content_fields.is_none() => content_fields = Some(at),
                _ => {}
            }
            if !self.is_header_line(content, at == first, message)
                && (at == first || !(unfinished || self.field_follows(next)))
            {
                break;
            }
            unfinished = matches!(content.trim_ascii_end().last(), Some(b';' | b':'));
            at = next;
        }
        let at = if at == first { start } else { at };
        (content_fields.unwrap_or(at).min(at), at)
    }

    /// True if one of the lines at `at`, before an empty one, is a field.
    fn field_follows(&self, at: usize) -> bool {
        let mut at = at;
        for _ in 0..AHEAD {
            let (end, next) = line(self.raw, at, self.eol);
            match self.raw.get(at..end) {
                None | Some([]) => return false,
                Some(content) if field_name(content).is_some() => return true,
                Some(_) => at = next,
            }
        }
        false
    }

    fn is_header_line(&self, content: &[u8], first: bool, message: bool) -> bool {
        (!first && matches!(content.first(), Some(b' ' | b'\t')))
            || field_name(content).is_some()
            || (first && message && is_mbox_from(content))
    }

    /// The next boundary line at or after the line start `at`: the line with its break,
    /// the level of its multipart, and whether it ends it.
    fn next_boundary(&self, at: usize) -> Option<(Range<usize>, usize, bool)> {
        let mut at = at;
        loop {
            if let Some((level, end)) = self.boundary_at(at) {
                let (_, next) = line(self.raw, at, self.eol);
                return Some((at..next, level, end));
            }
            at = at
                .checked_add(find(self.eol, self.raw.get(at..)?)?)?
                .checked_add(1)?;
        }
    }

    /// The open multipart whose boundary stands at the line start `at`.
    fn boundary_at(&self, at: usize) -> Option<(usize, bool)> {
        if !self.raw.get(at..)?.starts_with(b"--") {
            return None;
        }
        let (end, _) = line(self.raw, at, self.eol);
        let content = self.raw.get(at..end)?.trim_ascii_end().get(2..)?;
        for (level, open) in self.open.iter().enumerate().rev() {
            let Some(boundary) = &open.boundary else {
                continue;
            };
            match content.strip_prefix(boundary.as_slice()) {
                Some(b"") => return Some((level, false)),
                Some(b"--") => return Some((level, true)),
                _ => {}
            }
        }
        None
    }

    /// Where the line break before the line start `at` begins.
    fn break_before(&self, at: usize) -> usize {
        let before = self.raw.get(..at).unwrap_or_default();
        let cut = match before {
            [.., b'\r', b'\n'] => 2,
            [.., b'\n' | b'\r'] => 1,
            _ => 0,
        };
        at.saturating_sub(cut)
    }

    /// Ends what is open inside the multipart at `level`. A body that is empty, because
    /// the boundary follows its header, ends where it starts; what encloses it, not
    /// before it.
    fn close_inside(&mut self, level: usize, end: usize) {
        let mut end = end;
        for open in self
            .open
            .drain(level.saturating_add(1).min(self.open.len())..)
            .rev()
        {
            end = close(&mut self.parts, &open, end);
        }
    }

    fn finish(mut self) -> Structure {
        let end = self.raw.len();
        for open in self.open.drain(..).rev() {
            close(&mut self.parts, &open, end);
        }
        Structure { parts: self.parts }
    }
}

/// Sets the end of a part, and what it turned out to be. Returns the end.
fn close(parts: &mut [Part], open: &Open, end: usize) -> usize {
    let Some(part) = parts.get_mut(open.part) else {
        return end;
    };
    let end = end.max(part.body.start);
    part.body.end = end;
    if part.kind == Kind::Multipart {
        if open.children {
            part.encoding = Encoding::Identity;
            part.transfer = Transfer::SevenBit;
        } else {
            part.kind = Kind::Leaf;
            part.content_type = "text/plain".to_string();
        }
    }
    end
}

#[cfg(test)]
mod tests;
