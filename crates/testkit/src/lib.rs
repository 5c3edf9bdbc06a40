//! Development only: corpora for tests, faults, real peers.

pub mod corpus;
