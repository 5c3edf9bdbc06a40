//! The loop: what is due is taken, tried, and settled.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use everpost_codec::dsn::Action;
use everpost_codec::smtp::client::{Envelope, Login, Outcome, Verdict as Said};
use everpost_codec::smtp::{
    Content, Mail, Mailbox, Notify, OriginalRecipient, Path, Rcpt, Return, Survey,
};
use everpost_domain::relay::{LegState, wait_after};
use everpost_store::{
    Attempt, DuePlace, Errand, Leg, Settled, StoreError, Tenant, Verdict, now_us,
};
use tokio::sync::Notify as Signal;

use super::at_work::AtWork;
use super::bounce::{self, Told};
use super::evidence;
use super::places::Places;
use super::route::{MailHosts, NoHosts, servers};
use super::send::{Connection, Trust, Unusable};
use super::tally::RelayTally;
use super::trace::{Came, Wanted, fields};
use crate::authenticity::{Signers, forged};
use crate::capture::Capture;

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

/// What became of an errand at a place.
struct Done {
    settled: Vec<Settled>,
    /// The server talked to us.
    answered: bool,
    /// The connection, if it can be used again.
    open: Option<Connection>,
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

    /// Brings one message to its place.
    async fn carry(&self, errand: &Errand, open: Option<Connection>) -> Result<Done, StoreError> {
        let place = errand
            .legs
            .first()
            .map(|leg| leg.place.clone())
            .unwrap_or_default();
        let raw = Bytes::from(self.tenant.raw(&errand.copy).await?);
        let prefix = Bytes::from(fields(&self.tenant, &self.options.hostname, errand));
        let mut message = vec![prefix, self.signature(errand, &raw).await];
        message.extend(without_forgeries(&raw, &self.options.hostname));
        let mut survey = Survey::new();
        for piece in &message {
            survey.push(piece);
        }
        let envelope = match envelope_of(errand, survey.finish()) {
            Some(envelope) => envelope,
            None => {
                return Ok(self.all(
                    errand,
                    Verdict::Permanent,
                    "",
                    "553 5.1.3 not an address",
                    true,
                ));
            }
        };
        let connection = match open {
            Some(connection) => Ok(connection),
            None => self.connect(&place).await?,
        };
        let mut connection = match connection {
            Ok(connection) => connection,
            Err(Failed {
                verdict,
                server,
                words,
                answered,
            }) => {
                return Ok(self.all(errand, verdict, &server, &words, answered));
            }
        };
        let legs: Vec<i64> = errand.legs.iter().map(|leg| leg.id).collect();
        let about_to = async {
            let ours = self.tenant.relay_sending(&legs).await;
            ours.is_ok_and(|ours| ours.len() == legs.len())
        };
        let (report, again) = connection.send(envelope, &message, about_to).await;
        let server = connection.server.clone();
        let Some(report) = report else {
            // Another node has it, or the catalog is out of reach: nothing left.
            return Ok(self.all(
                errand,
                Verdict::Temporary,
                &server,
                "451 4.3.0 not sent",
                true,
            ));
        };
        let settled = errand.legs.iter().zip(&report.outcomes);
        let settled = settled.map(|(leg, outcome)| self.of_outcome(leg, outcome, &server));
        Ok(Done {
            settled: settled.collect(),
            answered: true,
            open: again.then_some(connection),
        })
    }

    /// Our signatures of a message, if it began here. What cannot be signed goes on without.
    async fn signature(&self, errand: &Errand, raw: &Bytes) -> Bytes {
        if self.options.signers.is_empty() || !Came::read(&errand.how).is_ours() {
            return Bytes::new();
        }
        let (signers, raw) = (self.options.signers.clone(), raw.clone());
        let signed = tokio::task::spawn_blocking(move || signers.sign(&raw)).await;
        let error = match signed {
            Ok(Ok(fields)) => return Bytes::from(fields),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::warn!(mail = errand.mail, error, "not signed");
        Bytes::new()
    }

    /// A connection to the first of a place's servers that has us.
    async fn connect(&self, place: &str) -> Result<Result<Connection, Failed>, StoreError> {
        let domains = self.tenant.mail_domains().await?;
        let options = &self.options;
        let found = servers(
            place,
            &domains,
            options.smarthost.as_deref(),
            &options.hostname,
            &*self.hosts,
        );
        let mut failed = Failed {
            verdict: Verdict::Temporary,
            server: String::new(),
            words: "451 4.4.4 no server was found".into(),
            answered: false,
        };
        let no_hosts = |failed: &mut Failed, NoHosts { why, for_good }: NoHosts| {
            (failed.verdict, failed.words) = match for_good {
                true => (Verdict::Permanent, format!("556 5.1.10 {why}")),
                false => (Verdict::Temporary, format!("451 4.4.3 {why}")),
            };
        };
        let servers = match found.await {
            Ok(servers) => servers,
            Err(none) => {
                no_hosts(&mut failed, none);
                return Ok(Err(failed));
            }
        };
        for server in servers {
            let addresses = match self.hosts.addresses(server.name.clone()).await {
                Ok(addresses) => addresses,
                Err(none) => {
                    no_hosts(&mut failed, none);
                    continue;
                }
            };
            for mut address in addresses {
                address.set_port(server.port);
                self.tally.connected();
                let login = options.login.as_ref();
                let opened =
                    Connection::open(&server, address, &options.hostname, &options.trust, login);
                match opened.await {
                    Ok(connection) => return Ok(Ok(connection)),
                    Err(Unusable::Unreachable(why)) => {
                        failed.words = format!("451 4.4.1 {why}");
                        failed.server = server.to_string();
                    }
                    Err(Unusable::Refused(outcome)) => {
                        failed.words = words_of(&outcome);
                        failed.server = server.to_string();
                        failed.answered = true;
                        // RFC 5321 §3.1: a greeting of 554 is no last word on the mail.
                        failed.verdict = Verdict::Temporary;
                    }
                }
            }
        }
        Ok(Err(failed))
    }

    /// One outcome for all recipients.
    fn all(
        &self,
        errand: &Errand,
        verdict: Verdict,
        server: &str,
        words: &str,
        answered: bool,
    ) -> Done {
        let settled = errand.legs.iter().map(|leg| {
            let attempt = Attempt {
                at: now_us(),
                server: server.to_owned(),
                verdict,
                words: words.to_owned(),
            };
            self.decide(leg, attempt)
        });
        Done {
            settled: settled.collect(),
            answered,
            open: None,
        }
    }

    fn of_outcome(&self, leg: &Leg, outcome: &Outcome, server: &str) -> Settled {
        let verdict = match outcome.verdict {
            Said::Accepted => Verdict::Accepted,
            Said::Temporary => Verdict::Temporary,
            Said::Permanent => Verdict::Permanent,
            Said::Uncertain => Verdict::Uncertain,
        };
        let attempt = Attempt {
            at: now_us(),
            server: server.to_owned(),
            verdict,
            words: words_of(outcome),
        };
        self.decide(leg, attempt)
    }

    /// What follows from a try.
    fn decide(&self, leg: &Leg, attempt: Attempt) -> Settled {
        let age = (now_us() - leg.at).max(0).unsigned_abs() / 1_000_000;
        let (state, wait) = match attempt.verdict {
            Verdict::Accepted => (LegState::Delivered, 0),
            Verdict::Permanent => (LegState::Failed, 0),
            Verdict::Uncertain => (LegState::Uncertain, self.options.uncertain_wait),
            _ if age >= self.options.give_up => (LegState::Failed, 0),
            _ => {
                let spread = leg.id.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
                (LegState::Waiting, wait_after(leg.tries + 1, spread))
            }
        };
        Settled {
            leg: leg.clone(),
            state,
            wait,
            attempt: Some(attempt),
        }
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

/// Why there is no connection.
struct Failed {
    verdict: Verdict,
    server: String,
    words: String,
    answered: bool,
}

/// A message without the results of checks that somebody else wrote in our name (RFC 8601 §5): what we found stands
/// before it. The archive has it as it came.
fn without_forgeries(raw: &Bytes, our_name: &str) -> Vec<Bytes> {
    let (mut pieces, mut from) = (Vec::new(), 0);
    for forgery in forged(raw, our_name) {
        pieces.push(raw.slice(from..forgery.start.max(from)));
        from = forgery.end.max(from);
    }
    pieces.push(raw.slice(from..));
    pieces
}

/// One line of a reply.
pub(super) fn words_of(outcome: &Outcome) -> String {
    let mut text = Vec::new();
    outcome.reply.write(&mut text);
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().map(|line| line.trim_end());
    let text = lines.collect::<Vec<_>>().join(" ");
    text.chars().take(1_000).collect()
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

fn envelope_of(errand: &Errand, content: Content) -> Option<Envelope> {
    let came = Came::read(&errand.how);
    let from = match errand.sender.is_empty() {
        true => Path::Null,
        false => Path::Mailbox(errand.sender.parse().ok()?),
    };
    let mut recipients = Vec::with_capacity(errand.legs.len());
    for leg in &errand.legs {
        let to: Mailbox = leg.recipient.parse().ok()?;
        let wanted = Wanted::read(&leg.options);
        let mut rcpt = Rcpt::new(to);
        rcpt.notify = wanted.notify.as_deref().and_then(Notify::parse);
        let original = |(kind, address)| OriginalRecipient { kind, address };
        rcpt.original = wanted.original.map(original);
        recipients.push(rcpt);
    }
    let priority = errand
        .legs
        .iter()
        .map(|leg| leg.priority)
        .max()
        .unwrap_or(0);
    let mail = Mail {
        from,
        smtputf8: came.smtputf8,
        ret: came
            .full
            .map(|full| if full { Return::Full } else { Return::Headers }),
        envid: came.envid,
        priority: (priority != 0).then_some(priority),
        ..Mail::default()
    };
    Some(Envelope {
        mail,
        recipients,
        content,
    })
}
