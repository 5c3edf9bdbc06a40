//! What administrators do about mail that goes on: domains, recipients, their states, the queue. The API asks it
//! for its callers, the command line where no service runs; both show the same.

use everpost_domain::continuity::UserState;
use everpost_domain::relay::Order;
use everpost_mail::relay::by_log;
use everpost_store::{Leg, MailDomain, Recipient, StoreError, Tenant, UnknownRecipient, now_us};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::view::time;

/// Bytes of a mail log that is handed over.
pub const LOG_BYTES: usize = 256 << 20;

/// A message's way to one recipient.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LegView {
    /// Its number.
    pub id: i64,
    /// The number of the message that was taken in, the same for all its recipients.
    pub mail: i64,
    /// The message, by its SHA-256.
    pub sha256: String,
    /// Who sent it; empty for a notification.
    pub sender: String,
    /// Who it is for.
    pub recipient: String,
    /// Where it goes: `domain NAME` or `server HOST:PORT`.
    pub place: String,
    /// `waiting`, `taken`, `sending`, `uncertain`, `held`, `delivered`, `failed`, `dropped`, `repeated`.
    pub state: String,
    /// Why it is held: `operator`, `unknown recipient`, `standby`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// -9 to 9, the higher the sooner.
    pub priority: i8,
    /// When it was taken in.
    pub at: String,
    /// When it is tried, or given up waiting for evidence.
    pub due: String,
    /// Tries so far.
    pub tries: u32,
    /// Nobody knew whether a server had it when it was sent again.
    pub possibly_doubled: bool,
    /// What was tried and learned, oldest first; the last twenty.
    pub attempts: Vec<AttemptView>,
}

/// What was tried or learned.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AttemptView {
    /// When.
    pub at: String,
    /// Which server.
    pub server: String,
    /// `accepted`, `temporary`, `permanent`, `uncertain`, `unsettled`, `evidence`, `not-there`, `ordered`.
    pub verdict: String,
    /// Its words, or ours.
    pub words: String,
}

impl From<Leg> for LegView {
    fn from(leg: Leg) -> Self {
        let doubled = leg.may_be_doubled();
        let verdict = |verdict| {
            let name = serde_json::to_value(verdict).unwrap_or_default();
            name.as_str().unwrap_or_default().to_owned()
        };
        let attempts = leg.attempts.into_iter().map(|attempt| AttemptView {
            at: time(attempt.at),
            server: attempt.server,
            verdict: verdict(attempt.verdict),
            words: attempt.words,
        });
        LegView {
            id: leg.id,
            mail: leg.mail,
            sha256: leg.copy.to_string(),
            sender: leg.sender,
            recipient: leg.recipient,
            place: leg.place,
            state: leg.state.name().into(),
            why: leg.why.map(|why| why.name().into()),
            priority: leg.priority,
            at: time(leg.at),
            due: time(leg.due),
            tries: leg.tries,
            possibly_doubled: doubled,
            attempts: attempts.collect(),
        }
    }
}

/// The queue, a page of it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct QueueView {
    /// Legs, in the order in which they came; a thousand at most.
    pub legs: Vec<LegView>,
    /// Open legs in all.
    pub open: u64,
    /// When the oldest open one was taken in.
    pub oldest: Option<String>,
    /// Open legs by state.
    pub states: Vec<StateView>,
}

/// Open legs of one state.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StateView {
    /// The state.
    pub state: String,
    /// Why they are held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How many.
    pub legs: u64,
    /// When the oldest of them was taken in.
    pub oldest: String,
}

/// An order about legs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OrderAsk {
    /// Their numbers; for `retry`, `hold` and `release` none means all that are open.
    #[serde(default)]
    pub legs: Vec<i64>,
    /// `retry`, `hold`, `release`, `drop`, `delivered`, `not-delivered`.
    pub order: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// What an order did.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OrderedView {
    /// Legs that were named.
    pub legs: u64,
    /// Those that changed.
    pub changed: u64,
}

/// What a mail log settled.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EvidenceView {
    /// Messages that the log tells of.
    pub messages: u64,
    /// Uncertain legs that it says were taken.
    pub delivered: u64,
    /// Those that it says were not.
    pub not_delivered: u64,
    /// Those of which it says nothing.
    pub open: u64,
}

/// A domain that the organization receives mail for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DomainView {
    /// Its name.
    pub name: String,
    /// What becomes of mail for an address that is not known: `reject`, `hold`, `relay`, or an address that gets it.
    #[serde(default)]
    pub unknown: String,
    /// Its mail server, as `HOST:PORT`; by its MX records where none is named.
    #[serde(default)]
    pub server: Option<String>,
}

/// An address of the organization.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RecipientView {
    /// The address.
    pub address: String,
    /// Addresses that it stands for; none for one that has a mailbox.
    #[serde(default)]
    pub targets: Vec<String>,
    /// Its mail server, if it is another than its domain's.
    #[serde(default)]
    pub server: Option<String>,
    /// `ready`, `active` or `recovery`.
    #[serde(default)]
    pub state: String,
    /// How often that changed.
    #[serde(default)]
    pub generation: u64,
}

/// A change of states.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StateAsk {
    /// `all`, `domain:NAME`, or `user:ADDRESS`.
    pub scope: String,
    /// `active`, `recovery` or `ready`.
    pub state: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// Say what would change, and change nothing.
    #[serde(default)]
    pub test: bool,
}

/// What a change of states did.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StateChangeView {
    /// Users whose state changed, or would.
    pub changed: Vec<String>,
    /// Those that were in it.
    pub already: Vec<String>,
    /// Those for whom the change is not legal, as `ADDRESS is STATE`.
    pub refused: Vec<String>,
}

fn wrong(what: impl Into<String>) -> StoreError {
    StoreError::Invalid(what.into())
}

/// A page of the queue: legs behind `after`; open ones, or all that are remembered.
pub async fn queue(tenant: &Tenant, after: i64, all: bool) -> Result<QueueView, StoreError> {
    let legs = tenant.relay_legs(after, all).await?;
    let status = tenant.relay_status().await?;
    let states = status.counts.iter().map(|count| StateView {
        state: count.state.name().into(),
        why: count.why.map(|why| why.name().into()),
        legs: count.legs,
        oldest: time(count.oldest),
    });
    Ok(QueueView {
        legs: legs.into_iter().map(LegView::from).collect(),
        open: status.open(),
        oldest: status.oldest().map(time),
        states: states.collect(),
    })
}

/// Gives an order about legs.
pub async fn order(
    tenant: &Tenant,
    ask: &OrderAsk,
    actor: &str,
) -> Result<OrderedView, StoreError> {
    let order = Order::named(&ask.order).ok_or_else(|| {
        let names: Vec<&str> = Order::ALL.into_iter().map(Order::name).collect();
        wrong(format!(
            "`{}` is no order; they are {}",
            ask.order,
            names.join(", ")
        ))
    })?;
    let mut legs = ask.legs.clone();
    let for_all = matches!(order, Order::Retry | Order::Hold | Order::Release);
    if legs.is_empty() && !for_all {
        return Err(wrong(format!("`{}` needs the numbers of legs", ask.order)));
    }
    if legs.is_empty() {
        let mut after = 0;
        loop {
            let page = tenant.relay_legs(after, false).await?;
            match page.last() {
                Some(last) => after = last.id,
                None => break,
            }
            legs.extend(page.iter().map(|leg| leg.id));
        }
    }
    let done = tenant.relay_order(&legs, order, actor, &ask.reason).await?;
    Ok(OrderedView {
        legs: done.legs,
        changed: done.changed,
    })
}

/// Settles uncertain legs by a mail log; `offset_minutes` as the log's lines leave it out.
pub async fn evidence(
    tenant: &Tenant,
    log: &[u8],
    offset_minutes: Option<i16>,
) -> Result<EvidenceView, StoreError> {
    let found = by_log(tenant, log, now_us() / 1_000_000, offset_minutes).await?;
    Ok(EvidenceView {
        messages: found.messages,
        delivered: found.delivered,
        not_delivered: found.not_delivered,
        open: found.open,
    })
}

/// Every domain.
pub async fn domains(tenant: &Tenant) -> Result<Vec<DomainView>, StoreError> {
    let all = tenant.mail_domains().await?.into_iter();
    Ok(all
        .map(|domain| DomainView {
            name: domain.name,
            unknown: match domain.unknown {
                UnknownRecipient::Reject => "reject".into(),
                UnknownRecipient::Hold => "hold".into(),
                UnknownRecipient::Relay => "relay".into(),
                UnknownRecipient::Box(address) => address,
            },
            server: domain.server,
        })
        .collect())
}

/// Adds a domain, or replaces what was said of it.
pub async fn put_domain(tenant: &Tenant, ask: &DomainView, actor: &str) -> Result<(), StoreError> {
    let unknown = match ask.unknown.as_str() {
        "" | "reject" => UnknownRecipient::Reject,
        "hold" => UnknownRecipient::Hold,
        "relay" => UnknownRecipient::Relay,
        address if address.contains('@') => UnknownRecipient::Box(address.into()),
        other => {
            return Err(wrong(format!(
                "`{other}` says nothing of unknown addresses; write reject, hold, relay or an address"
            )));
        }
    };
    let domain = MailDomain {
        name: ask.name.clone(),
        unknown,
        server: ask.server.clone(),
    };
    tenant.put_mail_domain(&domain, actor).await
}

/// Every recipient.
pub async fn recipients(tenant: &Tenant) -> Result<Vec<RecipientView>, StoreError> {
    let all = tenant.recipients().await?.into_iter();
    Ok(all
        .map(|one| RecipientView {
            address: one.address,
            targets: one.targets,
            server: one.server,
            state: one.state.name().into(),
            generation: one.generation,
        })
        .collect())
}

/// Adds recipients, or replaces what was said of them: all, or none.
pub async fn put_recipients(
    tenant: &Tenant,
    ask: &[RecipientView],
    actor: &str,
) -> Result<(), StoreError> {
    let all: Vec<Recipient> = ask
        .iter()
        .map(|one| Recipient {
            targets: one.targets.clone(),
            server: one.server.clone(),
            ..Recipient::mailbox(one.address.clone())
        })
        .collect();
    tenant.put_recipients(&all, actor).await
}

/// Changes states of users.
pub async fn states(
    tenant: &Tenant,
    ask: &StateAsk,
    actor: &str,
) -> Result<StateChangeView, StoreError> {
    let state = UserState::named(&ask.state)
        .ok_or_else(|| wrong(format!("`{}` is not active, recovery or ready", ask.state)))?;
    let all = tenant.recipients().await?.into_iter();
    // An alias has no mailbox, so no state.
    let mut all = all.filter(|one| one.targets.is_empty());
    let named: Vec<Recipient> = match ask.scope.split_once(':') {
        None if ask.scope == "all" => all.collect(),
        Some(("domain", domain)) => {
            let end = format!("@{}", domain.trim().to_lowercase());
            all.filter(|one| one.address.ends_with(&end)).collect()
        }
        Some(("user", address)) => {
            let address = address.trim().to_lowercase();
            let found = all.find(|one| one.address == address);
            vec![found.ok_or_else(|| StoreError::NotFound(format!("recipient {address}")))?]
        }
        _ => {
            return Err(wrong(format!(
                "`{}` is no scope; write all, domain:NAME or user:ADDRESS",
                ask.scope
            )));
        }
    };
    let refused = |address: &str, state: UserState| format!("{address} is {}", state.name());
    if ask.test {
        let mut view = StateChangeView {
            changed: Vec::new(),
            already: Vec::new(),
            refused: Vec::new(),
        };
        for one in named {
            match one.state {
                now if now == state => view.already.push(one.address),
                now if now.may_become(state) => view.changed.push(one.address),
                now => view.refused.push(refused(&one.address, now)),
            }
        }
        return Ok(view);
    }
    let addresses: Vec<String> = named.into_iter().map(|one| one.address).collect();
    let done = tenant
        .set_user_states(&addresses, state, actor, &ask.reason)
        .await?;
    let refused = done
        .refused
        .iter()
        .map(|(address, state)| refused(address, *state));
    Ok(StateChangeView {
        refused: refused.collect(),
        changed: done.changed,
        already: done.already,
    })
}
