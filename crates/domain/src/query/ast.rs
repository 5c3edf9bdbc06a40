//! What a query means, after analysis: terms are folded, dates are instants.

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
    /// Subject, addresses, body, attachment names and attachment text.
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
    /// Has at least one attachment.
    HasAttachment,
    /// Message-ID, exact, without brackets.
    MessageId(String),
    /// Lies in a mailbox (its address).
    Mailbox(String),
    /// Lies in a folder (its full name, any mailbox).
    Folder(String),
}
