//! A query asked of a mailbox: the archive's language, answered from the mailbox as it is at this moment.
//!
//! The newest messages are opened first, a bounded number at a time: whoever asks hears of what was found and where to go on.
//! Of attachments only text is read here; the archive's search knows the others.

use everpost_domain::message::{Head, SearchText, attachments, scan, searchable_headers};
use everpost_domain::query::{
    AttachmentText, Document, Facts, Flag, LowerError, Named, Query, Test, Truth, evaluate,
};
use everpost_domain::text::fold_exact;
use everpost_store::{Flags, Folder, Replica, Row, StoreError};

use crate::capture::now;

/// Messages that one request opens.
const OPENED: usize = 500;
/// Bytes of them. The last one may be larger than what is left.
const BYTES: u64 = 64 << 20;
/// Messages that are opened together.
const TOGETHER: usize = 32;

/// A message's place in the order of a search: newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// When it came, in seconds since 1970.
    pub date: i64,
    /// Its folder.
    pub folder: u32,
    /// Its UID.
    pub uid: u32,
}

/// What was found so far.
#[derive(Debug, Default)]
pub struct Found {
    /// Messages for which the query holds, newest first, with their folders.
    pub hits: Vec<(u32, Row, Head)>,
    /// Behind which message the search goes on; none at its end.
    pub next: Option<Mark>,
}

/// Why a mailbox was not searched.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The archive cannot do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The query names what a mailbox does not know.
    #[error("{0}")]
    Query(String),
}

/// What is known outside of the mail of one mailbox: the clock.
struct Clock(i64);

impl Facts for Clock {
    fn now(&self) -> i64 {
        self.0
    }

    fn names(&self, _: Named) -> Vec<String> {
        Vec::new()
    }

    fn members(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

/// Tests that only the archive can answer.
fn is_foreign(query: &Query) -> bool {
    match query {
        Query::And(list) | Query::Or(list) => list.iter().any(is_foreign),
        Query::Not(inner) => is_foreign(inner),
        Query::Test(test) => {
            matches!(test, Test::Group { .. } | Test::Tag(_) | Test::Server(_))
        }
    }
}

/// Searches a folder or all of them, behind `after`, for at most `most` messages.
pub async fn find(
    replica: &Replica,
    query: &Query,
    folder: Option<u32>,
    after: Option<Mark>,
    most: usize,
) -> Result<Found, FindError> {
    if is_foreign(query) {
        let what = "groups, tags and servers are known to the archive's search only";
        return Err(FindError::Query(what.into()));
    }
    let wrong = |error: LowerError| FindError::Query(error.what);
    let query = query.lower(&Clock(now())).map_err(wrong)?;
    let folders = match folder {
        Some(id) => vec![replica.folder_by_id(id).await?],
        None => replica.folders().await?,
    };
    let rows = newest(replica, &folders, after).await?;
    let keywords = replica.keywords().await?;
    let (mut found, mut opened, mut bytes) = (Found::default(), 0, 0);
    for some in rows.chunks(TOGETHER) {
        let copies: Vec<i64> = some.iter().map(|(_, row)| row.copy).collect();
        let heads = replica.tenant().heads(&copies).await?;
        let mut failed = None;
        let mut last = None;
        let read = replica.tenant().read_copies(&copies, |at, raw| {
            let (Some((mark, row)), Some(head)) = (some.get(at), heads.get(at)) else {
                return false;
            };
            let raw = match raw {
                Ok(raw) => raw,
                // One that is damaged hides no other; `fsck` names it.
                Err(StoreError::Damaged { .. }) => return true,
                Err(error) => {
                    failed = Some(error);
                    return false;
                }
            };
            let holds = |test: &Test| match test {
                Test::Mailbox(address) => address == replica.owner(),
                test => of_place(test, &folders, *mark, row, &keywords),
            };
            if holds_for(&query, &raw, row, head, &holds) {
                found.hits.push((mark.folder, *row, head.clone()));
            }
            (opened, bytes, last) = (opened + 1, bytes + row.size, Some(*mark));
            found.hits.len() < most && opened < OPENED && bytes < BYTES
        });
        read.await?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        if found.hits.len() >= most || opened >= OPENED || bytes >= BYTES {
            let is_end = rows.last().map(|(mark, _)| *mark) == last;
            found.next = last.filter(|_| !is_end);
            break;
        }
    }
    Ok(found)
}

/// The messages of folders behind `after`, newest first.
async fn newest(
    replica: &Replica,
    folders: &[Folder],
    after: Option<Mark>,
) -> Result<Vec<(Mark, Row)>, StoreError> {
    let mut all = Vec::new();
    for folder in folders {
        let changes = match replica.changes(folder.id, 0).await {
            Ok(changes) => changes,
            // It was deleted meanwhile.
            Err(StoreError::NotFound(_)) => continue,
            Err(error) => return Err(error),
        };
        all.extend(changes.rows.into_iter().map(|row| {
            let mark = Mark {
                date: row.date,
                folder: folder.id,
                uid: row.uid,
            };
            (mark, row)
        }));
    }
    all.retain(|(mark, _)| after.is_none_or(|after| *mark < after));
    all.sort_unstable_by_key(|(mark, _)| std::cmp::Reverse(*mark));
    Ok(all)
}

fn holds_for(
    query: &Query,
    raw: &[u8],
    row: &Row,
    head: &Head,
    sets: &dyn Fn(&Test) -> bool,
) -> bool {
    let structure = scan(raw);
    let text = SearchText::read(raw, &structure);
    let headers = searchable_headers(raw, &structure);
    let attached = attachments(raw, &structure);
    let attached: Vec<AttachmentText<'_>> = attached
        .iter()
        .map(|one| AttachmentText {
            name: one.name.as_deref(),
            kind: &one.kind,
            text: one.text.as_deref(),
            cut: one.cut,
        })
        .collect();
    let document = Document {
        head,
        text: &text,
        headers: &headers,
        attachments: &attached,
        size: row.size,
        held: row.date,
        language: None,
        sets,
    };
    evaluate(query, &document) == Truth::True
}

/// What is said about a message and not in it.
fn of_place(test: &Test, folders: &[Folder], mark: Mark, row: &Row, keywords: &[String]) -> bool {
    let has = |flag: Flags| row.flags.has(flag);
    match test {
        Test::Folder(name) => folders
            .iter()
            .any(|folder| folder.id == mark.folder && fold_exact(&folder.name) == fold_exact(name)),
        Test::Flag(Flag::Read) => has(Flags::SEEN),
        Test::Flag(Flag::Unread) => !has(Flags::SEEN),
        Test::Flag(Flag::Flagged) => has(Flags::FLAGGED),
        Test::Flag(Flag::Answered) => has(Flags::ANSWERED),
        Test::Flag(Flag::Draft) => has(Flags::DRAFT),
        Test::Flag(Flag::Deleted) => has(Flags::DELETED),
        Test::Flag(Flag::Forwarded) => {
            let names = row.flags.names(keywords);
            names
                .iter()
                .any(|name| name.eq_ignore_ascii_case("$Forwarded"))
        }
        _ => false,
    }
}
