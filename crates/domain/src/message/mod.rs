//! What a message says: its MIME structure, head, dates and text, read from any bytes
//! without ever failing.

mod date;
mod decode;
mod head;
mod html;
mod scan;
mod structure;
mod words;

pub use date::{Sent, parse_date};
pub use decode::{decode, text_of};
pub use head::{Address, Head};
pub use html::html_to_text;
pub use scan::scan;
pub use structure::{Encoding, Kind, Part, Structure};
pub use words::SearchText;
