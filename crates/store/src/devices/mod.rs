//! Agents: the devices of users, the codes by which they come in, and what the link remembers of each.
//!
//! ```text
//! code (shown once) ─ ticket: kept as a hash ─▶ enrol ─▶ device: key, link key, state page
//! device ─ submissions: each of its numbers, once ─ changes: up to which number ─ ledger of its user
//! ```
//! **Invariant.** A code makes one device. Who comes with it again and the same key gets the same one; everybody else hears
//! that there is no such code, whether it is wrong, used or over.

mod ledger;
mod submission;
#[cfg(test)]
mod tests;

use everpost_codec::link::message::Heartbeat;
use everpost_codec::link::{Bytes32, Code, Exchange, LinkKey};
use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use ring::rand::SystemRandom;
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

pub use ledger::LedgerChange;
pub use submission::{Handed, Submission, Unwanted};
pub(crate) use submission::{insert_submission, is_submitted};

use crate::access::clean_address;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{Counter, now, statements, take_ids};
use crate::error::{Result, StoreError};
use crate::seal::random;
use crate::tenant::Tenant;

/// Seconds that a code may be valid: a month.
const LONGEST: u64 = 31 * 86_400;
/// Bytes of a device's name or version that are kept.
const LONGEST_NAME: usize = 200;

/// A device that wants to be enrolled.
#[derive(Debug, Clone)]
pub struct NewDevice {
    /// Its Ed25519 key.
    pub key: [u8; 32],
    /// The agent's X25519 key, made for this.
    pub exchange: [u8; 32],
    /// What people call it.
    pub name: String,
    /// The version of the program.
    pub version: String,
}

/// One installation of the agent, for one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its number.
    pub id: i64,
    /// The user's address.
    pub owner: String,
    /// What people call it.
    pub name: String,
    /// The version of the program that it was enrolled with.
    pub version: String,
    /// The name of its state page.
    pub page: String,
    /// Its Ed25519 key.
    pub key: [u8; 32],
    /// The service's X25519 key, made for it.
    pub exchange: [u8; 32],
    /// The key of the link.
    pub link_key: LinkKey,
    /// When it was enrolled, µs since 1970.
    pub created: i64,
    /// Its last heartbeat; 0 for none.
    pub seen: i64,
    /// When it was revoked; 0 if it was not.
    pub revoked: i64,
    /// Changes of the standby mailbox up to this number are done.
    pub changed: u64,
    /// What it said of itself the last time.
    pub heartbeat: Option<Heartbeat>,
}

impl Device {
    /// Its id, as the link and people know it.
    pub fn name_of(id: i64) -> String {
        format!("D{id}")
    }

    /// The number of an id, with or without its letter.
    pub fn id_of(name: &str) -> Option<i64> {
        let digits = name.strip_prefix(['D', 'd']).unwrap_or(name);
        let id = digits.parse().ok().filter(|id| *id > 0)?;
        (digits.len() < 19 && digits.bytes().all(|c| c.is_ascii_digit())).then_some(id)
    }

    /// Its id, as the link and people know it.
    pub fn public_id(&self) -> String {
        Device::name_of(self.id)
    }
}

/// What is sealed of a code.
#[derive(Serialize, Deserialize)]
struct EnrolmentAbout {
    owner: String,
    salt: Bytes32,
}

/// What is sealed of a device.
#[derive(Serialize, Deserialize)]
struct DeviceAbout {
    owner: String,
    name: String,
    version: String,
    page: String,
    key: Bytes32,
    /// The agent's X25519 key.
    agent: Bytes32,
    /// The service's.
    service: Bytes32,
    link_key: Bytes32,
}

impl DeviceAbout {
    /// Agrees on a link key with the agent.
    fn agree(&mut self, salt: &[u8; 32]) -> Result<()> {
        let failed = |_| StoreError::Key("no key could be agreed on".into());
        let source = SystemRandom::new();
        let own = EphemeralPrivateKey::generate(&X25519, &source).map_err(failed)?;
        let public = own.compute_public_key().map_err(failed)?;
        let public = public.as_ref().first_chunk::<32>().copied();
        let public = public.ok_or_else(|| StoreError::Key("a key of an odd length".into()))?;
        let exchange = Exchange {
            device: self.key.0,
            agent: self.agent.0,
            service: public,
        };
        let theirs = UnparsedPublicKey::new(&X25519, self.agent.0);
        // A key that gives everybody the same secret is no key.
        let wrong = |_| StoreError::Invalid("that is not an X25519 key".into());
        let agreed = agree_ephemeral(own, &theirs, |secret| {
            LinkKey::agree(secret, salt, &exchange)
        });
        let key = agreed.map_err(wrong)?;
        let key = key.ok_or_else(|| StoreError::Key("no key could be derived".into()))?;
        self.service = Bytes32(public);
        self.link_key = Bytes32(*key.reveal());
        Ok(())
    }
}

fn short(text: &str) -> String {
    let tame: String = text.trim().chars().filter(|c| !c.is_control()).collect();
    let end = tame.floor_char_boundary(LONGEST_NAME);
    tame.get(..end).unwrap_or_default().to_owned()
}

fn no_such_code() -> StoreError {
    StoreError::NotFound("such code in force".into())
}

impl Tenant {
    /// Makes a code by which a device of `owner` can be enrolled within `seconds`, once. It is kept nowhere.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where nobody has that address: neither a recipient with a mailbox nor an account.
    pub async fn enrol_code(&self, owner: &str, actor: &str, seconds: u64) -> Result<String> {
        let owner = clean_address(owner)?;
        if !(1..=LONGEST).contains(&seconds) {
            return Err(StoreError::Invalid(format!(
                "a code is valid for at most {} hours",
                LONGEST / 3600
            )));
        }
        let known = match self.recipient(&owner).await? {
            Some(recipient) => recipient.targets.is_empty(),
            None => self.credentials(&owner).await?.is_some(),
        };
        if !known {
            return Err(StoreError::NotFound(format!(
                "recipient or account {owner} that has a mailbox"
            )));
        }
        let code = Code::new(random()?);
        let ticket = code.ticket();
        let about = EnrolmentAbout {
            owner: owner.clone(),
            salt: Bytes32(code.salt()),
        };
        let about = self.seal_about(b"enrolment", &about)?;
        let keys = &self.state.keys;
        let mut tx = self.store.catalog.begin().await?;
        let at = now(&mut tx).await?;
        let old = values![self.id(), at];
        sql::execute(&mut tx, statements::DELETE_OLD_ENROLMENTS, old).await?;
        let row = values![
            take_ids(&mut tx, Counter::Enrolment, 1).await?,
            self.id(),
            keys.lookup(b"enrolment", &ticket),
            keys.tag(b"enrolment", &ticket),
            at + i64::try_from(seconds * 1_000_000).unwrap_or(i64::MAX / 2),
            about,
        ];
        sql::execute(&mut tx, statements::INSERT_ENROLMENT, row).await?;
        let subject = format!("code for a device of {owner}: made");
        self.record_change(&mut tx, actor, &subject, "").await?;
        tx.commit().await?;
        Ok(code.display())
    }

    /// Makes a device of whoever comes with the ticket of a code. Once; but the same device may come again, if it did not
    /// hear the answer.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a code that is wrong, over, or another device's.
    pub async fn enrol(&self, ticket: &[u8; 32], new: &NewDevice) -> Result<Device> {
        let keys = &self.state.keys;
        let mut tx = self.store.catalog.begin().await?;
        let at = now(&mut tx).await?;
        let asked = values![self.id(), keys.lookup(b"enrolment", ticket)];
        let rows = sql::fetch(&mut tx, statements::ENROLMENTS_BY_PREFIX, asked).await?;
        let mut found = None;
        for row in rows {
            if keys.is_tag(b"enrolment", ticket, &row.blob(1)?) && row.int(2)? > at {
                found = Some(row);
            }
        }
        let row = found.ok_or_else(no_such_code)?;
        let code: EnrolmentAbout = self.open_about(b"enrolment", &row.blob(4)?)?;
        let id = match row.int(3)? {
            0 => self.enrol_new(&mut tx, row.int(0)?, code, new, at).await?,
            used => self.enrol_again(&mut tx, used, &code, new).await?,
        };
        let device = self.device_in(&mut tx, id).await?;
        tx.commit().await?;
        device.ok_or_else(no_such_code)
    }

    async fn enrol_new(
        &self,
        tx: &mut AnyConnection,
        enrolment: i64,
        code: EnrolmentAbout,
        new: &NewDevice,
        at: i64,
    ) -> Result<i64> {
        let page: [u8; 16] = random()?;
        let page: String = page.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut about = DeviceAbout {
            owner: code.owner,
            name: short(&new.name),
            version: short(&new.version),
            page,
            key: Bytes32(new.key),
            agent: Bytes32(new.exchange),
            service: Bytes32([0; 32]),
            link_key: Bytes32([0; 32]),
        };
        about.agree(&code.salt.0)?;
        let id = take_ids(tx, Counter::Device, 1).await?;
        let page = self
            .state
            .keys
            .lookup(b"device_page", about.page.as_bytes());
        let sealed = self.seal_about(b"device", &about)?;
        let made = values![id, self.id(), page, at, sealed];
        sql::execute(tx, statements::INSERT_DEVICE, made).await?;
        let taken = values![self.id(), enrolment, id];
        if sql::execute(tx, statements::USE_ENROLMENT, taken).await? != 1 {
            return Err(StoreError::Guard);
        }
        let name = Device::name_of(id);
        let subject = format!("device {name} of {}: enrolled", about.owner);
        self.record_change(tx, &about.owner, &subject, &about.name)
            .await?;
        Ok(id)
    }

    /// The device that a code made, for whoever has its key.
    async fn enrol_again(
        &self,
        tx: &mut AnyConnection,
        id: i64,
        code: &EnrolmentAbout,
        new: &NewDevice,
    ) -> Result<i64> {
        let row = sql::fetch_optional(tx, statements::DEVICE, values![self.id(), id]).await?;
        let row = row.ok_or_else(no_such_code)?;
        let mut about: DeviceAbout = self.open_about(b"device", &row.blob(5)?)?;
        if about.key.0 != new.key || row.int(3)? != 0 {
            return Err(no_such_code());
        }
        // The agent began anew, and has lost what it made its first key for.
        if about.agent.0 != new.exchange {
            about.agent = Bytes32(new.exchange);
            about.agree(&code.salt.0)?;
            let changed = values![self.id(), id, self.seal_about(b"device", &about)?];
            sql::execute(tx, statements::SET_DEVICE, changed).await?;
        }
        Ok(id)
    }

    fn read_device(&self, row: &AnyRow) -> Result<Device> {
        let about: DeviceAbout = self.open_about(b"device", &row.blob(5)?)?;
        let beat = row.blob_or_null(6)?;
        let heartbeat = beat.map(|beat| self.open_about(b"heartbeat", &beat));
        Ok(Device {
            id: row.int(0)?,
            owner: about.owner,
            name: about.name,
            version: about.version,
            page: about.page,
            key: about.key.0,
            exchange: about.service.0,
            link_key: LinkKey::from_bytes(about.link_key.0),
            created: row.int(1)?,
            seen: row.int(2)?,
            revoked: row.int(3)?,
            changed: row.int(4)?.unsigned_abs(),
            heartbeat: heartbeat.transpose()?,
        })
    }

    async fn device_in(&self, db: &mut AnyConnection, id: i64) -> Result<Option<Device>> {
        let row = sql::fetch_optional(db, statements::DEVICE, values![self.id(), id]).await?;
        row.map(|row| self.read_device(&row)).transpose()
    }

    /// The device of a number, a revoked one too.
    pub async fn device(&self, id: i64) -> Result<Option<Device>> {
        let mut db = self.store.catalog.read().await?;
        self.device_in(&mut db, id).await
    }

    /// The device that a state page is for, unless it was revoked.
    pub async fn device_of_page(&self, name: &str) -> Result<Option<Device>> {
        let mut db = self.store.catalog.read().await?;
        let hash = self.state.keys.lookup(b"device_page", name.as_bytes());
        let rows = sql::fetch(
            &mut db,
            statements::DEVICES_BY_PAGE,
            values![self.id(), hash],
        )
        .await?;
        for row in rows {
            let device = self.read_device(&row)?;
            if device.page == name {
                return Ok(Some(device));
            }
        }
        Ok(None)
    }

    /// Every device, oldest first, revoked ones too.
    pub async fn devices(&self) -> Result<Vec<Device>> {
        let mut db = self.store.catalog.read().await?;
        let rows = sql::fetch(&mut db, statements::DEVICES, values![self.id()]).await?;
        rows.iter().map(|row| self.read_device(row)).collect()
    }

    /// Ends a device: it is not let in any more.
    pub async fn revoke_device(&self, id: i64, actor: &str) -> Result<()> {
        let name = Device::name_of(id);
        let mut tx = self.store.catalog.begin().await?;
        let revoked = values![self.id(), id, now(&mut tx).await?];
        if sql::execute(&mut tx, statements::REVOKE_DEVICE, revoked).await? == 0 {
            return Err(StoreError::NotFound(format!("device {name} in force")));
        }
        self.record_change(&mut tx, actor, &format!("device {name}: revoked"), "")
            .await?;
        tx.commit().await
    }

    /// Writes down what a device says of itself.
    pub async fn device_seen(&self, id: i64, heartbeat: &Heartbeat) -> Result<()> {
        let beat = Heartbeat {
            version: short(&heartbeat.version),
            ..heartbeat.clone()
        };
        let beat = self.seal_about(b"heartbeat", &beat)?;
        let mut tx = self.store.catalog.begin().await?;
        let seen = values![self.id(), id, now(&mut tx).await?, beat];
        sql::execute(&mut tx, statements::SEE_DEVICE, seen).await?;
        tx.commit().await
    }

    /// Writes down up to which number a device's changes of the standby mailbox are done.
    pub async fn device_changed(&self, id: i64, upto: u64) -> Result<()> {
        let upto =
            i64::try_from(upto).map_err(|_| StoreError::Invalid("no number of a change".into()))?;
        let mut tx = self.store.catalog.begin().await?;
        let moved = values![self.id(), id, upto];
        sql::execute(&mut tx, statements::MOVE_ON_DEVICE, moved).await?;
        tx.commit().await
    }
}
