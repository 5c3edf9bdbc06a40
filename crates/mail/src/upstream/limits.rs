//! What a server may make us keep, each with the reason for its number.

/// Folders of a user. A person has some hundred; a server that lists more than this lists what is not theirs.
pub(super) const FOLDERS: usize = 50_000;

/// Messages of a folder: some 100 MB of memory.
pub(super) const MESSAGES: usize = 2_000_000;

/// Different sets of flags in a folder.
pub(super) const SETS: usize = 100_000;

/// UIDs in a command, and octets of their set: servers take lines of 8 kB (RFC 7162 §4).
pub(super) const UIDS: usize = 500;
pub(super) const SET: usize = 4_000;

/// Messages whose headers are read to find one that the server's search does not find.
pub(super) const FIND: usize = 20_000;
