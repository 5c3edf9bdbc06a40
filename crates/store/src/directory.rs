//! The organization's addresses: domains, recipients, and the state of each recipient's mail.

use everpost_domain::continuity::UserState;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use crate::access::clean_address;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{Counter, now, statements, take_ids};
use crate::error::{Result, StoreError};
use crate::keys::TenantKeys;
use crate::tenant::Tenant;

/// Addresses that an alias stands for: more is a list, and lists are the mail server's.
const MOST_TARGETS: usize = 1000;

/// A domain that the organization receives mail for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailDomain {
    /// Its name, in lower case; A-labels for one beyond ASCII.
    pub name: String,
    /// What becomes of mail for an address that is not known.
    #[serde(default)]
    pub unknown: UnknownRecipient,
    /// The mail server that its mail is sent on to, as `HOST` or `HOST:PORT`; by its MX records where none is named.
    #[serde(default)]
    pub server: Option<String>,
}

/// What becomes of mail for an address of a domain that is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownRecipient {
    /// Its sender is refused.
    #[default]
    Reject,
    /// It is taken and waits for somebody to decide.
    Hold,
    /// It goes to this address instead.
    Box(String),
    /// It is sent on: the mail server knows its addresses.
    Relay,
}

/// An address of the organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// The address, in lower case.
    pub address: String,
    /// Addresses that it stands for; empty for one that has a mailbox.
    #[serde(default)]
    pub targets: Vec<String>,
    /// The mail server that has the mailbox, if it is another than its domain's.
    #[serde(default)]
    pub server: Option<String>,
    /// Where its mail is delivered now.
    #[serde(skip)]
    pub state: UserState,
    /// How often that changed.
    #[serde(skip)]
    pub generation: u64,
}

impl Recipient {
    /// An address with a mailbox.
    pub fn mailbox(address: impl Into<String>) -> Self {
        Recipient {
            address: address.into(),
            targets: Vec::new(),
            server: None,
            state: UserState::Ready,
            generation: 0,
        }
    }
}

/// What a change of states did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateChange {
    /// Recipients whose state changed.
    pub changed: Vec<String>,
    /// Those that were in it.
    pub already: Vec<String>,
    /// Those for whom the change is not legal, with the state that they are in.
    pub refused: Vec<(String, UserState)>,
}

/// A domain's name as it is kept.
fn clean_domain(text: &str) -> Result<String> {
    let name = text.trim().trim_end_matches('.').to_lowercase();
    let label = |label: &str| {
        let fits = (1..=63).contains(&label.len());
        let hyphen = |c: char| c == '-' || c == '_' || c.is_ascii_alphanumeric();
        fits && label.chars().all(hyphen)
    };
    match name.len() <= 253 && name.split('.').all(label) {
        true => Ok(name),
        false => Err(StoreError::Invalid(format!(
            "`{}` is no domain; one beyond ASCII is written with A-labels (xn--…)",
            text.trim()
        ))),
    }
}

fn clean_server(server: Option<&String>) -> Result<Option<String>> {
    let Some(text) = server
        .map(|text| text.trim())
        .filter(|text| !text.is_empty())
    else {
        return Ok(None);
    };
    let odd = |c: char| c.is_whitespace() || c.is_control();
    match text.len() > 260 || text.contains(odd) {
        true => Err(StoreError::Invalid(format!(
            "`{text}` is no mail server; write HOST or HOST:PORT"
        ))),
        false => Ok(Some(text.to_owned())),
    }
}

fn domain_hash(keys: &TenantKeys, name: &str) -> i64 {
    keys.lookup(b"domain", name.as_bytes())
}

impl Tenant {
    /// Every domain, oldest first.
    pub async fn mail_domains(&self) -> Result<Vec<MailDomain>> {
        let mut db = self.store.catalog.read().await?;
        let rows = sql::fetch(&mut db, statements::DOMAINS, values![self.id()]).await?;
        let read = |row: &AnyRow| self.open_about(b"mail_domain", &row.blob(2)?);
        rows.iter().map(read).collect()
    }

    /// Adds a domain, or replaces what was said of it. `actor` is who does it, for the log.
    ///
    /// # Errors
    /// [`StoreError::Exists`] where another tenant of the store has the domain: mail for it
    /// would go to whichever of them is asked first.
    pub async fn put_mail_domain(&self, domain: &MailDomain, actor: &str) -> Result<()> {
        let mut domain = domain.clone();
        domain.name = clean_domain(&domain.name)?;
        domain.server = clean_server(domain.server.as_ref())?;
        if let UnknownRecipient::Box(address) = &mut domain.unknown {
            *address = clean_address(address)?;
        }
        let mut tx = self.store.catalog.begin().await?;
        let id = take_ids(&mut tx, Counter::Domain, 1).await?;
        for other in self.store.tenants.iter().filter(|one| one.id != self.id()) {
            let asked = values![other.id, domain_hash(&other.keys, &domain.name)];
            let found = sql::fetch_optional(&mut tx, statements::DOMAIN_BY_HASH, asked).await?;
            if found.is_some() {
                let what = format!("domain {}, of another tenant,", domain.name);
                return Err(StoreError::Exists(what));
            }
        }
        let about = self.seal_about(b"mail_domain", &domain)?;
        let row = values![id, self.id(), self.domain_hash(&domain.name), about];
        sql::execute(&mut tx, statements::PUT_DOMAIN, row).await?;
        let subject = format!("domain {}: set", domain.name);
        self.record_change(&mut tx, actor, &subject, "").await?;
        tx.commit().await
    }

    /// Takes a domain away. Mail that waits for it stays.
    pub async fn remove_mail_domain(&self, name: &str, actor: &str) -> Result<()> {
        let name = clean_domain(name)?;
        let mut tx = self.store.catalog.begin().await?;
        let row = values![self.id(), self.domain_hash(&name)];
        if sql::execute(&mut tx, statements::DELETE_DOMAIN, row).await? == 0 {
            return Err(StoreError::NotFound(format!("domain {name}")));
        }
        let subject = format!("domain {name}: removed");
        self.record_change(&mut tx, actor, &subject, "").await?;
        tx.commit().await
    }

    /// Every recipient, oldest first.
    pub async fn recipients(&self) -> Result<Vec<Recipient>> {
        let mut db = self.store.catalog.read().await?;
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let asked = values![self.id(), after];
            let rows = sql::fetch(&mut db, statements::RECIPIENTS, asked).await?;
            match rows.last() {
                Some(last) => after = last.int(0)?,
                None => return Ok(all),
            }
            for row in &rows {
                all.push(self.read_recipient(row)?);
            }
        }
    }

    /// The recipient of an address, if it is known.
    pub async fn recipient(&self, address: &str) -> Result<Option<Recipient>> {
        let mut db = self.store.catalog.read().await?;
        let asked = values![self.id(), self.address_hash(address)];
        let row = sql::fetch_optional(&mut db, statements::RECIPIENT_BY_HASH, asked).await?;
        row.map(|row| self.read_recipient(&row)).transpose()
    }

    fn read_recipient(&self, row: &AnyRow) -> Result<Recipient> {
        let mut recipient: Recipient = self.open_about(b"recipient", &row.blob(3)?)?;
        recipient.state = UserState::from_code(row.int(1)?).ok_or_else(|| {
            StoreError::damaged("a recipient", format!("the state of {}", recipient.address))
        })?;
        recipient.generation = row.int(2)?.unsigned_abs();
        Ok(recipient)
    }

    /// Adds recipients, or replaces what was said of them: all, or none. Their states stay.
    pub async fn put_recipients(&self, recipients: &[Recipient], actor: &str) -> Result<()> {
        let mut clean = Vec::with_capacity(recipients.len());
        for recipient in recipients {
            let mut recipient = recipient.clone();
            recipient.address = clean_address(&recipient.address)?;
            recipient.server = clean_server(recipient.server.as_ref())?;
            for target in &mut recipient.targets {
                *target = clean_address(target)?;
            }
            if recipient.targets.len() > MOST_TARGETS {
                return Err(StoreError::Invalid(format!(
                    "{} stands for more than {MOST_TARGETS} addresses",
                    recipient.address
                )));
            }
            clean.push(recipient);
        }
        let mut tx = self.store.catalog.begin().await?;
        let first = take_ids(&mut tx, Counter::Recipient, clean.len()).await?;
        for (id, recipient) in (first..).zip(&clean) {
            let about = self.seal_about(b"recipient", recipient)?;
            let hash = self.address_hash(&recipient.address);
            let row = values![id, self.id(), hash, about];
            sql::execute(&mut tx, statements::PUT_RECIPIENT, row).await?;
        }
        let subject = match clean.as_slice() {
            [one] => format!("recipient {}: set", one.address),
            several => format!("{} recipients: set", several.len()),
        };
        self.record_change(&mut tx, actor, &subject, "").await?;
        tx.commit().await
    }

    /// Takes a recipient away. Mail that waits for it stays.
    pub async fn remove_recipient(&self, address: &str, actor: &str) -> Result<()> {
        let mut tx = self.store.catalog.begin().await?;
        let row = values![self.id(), self.address_hash(address)];
        if sql::execute(&mut tx, statements::DELETE_RECIPIENT, row).await? == 0 {
            return Err(StoreError::NotFound(format!(
                "recipient {}",
                address.trim()
            )));
        }
        let subject = format!("recipient {}: removed", address.trim());
        self.record_change(&mut tx, actor, &subject, "").await?;
        tx.commit().await
    }

    /// Changes the states of recipients, and with them their waiting mail: it stands by while they are active,
    /// and goes on after. Each change that is not legal is refused, the others are made.
    pub async fn set_user_states(
        &self,
        addresses: &[String],
        state: UserState,
        actor: &str,
        reason: &str,
    ) -> Result<StateChange> {
        let mut done = StateChange::default();
        let mut tx = self.store.catalog.begin().await?;
        let at = now(&mut tx).await?;
        for address in addresses {
            let hash = self.address_hash(address);
            let asked = values![self.id(), hash];
            let row = sql::fetch_optional(&mut tx, statements::RECIPIENT_BY_HASH, asked).await?;
            let row =
                row.ok_or_else(|| StoreError::NotFound(format!("recipient {}", address.trim())))?;
            let recipient = self.read_recipient(&row)?;
            if recipient.state == state {
                done.already.push(recipient.address);
                continue;
            }
            if !recipient.state.may_become(state) {
                done.refused.push((recipient.address, recipient.state));
                continue;
            }
            let row = values![self.id(), hash, state.code()];
            sql::execute(&mut tx, statements::SET_USER_STATE, row).await?;
            match state.uses_primary() {
                true => {
                    let row = values![self.id(), hash, at];
                    sql::execute(&mut tx, statements::STAND_DOWN, row).await?;
                }
                false => {
                    let row = values![self.id(), hash];
                    sql::execute(&mut tx, statements::STAND_BY, row).await?;
                }
            }
            done.changed.push(recipient.address);
        }
        if !done.changed.is_empty() {
            let subject = format!("{}: {}", state.name(), done.changed.join(" "));
            self.record_change(&mut tx, actor, &subject, reason).await?;
        }
        tx.commit().await?;
        Ok(done)
    }

    fn domain_hash(&self, name: &str) -> i64 {
        domain_hash(&self.state.keys, name)
    }
}
