//! The loop: what is due is taken, tried, and settled.

mod carry;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use everpost_codec::dsn::Action;
use everpost_codec::smtp::client::Login;
use everpost_domain::relay::LegState;
use everpost_store::{
    Attempt, DuePlace, Errand, Leg, Settled, StoreError, Tenant, Verdict, now_us,
};
use tokio::sync::Notify as Signal;

use super::at_work::AtWork;
use super::bounce::{self, Told};
use super::evidence;
use super::places::Places;
use super::route::MailHosts;
use super::send::Trust;
use super::tally::RelayTally;
use crate::authenticity::Signers;
use crate::capture::Capture;
pub(super) use carry::words_of;

/// Legs that one connection takes at a time.
const AT_ONCE: usize = 50;
/// How often it is looked for something due that nobody told of.
const LOOK: Duration = Duration::from_secs(1);
/// How often legs of dead nodes, and evidence, are looked for.
const WAKE: Duration = Duration::from_secs(5);
/// How often it is said that this node is still at its legs.
const KEEP: Duration = Duration::from_secs(30);
/// How often ends are forgotten.
const FORGET: Duration = Duration::from_secs(3_600);
/// After an error of the store.
const LATER: Duration = Duration::from_secs(5);
/// How long tries that are under way may take once it stops.
const GRACE: Duration = Duration::from_secs(20);

/// How mail goes on.
#[derive(Clone)]
pub struct RelayOptions {
    /// What the relay calls itself: a name that DNS knows.
    pub hostname: String,
    /// Where mail for other organizations goes, as `HOST:PORT`; else where DNS says.
    pub smarthost: Option<String>,
    /// Who we are to it, where it wants to know.
    pub login: Option<Login>,
    /// How it is protected.
    pub trust: Trust,
    /// Seconds after which a message that could not be delivered goes back to its sender.
    pub give_up: u64,
    /// Seconds after which its sender is told that it takes long.
    pub tell_delay: u64,
    /// Seconds that evidence is waited for where nobody knows whether a server took a message.
    pub uncertain_wait: u64,
    /// Connections to one place at once.
    pub connections: usize,
    /// How long a place is left alone that did not answer, at first.
    pub quiet: Duration,
    /// What signs mail of ours.
    pub signers: Signers,
}

/// Sends on what an organization's queue holds. Cheap to clone.
#[derive(Clone)]
pub struct Relay {
    tenant: Tenant,
    capture: Capture,
    options: Arc<RelayOptions>,
    hosts: Arc<dyn MailHosts>,
    places: Arc<Mutex<Places>>,
    /// Legs that are being tried.
    at_work: Arc<AtWork>,
    signal: Arc<Signal>,
    tally: Arc<RelayTally>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Relay {
    /// For an organization's queue. `front`: what brings new mail, and tells of it.
    pub fn new(
        tenant: Tenant,
        capture: Capture,
        options: RelayOptions,
        hosts: Arc<dyn MailHosts>,
        front: Option<&super::front::Front>,
    ) -> Self {
        let places = Places::new(options.connections, options.quiet);
        Relay {
            tenant,
            capture,
            options: Arc::new(options),
            hosts,
            places: Arc::new(Mutex::new(places)),
            at_work: Arc::default(),
            signal: front.map(|front| front.signal.clone()).unwrap_or_default(),
            tally: Arc::default(),
        }
    }

    /// What it did.
    pub fn tally(&self) -> &RelayTally {
        &self.tally
    }

    /// Places that did not answer and are left alone for now.
    pub fn silent_places(&self) -> usize {
        lock(&self.places).silent()
    }

    /// There may be something due: places that were left alone are asked again.
    pub fn wake(&self) {
        lock(&self.places).wake();
        self.signal.notify_one();
    }

    /// Runs until `stop` returns.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut begins = true;
        let long_ago = Instant::now().checked_sub(FORGET);
        let mut last = [long_ago; 3];
        loop {
            let pause = match self.round(begins, &mut last).await {
                Ok(()) => {
                    begins = false;
                    LOOK
                }
                // It left for another place: there is nothing to be sent from here.
                Err(StoreError::Moved(_)) => FORGET,
                Err(error) => {
                    tracing::warn!(code = error.code(), %error, "the queue cannot be read");
                    LATER
                }
            };
            tokio::select! {
                biased;
                () = &mut stop => break,
                () = self.signal.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        let end = Instant::now() + GRACE;
        while !lock(&self.places).is_idle() && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn round(&self, begins: bool, last: &mut [Option<Instant>; 3]) -> Result<(), StoreError> {
        let [woken, kept, forgotten] = last;
        let is_time = |last: &mut Option<Instant>, every: Duration| {
            let due = last.is_none_or(|last| last.elapsed() >= every);
            if due {
                *last = Some(Instant::now());
            }
            due
        };
        if is_time(woken, WAKE) || begins {
            let settled = evidence::by_journal(&self.tenant).await?;
            self.tally.settled(settled);
            self.tenant
                .relay_wake(begins, self.options.uncertain_wait)
                .await?;
        }
        super::standby::deliver(&self.tenant).await?;
        if is_time(kept, KEEP) {
            self.tenant.relay_keep(&self.at_work.all()).await?;
        }
        if is_time(forgotten, FORGET) {
            self.tenant.relay_forget().await?;
        }
        let mut due = self.tenant.relay_due().await?;
        due.sort_by_key(|place| std::cmp::Reverse(place.priority));
        for DuePlace { place, legs, .. } in due {
            let wanted = usize::try_from(legs)
                .unwrap_or(usize::MAX)
                .div_ceil(AT_ONCE);
            for _ in 0..wanted.min(self.options.connections) {
                if !lock(&self.places).enter(place, Instant::now()) {
                    break;
                }
                let relay = self.clone();
                tokio::spawn(async move {
                    let answered = relay.serve(place).await;
                    if let Err(error) = &answered {
                        tracing::warn!(code = error.code(), %error, "mail was not sent on");
                    }
                    let answered = answered.unwrap_or(None);
                    lock(&relay.places).leave(place, answered, Instant::now());
                    // There may be more for it.
                    if answered == Some(true) {
                        relay.signal.notify_one();
                    }
                });
            }
        }
        Ok(())
    }

    /// Sends what is due to a place, one errand after the other; whether its server answered, if it was asked.
    async fn serve(&self, place: i64) -> Result<Option<bool>, StoreError> {
        let (mut answered, mut open) = (None, None);
        loop {
            let errands = self.tenant.relay_take(place, AT_ONCE).await?;
            if errands.is_empty() {
                break;
            }
            // What is left when an error ends this is not kept any longer: it waits again, or is uncertain, when its
            // term is over.
            let _trying = self.at_work.on(&errands);
            for errand in errands {
                if answered == Some(false) {
                    // It was due and is not tried: it keeps its place.
                    self.put_back(&errand).await?;
                    continue;
                }
                let done = self.carry(&errand, open.take()).await?;
                answered = Some(done.answered);
                open = done.open;
                self.settle(&errand, done.settled).await?;
            }
            if answered == Some(false) {
                break;
            }
        }
        if let Some(connection) = open {
            connection.quit().await;
        }
        Ok(answered)
    }

    async fn put_back(&self, errand: &Errand) -> Result<(), StoreError> {
        let back = errand.legs.iter().map(|leg| Settled {
            leg: leg.clone(),
            state: LegState::Waiting,
            wait: self.options.quiet.as_secs(),
            attempt: None,
        });
        self.tenant.relay_settle(&back.collect::<Vec<_>>()).await
    }

    /// Tells senders what they want to hear, then writes the ends down: told twice is better than never.
    async fn settle(&self, errand: &Errand, settled: Vec<Settled>) -> Result<(), StoreError> {
        for one in &settled {
            self.tally.count(one.state);
            if let Some(attempt) = &one.attempt {
                self.tally.heard(attempt);
                log(&one.leg, one.state, attempt);
            }
        }
        self.tell(errand, &settled).await?;
        self.tenant.relay_settle(&settled).await
    }

    async fn tell(&self, errand: &Errand, settled: &[Settled]) -> Result<(), StoreError> {
        let give_up = i64::try_from(self.options.give_up).unwrap_or(i64::MAX);
        let told: Vec<Told<'_>> = settled
            .iter()
            .filter_map(|one| {
                let attempt = one.attempt.as_ref()?;
                let action = match one.state {
                    LegState::Failed => Action::Failed,
                    LegState::Delivered => Action::Relayed,
                    LegState::Waiting if self.is_late(&one.leg) => Action::Delayed,
                    _ => return None,
                };
                let until = (action == Action::Delayed).then_some(one.leg.at / 1_000_000 + give_up);
                bounce::is_wanted(&one.leg, action).then_some(Told {
                    leg: &one.leg,
                    action,
                    attempt,
                    until,
                })
            })
            .collect();
        if told.is_empty() {
            return Ok(());
        }
        let raw = self.tenant.raw(&errand.copy).await?;
        bounce::tell(&self.capture, &self.options.hostname, errand, &raw, &told).await?;
        self.signal.notify_one();
        Ok(())
    }

    /// Whether this try is the first one after the time at which a delay is told of.
    fn is_late(&self, leg: &Leg) -> bool {
        let late =
            leg.at + i64::try_from(self.options.tell_delay * 1_000_000).unwrap_or(i64::MAX / 2);
        let last = leg.attempts.iter().rev();
        let mut last = last.filter(|attempt| attempt.verdict == Verdict::Temporary);
        now_us() >= late && last.next().is_none_or(|attempt| attempt.at < late)
    }
}

/// Addresses stay out of the log of the program: the queue names them.
fn log(leg: &Leg, state: LegState, attempt: &Attempt) {
    let (leg, state) = (leg.id, state.name());
    match attempt.verdict {
        Verdict::Accepted => tracing::info!(leg, state, server = %attempt.server, "sent on"),
        _ => {
            tracing::warn!(leg, state, server = %attempt.server, words = %attempt.words, "not sent on");
        }
    }
}
