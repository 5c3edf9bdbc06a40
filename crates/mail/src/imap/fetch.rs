//! FETCH: what is asked of messages, and their answers.
//!
//! Rows answer flags, sizes and dates; summaries envelope, structure and common header fields; only the rest opens messages.

use std::borrow::Cow;

use everpost_codec::imap::answer::{self, Code, Fetch};
use everpost_codec::imap::command::{FetchItem, Form};
use everpost_codec::imap::message::{
    Shape, binary, binary_size, crlf, partial, preview, section, write_structure,
};
use everpost_codec::imap::set::{Numbers, Saved};
use everpost_domain::message::{Structure, scan};
use everpost_store::{FlagOrder, Flags, Row};

use super::bodies::Bringing;
use super::open::{Needs, Opened, Opening};
use super::summary::{Summary, is_kept};
use super::talk::Talk;
use super::view::{How, number};
use super::{End, Told};

/// What a FETCH asks.
pub(super) struct Order {
    pub(super) uid: bool,
    pub(super) items: Vec<FetchItem>,
    pub(super) changed_since: Option<u64>,
    pub(super) vanished: bool,
}

impl Talk<'_> {
    pub(super) async fn fetch(
        &mut self,
        messages: &Saved<Numbers>,
        mut order: Order,
    ) -> Result<Told, Told> {
        let how = self.how();
        let (view, replica, session) = self.selected()?;
        let replica = replica.clone();
        if order.uid && !order.items.contains(&FetchItem::Uid) {
            order.items.insert(0, FetchItem::Uid);
        }
        // RFC 7162 §3.1.4.1: who asks by MODSEQ is told it.
        if order.changed_since.is_some() && !order.items.contains(&FetchItem::ModSeq) {
            order.items.push(FetchItem::ModSeq);
        }
        let mut places = view.resolve(messages, order.uid)?;
        if let Some(since) = order.changed_since {
            if order.vanished {
                let changes = replica.changes(view.folder.id, since).await?;
                let asked = |uid: &u32| match messages {
                    Saved::These(set) => set.contains(*uid, u32::MAX),
                    Saved::Saved => view.saved.contains(uid),
                };
                let gone = changes.gone.into_iter().filter(asked);
                answer::vanished(session.out(), true, &Numbers::of(gone));
            }
            places.retain(|place| view.row(*place).is_some_and(|row| row.modseq > since));
        }
        let needs = Needs::of(&order.items);
        let reads = needs.seen && !view.read_only;
        let folder = view.folder.id;
        let keywords = view.keywords.clone();
        let rows: Vec<(usize, Row)> = places
            .iter()
            .filter_map(|place| view.row(*place).map(|row| (*place, *row)))
            .collect();
        let answering = Answering {
            order: &order,
            how,
            keywords: &keywords,
        };
        let (bodies, insisting) = (self.road.bodies.clone(), self.road.patience.insisting);
        let bringing = Bringing::new(replica.clone(), folder, bodies, insisting);
        let mut bad = 0;
        let mut opening = tokio::spawn(Opening::new(needs, bringing, rows).next());
        let lacks = loop {
            let (rest, mut batch) = self.wait_for(opening).await?;
            let (is_last, lacks) = (rest.is_done(), rest.lacks());
            // Another core opens what follows while these are told and written.
            let next = (!is_last).then(|| tokio::spawn(rest.next()));
            let (view, ..) = self.selected()?;
            view.filled(batch.iter().map(|one| &one.row));
            // Of what could not be had nothing was read.
            let unseen = |one: &&Opened| reads && !one.row.flags.has(Flags::SEEN);
            let unseen: Vec<u32> = batch.iter().filter(unseen).map(|one| one.row.uid).collect();
            let mut read = Vec::new();
            if !unseen.is_empty() {
                let seen = FlagOrder::Add(Flags::SEEN);
                (read, _) = replica.store_flags(folder, &unseen, seen, None).await?;
                view.know(&read);
            }
            for one in &mut batch {
                // It is told in the same answer (RFC 9051 §6.4.5).
                let changed = read.iter().find(|row| row.uid == one.row.uid);
                if let Some(row) = changed {
                    (one.row.flags, one.row.modseq) = (row.flags, row.modseq);
                }
                match answering.message(self.session.out(), one, changed.is_some()) {
                    Ok(()) => {}
                    Err(Unanswered) => bad += 1,
                }
            }
            self.flush().await?;
            match next {
                Some(next) => opening = next,
                None => break lacks,
            }
        };
        // What is here was told. Of the rest no answer is right: mbsync takes NO, with a code or without, and OK without the
        // message for the end of the matter, and never asks again; Thunderbird shows a NO as a dialog (docs/clients.md, F22,
        // F31). A program whose connection ends comes again.
        match (lacks, bad) {
            (true, _) => {
                tracing::info!("an IMAP connection ends: the bytes of a message cannot be had now");
                Err(Told::new(End::Cut, None, ""))
            }
            (false, 0) => Ok(Told::ok("fetched")),
            _ => Ok(Told::no(Code::UnknownCte, "some parts cannot be decoded")),
        }
    }
}

/// An item could not be answered.
struct Unanswered;

/// How messages are answered.
struct Answering<'a> {
    order: &'a Order,
    how: How,
    keywords: &'a [String],
}

/// A message's bytes as they are served, and their structure, read once.
#[derive(Default)]
struct Served<'m> {
    raw: Cow<'m, [u8]>,
    structure: Option<Structure>,
}

impl Served<'_> {
    fn parts(&mut self) -> (&[u8], &Structure) {
        let raw = &self.raw;
        let structure = self.structure.get_or_insert_with(|| scan(raw));
        (&self.raw, structure)
    }
}

impl Answering<'_> {
    /// `and_flags`: they are told whether they were asked for or not.
    fn message(&self, out: &mut Vec<u8>, one: &Opened, and_flags: bool) -> Result<(), Unanswered> {
        let row = &one.row;
        let mut served = Served {
            raw: one.raw.as_deref().map(crlf).unwrap_or_default(),
            structure: None,
        };
        let (mut fetch, mut result) = (Fetch::new(out, number(one.place + 1)), Ok(()));
        for item in &self.order.items {
            match item {
                FetchItem::Uid => fetch.uid(row.uid),
                FetchItem::Flags => fetch.flags(row.flags.names(self.keywords)),
                FetchItem::InternalDate => fetch.internal_date(row.date, 0),
                FetchItem::Size => fetch.size(row.size),
                FetchItem::ModSeq => fetch.modseq(row.modseq),
                FetchItem::EmailId => fetch.object_id("EMAILID", Some(&email_id(row))),
                FetchItem::ThreadId => fetch.object_id("THREADID", None),
                FetchItem::SaveDate => fetch.save_date(Some(row.saved.div_euclid(1_000_000))),
                FetchItem::Envelope | FetchItem::BodyStructure => {
                    let made;
                    let summary = match &one.summary {
                        Some(summary) => summary,
                        None => {
                            made = Summary::of(&served.raw);
                            &made
                        }
                    };
                    match item {
                        FetchItem::Envelope => fetch.item("ENVELOPE").extend(&summary.envelope),
                        _ => fetch.item("BODYSTRUCTURE").extend(&summary.structure),
                    }
                }
                FetchItem::Body => {
                    let (raw, structure) = served.parts();
                    let shape = Shape {
                        extended: false,
                        global: self.how.rev2,
                    };
                    write_structure(fetch.item("BODY"), raw, structure, shape);
                }
                FetchItem::Preview => {
                    let (raw, structure) = served.parts();
                    let text = preview(raw, structure);
                    answer::string(fetch.item("PREVIEW"), text.as_bytes());
                }
                FetchItem::BinarySize(part) => {
                    let (raw, structure) = served.parts();
                    match binary_size(raw, structure, part) {
                        Ok(size) => fetch.binary_size(part, size.unwrap_or(0)),
                        Err(_) => result = Err(Unanswered),
                    }
                }
                FetchItem::Section {
                    section: asked,
                    partial: window,
                    form,
                    ..
                } => {
                    let whole = asked.part.is_empty() && asked.of == Default::default();
                    let kept = one.summary.as_ref().filter(|_| is_kept(asked));
                    let kept = kept.and_then(|summary| summary.answer(asked));
                    let bytes = match (*form, whole) {
                        _ if kept.is_some() => kept,
                        // Nothing has to be looked into.
                        (_, true) => Some(Cow::Borrowed(&*served.raw)),
                        (Form::Binary, _) => {
                            let (raw, structure) = served.parts();
                            match binary(raw, structure, &asked.part) {
                                Ok(bytes) => bytes,
                                Err(_) => {
                                    result = Err(Unanswered);
                                    continue;
                                }
                            }
                        }
                        _ => {
                            let (raw, structure) = served.parts();
                            section(raw, structure, asked)
                        }
                    };
                    let bytes = bytes.map(|bytes| partial(bytes, *window));
                    let from = window.map(|(from, _)| from);
                    let out = fetch.section(asked, *form, from);
                    match bytes {
                        // NUL may stand in a literal8 alone (RFC 3516 §4.2).
                        Some(bytes) if *form == Form::Binary => {
                            answer::literal_head(out, bytes.len() as u64, bytes.contains(&0));
                            out.extend_from_slice(&bytes);
                        }
                        Some(bytes) => answer::literal(out, &bytes),
                        None => answer::nstring(out, None),
                    }
                }
            }
        }
        if and_flags && !self.order.items.contains(&FetchItem::Flags) {
            fetch.flags(row.flags.names(self.keywords));
        }
        fetch.end();
        result
    }
}

/// EMAILID: of the copy, so that a message that is copied or moved keeps it.
pub(super) fn email_id(row: &Row) -> String {
    format!("E{}", row.copy)
}
