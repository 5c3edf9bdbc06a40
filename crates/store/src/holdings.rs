//! What an archive holds, told apart: by mailbox and group, by age, by when it was collected.
//! Each list adds up to the totals of [`Status`](crate::Status).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use everpost_domain::message::civil;
use everpost_domain::text::fold_exact;

use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::error::Result;
use crate::tenant::Tenant;

/// What a mailbox or a group of addresses holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// The mailbox's address, or the group's name.
    pub name: String,
    /// Copies it owns.
    pub copies: u64,
    /// Raw bytes of those copies. Copies that several mailboxes own count in each, and once
    /// in a group.
    pub bytes: u64,
    /// Raw bytes with every copy shared out evenly among its owners, rounded down: those of
    /// all mailboxes add up to the bytes of all owned copies (less than one byte a copy and
    /// owner).
    pub share: u64,
}

/// Copies held since a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age {
    /// The year, UTC.
    pub year: i64,
    /// Copies.
    pub copies: u64,
    /// Their raw bytes.
    pub bytes: u64,
}

/// What came in a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collected {
    /// The year, UTC.
    pub year: i64,
    /// The month, 1 to 12.
    pub month: u8,
    /// Copies not seen before.
    pub stored: u64,
    /// Their raw bytes.
    pub stored_bytes: u64,
    /// The very same bytes again.
    pub duplicate: u64,
    /// Their raw bytes.
    pub duplicate_bytes: u64,
}

fn natural(row: &sqlx::any::AnyRow, column: usize) -> Result<u64> {
    Ok(u64::try_from(row.int(column)?).unwrap_or(0))
}

impl Tenant {
    /// What each mailbox holds, by address.
    pub async fn usage(&self) -> Result<Vec<Usage>> {
        let mut db = self.store.catalog.read().await?;
        let mut names = HashMap::new();
        for row in sql::fetch(&mut db, statements::MAILBOXES, values![self.id()]).await? {
            names.insert(row.int(0)?, self.open_name(b"mailbox", &row.blob(2)?)?);
        }
        let mut usage = Vec::new();
        for row in sql::fetch(&mut db, statements::USAGE_BY_MAILBOX, values![self.id()]).await? {
            usage.push(Usage {
                name: names.get(&row.int(0)?).cloned().unwrap_or_default(),
                copies: natural(&row, 1)?,
                bytes: natural(&row, 2)?,
                share: natural(&row, 3)?,
            });
        }
        usage.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(usage)
    }

    /// What the mailboxes of each group hold, by name. A mailbox is in a group if its address
    /// or a domain that it lies in is a member.
    pub async fn usage_by_group(&self) -> Result<Vec<Usage>> {
        let groups = self.groups().await?;
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        let mail = self.mail().await?;
        let shares: HashMap<String, u64> = {
            let usage = self.usage().await?.into_iter();
            usage
                .map(|one| (fold_exact(&one.name), one.share))
                .collect()
        };
        let mut db = self.store.catalog.read().await?;
        let mut sizes: HashMap<u64, u64> = HashMap::new();
        for row in sql::fetch(&mut db, statements::SIZES, values![self.id()]).await? {
            sizes.insert(natural(&row, 0)?, natural(&row, 1)?);
        }
        drop(db);
        let mut usage = Vec::with_capacity(groups.len());
        for group in groups {
            let members: BTreeSet<&str> = group.members.iter().map(String::as_str).collect();
            let named = mail.mailboxes.iter();
            let mine: BTreeMap<i64, String> = named
                .map(|(id, address)| (*id, fold_exact(address)))
                .filter(|(_, address)| is_member(&members, address))
                .collect();
            let copies = self.owned(&mail, &mine.keys().copied().collect()).await?;
            usage.push(Usage {
                name: group.name,
                copies: copies.len(),
                bytes: copies.iter().filter_map(|seq| sizes.get(&seq)).sum(),
                share: mine
                    .values()
                    .filter_map(|address| shares.get(address))
                    .sum(),
            });
        }
        Ok(usage)
    }

    /// Copies by the year since when they are held, oldest first.
    pub async fn ages(&self) -> Result<Vec<Age>> {
        let mut db = self.store.catalog.read().await?;
        let mut years: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
        for row in sql::fetch(&mut db, statements::AGES, values![self.id()]).await? {
            let (year, ..) = civil(row.int(0)?.saturating_mul(86_400));
            let (copies, bytes) = years.entry(year).or_default();
            *copies += natural(&row, 1)?;
            *bytes += natural(&row, 2)?;
        }
        let age = |(year, (copies, bytes))| Age {
            year,
            copies,
            bytes,
        };
        Ok(years.into_iter().map(age).collect())
    }

    /// What came by month, oldest first: every delivery that was recorded, those of imports
    /// that were withdrawn later included.
    pub async fn collected(&self) -> Result<Vec<Collected>> {
        let mut db = self.store.catalog.read().await?;
        let mut months: BTreeMap<(i64, u8), Collected> = BTreeMap::new();
        for row in sql::fetch(&mut db, statements::COLLECTED, values![self.id()]).await? {
            let (year, month, ..) = civil(row.int(0)?.saturating_mul(86_400));
            let (count, bytes) = (natural(&row, 2)?, natural(&row, 3)?);
            let one = months.entry((year, month)).or_insert(Collected {
                year,
                month,
                stored: 0,
                stored_bytes: 0,
                duplicate: 0,
                duplicate_bytes: 0,
            });
            // Event 1 is the admission of a copy, 2 a further delivery of it.
            match row.int(1)? {
                1 => {
                    one.stored += count;
                    one.stored_bytes += bytes;
                }
                _ => {
                    one.duplicate += count;
                    one.duplicate_bytes += bytes;
                }
            }
        }
        Ok(months.into_values().collect())
    }
}

/// True if the address, or a domain that it lies in, is among the members.
fn is_member(members: &BTreeSet<&str>, address: &str) -> bool {
    if members.contains(address) {
        return true;
    }
    let mut domain = address.rsplit_once('@').map(|(_, domain)| domain);
    while let Some(name) = domain {
        if members.contains(name) {
            return true;
        }
        domain = name.split_once('.').map(|(_, above)| above);
    }
    false
}
