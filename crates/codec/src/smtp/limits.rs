//! The limits of both machines, each with the reason for its number.

/// Octets of a command line with its CRLF (RFC 5321 §4.5.3.1.4).
pub const COMMAND_LINE: usize = 512;

/// Octets of a MAIL or RCPT line with its CRLF: 512 and what extensions add to it (RFC 1870 §4: 26,
/// RFC 6152 §2: 17, RFC 3461 §4: 500, RFC 4954 §3: 500, RFC 6531 §3.4: 10, RFC 6710 §3: 15), and as
/// much air as makes a round number.
pub const ENVELOPE_LINE: usize = 2_048;

/// Octets of an AUTH line or of an answer to a challenge with its CRLF (RFC 4954 §4: 12,288).
pub const AUTH_LINE: usize = 12_288;

/// Octets of a line above its limit that are passed over before the connection is closed. An honest
/// peer's mistake is a few kilobytes; the rest of a line without end need not be awaited.
pub const LINE_PASSED_OVER: u64 = 1 << 20;

/// Octets of a path without its brackets. RFC 5321 §4.5.3.1.3 asks for 256 at least; addresses that
/// gateways make out of others (`IMCEAEX-…`, SRS) are longer, and an archive should take them.
pub const PATH: usize = 1_000;

/// Octets of a domain (RFC 5321 §4.5.3.1.2).
pub const DOMAIN: usize = 255;

/// Octets of one label of a domain (RFC 1035 §2.3.4).
pub const LABEL: usize = 63;

/// Characters of a decoded ENVID (RFC 3461 §4.4).
pub const ENVID: usize = 100;

/// Characters of a decoded ORCPT with its type (RFC 3461 §4.2).
pub const ORCPT: usize = 500;

/// Recipients asked for in one transaction, accepted or not. RFC 5321 §4.5.3.1.8 asks for 100 at
/// least.
pub const RECIPIENTS: usize = 1_000;

/// Octets of a message where nothing else is set: more than the largest that the big services take.
pub const MESSAGE: u64 = 256 << 20;

/// Octets of a refused message that are passed over, to answer it instead of cutting its sender off.
pub const PASSED_OVER: u64 = 256 << 20;

/// Commands that a server answers with an error before it closes the connection.
pub const ERRORS: u32 = 20;

/// Commands that a server takes without a message or a login coming of them.
pub const IDLE_COMMANDS: u32 = 100;

/// Octets of output at which a machine stops reading until its driver has written them.
pub const OUTPUT: usize = 16 << 10;

/// Octets of a reply line that is written, with its CRLF (RFC 5321 §4.5.3.1.5).
pub const REPLY_LINE: usize = 512;

/// Octets of a reply line that is read. Servers exceed 512, and the text is wanted for reports.
pub const REPLY_LINE_READ: usize = 2_048;

/// Lines of a reply that is read; the longest in use are those to EHLO, some thirty.
pub const REPLY_LINES: usize = 256;

/// Octets of a reply that is read.
pub const REPLY: usize = 16 << 10;

/// Commands that a client sends ahead of their answers, so that neither side's buffers fill while
/// both write (RFC 2920 §3.1).
pub const PIPELINED: usize = 64;
