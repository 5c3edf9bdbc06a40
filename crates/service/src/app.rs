//! What all requests share, and how far a caller reaches.

use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, OnceLock};

use everpost_codec::journal::Reports;
use everpost_domain::access::{Action, Decision, Object, Role, may};
use everpost_domain::alert::Alerts;
use everpost_mail::capture::Capture;
use everpost_mail::relay::Relay;
use everpost_mail::webmail::Turns;
use everpost_node::config::{Config, LimitConfig};
use everpost_node::stop::Stop;
use everpost_store::{Accessed, RelayStatus, Scope, Store, StoreError, Tenant};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::api::jobs::Jobs;
use crate::caller::Caller;
use crate::capture::limits;
use crate::guard::Limiter;
use crate::link::Link;
use crate::metrics::Metrics;
use crate::password;
use crate::problem::Problem;
use crate::throttle::Throttle;

/// Bytes of whole messages that requests may hold at a time, in MiB: two of the largest.
const MESSAGES_MIB: usize = 512;
/// Passwords that are hashed at a time: each takes 19 MiB and a core.
const HASHING: usize = 2;
/// Exports that are put together at a time: each may take 256 MiB of memory.
const PACKING: usize = 2;
/// Failed sign-ins from one address that cost nothing, as a multiple of those of an account:
/// an office shares an address.
const ADDRESS_TIMES: u32 = 10;

/// What all requests share. Cheap to clone.
pub(crate) type App = Arc<Shared>;

pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) tenant: Tenant,
    pub(crate) stop: Stop,
    pub(crate) limits: LimitConfig,
    pub(crate) limiter: Limiter<IpAddr>,
    pub(crate) jobs: Jobs,
    pub(crate) metrics: Metrics,
    /// The way of mail that is captured, where a listener takes it.
    pub(crate) capture: Option<Capture>,
    /// The way of messages that are handed in over HTTP.
    pub(crate) submitted: Capture,
    /// Bytes that one of them may have.
    pub(crate) max_message: u64,
    /// What sends mail on, where a listener takes such mail.
    pub(crate) relays: OnceLock<Vec<Relay>>,
    /// What requests of agents share.
    pub(crate) link: Link,
    /// Who sends from a browser, one letter after the other.
    pub(crate) turns: Turns,
    /// What is not well.
    pub(crate) alerts: Mutex<Alerts>,
    /// Whoever owns the data directory is the operator.
    pub(crate) operator: Option<u32>,
    pub(crate) by_account: Mutex<Throttle<String>>,
    pub(crate) by_address: Mutex<Throttle<IpAddr>>,
    pub(crate) nobody: String,
    hashing: Semaphore,
    messages: Semaphore,
    packing: Semaphore,
}

/// A poisoned lock guards counters only: they are as good as before.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// How far a caller reaches with a request.
pub(crate) struct Reach {
    /// The mail in reach.
    pub(crate) scope: Scope,
    /// The case, or the operator's right, by which; `None` for own mail.
    reason: Option<String>,
    actor: String,
}

impl Reach {
    /// Writes down that the caller looks at `subject`, if it is another's; nothing may be
    /// handed out before this returned.
    pub(crate) async fn log(&self, app: &App, subject: &str) -> Result<(), Problem> {
        if let Some(reason) = &self.reason {
            let (actor, subject) = (self.actor.as_str(), cut(subject));
            app.tenant
                .record_access(&Accessed {
                    actor,
                    subject,
                    reason,
                })
                .await?;
        }
        Ok(())
    }
}

/// A query may have 16 KiB; the log keeps its beginning.
fn cut(text: &str) -> &str {
    const LONGEST: usize = 2000;
    text.get(..text.floor_char_boundary(LONGEST))
        .unwrap_or(text)
}

impl Shared {
    pub(crate) fn new(
        store: Store,
        tenant: Tenant,
        config: &Config,
        capture: Option<Capture>,
        stop: Stop,
    ) -> App {
        let operator = std::fs::metadata(store.data())
            .ok()
            .map(|directory| directory.uid());
        Arc::new(Shared {
            operator,
            limits: config.limits.clone(),
            limiter: Limiter::new(&config.limits),
            jobs: Jobs::default(),
            metrics: Metrics::default(),
            capture,
            submitted: Capture::new(
                tenant.clone(),
                &limits(
                    &config.capture,
                    config.capture.domains.clone(),
                    Reports::Ignored,
                ),
            ),
            max_message: config.capture.max_message_bytes,
            relays: OnceLock::new(),
            link: Link::new(config),
            turns: Turns::default(),
            alerts: Mutex::new(Alerts::new(i64::from(config.alerts.repeat_hours) * 3600)),
            by_account: Mutex::new(Throttle::new(1)),
            by_address: Mutex::new(Throttle::new(ADDRESS_TIMES)),
            nobody: password::of_nobody(),
            hashing: Semaphore::new(HASHING),
            messages: Semaphore::new(MESSAGES_MIB),
            packing: Semaphore::new(PACKING),
            store,
            tenant,
            stop,
        })
    }

    /// Legs under way of every tenant.
    pub(crate) async fn relay_status(&self) -> Result<RelayStatus, StoreError> {
        let mut all = RelayStatus::default();
        for tenant in self.store.tenants() {
            all.counts.extend(tenant.relay_status().await?.counts);
        }
        Ok(all)
    }

    /// Something may be due that was not.
    pub(crate) fn wake_relays(&self) {
        for relay in self.relays.get().into_iter().flatten() {
            relay.wake();
        }
    }

    /// The mail that `caller` may do `action` to, own or of a case.
    pub(crate) async fn reach(
        &self,
        caller: &Caller,
        action: Action,
        case: Option<i64>,
    ) -> Result<Reach, Problem> {
        let allow = |object| -> Result<Decision, Problem> {
            let decision = may(&caller.principal, action, object);
            match decision.allow {
                true => Ok(decision),
                false => Err(Problem::forbidden(decision.why)),
            }
        };
        let actor = caller.name().to_string();
        let Some(case) = case else {
            if caller.principal.roles.has(Role::Operator) {
                let decision = allow(Object::OthersMail)?;
                return Ok(Reach {
                    scope: Scope::Everything,
                    reason: decision.logged.then(|| "operator".into()),
                    actor,
                });
            }
            allow(Object::OwnMail)?;
            let owns = caller.account().map(|account| account.owns.clone());
            return Ok(Reach {
                scope: Scope::mailboxes(owns.unwrap_or_default()),
                reason: None,
                actor,
            });
        };
        let decision = allow(Object::CaseMail)?;
        let unknown = || Problem::not_found(format!("open case {case} of yours"));
        let account = caller.account().ok_or_else(unknown)?;
        let found = self.tenant.case(case).await.map_err(|_| unknown())?;
        if !found.admits(account) {
            return Err(unknown());
        }
        Ok(Reach {
            scope: Scope::case(found.people, Some(found.since), Some(found.until)),
            reason: decision
                .logged
                .then(|| format!("case {case}: {}", found.name)),
            actor,
        })
    }

    /// Waits for room to hold a message of `bytes` in memory.
    pub(crate) async fn room(&self, bytes: u64) -> Result<SemaphorePermit<'_>, Problem> {
        let mib = usize::try_from(bytes >> 20)
            .unwrap_or(usize::MAX)
            .saturating_add(1);
        let mib = u32::try_from(mib.min(MESSAGES_MIB)).unwrap_or(1);
        let stopped = |_| Problem::from(StoreError::Stopped);
        self.messages.acquire_many(mib).await.map_err(stopped)
    }

    /// Waits until an export may be put together in memory.
    pub(crate) async fn packing(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        let stopped = |_| StoreError::Stopped;
        self.packing.acquire().await.map_err(stopped)
    }

    /// Runs what takes long off the threads that answer.
    pub(crate) async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|_| Problem::from(StoreError::Stopped))
    }

    /// Hashes or compares a password, few at a time.
    pub(crate) async fn hashing<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let stopped = |_| Problem::from(StoreError::Stopped);
        let _room = self.hashing.acquire().await.map_err(stopped)?;
        self.apart(work).await
    }
}
