//! What a client asks: commands as data.
//!
//! RFC 9051 (IMAP4rev2) and RFC 3501 (IMAP4rev1), with the extensions that [`mod@super`] lists. Mailbox names are UTF-8
//! here, whatever their form on the wire; `INBOX` in any case is `INBOX`. Strings of a client are bytes: nothing promises UTF-8.

use super::set::{Numbers, Saved};

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// CAPABILITY.
    Capability,
    /// NOOP.
    Noop,
    /// CHECK (RFC 3501).
    Check,
    /// LOGOUT.
    Logout,
    /// ID, with the fields that the client tells of itself (RFC 2971).
    Id(Vec<(Vec<u8>, Option<Vec<u8>>)>),
    /// STARTTLS.
    StartTls,
    /// LOGIN.
    Login {
        /// The user's name.
        user: Vec<u8>,
        /// The password.
        password: Vec<u8>,
    },
    /// AUTHENTICATE; `initial` is what SASL-IR brought, still in base64 (`=` for an empty one).
    Authenticate {
        /// Its mechanism, in upper case.
        mechanism: String,
        /// RFC 4959.
        initial: Option<Vec<u8>>,
    },
    /// ENABLE, each word in upper case (RFC 5161).
    Enable(Vec<String>),
    /// NAMESPACE (RFC 2342).
    Namespace,
    /// SELECT or EXAMINE.
    Select {
        /// The mailbox.
        mailbox: String,
        /// EXAMINE.
        read_only: bool,
        /// CONDSTORE (RFC 7162).
        condstore: bool,
        /// QRESYNC (RFC 7162 §3.2.5).
        qresync: Option<Resync>,
    },
    /// CLOSE, or UNSELECT (RFC 3691), which expunges nothing.
    Close {
        /// CLOSE.
        expunge: bool,
    },
    /// CREATE, with the special use that it is for (RFC 6154), as it is written, with its backslash.
    Create {
        /// The mailbox.
        mailbox: String,
        /// `USE (…)`.
        uses: Vec<String>,
    },
    /// DELETE.
    Delete(String),
    /// RENAME.
    Rename {
        /// The name it has.
        from: String,
        /// The name it gets.
        to: String,
    },
    /// SUBSCRIBE.
    Subscribe(String),
    /// UNSUBSCRIBE.
    Unsubscribe(String),
    /// LIST in any of its forms (RFC 5258, 5819, 6154).
    List(List),
    /// LSUB (RFC 3501).
    Lsub {
        /// The reference.
        reference: String,
        /// The pattern.
        pattern: String,
    },
    /// STATUS.
    Status {
        /// The mailbox.
        mailbox: String,
        /// What is asked.
        items: Vec<StatusItem>,
    },
    /// IDLE (RFC 2177). Its DONE is an event of the session.
    Idle,
    /// EXPUNGE, or UID EXPUNGE of these (RFC 4315).
    Expunge(Option<Saved<Numbers>>),
    /// SEARCH.
    Search(Search),
    /// SORT (RFC 5256, 5267).
    Sort {
        /// By what; first the most important.
        keys: Vec<SortKey>,
        /// Of what, in which form.
        search: Search,
    },
    /// THREAD (RFC 5256).
    Thread {
        /// How.
        algorithm: ThreadAlgorithm,
        /// Of what.
        search: Search,
    },
    /// FETCH.
    Fetch {
        /// Of which.
        messages: Saved<Numbers>,
        /// The numbers are UIDs, and are answered as such.
        uid: bool,
        /// What; macros are taken apart, and what is implied is there too: UID of UID FETCH, MODSEQ of CHANGEDSINCE.
        items: Vec<FetchItem>,
        /// CHANGEDSINCE (RFC 7162).
        changed_since: Option<u64>,
        /// VANISHED (RFC 7162 §3.2.6).
        vanished: bool,
    },
    /// STORE.
    Store {
        /// To which.
        messages: Saved<Numbers>,
        /// The numbers are UIDs.
        uid: bool,
        /// What becomes of the flags.
        change: FlagChange,
        /// The flags.
        flags: Vec<String>,
        /// No FETCH is wanted of what changed.
        silent: bool,
        /// UNCHANGEDSINCE (RFC 7162).
        unchanged_since: Option<u64>,
    },
    /// COPY, or MOVE (RFC 6851).
    Copy {
        /// Which.
        messages: Saved<Numbers>,
        /// The numbers are UIDs.
        uid: bool,
        /// Where to.
        mailbox: String,
        /// MOVE.
        and_remove: bool,
    },
}

/// QRESYNC's parameters: what the client knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resync {
    /// UIDVALIDITY.
    pub validity: u32,
    /// The highest MODSEQ.
    pub modseq: u64,
    /// The UIDs it knows; `None`: all.
    pub known: Option<Numbers>,
    /// Message numbers, and the UIDs they had (the match data).
    pub samples: Option<(Numbers, Numbers)>,
}

/// LIST.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct List {
    /// The reference.
    pub reference: String,
    /// The patterns; several are RFC 5258's.
    pub patterns: Vec<String>,
    /// `SUBSCRIBED`.
    pub subscribed: bool,
    /// `REMOTE`: asked, and nothing is remote here.
    pub remote: bool,
    /// `RECURSIVEMATCH`.
    pub recursive: bool,
    /// `SPECIAL-USE` as a selection: only those that have one.
    pub special_use: bool,
    /// `RETURN (SUBSCRIBED)`.
    pub return_subscribed: bool,
    /// `RETURN (CHILDREN)`.
    pub return_children: bool,
    /// `RETURN (SPECIAL-USE)`.
    pub return_special_use: bool,
    /// `RETURN (STATUS (…))`.
    pub return_status: Option<Vec<StatusItem>>,
    /// It has a form that RFC 3501 does not know: what it returns is what it asks for.
    pub extended: bool,
}

/// What STATUS tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusItem {
    /// MESSAGES.
    Messages,
    /// RECENT, always 0 here.
    Recent,
    /// UIDNEXT.
    UidNext,
    /// UIDVALIDITY.
    UidValidity,
    /// UNSEEN.
    Unseen,
    /// DELETED (RFC 9051).
    Deleted,
    /// SIZE (RFC 8438).
    Size,
    /// HIGHESTMODSEQ.
    HighestModSeq,
    /// APPENDLIMIT (RFC 7889).
    AppendLimit,
    /// MAILBOXID (RFC 8474).
    MailboxId,
}

/// SEARCH, and what SORT and THREAD select.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// The answer tells UIDs, and bare sets in `key` are still message numbers.
    pub uid: bool,
    /// The charset of its strings, in upper case; `None`: UTF-8 or ASCII.
    pub charset: Option<String>,
    /// What is looked for.
    pub key: SearchKey,
    /// `RETURN (…)`: ESEARCH (RFC 4731, 5182). `None`: a plain SEARCH.
    pub returns: Option<Returns>,
}

/// What an ESEARCH returns. An empty `RETURN ()` is `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Returns {
    /// MIN.
    pub min: bool,
    /// MAX.
    pub max: bool,
    /// ALL.
    pub all: bool,
    /// COUNT.
    pub count: bool,
    /// SAVE (RFC 5182).
    pub save: bool,
    /// PARTIAL (RFC 9394, 5267): from and to, 1 is the first; negative ones count from the end.
    pub partial: Option<(i64, i64)>,
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchKey {
    /// All of them; empty is ALL.
    And(Vec<SearchKey>),
    /// Either.
    Or(Box<SearchKey>, Box<SearchKey>),
    /// Not that.
    Not(Box<SearchKey>),
    /// Message numbers.
    Sequence(Saved<Numbers>),
    /// UIDs.
    Uid(Saved<Numbers>),
    /// A flag, system or keyword, is set: `\Seen`, `$Junk`, …
    Flag(String),
    /// `NEW`, `OLD`, `RECENT`: nothing is recent here, so that these are unseen-and-recent (none), all, none.
    Recent,
    /// Strictly before this day, by INTERNALDATE.
    Before(Day),
    /// On it.
    On(Day),
    /// On it or later.
    Since(Day),
    /// Strictly before it, by the Date field, its time and zone left aside.
    SentBefore(Day),
    /// On it.
    SentOn(Day),
    /// On it or later.
    SentSince(Day),
    /// Strictly more bytes.
    Larger(u64),
    /// Strictly fewer.
    Smaller(u64),
    /// INTERNALDATE within so many seconds (RFC 5032).
    Younger(u32),
    /// Not within.
    Older(u32),
    /// A field of the header contains this; empty: there is such a field. FROM, TO, CC, BCC and SUBJECT are this too.
    Header(String, Vec<u8>),
    /// The body contains it.
    Body(Vec<u8>),
    /// Header or body contain it.
    Text(Vec<u8>),
    /// MODSEQ is at least that (RFC 7162).
    ModSeq(u64),
    /// EMAILID (RFC 8474).
    EmailId(String),
    /// THREADID.
    ThreadId(String),
}

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    /// Of our era.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31, and one that the month has.
    pub day: u8,
}

/// By what SORT sorts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortKey {
    /// Backwards.
    pub reverse: bool,
    /// By this.
    pub by: SortBy,
}

/// RFC 5256, and RFC 5957's display names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortBy {
    /// INTERNALDATE.
    Arrival,
    /// The mailbox (local part) of the first Cc.
    Cc,
    /// The Date field, in UTC; INTERNALDATE where there is none.
    Date,
    /// The mailbox of the first From.
    From,
    /// Bytes.
    Size,
    /// The base subject.
    Subject,
    /// The mailbox of the first To.
    To,
    /// Display name, else address, of the first From.
    DisplayFrom,
    /// The same of To.
    DisplayTo,
}

/// RFC 5256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThreadAlgorithm {
    /// By base subject, then date.
    OrderedSubject,
    /// By Message-ID, References and In-Reply-To.
    References,
    /// RFC-less and common: as REFERENCES, without joining by subject.
    Refs,
}

/// What FETCH tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchItem {
    /// UID.
    Uid,
    /// FLAGS.
    Flags,
    /// INTERNALDATE.
    InternalDate,
    /// RFC822.SIZE.
    Size,
    /// ENVELOPE.
    Envelope,
    /// BODY: the structure without extension data.
    Body,
    /// BODYSTRUCTURE.
    BodyStructure,
    /// MODSEQ.
    ModSeq,
    /// EMAILID (RFC 8474).
    EmailId,
    /// THREADID.
    ThreadId,
    /// SAVEDATE (RFC 8514).
    SaveDate,
    /// PREVIEW (RFC 8970).
    Preview,
    /// Bytes of the message.
    Section {
        /// Which.
        section: Section,
        /// From where, and how many.
        partial: Option<(u32, u32)>,
        /// `\Seen` is not set.
        peek: bool,
        /// How it was asked for, and is answered.
        form: Form,
    },
    /// BINARY.SIZE[…] (RFC 3516).
    BinarySize(Vec<u32>),
}

/// How bytes were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `BODY[…]`.
    Body,
    /// `BINARY[…]`: decoded (RFC 3516).
    Binary,
    /// `RFC822`: the same as `BODY[]`.
    Rfc822,
    /// `RFC822.HEADER`: `BODY.PEEK[HEADER]`.
    Rfc822Header,
    /// `RFC822.TEXT`: `BODY[TEXT]`.
    Rfc822Text,
}

/// A part of a message, and what of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section {
    /// The numbers of the part, from 1; empty for the message.
    pub part: Vec<u32>,
    /// What of it.
    pub of: SectionOf,
}

/// What of a part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SectionOf {
    /// The message, or the part's body.
    #[default]
    Whole,
    /// HEADER of a message.
    Header,
    /// HEADER.FIELDS, names as they were written.
    Fields(Vec<String>),
    /// HEADER.FIELDS.NOT.
    FieldsNot(Vec<String>),
    /// TEXT of a message.
    Text,
    /// The header of a part that is no message.
    Mime,
}

/// What becomes of the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagChange {
    /// FLAGS.
    Set,
    /// +FLAGS.
    Add,
    /// -FLAGS.
    Remove,
}

/// A message that a client puts into a mailbox: what stands before its bytes (RFC 3502: one command may bring several).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Appended {
    /// Its flags.
    pub flags: Vec<String>,
    /// INTERNALDATE in seconds since 1970; `None`: now.
    pub date: Option<i64>,
    /// Its bytes.
    pub size: u64,
    /// It was sent as `UTF8 (~{…})` (RFC 6855) or `~{…}` (a literal8).
    pub literal8: bool,
}
