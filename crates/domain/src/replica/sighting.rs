//! A look at the mail server: what was seen there, and what has to be asked besides.

use std::collections::{BTreeMap, BTreeSet};

use super::Flags;
use super::state::{Base, Role};

/// What the server has, folder by folder. The folders need not be looked at in one instant, but nothing of ours may be
/// ordered between the beginning and the end of a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The server, as it was built: a number that rises when it was built anew, or another takes its place. Mail that a new
    /// one lacks was not deleted by anybody.
    pub generation: u64,
    /// When the look began.
    pub began: i64,
    /// When it ended.
    pub ended: i64,
    /// Whether the server has MOVE.
    pub can_move: bool,
    /// All folders that can be selected, by name.
    pub folders: BTreeMap<String, FolderSighting>,
}

/// What was seen of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderSighting {
    /// UIDVALIDITY.
    pub uidvalidity: u32,
    /// UIDNEXT.
    pub uidnext: u32,
    /// HIGHESTMODSEQ, where the server has one.
    pub modseq: Option<u64>,
    /// Whether it is subscribed.
    pub subscribed: bool,
    /// What it is for, where the server says so.
    pub role: Option<Role>,
    /// Flags that the folder keeps (PERMANENTFLAGS); others live here only.
    pub keeps: Flags,
    /// Its messages.
    pub messages: Messages,
}

/// What was seen of a folder's messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Messages {
    /// UIDNEXT and HIGHESTMODSEQ, or all that was fetched, are as they were at the last look.
    AsBefore,
    /// They could not be looked at: nothing is concluded about them.
    NotSeen,
    /// All of them, by UID.
    All(BTreeMap<u32, Copied>),
}

/// A message of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Its flags.
    pub flags: Flags,
    /// Its MODSEQ, where the server has one.
    pub modseq: Option<u64>,
}

/// What a message of the server is: asked only about those that are new to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence<K> {
    /// What its header says it is.
    pub key: K,
    /// What its body is, if that was asked for or is known anyway.
    pub content: Option<K>,
    /// RFC822.SIZE
    pub size: u64,
    /// INTERNALDATE
    pub date: i64,
}

/// Evidence, by folder and UID of the server.
pub type Evidences<K> = BTreeMap<(String, u32), Evidence<K>>;

/// What has to be known before anything can be concluded. A message that vanished before it could be asked about is taken out of
/// the sighting; a folder that vanished, or was numbered anew, was not seen ([`Messages::NotSeen`]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Folders that are not as before although the sighting says so.
    pub folders: BTreeSet<String>,
    /// Messages without evidence.
    pub headers: BTreeSet<(String, u32)>,
    /// Messages whose evidence lacks the content: their headers are those of a message that we have.
    pub contents: BTreeSet<(String, u32)>,
}

impl Needs {
    /// Whether nothing more has to be asked.
    pub fn is_empty(&self) -> bool {
        self.folders.is_empty() && self.headers.is_empty() && self.contents.is_empty()
    }
}

impl Messages {
    /// All messages of a folder, of what CONDSTORE and QRESYNC tell: `before` as they were at the last look, those that
    /// changed since or are new, and the UIDs that vanished.
    pub fn told(
        before: impl IntoIterator<Item = Base>,
        changed: BTreeMap<u32, Copied>,
        vanished: &BTreeSet<u32>,
    ) -> Messages {
        let mut all: BTreeMap<u32, Copied> = before
            .into_iter()
            .map(|base| {
                let copied = Copied {
                    flags: base.flags,
                    modseq: base.modseq,
                };
                (base.uid, copied)
            })
            .collect();
        all.extend(changed);
        all.retain(|uid, _| !vanished.contains(uid));
        Messages::All(all)
    }
}
