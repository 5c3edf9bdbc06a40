//! Normal form: what the parser builds and the printer relies on.
//!
//! No `And` inside an `And` nor `Or` inside an `Or`, none with a single member, no `Not`
//! of a `Not` (two negations cancel, with three values as with two). Order and repeats
//! stay as written: they are the author's.

use super::Query;

impl Query {
    /// All of `list`, in normal form if the members are.
    pub fn all(list: Vec<Query>) -> Query {
        let mut flat = Vec::with_capacity(list.len());
        for query in list {
            match query {
                Query::And(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        single(flat).unwrap_or_else(Query::And)
    }

    /// Any of `list`, in normal form if the members are.
    pub fn any(list: Vec<Query>) -> Query {
        let mut flat = Vec::with_capacity(list.len());
        for query in list {
            match query {
                Query::Or(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        single(flat).unwrap_or_else(Query::Or)
    }

    /// Not `query`, in normal form if it is.
    pub fn negate(query: Query) -> Query {
        match query {
            Query::Not(inner) => *inner,
            other => Query::Not(Box::new(other)),
        }
    }
}

fn single(mut list: Vec<Query>) -> Result<Query, Vec<Query>> {
    match list.pop() {
        Some(only) if list.is_empty() => Ok(only),
        Some(last) => {
            list.push(last);
            Err(list)
        }
        None => Err(list),
    }
}
