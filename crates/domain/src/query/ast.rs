//! What a query means, after analysis: terms are folded, dates are instants.

use crate::text::Language;

/// A query. `And([])` is everything, `Or([])` nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// All hold.
    And(Vec<Query>),
    /// At least one holds.
    Or(Vec<Query>),
    /// Does not hold.
    Not(Box<Query>),
    /// One test of a copy.
    Test(Test),
}

/// Where words are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Subject, addresses, body, attachment names and attachment text; not the List-Id.
    Any,
    /// Subject.
    Subject,
    /// From and Sender: names and addresses.
    From,
    /// To: names and addresses.
    To,
    /// Cc.
    Cc,
    /// Bcc.
    Bcc,
    /// Body text only.
    Body,
    /// Attachment names.
    Filename,
    /// Text of attachments, each a value of its own.
    Attachment,
    /// List-Id.
    List,
}

/// One test of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// Analysed terms, adjacent and in order; never empty.
    Words {
        /// Where.
        field: Field,
        /// Folded terms.
        terms: Vec<String>,
    },
    /// As `Words`, and the last term is a prefix (`pre*`). A single character of a script
    /// without spaces comes as a prefix too, star or not: see [`text`](crate::text).
    Prefix {
        /// Where.
        field: Field,
        /// Folded terms; the last one is open.
        terms: Vec<String>,
    },
    /// A word with the same [stem](crate::text::Stem).
    Stem {
        /// Where.
        field: Field,
        /// The language whose stems are compared; none is any whose script the word has.
        language: Option<Language>,
        /// The word, one folded term, not yet a stem.
        word: String,
    },
    /// Both operands in one value of one field, apart from one another, in either order:
    /// the first term of the later one stands at most `distance` positions after the last
    /// term of the earlier one (neighbours are 1 apart).
    Near {
        /// Where.
        field: Field,
        /// One.
        left: Operand,
        /// The other.
        right: Operand,
        /// At least 1.
        distance: u32,
    },
    /// An exact address, `local@domain`, folded.
    Address {
        /// From, To, Cc, Bcc or Any.
        field: Field,
        /// The address.
        address: String,
    },
    /// An exact domain, or one above it (`example.org` holds for `mail.example.org`).
    Domain {
        /// From, To, Cc, Bcc or Any.
        field: Field,
        /// The domain, lower case.
        domain: String,
    },
    /// A file name pattern with `*` and `?`, folded, whole name.
    Filename(String),
    /// Sent at or after `from` and before `until` (seconds since 1970, UTC).
    Sent {
        /// Inclusive.
        from: Option<i64>,
        /// Exclusive.
        until: Option<i64>,
    },
    /// Raw size in bytes, `from` inclusive, `until` exclusive.
    Size {
        /// Inclusive.
        from: Option<u64>,
        /// Exclusive.
        until: Option<u64>,
    },
    /// Held since `from` or later and before `until` (seconds since 1970, UTC).
    Held {
        /// Inclusive.
        from: Option<i64>,
        /// Exclusive.
        until: Option<i64>,
    },
    /// Held for at least `from` and less than `until` seconds; lowered to `Held`.
    Age {
        /// Inclusive.
        from: Option<u64>,
        /// Exclusive.
        until: Option<u64>,
    },
    /// Has at least one attachment.
    HasAttachment,
    /// Message-ID, exact, without brackets.
    MessageId(String),
    /// Lies in a mailbox (its address).
    Mailbox(String),
    /// Lies in a folder (its full name, any mailbox).
    Folder(String),
    /// Has an attachment of this type: `pdf`.
    AttachmentType(String),
    /// The body text is in this language (ISO 639-1), where that could be told.
    Language(String),
    /// Words in a header field that has no field of its own here.
    Header {
        /// Name of the field, lower case.
        name: String,
        /// Folded terms, adjacent and in order within one line; never empty.
        terms: Vec<String>,
        /// The last term is a prefix.
        open: bool,
    },
    /// Carries a tag (its name, folded).
    Tag(String),
    /// Came from a server (its name, folded).
    Server(String),
    /// Lies somewhere with this state.
    Flag(Flag),
    /// An address of a named group (its name, folded); lowered to addresses and domains.
    Group {
        /// From, To, Cc, Bcc or Any.
        field: Field,
        /// The name.
        name: String,
    },
}

impl Test {
    /// Where it looks, for tests of words, addresses and groups.
    pub fn field(&self) -> Option<Field> {
        match self {
            Test::Words { field, .. }
            | Test::Prefix { field, .. }
            | Test::Stem { field, .. }
            | Test::Near { field, .. }
            | Test::Address { field, .. }
            | Test::Domain { field, .. }
            | Test::Group { field, .. } => Some(*field),
            _ => None,
        }
    }
}

/// One side of [`Test::Near`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operand {
    /// As [`Test::Words`].
    Words(Vec<String>),
    /// As [`Test::Prefix`].
    Prefix(Vec<String>),
    /// As [`Test::Stem`].
    Stem {
        /// The language whose stems are compared.
        language: Option<Language>,
        /// The word.
        word: String,
    },
}

/// State of a copy in a folder, as mail servers keep it. A copy that lies in several
/// places has what it has in any of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flag {
    /// Seen.
    Read,
    /// Not seen.
    Unread,
    /// Flagged, or starred.
    Flagged,
    /// Answered.
    Answered,
    /// A draft.
    Draft,
    /// Marked as deleted.
    Deleted,
    /// Forwarded.
    Forwarded,
}

impl Flag {
    /// All of them, by the names that `is:` takes.
    pub const ALL: [(&'static str, Flag); 7] = [
        ("read", Flag::Read),
        ("unread", Flag::Unread),
        ("flagged", Flag::Flagged),
        ("answered", Flag::Answered),
        ("draft", Flag::Draft),
        ("deleted", Flag::Deleted),
        ("forwarded", Flag::Forwarded),
    ];

    /// The name that `is:` takes.
    pub fn name(self) -> &'static str {
        let found = Flag::ALL.iter().find(|(_, flag)| *flag == self);
        found.map_or("", |(name, _)| name)
    }
}
