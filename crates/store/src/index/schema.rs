//! What a split records of a copy: schema 2.

use super::tokens::{HeaderWords, Words};
use tantivy::IndexSettings;
use tantivy::schema::{
    BytesOptions, Field, IndexRecordOption, NumericOptions, Schema, SchemaBuilder,
    TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{RawTokenizer, TextAnalyzer, TokenizerManager};

/// Version of this file; a split of another one is built again.
pub const SCHEMA_VERSION: u64 = 2;
/// Version of the analyser whose terms the splits hold.
pub const ANALYSER_VERSION: u64 = everpost_domain::text::VERSION as u64;

/// Bit of the flags column: has an attachment.
pub(crate) const ATTACHED: u64 = 1;
/// Bit of the flags column: some body text was not read.
pub(crate) const BODY_UNREAD: u64 = 2;
/// Bit of the flags column: the text of some attachment is not known.
pub(crate) const ATTACHMENTS_UNREAD: u64 = 4;

/// Names of the columns.
pub(crate) const SEQ: &str = "seq";
pub(crate) const SENT: &str = "sent";
pub(crate) const SIZE: &str = "size";
pub(crate) const FLAGS: &str = "flags";
pub(crate) const HELD: &str = "held";
pub(crate) const SENDER: &str = "sender";
pub(crate) const KIND: &str = "kind";
pub(crate) const LANGUAGE: &str = "language";

const WORDS: &str = "words";
const HEADER_WORDS: &str = "header_words";
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
    /// Text of attachments.
    pub(crate) attachment: Field,
    /// List-Id.
    pub(crate) list: Field,
    /// Header lines: name, NUL, word.
    pub(crate) header: Field,
    pub(crate) from_x: Field,
    pub(crate) to_x: Field,
    pub(crate) cc_x: Field,
    pub(crate) bcc_x: Field,
    /// Message-ID.
    pub(crate) msgid: Field,
    /// Ids in References and In-Reply-To, shortened.
    pub(crate) answers: Field,
    /// Whole folded file names, for patterns.
    pub(crate) name: Field,
    pub(crate) seq: Field,
    pub(crate) sent: Field,
    pub(crate) size: Field,
    pub(crate) flags: Field,
    /// When the copy was first held, in seconds.
    pub(crate) held: Field,
    /// The address of the first From, folded; a column only.
    pub(crate) sender: Field,
    /// Types of attachments.
    pub(crate) kind: Field,
    /// ISO 639-1 code of the body text.
    pub(crate) language: Field,
}

/// The schema and its handles.
pub(crate) fn schema() -> (Schema, Fields) {
    let mut builder = SchemaBuilder::new();
    // One byte a document for the length lets hits be ranked; the other fields are too short
    // for it to tell anything.
    let mut words = |name: &str, tokenizer: &str, norms: bool| {
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(tokenizer)
            .set_index_option(IndexRecordOption::WithFreqsAndPositions)
            .set_fieldnorms(norms);
        builder.add_text_field(name, TextOptions::default().set_indexing_options(indexing))
    };
    let [body, subject, attachment] =
        ["body", "subject", "attachment"].map(|name| words(name, WORDS, true));
    let [from, to, cc, bcc, filename, list] =
        ["from", "to", "cc", "bcc", "filename", "list"].map(|name| words(name, WORDS, false));
    let header = words("header", HEADER_WORDS, false);
    let whole = || {
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(WHOLE)
            .set_index_option(IndexRecordOption::Basic)
            .set_fieldnorms(false);
        TextOptions::default().set_indexing_options(indexing)
    };
    let [from_x, to_x, cc_x, bcc_x, name] = ["from_x", "to_x", "cc_x", "bcc_x", "name"]
        .map(|name| builder.add_text_field(name, whole()));
    // Found by value and counted by value.
    let [kind, language] =
        [KIND, LANGUAGE].map(|name| builder.add_text_field(name, whole().set_fast(WHOLE)));
    let sender = builder.add_text_field(SENDER, TextOptions::default().set_fast(WHOLE));
    let [msgid, answers] = ["msgid", "answers"]
        .map(|name| builder.add_bytes_field(name, BytesOptions::default().set_indexed()));
    let column = NumericOptions::default().set_fast();
    let [seq, size, flags] =
        [SEQ, SIZE, FLAGS].map(|name| builder.add_u64_field(name, column.clone()));
    let [sent, held] = [SENT, HELD].map(|name| builder.add_i64_field(name, column.clone()));
    let fields = Fields {
        body,
        subject,
        from,
        to,
        cc,
        bcc,
        filename,
        attachment,
        list,
        header,
        from_x,
        to_x,
        cc_x,
        bcc_x,
        msgid,
        answers,
        name,
        seq,
        sent,
        size,
        flags,
        held,
        sender,
        kind,
        language,
    };
    (builder.build(), fields)
}

/// The analysers the schema names.
pub(crate) fn tokenizers() -> TokenizerManager {
    let manager = TokenizerManager::new();
    manager.register(WORDS, TextAnalyzer::from(Words::default()));
    manager.register(HEADER_WORDS, TextAnalyzer::from(HeaderWords::default()));
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
