//! Search: a query over every split, rights and places as bitmaps, hits as messages.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use everpost_domain::digest::Digest;
use everpost_domain::query::{Query, Test};
use roaring::RoaringTreemap;
use sqlx::AnyConnection;

use super::{By, Cursor, Order, SearchHit, SearchPage, SearchRequest};
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::copy::CopyRow;
use crate::error::{Result, StoreError};
use crate::follow::blocking;
use crate::index::{self, Page, Request, Searcher};
use crate::tenant::{Tenant, mailbox_key};

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
                (Order::Oldest, Some(_)) => {
                    repeats.insert(seq);
                }
                (Order::Newest | Order::Score, Some(before)) => {
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
        let splits = self.open_splits(&rows).await?;
        let searcher = Arc::new(Searcher::new(splits));
        let sets = Arc::new(sets);
        // The first pass counts; where messages have several copies, a second one pages
        // through the shown copies only.
        let mut page = run(&searcher, request, &sets, &hidden).await?;
        let (matched, unknown) = (
            std::mem::take(&mut page.matched),
            std::mem::take(&mut page.unknown),
        );
        if request.by == By::Message {
            let repeats = multi.repeats(&matched, request.order);
            if !repeats.is_empty() {
                hidden |= repeats;
                page = run(&searcher, request, &sets, &hidden).await?;
            }
        }
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
            .hits
            .get(request.limit.saturating_sub(1))
            .map(|hit| Cursor {
                sent: hit.sent,
                seq: hit.seq,
                score: None,
                horizon: u64::MAX,
            });
        let hits = self.describe(&page, &multi).await?;
        Ok(SearchPage {
            hits,
            messages: multi.messages(&matched),
            copies: matched.len(),
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
                by: By::Copy,
                order: Order::Oldest,
                after,
                limit: 10_000,
                ..SearchRequest::new(query.clone())
            };
            let mut db = self.store.catalog.read().await?;
            let rows = self.split_rows(&mut db).await?;
            let hidden = self.hidden(&mut db).await?;
            let sets = Arc::new(self.sets(&mut db, query).await?);
            let searcher = Arc::new(Searcher::new(self.open_splits(&rows).await?));
            let page = run(&searcher, &request, &sets, &hidden).await?;
            let seqs: Vec<u64> = page.hits.iter().map(|hit| hit.seq).collect();
            let copies = self.copies_at(&mut db, &seqs).await?;
            found.extend(
                seqs.iter()
                    .filter_map(|seq| copies.get(seq).map(|copy| copy.digest)),
            );
            match page.hits.last() {
                Some(last) if page.hits.len() == request.limit => {
                    after = Some(Cursor {
                        sent: last.sent,
                        seq: last.seq,
                        score: None,
                        horizon: u64::MAX,
                    })
                }
                _ => return Ok(found),
            }
        }
    }

    async fn describe(&self, page: &Page, multi: &Multi) -> Result<Vec<SearchHit>> {
        let mut db = self.store.catalog.read().await?;
        let seqs: Vec<u64> = page.hits.iter().map(|hit| hit.seq).collect();
        let mut copies = self.copies_at(&mut db, &seqs).await?;
        let mut hits = Vec::with_capacity(seqs.len());
        for hit in &page.hits {
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
                head: Arc::new(row.head(&self.state.keys)?),
                places: self.places_of(&mut db, row.id).await?,
                score: None,
            });
        }
        Ok(hits)
    }

    /// The seqs of every copy for which a query holds, and of those for which it cannot be
    /// told because their text was not read.
    pub(crate) async fn matched(&self, query: &Query) -> Result<(RoaringTreemap, RoaringTreemap)> {
        let request = SearchRequest {
            by: By::Copy,
            order: Order::Oldest,
            limit: 0,
            ..SearchRequest::new(query.clone())
        };
        let mut db = self.store.catalog.read().await?;
        let rows = self.split_rows(&mut db).await?;
        let hidden = self.hidden(&mut db).await?;
        let sets = Arc::new(self.sets(&mut db, query).await?);
        drop(db);
        let searcher = Arc::new(Searcher::new(self.open_splits(&rows).await?));
        let page = run(&searcher, &request, &sets, &hidden).await?;
        Ok((page.matched, page.unknown))
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
    searcher: &Arc<Searcher>,
    request: &SearchRequest,
    sets: &Arc<Sets>,
    hidden: &RoaringTreemap,
) -> Result<Page> {
    let (searcher, request, sets, hidden) = (
        searcher.clone(),
        request.clone(),
        sets.clone(),
        hidden.clone(),
    );
    blocking(move || {
        Ok(searcher.search(&Request {
            query: &request.query,
            sets: &|test| sets.get(test),
            visible: None,
            hidden: Some(&hidden),
            order: match request.order {
                Order::Oldest => index::Order::OldestFirst,
                Order::Newest | Order::Score => index::Order::NewestFirst,
            },
            after: request.after.map(|after| index::Cursor {
                sent: after.sent,
                seq: after.seq,
            }),
            limit: request.limit,
        })?)
    })
    .await?
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
