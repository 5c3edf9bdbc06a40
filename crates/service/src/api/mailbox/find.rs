//! Searching the mailbox, in the language of the archive's search.

use axum::Json;
use axum::extract::State;
use everpost_domain::access::Action;
use everpost_domain::query::parse;
use everpost_mail::webmail::{FindError, Mark, find as find_in};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{LineView, lines, most, own};
use crate::app::App;
use crate::caller::Caller;
use crate::extract::Ask;
use crate::problem::Problem;

/// Bytes of messages that are open at a time for one search: most mail is much smaller.
const OPEN: u64 = 32 << 20;

/// What is looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FindAsk {
    /// The query, as `/search` takes it; no groups, tags and servers.
    q: String,
    /// Within this folder alone.
    folder: Option<u32>,
    /// `next` of the answer before.
    after: Option<String>,
    /// At most so many: 50, if it is not said, and 200 at most.
    limit: Option<usize>,
}

/// What was found.
#[derive(Serialize, ToSchema)]
pub(crate) struct FoundView {
    /// Newest first. Fewer than asked for, or none, says nothing of what comes behind `next`.
    items: Vec<LineView>,
    /// What to give as `after` to search on; none where all was searched.
    next: Option<String>,
}

/// A mark as a caller keeps it.
fn read(text: &str) -> Option<Mark> {
    let mut parts = text.split('.');
    let mark = Mark {
        date: parts.next()?.parse().ok()?,
        folder: parts.next()?.parse().ok()?,
        uid: parts.next()?.parse().ok()?,
    };
    parts.next().is_none().then_some(mark)
}

/// Messages of the mailbox for which a query holds, newest first. A request opens some hundreds of messages at most.
#[utoipa::path(get, path = "/mailbox/search", tag = "mailbox", params(FindAsk),
    responses((status = 200, body = FoundView), Problem))]
pub(crate) async fn find(
    State(app): State<App>,
    caller: Caller,
    Ask(ask): Ask<FindAsk>,
) -> Result<Json<FoundView>, Problem> {
    let own = own(&app, &caller, Action::Search).await?;
    let query = parse(&ask.q)?;
    let after = match ask.after.as_deref().map(read) {
        Some(None) => return Err(Problem::invalid("`after` is `next` of another answer")),
        Some(mark) => mark,
        None => None,
    };
    let _room = app.room(OPEN).await?;
    let found = find_in(&own.replica, &query, ask.folder, after, most(ask.limit)).await;
    let found = found.map_err(|error| match error {
        FindError::Store(error) => error.into(),
        FindError::Query(what) => Problem::invalid(what),
    })?;
    let next = found.next.map(|mark| {
        let Mark { date, folder, uid } = mark;
        format!("{date}.{folder}.{uid}")
    });
    Ok(Json(FoundView {
        items: lines(&own.replica, found.hits).await?,
        next,
    }))
}
