//! Capture: mail on its way, archived before anybody is told that it was taken.
//!
//! ```text
//! connection ─ machine (codec) ─ envelope, bytes ─ Capture::take ─ report or plain? ─ admit ─ 250
//! ```
//! A driver (one file a protocol) moves bytes between a connection and a machine of `codec`; what
//! it received whole goes through [`Capture::take`], and only then is the peer told.

mod gather;
pub mod milter;
pub mod smtp;
mod tally;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use everpost_codec::journal::{self, Captured, Inner, Report, Reports};
use everpost_domain::digest::Digest;
use everpost_domain::identity::Origin;
use everpost_domain::message::{Head, HeldEvidence, scan};
use everpost_store::{Envelope, Incoming, Onward, Outcome, Prepared, StoreError, Tenant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::relay::header;
use gather::Gathered;
use tally::Trouble;
pub use tally::{Road, Tally};

/// Mail as it came over a connection.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// The exact bytes.
    pub raw: Bytes,
    /// The envelope that they came with.
    pub envelope: journal::Envelope,
    /// Whether the envelope names everybody whom the mail is for. That of a copy may name the archive alone.
    pub is_whole: bool,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Every copy that is kept of it, the message itself first.
    pub copies: Vec<Outcome>,
    /// What was read of it, as people can check it.
    pub description: String,
}

/// How mail is captured.
#[derive(Debug, Clone)]
pub struct CaptureOptions {
    /// The organization's domains: addresses there have mailboxes in the archive.
    pub domains: Vec<String>,
    /// Which journal reports are believed.
    pub reports: Reports,
    /// Raw bytes of all connections together that memory may hold.
    pub room: usize,
    /// Those that the spool may hold: of long messages that are not complete yet.
    pub spool: usize,
}

/// The way of captured mail into the archive. Cheap to clone.
#[derive(Clone)]
pub struct Capture {
    tenant: Tenant,
    domains: Arc<[String]>,
    reports: Reports,
    room: Arc<Semaphore>,
    /// Bytes of one message that there can ever be room for.
    largest: usize,
    spool: Arc<Semaphore>,
    tallies: Arc<[Tally; Road::ALL.len()]>,
    trouble: Arc<Trouble>,
}

/// Bytes are counted in KiB, so that the count fits a semaphore.
const UNIT: usize = 1 << 10;

/// Room for bytes that were received; dropping it gives it back.
pub type Room = OwnedSemaphorePermit;

impl Taken {
    /// The copy that the message itself is kept as.
    pub fn id(&self) -> Option<Digest> {
        self.copies.first().map(|first| match first {
            Outcome::Stored(id) | Outcome::Duplicate(id) => *id,
        })
    }
}

impl Capture {
    /// The way into a tenant's archive.
    pub fn new(tenant: Tenant, options: &CaptureOptions) -> Self {
        let domains = options.domains.iter();
        let domains = domains.map(|domain| domain.trim().to_lowercase());
        let units = |bytes: usize| {
            let units = (bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS);
            Arc::new(Semaphore::new(units))
        };
        Capture {
            tenant,
            domains: domains.collect(),
            reports: options.reports,
            room: units(options.room),
            largest: options.room / UNIT * UNIT,
            spool: units(options.spool),
            tallies: Arc::default(),
            trouble: Arc::default(),
        }
    }

    /// The same way for mail whose reports are another matter: the room is one.
    fn believing(&self, reports: Reports) -> Self {
        Capture {
            reports,
            ..self.clone()
        }
    }

    /// What came by a road so far.
    pub fn tally(&self, road: Road) -> &Tally {
        let [journal, lmtp, milter, mx, submission] = &*self.tallies;
        match road {
            Road::Journal => journal,
            Road::Lmtp => lmtp,
            Road::Milter => milter,
            Road::Mx => mx,
            Road::Submission => submission,
        }
    }

    /// Room for `bytes` more, if there is some now. Without it the peer is asked to come again: what
    /// is received and not archived lies in memory.
    pub fn try_room(&self, bytes: usize) -> Option<Room> {
        try_take(&self.room, bytes)
    }

    /// Room in memory as soon as there is some; `None` if there can be none.
    async fn room(&self, bytes: usize) -> Option<Room> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).ok()?;
        let fits = bytes <= self.largest;
        let room = fits.then(|| self.room.clone().acquire_many_owned(units))?;
        room.await.ok()
    }

    /// Room in the spool, if there is some now.
    fn try_spool(&self, bytes: usize) -> Option<Room> {
        try_take(&self.spool, bytes)
    }

    /// Archives what came. When this returns `Ok`, it is durable; when it returns an error, the peer
    /// keeps it and comes again: then nothing is kept twice.
    pub async fn take(&self, arrived: Arrived) -> Result<Taken, StoreError> {
        let way = self.clone();
        let prepare = tokio::task::spawn_blocking(move || way.prepare(&arrived));
        let (items, description) = prepare.await.map_err(|_| StoreError::Stopped)?;
        let copies = self.keep(items).await?;
        Ok(Taken {
            copies,
            description,
        })
    }

    /// Archives items that are made ready. As [`Capture::take`], but nothing is read of them.
    pub(crate) async fn keep(&self, items: Vec<Prepared>) -> Result<Vec<Outcome>, StoreError> {
        let kept = self.tenant.admit(items, None).await;
        match &kept {
            Ok(_) => self.trouble.over(),
            Err(error) => self.trouble.met(error),
        }
        kept
    }

    /// Items of one group: the message, and the report that brought it.
    fn prepare(&self, arrived: &Arrived) -> (Vec<Prepared>, String) {
        let captured = journal::classify(&arrived.raw, &arrived.envelope, self.reports);
        let description = captured.describe(&arrived.raw).to_string();
        let came = Envelope {
            sender: arrived.envelope.sender.clone(),
            recipients: arrived.envelope.recipients.clone(),
            ..Envelope::default()
        };
        let Captured::Report(report) = &captured else {
            let mut owners = self.owners(&came);
            if !arrived.is_whole && !came.recipients.iter().any(|one| self.is_local(one)) {
                self.add_named(&arrived.raw, &mut owners);
            }
            let item = item(arrived.raw.clone(), came, owners, None, None);
            return (vec![item], description);
        };
        let told = envelope_of(report);
        let owners = self.owners(&told);
        let mut items = Vec::new();
        for inner in &report.inner {
            let raw = match inner {
                Inner::Within(range) => arrived.raw.slice(range.clone()),
                Inner::Decoded(bytes) => Bytes::copy_from_slice(bytes),
                // It stays within the report, where its text is found.
                Inner::Tnef(_) => continue,
            };
            items.push(item(raw, told.clone(), owners.clone(), None, None));
        }
        let message = items.first().map(Prepared::digest);
        items.push(item(arrived.raw.clone(), came, owners, message, None));
        (items, description)
    }

    /// Whose mailboxes in the archive mail with this envelope belongs to.
    fn owners(&self, envelope: &Envelope) -> Vec<String> {
        let all = std::iter::once(&envelope.sender).chain(&envelope.recipients);
        all.filter(|address| self.is_local(address))
            .cloned()
            .collect()
    }

    /// Adds those whom a copy's header names, where its envelope does not say whom the mail was for: copies of
    /// `always_bcc`, of a forwarding rule.
    fn add_named(&self, raw: &[u8], owners: &mut Vec<String>) {
        let header = header(raw);
        let head = Head::read(header, &scan(header));
        let named = [&head.from, &head.to, &head.cc, &head.bcc];
        for address in named.into_iter().flatten() {
            if self.is_local(&address.email) && !owners.contains(&address.email) {
                owners.push(address.email.clone());
            }
        }
    }

    /// Whether an address is the organization's.
    pub fn is_local(&self, address: &str) -> bool {
        let domain = address.rsplit_once('@').map(|(_, domain)| domain);
        domain.is_some_and(|domain| {
            let mut own = self.domains.iter();
            own.any(|own| own.eq_ignore_ascii_case(domain))
        })
    }
}

fn try_take(of: &Arc<Semaphore>, bytes: usize) -> Option<Room> {
    let units = u32::try_from(bytes.div_ceil(UNIT)).ok()?;
    of.clone().try_acquire_many_owned(units).ok()
}

/// An item of mail on its way.
pub(crate) fn item(
    raw: Bytes,
    envelope: Envelope,
    owners: Vec<String>,
    report_of: Option<Digest>,
    onward: Option<Onward>,
) -> Prepared {
    let now = now();
    let incoming = Incoming {
        raw,
        origin: Origin::EventSink,
        held: HeldEvidence {
            capture: Some(now),
            ..HeldEvidence::default()
        },
        position: 0,
        envelope: Some(envelope),
        places: Vec::new(),
        owners,
        report_of,
        onward,
    };
    Prepared::new(incoming, now)
}

/// The envelope that a report tells of.
fn envelope_of(report: &Report) -> Envelope {
    let recipients = report.recipients.iter();
    Envelope {
        sender: report.sender.clone(),
        recipients: recipients.map(|one| one.address.clone()).collect(),
        ..Envelope::default()
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}
