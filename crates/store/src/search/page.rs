//! A page of hits: counted, folded to messages, and described.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use everpost_domain::digest::Digest;
use everpost_domain::message::Head;
use everpost_domain::query::Query;
use sqlx::AnyConnection;

use super::ask::Ask;
use super::known::lock;
use super::{By, Cursor, Order, Scope, SearchHit, SearchPage, SearchRequest};
use crate::catalog::sql::{Columns, values};
use crate::catalog::statements;
use crate::copy::CopyRow;
use crate::error::{Result, StoreError};
use crate::follow::blocking;
use crate::index::{self, Hit, Matches};
use crate::read::Place;
use crate::tenant::{ID, Tenant};

/// Answers in the order by score that are kept for their next pages.
const RANKED: usize = 16;

/// Answers in the order by score. A score depends on all mail, so that it moves when more
/// comes; whoever pages goes on through the answer that the first page is from.
pub(crate) type Ranked = VecDeque<(RankedKey, Arc<Folded>)>;

/// What tells one answer from another: horizon, query, scope, by message.
type RankedKey = (u64, Query, Scope, bool);

/// What is shown of a copy: none of it ever changes.
pub(crate) struct Shown {
    pub(crate) copy: i64,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) head: Arc<Head>,
}

/// What a query found, each message once if so wanted.
pub(crate) struct Folded {
    pub(super) matches: Matches,
    pub(crate) messages: u64,
    pub(crate) copies: u64,
    pub(crate) unknown: u64,
}

/// What a page is cut from.
enum Before {
    /// An answer that is paged through.
    Kept(Arc<Folded>),
    /// What was found just now.
    Found(Matches),
}

impl Folded {
    /// Counts; where hits are messages, leaves out the copies that are not the shown one of
    /// theirs.
    pub(super) fn new(ask: &Ask, mut matches: Matches, by: By, order: Order) -> Result<Self> {
        let copies = matches.count();
        let groups = ask.known.groups()?;
        let counted = matches.fold(groups, order.of_index(), by == By::Message);
        Ok(Folded {
            messages: counted.hits,
            matches,
            copies,
            unknown: counted.unknown,
        })
    }
}

fn ranked_key(request: &SearchRequest, horizon: u64) -> RankedKey {
    let by_message = request.by == By::Message;
    (
        horizon,
        request.query.clone(),
        request.scope.clone(),
        by_message,
    )
}

impl Order {
    fn of_index(self) -> index::Order {
        match self {
            Order::Newest => index::Order::NewestFirst,
            Order::Oldest => index::Order::OldestFirst,
            Order::Score => index::Order::Score,
        }
    }
}

impl Cursor {
    fn at(hit: &Hit, order: Order, horizon: u64) -> Self {
        Cursor {
            sent: hit.sent,
            seq: hit.seq,
            score: (order == Order::Score).then_some(hit.score),
            horizon,
        }
    }

    fn of_index(self) -> index::Cursor {
        index::Cursor {
            score: self.score.unwrap_or_default(),
            sent: self.sent,
            seq: self.seq,
        }
    }
}

impl Tenant {
    /// Answers a query from the index as it is now.
    pub async fn search(&self, request: &SearchRequest) -> Result<SearchPage> {
        if request
            .after
            .is_some_and(|after| after.score.is_some() != (request.order == Order::Score))
        {
            return Err(StoreError::Invalid(
                "the cursor is of another order; ask for the first page again".into(),
            ));
        }
        let ask = self.ask(&request.query, &request.scope).await?;
        let horizon = request
            .after
            .map_or(ask.known.horizon, |after| after.horizon);
        let (order, after, limit) = (request.order, request.after, request.limit);
        let (before, answered) = match self.ranked(request, horizon) {
            Some(folded) => (Before::Kept(folded), Vec::new()),
            None => {
                let found = self.find(&ask, after.map(|after| after.horizon)).await?;
                (Before::Found(found.matches), found.answered)
            }
        };
        let (work, by) = (ask.clone(), request.by);
        let answer = blocking(move || {
            let folded = match before {
                Before::Kept(folded) => folded,
                Before::Found(matches) => Arc::new(Folded::new(&work, matches, by, order)?),
            };
            // One more than asked for tells whether another page follows.
            let after = after.map(Cursor::of_index);
            let limit = limit.saturating_add(1);
            let hits = folded.matches.page(order.of_index(), after, limit)?;
            Ok::<_, StoreError>((folded, hits))
        });
        let (folded, mut hits) = answer.await??;
        let more = hits.len() > limit;
        hits.truncate(limit);
        if more && order == Order::Score {
            self.keep_ranked(request, horizon, &folded);
        }
        let last = hits.last().filter(|_| more);
        Ok(SearchPage {
            next: last.map(|hit| Cursor::at(hit, order, horizon)),
            hits: self.describe(&ask, &hits, order).await?,
            messages: folded.messages,
            copies: folded.copies,
            unknown: folded.unknown,
            answered,
        })
    }

    /// In the order by score, what the query found for the first page.
    fn ranked(&self, request: &SearchRequest, horizon: u64) -> Option<Arc<Folded>> {
        request.after.filter(|after| after.score.is_some())?;
        let wanted = ranked_key(request, horizon);
        let ranked = lock(&self.state.ranked);
        let found = ranked.iter().find(|(key, _)| *key == wanted);
        found.map(|(_, folded)| folded.clone())
    }

    /// Keeps what the query found, for its next pages.
    fn keep_ranked(&self, request: &SearchRequest, horizon: u64, folded: &Arc<Folded>) {
        let key = ranked_key(request, horizon);
        let mut ranked = lock(&self.state.ranked);
        ranked.retain(|(other, _)| *other != key);
        ranked.push_front((key, folded.clone()));
        ranked.truncate(RANKED);
    }

    /// What people see of hits.
    async fn describe(&self, ask: &Ask, hits: &[Hit], order: Order) -> Result<Vec<SearchHit>> {
        let wanted: BTreeSet<u64> = hits
            .iter()
            .flat_map(|hit| [hit.seq, ask.first_of_message(hit.seq)])
            .collect();
        let shown = self.shown(&wanted).await?;
        let find = |seq: u64| {
            shown.get(&seq).ok_or_else(|| {
                StoreError::damaged(
                    format!("event {seq}"),
                    "the index names a copy that is not there",
                )
            })
        };
        let copies = hits.iter().map(|hit| Ok(find(hit.seq)?.copy));
        let places = self
            .places(ask, &copies.collect::<Result<Vec<i64>>>()?)
            .await?;
        let describe = |hit: &Hit| {
            let copy = find(hit.seq)?;
            let seen = places
                .get(&copy.copy)
                .into_iter()
                .flat_map(|places| places.iter());
            Ok(SearchHit {
                id: find(ask.first_of_message(hit.seq))?.digest,
                copy: copy.digest,
                copies: (ask.members(hit.seq).count() as u64).max(1),
                size: copy.size,
                head: copy.head.clone(),
                places: seen
                    .filter(|(mailbox, _)| ask.sight.sees(*mailbox))
                    .map(|(_, place)| place.clone())
                    .collect(),
                score: (order == Order::Score).then_some(hit.score as f32 / 65_536.0),
            })
        };
        hits.iter().map(describe).collect()
    }

    /// What is shown of copies, by seq.
    pub(crate) async fn shown(&self, seqs: &BTreeSet<u64>) -> Result<HashMap<u64, Arc<Shown>>> {
        let mut found = HashMap::with_capacity(seqs.len());
        let mut missing = Vec::new();
        for seq in seqs {
            match self.state.shown.get(seq) {
                Some(shown) => drop(found.insert(*seq, shown)),
                None => missing.push(*seq),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let mut db = self.store.catalog.read().await?;
        let rows = self.copies_at(&mut db, &missing).await?;
        drop(db);
        let keys = self.state.keys.clone();
        let opened = blocking(move || {
            let open = |(seq, row): (u64, CopyRow)| {
                let shown = Shown {
                    copy: row.id,
                    digest: row.digest,
                    size: row.size,
                    head: Arc::new(row.head(&keys)?),
                };
                Ok((seq, row.sealed_size(), Arc::new(shown)))
            };
            rows.into_iter().map(open).collect::<Result<Vec<_>>>()
        });
        for (seq, size, shown) in opened.await?? {
            // Opened, a head takes several times what it takes compressed.
            self.state.shown.put(seq, 4 * size + 256, shown.clone());
            self.state.ids.put(shown.digest, ID, shown.copy);
            found.insert(seq, shown);
        }
        Ok(found)
    }

    /// The places of copies, by copy.
    async fn places(&self, ask: &Ask, copies: &[i64]) -> Result<HashMap<i64, Arc<[(i64, Place)]>>> {
        let cache = &ask.known.mail.places;
        let mut found = HashMap::with_capacity(copies.len());
        let mut missing = Vec::new();
        for copy in copies {
            match cache.get(copy) {
                Some(places) => drop(found.insert(*copy, places)),
                None => missing.push(*copy),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let mut db = self.store.catalog.read().await?;
        let mut places = self.places_of(&mut db, &missing).await?;
        for copy in missing {
            let places: Arc<[(i64, Place)]> = places.remove(&copy).unwrap_or_default().into();
            cache.put(copy, 160 * places.len() + 64, places.clone());
            found.insert(copy, places);
        }
        Ok(found)
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
}
