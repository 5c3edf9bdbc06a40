//! Groups: named lists of addresses, as `group:` means them.

use std::collections::BTreeSet;

use everpost_domain::text::fold_exact;
use everpost_domain::wire::{Reader, Writer};

use super::saved::name_of;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{Counter, statements, take_ids};
use crate::error::{Result, StoreError};
use crate::tenant::Tenant;

/// A named list of addresses and domains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name; case does not matter.
    pub name: String,
    /// `local@domain` for an address, `domain` for all below a domain; folded, sorted.
    pub members: Vec<String>,
}

/// Members of a group: each is a test of the query that names it.
const MOST_MEMBERS: usize = 2000;
/// Groups of a tenant.
const MOST: usize = 10_000;

impl Tenant {
    /// Every group, by name.
    pub async fn groups(&self) -> Result<Vec<Group>> {
        let mut db = self.store.catalog.read().await?;
        let rows = sql::fetch(&mut db, statements::GROUPS, values![self.id()]).await?;
        let mut groups = Vec::with_capacity(rows.len());
        for row in rows {
            let damaged = || StoreError::damaged("an address group", "its row does not open");
            let names = &self.state.keys.names;
            let about = names.open(b"group", &row.blob(2)?).ok_or_else(damaged)?;
            let mut about = Reader::new(&about);
            let name = about.text()?.to_owned();
            let mut members = Vec::new();
            // However many the count names: the bytes end before a damaged count does harm.
            for _ in 0..about.length()? {
                members.push(about.text()?.to_owned());
            }
            groups.push(Group { name, members });
        }
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(groups)
    }

    /// Makes a group, or gives it these members instead of those it has. A domain may be
    /// given as `@example.org` too.
    pub async fn set_group(&self, name: &str, members: &[String]) -> Result<Group> {
        let name = name_of("group", name)?;
        let members: BTreeSet<String> = members
            .iter()
            .map(|member| fold_exact(member.trim().trim_start_matches('@')))
            .collect();
        if let Some(wrong) = members.iter().find(|member| !is_member(member)) {
            return Err(StoreError::Invalid(format!(
                "`{wrong}` is not an address (`ann@example.org`) and not a domain (`example.org`)"
            )));
        }
        if members.is_empty() || members.len() > MOST_MEMBERS {
            return Err(StoreError::Invalid(format!(
                "a group has at least one member and at most {MOST_MEMBERS}"
            )));
        }
        let others = self.groups().await?;
        if others.len() >= MOST && !others.iter().any(|group| same(&group.name, &name)) {
            return Err(StoreError::Invalid(format!(
                "there are {MOST} groups already"
            )));
        }
        let mut about = Writer::new();
        about.text(&name).number(members.len() as u64);
        for member in &members {
            about.text(member);
        }
        let about = self.state.keys.names.seal(b"group", &about.finish())?;
        let mut tx = self.store.catalog.begin().await?;
        let id = take_ids(&mut tx, Counter::Group, 1).await?;
        let row = values![id, self.id(), self.group_hash(&name), about];
        sql::execute(&mut tx, statements::SET_GROUP, row).await?;
        tx.commit().await?;
        let members = members.into_iter().collect();
        Ok(Group { name, members })
    }

    /// Forgets a group.
    pub async fn remove_group(&self, name: &str) -> Result<()> {
        let mut tx = self.store.catalog.begin().await?;
        let row = values![self.id(), self.group_hash(name)];
        let gone = sql::execute(&mut tx, statements::DELETE_GROUP, row).await?;
        tx.commit().await?;
        match gone {
            0 => Err(StoreError::NotFound(format!("group `{}`", name.trim()))),
            _ => Ok(()),
        }
    }

    fn group_hash(&self, name: &str) -> i64 {
        self.state
            .keys
            .lookup(b"group", fold_exact(name.trim()).as_bytes())
    }
}

/// True if two names are of one group or tag.
pub(super) fn same(a: &str, b: &str) -> bool {
    fold_exact(a.trim()) == fold_exact(b.trim())
}

fn is_member(member: &str) -> bool {
    let domain = match member.rsplit_once('@') {
        Some((local, domain)) if !local.is_empty() => domain,
        Some(_) => return false,
        None => member,
    };
    let parts = domain.split('.');
    domain.contains('.')
        && parts
            .clone()
            .all(|part| !part.is_empty() && !part.contains(char::is_whitespace))
}
