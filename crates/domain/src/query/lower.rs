//! Facts from outside take the place of what a query leaves open: the clock, groups and
//! their members, names that must exist.

use super::field::closest;
use super::{Field, Query, Test};
use crate::text::fold_exact;

/// What a query may name that lives outside of mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// `group:`
    Group,
    /// `tag:`
    Tag,
    /// `server:`
    Server,
}

impl Named {
    fn noun(self) -> &'static str {
        match self {
            Named::Group => "group",
            Named::Tag => "tag",
            Named::Server => "server",
        }
    }
}

/// What is known outside of mail, at one instant.
pub trait Facts {
    /// The instant, in seconds since 1970.
    fn now(&self) -> i64;

    /// The names there are, as people wrote them.
    fn names(&self, of: Named) -> Vec<String>;

    /// Members of a group, one of [`names`](Self::names): addresses (`ann@example.org`) and
    /// domains (`@example.org`).
    fn members(&self, group: &str) -> Vec<String>;
}

/// A query that names what does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct LowerError {
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub hint: String,
}

impl Query {
    /// The same query about this instant: ages are instants and groups are addresses. Names
    /// of groups, tags and servers are looked for without regard to case and accents.
    pub fn lower(&self, facts: &dyn Facts) -> Result<Query, LowerError> {
        let all = |list: &[Query]| -> Result<Vec<Query>, LowerError> {
            list.iter().map(|part| part.lower(facts)).collect()
        };
        Ok(match self {
            Query::And(list) => Query::all(all(list)?),
            Query::Or(list) => Query::any(all(list)?),
            Query::Not(inner) => Query::negate(inner.lower(facts)?),
            Query::Test(test) => match test {
                Test::Age { from, until } => Query::Test(held(facts.now(), *from, *until)),
                Test::Group { field, name } => {
                    let group = find(facts, Named::Group, name)?;
                    let members = facts.members(&group);
                    Query::any(members.iter().map(|m| member(*field, m)).collect())
                }
                Test::Tag(name) => {
                    find(facts, Named::Tag, name)?;
                    self.clone()
                }
                Test::Server(name) => {
                    find(facts, Named::Server, name)?;
                    self.clone()
                }
                _ => self.clone(),
            },
        })
    }
}

/// Held so long ago that the age lies in the stretch: an age of `from` or more is an instant
/// `from` seconds ago or earlier.
fn held(now: i64, from: Option<u64>, until: Option<u64>) -> Test {
    // One more second because both instants change sides: the bound that was part of the
    // stretch comes to its end, which is not.
    let ago = |age: u64| now.saturating_add(1).saturating_sub_unsigned(age);
    Test::Held {
        from: until.map(ago),
        until: from.map(ago),
    }
}

fn member(field: Field, member: &str) -> Query {
    let folded = fold_exact(member.trim());
    Query::Test(match folded.split_once('@') {
        Some((local, _)) if !local.is_empty() => Test::Address {
            field,
            address: folded,
        },
        Some((_, domain)) => Test::Domain {
            field,
            domain: domain.to_owned(),
        },
        None => Test::Domain {
            field,
            domain: folded,
        },
    })
}

/// The name as it was given, of the one that folds to `name`.
fn find(facts: &dyn Facts, of: Named, name: &str) -> Result<String, LowerError> {
    let names = facts.names(of);
    if let Some(found) = names.iter().find(|known| fold_exact(known) == name) {
        return Ok(found.clone());
    }
    let noun = of.noun();
    let folded: Vec<String> = names.iter().map(|known| fold_exact(known)).collect();
    let meant = closest(name, folded.iter().map(String::as_str));
    let hint = match meant {
        Some(meant) => format!("did you mean `{noun}:{meant}`?"),
        None if names.is_empty() => format!("there are no {noun}s yet"),
        None => {
            let some: Vec<&str> = names.iter().take(10).map(String::as_str).collect();
            let more = if names.len() > some.len() {
                ", …"
            } else {
                ""
            };
            format!("the {noun}s are {}{more}", some.join(", "))
        }
    };
    Err(LowerError {
        what: format!("there is no {noun} `{name}`"),
        hint,
    })
}
