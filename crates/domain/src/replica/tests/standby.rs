//! The service in an outage, for tests: mail comes out of the standby mailbox, and the service brings it to the server later.

use super::acts::{Story, flags};
use super::rig::Rig;
use super::upstream::Mail;
use crate::replica::*;

/// What the service does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Duty {
    /// A mail comes out of the standby mailbox. `is_twin`: under the header of the last one; `is_again`: one that came before.
    Receive {
        is_twin: bool,
        is_again: bool,
        flags: u8,
    },
    /// One is brought to the server, with fields of the service's own.
    HandOver { nth: u8, is_rewritten: bool },
    /// One never will be.
    GiveUp { nth: u8 },
    /// It says that all is done.
    Report,
}

/// What the service has to do.
#[derive(Debug, Clone, Default)]
pub(super) struct Standby {
    /// Mail that is not on the server yet.
    pub(super) queue: Vec<u32>,
    /// When it said that nothing is left.
    pub(super) said: Option<i64>,
}

impl Story {
    /// Others handled it on the server, or there are more of it: nobody knows for certain which of them was brought.
    fn is_doubtful(&self) -> bool {
        self.touched_there || self.deleted_there || self.copies > 0
    }
}

impl Standby {
    fn take(&mut self, nth: u8) -> Option<u32> {
        let at = usize::from(nth) % self.queue.len().max(1);
        (at < self.queue.len()).then(|| self.queue.remove(at))
    }
}

impl Rig {
    pub(super) fn serve(&mut self, duty: Duty) {
        match duty {
            Duty::Receive {
                is_twin,
                is_again,
                flags: bits,
            } => {
                let mut came = self.stories.iter().filter(|(_, story)| story.received > 0);
                let again = came.next_back().map(|(content, _)| *content);
                let again = again.filter(|_| is_again);
                let content = again.unwrap_or_else(|| self.new_content(is_twin));
                self.receive_here(content, flags(bits));
                self.story(content).received += 1;
                self.standby.queue.push(content);
                self.mark_deleted(content, flags(bits), true);
                self.left_by_client(content);
                self.commit();
            }
            Duty::HandOver { nth, is_rewritten } => {
                if let Some(content) = self.standby.take(nth) {
                    let mail = Mail {
                        content,
                        is_rewritten,
                    };
                    let inbox = self.upstream.folders.get_mut(INBOX).unwrap();
                    inbox.add(mail, Flags::NONE);
                }
            }
            Duty::GiveUp { nth } => {
                if let Some(content) = self.standby.take(nth) {
                    self.story(content).is_given_up = true;
                }
            }
            Duty::Report => {
                if self.standby.queue.is_empty() {
                    self.standby.said = Some(self.now);
                }
            }
        }
    }

    /// After a look that saw all, what was not brought never will be.
    pub(super) fn heed_report(&mut self, saw_all: bool, began: i64) {
        let said = self.standby.said.filter(|said| saw_all && began >= *said);
        if let Some(said) = said {
            self.standby.said = None;
            self.mailbox.stop_waiting(said);
            self.commit();
        }
    }

    /// Where a client left the only message of its kind, and with which flags.
    pub(super) fn left_by_client(&mut self, content: u32) {
        let mut rows = self.mailbox.messages();
        let row = rows.find(|row| Mail::of(row).content == content);
        let seat = row.and_then(|row| row.here);
        drop(rows);
        self.story(content).left = seat.map(|seat| (seat.folder, seat.flags));
    }

    /// The outage ends: what is left is brought, and then it is said that all is.
    pub(super) fn end_outage(&mut self) {
        for content in &self.standby.queue {
            let mut rows = self.mailbox.messages();
            let is_shown = rows.any(|row| row.here.is_some() && Mail::of(row).content == *content);
            let story = &self.stories[content];
            assert!(
                is_shown || story.deleted_here || story.is_doubtful(),
                "{content} {story:?}"
            );
        }
        while !self.standby.queue.is_empty() {
            let is_rewritten = self.standby.queue.len().is_multiple_of(2);
            self.serve(Duty::HandOver {
                nth: 0,
                is_rewritten,
            });
        }
        self.calm();
        // What is one, and was brought, was found.
        for row in self.mailbox.messages().filter(|row| row.awaited) {
            let story = &self.stories[&Mail::of(row).content];
            assert!(
                story.is_given_up || story.is_doubtful(),
                "{row:?} {story:?}"
            );
        }
        self.serve(Duty::Report);
        self.now += 1;
        for _ in 0..3 {
            self.round();
        }
        assert_eq!(self.standby.said, None);
        self.calm();
        assert!(self.mailbox.messages().all(|row| !row.awaited));
    }
}
