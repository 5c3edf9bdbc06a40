//! Pure file formats and protocols: they turn bytes into items and items into bytes, and know
//! neither files nor sockets.

pub mod apple;
pub mod codepage;
pub mod eml;
pub mod maildir;
pub mod mbox;
pub mod segment;
pub mod smtp;
pub mod tnef;
