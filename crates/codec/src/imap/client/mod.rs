//! IMAP, the client's side: one [`Client`] a connection, one command at a time over it; bytes in, events and bytes out.
//!
//! ```text
//! driver                          client
//!   next(input) ◀──── Greeting: send(request)
//!               ◀──── Answer: what the server says, asked or not
//!               ◀──── Begins, Piece…, Ends: a message that was asked for, before the Answer that it is in
//!               ◀──── Message: message(piece)…, writing output after each
//!               ◀──── Challenge: reply(line), in a login or an IDLE
//!               ◀──── Done: the command is over; the next may be sent
//!               ◀──── Fault: close
//!               ◀──── None: write output, read more
//!   the connection breaks: fate()
//! ```
//!
//! **What became of a command whose answer is lost?** Until its last byte was handed out the server cannot have carried it out:
//! [`Fate::NotSent`]. From then on nobody here knows: [`Fate::Unknown`]. Of an APPEND it is the last byte of the message, not of
//! the line behind it: there may be servers that don't wait for that. Handed out means that it is in [`Client::output`], written
//! or not, as a driver whose write failed cannot say how much of it went out.
//!
//! **What cannot be read is never passed over in silence.** An answer of a known kind that makes no sense is
//! [`Answer::Malformed`]: whoever makes a list of what there is would otherwise take the message that it spoke of for gone.
//! Besides that the reader is lenient: items of FETCH and codes that it does not know, blanks too many, names in UTF-8, texts
//! that are missing, bare line feeds.
//!
//! **Why not a library.** io-imap 0.7.1 is the best there is, and it was tried: of 37 answers as servers give them, imap-codec
//! below it rejects 17 (an item of FETCH that it does not know, `MODSEQ (0)`, a `]` in a flag, `OK` without a text, ESEARCH), and io-imap
//! drops those that are not tagged without a word, so that a message would look deleted; its errors keep the text of a NO but not the code
//! that says whether to try again; an APPEND whose connection broke is the same error before and after the last byte; and
//! a FETCH of 100,000 messages is gathered as a tree of values. What would be left of it is the tags.
//!
//! Memory: one answer ([`limits`]), a piece of a message, and the output.

mod answer;
mod code;
mod cursor;
mod fetch;
pub mod limits;
mod machine;
mod parse;
mod reader;
mod request;

pub use answer::{
    Answer, Counts, Fetched, Found, Kind, Listed, Message, Namespace, Namespaces, Status,
};
pub use code::Code;
pub use machine::{Client, Event, Fate, LiteralPlus, NotReady};
pub use reader::Fault;
pub use request::{Request, Unsayable, is_flag};

#[cfg(test)]
mod tests;
