//! A query made ready to be evaluated on many splits: patterns cut up, folders and
//! mailboxes looked up.

use everpost_domain::query::glob;
use everpost_domain::query::{Query, Test};
use roaring::RoaringTreemap;
use std::sync::Arc;

/// A query over one split's documents.
pub(crate) enum Plan<'q> {
    And(Vec<Plan<'q>>),
    Or(Vec<Plan<'q>>),
    Not(Box<Plan<'q>>),
    /// A test the split answers.
    Test(&'q Test),
    /// A test the catalog answered: the seqs for which it holds.
    Set(Arc<RoaringTreemap>),
    /// A file name pattern: what matches begin with, and the pattern.
    Name(String, &'q str),
}

impl<'q> Plan<'q> {
    pub(crate) fn new(
        query: &'q Query,
        sets: &dyn Fn(&Test) -> Option<Arc<RoaringTreemap>>,
    ) -> Plan<'q> {
        let all = |parts: &'q [Query]| parts.iter().map(|part| Plan::new(part, sets)).collect();
        match query {
            Query::And(parts) => Plan::And(all(parts)),
            Query::Or(parts) => Plan::Or(all(parts)),
            Query::Not(part) => Plan::Not(Box::new(Plan::new(part, sets))),
            Query::Test(
                test @ (Test::Mailbox(_)
                | Test::Folder(_)
                | Test::Tag(_)
                | Test::Server(_)
                | Test::Flag(_)),
            ) => Plan::Set(sets(test).unwrap_or_default()),
            Query::Test(Test::Filename(pattern)) => {
                Plan::Name(glob::literal_start(pattern).to_owned(), pattern)
            }
            Query::Test(test) => Plan::Test(test),
        }
    }
}
