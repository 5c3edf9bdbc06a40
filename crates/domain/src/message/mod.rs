//! What a message says: its MIME structure, head, dates and text, read from any bytes
//! without ever failing.

mod address;
mod body;
mod bytes;
mod charset;
mod date;
mod decode;
mod encoded;
mod entity;
mod fields;
mod head;
mod held;
mod html;
mod ids;
mod params;
mod scan;
mod structure;
mod transfer;
mod words;

pub use body::{BodyPart, attachments};
pub use date::{Sent, civil, day, format_rfc3339, mbox_from_date, parse_date};
pub use decode::{decode, text_of};
pub use head::{Address, Head};
pub use held::{HeldEvidence, HeldFromSource, held_from, received_date};
pub use html::html_to_text;
pub use scan::{MAX_DEPTH, MAX_PARTS, scan};
pub use structure::{Disposition, Encoding, Kind, Part, Structure, Transfer};
pub use words::SearchText;
