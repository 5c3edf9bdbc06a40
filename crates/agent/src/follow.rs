//! Following the service: what is heard goes to `domain::continuity::agent`, and what that says is done.

use std::sync::Arc;
use std::time::Duration;

use everpost_codec::link::message::{Doing, Heartbeat, Primary};
use everpost_domain::continuity::UserState;
use everpost_domain::continuity::agent::{Agent, Effect, Input, Mode, Via};
use everpost_mail::sync::Health;
use everpost_mail::upstream::{self, Upstream};
use everpost_store::{Notes, Tenant};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, interval, sleep, timeout};

use crate::accounts::{Account, Kind};
use crate::courier::Courier;
use crate::link::{LinkClient, LinkError, machine};
use crate::pull::Puller;
use crate::{AgentError, Heard};

/// Between two looks at the mail server while it is not used.
const PROBE: Duration = Duration::from_secs(15);
/// How long the service is waited for.
const WAIT: u64 = 55;
/// After the service said that all is handed over, and a look that saw all, what was not seen is brought by ourselves.
const HANDED_OVER: Duration = Duration::from_secs(20);

/// What people see of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) mode: Mode,
    pub(crate) state: Option<UserState>,
    /// Whether the service answers.
    pub(crate) is_linked: bool,
    /// Messages that came from the standby mailbox since the start.
    pub(crate) pulled: usize,
}

/// Follows for one account.
pub(crate) struct Follow {
    account: i64,
    tenant: Tenant,
    link: LinkClient,
    agent: Agent,
    imap: upstream::Account,
    courier: Arc<Courier>,
    puller: Puller,
    via: watch::Sender<Via>,
    gate: watch::Sender<bool>,
    release: watch::Sender<i64>,
    health: watch::Receiver<Health>,
    heard: mpsc::Receiver<Heard>,
    pub(crate) shown: watch::Sender<Shown>,
    is_up: bool,
    /// Rounds of the sync when recovery began.
    since: u64,
    /// Since when the service says that all is well.
    ready: Option<Instant>,
    needs_pull: bool,
}

/// The other ends of what a follower holds.
pub(crate) struct Ends {
    pub(crate) via: watch::Sender<Via>,
    pub(crate) gate: watch::Sender<bool>,
    pub(crate) release: watch::Sender<i64>,
    pub(crate) health: watch::Receiver<Health>,
    pub(crate) heard: mpsc::Receiver<Heard>,
}

impl Follow {
    pub(crate) async fn open(
        account: &Account,
        tenant: &Tenant,
        courier: Arc<Courier>,
        puller: Puller,
        ends: Ends,
    ) -> Result<Self, AgentError> {
        let kept = tenant
            .notes::<Agent>(Kind::Agent.of(account.number))
            .await?;
        let agent = kept
            .first()
            .map_or_else(Agent::default, |(_, agent)| *agent);
        let shown = Shown {
            mode: agent.mode(),
            state: None,
            is_linked: false,
            pulled: 0,
        };
        Ok(Follow {
            account: account.number,
            tenant: tenant.clone(),
            link: account.link()?,
            agent,
            imap: account.imap(),
            courier,
            puller,
            via: ends.via,
            gate: ends.gate,
            release: ends.release,
            health: ends.health,
            heard: ends.heard,
            shown: watch::Sender::new(shown),
            is_up: true,
            since: 0,
            ready: None,
            needs_pull: false,
        })
    }

    /// Follows for as long as the agent runs.
    pub(crate) async fn run(mut self) {
        if self.agent.mode() == Mode::Unenrolled {
            self.hear(Input::Enrolled).await;
        }
        self.hear(Input::Started).await;
        let beat = self.link.enrolled().config.heartbeat_seconds.max(1);
        let mut beats = interval(Duration::from_secs(beat));
        let mut probes = interval(PROBE);
        loop {
            tokio::select! {
                heard = self.heard.recv() => match heard {
                    Some(heard) => self.take(heard).await,
                    None => return,
                },
                changed = self.health.changed() => match changed {
                    Ok(()) => self.look().await,
                    Err(_) => return,
                },
                _ = beats.tick() => self.beat().await,
                _ = probes.tick() => self.probe().await,
            }
        }
    }

    async fn take(&mut self, heard: Heard) {
        match heard {
            Heard::Sent => self.hear(Input::Sent).await,
            Heard::Page(page) => {
                self.shown.send_modify(|shown| {
                    (shown.state, shown.is_linked) = (Some(page.state), true);
                });
                self.ready = match page.state {
                    UserState::Ready => self.ready.or(Some(Instant::now())),
                    _ => None,
                };
                self.hear(Input::Told(page.state)).await;
                if page.state == UserState::Active {
                    self.hear(Input::Indicator(page.indicator)).await;
                }
            }
            Heard::Away => self.shown.send_modify(|shown| shown.is_linked = false),
            Heard::Refused => self.hear(Input::TokenRefused).await,
        }
    }

    /// Gives an input to the core, and does what it says.
    async fn hear(&mut self, input: Input) {
        let before = self.agent;
        let effects = self.agent.step(input);
        if self.agent != before {
            let note = Notes::new().put(Kind::Agent.of(self.account), 0, &self.agent);
            if let Err(error) = self.tenant.write_notes(note).await {
                // As it was: the same is heard again.
                tracing::error!(%error, "the agent's state cannot be kept");
                self.agent = before;
                return;
            }
        }
        let mode = self.agent.mode();
        if mode != before.mode() {
            tracing::info!(from = ?before.mode(), to = ?mode, "the agent's state");
            self.shown.send_modify(|shown| shown.mode = mode);
            if mode == Mode::Recovery {
                self.since = self.health.borrow().rounds;
            }
        }
        for effect in effects {
            self.carry_out(effect).await;
        }
    }

    async fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Use(way) => {
                self.via.send_replace(way);
                if way == Via::Primary {
                    self.gate.send_replace(true);
                }
                self.courier.hurry().await;
            }
            Effect::Flush(way) => {
                self.via.send_replace(way);
                self.courier.hurry().await;
            }
            Effect::LockOffline | Effect::Pause => drop(self.gate.send_replace(false)),
            Effect::Unlock | Effect::Reconcile => drop(self.gate.send_replace(true)),
            Effect::Fetch => self.fetch().await,
            Effect::Heartbeat
            | Effect::ReportDown
            | Effect::ReportUp
            | Effect::ReportReconciled => self.beat().await,
            Effect::ReportIndicator(seen) => {
                tracing::warn!(seen, "the indicator is not what it may be");
            }
            Effect::Announce => tracing::info!("the service is the mail server for now"),
            // The endpoints are open while the program runs; the state page is waited for anyway; the courier queues what is
            // sent before it is told here; nobody switches a local server offline.
            Effect::Open
            | Effect::Close
            | Effect::ReadState
            | Effect::Queue
            | Effect::Watch
            | Effect::Unwatch
            | Effect::ExplainOffline
            | Effect::LookForToken
            | Effect::ReadTokenAgain => {}
        }
    }

    async fn fetch(&mut self) {
        self.needs_pull = match self.puller.pull().await {
            Ok(came) => {
                self.shown.send_modify(|shown| shown.pulled += came);
                false
            }
            Err(error) => {
                tracing::info!(%error, "mail of the standby mailbox waits");
                true
            }
        };
    }

    /// Looks how the mail server is, and whether it has everything.
    async fn look(&mut self) {
        let health = self.health.borrow_and_update().clone();
        if let Some(is_up) = health.is_up {
            self.server_is(is_up).await;
        }
        if self.agent.mode() != Mode::Recovery || !self.is_up {
            return;
        }
        let is_fresh = health.rounds >= self.since + 2;
        let counts = self.courier.counts().await;
        let is_sent = counts.waiting + counts.uncertain == 0;
        if is_fresh && health.owed == 0 && health.awaited == 0 && is_sent {
            self.hear(Input::Reconciled).await;
        }
        let is_handed = self
            .ready
            .is_some_and(|since| since.elapsed() > HANDED_OVER);
        if is_handed && health.awaited > 0 {
            self.release.send_replace(machine());
        }
    }

    async fn server_is(&mut self, is_up: bool) {
        if is_up != self.is_up {
            self.is_up = is_up;
            let input = match is_up {
                true => Input::PrimaryAnswered,
                false => Input::PrimaryFailed,
            };
            self.hear(input).await;
        }
    }

    /// Looks after the mail server while it is not used, and fetches what could not be fetched.
    async fn probe(&mut self) {
        if self.needs_pull {
            self.fetch().await;
        }
        if self.agent.mode() == Mode::Active {
            let connect = timeout(PROBE, Upstream::connect(&self.imap));
            let upstream = connect.await.ok().and_then(Result::ok);
            let is_up = upstream.is_some();
            if let Some(upstream) = upstream {
                upstream.quit().await;
            }
            self.server_is(is_up).await;
        } else {
            self.look().await;
        }
    }

    async fn beat(&mut self) {
        let health = self.health.borrow().clone();
        let heartbeat = Heartbeat {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            doing: match self.agent.mode() {
                Mode::Unenrolled | Mode::Ready => Doing::Ready,
                Mode::Active => Doing::Active,
                Mode::Recovery => Doing::Recovery,
                Mode::Killed => Doing::Dormant,
            },
            primary: match self.is_up {
                true => Primary::Answers,
                false => Primary::Silent,
            },
            outbox: self.courier.counts().await,
            owed: (health.owed + health.awaited) as u64,
            config: self.link.enrolled().config.number,
        };
        if let Err(error) = self.link.heartbeat(&heartbeat).await {
            tracing::info!(%error, "no heartbeat");
        }
    }
}

/// Waits for the service to say something, and tells of it.
pub(crate) async fn listen(link: LinkClient, heard: mpsc::Sender<Heard>) {
    let mut at: Option<(u64, Option<u64>)> = None;
    let mut pause = Duration::from_secs(1);
    loop {
        let page = match at {
            None => link.state().await,
            Some((generation, indicator)) => link.wait(generation, indicator, WAIT).await,
        };
        match page {
            // What says less than what was said is out of date.
            Ok(page) if at.is_some_and(|(generation, _)| page.generation < generation) => {
                sleep(pause).await;
            }
            Ok(page) => {
                pause = Duration::from_secs(1);
                at = Some((page.generation, page.indicator));
                if heard.send(Heard::Page(page)).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                let (tell, wait) = match &error {
                    LinkError::Busy(wait) => (None, *wait),
                    LinkError::Refused { .. } => (Some(Heard::Refused), Duration::from_secs(60)),
                    _ => (Some(Heard::Away), pause),
                };
                tracing::info!(%error, "the service cannot be heard");
                if let Some(tell) = tell
                    && heard.send(tell).await.is_err()
                {
                    return;
                }
                sleep(wait).await;
                pause = (pause * 2).min(Duration::from_secs(30));
            }
        }
    }
}
