//! SEARCH, SORT, THREAD.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use everpost_codec::imap::answer::{self, Code, Esearch};
use everpost_codec::imap::command::{Returns, Search, SearchKey, SortKey, ThreadAlgorithm};
use everpost_codec::imap::message::{
    BodyText, Candidate, Context, HeaderText, Query, Sortable, Threadable, charset_known, crlf,
    sort, thread,
};
use everpost_codec::imap::set::Numbers;
use everpost_domain::message::{Field, Head, Structure, fields, header_text, parse_date, scan};
use everpost_store::{Replica, Row};

use super::Told;
use super::fetch::email_id;
use super::summary::{Summary, header_alone, is_kept_field};
use super::talk::Talk;
use super::view::{View, number};
use crate::capture::now;

/// Messages that are opened at a time.
const OPENED: usize = 128;

/// Heads that are read at a time.
const HEADS: usize = 2_000;
/// Fields that a sealed head has, near enough to be searched.
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
        let asking = Asking::new(view, replica, &query);
        let (mut found, all) = (Vec::new(), (0..view.rows().len()).collect::<Vec<_>>());
        for places in all.chunks(HEADS) {
            let left = asking.by_rows(places, &mut found);
            let left = asking.by_kept_fields(left, &mut found).await?;
            let left = asking.by_heads(left, &mut found).await?;
            asking.by_bytes(&left, &mut found).await?;
        }
        found.sort_unstable();
        Ok(Found {
            places: found,
            with_modseq: asks_modseq(&search.key),
        })
    }
}

/// Messages that are still to be asked.
type Left = Vec<(usize, Row)>;

/// A query and whom it is asked of: first of what is at hand, and only what that does not decide is opened.
struct Asking<'a> {
    view: &'a View,
    replica: &'a Replica,
    query: &'a Query,
    /// The header fields that it asks for, if it asks for nothing else.
    fields: Option<BTreeSet<&'a str>>,
}

impl<'a> Asking<'a> {
    fn new(view: &'a View, replica: &'a Replica, query: &'a Query) -> Self {
        Asking {
            view,
            replica,
            query,
            fields: query.fields().filter(|_| !query.needs().body),
        }
    }

    /// Whether all fields that are asked for are of some.
    fn asks_only(&self, are_of: impl Fn(&str) -> bool) -> bool {
        let fields = self.fields.as_ref();
        fields.is_some_and(|fields| fields.iter().all(|name| are_of(name)))
    }

    fn matches(&self, (place, row): &(usize, Row), with: impl FnOnce(&mut Asked<'_>)) -> bool {
        let mut asked = Asked::of(self.view, *place, row);
        with(&mut asked);
        self.query.matches(&mut asked)
    }

    /// What flags, dates, sizes and numbers decide; the others are left.
    fn by_rows(&self, places: &[usize], found: &mut Vec<usize>) -> Left {
        let mut left = Vec::new();
        for place in places {
            let Some(row) = self.view.row(*place) else {
                continue;
            };
            let mut asked = Asked::of(self.view, *place, row);
            let matches = self.query.matches(&mut asked);
            match asked.wanted {
                // What was answered without a look into the message counts.
                false => found.extend(matches.then_some(*place)),
                true => left.push((*place, *row)),
            }
        }
        left
    }

    /// What kept fields decide: of all, where the query asks for no more. Of messages whose bytes are not here they are all that
    /// is searched: nothing is brought for a search.
    async fn by_kept_fields(&self, mut left: Left, found: &mut Vec<usize>) -> Result<Left, Told> {
        self.look_again(&mut left).await?;
        let do_fields = self.asks_only(is_kept_field);
        let (asked, mut left): (Left, Left) = left
            .into_iter()
            .partition(|(_, row)| do_fields || row.copy == 0);
        if asked.is_empty() {
            return Ok(left);
        }
        let mut kept = kept_fields(self.view, self.replica, &asked).await?;
        for one in asked {
            let header = kept.remove(&one.1.uid).unwrap_or_default();
            let matches = match one.1.copy {
                0 => {
                    let text = HeaderText::read(&header, &header_alone(&header));
                    self.matches(&one, |asked| {
                        (asked.header, asked.body) = (Some(text), Some(BodyText::default()));
                    })
                }
                _ if header.is_empty() => {
                    left.push(one);
                    continue;
                }
                _ => {
                    let text = self.text_of_fields(&header);
                    self.matches(&one, |asked| asked.header = Some(text))
                }
            };
            found.extend(matches.then_some(one.0));
        }
        Ok(left)
    }

    /// What was brought since this program was told of the folder is searched like the rest.
    async fn look_again(&self, left: &mut Left) -> Result<(), Told> {
        let absent = left.iter().filter(|(_, row)| row.copy == 0);
        let absent: Vec<u32> = absent.map(|(_, row)| row.uid).collect();
        if absent.is_empty() {
            return Ok(());
        }
        let rows = self.replica.rows(self.view.folder.id, &absent).await?;
        let copies: BTreeMap<u32, i64> = rows.iter().map(|row| (row.uid, row.copy)).collect();
        for (_, row) in left {
            row.copy = copies.get(&row.uid).copied().unwrap_or(row.copy);
        }
        Ok(())
    }

    /// Of a header the fields that are asked for.
    fn text_of_fields(&self, header: &[u8]) -> HeaderText {
        let asked = self.fields.iter().flatten();
        let is_asked = |field: &Field<'_>| asked.clone().any(|name| field.is(name));
        let texts: Vec<(String, String)> = fields(header)
            .filter(is_asked)
            .map(|field| {
                let name = String::from_utf8_lossy(field.name).into_owned();
                (name, header_text(field.value))
            })
            .collect();
        let dates = fields(header).filter(|field| field.is("Date"));
        let sent = dates.filter_map(|field| parse_date(field.value)).next();
        let texts = texts.iter();
        HeaderText::of_fields(sent, texts.map(|(name, text)| (name.as_str(), &**text)))
    }

    /// What sealed heads decide: of messages whose fields were not kept.
    async fn by_heads(&self, left: Left, found: &mut Vec<usize>) -> Result<Left, Told> {
        if left.is_empty() || !self.asks_only(|name| IN_HEAD.contains(&name)) {
            return Ok(left);
        }
        let copies: Vec<i64> = left.iter().map(|(_, row)| row.copy).collect();
        let heads = self.replica.tenant().heads(&copies).await?;
        for (one, head) in left.iter().zip(&heads) {
            let matches = self.matches(one, |asked| asked.header = Some(text_of_head(head)));
            found.extend(matches.then_some(one.0));
        }
        Ok(Vec::new())
    }

    /// Opens messages.
    async fn by_bytes(&self, left: &Left, found: &mut Vec<usize>) -> Result<(), Told> {
        for some in left.chunks(OPENED) {
            let copies: Vec<i64> = some.iter().map(|(_, row)| row.copy).collect();
            let mut failed = None;
            let read = self.replica.tenant().read_copies(&copies, |at, raw| {
                match (some.get(at), raw) {
                    (Some(one), Ok(raw)) => {
                        let matches = self.matches(one, |asked| asked.raw = Some(raw));
                        found.extend(matches.then_some(one.0));
                    }
                    (None, _) => {}
                    (_, Err(error)) => failed = Some(error),
                }
                failed.is_none()
            });
            read.await?;
            if let Some(error) = failed {
                return Err(error.into());
            }
        }
        Ok(())
    }
}

/// Kept fields by UID, of those messages that have any.
async fn kept_fields(
    view: &View,
    replica: &Replica,
    messages: &[(usize, Row)],
) -> Result<BTreeMap<u32, Vec<u8>>, Told> {
    let uids: Vec<u32> = messages.iter().map(|(_, row)| row.uid).collect();
    let summaries = replica.summaries(view.folder.id, &uids).await?;
    let fields = |(uid, kept): (u32, Vec<u8>)| Some((uid, Summary::decode(&kept)?.header));
    Ok(summaries.into_iter().filter_map(fields).collect())
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
            // None was told of a message without a copy.
            id: match row.copy {
                0 => String::new(),
                _ => email_id(row),
            },
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

/// What lists know of messages: from their sealed heads, and where only the header is here, from its fields.
async fn heads(view: &View, replica: &Replica, places: &[usize]) -> Result<Vec<(Row, Head)>, Told> {
    let mut all = Vec::with_capacity(places.len());
    for places in places.chunks(HEADS) {
        let rows = places.iter().filter_map(|place| {
            let row = view.row(*place)?;
            Some((*place, *row))
        });
        let rows: Vec<(usize, Row)> = rows.collect();
        let (here, absent): (Left, Left) = rows.iter().partition(|(_, row)| row.copy != 0);
        let copies: Vec<i64> = here.iter().map(|(_, row)| row.copy).collect();
        let mut heads = replica.tenant().heads(&copies).await?.into_iter();
        let mut fields = match absent.is_empty() {
            true => BTreeMap::new(),
            false => kept_fields(view, replica, &absent).await?,
        };
        all.extend(rows.into_iter().map(|(_, row)| match row.copy {
            0 => {
                let header = fields.remove(&row.uid).unwrap_or_default();
                (row, Head::read(&header, &header_alone(&header)))
            }
            _ => (row, heads.next().unwrap_or_default()),
        }));
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
