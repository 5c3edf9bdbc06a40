//! The standby mailbox: what is new in it, and what the user did to it.

use everpost_domain::digest::Digest;
use serde::{Deserialize, Serialize};

use crate::link::batch::Head;

/// How far a folder of the standby mailbox is known. The service makes it, the agent brings it back as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The folder.
    pub folder: u32,
    /// All below this number of change is known,
    pub modseq: u64,
    /// and of this one all up to this UID.
    pub uid: u32,
    /// Messages below this UID were known when the folder was known whole the last time.
    pub next: u32,
}

/// What is new in the standby mailbox?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchAsk {
    /// How far each folder is known; one that is not named is not known.
    #[serde(default)]
    pub marks: Vec<Mark>,
    /// Bytes of messages that are wanted at most; one message may have more.
    pub most: u64,
}

impl Head for FetchAsk {}

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderState {
    /// Its id, which no other folder ever has: UIDVALIDITY.
    pub id: u32,
    /// Its whole name, levels apart by `/`.
    pub name: String,
    /// What it is for (RFC 6154), as `\Sent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_for: Option<String>,
    /// Mail programs show it.
    pub subscribed: bool,
    /// UIDNEXT.
    pub next: u32,
    /// How far it is known with this answer.
    pub mark: Mark,
}

/// A message that is new, or whose flags changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowState {
    /// Its folder.
    pub folder: u32,
    /// Its UID.
    pub uid: u32,
    /// Its number of change.
    pub modseq: u64,
    /// Its flags and keywords.
    #[serde(default)]
    pub flags: Vec<String>,
    /// INTERNALDATE, in seconds since 1970.
    pub date: i64,
    /// Its bytes follow, if it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
}

/// Bytes that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// How many.
    pub size: u64,
    /// Their digest.
    pub sha256: Digest,
}

/// Messages that are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    /// From which folder.
    pub folder: u32,
    /// Their UIDs.
    pub uids: Vec<u32>,
}

/// What is new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchAnswer {
    /// The indicator, as it was before anything was read.
    pub indicator: u64,
    /// Every folder there is; one that is not named is gone.
    pub folders: Vec<FolderState>,
    /// Messages.
    #[serde(default)]
    pub rows: Vec<RowState>,
    /// Those that are gone.
    #[serde(default)]
    pub gone: Vec<Gone>,
    /// There is more to be asked for at once.
    #[serde(default)]
    pub more: bool,
}

impl Head for FetchAnswer {
    fn sizes(&self) -> Vec<u64> {
        let bodies = self.rows.iter().filter_map(|row| row.body);
        bodies.map(|body| body.size).collect()
    }
}

/// What the user did to the standby mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeAsk {
    /// In order; numbers only rise.
    pub changes: Vec<Change>,
}

impl Head for ChangeAsk {
    fn sizes(&self) -> Vec<u64> {
        let appended = self.changes.iter().filter_map(|change| match &change.deed {
            Deed::Append { size, .. } => Some(*size),
            _ => None,
        });
        appended.collect()
    }
}

/// One thing that the user did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its number: the device never has it again.
    pub number: u64,
    /// What.
    #[serde(flatten)]
    pub deed: Deed,
}

/// Something that is done to a mailbox. Each does no harm when it is done again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Deed {
    /// Flags of messages change.
    Flags {
        /// The folder's id.
        folder: u32,
        /// Which messages.
        uids: Vec<u32>,
        /// These are set,
        #[serde(default)]
        add: Vec<String>,
        /// these are not.
        #[serde(default)]
        remove: Vec<String>,
    },
    /// Messages go into another folder.
    Move {
        /// The folder's id.
        folder: u32,
        /// Which messages.
        uids: Vec<u32>,
        /// The other's name.
        to: String,
    },
    /// Messages go for good.
    Remove {
        /// The folder's id.
        folder: u32,
        /// Which messages.
        uids: Vec<u32>,
    },
    /// A message comes into a folder. Where its bytes lie there already, that is it.
    Append {
        /// The folder's name.
        folder: String,
        /// Its flags.
        #[serde(default)]
        flags: Vec<String>,
        /// INTERNALDATE, in seconds since 1970.
        date: i64,
        /// Its bytes, which follow.
        size: u64,
        /// Their digest.
        sha256: Digest,
    },
    /// A folder is made.
    Create {
        /// Its name.
        name: String,
        /// What it is for, as `\Sent`.
        #[serde(default)]
        used_for: Option<String>,
    },
    /// It gets another name.
    Rename {
        /// Its name,
        from: String,
        /// and the other.
        to: String,
    },
    /// It goes, with all that is in it.
    Delete {
        /// Its name.
        name: String,
    },
    /// Mail programs show it, or not.
    Subscribe {
        /// Its name.
        name: String,
        /// Whether.
        subscribed: bool,
    },
}

/// How far they are done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeAnswer {
    /// All up to this number are.
    pub upto: u64,
    /// What came of those that were done by this request.
    #[serde(default)]
    pub done: Vec<Done>,
}

impl Head for ChangeAnswer {}

/// What came of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Its number.
    pub number: u64,
    /// Of messages that came into a folder: its id,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<u32>,
    /// and their UIDs there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uids: Vec<u32>,
    /// Why it was not done, and will not be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}
