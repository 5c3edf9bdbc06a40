//! What an asker may see.

use std::collections::BTreeSet;
use std::sync::Arc;

use everpost_domain::query::{Query, Test};
use roaring::RoaringTreemap;
use sqlx::AnyConnection;

use super::known::{Known, lock};
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::copy::CopyRow;
use crate::error::Result;
use crate::follow::blocking;
use crate::index::Question;
use crate::tenant::{Tenant, mailbox_key};

/// What of the archive a question is about and its asker may see.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Scope {
    /// Everything of the tenant: its operator's view.
    #[default]
    Everything,
    /// Copies that lie in at least one of these areas; without areas, nothing.
    Within(Vec<Area>),
}

/// Copies that mailboxes hold, from a time to a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Area {
    /// Addresses of the mailboxes; case does not matter. A copy is in if one of them owns it.
    pub mailboxes: Vec<String>,
    /// Held at or after this time (µs since 1970). The time since when a copy is held is
    /// used and not its Date field, which its sender chose.
    pub from: Option<i64>,
    /// Held before this time (µs since 1970).
    pub until: Option<i64>,
}

impl Area {
    fn holds(&self, held_from: i64) -> bool {
        self.from.is_none_or(|from| held_from >= from)
            && self.until.is_none_or(|until| held_from < until)
    }
}

impl Scope {
    /// The mail of mailboxes: what a user sees of the addresses they own.
    pub fn mailboxes(addresses: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Scope::case(addresses, None, None)
    }

    /// The mail of a case: of its people, held from a time to a time (µs since 1970).
    pub fn case(
        people: impl IntoIterator<Item = impl Into<String>>,
        from: Option<i64>,
        until: Option<i64>,
    ) -> Self {
        Scope::Within(vec![Area {
            mailboxes: people.into_iter().map(Into::into).collect(),
            from,
            until,
        }])
    }

    /// What lies in this scope or in the other.
    #[must_use]
    pub fn or(self, other: Scope) -> Self {
        match (self, other) {
            (Scope::Within(mut areas), Scope::Within(more)) => {
                areas.extend(more);
                Scope::Within(areas)
            }
            _ => Scope::Everything,
        }
    }
}

/// A scope as sets, for the index of one moment.
#[derive(Default)]
pub(crate) struct Sight {
    /// Mailboxes whose places are seen; `None` for all.
    pub(crate) mailboxes: Option<BTreeSet<i64>>,
    /// Copies that are seen; `None` for all.
    pub(crate) visible: Option<RoaringTreemap>,
}

impl Sight {
    /// True if places in this mailbox are seen.
    pub(crate) fn sees(&self, mailbox: i64) -> bool {
        self.mailboxes
            .as_ref()
            .is_none_or(|seen| seen.contains(&mailbox))
    }

    /// True if this copy is seen.
    pub(crate) fn shows(&self, seq: u64) -> bool {
        self.visible
            .as_ref()
            .is_none_or(|visible| visible.contains(seq))
    }
}

/// Mailboxes and the area they are named by.
pub(crate) type Areas<'s> = Vec<(BTreeSet<i64>, &'s Area)>;

/// So many scopes are kept; a service has one for each of its users.
const SIGHTS: usize = 256;

impl Tenant {
    /// What an asker sees.
    pub(super) async fn sight(&self, known: &Known, scope: &Scope) -> Result<Arc<Sight>> {
        let Scope::Within(areas) = scope else {
            return Ok(Arc::default());
        };
        if let Some(sight) = lock(&known.sights).get(scope) {
            return Ok(sight.clone());
        }
        let mut all = BTreeSet::new();
        let mut visible = RoaringTreemap::new();
        for area in areas {
            let named = area.mailboxes.iter();
            let mailboxes: BTreeSet<i64> = named
                .flat_map(|address| known.mail.mailboxes_of(address))
                .collect();
            let owned = self.owned(&known.mail, &mailboxes).await?;
            visible |= self.held_within(known, area, owned).await?;
            all.extend(mailboxes);
        }
        let sight = Arc::new(Sight {
            mailboxes: Some(all),
            visible: Some(visible),
        });
        let mut sights = lock(&known.sights);
        if sights.len() >= SIGHTS {
            sights.clear();
        }
        sights.insert(scope.clone(), sight.clone());
        Ok(sight)
    }

    /// Those of `owned` that an area's times hold.
    async fn held_within(
        &self,
        known: &Known,
        area: &Area,
        owned: RoaringTreemap,
    ) -> Result<RoaringTreemap> {
        if area.from.is_none() && area.until.is_none() {
            return Ok(owned);
        }
        // The index knows whole seconds, and copies are held since a whole second.
        let up = |us: i64| us.div_euclid(1_000_000) + i64::from(us.rem_euclid(1_000_000) > 0);
        let held = Query::Test(Test::Held {
            from: area.from.map(up),
            until: area.until.map(up),
        });
        let searcher = known.searcher.clone();
        blocking(move || {
            let found = searcher.matches(&Question {
                query: &held,
                sets: &|_| None,
                visible: Some(&owned),
                hidden: None,
            })?;
            Ok(found.seqs())
        })
        .await?
    }

    /// The mailboxes of each area of a scope; `None` for everything.
    pub(crate) async fn mailboxes_in<'s>(
        &self,
        db: &mut AnyConnection,
        scope: &'s Scope,
    ) -> Result<Option<Areas<'s>>> {
        let Scope::Within(areas) = scope else {
            return Ok(None);
        };
        let mut found: Areas<'s> = areas.iter().map(|area| (BTreeSet::new(), area)).collect();
        for row in sql::fetch(db, statements::MAILBOXES, values![self.id()]).await? {
            let name = mailbox_key(&self.open_name(b"mailbox", &row.blob(2)?)?);
            for (mailboxes, area) in &mut found {
                if area
                    .mailboxes
                    .iter()
                    .any(|address| mailbox_key(address) == name)
                {
                    mailboxes.insert(row.int(0)?);
                }
            }
        }
        Ok(Some(found))
    }

    /// True if a copy lies in one of the areas, as the catalog has it now.
    pub(crate) async fn in_scope(
        &self,
        db: &mut AnyConnection,
        copy: &CopyRow,
        areas: &Areas<'_>,
    ) -> Result<bool> {
        for (mailboxes, area) in areas {
            if !area.holds(copy.held_from) {
                continue;
            }
            for mailbox in mailboxes {
                let ask = values![self.id(), *mailbox, copy.id];
                if sql::fetch_optional(db, statements::OWNS, ask)
                    .await?
                    .is_some()
                {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}
