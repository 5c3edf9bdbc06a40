//! Messages: which copies are one.
//!
//! A message is named by the id of its first copy. A link says that a copy belongs to a
//! message; a link from a message's first copy to an older message lets the older speak
//! for both. Withdrawing a link parts them again.

use std::collections::{BTreeMap, HashMap};

use sqlx::AnyConnection;

use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::error::Result;

/// Chains longer than this are not followed: each step goes to an older message, so a
/// longer one means damage.
const CHAIN: usize = 64;

/// The message of each copy; copies that are a message of their own may be absent.
pub(crate) async fn messages_of(
    db: &mut AnyConnection,
    tenant: i64,
    copies: &[i64],
) -> Result<HashMap<i64, i64>> {
    let mut message: HashMap<i64, i64> = copies.iter().map(|copy| (*copy, *copy)).collect();
    let mut open: Vec<i64> = copies.to_vec();
    for _ in 0..CHAIN {
        if open.is_empty() {
            break;
        }
        let wanted = open.iter().map(|copy| values![tenant, *copy]).collect();
        let mut older: BTreeMap<i64, i64> = BTreeMap::new();
        for row in statements::LINKS_OF_COPIES.fetch(db, wanted).await? {
            let (from, to) = (row.int(0)?, row.int(1)?);
            // Several links in force: the oldest message speaks.
            if to < from {
                older
                    .entry(from)
                    .and_modify(|known| *known = to.min(*known))
                    .or_insert(to);
            }
        }
        for target in message.values_mut() {
            if let Some(next) = older.get(target) {
                *target = *next;
            }
        }
        open = older.into_values().collect();
        open.sort_unstable();
        open.dedup();
    }
    Ok(message)
}

/// All copies of the message that `copy` belongs to, oldest first; the first one names it.
pub(crate) async fn copies_of_message(
    db: &mut AnyConnection,
    tenant: i64,
    copy: i64,
) -> Result<Vec<i64>> {
    let message = messages_of(db, tenant, &[copy])
        .await?
        .get(&copy)
        .copied()
        .unwrap_or(copy);
    let mut found = vec![message];
    let mut next = 0;
    while let Some(member) = found.get(next).copied() {
        next += 1;
        for row in sql::fetch(db, statements::LINKS_OF_MESSAGE, values![tenant, member]).await? {
            let member = row.int(0)?;
            if !found.contains(&member) {
                found.push(member);
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}
