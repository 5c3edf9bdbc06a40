//! What a mail server let pass and the archive does not have: found by the server's log, and written down.

use std::collections::BTreeSet;

use everpost_codec::maillog::{Entry, Stories, Story};
use everpost_domain::query::{Query, Test};
use everpost_store::{By, Omission, SearchRequest, StoreError, Tenant, now_us};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::view::time;

/// What a mail log and the archive say together. `seen` is the sum of `archived`, `omitted` and `unnamed`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct OmissionsView {
    /// Messages that the log says were delivered or sent on.
    pub seen: u64,
    /// Those that the archive has.
    pub archived: u64,
    /// Those of which the log names no Message-ID: nobody can say.
    pub unnamed: u64,
    /// Those that the archive does not have.
    pub omitted: Vec<OmissionView>,
}

/// A message that passed and is not in the archive.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OmissionView {
    /// Its Message-ID, without brackets.
    pub message_id: String,
    /// Under which the server knew it.
    pub queue_id: String,
    /// The server.
    pub host: String,
    /// When the log first names it.
    pub at: Option<String>,
    /// Its sender.
    pub sender: String,
    /// Whom it was delivered to.
    pub recipients: Vec<String>,
    /// Whether it was written into the archive's log before.
    pub known: bool,
}

/// Compares a mail log of Postfix with the archive; with an `actor`, what is missing and was not known before becomes
/// part of the archive's own log.
pub async fn omissions(
    tenant: &Tenant,
    log: &[u8],
    actor: Option<&str>,
) -> Result<OmissionsView, StoreError> {
    // What came a moment ago must be found.
    tenant.advance_index(true).await?;
    let mut stories = Stories::new(now_us() / 1_000_000, 0);
    let entries = log.split(|byte| *byte == b'\n').filter_map(Entry::read);
    let mut told: Vec<Story> = entries.filter_map(|entry| stories.push(entry)).collect();
    told.extend(stories.finish());
    let mut known = None;
    let mut view = OmissionsView::default();
    for story in told {
        let recipients = story.sent();
        let sender = story.from.clone().unwrap_or_default();
        // A notification of the server's own passes no filter.
        if recipients.is_empty() || sender.is_empty() {
            continue;
        }
        view.seen += 1;
        let Some(message_id) = story.message_id.clone() else {
            view.unnamed += 1;
            continue;
        };
        let request = SearchRequest {
            by: By::Copy,
            limit: 1,
            ..SearchRequest::new(Query::Test(Test::MessageId(message_id.clone())))
        };
        if tenant.search(&request).await?.copies > 0 {
            view.archived += 1;
            continue;
        }
        let known = match &known {
            Some(known) => known,
            None => known.insert(recorded(tenant).await?),
        };
        let mut one = OmissionView {
            message_id,
            queue_id: story.queue_id,
            host: story.host,
            at: story.first.map(time),
            sender,
            recipients,
            known: false,
        };
        one.known = known.contains(&one.subject());
        view.omitted.push(one);
    }
    if let Some(actor) = actor {
        let new = view.omitted.iter().filter(|one| !one.known);
        let new = new.map(|one| Omission {
            subject: one.subject(),
            reason: "a mail log names it".into(),
        });
        tenant
            .record_omissions(actor, &new.collect::<Vec<_>>())
            .await?;
    }
    Ok(view)
}

impl OmissionView {
    /// As the archive's log names it: the same message of the same server is the same line.
    fn subject(&self) -> String {
        format!(
            "message <{}> from <{}> to {} passed {} as {} at {}",
            self.message_id,
            self.sender,
            self.recipients.join(", "),
            self.host,
            self.queue_id,
            self.at.as_deref().unwrap_or("an unknown time"),
        )
    }
}

/// Omissions that the archive's log tells of.
async fn recorded(tenant: &Tenant) -> Result<BTreeSet<String>, StoreError> {
    let (mut known, mut from) = (BTreeSet::new(), 0);
    loop {
        let events = tenant.actions(from).await?;
        let Some(last) = events.last() else {
            return Ok(known);
        };
        from = last.seq + 1;
        let omitted = events.iter().filter(|event| event.is_omission());
        known.extend(
            omitted.map(|event| String::from_utf8_lossy(&event.record.subject).into_owned()),
        );
    }
}
