//! Bringing the server what it is owed: one order at a time, written down before it leaves and after it was answered.

use std::collections::BTreeMap;

use bytes::Bytes;
use everpost_domain::replica::{MessageId, Order, Outcome};

use super::words::Words;
use super::{Halt, Sync};
use crate::capture::now;
use crate::upstream::{Letter, Trouble, Upstream, Verdict, outcome};

impl Sync {
    /// Carries orders out; how many were.
    pub(super) async fn work(
        &mut self,
        upstream: &mut Upstream,
        orders: Vec<Order>,
    ) -> Result<usize, Halt> {
        let words = Words::of(&self.replica).await?;
        let none = BTreeMap::new();
        let mut done = 0;
        let mut refused = Vec::new();
        for order in orders {
            let letter = match &order {
                Order::Append { message, .. } => match self.letter(*message).await? {
                    Some(letter) => Some(letter),
                    None => {
                        let end = |core: &mut everpost_domain::replica::Mailbox<_>| {
                            core.outcome(&order, Outcome::NoBytes, now())
                        };
                        self.replica.step(&none, end).await?;
                        continue;
                    }
                },
                _ => None,
            };
            // Another order, or a client, may have settled it meanwhile.
            if !self.replica.step(&none, |core| core.intend(&order)).await? {
                continue;
            }
            let result = upstream.carry_out(&order, letter.as_ref(), &words).await;
            let end = outcome(&result);
            self.replica
                .step(&none, |core| core.outcome(&order, end, now()))
                .await?;
            match result {
                Ok(Verdict::Done(_) | Verdict::NotAsThought) => done += 1,
                Ok(Verdict::Refused(no)) | Err(Trouble::Refused(no)) => {
                    tracing::warn!(?order, %no, "the mail server refuses an order");
                    refused.push(no.to_string());
                }
                Err(trouble) => return Err(trouble.into()),
            }
        }
        self.health.send_if_modified(|health| {
            let is_news = health.refused != refused;
            health.refused = refused;
            is_news
        });
        Ok(done)
    }

    /// A message that is to be appended; `None` where its bytes are not here.
    async fn letter(&self, id: MessageId) -> Result<Option<Letter>, Halt> {
        let seat = |core: &everpost_domain::replica::Mailbox<_>| {
            let message = core.message(id)?;
            let seat = message.here?;
            Some((seat.folder.0, seat.uid, message.date))
        };
        let Some((folder, uid, date)) = self.replica.look(seat).await? else {
            return Ok(None);
        };
        let rows = self.replica.rows(folder, &[uid]).await?;
        let Some(row) = rows.first().filter(|row| row.copy != 0) else {
            return Ok(None);
        };
        let copies = [row.copy];
        let mut found = None;
        let read = self.replica.tenant().read_copies(&copies, |_, raw| {
            found = Some(raw);
            false
        });
        read.await?;
        let Some(raw) = found.transpose()? else {
            return Ok(None);
        };
        Ok(Some(Letter {
            date,
            bytes: vec![Bytes::from(crlf(raw))],
        }))
    }
}

/// As it goes over the wire.
fn crlf(raw: Vec<u8>) -> Vec<u8> {
    match everpost_codec::imap::message::crlf(&raw) {
        std::borrow::Cow::Borrowed(_) => raw,
        std::borrow::Cow::Owned(served) => served,
    }
}
