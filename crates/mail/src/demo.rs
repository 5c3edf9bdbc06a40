//! A generated organization: an invented firm that builds harbours, four years of its
//! mail in eleven languages, the same bytes every time.
//!
//! It exists so that a fresh archive has something to show. It contains what real mail
//! contains and archives stumble over: threads with quotes, HTML beside plain text, old
//! charsets, the same attachment in many mails, one mail in many mailboxes, one mail in
//! copies that differ in their trace fields, and two mails under one Message-ID.
//!
//! **Invariant.** Everything is a function of [`Demo`]; nothing here reads a file, a clock
//! or a random number from outside, and no library decides a byte except for the tables
//! of the old charsets, which are a standard.

mod calendar;
mod encode;
mod english;
mod files;
mod fill;
mod letter;
mod machines;
mod papers;
mod parts;
mod people;
mod post;
mod random;
mod scenes;
mod talk;
#[cfg(test)]
mod tests;
mod world;

use std::collections::VecDeque;

use calendar::utc;
use post::{Mail, deliver};
use random::Random;

/// When the firm's first mail was written.
const BEGIN: i64 = utc(2022, 1, 3, 6, 0);
/// No mail is younger.
const END: i64 = utc(2025, 12, 19, 16, 0);
/// Threads begin until here, so that they can end before [`END`].
const LAST_START: i64 = utc(2025, 12, 18, 8, 0);
/// When the scanner sends its two mails of one Message-ID.
const SCANNER: i64 = utc(2023, 5, 15, 9, 0);

/// Three searches that find something in the demo, and what each one shows.
pub const SEARCHES: [(&str, &str); 3] = [
    (
        "caisson \"Pier 7\"",
        "a word and a phrase: the leak at Pier 7, from the first alarm to the dry gallery",
    ),
    (
        "from:johan.akerblom sent:2024-02..2024-04 heron",
        "a sender and a time: what the finance chief wrote about the secret acquisition in spring 2024",
    ),
    (
        "has:attachment filename:*.pdf subject:invoice",
        "structure: invoices that came as a PDF",
    ),
];

/// A demo: which one, and how large.
///
/// ```
/// use everpost_mail::demo::Demo;
/// let demo = Demo { messages: 20, ..Demo::default() };
/// assert!(demo.items().count() >= 20);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demo {
    /// Decides everything that is left to chance. The told stories are in every demo.
    pub seed: u64,
    /// How many different mails are written. There are more items than that, because most
    /// mails lie in several mailboxes. Below some 300 a few of the stories may be missing.
    pub messages: usize,
}

impl Default for Demo {
    fn default() -> Self {
        Demo {
            seed: 7,
            messages: 2_000,
        }
    }
}

/// What the owner of a mailbox did with a mail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flags {
    /// Read.
    pub seen: bool,
    /// Answered.
    pub answered: bool,
    /// Marked as important.
    pub flagged: bool,
}

impl Flags {
    /// The letters that Maildir uses, in its order: `F`, `R`, `S`.
    pub fn letters(&self) -> String {
        [(self.flagged, 'F'), (self.answered, 'R'), (self.seen, 'S')]
            .into_iter()
            .filter_map(|(set, letter)| set.then_some(letter))
            .collect()
    }
}

/// One copy of a mail in one folder of one mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoItem {
    /// The mailbox's address, such as `sara.lindholm@lindholm-quay.example`.
    pub mailbox: String,
    /// The folder: `INBOX`, `Sent`, `Projects/Harbour`.
    pub folder: String,
    /// What its owner did with it.
    pub flags: Flags,
    /// When it was put there, in seconds since 1970.
    pub delivered: i64,
    /// The exact bytes.
    pub raw: Vec<u8>,
}

impl Demo {
    /// Every item, in roughly the order in which the mails were written. Only one thread
    /// is in memory at a time.
    pub fn items(&self) -> impl Iterator<Item = DemoItem> + use<> {
        Items {
            demo: *self,
            random: Random::new(self.seed),
            turn: 0,
            written: 0,
            scenes: scenes::SCENES.iter(),
            next_scene: None,
            scanner_due: true,
            ready: VecDeque::new(),
        }
    }
}

/// The demo in the making.
struct Items {
    demo: Demo,
    random: Random,
    turn: usize,
    written: usize,
    scenes: std::slice::Iter<'static, scenes::Scene>,
    next_scene: Option<&'static scenes::Scene>,
    scanner_due: bool,
    ready: VecDeque<DemoItem>,
}

impl Items {
    /// The mails of the next thread, newsletter or the like.
    fn batch(&mut self) -> Vec<Mail> {
        // Time passes with the number of mails, so that any size spans the four years.
        let share = self.written as i64 * 1_000_000 / self.demo.messages.max(1) as i64;
        let now = BEGIN + (LAST_START - BEGIN) / 1_000 * share / 1_000;
        if self.scanner_due && now >= SCANNER {
            self.scanner_due = false;
            return machines::scanner(SCANNER, &mut self.random);
        }
        let scene = self.next_scene.take().or_else(|| self.scenes.next());
        match scene {
            Some(scene) if now >= scene.at => {
                return talk::scene(self.demo.seed, scene, &mut self.random);
            }
            later => self.next_scene = later,
        }
        let when = now + self.random.between(0, 40_000);
        let (seed, random) = (self.demo.seed, &mut self.random);
        match random.below(100) {
            0..=11 => machines::alert(when, random),
            12..=20 => machines::newsletter(when, random),
            21..=32 => machines::invoice(when, random),
            33..=36 => talk::list_thread(seed, when, random),
            37..=42 => talk::invitation(seed, when, random),
            _ => {
                self.turn += 1;
                talk::thread(seed, when, self.turn - 1, random)
            }
        }
    }
}

impl Iterator for Items {
    type Item = DemoItem;

    fn next(&mut self) -> Option<DemoItem> {
        while self.ready.is_empty() {
            if self.written >= self.demo.messages {
                return None;
            }
            let mut mails = self.batch();
            mails.retain(|mail| mail.sent <= END);
            mails.truncate(self.demo.messages - self.written);
            for mail in mails {
                let items = deliver(mail, END, &mut self.random);
                // A mail between partners alone would be nobody's here.
                self.written += usize::from(!items.is_empty());
                self.ready.extend(items);
            }
        }
        self.ready.pop_front()
    }
}
