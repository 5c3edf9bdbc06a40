//! Pure file formats and protocols: they turn bytes into items and items into bytes, and know
//! neither files nor sockets.

pub mod apple;
pub mod codepage;
pub mod dsn;
pub mod eml;
pub mod imap;
pub mod journal;
pub mod link;
pub mod maildir;
pub mod maillog;
pub mod mbox;
pub mod milter;
pub mod segment;
pub mod smtp;
pub mod tnef;
