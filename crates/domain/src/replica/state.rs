//! What a replica consists of: plain rows, which a store can keep as they are.

use serde::{Deserialize, Serialize};

use super::Flags;
use super::sighting::Evidence;
use crate::digest::Digest;

/// The name of the folder that every mailbox has.
pub const INBOX: &str = "INBOX";

/// A folder as clients see it. The number is its UIDVALIDITY, so it is never given twice in a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FolderId(pub u32);

/// A folder of the mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RemoteId(pub u64);

/// A message of the mailbox, in whatever folder it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId(pub u64);

/// What a folder is for, where that matters to merging or to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// `\Archive`
    Archive,
    /// `\Drafts`: an older state of a draft is worth nothing once it was replaced.
    Drafts,
    /// `\Junk`
    Junk,
    /// `\Sent`: servers that save what they send themselves must not double it.
    Sent,
    /// `\Trash`
    Trash,
}

impl Role {
    const ALL: [Role; 5] = [
        Role::Archive,
        Role::Drafts,
        Role::Junk,
        Role::Sent,
        Role::Trash,
    ];

    /// As it is written (RFC 6154), with its backslash.
    pub fn name(self) -> &'static str {
        match self {
            Role::Archive => "\\Archive",
            Role::Drafts => "\\Drafts",
            Role::Junk => "\\Junk",
            Role::Sent => "\\Sent",
            Role::Trash => "\\Trash",
        }
    }

    /// By how it is written, in any case.
    pub fn named(name: &str) -> Option<Self> {
        let is = |one: &Role| one.name().eq_ignore_ascii_case(name);
        Role::ALL.into_iter().find(is)
    }
}

/// A folder that clients see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folder {
    /// Which one; its UIDVALIDITY.
    pub id: FolderId,
    /// Its whole name, levels apart by `/`.
    pub name: String,
    /// What it is for.
    pub role: Option<Role>,
    /// Whether clients show it.
    pub subscribed: bool,
    /// UIDNEXT: each UID is given once.
    pub uidnext: u32,
    /// HIGHESTMODSEQ: rises with each change that clients see.
    pub modseq: u64,
    /// Of what was expunged up to this MODSEQ the UIDs are no longer remembered one by one.
    pub forgotten: u64,
}

/// The numbering of UIDs that a place of the mail server belongs to: a UID says nothing outside of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Validity {
    /// The server, as it was built: rises when it was built anew, or another takes its place.
    pub generation: u64,
    /// Its UIDVALIDITY.
    pub uidvalidity: u32,
    /// How often we found that the numbers cannot be trusted though UIDVALIDITY is as before.
    pub turn: u32,
}

/// A folder of the mail server, as it was at the last sync: the base of merging.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// Which one.
    pub id: RemoteId,
    /// What clients see of it; `None` after they deleted it: it is to go.
    pub folder: Option<FolderId>,
    /// Its name there.
    pub name: String,
    /// The numbering of its UIDs.
    pub validity: Validity,
    /// UIDNEXT there.
    pub uidnext: u32,
    /// HIGHESTMODSEQ there, where it has one.
    pub modseq: Option<u64>,
    /// Whether it is subscribed there.
    pub subscribed: bool,
    /// False while nobody knows whether the server made it: we asked for it and got no answer.
    pub is_sure: bool,
    /// The name that we asked the server to give it, until we know that it has it.
    pub asked: Option<String>,
    /// The end of the look in which it was missed for the first time.
    pub missing: Option<i64>,
}

/// What is known of a message's copy on the mail server since the last sync: the base of merging.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// In which folder.
    pub remote: RemoteId,
    /// By which numbering.
    pub validity: Validity,
    /// Its UID.
    pub uid: u32,
    /// Its flags.
    pub flags: Flags,
    /// Its MODSEQ, where the server has one.
    pub modseq: Option<u64>,
}

/// Where clients see a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// The folder.
    pub folder: FolderId,
    /// Its UID there, which never changes.
    pub uid: u32,
    /// Its flags.
    pub flags: Flags,
    /// Its MODSEQ.
    pub modseq: u64,
}

/// An order to the mail server whose outcome is not known yet. Durable before its first byte leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    /// What was ordered.
    pub what: Ordered,
    /// Since when nobody knows what came of it: the answer was lost, or this program ended. `None` while it is under way.
    pub doubt: Option<i64>,
    /// The server said that it did it, but not where the message lies now: that has to be found out.
    pub is_done: bool,
}

/// What was ordered of the mail server about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ordered {
    /// To take it in.
    Append {
        /// Into which folder.
        to: RemoteId,
        /// With which flags.
        flags: Flags,
    },
    /// To copy it from where it, or what it is a copy of, lies.
    Copy {
        /// Into which folder.
        to: RemoteId,
        /// With which flags it arrives.
        flags: Flags,
    },
    /// To move it.
    Move {
        /// Into which folder.
        to: RemoteId,
    },
    /// To change its flags.
    Store {
        /// Set.
        add: Flags,
        /// Cleared.
        remove: Flags,
    },
    /// To delete it.
    Delete,
}

impl Ordered {
    /// The folder of the server into which it brings a message, and the flags with which it begins there, if they are new.
    pub(super) fn brings(self) -> Option<(RemoteId, Option<Flags>)> {
        match self {
            Ordered::Append { to, flags } | Ordered::Copy { to, flags } => Some((to, Some(flags))),
            Ordered::Move { to } => Some((to, None)),
            Ordered::Store { .. } | Ordered::Delete => None,
        }
    }
}

/// An APPEND of a client that may not have heard the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unanswered {
    /// When it came.
    pub at: i64,
    /// The bytes, all of them.
    pub bytes: Digest,
    /// The folder that was asked for.
    pub folder: FolderId,
    /// The UID that was given.
    pub uid: u32,
}

/// A message. `K` is opaque and compared for equality only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message<K> {
    /// Which one.
    pub id: MessageId,
    /// What its header says it is: Message-ID and what else does not change on the way. Known without the body.
    pub key: K,
    /// What its body is; `None` where the body was never here. Fields that programs and servers add don't count.
    pub content: Option<K>,
    /// Bytes, as the server counts them.
    pub size: u64,
    /// INTERNALDATE.
    pub date: i64,
    /// When it came into the replica.
    pub born: i64,
    /// Where clients see it; `None` after a client deleted it: the server's copy is to go, as soon as there is one.
    pub here: Option<Seat>,
    /// Where it was on the server at the last sync; `None` if it was never seen there.
    pub base: Option<Base>,
    /// What the server was ordered about it.
    pub deed: Option<Deed>,
    /// The end of the look in which the server's copy was missed for the first time.
    pub missing: Option<i64>,
    /// What it was copied from, here or on the server.
    pub from: Option<MessageId>,
    /// It stands for a copy on the server that we made and need no more: it is to go, and this is the message that stays.
    pub remnant_of: Option<MessageId>,
    /// The server's copy was brought there by our APPEND.
    pub is_ours: bool,
    /// A client gave it to us and may not have heard the answer.
    pub unanswered: Option<Unanswered>,
    /// Somebody else brings it to the server: until it is seen there, nothing about it is owed.
    pub awaited: bool,
}

impl<K> Message<K> {
    /// Whether the base is of this numbering.
    pub(super) fn is_numbered(&self, validity: Validity) -> bool {
        self.base.is_some_and(|base| base.validity == validity)
    }

    /// Whether the server was ordered to copy it, or what it is a copy of.
    pub(super) fn is_copied(&self) -> bool {
        matches!(self.deed.map(|deed| deed.what), Some(Ordered::Copy { .. }))
    }
}

impl<K: Clone> Message<K> {
    /// What it is.
    pub(super) fn as_evidence(&self) -> Evidence<K> {
        Evidence {
            key: self.key.clone(),
            content: self.content.clone(),
            size: self.size,
            date: self.date,
        }
    }
}

/// Numbers that only rise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Of the next folder.
    pub folder: u32,
    /// Of the next folder of the server.
    pub remote: u64,
    /// Of the next message.
    pub message: u64,
    /// Of the next line of the log.
    pub line: u64,
    /// The generation of the server that was looked at last.
    pub generation: u64,
}

/// What a line of the log is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Subject {
    /// A folder that clients see.
    Folder(FolderId),
    /// A folder of the server that clients deleted.
    Remote(RemoteId),
    /// A message.
    Message(MessageId),
}

/// What the server is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Task {
    /// To have the folder.
    Create,
    /// To call the folder as we do.
    Rename,
    /// To have it subscribed as we do.
    Subscribe,
    /// To have the message.
    Append,
    /// To have it where we have it.
    Move,
    /// To have its flags.
    Flags,
    /// To have it, or the folder, no more.
    Delete,
}

/// A line of the log: what clients did and the server does not have yet. It says what about what; the contents are in
/// the rows, so the same operation twice is one line, and a line is gone when row and base agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Line {
    /// About what.
    pub subject: Subject,
    /// What is owed.
    pub task: Task,
}
