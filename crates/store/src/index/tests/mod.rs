//! The index against the evaluator in memory, by operator, and against damage.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests may panic"
)]
mod agreement;
mod damage;
mod distance;
mod groups;
mod operators;
mod speed;

use super::*;
use everpost_domain::message::{Address, Head, HeaderLine, SearchText, Sent};
use everpost_domain::query::AttachmentText;
use roaring::RoaringTreemap;
use std::path::Path;
use std::sync::Arc;

const KEY: [u8; 32] = [7; 32];

/// A copy with all that the index looks at.
#[derive(Debug, Clone)]
struct Copy {
    seq: u64,
    size: u64,
    head: Head,
    text: SearchText,
    held: i64,
    headers: Vec<HeaderLine>,
    /// Types and texts.
    attachments: Vec<(String, Option<String>)>,
    language: Option<String>,
}

impl Copy {
    fn attachment_texts(&self) -> Vec<AttachmentText<'_>> {
        self.attachments
            .iter()
            .map(|(kind, text)| AttachmentText {
                name: None,
                kind,
                text: text.as_deref(),
                cut: false,
            })
            .collect()
    }

    fn add_to(&self, writer: &mut SplitWriter) {
        let attachments = self.attachment_texts();
        writer
            .add(&Doc {
                seq: self.seq,
                size: self.size,
                head: &self.head,
                text: &self.text,
                held: self.held,
                headers: &self.headers,
                attachments: &attachments,
                language: self.language.as_deref(),
            })
            .unwrap();
    }
}

fn address(name: &str, email: &str) -> Address {
    Address {
        name: name.to_owned(),
        email: email.to_owned(),
    }
}

/// A copy with little in it.
fn plain(seq: u64, body: &str) -> Copy {
    Copy {
        seq,
        size: 100 + seq,
        head: Head {
            sent: Some(Sent {
                unix: 1000 + seq as i64,
                offset_minutes: 0,
            }),
            subject: format!("subject {seq}"),
            from: vec![address("Ann", "ann@example.org")],
            ..Head::default()
        },
        text: SearchText {
            body: body.to_owned(),
            ..SearchText::default()
        },
        held: 2000 + seq as i64,
        headers: Vec::new(),
        attachments: Vec::new(),
        language: None,
    }
}

fn build(copies: &[Copy], dir: &Path, key: &[u8; 32]) -> Option<Built> {
    let mut writer = SplitWriter::new(dir, 1 << 20).unwrap();
    for copy in copies {
        copy.add_to(&mut writer);
    }
    assert_eq!(writer.docs(), copies.len() as u64);
    writer.finish(key).unwrap()
}

fn open(built: &Built, key: &[u8; 32], cache: &Arc<BlockCache>) -> Arc<Split> {
    let source = built.data.open().unwrap();
    assert_eq!(source.len(), built.bytes);
    Arc::new(Split::open(source, built.id, key, Arc::clone(cache)).unwrap())
}

/// What a sealed object holds.
fn bytes_of(built: &Built) -> Vec<u8> {
    match &built.data {
        Sealed::Bytes(bytes) => bytes.to_vec(),
        Sealed::File(path) => std::fs::read(path).unwrap(),
    }
}

fn parts(splits: &[Arc<Split>]) -> Vec<Part> {
    splits.iter().cloned().map(Part::from).collect()
}

/// What is found, as one piece.
#[derive(Debug, PartialEq)]
struct Page {
    hits: Vec<Hit>,
    matched: RoaringTreemap,
    unknown: RoaringTreemap,
}

fn page(
    searcher: &Searcher,
    question: &Question<'_>,
    order: Order,
    after: Option<Cursor>,
    limit: usize,
) -> Result<Page, IndexError> {
    let matches = searcher.matches(question)?;
    let page = Page {
        hits: matches.page(order, after, limit)?,
        matched: matches.seqs(),
        unknown: matches.unknown_seqs(),
    };
    assert_eq!(matches.count(), page.matched.len());
    assert_eq!(matches.unknown(), page.unknown.len());
    Ok(page)
}

/// Words that no compression could hide and nobody else writes.
fn filler(seed: u64, words: usize) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = String::new();
    for _ in 0..words {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.push_str(&format!("{:x} ", state >> 32));
    }
    out
}
