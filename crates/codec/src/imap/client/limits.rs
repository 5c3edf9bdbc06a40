//! What a server may make us keep, each with the reason for its number.

/// Octets of an answer without its literals. A FETCH of what we ask has a few hundred.
pub const LINE: usize = 64 << 10;

/// Octets of an answer that lists numbers (SEARCH, ESEARCH, VANISHED): a million UIDs, which servers write in one line.
pub const NUMBERS_LINE: usize = 16 << 20;

/// Ranges in a set of numbers of such an answer.
pub const RANGES: usize = 1 << 20;

/// Octets of literals that are kept of an answer: header fields, names. The rest is passed over.
pub const KEPT: usize = 256 << 10;

/// Literals of an answer.
pub const LITERALS: usize = 64;

/// Items of a list in an answer: flags, capabilities, attributes.
pub const LIST: usize = 1_000;

/// Octets of a flag or capability; longer ones are left out.
pub const WORD: usize = 200;

/// Octets that are kept of what a server says to people.
pub const TEXT: usize = 1_000;

/// How deep values lie in each other.
pub const DEPTH: u32 = 64;
