//! What a split records of a copy: schema 1.

use super::tokens::Words;
use tantivy::IndexSettings;
use tantivy::schema::{
    BytesOptions, Field, IndexRecordOption, NumericOptions, Schema, SchemaBuilder,
    TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{RawTokenizer, TextAnalyzer, TokenizerManager};

/// Version of this file; a split of another one is built again.
pub const SCHEMA_VERSION: u64 = 1;
/// Version of the analyser whose terms the splits hold.
pub const ANALYSER_VERSION: u64 = everpost_domain::text::VERSION as u64;

/// Bit of the flags column: has an attachment.
pub(crate) const ATTACHED: u64 = 1;
/// Bit of the flags column: holds parts whose text was not read.
pub(crate) const UNREAD: u64 = 2;

/// Names of the columns.
pub(crate) const SEQ: &str = "seq";
pub(crate) const SENT: &str = "sent";
pub(crate) const SIZE: &str = "size";
pub(crate) const FLAGS: &str = "flags";

const WORDS: &str = "words";
const WHOLE: &str = "whole";

/// Handles of the fields. Words have positions; `_x` fields hold whole values: `a:` and
/// an address, or `d:` and its domain and every domain above it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    pub(crate) body: Field,
    pub(crate) subject: Field,
    pub(crate) from: Field,
    pub(crate) to: Field,
    pub(crate) cc: Field,
    pub(crate) bcc: Field,
    pub(crate) filename: Field,
    pub(crate) from_x: Field,
    pub(crate) to_x: Field,
    pub(crate) cc_x: Field,
    pub(crate) bcc_x: Field,
    /// Message-ID.
    pub(crate) msgid: Field,
    /// Whole folded file names, for patterns.
    pub(crate) name: Field,
    pub(crate) seq: Field,
    pub(crate) sent: Field,
    pub(crate) size: Field,
    pub(crate) flags: Field,
}

/// The schema and its handles.
pub(crate) fn schema() -> (Schema, Fields) {
    let mut builder = SchemaBuilder::new();
    // One byte a document for the length of body and subject lets hits be ranked later;
    // the other fields are too short for it to tell anything.
    let mut words = |name: &str, norms: bool| {
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(WORDS)
            .set_index_option(IndexRecordOption::WithFreqsAndPositions)
            .set_fieldnorms(norms);
        builder.add_text_field(name, TextOptions::default().set_indexing_options(indexing))
    };
    let body = words("body", true);
    let subject = words("subject", true);
    let [from, to, cc, bcc, filename] =
        ["from", "to", "cc", "bcc", "filename"].map(|name| words(name, false));
    let [from_x, to_x, cc_x, bcc_x, name] =
        ["from_x", "to_x", "cc_x", "bcc_x", "name"].map(|name| {
            let indexing = TextFieldIndexing::default()
                .set_tokenizer(WHOLE)
                .set_index_option(IndexRecordOption::Basic)
                .set_fieldnorms(false);
            builder.add_text_field(name, TextOptions::default().set_indexing_options(indexing))
        });
    let msgid = builder.add_bytes_field("msgid", BytesOptions::default().set_indexed());
    let column = NumericOptions::default().set_fast();
    let seq = builder.add_u64_field(SEQ, column.clone());
    let sent = builder.add_i64_field(SENT, column.clone());
    let size = builder.add_u64_field(SIZE, column.clone());
    let flags = builder.add_u64_field(FLAGS, column);
    let fields = Fields {
        body,
        subject,
        from,
        to,
        cc,
        bcc,
        filename,
        from_x,
        to_x,
        cc_x,
        bcc_x,
        msgid,
        name,
        seq,
        sent,
        size,
        flags,
    };
    (builder.build(), fields)
}

/// The analysers the schema names.
pub(crate) fn tokenizers() -> TokenizerManager {
    let manager = TokenizerManager::new();
    manager.register(WORDS, TextAnalyzer::from(Words::default()));
    manager.register(WHOLE, TextAnalyzer::from(RawTokenizer::default()));
    // Fields that are no text ask for one by this name too.
    manager.register("default", TextAnalyzer::from(RawTokenizer::default()));
    manager
}

/// How the engine lays a split out.
pub(crate) fn settings() -> IndexSettings {
    IndexSettings {
        // The document store is empty; a thread to compress it would have nothing to do.
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    }
}
