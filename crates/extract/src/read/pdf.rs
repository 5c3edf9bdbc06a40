//! PDF: the text of its pages, its title and form.

use unpdf::{ErrorKind, ParseOptions};

use super::Reader;
use crate::Gap;

pub(super) fn read(reader: &mut Reader, bytes: &[u8]) {
    // One page after the other: threads are among the rights that the child gave up.
    let options = ParseOptions::new().lenient().sequential();
    let document = match unpdf::parse_bytes_with_options(bytes, options) {
        Ok(document) => document,
        Err(error) => {
            return reader.miss(match error.kind() {
                ErrorKind::Encrypted | ErrorKind::InvalidPassword => Gap::Encrypted,
                ErrorKind::UnsupportedVersion => Gap::Unsupported,
                _ => Gap::Damaged,
            });
        }
    };
    let meta = &document.metadata;
    for line in [&meta.title, &meta.subject, &meta.keywords, &meta.author] {
        reader.line(line.as_deref().unwrap_or_default());
    }
    for page in &document.pages {
        if reader.full() {
            break;
        }
        reader.line(&page.plain_text());
    }
    for field in &document.form_fields {
        reader.line(&field.display_value());
    }
    let quality = &document.extraction_quality;
    let lost = quality.suppressed_text_runs > 0 || quality.undecodable_content_streams > 0;
    if lost || quality.pages_incomplete {
        reader.miss(Gap::Damaged);
    }
}
