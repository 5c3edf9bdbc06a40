//! Mail for users whose mail server is not used goes into their standby mailbox.

use everpost_store::{Flags, StoreError, Tenant};

use crate::capture::now;
use crate::imap::describe;

/// Puts all that waits for active users where they see it; how many messages. Where two nodes do it, each message is put there
/// once.
pub(super) async fn deliver(tenant: &Tenant) -> Result<u64, StoreError> {
    let mut delivered = 0;
    loop {
        let due = tenant.standby_due().await?;
        if due.is_empty() {
            return Ok(delivered);
        }
        for mail in due {
            let raw = tenant.raw(&mail.copy).await?;
            let describe = move || describe(&raw, mail.copy, Flags::NONE, now());
            let described = tokio::task::spawn_blocking(describe).await;
            let message = described.map_err(|_| StoreError::Stopped)?;
            let replica = tenant.replica(&mail.user).await?;
            let uid = replica.deliver(mail.leg, &message).await?;
            delivered += u64::from(uid.is_some());
        }
    }
}
