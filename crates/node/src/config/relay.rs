//! The section `[relay]`: mail that goes on.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Mail that came over the listeners `mx` and `submission` and goes on to its recipients' servers.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RelayConfig {
    /// What the service calls itself to other mail servers: the name that its MX record has. Without one, the first of
    /// `names` of `[tls]`.
    pub hostname: Option<String>,
    /// Where mail for other organizations goes, as `HOST:PORT`; without one, where its domain's MX records say.
    pub smarthost: Option<String>,
    /// The name by which we sign in there, if it wants that; only within TLS, or on this machine.
    pub smarthost_user: Option<String>,
    /// The file that holds the password.
    #[schema(value_type = Option<String>)]
    pub smarthost_password: Option<PathBuf>,
    /// How mail is protected on its way: `opportunistic` (TLS where it is offered, whoever the server is), `required` (nothing
    /// without TLS), `verified` (and the server's certificate is of its name).
    pub tls: RelayTls,
    /// For `verified`: certificates of authorities, PEM, that are believed instead of the system's.
    #[schema(value_type = Option<String>)]
    pub ca: Option<PathBuf>,
    /// Whether SPF, DKIM, DMARC and ARC of mail from strangers are looked at. What was found is kept with the mail, with the keys
    /// and policies that it rests on, and goes on with it as `Authentication-Results`. Nothing is refused for it.
    pub check_senders: bool,
    /// Hours after which a message that could not be delivered goes back to its sender. Mail of users whose mail server
    /// is not used meanwhile waits however long.
    pub give_up_hours: u32,
    /// Hours after which its sender is told that it takes long.
    pub tell_delay_hours: u32,
    /// Seconds that evidence is waited for where a server may have taken a message and its answer was lost. After that it
    /// is sent again, and may come twice.
    pub uncertain_wait_seconds: u32,
    /// Connections to one server at once.
    pub connections: u32,
    /// Seconds that a server is left alone that did not answer; longer and longer, up to a quarter of an hour.
    pub quiet_seconds: u32,
    /// Keys that mail of our own is signed with.
    pub dkim: Vec<DkimConfig>,
}

/// A key that mail is signed with (DKIM) which somebody who signed in sent, or the service itself: mail whose author is of
/// the domain, or of one below it. Several for a domain sign all. `everpost dkim generate` makes one, `everpost dkim list` says what is to be
/// published in DNS. A table for each: `[[relay.dkim]]`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DkimConfig {
    /// The domain that it signs for.
    pub domain: String,
    /// The name of the key: it is published at `SELECTOR._domainkey.DOMAIN`.
    pub selector: String,
    /// The file of the private key: PKCS#8, PEM; RSA or Ed25519.
    #[schema(value_type = String)]
    pub key: PathBuf,
}

/// How mail is protected on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RelayTls {
    /// Where it is offered.
    Opportunistic,
    /// Nothing without.
    Required,
    /// Nothing without, and to nobody else.
    Verified,
}

impl Default for RelayConfig {
    fn default() -> Self {
        RelayConfig {
            hostname: None,
            smarthost: None,
            smarthost_user: None,
            smarthost_password: None,
            tls: RelayTls::Opportunistic,
            ca: None,
            check_senders: true,
            // RFC 5321 §4.5.4.1: at least four to five days.
            give_up_hours: 5 * 24,
            tell_delay_hours: 4,
            uncertain_wait_seconds: 900,
            connections: 5,
            quiet_seconds: 30,
            dkim: Vec::new(),
        }
    }
}
