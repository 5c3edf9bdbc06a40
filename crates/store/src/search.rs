//! Search: a query over every split, rights and places as bitmaps, hits as messages.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use everpost_domain::digest::Digest;
use everpost_domain::message::{Head, SearchText, scan};
use everpost_domain::query::{Query, Snippet, Test, snippet};
use roaring::RoaringTreemap;
use sqlx::AnyConnection;

use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::copy::CopyRow;
use crate::error::{Result, StoreError};
use crate::follow::blocking;
use crate::index::{Hit, Matches, Question, Searcher};
use crate::read::Place;
use crate::tenant::{Tenant, mailbox_key};

pub use crate::index::{Cursor, Order};

/// What a hit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A message: one hit, however many of its copies match.
    Message,
    /// Each copy.
    Copy,
}

/// A question to a tenant's index.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    /// The query.
    pub query: Query,
    /// Messages or copies.
    pub by: By,
    /// Which hits come first.
    pub order: Order,
    /// Hits after this one.
    pub after: Option<Cursor>,
    /// At most so many hits on this page; counts are of all.
    pub limit: usize,
}

/// One page of an answer, with counts of the whole.
#[derive(Debug, Clone)]
pub struct SearchPage {
    /// Hits in order.
    pub hits: Vec<SearchHit>,
    /// Messages for which the query holds.
    pub messages: u64,
    /// Copies for which it holds.
    pub copies: u64,
    /// Messages for which it cannot be told, because some of their text was not read.
    pub unknown: u64,
    /// Where the next page goes on; `None` on the last.
    pub next: Option<Cursor>,
}

/// A hit.
#[derive(Debug, Clone)]
pub struct SearchHit {
    /// The id of the message: that of its first copy.
    pub id: Digest,
    /// The copy that is shown: one for which the query holds.
    pub copy: Digest,
    /// Copies of the message.
    pub copies: u64,
    /// Raw size of the shown copy in bytes.
    pub size: u64,
    /// What its header says.
    pub head: Head,
    /// Where it lies.
    pub places: Vec<Place>,
    /// The text around the words that were looked for.
    pub snippet: Snippet,
    /// Its place in the order.
    pub cursor: Cursor,
}

/// Copies whose message has others, by seq: the message each belongs to.
struct Multi {
    message_of: BTreeMap<u64, u64>,
    set: RoaringTreemap,
}

impl Multi {
    /// Messages among `copies`: the single ones, and each linked message once.
    fn messages(&self, copies: &RoaringTreemap) -> u64 {
        let single = (copies - &self.set).len();
        let linked: BTreeSet<u64> = (copies & &self.set)
            .iter()
            .filter_map(|seq| self.message_of.get(&seq).copied())
            .collect();
        single + linked.len() as u64
    }

    /// Copies that are not the shown one of their message.
    fn repeats(&self, copies: &RoaringTreemap, order: Order) -> RoaringTreemap {
        let mut shown: HashMap<u64, u64> = HashMap::new();
        let mut repeats = RoaringTreemap::new();
        // Linked copies have the same date, so their order among themselves is that of seq.
        let linked = copies & &self.set;
        for seq in linked.iter() {
            let Some(message) = self.message_of.get(&seq) else {
                continue;
            };
            match (order, shown.get(message).copied()) {
                (_, None) => {
                    shown.insert(*message, seq);
                }
                (Order::OldestFirst, Some(_)) => {
                    repeats.insert(seq);
                }
                (Order::NewestFirst | Order::Score, Some(before)) => {
                    repeats.insert(before);
                    shown.insert(*message, seq);
                }
            }
        }
        repeats
    }
}

impl Tenant {
    /// Answers a query from the index as it is now.
    pub async fn search(&self, request: &SearchRequest) -> Result<SearchPage> {
        let mut db = self.store.catalog.read().await?;
        let rows = self.split_rows(&mut db).await?;
        let multi = self.multi(&mut db).await?;
        let mut hidden = self.hidden(&mut db).await?;
        let sets = self.sets(&mut db, &request.query).await?;
        drop(db);
        let searcher = Searcher::new(self.open_splits(&rows).await?);
        let mut matches = run(&searcher, &request.query, sets, hidden).await?;
        let matched = matches.seqs(Some(&multi.set));
        let unknown = matches.unknown_seqs(None);
        let copies = matches.count();
        hidden = multi.repeats(&matched, request.order);
        let messages = copies - matched.len() + multi.messages(&matched);
        if request.by == By::Message {
            matches.leave_out(&hidden);
        }
        let page = page_of(matches, request).await?;
        let undecided = {
            let decided: BTreeSet<u64> = (&matched & &multi.set)
                .iter()
                .filter_map(|seq| multi.message_of.get(&seq).copied())
                .collect();
            let open = unknown.iter().filter(|seq| {
                multi
                    .message_of
                    .get(seq)
                    .is_none_or(|message| !decided.contains(message))
            });
            multi.messages(&open.collect())
        };
        let next = page
            .get(request.limit.saturating_sub(1))
            .map(|hit| hit.cursor());
        let hits = self.describe(&page, &multi, &request.query).await?;
        Ok(SearchPage {
            hits,
            messages,
            copies,
            unknown: undecided,
            next,
        })
    }

    /// Every id for which a query holds, oldest first.
    pub async fn matching(&self, query: &Query) -> Result<Vec<Digest>> {
        let mut after = None;
        let mut found = Vec::new();
        loop {
            let request = SearchRequest {
                query: query.clone(),
                by: By::Copy,
                order: Order::OldestFirst,
                after,
                limit: 10_000,
            };
            let mut db = self.store.catalog.read().await?;
            let rows = self.split_rows(&mut db).await?;
            let hidden = self.hidden(&mut db).await?;
            let sets = self.sets(&mut db, query).await?;
            let searcher = Searcher::new(self.open_splits(&rows).await?);
            let matches = run(&searcher, query, sets, hidden).await?;
            let page = page_of(matches, &request).await?;
            let seqs: Vec<u64> = page.iter().map(|hit| hit.seq).collect();
            let copies = self.copies_at(&mut db, &seqs).await?;
            found.extend(
                seqs.iter()
                    .filter_map(|seq| copies.get(seq).map(|copy| copy.digest)),
            );
            match page.last() {
                Some(last) if page.len() == request.limit => after = Some(last.cursor()),
                _ => return Ok(found),
            }
        }
    }

    async fn describe(&self, page: &[Hit], multi: &Multi, query: &Query) -> Result<Vec<SearchHit>> {
        let mut db = self.store.catalog.read().await?;
        let seqs: Vec<u64> = page.iter().map(|hit| hit.seq).collect();
        let mut copies = self.copies_at(&mut db, &seqs).await?;
        let mut hits = Vec::with_capacity(seqs.len());
        for hit in page {
            let Some(row) = copies.remove(&hit.seq) else {
                return Err(StoreError::damaged(
                    format!("event {}", hit.seq),
                    "the index names a copy that is not there",
                ));
            };
            let mut id = row.digest;
            let mut count = 1;
            if let Some(message) = multi.message_of.get(&hit.seq) {
                count = multi
                    .message_of
                    .values()
                    .filter(|other| *other == message)
                    .count() as u64;
                if let Some(first) = self.copies_at(&mut db, &[*message]).await?.remove(message) {
                    id = first.digest;
                }
            }
            hits.push(SearchHit {
                id,
                copy: row.digest,
                copies: count,
                size: row.size,
                head: row.head(&self.state.keys)?,
                places: self.places_of(&mut db, row.id).await?,
                snippet: self.snippet(&mut db, &row, query).await,
                cursor: hit.cursor(),
            });
        }
        Ok(hits)
    }

    /// The text around the words; empty for a copy whose bytes are damaged.
    async fn snippet(&self, db: &mut AnyConnection, row: &CopyRow, query: &Query) -> Snippet {
        /// Characters of a snippet.
        const WIDTH: usize = 160;
        /// Larger copies are not opened for a snippet.
        const LIMIT: u64 = 4 << 20;
        if row.size > LIMIT {
            return nothing();
        }
        let mut raw = Vec::new();
        let read = self.read_copy(db, row, |bytes| {
            raw.extend_from_slice(bytes);
            Ok(())
        });
        if read.await.is_err() {
            return nothing();
        }
        let query = query.clone();
        let made = blocking(move || {
            let structure = scan(&raw);
            let text = SearchText::read(&raw, &structure);
            snippet(&text.body, &query, WIDTH)
        });
        made.await.unwrap_or_else(|_| nothing())
    }

    /// The seqs of every copy for which a query holds, and of those for which it cannot be
    /// told because their text was not read.
    pub(crate) async fn matched(&self, query: &Query) -> Result<(RoaringTreemap, RoaringTreemap)> {
        let mut db = self.store.catalog.read().await?;
        let rows = self.split_rows(&mut db).await?;
        let hidden = self.hidden(&mut db).await?;
        let sets = self.sets(&mut db, query).await?;
        drop(db);
        let searcher = Searcher::new(self.open_splits(&rows).await?);
        let matches = run(&searcher, query, sets, hidden).await?;
        Ok((matches.seqs(None), matches.unknown_seqs(None)))
    }

    pub(crate) async fn copies_at(
        &self,
        db: &mut AnyConnection,
        seqs: &[u64],
    ) -> Result<HashMap<u64, CopyRow>> {
        let wanted = seqs
            .iter()
            .map(|seq| values![self.id(), i64::try_from(*seq).unwrap_or(i64::MAX)]);
        let rows = statements::COPY_BY_SEQ.fetch(db, wanted.collect()).await?;
        rows.iter()
            .map(|row| Ok((row.int(13)?.unsigned_abs(), CopyRow::read(row)?)))
            .collect()
    }

    async fn multi(&self, db: &mut AnyConnection) -> Result<Multi> {
        let mut parent: BTreeMap<u64, u64> = BTreeMap::new();
        for row in sql::fetch(db, statements::LINKED_SEQS, values![self.id()]).await? {
            let (copy, message) = (row.int(0)?.unsigned_abs(), row.int(1)?.unsigned_abs());
            let (a, b) = (root(&parent, copy), root(&parent, message));
            parent.entry(copy).or_insert(copy);
            parent.entry(message).or_insert(message);
            // The older speaks for both.
            parent.insert(a.max(b), a.min(b));
        }
        let message_of: BTreeMap<u64, u64> = parent
            .keys()
            .map(|seq| (*seq, root(&parent, *seq)))
            .collect();
        let set = message_of.keys().copied().collect();
        Ok(Multi { message_of, set })
    }

    /// Copies that came only by imports that were withdrawn.
    pub(crate) async fn hidden(&self, db: &mut AnyConnection) -> Result<RoaringTreemap> {
        let withdrawn =
            sql::fetch_optional(db, statements::WITHDRAWN_JOBS, values![self.id()]).await?;
        if withdrawn.is_none() {
            return Ok(RoaringTreemap::new());
        }
        seqs(sql::fetch(db, statements::HIDDEN_SEQS, values![self.id()]).await?)
    }

    /// Bitmaps for the tests that SQL answers.
    async fn sets(&self, db: &mut AnyConnection, query: &Query) -> Result<Sets> {
        let mut sets = Vec::new();
        let mut open = vec![query];
        while let Some(query) = open.pop() {
            match query {
                Query::And(parts) | Query::Or(parts) => open.extend(parts),
                Query::Not(part) => open.push(part),
                Query::Test(test @ Test::Mailbox(address)) => {
                    let hash = self.state.keys.lookup(b"mailbox", &mailbox_key(address));
                    let mut set = RoaringTreemap::new();
                    for row in sql::fetch(db, statements::MAILBOXES, values![self.id()]).await? {
                        if row.int(1)? == hash {
                            let ask = values![self.id(), row.int(0)?];
                            set |= seqs(sql::fetch(db, statements::SEQS_OF_MAILBOX, ask).await?)?;
                        }
                    }
                    sets.push((test.clone(), Arc::new(set)));
                }
                Query::Test(test @ Test::Folder(name)) => {
                    let mut set = RoaringTreemap::new();
                    for row in sql::fetch(db, statements::FOLDERS, values![self.id()]).await? {
                        let folder = self.open_name(b"folder", &row.blob(3)?)?;
                        if folder.to_lowercase() == name.to_lowercase() {
                            let ask = values![self.id(), row.int(0)?];
                            set |= seqs(sql::fetch(db, statements::SEQS_OF_FOLDER, ask).await?)?;
                        }
                    }
                    sets.push((test.clone(), Arc::new(set)));
                }
                Query::Test(_) => {}
            }
        }
        Ok(Sets(sets))
    }
}

fn nothing() -> Snippet {
    Snippet {
        text: String::new(),
        hits: Vec::new(),
    }
}

struct Sets(Vec<(Test, Arc<RoaringTreemap>)>);

impl Sets {
    fn get(&self, test: &Test) -> Option<Arc<RoaringTreemap>> {
        self.0
            .iter()
            .find(|(known, _)| known == test)
            .map(|(_, set)| set.clone())
    }
}

async fn run(
    searcher: &Searcher,
    query: &Query,
    sets: Sets,
    hidden: RoaringTreemap,
) -> Result<Matches> {
    let (searcher, query) = (searcher.clone(), query.clone());
    blocking(move || {
        Ok(searcher.matches(&Question {
            query: &query,
            sets: &|test| sets.get(test),
            visible: None,
            hidden: Some(&hidden),
        })?)
    })
    .await?
}

async fn page_of(matches: Matches, request: &SearchRequest) -> Result<Vec<Hit>> {
    let (order, after, limit) = (request.order, request.after, request.limit);
    blocking(move || Ok(matches.page(order, after, limit)?)).await?
}

fn root(parent: &BTreeMap<u64, u64>, of: u64) -> u64 {
    let mut at = of;
    while let Some(next) = parent.get(&at).filter(|next| **next != at) {
        at = *next;
    }
    at
}

fn seqs(rows: Vec<sqlx::any::AnyRow>) -> Result<RoaringTreemap> {
    rows.iter()
        .map(|row| Ok(row.int(0)?.unsigned_abs()))
        .collect()
}
