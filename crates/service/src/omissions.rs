//! What a mail server let pass and the archive does not have: found by the server's log, and written down.

use std::collections::BTreeSet;

use everpost_codec::maillog::{Entry, Stories, Story};
use everpost_domain::query::{Query, Test};
use everpost_store::{By, Omission, SearchRequest, StoreError, Tenant, now_us};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::view::time;

/// Omissions that are listed; of more, only the number is told.
const LISTED: usize = 10_000;
/// Omissions that are written down at a time.
const BATCH: usize = 1_000;

/// What a mail log and the archive say together. `seen` is the sum of `archived`, `missing` and `unnamed`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct OmissionsView {
    /// Messages that the log says were delivered or sent on.
    pub seen: u64,
    /// Those that the archive has.
    pub archived: u64,
    /// Those that it does not have.
    pub missing: u64,
    /// Those of which the log names no Message-ID: nobody can say.
    pub unnamed: u64,
    /// The missing ones, in the order of the log; the first ten thousand.
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
    let mut audit = Audit {
        tenant,
        actor,
        known: recorded(tenant).await?,
        new: Vec::new(),
        view: OmissionsView::default(),
    };
    let mut stories = Stories::new(now_us() / 1_000_000, 0);
    // A message is looked at when its story ends, so that no log is too long.
    for entry in log.split(|byte| *byte == b'\n').filter_map(Entry::read) {
        if let Some(story) = stories.push(entry) {
            audit.look(story).await?;
        }
    }
    for story in stories.finish() {
        audit.look(story).await?;
    }
    audit.write_down().await?;
    Ok(audit.view)
}

/// A comparison under way.
struct Audit<'a> {
    tenant: &'a Tenant,
    actor: Option<&'a str>,
    /// Omissions that the archive's log tells of.
    known: BTreeSet<String>,
    /// Those that it is to tell of.
    new: Vec<Omission>,
    view: OmissionsView,
}

impl Audit<'_> {
    async fn look(&mut self, story: Story) -> Result<(), StoreError> {
        let recipients = story.sent();
        let sender = story.from.unwrap_or_default();
        // A notification of the server's own passes no filter.
        if recipients.is_empty() || sender.is_empty() {
            return Ok(());
        }
        self.view.seen += 1;
        let Some(message_id) = story.message_id else {
            self.view.unnamed += 1;
            return Ok(());
        };
        let request = SearchRequest {
            by: By::Copy,
            limit: 1,
            ..SearchRequest::new(Query::Test(Test::MessageId(message_id.clone())))
        };
        if self.tenant.search(&request).await?.copies > 0 {
            self.view.archived += 1;
            return Ok(());
        }
        self.view.missing += 1;
        let mut one = OmissionView {
            message_id,
            queue_id: story.queue_id,
            host: story.host,
            at: story.first.map(time),
            sender,
            recipients,
            known: false,
        };
        let subject = one.subject();
        one.known = self.known.contains(&subject);
        if self.actor.is_some() && !one.known {
            self.new.push(Omission {
                subject,
                reason: "a mail log names it".into(),
            });
        }
        if self.view.omitted.len() < LISTED {
            self.view.omitted.push(one);
        }
        match self.new.len() < BATCH {
            true => Ok(()),
            false => self.write_down().await,
        }
    }

    async fn write_down(&mut self) -> Result<(), StoreError> {
        if let (Some(actor), false) = (self.actor, self.new.is_empty()) {
            self.tenant.record_omissions(actor, &self.new).await?;
            let new = self.new.drain(..).map(|one| one.subject);
            self.known.extend(new);
        }
        Ok(())
    }
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
