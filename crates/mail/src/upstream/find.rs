//! Finding a message again whose APPEND, COPY or MOVE was not answered.

use everpost_codec::imap::Numbers;
use everpost_codec::imap::client::{Answer, Kind, Request};

use super::evidence::Traits;
use super::look::Access;
use super::trouble::{Refusal, Trouble};
use super::{Upstream, limits};

/// The longest Message-ID that a search is asked for; a longer one is looked for in the headers.
const LONGEST: usize = 500;

/// What was found again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traces {
    /// UIDVALIDITY of the folder.
    pub uidvalidity: u32,
    /// The messages.
    pub messages: Vec<Traits>,
}

impl Upstream {
    /// The messages of a folder with this Message-ID that came since its UIDVALIDITY and UIDNEXT were these, which is when it
    /// was ordered; all, where that is not known or its UIDs begin anew. Whether they are the very message, their bytes tell.
    ///
    /// The server's search is not believed where it finds nothing, as it may know words only, or not yet what came last: then
    /// the headers are read, as far as they are not too many.
    ///
    /// A server that lost us may be carrying out what it had read. So nothing found is proof only after a while.
    ///
    /// # Errors
    /// [`Trouble::Refused`] where the folder cannot be opened.
    pub async fn find(
        &mut self,
        folder: &str,
        message_id: &str,
        since: Option<(u32, u32)>,
    ) -> Result<Traces, Trouble> {
        // What came since it was opened may not be shown otherwise.
        self.close().await?;
        self.opened = None;
        let opened = self.open(folder, Access::Read).await?;
        let since = since.filter(|(uidvalidity, _)| *uidvalidity == opened.uidvalidity);
        let from_uid = since.map_or(1, |(_, uidnext)| uidnext.max(1));
        let traces = |messages: Vec<Traits>| Traces {
            uidvalidity: opened.uidvalidity,
            messages,
        };
        if self.connection.news.exists == 0 || opened.uidnext.is_some_and(|next| next <= from_uid) {
            return Ok(traces(Vec::new()));
        }
        let named = self.search(message_id, from_uid).await?;
        let mut found = Vec::new();
        let wanted = message_id.trim();
        let mut take = |traits: Traits| {
            if traits.message_id().as_deref() == Some(wanted) {
                found.push(traits);
            }
        };
        self.evidence(
            folder,
            opened.uidvalidity,
            &named,
            &["Message-ID"],
            &mut take,
        )
        .await?;
        if !found.is_empty() {
            return Ok(traces(found));
        }
        let all = self.uids_from(from_uid).await?;
        if all.len() > limits::FIND {
            return Err(Trouble::Refused(Refusal::ours(
                "too many messages to look through",
            )));
        }
        let mut take = |traits: Traits| {
            if traits.message_id().as_deref() == Some(wanted) {
                found.push(traits);
            }
        };
        self.evidence(folder, opened.uidvalidity, &all, &["Message-ID"], &mut take)
            .await?;
        Ok(traces(found))
    }

    /// What the server finds; nothing if it cannot search so.
    async fn search(&mut self, message_id: &str, from_uid: u32) -> Result<Vec<u32>, Trouble> {
        let is_askable = message_id.len() <= LONGEST
            && message_id.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
        if !is_askable {
            return Ok(Vec::new());
        }
        let request = Request::new(format!("UID SEARCH UID {from_uid}:* HEADER Message-ID"));
        let Ok(request) = request.quoted(message_id.as_bytes()) else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        let mut ear = |answer| {
            if let Answer::Found(more) = answer {
                found.extend(more.numbers.0);
            }
        };
        let status = self.connection.exchange(request, &mut ear).await?;
        match status.kind {
            Kind::Ok => Ok(listed(&Numbers(found), from_uid)),
            _ => Ok(Vec::new()),
        }
    }

    async fn uids_from(&mut self, from_uid: u32) -> Result<Vec<u32>, Trouble> {
        let mut uids = Vec::new();
        let mut ear = |answer| {
            if let Answer::Fetched(fetched) = answer {
                // `5:*` is the last one where none is above 5.
                uids.extend(fetched.uid.filter(|uid| *uid >= from_uid));
                uids.truncate(limits::FIND + 1);
            }
        };
        self.ask(
            Request::new(format!("UID FETCH {from_uid}:* (UID)")),
            &mut ear,
        )
        .await?;
        Ok(uids)
    }
}

/// As many as are ever read.
fn listed(numbers: &Numbers, from_uid: u32) -> Vec<u32> {
    let ranges = numbers.ranges(u32::MAX);
    let uids = ranges.into_iter().flat_map(|(from, to)| from..=to);
    uids.filter(|uid| *uid >= from_uid)
        .take(limits::FIND)
        .collect()
}
