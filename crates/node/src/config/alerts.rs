//! The section `[alerts]`: who is told when something is not well.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who is told when something is not well: mail that waits too long, mail that could not be taken, a store that does not answer,
/// a certificate that runs out, a backup that is not there, a full disk, a server that calls our address bad. Nobody, unless
/// `mail` or `webhook` is set. `everpost alerts test` tries both.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AlertsConfig {
    /// Addresses that get a mail.
    pub mail: Vec<String>,
    /// The sender of these mails; without one, `postmaster@` and the service's name.
    pub from: Option<String>,
    /// The server that they are handed to, as `HOST:PORT`; without one, that of the recipient's domain, as `[relay]` and DNS say.
    /// They do not go through the queue: it may be what is not well.
    pub server: Option<String>,
    /// Where a JSON document is posted to: `https:`, or `http:` to a loopback address.
    pub webhook: Option<String>,
    /// A file with the secret that these are signed with, as Standard Webhooks has it: `whsec_` and base64.
    #[schema(value_type = Option<String>)]
    pub webhook_secret: Option<PathBuf>,
    /// Seconds from one look to the next.
    pub look_seconds: u32,
    /// Hours after which it is told again what is still not well.
    pub repeat_hours: u32,
    /// Minutes that mail may wait to go on.
    pub queue_minutes: u32,
    /// Days before its end from which on a certificate is too old.
    pub certificate_days: u32,
    /// Bytes that should be free where the data directory lies; a tenth of it is critical.
    pub free_bytes: u64,
}

impl Default for AlertsConfig {
    fn default() -> Self {
        AlertsConfig {
            mail: Vec::new(),
            from: None,
            server: None,
            webhook: None,
            webhook_secret: None,
            look_seconds: 60,
            repeat_hours: 24,
            queue_minutes: 30,
            // Less than what is left when an authority is asked for another.
            certificate_days: 14,
            free_bytes: 10 << 30,
        }
    }
}

impl AlertsConfig {
    /// Whether anybody is told.
    pub fn is_on(&self) -> bool {
        !self.mail.is_empty() || self.webhook.is_some()
    }
}
