//! The storage engine: vault (bytes), catalog (SQL), index (splits), log, backup, fsck.

pub mod index;
