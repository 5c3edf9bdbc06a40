//! FETCH.
//!
//! Rows answer flags, sizes and dates; summaries envelope, structure and common header fields; only the rest opens messages. They are opened some
//! megabytes at a time, the next while the last are sent, so that memory does not grow with what is asked for.

use std::borrow::Cow;
use std::sync::Arc;

use everpost_codec::imap::answer::{self, Code, Fetch};
use everpost_codec::imap::command::{FetchItem, Form};
use everpost_codec::imap::message::{
    Shape, binary, binary_size, crlf, partial, preview, section, write_structure,
};
use everpost_codec::imap::set::{Numbers, Saved};
use everpost_domain::message::{Structure, scan};
use everpost_store::{FlagOrder, Flags, Replica, Row, StoreError};

use super::bodies::brought;
use super::summary::{Summary, is_kept};
use super::talk::Talk;
use super::view::{How, number};
use super::{Bodies, Told};

/// Messages answered between two writes, where none is opened.
const ROWS: usize = 2_000;
/// Bytes of messages that are opened at a time; one may be larger.
const OPENED: u64 = 4 << 20;
/// Messages that are opened at a time.
const MOST_OPENED: usize = 256;

/// What a FETCH asks.
pub(super) struct Order {
    pub(super) uid: bool,
    pub(super) items: Vec<FetchItem>,
    pub(super) changed_since: Option<u64>,
    pub(super) vanished: bool,
}

/// What has to be read to answer.
#[derive(Clone, Copy, Default)]
struct Needs {
    summary: bool,
    /// Of the summary the structure.
    structure: bool,
    /// Of the summary the kept fields.
    header: bool,
    /// Only that there are bytes.
    copy: bool,
    bytes: bool,
    /// `\Seen` is set by it.
    seen: bool,
}

fn needs(items: &[FetchItem]) -> Needs {
    let mut needs = Needs::default();
    for item in items {
        match item {
            FetchItem::Envelope => needs.summary = true,
            FetchItem::BodyStructure => (needs.summary, needs.structure) = (true, true),
            // It is the copy's, so the copy has to be here.
            FetchItem::EmailId => needs.copy = true,
            FetchItem::Section { section, peek, .. } if is_kept(section) => {
                needs.header = true;
                needs.seen |= !peek;
            }
            FetchItem::Body | FetchItem::Preview | FetchItem::BinarySize(_) => needs.bytes = true,
            FetchItem::Section { peek, form, .. } => {
                needs.bytes = true;
                needs.seen |= !peek && *form != Form::Rfc822Header;
            }
            _ => {}
        }
    }
    needs
}

/// What is known of a message that is answered.
struct Opened {
    place: usize,
    row: Row,
    summary: Option<Summary>,
    raw: Option<Vec<u8>>,
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
        let needs = needs(&order.items);
        let folder = view.folder.id;
        if needs.seen && !view.read_only {
            let unseen = |place: &&usize| {
                let row = view.row(**place);
                row.is_some_and(|row| !row.flags.has(Flags::SEEN))
            };
            let unseen: Vec<usize> = places.iter().filter(unseen).copied().collect();
            if !unseen.is_empty() {
                let uids = view.uids(&unseen);
                let seen = FlagOrder::Add(Flags::SEEN);
                let (rows, _) = replica.store_flags(folder, &uids, seen, None).await?;
                view.know(&rows);
                // It is told in the same answer (RFC 9051 §6.4.5).
                if !order.items.contains(&FetchItem::Flags) {
                    order.items.push(FetchItem::Flags);
                }
            }
        }
        let keywords = view.keywords.clone();
        let all: Vec<(usize, Row)> = places
            .iter()
            .filter_map(|place| view.row(*place).map(|row| (*place, *row)))
            .collect();
        let mut rest = all.as_slice();
        let answering = Answering {
            order: &order,
            how,
            keywords: &keywords,
        };
        let mut bad = 0;
        let bodies = self.road.bodies.clone();
        let first = batch(&mut rest, needs).to_vec();
        let mut next = open(replica.clone(), bodies.clone(), folder, first, needs).await?;
        while !next.is_empty() {
            // Another core opens what follows while these are told and written.
            let batch = batch(&mut rest, needs).to_vec();
            let opening = open(replica.clone(), bodies.clone(), folder, batch, needs);
            let opening = tokio::spawn(opening);
            for one in &next {
                match answering.message(self.session.out(), one) {
                    Ok(()) => {}
                    Err(Unanswered) => bad += 1,
                }
            }
            self.flush().await?;
            next = opening.await.map_err(|_| StoreError::Stopped)??;
        }
        Ok(match bad {
            0 => Told::ok("fetched"),
            _ => Told::no(Code::UnknownCte, "some parts cannot be decoded"),
        })
    }
}

/// Takes the next messages that are opened together.
fn batch<'r>(rest: &mut &'r [(usize, Row)], needs: Needs) -> &'r [(usize, Row)] {
    let most = match needs.bytes {
        true => MOST_OPENED,
        false => ROWS,
    };
    let (mut count, mut bytes) = (0, 0_u64);
    for (_, row) in rest.iter().take(most) {
        bytes = bytes.saturating_add(row.size);
        if needs.bytes && count > 0 && bytes > OPENED {
            break;
        }
        count += 1;
    }
    let (batch, left) = rest.split_at(count.min(rest.len()));
    *rest = left;
    batch
}

/// Reads what is needed of messages.
async fn open(
    replica: Replica,
    bodies: Option<Arc<dyn Bodies>>,
    folder: u32,
    mut batch: Vec<(usize, Row)>,
    needs: Needs,
) -> Result<Vec<Opened>, Told> {
    if needs.bytes || needs.copy || needs.structure {
        brought(
            &replica,
            bodies,
            folder,
            &mut batch,
            needs.bytes || needs.copy,
        )
        .await?;
    }
    let mut opened: Vec<Opened> = batch
        .iter()
        .map(|(place, row)| Opened {
            place: *place,
            row: *row,
            summary: None,
            raw: None,
        })
        .collect();
    let mut bytes = needs.bytes;
    if needs.summary || needs.header {
        let uids: Vec<u32> = batch.iter().map(|(_, row)| row.uid).collect();
        let mut summaries = replica
            .summaries(folder, &uids)
            .await?
            .into_iter()
            .peekable();
        for one in &mut opened {
            while summaries.peek().is_some_and(|(uid, _)| *uid < one.row.uid) {
                summaries.next();
            }
            if let Some((_, kept)) = summaries.next_if(|(uid, _)| *uid == one.row.uid) {
                one.summary = Summary::decode(&kept);
            }
            // One that is gone meanwhile, or of another version: its copy is still here.
            bytes |= one
                .summary
                .as_ref()
                .is_none_or(|summary| needs.header && summary.header.is_empty());
        }
    }
    if bytes {
        let copies: Vec<i64> = opened.iter().map(|one| one.row.copy).collect();
        let mut failed = None;
        let read = replica.tenant().read_copies(&copies, |place, raw| {
            match (raw, opened.get_mut(place)) {
                (Ok(raw), Some(one)) => one.raw = Some(raw),
                (Err(error), _) => failed = Some(error),
                (Ok(_), None) => {}
            }
            failed.is_none()
        });
        read.await?;
        if let Some(error) = failed {
            return Err(error.into());
        }
    }
    Ok(opened)
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
    fn message(&self, out: &mut Vec<u8>, one: &Opened) -> Result<(), Unanswered> {
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
                    let kept = kept.filter(|kept| !kept.header.is_empty());
                    let bytes = match (*form, whole) {
                        _ if kept.is_some() => {
                            kept.and_then(|kept| section(&kept.header, &scan(&kept.header), asked))
                        }
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
        fetch.end();
        result
    }
}

/// EMAILID: of the copy, so that a message that is copied or moved keeps it.
pub(super) fn email_id(row: &Row) -> String {
    format!("E{}", row.copy)
}
