//! The section `[dns]`: what names are looked up with.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What names are looked up with.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DnsConfig {
    /// Servers, as `127.0.0.1:53`; without any, those of `/etc/resolv.conf`.
    #[schema(value_type = Vec<String>)]
    pub servers: Vec<SocketAddr>,
    /// Seconds that a server has for an answer; it is asked twice.
    pub timeout_seconds: u32,
    /// Lists of addresses that send spam (RFC 5782), as `zen.spamhaus.org`, in which `everpost doctor` looks for
    /// ours. Some answer only to those who use a resolver of their own.
    pub blocklists: Vec<String>,
}

impl Default for DnsConfig {
    fn default() -> Self {
        DnsConfig {
            servers: Vec::new(),
            timeout_seconds: 5,
            blocklists: Vec::new(),
        }
    }
}
