//! Looks names up, as `doctor` needs it: what there is, what there is not, and what nobody answered are three
//! things.

use std::net::IpAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use crate::NodeError;
use crate::config::DnsConfig;

/// How often a server is asked.
const ATTEMPTS: usize = 2;

/// Nobody answered, or with an error; the reason in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unanswered(pub String);

/// What is found; nothing where servers say that there is nothing.
pub type Found<T> = Result<Vec<T>, Unanswered>;

/// A host that takes mail for a domain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MailHost {
    /// Lower ones are asked first.
    pub preference: u16,
    /// Its name, in lower case, without the dot at its end; empty where a domain takes no mail.
    pub name: String,
}

/// Asks name servers.
#[derive(Clone)]
pub struct Dns {
    resolver: TokioResolver,
}

impl Dns {
    /// One that asks the servers of the configuration, or of the system.
    pub fn new(config: &DnsConfig) -> Result<Self, NodeError> {
        let unusable = |error: &dyn std::fmt::Display| {
            let what = format!("[dns] cannot be used: {error}");
            NodeError::Config(what)
        };
        let mut builder = if config.servers.is_empty() {
            TokioResolver::builder_tokio().map_err(|error| unusable(&error))?
        } else {
            let servers = config.servers.iter().map(|server| {
                let ways = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
                let ways = ways.map(|mut way| {
                    way.port = server.port();
                    way
                });
                NameServerConfig::new(server.ip(), true, ways.into())
            });
            let config = ResolverConfig::from_name_servers(servers.collect());
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        };
        let options: &mut ResolverOpts = builder.options_mut();
        options.timeout = Duration::from_secs(u64::from(config.timeout_seconds.max(1)));
        options.attempts = ATTEMPTS;
        // What others see counts, not what this machine was told apart from them.
        options.use_hosts_file = ResolveHosts::Never;
        let resolver = builder.build().map_err(|error| unusable(&error))?;
        Ok(Dns { resolver })
    }

    /// What asks, for those who look up other things by it.
    pub fn resolver(&self) -> TokioResolver {
        self.resolver.clone()
    }

    /// The hosts that take mail for a domain, the first one to be asked first.
    pub async fn mail_hosts(&self, domain: &str) -> Found<MailHost> {
        let mut hosts = self
            .look_up(domain, RecordType::MX, |data| match data {
                RData::MX(mx) => Some(MailHost {
                    preference: mx.preference,
                    name: plain(&mx.exchange),
                }),
                _ => None,
            })
            .await?;
        hosts.sort();
        Ok(hosts)
    }

    /// The addresses of a name, of both kinds.
    pub async fn addresses(&self, name: &str) -> Found<IpAddr> {
        let address = |data: &RData| data.ip_addr();
        let mut found = self.look_up(name, RecordType::A, address).await?;
        found.extend(self.look_up(name, RecordType::AAAA, address).await?);
        Ok(found)
    }

    /// The IPv4 addresses of a name, which is how a blocklist answers.
    pub async fn codes(&self, name: &str) -> Found<IpAddr> {
        self.look_up(name, RecordType::A, RData::ip_addr).await
    }

    /// The texts of a name, each put together from its parts.
    pub async fn texts(&self, name: &str) -> Found<String> {
        self.look_up(name, RecordType::TXT, |data| match data {
            RData::TXT(text) => Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned()),
            _ => None,
        })
        .await
    }

    /// The names that an address says it has.
    pub async fn names(&self, address: IpAddr) -> Found<String> {
        let name = Name::from(address).to_ascii();
        self.look_up(&name, RecordType::PTR, |data| match data {
            RData::PTR(name) => Some(plain(name)),
            _ => None,
        })
        .await
    }

    async fn look_up<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Found<T> {
        let parsed = Name::from_utf8(name)
            .map_err(|error| Unanswered(format!("`{name}` is no name: {error}")))?;
        // A name is meant as it stands, not within the domain that this machine is in.
        let mut parsed = parsed;
        parsed.set_fqdn(true);
        match self.resolver.lookup(parsed, kind).await {
            Ok(found) => {
                let answers = found.answers().iter();
                Ok(answers.filter_map(|record| read(&record.data)).collect())
            }
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(error) => Err(Unanswered(format!("{kind} of {name}: {error}"))),
        }
    }
}

/// A name as people write it.
fn plain(name: &Name) -> String {
    let name = name.to_ascii().to_ascii_lowercase();
    name.trim_end_matches('.').to_owned()
}
