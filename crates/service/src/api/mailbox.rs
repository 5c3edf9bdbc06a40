//! The caller's own standby mailbox, for whoever works in it from a browser. Another's is nobody's here: compliance reads
//! the archive, where it is logged.

mod change;
mod find;
mod message;
mod send;

use axum::Json;
use axum::extract::State;
use everpost_domain::access::{Action, Object};
use everpost_domain::continuity::UserState;
use everpost_domain::message::{Head, format_rfc3339};
use everpost_mail::webmail;
use everpost_store::{Account, Flags, Folder, Replica, Row, SpecialUse};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, Shared};
use crate::caller::Caller;
use crate::extract::Ask;
use crate::problem::Problem;
use crate::view::{Person, people, sent};

pub(crate) use change::*;
pub(crate) use find::*;
pub(crate) use message::*;
pub(crate) use send::*;

/// Messages of a page, where nobody says.
const USUAL: usize = 50;
/// Messages of a page at most.
const MOST: usize = 200;
/// The keyword of what was sent on.
const FORWARDED: &str = "$Forwarded";

/// Where the mail of an account is delivered. Who is no recipient here has always used the mail server.
async fn state_of(app: &Shared, account: &Account) -> Result<UserState, Problem> {
    let recipient = app.tenant.recipient(&account.address).await?;
    Ok(recipient.map_or(UserState::Ready, |one| one.state))
}

/// The mailbox of an account. Whose mail server is not used has one, though nothing may have come yet.
async fn mailbox_of(
    app: &Shared,
    account: &Account,
    state: UserState,
) -> Result<Option<Replica>, Problem> {
    Ok(match state.uses_primary() {
        true => app.tenant.replica_if_any(&account.address).await?,
        false => Some(app.tenant.replica(&account.address).await?),
    })
}

/// Whether an account has a standby mailbox that it may read.
pub(super) async fn has_mailbox(app: &Shared, account: &Account) -> Result<bool, Problem> {
    let state = state_of(app, account).await?;
    let there = match state.uses_primary() {
        true => app.tenant.replica_if_any(&account.address).await?.is_some(),
        false => true,
    };
    Ok(there)
}

/// The caller's mailbox, for an action.
struct Own<'a> {
    account: &'a Account,
    state: UserState,
    replica: Replica,
}

async fn own<'a>(app: &App, caller: &'a Caller, action: Action) -> Result<Own<'a>, Problem> {
    let account = caller.person()?;
    caller.check(action, Object::OwnMail)?;
    let state = state_of(app, account).await?;
    let replica = mailbox_of(app, account, state).await?.ok_or_else(|| {
        Problem::not_found(format!("standby mailbox of {}", account.address)).hint(
            "there is one while your mail server is not used, and from the first time on that a mail program opened it here",
        )
    })?;
    Ok(Own {
        account,
        state,
        replica,
    })
}

/// A standby mailbox.
#[derive(Serialize, ToSchema)]
pub(crate) struct StandbyView {
    /// Whose it is.
    address: String,
    /// Where new mail goes: `ready` (to the mail server), `active` (here), `recovery` (to the mail server again, with what
    /// waited).
    state: &'static str,
    /// Whether this service takes letters to be sent.
    sends: bool,
    /// Addresses that the caller may send as, the usual one first.
    addresses: Vec<String>,
    /// Its folders, those with a use first.
    folders: Vec<FolderView>,
}

/// A folder of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct FolderView {
    id: u32,
    /// Its whole name, levels apart by `/`.
    name: String,
    /// What it is for: `inbox`, `drafts`, `sent`, `archive`, `junk`, `trash`.
    r#use: Option<&'static str>,
    /// All that it holds.
    messages: u64,
    /// Those that were not read.
    unseen: u64,
}

fn use_of(folder: &Folder) -> Option<&'static str> {
    match folder.used_for {
        _ if folder.name == "INBOX" => Some("inbox"),
        Some(SpecialUse::Drafts) => Some("drafts"),
        Some(SpecialUse::Sent) => Some("sent"),
        Some(SpecialUse::Archive) => Some("archive"),
        Some(SpecialUse::Junk) => Some("junk"),
        Some(SpecialUse::Trash) => Some("trash"),
        None => None,
    }
}

/// The caller's standby mailbox.
#[utoipa::path(get, path = "/mailbox", tag = "mailbox",
    responses((status = 200, body = StandbyView), Problem))]
pub(crate) async fn mailbox(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<StandbyView>, Problem> {
    let own = own(&app, &caller, Action::Read).await?;
    let mut folders = own.replica.folders().await?;
    let rank = |folder: &Folder| {
        const ORDER: [&str; 6] = ["inbox", "drafts", "sent", "archive", "junk", "trash"];
        let used_for = use_of(folder);
        let place = ORDER.iter().position(|one| Some(*one) == used_for);
        (place.unwrap_or(ORDER.len()), folder.name.clone())
    };
    folders.sort_by_cached_key(rank);
    let mut shown = Vec::with_capacity(folders.len());
    for folder in folders {
        let counts = own.replica.count(folder.id).await?;
        shown.push(FolderView {
            id: folder.id,
            r#use: use_of(&folder),
            name: folder.name,
            messages: counts.messages,
            unseen: counts.unseen,
        });
    }
    Ok(Json(StandbyView {
        address: own.account.address.clone(),
        state: own.state.name(),
        sends: app.link.front.get().is_some(),
        addresses: addresses(own.account),
        folders: shown,
    }))
}

/// Addresses that an account may send as, as at the listener `submission`; its own first.
fn addresses(account: &Account) -> Vec<String> {
    let mut all = vec![account.address.clone()];
    for address in &account.owns {
        if !all.contains(address) {
            all.push(address.clone());
        }
    }
    all
}

/// A message in a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct LineView {
    folder: u32,
    uid: u32,
    /// The copy's id in the archive.
    id: String,
    /// The Date field; where it cannot be read, when the message came.
    date: String,
    from: Vec<Person>,
    to: Vec<Person>,
    subject: String,
    /// `seen`, `answered`, `flagged`, `deleted`, `draft`, `forwarded`.
    flags: Vec<&'static str>,
    /// Bytes.
    size: u64,
    /// How many attachments it has.
    attachments: u32,
}

/// Flags by the names that the archive's messages have them by.
fn flags(row: &Row, keywords: &[String]) -> Vec<&'static str> {
    const NAMES: [(Flags, &str); 5] = [
        (Flags::SEEN, "seen"),
        (Flags::ANSWERED, "answered"),
        (Flags::FLAGGED, "flagged"),
        (Flags::DELETED, "deleted"),
        (Flags::DRAFT, "draft"),
    ];
    let set = NAMES.iter().filter(|(flag, _)| row.flags.has(*flag));
    let mut names: Vec<&str> = set.map(|(_, name)| *name).collect();
    let mut all = row.flags.names(keywords).into_iter();
    if all.any(|name| name.eq_ignore_ascii_case(FORWARDED)) {
        names.push("forwarded");
    }
    names
}

/// Messages as a list shows them.
async fn lines(replica: &Replica, rows: Vec<(u32, Row, Head)>) -> Result<Vec<LineView>, Problem> {
    let copies: Vec<i64> = rows.iter().map(|(_, row, _)| row.copy).collect();
    let ids = replica.tenant().ids_of_copies(&copies).await?;
    // After the rows: a keyword that is new has a name by now.
    let keywords = replica.keywords().await?;
    let line = |((folder, row, head), id): ((u32, Row, Head), _)| LineView {
        folder,
        uid: row.uid,
        id: format!("{id}"),
        date: sent(&head).unwrap_or_else(|| format_rfc3339(row.date)),
        from: people(&head.from),
        to: people(&head.to),
        flags: flags(&row, &keywords),
        size: row.size,
        attachments: head.attachments,
        subject: head.subject,
    };
    Ok(rows.into_iter().zip(ids).map(line).collect())
}

/// Which messages.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageAsk {
    /// The folder; INBOX, if it is not said.
    folder: Option<u32>,
    /// Those before the one with this UID: `next` of the page before.
    before: Option<u32>,
    /// At most so many: 50, if it is not said, and 200 at most.
    limit: Option<usize>,
}

/// Messages of a folder.
#[derive(Serialize, ToSchema)]
pub(crate) struct PageView {
    folder: u32,
    /// How many it holds.
    messages: usize,
    /// Newest first.
    items: Vec<LineView>,
    /// What to give as `before` for the next page; none at the end.
    next: Option<u32>,
}

fn most(limit: Option<usize>) -> usize {
    limit.unwrap_or(USUAL).clamp(1, MOST)
}

/// Messages of a folder, those that came last first.
#[utoipa::path(get, path = "/mailbox/messages", tag = "mailbox", params(PageAsk),
    responses((status = 200, body = PageView), Problem))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Ask(ask): Ask<PageAsk>,
) -> Result<Json<PageView>, Problem> {
    let own = own(&app, &caller, Action::Read).await?;
    let folder = match ask.folder {
        Some(folder) => folder,
        None => own.replica.folder("INBOX").await?.id,
    };
    let before = ask.before.unwrap_or(u32::MAX);
    let page = webmail::page(&own.replica, folder, before, most(ask.limit)).await?;
    let next = page.rows.last().map(|(row, _)| row.uid);
    let rows = page.rows.into_iter();
    let rows = rows.map(|(row, head)| (folder, row, head)).collect();
    Ok(Json(PageView {
        folder,
        messages: page.messages,
        items: lines(&own.replica, rows).await?,
        next: next.filter(|_| page.more),
    }))
}
