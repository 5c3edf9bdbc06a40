//! A driver in memory: it writes what it has to before it acts, and a script says what goes wrong in between.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::acts::{Act, Story};
use super::standby::{Duty, Standby};
use super::upstream::{Abilities, Mail, Upstream};
use super::watch::Watch;
use crate::replica::*;

/// What happens at a moment when anything can happen.
#[derive(Debug, Clone)]
pub(super) enum Event {
    /// Nothing.
    Wait,
    /// A client of ours acts.
    Client(Act),
    /// Somebody acts on the server.
    Third(Act),
    /// The service acts.
    Service(Duty),
    /// The driver dies and begins again.
    Crash,
    /// The next order goes wrong.
    Fault(Fault),
    /// The server does not answer for so many contacts.
    Down(u8),
}

/// What goes wrong with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is carried out; the answer is lost.
    AnswerLost,
    /// The answer is lost, and it is carried out so many seconds later.
    Late(u8),
    /// It does not arrive, and nobody knows.
    RequestLost,
    /// The server says no.
    Refused,
}

/// Why a round ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Crashed,
    Down,
}

pub(super) struct Rig {
    /// What the store has.
    pub(super) durable: Mailbox<u32>,
    /// What the driver has in memory.
    pub(super) mailbox: Mailbox<u32>,
    pub(super) upstream: Upstream,
    pub(super) now: i64,
    pub(super) script: VecDeque<Event>,
    pub(super) watch: Watch,
    pub(super) standby: Standby,
    pub(super) stories: BTreeMap<u32, Story>,
    /// What somebody without MOVE deletes later: when, folder, UIDVALIDITY, UID.
    pub(super) errands: Vec<(i64, String, u32, u32)>,
    /// Bodies are fetched as mail comes.
    pub(super) fetches: bool,
    pub(super) was_renumbered: bool,
    /// The folders are being looked at, one after the other.
    pub(super) is_looking: bool,
    /// Somebody deleted a folder on the server.
    pub(super) lost_folder: bool,
    /// Somebody made or renamed a folder.
    pub(super) named_folder: bool,
    /// Orders that arrive late.
    late: Vec<(i64, Order, Option<Mail>)>,
    fault: Option<Fault>,
    pub(super) trace: bool,
    down: u8,
}

impl Rig {
    pub(super) fn new(abilities: Abilities, script: Vec<Event>) -> Self {
        let upstream = Upstream::new(abilities, &["INBOX", "Sent", "Drafts", "A", "B"]);
        let mut rig = Rig {
            durable: Mailbox::new(7),
            mailbox: Mailbox::new(7),
            upstream,
            now: 1_000,
            script: VecDeque::new(),
            watch: Watch::default(),
            standby: Standby::default(),
            stories: BTreeMap::new(),
            errands: Vec::new(),
            fetches: true,
            was_renumbered: false,
            is_looking: false,
            lost_folder: false,
            named_folder: false,
            late: Vec::new(),
            fault: None,
            trace: false,
            down: 0,
        };
        rig.calm();
        rig.script = script.into();
        rig
    }

    /// Writes down what changed.
    pub(super) fn commit(&mut self) -> usize {
        let changes = self.mailbox.take_changes();
        let count = changes.len();
        for change in changes {
            if self.trace {
                self.print(&change);
            }
            self.durable.apply(change);
        }
        assert_eq!(self.durable, self.mailbox, "a change was not told");
        self.watch.look(&self.mailbox);
        self.check_rows();
        count
    }

    /// Shows what changed, for whoever looks into a failed case.
    fn print(&self, change: &Change<u32>) {
        match change {
            Change::Message(row) => {
                let seat = row.here.map(|seat| (seat.folder.0, seat.uid, seat.flags.0));
                let base = row.base.map(|base| {
                    (
                        base.remote.0,
                        base.validity.uidvalidity,
                        base.uid,
                        base.flags.0,
                    )
                });
                eprintln!(
                    "    {:?} mail {} here {seat:?} base {base:?} {:?} missing {:?} from {:?} remnant {:?} awaited {}",
                    row.id,
                    Mail::of(row).content,
                    row.deed,
                    row.missing,
                    row.from,
                    row.remnant_of,
                    row.awaited
                );
            }
            Change::Counters(_) | Change::Owed(..) | Change::Settled(_) => {}
            _ => eprintln!("    {change:?}"),
        }
    }

    /// What holds of the rows at every commit.
    fn check_rows(&self) {
        let mut places = BTreeMap::new();
        for row in self.mailbox.messages() {
            assert!(
                row.here.is_some() || row.base.is_some() || row.deed.is_some() || row.awaited,
                "{row:?}"
            );
            let is_bound = row.base.is_some() || row.deed.is_some();
            assert!(!(row.awaited && is_bound), "{row:?}");
            if let Some(base) = row.base {
                let place = (base.remote, base.validity, base.uid);
                assert_eq!(places.insert(place, row.id), None, "two rows of one place");
                assert!(self.mailbox.remote(base.remote).is_some());
            }
            if let Some(seat) = row.here {
                assert_eq!(
                    self.mailbox.at(seat.folder, seat.uid).map(|row| row.id),
                    Some(row.id)
                );
            }
        }
    }

    /// A moment at which anything can happen.
    pub(super) fn pause(&mut self) -> Result<(), Stop> {
        self.now += 1;
        let (due, later) = std::mem::take(&mut self.late)
            .into_iter()
            .partition(|(at, ..)| *at <= self.now);
        self.late = later;
        for (_, order, mail) in due {
            self.upstream.carry_out(&order, mail);
        }
        self.run_errands();
        let event = self.script.pop_front();
        if let Some(event) = event
            .as_ref()
            .filter(|event| self.trace && !matches!(event, Event::Wait))
        {
            eprintln!("  {} {event:?}", self.now);
        }
        match event {
            None | Some(Event::Wait) => {}
            Some(Event::Client(act)) => {
                self.client(act);
                self.commit();
            }
            Some(Event::Third(act)) => self.third(act),
            Some(Event::Service(duty)) => self.serve(duty),
            Some(Event::Crash) => return Err(Stop::Crashed),
            Some(Event::Fault(fault)) => self.fault = Some(fault),
            Some(Event::Down(contacts)) => self.down = contacts,
        }
        Ok(())
    }

    fn contact(&mut self) -> Result<(), Stop> {
        self.pause()?;
        if self.down > 0 {
            self.down -= 1;
            return Err(Stop::Down);
        }
        Ok(())
    }

    /// A sync round, and a new beginning if the driver dies in it. True if there was nothing to do.
    pub(super) fn round(&mut self) -> bool {
        self.now += 5;
        if self.trace {
            for (name, folder) in &self.upstream.folders {
                let all = folder.messages.iter();
                let all: Vec<_> = all
                    .map(|(uid, kept)| (uid, kept.mail.content, kept.flags.0))
                    .collect();
                eprintln!("  {} {name} ({}): {all:?}", self.now, folder.uidvalidity);
            }
        }
        let came_of_it = self.try_round();
        self.is_looking = false;
        match came_of_it {
            Ok(quiet) => quiet,
            Err(Stop::Down) => false,
            Err(Stop::Crashed) => {
                self.mailbox = self.durable.clone();
                let rows = self.durable.messages().filter(|row| row.deed.is_some());
                let contents: Vec<u32> = rows.map(|row| Mail::of(row).content).collect();
                for content in contents {
                    self.story(content).is_unheard = true;
                }
                self.mailbox.wake(self.now);
                self.commit();
                false
            }
        }
    }

    fn try_round(&mut self) -> Result<bool, Stop> {
        self.is_looking = true;
        let (sighting, evidence) = self.look()?;
        self.is_looking = false;
        let (mut sighting, mut evidence) = (sighting, evidence);
        let plan = loop {
            let shadow = self.partial(&sighting, &evidence);
            match self.mailbox.reconcile(&sighting, &evidence) {
                Ok(plan) => {
                    self.same_in_part(shadow, &sighting, &evidence);
                    break plan;
                }
                Err(needs) => {
                    assert_eq!(
                        self.mailbox, self.durable,
                        "changed though something was needed"
                    );
                    self.contact()?;
                    self.learn(&needs, &mut sighting, &mut evidence);
                }
            }
        };
        let mut quiet = self.commit() == 0 && !plan.look_again;
        self.heed_report(plan.saw_all, sighting.began);
        if self.fetches {
            self.fetch_bodies();
        }
        let (mut orders, mut failed) = (plan.orders, Vec::new());
        for _ in 0..6 {
            orders.retain(|order| !failed.contains(order));
            if orders.is_empty() {
                break;
            }
            quiet = false;
            for order in orders {
                if !self.order(&order)? {
                    failed.push(order);
                }
            }
            orders = self.mailbox.work(self.upstream.abilities.moves);
        }
        Ok(quiet)
    }

    /// Gives an order, as it has to be given. False if it did not work out.
    fn order(&mut self, order: &Order) -> Result<bool, Stop> {
        self.pause()?;
        if !self.mailbox.intend(order) {
            self.mailbox.take_changes();
            assert_eq!(
                self.mailbox, self.durable,
                "an order that is over changed something"
            );
            return Ok(true);
        }
        self.commit();
        let mail = match order {
            Order::Append { message, .. } => {
                let row = self.mailbox.message(*message).unwrap();
                row.content.map(|_| Mail::of(row))
            }
            _ => None,
        };
        if let Err(stop) = self.contact() {
            if stop == Stop::Down {
                self.mailbox.outcome(order, Outcome::NotDone, self.now);
                self.commit();
            }
            return Err(stop);
        }
        let outcome = match self.fault.take() {
            None => self.upstream.carry_out(order, mail),
            Some(Fault::AnswerLost) => {
                self.upstream.carry_out(order, mail);
                Outcome::Lost
            }
            Some(Fault::Late(seconds)) => {
                let due = self.now + i64::from(seconds) % (SETTLING - 2);
                self.late.push((due, order.clone(), mail));
                Outcome::Lost
            }
            Some(Fault::RequestLost) => Outcome::Lost,
            Some(Fault::Refused) => Outcome::NotDone,
        };
        if self.trace {
            eprintln!("  {} {order:?} -> {outcome:?}", self.now);
        }
        if let (Outcome::Lost, Some(content)) = (outcome, self.content_of(order)) {
            self.story(content).is_unheard = true;
        }
        self.pause()?;
        self.mailbox.outcome(order, outcome, self.now);
        self.commit();
        Ok(matches!(outcome, Outcome::Done(_)))
    }

    fn content_of(&self, order: &Order) -> Option<u32> {
        let id = match order {
            Order::Append { message, .. }
            | Order::Copy { message, .. }
            | Order::Move { message, .. }
            | Order::Store { message, .. }
            | Order::Delete { message, .. } => message,
            _ => return None,
        };
        self.mailbox.message(*id).map(|row| Mail::of(row).content)
    }

    /// Looks at all folders, one after the other.
    fn look(&mut self) -> Result<(Sighting, Evidences<u32>), Stop> {
        self.contact()?;
        let began = self.now;
        let mut folders = BTreeMap::new();
        let names: Vec<String> = self.upstream.folders.keys().cloned().collect();
        for name in names {
            self.pause()?;
            let folder = self.upstream.look(&name, false);
            let known = self.mailbox.remotes().find(|remote| remote.name == name);
            // Only CONDSTORE tells that nothing changed.
            let is_as_before = folder.as_ref().zip(known).is_some_and(|(seen, known)| {
                seen.modseq.is_some()
                    && (seen.modseq, seen.uidnext, seen.uidvalidity)
                        == (known.modseq, known.uidnext, known.validity.uidvalidity)
                    && known.validity.generation == self.upstream.generation
                    && known.missing.is_none()
            });
            // A folder that went while we looked is not listed.
            if let Some(seen) = self.upstream.look(&name, is_as_before) {
                folders.insert(name, seen);
            }
        }
        let sighting = Sighting {
            generation: self.upstream.generation,
            began,
            ended: self.now,
            can_move: self.upstream.abilities.moves,
            folders,
        };
        Ok((sighting, Evidences::new()))
    }

    /// A look at everything, at once.
    pub(super) fn sighting(&self) -> Sighting {
        let names = self.upstream.folders.keys();
        Sighting {
            generation: self.upstream.generation,
            began: self.now,
            ended: self.now,
            can_move: true,
            folders: names
                .map(|name| (name.clone(), self.upstream.look(name, false).unwrap()))
                .collect(),
        }
    }

    /// All that can be asked.
    pub(super) fn evidence(&self) -> Evidences<u32> {
        let all = self.upstream.all().into_iter();
        all.map(|(name, uid)| {
            let mail = self.upstream.folders[&name].messages[&uid].mail;
            ((name, uid), mail.evidence(true))
        })
        .collect()
    }

    /// Asks what has to be known.
    pub(super) fn learn(
        &self,
        needs: &Needs,
        sighting: &mut Sighting,
        evidence: &mut Evidences<u32>,
    ) {
        assert!(!needs.is_empty());
        for name in &needs.folders {
            match self.upstream.look(name, false) {
                Some(seen) => sighting.folders.insert(name.clone(), seen),
                None => sighting.folders.remove(name),
            };
        }
        let headers = needs.headers.iter().map(|place| (place, false));
        let contents = needs.contents.iter().map(|place| (place, true));
        for ((name, uid), with_content) in headers.chain(contents) {
            let Some(seen) = sighting.folders.get_mut(name) else {
                continue;
            };
            let folder = self.upstream.folders.get(name);
            let Some(folder) = folder.filter(|folder| folder.uidvalidity == seen.uidvalidity)
            else {
                seen.messages = Messages::NotSeen;
                continue;
            };
            match (folder.messages.get(uid), &mut seen.messages) {
                (Some(kept), _) => {
                    evidence.insert((name.clone(), *uid), kept.mail.evidence(with_content));
                }
                (None, Messages::All(all)) => {
                    all.remove(uid);
                }
                (None, _) => {}
            }
        }
    }

    fn fetch_bodies(&mut self) {
        let rows = self
            .mailbox
            .messages()
            .filter(|row| row.content.is_none() && row.base.is_some());
        let absent: Vec<(MessageId, u32)> =
            rows.map(|row| (row.id, Mail::of(row).content)).collect();
        for (id, content) in absent {
            self.mailbox.hold(id, content);
        }
        self.commit();
    }

    /// The rows that a store has to load for a look: see the module's text.
    fn partial(&self, sighting: &Sighting, evidence: &Evidences<u32>) -> Mailbox<u32> {
        let mut all: Mailbox<u32> = Mailbox::new(7);
        let looked = |id: RemoteId| {
            let name = &self.mailbox.remote(id).unwrap().name;
            let seen = sighting.folders.get(name).map(|seen| &seen.messages);
            seen != Some(&Messages::AsBefore)
        };
        let keys: Vec<u32> = evidence.values().map(|evidence| evidence.key).collect();
        let is_wanted = |row: &Message<u32>| {
            let owed = row
                .here
                .is_none_or(|seat| row.base.is_none_or(|base| base.flags != seat.flags));
            let wanted = row
                .here
                .and_then(|seat| self.mailbox.remote_of(seat.folder));
            let place = row.base.map(|base| base.remote);
            owed || row.deed.is_some()
                || row.missing.is_some()
                || row.from.is_some()
                || wanted.map(|remote| remote.id) != place
                || place.is_none_or(looked)
                || keys.contains(&row.key)
        };
        let rows = self.mailbox.messages();
        let first: BTreeSet<MessageId> = rows
            .filter(|row| is_wanted(row))
            .map(|row| row.id)
            .collect();
        // And what is a copy of these, or what these are copies of.
        let mut wanted = first.clone();
        for row in self.mailbox.messages() {
            for other in [row.from, row.remnant_of].into_iter().flatten() {
                if first.contains(&row.id) {
                    wanted.insert(other);
                } else if first.contains(&other) {
                    wanted.insert(row.id);
                }
            }
        }
        self.durable_rows(&mut all, |row| wanted.contains(&row.id));
        all
    }

    fn durable_rows(&self, into: &mut Mailbox<u32>, is_wanted: impl Fn(&Message<u32>) -> bool) {
        into.apply(Change::Counters(self.mailbox.counters()));
        for folder in self.mailbox.folders() {
            into.apply(Change::Folder(folder.clone()));
        }
        for remote in self.mailbox.remotes() {
            into.apply(Change::Remote(remote.clone()));
        }
        for row in self.mailbox.messages().filter(|row| is_wanted(row)) {
            into.apply(Change::Message(row.clone()));
        }
        for (line, number) in self.mailbox.lines() {
            into.apply(Change::Owed(line, number));
        }
    }

    /// A look taken in with no more rows than it concerns leads to the same.
    fn same_in_part(&self, mut part: Mailbox<u32>, sighting: &Sighting, evidence: &Evidences<u32>) {
        part.reconcile(sighting, evidence).unwrap();
        let mut whole = self.mailbox.clone();
        assert_eq!(
            part.take_changes(),
            whole.take_changes(),
            "another outcome with fewer rows"
        );
    }

    /// Nothing happens any more: rounds until there is nothing to do.
    pub(super) fn calm(&mut self) {
        self.fault = None;
        self.down = 0;
        // What is still under way arrives.
        for _ in 0..70 {
            self.now += 1;
            self.pause().unwrap();
        }
        for _ in 0..40 {
            self.now += 20;
            if self.round() && self.mailbox.owed().is_empty() {
                return;
            }
        }
        panic!("no end: {:#?} {:#?}", self.mailbox, self.upstream);
    }
}
