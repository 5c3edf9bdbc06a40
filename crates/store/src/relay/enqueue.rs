//! Into the queue: in the transaction that admits.

use std::collections::HashSet;

use sqlx::AnyConnection;

use super::record::{LegAbout, MailAbout, NewLeg, Onward};
use crate::catalog::sql::{Columns, values};
use crate::catalog::{Counter, statements, take_ids};
use crate::devices::{insert_submission, is_submitted};
use crate::error::Result;
use crate::keys::TenantKeys;
use crate::tenant::mailbox_key;
use everpost_domain::digest::Digest;
use everpost_domain::relay::LegState;

/// A message of the group that goes on, and the copy that it is.
pub(crate) struct Outgoing<'a> {
    pub(crate) copy: i64,
    pub(crate) digest: Digest,
    pub(crate) onward: &'a Onward,
}

/// What the same bytes for the same recipient are known by.
type Key = (i64, i64);

/// Makes the legs of messages that go on. A leg of the same bytes to the same recipient as an earlier one is
/// written down as a repeat, and goes nowhere. So do all of what was handed over before under the same number: whoever
/// repeats an order may have written other bytes for it, and may have asked two nodes at once.
pub(crate) async fn insert_onward(
    db: &mut AnyConnection,
    keys: &TenantKeys,
    outgoing: &[Outgoing<'_>],
    now: i64,
) -> Result<()> {
    let legs = || {
        let legs = outgoing.iter().enumerate();
        legs.flat_map(|(mail, one)| one.onward.legs.iter().map(move |leg| (mail, one.copy, leg)))
    };
    let count = legs().count();
    if count == 0 {
        return Ok(());
    }
    let recipient = |leg: &NewLeg| keys.lookup(b"mailbox", &mailbox_key(&leg.user));
    let asked = legs().map(|(_, copy, leg)| values![keys.tenant, copy, recipient(leg)]);
    let mut known: HashSet<Key> = HashSet::new();
    for row in statements::FIND_REPEATS.fetch(db, asked.collect()).await? {
        known.insert((row.int(0)?, row.int(1)?));
    }
    let again = handed_before(db, keys, outgoing).await?;
    let first_mail = take_ids(db, Counter::RelayMail, outgoing.len()).await?;
    let first_leg = take_ids(db, Counter::RelayLeg, count).await?;
    let id = |first: i64, place: usize| first + i64::try_from(place).unwrap_or(i64::MAX / 2);
    let mut mails = Vec::with_capacity(outgoing.len());
    for (place, one) in outgoing.iter().enumerate() {
        let about = MailAbout {
            sender: one.onward.sender.clone(),
            how: one.onward.how.clone(),
        };
        let about = about.seal(keys)?;
        mails.push(values![
            id(first_mail, place),
            keys.tenant,
            one.copy,
            now,
            about
        ]);
    }
    let mut rows = Vec::with_capacity(count);
    for (place, (mail, copy, leg)) in legs().enumerate() {
        let recipient = recipient(leg);
        let state = match leg.held {
            _ if again.contains(&mail) => LegState::Repeated,
            _ if !known.insert((copy, recipient)) => LegState::Repeated,
            Some(_) => LegState::Held,
            None => LegState::Waiting,
        };
        let why = leg.held.filter(|_| state == LegState::Held);
        let about = LegAbout {
            recipient: leg.recipient.clone(),
            place: leg.place.clone(),
            options: leg.options.clone(),
            tries: 0,
            attempts: Vec::new(),
        };
        rows.push(values![
            id(first_leg, place),
            keys.tenant,
            id(first_mail, mail),
            copy,
            keys.lookup(b"place", leg.place.as_bytes()),
            recipient,
            state.code(),
            why.map_or(0, everpost_domain::relay::Why::code),
            i64::from(leg.priority),
            now,
            now,
            0,
            about.seal(keys)?,
        ]);
    }
    statements::INSERT_RELAY_MAILS.execute(db, mails).await?;
    statements::INSERT_RELAY_LEGS.execute(db, rows).await?;
    for one in outgoing {
        if let Some(handed) = &one.onward.handed {
            insert_submission(db, keys, handed, &one.digest, now).await?;
        }
    }
    Ok(())
}

/// Places of the messages whose numbers are taken, by an earlier commit or by another message of this one.
async fn handed_before(
    db: &mut AnyConnection,
    keys: &TenantKeys,
    outgoing: &[Outgoing<'_>],
) -> Result<HashSet<usize>> {
    let (mut again, mut numbers) = (HashSet::new(), HashSet::new());
    for (place, one) in outgoing.iter().enumerate() {
        if let Some(handed) = &one.onward.handed {
            let is_new = numbers.insert((handed.device, handed.number));
            if !is_new || is_submitted(db, keys, handed).await? {
                again.insert(place);
            }
        }
    }
    Ok(again)
}
