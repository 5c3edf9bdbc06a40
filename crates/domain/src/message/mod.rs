//! What a message says: its MIME structure, head, dates and text, read from any bytes
//! without ever failing.

mod address;
mod attached;
mod body;
mod bytes;
mod charset;
mod date;
mod decode;
mod encoded;
mod entity;
mod fields;
mod head;
mod headers;
mod held;
mod html;
mod ids;
mod params;
mod scan;
mod structure;
mod transfer;
mod words;

pub(crate) use attached::same_type;
pub use attached::{Attachment, attachment_type, attachments};
pub use body::{BodyPart, attachment_parts};
pub use bytes::unfold;
pub use date::{
    Sent, civil, day, format_rfc3339, format_rfc5322, mbox_from_date, parse_date, parse_rfc3339,
};
pub use decode::{decode, text_of, text_of_bytes};
pub use encoded::header_text;
pub use fields::{Field, Fields, fields};
pub use head::{Address, Head};
pub use headers::{HeaderLine, is_searchable, searchable_headers};
pub use held::{HeldEvidence, HeldFromSource, held_from, received_date};
pub use html::html_to_text;
pub use params::parameters;
pub use scan::{MAX_DEPTH, MAX_PARTS, scan};
pub use structure::{Disposition, Encoding, Kind, Part, Structure, Transfer};
pub use words::SearchText;
