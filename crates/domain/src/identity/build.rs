//! From a message to its part hashes. What is hashed is what survives a mail server
//! that takes a message apart and builds it anew: content, not its transport.
//!
//! | Part | Kind | Hashed |
//! |---|---|---|
//! | multipart and nested messages themselves | none | their leaves are parts like any other |
//! | text/*, neither attached nor named | Text, Html | UTF-8; blanks (space, tab, CR) at the end of each line and empty lines at the end removed; lines joined by LF |
//! | an Html without plain version | and DerivedText | its rendering as plain text, by the same rule |
//! | text/*, attached or named | Attachment | content as lines |
//! | message/* and multipart/* that are leaves | Other | content as lines |
//! | all else | Attachment | base64: content; other transfer encodings: content as lines |
//!
//! *Content* is the body with its transfer encoding undone. *As lines* means CRLF as LF,
//! because SMTP, mbox and a re-encoding server disagree about line ends wherever content
//! travelled as text. A binary attachment's hash is therefore the digest of the file,
//! and of its [`PartCut`](crate::cut::PartCut). Empty content has no hash: it would
//! prove nothing, and servers drop and add empty parts.
//!
//! Type and name decide the kind, not the disposition of what is no text: servers turn
//! inline images into attachments and back.
//!
//! The plain version of an HTML part is any text/plain body in another branch of an
//! enclosing multipart/alternative of the same message, also where the HTML stands in a
//! multipart/related or multipart/mixed of its own.

use super::{Origin, PartHash, PartKind, PartSet};
use crate::cut::{Cut, Recipe, canonical_base64};
use crate::digest::{Digest, Hasher};
use crate::message::{Encoding, Kind, Part, Structure, decode, html_to_text, text_of};

/// The part hashes of a message. Html and DerivedText are both recorded, so that the set
/// serves a comparison with any origin; a harvested message has no Html, because the
/// server's HTML is not the sender's.
pub fn part_set(raw: &[u8], structure: &Structure, origin: Origin) -> PartSet {
    build(raw, structure, origin, |_| None)
}

/// As [`part_set`], without hashing again what `cut` of the same message has hashed.
pub fn part_set_of_cut(raw: &[u8], structure: &Structure, origin: Origin, cut: &Cut) -> PartSet {
    // Only a decoded part's digest is that of its content. Parts come by rising place,
    // mostly by rising index too, but a damaged structure may break that.
    let mut hashed: Vec<(usize, Digest)> = cut
        .parts()
        .filter(|part| part.recipe != Recipe::Identity)
        .map(|part| (part.part, part.digest))
        .collect();
    hashed.sort_unstable();
    build(raw, structure, origin, |index| {
        let at = hashed
            .binary_search_by_key(&index, |(part, _)| *part)
            .ok()?;
        hashed.get(at).map(|(_, digest)| *digest)
    })
}

fn build(
    raw: &[u8],
    structure: &Structure,
    origin: Origin,
    hashed: impl Fn(usize) -> Option<Digest>,
) -> PartSet {
    let mut parts = Vec::new();
    let mut plain = vec![false; structure.parts.len()];
    for ((index, part), plain) in structure.parts.iter().enumerate().zip(&mut plain) {
        let digest = match kind_of(part) {
            None | Some(PartKind::Html | PartKind::DerivedText) => continue,
            Some(PartKind::Text) => {
                let digest = text_digest(&text_of(raw, structure, index));
                *plain = digest.is_some() && part.content_type == "text/plain";
                digest
            }
            Some(PartKind::Attachment | PartKind::Other) => {
                content_digest(raw, part, || hashed(index))
            }
        };
        parts.extend(kind_of(part).zip(digest));
    }
    let versions = plain_versions(structure, &plain);
    for ((index, part), has_plain) in structure.parts.iter().enumerate().zip(versions) {
        if kind_of(part) != Some(PartKind::Html) {
            continue;
        }
        let html = text_of(raw, structure, index);
        if origin != Origin::Harvester {
            parts.extend(text_digest(&html).map(|digest| (PartKind::Html, digest)));
        }
        if !has_plain {
            let derived = text_digest(&html_to_text(&html));
            parts.extend(derived.map(|digest| (PartKind::DerivedText, digest)));
        }
    }
    PartSet::new(
        parts
            .into_iter()
            .map(|(kind, digest)| PartHash { kind, digest }),
    )
}

/// The kind of a part's hash; `None` for containers.
fn kind_of(part: &Part) -> Option<PartKind> {
    if part.kind != Kind::Leaf {
        return None;
    }
    let (class, _) = part
        .content_type
        .split_once('/')
        .unwrap_or((&part.content_type, ""));
    Some(match class {
        "text" if part.attachment || part.filename.is_some() => PartKind::Attachment,
        "text" if part.content_type == "text/html" => PartKind::Html,
        "text" => PartKind::Text,
        "message" | "multipart" => PartKind::Other,
        _ => PartKind::Attachment,
    })
}

/// For each part: does an enclosing multipart/alternative have plain text in another
/// branch? `plain` marks the text/plain bodies. Linear, whatever the nesting.
fn plain_versions(structure: &Structure, plain: &[bool]) -> Vec<bool> {
    let parts = &structure.parts;
    // A parent stands before its children; anything else is damage and has no parent.
    let parent_of = |index: usize| {
        let parent = parts.get(index)?.parent.filter(|&parent| parent < index)?;
        // A nested message is another message: its text is no version of ours.
        parts
            .get(parent)
            .filter(|part| part.kind == Kind::Multipart)
            .map(|part| (parent, part))
    };
    let at = |list: &[bool], index: usize| list.get(index).copied().unwrap_or(false);

    // Upwards: which subtrees hold plain text, and how many branches of each part do.
    let mut holds = plain.to_vec();
    let mut branches = vec![0usize; parts.len()];
    for index in (0..parts.len()).rev() {
        if let Some((parent, _)) = parent_of(index).filter(|_| at(&holds, index)) {
            holds
                .get_mut(parent)
                .into_iter()
                .for_each(|holds| *holds = true);
            branches
                .get_mut(parent)
                .into_iter()
                .for_each(|count| *count += 1);
        }
    }
    // Downwards: who stands beside such a branch, or inside something that does.
    let mut beside: Vec<bool> = Vec::with_capacity(parts.len());
    for index in 0..parts.len() {
        let covered = parent_of(index).is_some_and(|(parent, part)| {
            let own = usize::from(at(&holds, index));
            let others = branches.get(parent).is_some_and(|&count| count > own);
            at(&beside, parent) || part.content_type == "multipart/alternative" && others
        });
        beside.push(covered);
    }
    beside
}

/// Hash of running text; `None` if it is blank.
fn text_digest(text: &str) -> Option<Digest> {
    const BREAKS: [u8; 64] = [b'\n'; 64];
    let mut hasher = Hasher::new();
    let mut blank = true;
    // Line ends are held back until a line with content follows.
    let mut breaks = 0usize;
    for line in text.split('\n') {
        let line = line.trim_end_matches([' ', '\t', '\r']);
        if !line.is_empty() {
            while breaks > 0 {
                let some = breaks.min(BREAKS.len());
                hasher.update(BREAKS.get(..some).unwrap_or_default());
                breaks -= some;
            }
            hasher.update(line.as_bytes());
            blank = false;
        }
        breaks += 1;
    }
    (!blank).then(|| hasher.finish())
}

/// Hash of a file's content; `None` if it is empty. `hashed` may know the digest of the
/// decoded bytes.
fn content_digest(
    raw: &[u8],
    part: &Part,
    hashed: impl FnOnce() -> Option<Digest>,
) -> Option<Digest> {
    let binary = part.encoding == Encoding::Base64
        && !["text/", "message/", "multipart/"]
            .iter()
            .any(|class| part.content_type.starts_with(class));
    if binary {
        if let Some(digest) = hashed() {
            return Some(digest);
        }
        // In groups: a large attachment need not be in memory decoded.
        let body = raw.get(part.body.clone()).unwrap_or_default();
        if let Some((digest, size)) = canonical_base64(body) {
            return (size > 0).then_some(digest);
        }
    }
    let content = decode(raw, part);
    if content.is_empty() {
        return None;
    }
    Some(if binary {
        Digest::of(&content)
    } else {
        lines_digest(&content)
    })
}

/// Hash of content with CRLF as LF.
fn lines_digest(content: &[u8]) -> Digest {
    let mut hasher = Hasher::new();
    for line in content.split_inclusive(|&byte| byte == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(text) => {
                hasher.update(text);
                hasher.update(b"\n");
            }
            None => hasher.update(line),
        }
    }
    hasher.finish()
}
