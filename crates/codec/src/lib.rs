//! Pure file formats: they turn bytes into items and items into bytes, and know no files.

pub mod apple;
pub mod codepage;
pub mod eml;
pub mod maildir;
pub mod mbox;
pub mod segment;
pub mod tnef;
