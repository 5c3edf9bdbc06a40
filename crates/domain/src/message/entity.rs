//! What the Content-* fields of one entity's header say.

use super::bytes::cap_text;
use super::encoded::header_text;
use super::fields::fields;
use super::params::Parameters;
use super::structure::{Disposition, Encoding, Transfer};

/// Longest file name kept, in bytes. File systems end at 255 characters; four bytes each.
pub(super) const FILE_NAME: usize = 1_020;

/// Longest boundary that is looked for. RFC 2046 allows 70, some senders use hundreds;
/// the limit keeps the comparison at each line that opens with `--` small.
const BOUNDARY: usize = 8 * 1024;

/// Longest media type, charset and Content-ID. Longer ones mean nothing to anyone.
const TYPE: usize = 127;
const CHARSET: usize = 64;
const CONTENT_ID: usize = 998;

/// The Content-* fields of one header. The first field of a name counts.
#[derive(Default)]
pub(super) struct Entity {
    /// `type/subtype`, lower case, if there is a readable one.
    pub(super) content_type: Option<String>,
    pub(super) boundary: Option<Vec<u8>>,
    pub(super) charset: Option<String>,
    pub(super) transfer: Transfer,
    pub(super) disposition: Disposition,
    pub(super) filename: Option<String>,
    pub(super) content_id: Option<String>,
}

impl Entity {
    /// Reads the fields of `header`.
    pub(super) fn read(header: &[u8]) -> Entity {
        let mut entity = Entity::default();
        let (mut kind, mut disposition, mut transfer, mut id) = (None, None, None, None);
        for field in fields(header) {
            if !field
                .name
                .first()
                .is_some_and(|b| b.eq_ignore_ascii_case(&b'c'))
            {
                continue;
            }
            let slot = if field.is("Content-Type") {
                &mut kind
            } else if field.is("Content-Disposition") {
                &mut disposition
            } else if field.is("Content-Transfer-Encoding") {
                &mut transfer
            } else if field.is("Content-ID") {
                &mut id
            } else {
                continue;
            };
            slot.get_or_insert(field.value);
        }
        if let Some(value) = kind {
            entity.read_type(&Parameters::read(value));
        }
        if let Some(value) = disposition {
            entity.read_disposition(&Parameters::read(value));
        }
        if let Some(value) = transfer {
            entity.transfer = transfer_of(value);
        }
        entity.content_id = id.and_then(content_id);
        entity
    }

    fn read_type(&mut self, parameters: &Parameters) {
        self.content_type = media_type(&parameters.value);
        self.boundary = parameters
            .raw("boundary")
            .map(|mut boundary| {
                boundary.truncate(boundary.trim_ascii_end().len());
                boundary
            })
            .filter(|boundary| (1..=BOUNDARY).contains(&boundary.len()));
        self.charset = parameters
            .text("charset")
            .map(|charset| charset.to_ascii_lowercase())
            .filter(|charset| (1..=CHARSET).contains(&charset.len()));
        self.filename = file_name(parameters, "name");
    }

    fn read_disposition(&mut self, parameters: &Parameters) {
        self.disposition = match parameters.value.as_str() {
            "" => Disposition::None,
            "inline" => Disposition::Inline,
            // RFC 2183 §2.8: an unknown disposition is an attachment; Part.attachment
            // says only what the field says.
            "attachment" => Disposition::Attachment,
            _ => Disposition::Other,
        };
        if let Some(name) = file_name(parameters, "filename") {
            self.filename = Some(name);
        }
    }

    /// How the body is encoded.
    pub(super) fn encoding(&self) -> Encoding {
        match self.transfer {
            Transfer::Base64 => Encoding::Base64,
            Transfer::QuotedPrintable => Encoding::QuotedPrintable,
            _ => Encoding::Identity,
        }
    }
}

/// The first word of a Content-Transfer-Encoding.
fn transfer_of(value: &[u8]) -> Transfer {
    let mut words = value.split(|&b| b.is_ascii_whitespace() || matches!(b, b';' | b'('));
    let word = words.find(|word| !word.is_empty()).unwrap_or_default();
    Transfer::named(&String::from_utf8_lossy(word).to_ascii_lowercase())
}

fn file_name(parameters: &Parameters, name: &str) -> Option<String> {
    let mut text = parameters.text(name)?;
    cap_text(&mut text, FILE_NAME);
    (!text.is_empty()).then_some(text)
}

/// `value` if it is `type/subtype` of RFC 2045 tokens.
fn media_type(value: &str) -> Option<String> {
    let token = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&b))
    };
    // `text/plain,` and `"text/html"` exist.
    let value = value.trim_matches(['"', '\'', ',']);
    let (kind, subtype) = value.split_once('/')?;
    (value.len() <= TYPE && token(kind) && token(subtype)).then(|| value.to_string())
}

fn content_id(value: &[u8]) -> Option<String> {
    let text = header_text(value);
    let id = text.trim_start_matches('<').trim_end_matches('>').trim();
    (1..=CONTENT_ID).contains(&id.len()).then(|| id.to_string())
}
