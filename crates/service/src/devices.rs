//! What administrators see and order of devices: the API asks it for its callers, the command line where no service runs.

use everpost_store::{Device, StoreError, Tenant, now_us};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::view::{time, time_or_never};

/// Hours that a code is valid, where nobody says.
pub const HOURS: u32 = 24;

/// For whom a code is to be made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CodeAsk {
    /// The user's address.
    pub address: String,
    /// Hours that it is valid: a day, if it is not said.
    #[serde(default = "usual")]
    pub hours: u32,
}

fn usual() -> u32 {
    HOURS
}

/// A code by which one device can be enrolled. It is shown this once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CodeView {
    /// The user's address.
    pub address: String,
    /// Four groups of four letters and digits.
    pub code: String,
    /// When it is over.
    pub expires: String,
}

/// A device: one installation of the agent.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeviceView {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub address: String,
    /// What it is called.
    pub name: String,
    /// The version of its program.
    pub version: String,
    /// When it was enrolled.
    pub enrolled: String,
    /// When it last said how it is.
    pub seen: Option<String>,
    /// When it was revoked.
    pub revoked: Option<String>,
    /// What it is doing: `ready`, `active`, `recovery`, `dormant`, `unknown`.
    pub doing: String,
    /// Whether the mail server answers it: `answers`, `silent`, `unknown`.
    pub primary: String,
    /// Mails that wait in its outbox.
    pub waiting: u64,
    /// Mails of which nobody knows whether they were taken.
    pub uncertain: u64,
    /// Mails that were sent again though nobody knew.
    pub possibly_doubled: u64,
    /// Messages that the mail server may lack still.
    pub owed: u64,
}

impl From<Device> for DeviceView {
    fn from(device: Device) -> Self {
        let id = device.public_id();
        let beat = device.heartbeat.unwrap_or_default();
        let version = match beat.version.is_empty() {
            true => device.version,
            false => beat.version,
        };
        DeviceView {
            id,
            address: device.owner,
            name: device.name,
            version,
            enrolled: time(device.created),
            seen: time_or_never(device.seen),
            revoked: time_or_never(device.revoked),
            doing: beat.doing.name().into(),
            primary: beat.primary.name().into(),
            waiting: beat.outbox.waiting,
            uncertain: beat.outbox.uncertain,
            possibly_doubled: beat.outbox.doubled,
            owed: beat.owed,
        }
    }
}

/// Makes a code.
pub async fn code(tenant: &Tenant, ask: &CodeAsk, actor: &str) -> Result<CodeView, StoreError> {
    let seconds = u64::from(ask.hours) * 3600;
    let code = tenant.enrol_code(&ask.address, actor, seconds).await?;
    let until = i64::try_from(seconds).unwrap_or(i64::MAX / 2_000_000) * 1_000_000;
    Ok(CodeView {
        address: ask.address.trim().to_lowercase(),
        code,
        expires: time(now_us() + until),
    })
}

/// Every device, oldest first.
pub async fn devices(tenant: &Tenant) -> Result<Vec<DeviceView>, StoreError> {
    let all = tenant.devices().await?;
    Ok(all.into_iter().map(DeviceView::from).collect())
}

/// Ends a device; `id` with or without its letter.
pub async fn revoke(tenant: &Tenant, id: &str, actor: &str) -> Result<(), StoreError> {
    let number = Device::id_of(id.trim());
    let number = number.ok_or_else(|| StoreError::NotFound(format!("device {}", id.trim())))?;
    tenant.revoke_device(number, actor).await
}
