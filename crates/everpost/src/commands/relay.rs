//! `everpost queue`, `domain`, `recipient`, `continuity`: asked of the service that has the archive open, or of the
//! archive itself.

use std::io::Read;
use std::path::Path;

use everpost_service::desk::{
    self, DomainView, EvidenceView, LegView, OrderAsk, OrderedView, QueueView, RecipientView,
    StateAsk, StateChangeView,
};
use everpost_service::{OmissionsView, omissions};
use everpost_store::{Store, Tenant};
use hyper::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::open;
use super::remote::{Service, escape, items, service};
use super::user::ACTOR;
use crate::cli::{ContinuityCommand, DomainCommand, Global, QueueCommand, RecipientCommand};
use crate::failure::{Exit, Failure};
use crate::output::{line, object, plain};

/// Where orders go.
enum Desk {
    Service(Service),
    Archive(Store, Tenant),
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, Failure> {
    Ok(serde_json::from_value(value).map_err(anyhow::Error::from)?)
}

fn write<T: Serialize>(value: &T) -> Result<Value, Failure> {
    Ok(serde_json::to_value(value).map_err(anyhow::Error::from)?)
}

impl Desk {
    async fn open(global: &Global) -> Result<Self, Failure> {
        if let Some(service) = service(global).await {
            return Ok(Desk::Service(service));
        }
        let (store, tenant) = open(global, false).await?;
        Ok(Desk::Archive(store, tenant))
    }

    /// Ends what was opened. What was changed is a leaf of the log then.
    async fn close(self) -> Result<(), Failure> {
        if let Desk::Archive(store, tenant) = self {
            tenant.advance_log().await?;
            drop(tenant);
            store.close().await?;
        }
        Ok(())
    }

    async fn queue(&self, after: i64, all: bool) -> Result<QueueView, Failure> {
        match self {
            Desk::Service(service) => read(
                service
                    .get(&format!("/queue?after={after}&all={all}"))
                    .await?,
            ),
            Desk::Archive(_, tenant) => Ok(desk::queue(tenant, after, all).await?),
        }
    }

    /// Every leg, page by page.
    async fn legs(&self, all: bool) -> Result<(Vec<LegView>, QueueView), Failure> {
        let (mut legs, mut after) = (Vec::new(), 0);
        loop {
            let mut page = self.queue(after, all).await?;
            match page.legs.last() {
                Some(last) => after = last.id,
                None => return Ok((legs, page)),
            }
            legs.append(&mut page.legs);
        }
    }

    async fn order(&self, ask: &OrderAsk) -> Result<OrderedView, Failure> {
        match self {
            Desk::Service(service) => read(service.post("/queue/orders", &write(ask)?).await?),
            Desk::Archive(_, tenant) => Ok(desk::order(tenant, ask, ACTOR).await?),
        }
    }

    async fn evidence(&self, log: Vec<u8>, offset: Option<i16>) -> Result<EvidenceView, Failure> {
        match self {
            Desk::Service(service) => {
                let offset = offset.map(|offset| format!("?offset_minutes={offset}"));
                let path = format!("/queue/evidence{}", offset.unwrap_or_default());
                let body = service.send(Method::POST, &path, log.into()).await?;
                Ok(serde_json::from_slice(&body).map_err(anyhow::Error::from)?)
            }
            Desk::Archive(_, tenant) => Ok(desk::evidence(tenant, &log, offset).await?),
        }
    }

    async fn omissions(&self, log: Vec<u8>, record: bool) -> Result<OmissionsView, Failure> {
        match self {
            Desk::Service(service) => {
                let path = format!("/capture/omissions?record={record}");
                let body = service.send(Method::POST, &path, log.into()).await?;
                Ok(serde_json::from_slice(&body).map_err(anyhow::Error::from)?)
            }
            Desk::Archive(_, tenant) => Ok(omissions(tenant, &log, record.then_some(ACTOR)).await?),
        }
    }

    async fn domains(&self) -> Result<Vec<DomainView>, Failure> {
        match self {
            Desk::Service(service) => items(service.get("/domains").await?),
            Desk::Archive(_, tenant) => Ok(desk::domains(tenant).await?),
        }
    }

    async fn recipients(&self) -> Result<Vec<RecipientView>, Failure> {
        match self {
            Desk::Service(service) => items(service.get("/recipients").await?),
            Desk::Archive(_, tenant) => Ok(desk::recipients(tenant).await?),
        }
    }

    async fn put_recipients(&self, all: &[RecipientView]) -> Result<(), Failure> {
        match self {
            Desk::Service(service) => {
                service
                    .tell(Method::POST, "/recipients", &write(&all)?)
                    .await
            }
            Desk::Archive(_, tenant) => Ok(desk::put_recipients(tenant, all, ACTOR).await?),
        }
    }

    async fn states(&self, ask: &StateAsk) -> Result<StateChangeView, Failure> {
        match self {
            Desk::Service(service) => read(service.post("/continuity", &write(ask)?).await?),
            Desk::Archive(_, tenant) => Ok(desk::states(tenant, ask, ACTOR).await?),
        }
    }
}

/// Messages of a mail log that are not in the archive.
pub(super) async fn omitted(
    global: &Global,
    log: &Path,
    record: bool,
) -> Result<OmissionsView, Failure> {
    let log = file(log)?;
    let desk = Desk::open(global).await?;
    let found = desk.omissions(log, record).await;
    desk.close().await?;
    found
}

/// Domains that mail is received for.
pub(super) async fn domains(global: &Global) -> Result<Vec<DomainView>, Failure> {
    let desk = Desk::open(global).await?;
    let domains = desk.domains().await;
    // Nothing was changed, so nothing is logged either: who looks leaves the archive as it was.
    if let Desk::Archive(store, tenant) = desk {
        drop(tenant);
        store.close().await?;
    }
    domains
}

fn file(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    match path.to_str() {
        Some("-") => {
            std::io::stdin().lock().read_to_end(&mut bytes)?;
        }
        _ => {
            bytes = std::fs::read(path).map_err(|error| {
                Failure::usage(
                    format!("{}: {error}", path.display()),
                    "name a file that can be read",
                )
            })?;
        }
    }
    Ok(bytes)
}

pub(crate) async fn queue(global: &Global, command: QueueCommand) -> Result<Exit, Failure> {
    let (order, legs) = match command {
        QueueCommand::List { all } => return list(global, all).await,
        QueueCommand::Explain { leg } => return explain(global, leg).await,
        QueueCommand::Evidence { file, offset } => return evidence(global, &file, offset).await,
        QueueCommand::Retry(legs) => ("retry", legs),
        QueueCommand::Hold(legs) => ("hold", legs),
        QueueCommand::Release(legs) => ("release", legs),
        QueueCommand::Drop(legs) => ("drop", legs),
        QueueCommand::Delivered(legs) => ("delivered", legs),
        QueueCommand::NotDelivered(legs) => ("not-delivered", legs),
    };
    let desk = Desk::open(global).await?;
    let ask = OrderAsk {
        legs: legs.legs,
        order: order.into(),
        reason: legs.reason,
    };
    let done = desk.order(&ask).await?;
    desk.close().await?;
    match global.json {
        true => object(&json!({"summary": true, "legs": done.legs, "changed": done.changed}))?,
        false => line(format!("{} of {} changed", done.changed, done.legs))?,
    }
    Ok(Exit::Well)
}

async fn list(global: &Global, all: bool) -> Result<Exit, Failure> {
    let desk = Desk::open(global).await?;
    let (legs, page) = desk.legs(all).await?;
    desk.close().await?;
    for leg in &legs {
        if global.json {
            object(&write(leg)?)?;
            continue;
        }
        let state = match &leg.why {
            Some(why) => format!("{} ({why})", leg.state),
            None => leg.state.clone(),
        };
        line(plain(&format!(
            "{:>6}  {state:<20}  {}  {} to {}",
            leg.id,
            leg.at,
            Some(leg.sender.as_str())
                .filter(|sender| !sender.is_empty())
                .unwrap_or("<>"),
            leg.recipient
        )))?;
        if let Some(last) = leg.attempts.last() {
            line(plain(&format!("        {}: {}", last.verdict, last.words)))?;
        }
    }
    if global.json {
        return object(&json!({
            "summary": true, "shown": legs.len(), "open": page.open, "oldest": page.oldest,
            "states": page.states,
        }))
        .map(|()| Exit::Well);
    }
    let since = page
        .oldest
        .map(|oldest| format!(", the oldest since {oldest}"));
    line(format!(
        "{} under way{}",
        page.open,
        since.unwrap_or_default()
    ))?;
    Ok(Exit::Well)
}

async fn explain(global: &Global, number: i64) -> Result<Exit, Failure> {
    let desk = Desk::open(global).await?;
    let page = desk.queue(number - 1, true).await?;
    desk.close().await?;
    let found = page.legs.into_iter().find(|leg| leg.id == number);
    let leg = found.ok_or_else(|| {
        Failure::usage(
            format!("there is no {number} in the queue"),
            "see what there is with `everpost queue list --all`",
        )
    })?;
    if global.json {
        object(&write(&leg)?)?;
        return Ok(Exit::Well);
    }
    let held = leg.why.map(|why| format!(", {why}")).unwrap_or_default();
    let facts = [
        ("message", leg.sha256),
        ("from", leg.sender),
        ("to", leg.recipient),
        ("goes to", leg.place),
        ("state", format!("{}{held}", leg.state)),
        ("came", leg.at),
        ("due", leg.due),
        ("tries", leg.tries.to_string()),
    ];
    for (name, value) in facts {
        line(plain(&format!("{name:>8}  {value}")))?;
    }
    if leg.possibly_doubled {
        line(
            "          nobody knew whether a server had it when it was sent again: it may be there twice",
        )?;
    }
    for attempt in leg.attempts {
        line(plain(&format!(
            "          {}  {}  {}  {}",
            attempt.at, attempt.verdict, attempt.server, attempt.words
        )))?;
    }
    Ok(Exit::Well)
}

async fn evidence(global: &Global, path: &Path, offset: Option<i16>) -> Result<Exit, Failure> {
    let log = file(path)?;
    let desk = Desk::open(global).await?;
    let found = desk.evidence(log, offset).await?;
    desk.close().await?;
    match global.json {
        true => object(&json!({
            "summary": true, "messages": found.messages, "delivered": found.delivered,
            "not_delivered": found.not_delivered, "open": found.open,
        }))?,
        false => line(format!(
            "{} messages in the log: {} were taken, {} were not and are sent again, of {} it says nothing",
            found.messages, found.delivered, found.not_delivered, found.open
        ))?,
    }
    Ok(Exit::Well)
}

pub(crate) async fn domain(global: &Global, command: DomainCommand) -> Result<Exit, Failure> {
    let desk = Desk::open(global).await?;
    match command {
        DomainCommand::Add {
            name,
            server,
            unknown,
        } => {
            let view = DomainView {
                name,
                unknown,
                server,
            };
            match &desk {
                Desk::Service(service) => {
                    service
                        .tell(Method::POST, "/domains", &write(&view)?)
                        .await?;
                }
                Desk::Archive(_, tenant) => desk::put_domain(tenant, &view, ACTOR).await?,
            }
        }
        DomainCommand::Remove { name } => match &desk {
            Desk::Service(service) => {
                let path = format!("/domains/{}", escape(&name));
                service.tell(Method::DELETE, &path, &Value::Null).await?;
            }
            Desk::Archive(_, tenant) => tenant.remove_mail_domain(&name, ACTOR).await?,
        },
        DomainCommand::List => {}
    }
    let domains = desk.domains().await?;
    desk.close().await?;
    for domain in &domains {
        match global.json {
            true => object(&write(domain)?)?,
            false => line(plain(&format!(
                "{}  to {}, unknown addresses: {}",
                domain.name,
                domain.server.as_deref().unwrap_or("its MX records"),
                domain.unknown
            )))?,
        }
    }
    if global.json {
        object(&json!({"summary": true, "domains": domains.len()}))?;
    }
    Ok(Exit::Well)
}

/// A line of a list: an address, or an alias and what it stands for.
fn of_line(text: &str) -> Option<RecipientView> {
    let text = text.split('#').next().unwrap_or_default().trim();
    let mut words = text
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty());
    Some(RecipientView {
        address: words.next()?.to_owned(),
        targets: words.map(str::to_owned).collect(),
        server: None,
        state: String::new(),
        generation: 0,
    })
}

pub(crate) async fn recipient(global: &Global, command: RecipientCommand) -> Result<Exit, Failure> {
    let desk = Desk::open(global).await?;
    match command {
        RecipientCommand::Add {
            addresses,
            server,
            alias_of,
        } => {
            let all: Vec<RecipientView> = addresses
                .into_iter()
                .map(|address| RecipientView {
                    address,
                    targets: alias_of.clone(),
                    server: server.clone(),
                    state: String::new(),
                    generation: 0,
                })
                .collect();
            desk.put_recipients(&all).await?;
        }
        RecipientCommand::Import { file: path } => {
            let text = file(&path)?;
            let text = String::from_utf8_lossy(&text);
            let all: Vec<RecipientView> = text.lines().filter_map(of_line).collect();
            for some in all.chunks(1000) {
                desk.put_recipients(some).await?;
            }
            desk.close().await?;
            match global.json {
                true => object(&json!({"summary": true, "recipients": all.len()}))?,
                false => line(format!("{} addresses are known", all.len()))?,
            }
            return Ok(Exit::Well);
        }
        RecipientCommand::Remove { address } => match &desk {
            Desk::Service(service) => {
                let path = format!("/recipients/{}", escape(&address));
                service.tell(Method::DELETE, &path, &Value::Null).await?;
            }
            Desk::Archive(_, tenant) => tenant.remove_recipient(&address, ACTOR).await?,
        },
        RecipientCommand::List => {}
    }
    let recipients = desk.recipients().await?;
    desk.close().await?;
    show_recipients(global, &recipients)
}

fn show_recipients(global: &Global, recipients: &[RecipientView]) -> Result<Exit, Failure> {
    for one in recipients {
        if global.json {
            object(&write(one)?)?;
            continue;
        }
        let more = match one.targets.as_slice() {
            [] => one.state.clone(),
            targets => format!("stands for {}", targets.join(", ")),
        };
        let server = one.server.as_deref().map(|server| format!(", at {server}"));
        line(plain(&format!(
            "{}  {more}{}",
            one.address,
            server.unwrap_or_default()
        )))?;
    }
    if global.json {
        object(&json!({"summary": true, "recipients": recipients.len()}))?;
    }
    Ok(Exit::Well)
}

pub(crate) async fn continuity(
    global: &Global,
    command: ContinuityCommand,
) -> Result<Exit, Failure> {
    let (state, scoped) = match command {
        ContinuityCommand::Status => {
            let desk = Desk::open(global).await?;
            let mut recipients = desk.recipients().await?;
            desk.close().await?;
            recipients.retain(|one| one.targets.is_empty());
            return show_recipients(global, &recipients);
        }
        ContinuityCommand::Activate(scoped) => ("active", scoped),
        ContinuityCommand::Recover(scoped) => ("recovery", scoped),
        ContinuityCommand::Ready(scoped) => ("ready", scoped),
    };
    let desk = Desk::open(global).await?;
    let ask = StateAsk {
        scope: scoped.scope,
        state: state.into(),
        reason: scoped.reason,
        test: scoped.test,
    };
    let done = desk.states(&ask).await?;
    desk.close().await?;
    let exit = match done.refused.is_empty() {
        true => Exit::Well,
        false => Exit::SomeFailed,
    };
    if global.json {
        object(&json!({
            "summary": true, "state": state, "test": scoped.test, "changed": done.changed,
            "already": done.already, "refused": done.refused,
        }))?;
        return Ok(exit);
    }
    let would = if scoped.test { "would be" } else { "are" };
    line(format!(
        "{} {would} {state} now, {} were so already, {} cannot be",
        done.changed.len(),
        done.already.len(),
        done.refused.len()
    ))?;
    for refused in &done.refused {
        line(plain(&format!("  {refused}")))?;
    }
    Ok(exit)
}
