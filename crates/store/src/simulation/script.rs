//! What nodes do: the mail of a world, and a script of verbs for each node.

use std::time::Duration;

use everpost_domain::digest::Digest;
use everpost_domain::identity::Origin;
use everpost_domain::message::HeldEvidence;
use everpost_testkit::world::{Dice, Node};

use super::ledger::{Import, Offered, Promise};
use super::life::Shared;
use super::post::{Mail, letter};
use super::promises::found;
use crate::error::{Result, StoreError};
use crate::{
    CompactOptions, Envelope, Incoming, Placement, Prepared, Progress, Store, Tagging, Tenant,
};

/// What a node does next.
#[derive(Debug, Clone)]
pub(super) enum Verb {
    /// Admit a group; two of them at once.
    Admit(Vec<usize>, Vec<usize>),
    Import(u64),
    Withdraw,
    Index,
    IndexAll,
    Log,
    Compact,
    Read,
    Search,
    Prove,
    Verify,
    VerifyAll,
    Tag,
    Fsck,
    Repair,
    Reindex,
    RemoveDoomed,
    Status,
    Nap(u64),
    Reopen,
}

/// What a node will do.
pub(super) struct Script {
    dice: Dice,
    node: usize,
    left: usize,
    imports: u64,
    tries: u64,
}

/// Nobody waits longer for a reader, in µs: what a node that slept so long finds gone is as it
/// should be.
const GRACE: i64 = 3_600_000_000;

/// What the verbs need at hand.
struct Stage<'a> {
    node: &'a Node,
    shared: &'a Shared,
    tenant: Tenant,
}

fn prepared(mail: &Mail, dice: &mut Dice) -> Prepared {
    let place = Placement {
        mailbox: format!("{}@example.org", dice.choose(&["ann", "bob", "eve"])),
        folder: dice.choose(&["INBOX", "Sent"]).into(),
        flags: 1,
        keywords: Vec::new(),
    };
    let envelope = dice.once_in(2).then(|| Envelope {
        sender: "ann@example.org".into(),
        recipients: vec!["bob@example.org".into()],
        ..Envelope::default()
    });
    let incoming = Incoming {
        raw: mail.raw.clone(),
        origin: Origin::Other,
        held: HeldEvidence::default(),
        position: 0,
        envelope,
        places: vec![place],
        owners: Vec::new(),
        report_of: None,
        onward: None,
    };
    Prepared::new(incoming, 1_700_000_000)
}

impl Script {
    pub(super) fn new(seed: u64, node: usize) -> Self {
        let mut dice = Dice::new(seed ^ 0x5eed);
        for _ in 0..node {
            dice.part();
        }
        let mut dice = dice.part();
        let left = 6 + dice.place(8);
        Script {
            dice,
            node,
            left,
            imports: 0,
            tries: 0,
        }
    }

    fn group(&mut self, shared: &Shared) -> Vec<usize> {
        let count = 1 + self.dice.place(5);
        (0..count)
            .map(|_| self.dice.place(shared.post.mails.len()))
            .collect()
    }

    /// The next verb, until the script is over.
    pub(super) fn next(&mut self, shared: &Shared) -> Option<Verb> {
        self.left = self.left.checked_sub(1)?;
        let roll = self.dice.below(100);
        Some(match roll {
            0..35 => {
                let first = self.group(shared);
                let second = match self.dice.once_in(4) {
                    true => self.group(shared),
                    false => Vec::new(),
                };
                Verb::Admit(first, second)
            }
            35..40 => {
                self.imports += 1;
                Verb::Import(self.imports)
            }
            40..43 => Verb::Withdraw,
            43..47 => Verb::Index,
            47..55 => Verb::IndexAll,
            55..62 => Verb::Log,
            62..68 => Verb::Compact,
            68..73 => Verb::Read,
            73..77 => Verb::Search,
            77..80 => Verb::Prove,
            80..82 => Verb::Verify,
            82..84 => Verb::VerifyAll,
            84..88 => Verb::Tag,
            88..90 => Verb::Fsck,
            90..92 => Verb::Repair,
            92..93 => Verb::Reindex,
            93..95 => Verb::RemoveDoomed,
            95..96 => Verb::Status,
            96..98 => Verb::Nap(1 + self.dice.below(40)),
            _ => Verb::Reopen,
        })
    }

    /// Does what a verb says; gives back the store, unless the node cannot have one any more.
    pub(super) async fn play(
        &mut self,
        verb: Verb,
        store: Store,
        node: &Node,
        shared: &Shared,
    ) -> Option<Store> {
        let Ok(tenant) = store.tenant(None) else {
            return Some(store);
        };
        let stage = Stage {
            node,
            shared,
            tenant,
        };
        let began = shared.world.now_us();
        let done = match &verb {
            Verb::Admit(first, second) => self.admit(&stage, first, second).await,
            Verb::Import(number) => self.import(&stage, *number).await,
            Verb::Withdraw => self.withdraw(&stage).await,
            Verb::Index => stage.tenant.advance_index(false).await.map(drop),
            Verb::IndexAll => stage.index_all(&mut self.dice).await,
            Verb::Log => stage.log().await,
            Verb::Compact => stage.compact().await,
            Verb::Read => stage.read(&mut self.dice).await,
            Verb::Search => stage.search(&mut self.dice).await,
            Verb::Prove => stage.prove(&mut self.dice).await,
            Verb::Verify => stage.verify(&mut self.dice).await,
            Verb::VerifyAll => stage.verify_all(began).await,
            Verb::Tag => self.tag(&stage).await,
            Verb::Fsck => stage.fsck(&store, false, began).await,
            Verb::Repair | Verb::Reindex => {
                shared.ledger().rebuilds.0 += 1;
                let done = match verb {
                    Verb::Repair => stage.fsck(&store, true, began).await,
                    _ => stage.tenant.reindex().await.map(drop),
                };
                shared.ledger().rebuilds.1 += 1;
                done
            }
            Verb::RemoveDoomed => stage.tenant.remove_doomed().await.map(drop),
            Verb::Status => stage.tenant.status().await.map(drop),
            Verb::Nap(seconds) => {
                crate::clock::sleep(Duration::from_secs(*seconds)).await;
                Ok(())
            }
            Verb::Reopen => {
                drop(stage);
                store.close().await.ok();
                return shared.open(node).await.ok();
            }
        };
        if let Err(error) = done {
            stage.judge(&verb, &error, began);
        }
        Some(store)
    }

    /// Offers groups, again where that failed and the node would know.
    async fn admit(&mut self, stage: &Stage<'_>, first: &[usize], second: &[usize]) -> Result<()> {
        let mails = |group: &[usize]| -> Vec<Mail> {
            let all = group
                .iter()
                .map(|place| stage.shared.post.mails.get(*place));
            all.flatten().cloned().collect()
        };
        let (first, second) = (mails(first), mails(second));
        self.tries = 0;
        if second.is_empty() {
            return self.offer(stage, &first, None).await;
        }
        let mut other = Script {
            dice: self.dice.part(),
            ..Script::new(0, self.node)
        };
        let done = futures::join!(
            self.offer(stage, &first, None),
            other.offer(stage, &second, None)
        );
        done.0.and(done.1)
    }

    async fn offer(
        &mut self,
        stage: &Stage<'_>,
        mails: &[Mail],
        progress: Option<Progress>,
    ) -> Result<()> {
        loop {
            let items: Vec<Prepared> = mails
                .iter()
                .map(|mail| prepared(mail, &mut self.dice))
                .collect();
            let job = progress.as_ref().map(|progress| progress.job);
            stage.offered(mails, job);
            let unheard = stage.node.unheard();
            let done = stage.tenant.admit(items, progress.clone()).await;
            stage.told(mails, done.is_ok(), stage.node.unheard() > unheard);
            match done {
                Ok(_) => return Ok(()),
                Err(error) if !stage.node.lives() || job.is_some() => return Err(error),
                // Whoever is told of an error comes again, mostly.
                Err(error) if self.tries > 3 || self.dice.once_in(3) => return Err(error),
                Err(_) => self.tries += 1,
            }
        }
    }

    /// Mail that nobody else brings, under a job.
    async fn import(&mut self, stage: &Stage<'_>, number: u64) -> Result<()> {
        let name = format!("job{}x{number}q", self.node);
        let mails: Vec<Mail> = (0..1 + self.dice.below(3))
            .map(|place| Mail {
                raw: letter(&mut self.dice, &name, &format!("{place}.{name}"), None),
                word: name.clone(),
            })
            .collect();
        let job = stage.tenant.start_job(&name, &name, None).await?;
        stage.shared.ledger().imports.insert(job.id, Import::Stands);
        let progress = Progress {
            job: job.id,
            cursor: vec![1],
            ..Progress::default()
        };
        self.offer(stage, &mails, Some(progress)).await?;
        stage.tenant.finish_job(job.id).await.map(drop)
    }

    async fn withdraw(&mut self, stage: &Stage<'_>) -> Result<()> {
        let stands: Vec<i64> = {
            let ledger = stage.shared.ledger();
            let stands = ledger.imports.iter();
            let stands = stands.filter(|(_, import)| **import == Import::Stands);
            stands.map(|(job, _)| *job).collect()
        };
        let job = self.dice.choose(&stands);
        if job == 0 {
            return Ok(());
        }
        stage.shared.ledger().imports.insert(job, Import::Unknown);
        stage.tenant.withdraw_job(job, "ann", "a mistake").await?;
        stage.shared.ledger().imports.insert(job, Import::Withdrawn);
        Ok(())
    }

    async fn tag(&mut self, stage: &Stage<'_>) -> Result<()> {
        let name = format!("tag{}", self.dice.below(3));
        let Some(id) = stage.any(&mut self.dice) else {
            return Ok(());
        };
        let which = [id];
        stage.tenant.add_tag(&name, Tagging::Copies(&which)).await?;
        stage.shared.ledger().tags.insert((name, id));
        Ok(())
    }
}

impl Stage<'_> {
    fn broken(&self, promise: Promise, what: String) {
        let what = format!("node {}: {what}", self.node.number());
        self.shared
            .world
            .note(format!("BROKEN {promise:?}: {what}"));
        self.shared.ledger().break_promise(promise, what);
    }

    /// What a verb may say: that it could not reach a server, or that others were faster.
    fn judge(&self, verb: &Verb, error: &StoreError, began: i64) {
        let about = format!("{} failed: {error}", self.node.number());
        self.shared.world.note(about);
        let slept = self.shared.world.now_us() - began > GRACE;
        if !self.node.lives() || slept {
            return;
        }
        let allowed = match error {
            StoreError::Unreachable(_) | StoreError::Guard => true,
            StoreError::Invalid(what) => {
                let usual = [
                    "another node is compacting",
                    "withdrawn already",
                    "not running any more",
                ];
                usual.iter().any(|usual| what.contains(usual))
            }
            _ => false,
        };
        if !allowed {
            let promise = match (verb, error) {
                (_, StoreError::NotFound(_)) => Promise::Durable,
                (_, StoreError::Damaged { .. } | StoreError::Index(_)) => Promise::Readers,
                _ => Promise::Works,
            };
            self.broken(promise, format!("{verb:?}: {} {error}", error.code()));
        }
    }

    fn offered(&self, mails: &[Mail], job: Option<i64>) {
        let mut ledger = self.shared.ledger();
        for mail in mails {
            let id = Digest::of(&mail.raw);
            ledger.offered.entry(id).or_insert_with(|| Offered {
                raw: mail.raw.clone(),
                word: mail.word.clone(),
                acknowledged: 0,
                unknown: 0,
                job,
            });
        }
    }

    fn told(&self, mails: &[Mail], acknowledged: bool, unheard: bool) {
        let mut ledger = self.shared.ledger();
        for mail in mails {
            if let Some(offered) = ledger.offered.get_mut(&Digest::of(&mail.raw)) {
                offered.acknowledged += u64::from(acknowledged);
                offered.unknown += u64::from(!acknowledged && unheard);
            }
        }
    }

    /// Some copy that was acknowledged.
    fn any(&self, dice: &mut Dice) -> Option<Digest> {
        let ids = self.shared.ledger().acknowledged();
        ids.get(dice.place(ids.len())).copied()
    }

    /// After the index came so far, what was acknowledged before is found.
    async fn index_all(&self, dice: &mut Dice) -> Result<()> {
        let Some(id) = self.any(dice) else {
            return self.tenant.advance_index(true).await.map(drop);
        };
        let (word, (least, before)) = self.expected(&id);
        let rebuilds = self.shared.ledger().rebuilds;
        self.tenant.advance_index(true).await?;
        let found = found(&self.tenant, &word).await?;
        // Another node may have thrown the index away, to build it again.
        let whole = rebuilds.0 == rebuilds.1 && self.shared.ledger().rebuilds == rebuilds;
        if !whole {
            return Ok(());
        }
        // An import that was withdrawn meanwhile hides what it brought, before or after the search.
        let (still, after) = self.shared.ledger().found(&word);
        let (least, most) = (least.min(still), before.max(after));
        if found < least || found > most {
            let what = format!("{word} found {found} times, not {least} to {most}");
            self.broken(Promise::Found, what);
        }
        Ok(())
    }

    /// The word of a mail, and how often it is to be found: at least, at most.
    fn expected(&self, id: &Digest) -> (String, (u64, u64)) {
        let ledger = self.shared.ledger();
        let word = ledger.offered.get(id).map(|offered| offered.word.clone());
        let word = word.unwrap_or_default();
        let times = ledger.found(&word);
        (word, times)
    }

    async fn log(&self) -> Result<()> {
        self.tenant.advance_log().await?;
        if let Some(head) = self.tenant.log_head().await? {
            let mut ledger = self.shared.ledger();
            ledger.checkpoints.insert((head.size, head.root));
        }
        Ok(())
    }

    async fn compact(&self) -> Result<()> {
        let report = self
            .tenant
            .compact(&CompactOptions::default(), |_| ())
            .await?;
        if !report.bad.is_empty() {
            self.broken(Promise::Readers, format!("compact: {:?}", report.bad));
        }
        Ok(())
    }

    async fn read(&self, dice: &mut Dice) -> Result<()> {
        let Some(id) = self.any(dice) else {
            return Ok(());
        };
        let raw = self.tenant.raw(&id).await?;
        let same = {
            let ledger = self.shared.ledger();
            ledger.offered.get(&id).is_some_and(|one| one.raw == raw)
        };
        if !same {
            self.broken(Promise::Durable, format!("{id} came back as other bytes"));
        }
        Ok(())
    }

    async fn search(&self, dice: &mut Dice) -> Result<()> {
        let Some(id) = self.any(dice) else {
            return Ok(());
        };
        let (word, (_, before)) = self.expected(&id);
        let found = found(&self.tenant, &word).await?;
        let most = self.shared.ledger().found(&word).1.max(before);
        if found > most {
            let what = format!("{word} found {found} times, there are {most}");
            self.broken(Promise::Found, what);
        }
        Ok(())
    }

    async fn prove(&self, dice: &mut Dice) -> Result<()> {
        let Some(mut prover) = self.tenant.prover().await? else {
            return Ok(());
        };
        let head = prover.head().clone();
        let seq = dice.below(head.size);
        match prover.prove_seq(seq).await? {
            Some(proof) => {
                if let Err(error) = proof.verify_record(&head.root) {
                    self.broken(
                        Promise::Log,
                        format!("leaf {seq} of {}: {error}", head.size),
                    );
                }
            }
            None => self.broken(Promise::Log, format!("no proof of {seq} of {}", head.size)),
        }
        Ok(())
    }

    async fn verify(&self, dice: &mut Dice) -> Result<()> {
        let Some(id) = self.any(dice) else {
            return Ok(());
        };
        for bad in self.tenant.verify(&id).await?.bad {
            // The log follows.
            if !bad.what.contains("yet") {
                self.broken(Promise::Readers, format!("verify {id}: {}", bad.what));
            }
        }
        Ok(())
    }

    async fn verify_all(&self, began: i64) -> Result<()> {
        let found = self.tenant.verify_all(|_| ()).await?;
        let slept = self.shared.world.now_us() - began > GRACE;
        if !found.bad.is_empty() && !slept {
            self.broken(Promise::Readers, format!("verify --all: {:?}", found.bad));
        }
        Ok(())
    }

    async fn fsck(&self, store: &Store, repair: bool, began: i64) -> Result<()> {
        let report = store.fsck(repair, |_| ()).await?;
        let slept = self.shared.world.now_us() - began > GRACE;
        if !report.bad.is_empty() && !slept {
            self.broken(Promise::Readers, format!("fsck: {:?}", report.bad));
        }
        let built = report.repaired.iter().find(|line| line.contains("again"));
        if let Some(line) = built
            && !slept
        {
            self.broken(Promise::Readers, format!("fsck --repair: {line}"));
        }
        Ok(())
    }
}
