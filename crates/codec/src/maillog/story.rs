//! The lines of each message, together.

use super::{Delivered, Entry, Event, Status};
use std::collections::{BTreeMap, VecDeque};

/// Most messages that are followed at once, unless set otherwise. Those of which nothing was heard longest
/// are given up first.
const OPEN: usize = 100_000;

/// Most attempts that are kept of a message; of more, the first ones go.
const ATTEMPTS: usize = 1_000;

/// All that a log says of one message under one queue id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Story {
    /// The queue id.
    pub queue_id: String,
    /// The host whose queue it is.
    pub host: String,
    /// When its first line was written, in microseconds since 1970.
    pub first: Option<i64>,
    /// When its last line was written.
    pub last: Option<i64>,
    /// The client that brought it.
    pub client: Option<String>,
    /// Who signed in.
    pub sasl_username: Option<String>,
    /// Its Message-ID, without brackets.
    pub message_id: Option<String>,
    /// The reverse path.
    pub from: Option<String>,
    /// Its bytes.
    pub size: Option<u64>,
    /// Its recipients.
    pub recipients: Option<u32>,
    /// Attempts to deliver, in their order; the last 1,000.
    pub deliveries: VecDeque<Delivered>,
    /// Replies that refused it before it was accepted.
    pub rejected: Vec<String>,
    /// Queue ids of notifications about it.
    pub notifications: Vec<String>,
    /// It was given up, too old.
    pub expired: bool,
    /// It left the queue.
    pub removed: bool,
}

impl Story {
    /// True if the log proves that this Postfix took the message: it was in the queue. False proves nothing
    /// unless the log is complete.
    pub fn accepted(&self) -> bool {
        self.size.is_some() || self.removed || !self.deliveries.is_empty()
    }

    /// How the last attempt for `recipient` ended, named as it came or as it was rewritten, whatever the case of
    /// its letters.
    pub fn outcome(&self, recipient: &str) -> Option<&Delivered> {
        self.deliveries.iter().rev().find(|one| {
            let is = |address: &str| address.eq_ignore_ascii_case(recipient);
            is(&one.to) || one.orig_to.as_deref().is_some_and(is)
        })
    }

    /// Recipients that the message was sent on to, each once, in lower case.
    pub fn sent(&self) -> Vec<String> {
        let sent = self.deliveries.iter();
        let sent = sent.filter(|one| one.status == Status::Sent);
        let mut list: Vec<String> = sent.map(|one| one.to.to_ascii_lowercase()).collect();
        list.sort();
        list.dedup();
        list
    }

    fn take(&mut self, micros: Option<i64>, event: Event) {
        self.first = self.first.or(micros);
        self.last = micros.or(self.last);
        match event {
            Event::Client {
                client,
                sasl_username,
            } => {
                self.client = Some(client);
                self.sasl_username = sasl_username;
            }
            Event::Pickup { from } => self.from = Some(from),
            Event::MessageId(id) => self.message_id = Some(id),
            Event::Queued {
                from,
                size,
                recipients,
            } => {
                self.from = Some(from);
                self.size = Some(size);
                self.recipients = Some(recipients);
            }
            Event::Delivery(delivered) => {
                if self.deliveries.len() == ATTEMPTS {
                    self.deliveries.pop_front();
                }
                self.deliveries.push_back(*delivered);
            }
            Event::Rejected { text, .. } if self.rejected.len() < ATTEMPTS => {
                self.rejected.push(text);
            }
            Event::Notified(id) if self.notifications.len() < ATTEMPTS => {
                self.notifications.push(id);
            }
            Event::Said(_) | Event::Rejected { .. } | Event::Notified(_) => {}
            Event::Expired => self.expired = true,
            Event::Removed => self.removed = true,
        }
    }
}

/// Gathers lines. Ids are used again after a message was removed: its story is then complete, and given out.
#[derive(Debug)]
pub struct Stories {
    now: i64,
    offset_minutes: i16,
    most: usize,
    /// By host and queue id: when last heard of, and the story.
    open: BTreeMap<(String, String), (u64, Story)>,
    /// Who was heard of, oldest first; entries that were heard of again since are stale.
    heard: BTreeMap<u64, (String, String)>,
    count: u64,
}

impl Stories {
    /// For a log that is read at `now` (seconds since 1970), whose classic times are of this zone.
    pub fn new(now: i64, offset_minutes: i16) -> Self {
        Self::at_most(OPEN, now, offset_minutes)
    }

    /// The same, following at most `most` messages at once.
    pub fn at_most(most: usize, now: i64, offset_minutes: i16) -> Self {
        Stories {
            now,
            offset_minutes,
            most: most.max(1),
            open: BTreeMap::new(),
            heard: BTreeMap::new(),
            count: 0,
        }
    }

    /// Takes a line in. Returns a story that is at its end by it: removed from the queue, or given up to keep
    /// memory bounded ([`Story::removed`] is then false).
    pub fn push(&mut self, entry: Entry) -> Option<Story> {
        let id = entry.queue_id?;
        let micros = entry.stamp.resolve(self.now, self.offset_minutes);
        let key = (entry.host, id);
        self.count += 1;
        let (heard, mut story) = self.open.remove(&key).unwrap_or_else(|| {
            let (host, queue_id) = key.clone();
            let story = Story {
                host,
                queue_id,
                ..Story::default()
            };
            (0, story)
        });
        self.heard.remove(&heard);
        story.take(micros, entry.event);
        if story.removed {
            return Some(story);
        }
        self.heard.insert(self.count, key.clone());
        self.open.insert(key, (self.count, story));
        if self.open.len() <= self.most {
            return None;
        }
        let (_, oldest) = self.heard.pop_first()?;
        self.open.remove(&oldest).map(|(_, story)| story)
    }

    /// The stories that are not at their end, by host and queue id.
    pub fn open(&self) -> impl Iterator<Item = &Story> {
        self.open.values().map(|(_, story)| story)
    }

    /// Ends the log: all that is open, as [`open`](Stories::open) gives it.
    pub fn finish(self) -> impl Iterator<Item = Story> {
        self.open.into_values().map(|(_, story)| story)
    }
}
