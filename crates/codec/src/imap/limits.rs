//! The limits of the server's side, each with the reason for its number.

/// Octets of a command after login, with the literals that it gathers, without the messages of an APPEND. RFC 7162 §4 and
/// RFC 2683 §3.2.1.5 want room for long sets; programs with a hundred thousand messages send some 10 kB.
pub const COMMAND: usize = 64 << 10;

/// Octets of a command before login: an ID of thirty fields (RFC 2971 §3.3) has 32 kB and is the longest.
pub const COMMAND_BEFORE_LOGIN: usize = 40 << 10;

/// Octets of a client's answer to a challenge, with its line end: the same as SMTP takes (RFC 4954 §4).
pub const AUTH_LINE: usize = 12_288;

/// Octets of a command that is refused which are passed over before the connection is closed, without literals. An honest
/// client's mistake is a few kilobytes; the rest of a line without end need not be awaited.
pub const PASSED_OVER: u64 = 1 << 20;

/// Octets of literals without waiting that nobody wants, passed over so that the session stays in step.
pub const LITERALS_PASSED_OVER: u64 = 256 << 20;

/// Octets of a message where nothing else is set, as in the archive.
pub const MESSAGE: u64 = 256 << 20;

/// Octets kept of a command that is too long, so that the refusal can name its tag.
pub const TAG_KEPT: usize = 256;

/// Errors and failed logins before login, until the connection is closed. After login none is closed for errors: a program that
/// asks for something odd each minute is still somebody's mail program.
pub const ERRORS: u32 = 20;

/// Commands taken before login. Programs send two or three.
pub const COMMANDS_BEFORE_LOGIN: u32 = 100;

/// Octets of output at which the session stops reading until its driver has written them.
pub const OUTPUT: usize = 64 << 10;

/// Ranges in a set of numbers.
pub const RANGES: usize = 20_000;

/// How deep search keys lie in each other: parentheses, NOT and OR. Programs write an OR of many addresses as a nest as deep as
/// the addresses are many.
pub const SEARCH_DEPTH: usize = 200;

/// Items of a FETCH: each may answer with the whole message.
pub const FETCH_ITEMS: usize = 500;

/// Numbers in the name of a part: messages within messages are not read deeper than 64.
pub const PART_DEPTH: usize = 64;

/// Fields in `HEADER.FIELDS`, flags in a STORE, patterns in a LIST, words in an ENABLE, fields in an ID. Thunderbird
/// asks for some twenty fields.
pub const LIST: usize = 500;

/// Octets of a mailbox's name or of a pattern, in UTF-8.
pub const NAME: usize = 1_000;

/// Octets of a flag.
pub const FLAG: usize = 200;

/// Octets of a string that is answered in quotes; longer ones are literals.
pub const QUOTED: usize = 1_000;
