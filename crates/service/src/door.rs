//! Who signs in with a mail program: by address and password, as often as a person errs.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use everpost_store::{Account, StoreError};

use crate::app::{Shared, lock};
use crate::password;

impl Shared {
    /// The account of an address, if the password is its. `None` as well while too many were wrong.
    pub(crate) async fn sign_in(
        &self,
        user: String,
        secret: String,
        from: Option<IpAddr>,
    ) -> Result<Option<Account>, StoreError> {
        let name: String = user.trim().to_lowercase().chars().take(320).collect();
        let now = Instant::now();
        let from = from.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let waits = lock(&self.by_account).wait(&name, now).is_some();
        if waits || lock(&self.by_address).wait(&from, now).is_some() {
            return Ok(None);
        }
        lock(&self.by_account).failed(name.clone(), now);
        lock(&self.by_address).failed(from, now);
        let (account, hash) = match self.tenant.credentials(&name).await? {
            Some((account, hash)) => (Some(account), hash),
            None => (None, self.nobody.clone()),
        };
        let right = self.hashing(move || password::is(&secret, &hash)).await;
        let right = right.map_err(|_| StoreError::Stopped)?;
        let Some(account) = account.filter(|account| right && !account.disabled) else {
            tracing::warn!("a sign-in of a mail program failed");
            return Ok(None);
        };
        lock(&self.by_account).succeeded(&name);
        lock(&self.by_address).succeeded(&from);
        Ok(Some(account))
    }
}
