//! SEARCH, SORT, THREAD.

use std::collections::BTreeSet;
use std::ops::Range;

use everpost_codec::imap::answer::{self, Code, Esearch};
use everpost_codec::imap::command::{Returns, Search, SearchKey, SortKey, ThreadAlgorithm};
use everpost_codec::imap::message::{
    BodyText, Candidate, Context, HeaderText, Query, Sortable, Threadable, charset_known, crlf,
    sort, thread,
};
use everpost_codec::imap::set::Numbers;
use everpost_domain::message::{Head, Structure, scan};
use everpost_store::{Replica, Row};

use super::Told;
use super::fetch::email_id;
use super::summary::Summary;
use super::talk::Talk;
use super::view::{View, number};
use crate::capture::now;

/// Messages that are opened at a time.
const OPENED: usize = 128;

/// Heads that are read at a time.
const HEADS: usize = 2_000;
/// Fields that a sealed head has as they are searched.
const IN_HEAD: [&str; 6] = ["from", "to", "cc", "bcc", "subject", "message-id"];

/// What a search found.
struct Found {
    places: Vec<usize>,
    /// MODSEQ was asked for, and is told.
    with_modseq: bool,
}

/// The first and the last of what was found, where nothing else is asked for.
fn ends(returns: Returns, places: &[usize]) -> Option<Vec<usize>> {
    let narrow = (returns.min || returns.max) && !returns.all && !returns.count;
    let first = returns.min.then(|| places.first()).flatten();
    let last = returns.max.then(|| places.last()).flatten();
    narrow.then(|| first.into_iter().chain(last).copied().collect())
}

impl Found {
    /// The highest MODSEQ of what is told (RFC 7162 §3.1.10).
    fn modseq(&self, view: &View, returns: Option<Returns>) -> Option<u64> {
        let ends = returns.and_then(|returns| ends(returns, &self.places));
        let told = ends.as_ref().unwrap_or(&self.places);
        let rows = told.iter().filter_map(|place| view.row(*place));
        rows.map(|row| row.modseq)
            .max()
            .filter(|_| self.with_modseq)
    }
}

impl Talk<'_> {
    pub(super) async fn search(&mut self, tag: &str, search: &Search) -> Result<Told, Told> {
        let rev2 = self.how().rev2;
        let found = self.find(search).await?;
        let (view, _, session) = self.selected()?;
        let numbers = numbers(view, &found.places, search.uid);
        // RFC 9051 §6.4.4: whoever enabled rev2 is answered by ESEARCH.
        let returns = match (search.returns, rev2) {
            (Some(returns), _) => Some(returns),
            (None, true) => Some(Returns {
                all: true,
                ..Returns::default()
            }),
            (None, false) => None,
        };
        let Some(returns) = returns else {
            answer::search(session.out(), numbers, found.modseq(view, None));
            return Ok(Told::ok("searched"));
        };
        save(view, &found.places, returns);
        let modseq = found.modseq(view, Some(returns));
        esearch(session.out(), (tag, search.uid), returns, &numbers, modseq);
        Ok(Told::ok("searched"))
    }

    pub(super) async fn sort(
        &mut self,
        tag: &str,
        keys: &[SortKey],
        search: &Search,
    ) -> Result<Told, Told> {
        let mut found = self.find(search).await?;
        let (view, replica, session) = self.selected()?;
        let heads = heads(view, replica, &found.places).await?;
        let mut sortable = Vec::with_capacity(heads.len());
        for (place, (row, head)) in found.places.iter().zip(&heads) {
            sortable.push(Sortable::of(head, number(*place), row.date, row.size));
        }
        sort(&mut sortable, keys);
        let places = sortable.iter().map(|one| usize::try_from(one.number));
        found.places = places.map(|place| place.unwrap_or(usize::MAX)).collect();
        let numbers = numbers(view, &found.places, search.uid);
        let Some(returns) = search.returns else {
            answer::sort(session.out(), numbers);
            return Ok(Told::ok("sorted"));
        };
        save(view, &found.places, returns);
        let modseq = found.modseq(view, Some(returns));
        esearch(session.out(), (tag, search.uid), returns, &numbers, modseq);
        Ok(Told::ok("sorted"))
    }

    pub(super) async fn thread(
        &mut self,
        algorithm: ThreadAlgorithm,
        search: &Search,
    ) -> Result<Told, Told> {
        let found = self.find(search).await?;
        let (view, replica, session) = self.selected()?;
        let heads = heads(view, replica, &found.places).await?;
        let numbers = numbers(view, &found.places, search.uid);
        let threadable: Vec<Threadable> = numbers
            .iter()
            .zip(&heads)
            .map(|(number, (row, head))| Threadable::of(head, *number, row.date))
            .collect();
        let out = session.out();
        out.extend_from_slice(b"* THREAD ");
        thread(&threadable, algorithm).write(out);
        // Of nothing, nothing stands behind the word.
        if out.ends_with(b"THREAD ") {
            out.pop();
        }
        out.extend_from_slice(b"\r\n");
        Ok(Told::ok("threaded"))
    }

    /// Places of the messages that answer to a search, ascending.
    async fn find(&mut self, search: &Search) -> Result<Found, Told> {
        if !charset_known(search.charset.as_deref()) {
            let known = ["US-ASCII", "UTF-8"].map(str::to_owned).to_vec();
            return Err(Told::no(
                Code::BadCharset(known),
                "that charset is not known",
            ));
        }
        let (view, replica, _) = self.selected()?;
        let context = Context {
            now: now(),
            largest_number: view.exists(),
            largest_uid: view.largest_uid(),
        };
        let query = Query::new(&search.key, context);
        let needs = query.needs();
        let mut found = Vec::new();
        let all: Vec<usize> = (0..view.rows().len()).collect();
        let opens = needs.header || needs.body || needs.sent;
        let in_head = |name: &&str| IN_HEAD.contains(name);
        let heads_do = !needs.body && query.fields().is_some_and(|all| all.iter().all(in_head));
        for places in all.chunks(if heads_do { HEADS } else { OPENED }) {
            match (opens, heads_do) {
                (false, _) => found.extend(places.iter().copied().filter(|place| {
                    let row = view.row(*place);
                    row.is_some_and(|row| query.matches(&mut Asked::of(view, *place, row)))
                })),
                (true, true) => search_heads(view, replica, &query, places, &mut found).await?,
                (true, false) => search_some(view, replica, &query, places, &mut found).await?,
            }
        }
        Ok(Found {
            places: found,
            with_modseq: asks_modseq(&search.key),
        })
    }
}

/// As [`search_some`], for a query that heads can answer.
async fn search_heads(
    view: &View,
    replica: &Replica,
    query: &Query,
    places: &[usize],
    found: &mut Vec<usize>,
) -> Result<(), Told> {
    let heads = heads(view, replica, places).await?;
    for (place, (row, head)) in places.iter().zip(&heads) {
        let mut asked = Asked::of(view, *place, row);
        asked.header = Some(text_of_head(head));
        if query.matches(&mut asked) {
            found.push(*place);
        }
    }
    Ok(())
}

/// What of a header stands in a sealed head.
fn text_of_head(head: &Head) -> HeaderText {
    let lists = [
        ("from", &head.from),
        ("to", &head.to),
        ("cc", &head.cc),
        ("bcc", &head.bcc),
    ];
    let mut fields: Vec<(&str, String)> = Vec::new();
    for (name, list) in lists {
        let shown = list
            .iter()
            .map(|one| format!("{} <{}>", one.name, one.email));
        let shown: Vec<String> = shown.collect();
        fields.extend((!shown.is_empty()).then(|| (name, shown.join(", "))));
    }
    if !head.subject.is_empty() {
        fields.push(("subject", head.subject.clone()));
    }
    if let Some(id) = &head.message_id {
        let id = format!("<{}>", String::from_utf8_lossy(id));
        fields.push(("message-id", id));
    }
    let fields = fields.iter().map(|(name, value)| (*name, value.as_str()));
    HeaderText::of_fields(head.sent, fields)
}

/// Adds those of some places whose messages answer to a query; only messages that rows do not decide are opened.
async fn search_some(
    view: &View,
    replica: &Replica,
    query: &Query,
    places: &[usize],
    found: &mut Vec<usize>,
) -> Result<(), Told> {
    let mut open = Vec::new();
    for place in places {
        let Some(row) = view.row(*place) else {
            continue;
        };
        let mut asked = Asked::of(view, *place, row);
        let matches = query.matches(&mut asked);
        match asked.wanted {
            // What was answered without a look into the message counts.
            false if matches => found.push(*place),
            false => {}
            true => open.push((*place, *row)),
        }
    }
    // Of messages whose bytes are not here the header fields that are kept answer.
    let is_absent = |(_, row): &&(usize, Row)| row.copy == 0;
    let absent: Vec<u32> = open
        .iter()
        .filter(is_absent)
        .map(|(_, row)| row.uid)
        .collect();
    for (uid, kept) in replica.summaries(view.folder.id, &absent).await? {
        let Some((place, row)) = open.iter().find(|(_, row)| row.uid == uid) else {
            continue;
        };
        let mut asked = Asked::of(view, *place, row);
        asked.raw = Summary::decode(&kept).map(|summary| summary.header);
        if query.matches(&mut asked) {
            found.push(*place);
        }
    }
    open.retain(|(_, row)| row.copy != 0);
    let copies: Vec<i64> = open.iter().map(|(_, row)| row.copy).collect();
    let mut failed = None;
    let read = replica.tenant().read_copies(&copies, |at, raw| {
        let Some((place, row)) = open.get(at) else {
            return true;
        };
        match raw {
            Ok(raw) => {
                let mut asked = Asked::of(view, *place, row);
                asked.raw = Some(raw);
                if query.matches(&mut asked) {
                    found.push(*place);
                }
            }
            Err(error) => failed = Some(error),
        }
        failed.is_none()
    });
    read.await?;
    found.sort_unstable();
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

/// A message that is asked. Without its bytes it has no text, and remembers that one was wanted.
struct Asked<'v> {
    view: &'v View,
    place: usize,
    row: &'v Row,
    id: String,
    raw: Option<Vec<u8>>,
    structure: Option<Structure>,
    header: Option<HeaderText>,
    body: Option<BodyText>,
    wanted: bool,
}

impl<'v> Asked<'v> {
    fn of(view: &'v View, place: usize, row: &'v Row) -> Self {
        Asked {
            view,
            place,
            row,
            id: email_id(row),
            raw: None,
            structure: None,
            header: None,
            body: None,
            wanted: false,
        }
    }

    fn opened(&mut self) -> Option<(&[u8], &Structure)> {
        self.wanted |= self.raw.is_none();
        let raw = self.raw.as_mut()?;
        let structure = self.structure.get_or_insert_with(|| {
            if let std::borrow::Cow::Owned(right) = crlf(raw) {
                *raw = right;
            }
            scan(raw)
        });
        Some((raw, structure))
    }
}

impl Candidate for Asked<'_> {
    fn number(&self) -> u32 {
        number(self.place + 1)
    }

    fn uid(&self) -> u32 {
        self.row.uid
    }

    fn is_saved(&self) -> bool {
        self.view.saved.contains(&self.row.uid)
    }

    fn has_flag(&self, flag: &str) -> bool {
        let names = self.row.flags.names(&self.view.keywords);
        names.iter().any(|name| name.eq_ignore_ascii_case(flag))
    }

    fn internal_date(&self) -> i64 {
        self.row.date
    }

    fn size(&self) -> u64 {
        self.row.size
    }

    fn modseq(&self) -> u64 {
        self.row.modseq
    }

    fn email_id(&self) -> &str {
        &self.id
    }

    fn thread_id(&self) -> Option<&str> {
        None
    }

    fn header(&mut self) -> &HeaderText {
        if self.header.is_none() {
            let header = self
                .opened()
                .map(|(raw, structure)| HeaderText::read(raw, structure));
            self.header = Some(header.unwrap_or_default());
        }
        self.header.get_or_insert_with(HeaderText::default)
    }

    fn body(&mut self) -> &BodyText {
        if self.body.is_none() {
            let body = self
                .opened()
                .map(|(raw, structure)| BodyText::read(raw, structure));
            self.body = Some(body.unwrap_or_default());
        }
        self.body.get_or_insert_with(BodyText::default)
    }
}

/// What lists know of messages, from their sealed heads.
async fn heads(view: &View, replica: &Replica, places: &[usize]) -> Result<Vec<(Row, Head)>, Told> {
    let mut all = Vec::with_capacity(places.len());
    for places in places.chunks(HEADS) {
        let rows: Vec<Row> = places
            .iter()
            .filter_map(|place| view.row(*place))
            .copied()
            .collect();
        let copies: Vec<i64> = rows.iter().map(|row| row.copy).collect();
        let heads = replica.tenant().heads(&copies).await?;
        all.extend(rows.into_iter().zip(heads));
    }
    Ok(all)
}

fn numbers(view: &View, places: &[usize], uid: bool) -> Vec<u32> {
    match uid {
        true => view.uids(places),
        false => places.iter().map(|place| number(*place + 1)).collect(),
    }
}

fn asks_modseq(key: &SearchKey) -> bool {
    match key {
        SearchKey::And(keys) => keys.iter().any(asks_modseq),
        SearchKey::Or(one, other) => asks_modseq(one) || asks_modseq(other),
        SearchKey::Not(key) => asks_modseq(key),
        SearchKey::ModSeq(_) => true,
        _ => false,
    }
}

/// Keeps for `$` what RFC 5182 §2.1 and §2.4 say: with MIN or MAX alone only those.
fn save(view: &mut View, places: &[usize], returns: Returns) {
    if !returns.save {
        return;
    }
    let kept = ends(returns, places).unwrap_or_else(|| places.to_vec());
    view.saved = BTreeSet::from_iter(view.uids(&kept));
}

fn esearch(
    out: &mut Vec<u8>,
    (tag, uid): (&str, bool),
    returns: Returns,
    numbers: &[u32],
    modseq: Option<u64>,
) {
    // With SAVE alone nothing is told.
    let told = returns.min || returns.max || returns.all || returns.count;
    if returns.save && !told && returns.partial.is_none() {
        return;
    }
    let all = returns.all || !(told || returns.partial.is_some());
    let within = |(from, to): (i64, i64)| {
        let window = numbers
            .get(window(from, to, numbers.len()))
            .unwrap_or_default();
        ((from, to), Numbers::of(window.iter().copied()))
    };
    let answer = Esearch {
        tag,
        uid,
        // Of a SORT, the first and the last of its order (RFC 5267 §3).
        min: returns.min.then(|| numbers.first().copied()).flatten(),
        max: returns.max.then(|| numbers.last().copied()).flatten(),
        count: returns.count.then(|| number(numbers.len())),
        all: all.then(|| Numbers::of(numbers.iter().copied())),
        partial: returns.partial.map(within),
        modseq,
    };
    answer.write(out);
}

/// The places of a PARTIAL: 1 is the first, -1 the last, and either may stand first.
fn window(from: i64, to: i64, count: usize) -> Range<usize> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let place = |at: i64| if at < 0 { count + at } else { at - 1 };
    let (one, other) = (place(from), place(to));
    let first = one.min(other).clamp(0, count);
    let end = one.max(other).saturating_add(1).clamp(first, count);
    let index = |at: i64| usize::try_from(at).unwrap_or(0);
    index(first)..index(end)
}
