//! Mail that goes on: DNS for the relay, sign-in for submission, and the relays themselves.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use everpost_codec::journal::Reports;
use everpost_codec::smtp::{Secret, client};
use everpost_mail::authenticity::{Came, Checker, Signer, Signers};
use everpost_mail::capture::Capture;
use everpost_mail::capture::smtp::Login;
use everpost_mail::relay::front::{Examiner, Front, Organization, Peer};
use everpost_mail::relay::{MailHosts, NoHosts, Relay, RelayOptions, TlsPolicy, Trust};
use everpost_node::NodeError;
use everpost_node::config::{Config, DkimConfig, DnsConfig, RelayConfig, RelayTls};
use everpost_node::dns::{Dns, Unanswered};
use everpost_store::{Store, StoreError, Tenant};
use futures::future::BoxFuture;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::app::App;
use crate::capture::limits;

/// What looks hosts up for the relay.
struct Hosts(Dns);

fn unanswered(Unanswered(why): Unanswered) -> NoHosts {
    NoHosts {
        why,
        for_good: false,
    }
}

impl MailHosts for Hosts {
    fn hosts(&self, domain: String) -> BoxFuture<'static, Result<Vec<(u16, String)>, NoHosts>> {
        let dns = self.0.clone();
        Box::pin(async move {
            let found = dns.mail_hosts(&domain).await.map_err(unanswered)?;
            let found = found.into_iter();
            Ok(found.map(|host| (host.preference, host.name)).collect())
        })
    }

    fn addresses(&self, host: String) -> BoxFuture<'static, Result<Vec<SocketAddr>, NoHosts>> {
        let dns = self.0.clone();
        Box::pin(async move {
            let found = match (host.parse(), host.as_str()) {
                (Ok(address), _) => vec![address],
                // Resolvers need not know it.
                (_, "localhost") => vec![std::net::Ipv4Addr::LOCALHOST.into()],
                _ => dns.addresses(&host).await.map_err(unanswered)?,
            };
            match found.is_empty() {
                true => Err(NoHosts {
                    why: format!("{host} has no address"),
                    for_good: false,
                }),
                false => Ok(found.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect()),
            }
        })
    }
}

/// Looks whether mail of strangers is who it says.
struct Authenticity {
    checker: Checker,
    name: String,
}

impl Examiner for Authenticity {
    fn examine(
        &self,
        raw: Bytes,
        peer: Peer,
        sender: String,
    ) -> BoxFuture<'static, (Vec<u8>, String)> {
        let (checker, name) = (self.checker.clone(), self.name.clone());
        Box::pin(async move {
            let Some(client) = peer.address else {
                return (Vec::new(), String::new());
            };
            let came = Came {
                client,
                helo: peer.helo,
                sender,
            };
            let checks = checker.check(&raw, &came).await;
            (checks.encode(), checks.header(&name))
        })
    }
}

/// Lets the organization's people in by address and password.
pub(crate) struct Doorman(pub(crate) App);

impl Login for Doorman {
    fn login(
        &self,
        user: String,
        secret: String,
        from: Option<IpAddr>,
    ) -> BoxFuture<'static, Result<Option<Vec<String>>, StoreError>> {
        let app = self.0.clone();
        Box::pin(async move {
            let account = app.sign_in(user, secret, from).await?;
            Ok(account.map(|account| {
                let mut own = account.owns;
                own.push(account.address);
                own
            }))
        })
    }
}

/// What looks mail servers up.
pub(crate) fn hosts(config: &DnsConfig) -> Result<Arc<dyn MailHosts>, NodeError> {
    Ok(Arc::new(Hosts(Dns::new(config)?)))
}

/// Who we are to the smarthost.
pub(crate) fn login(config: &RelayConfig) -> Result<Option<client::Login>, NodeError> {
    match (&config.smarthost_user, &config.smarthost_password) {
        (None, None) => Ok(None),
        (Some(user), Some(path)) => {
            let read = std::fs::read_to_string(path);
            let read = read.map_err(|error| {
                NodeError::Config(format!("[relay]: {}: {error}", path.display()))
            })?;
            Ok(Some(client::Login {
                user: user.clone(),
                password: Secret::new(read.trim_end_matches(['\r', '\n'])),
            }))
        }
        _ => Err(NodeError::Config(
            "[relay]: `smarthost_user` and `smarthost_password` belong together".into(),
        )),
    }
}

/// Whom mail that goes on may be handed to.
pub(crate) fn trust(config: &RelayConfig) -> Result<Trust, NodeError> {
    let wrong = |what: String| NodeError::Config(format!("[relay]: {what}"));
    let policy = match config.tls {
        RelayTls::Opportunistic => TlsPolicy::Opportunistic,
        RelayTls::Required => TlsPolicy::Required,
        RelayTls::Verified => TlsPolicy::Verified,
    };
    let mut roots = RootCertStore::empty();
    if policy == TlsPolicy::Verified {
        let path = config.ca.as_deref().ok_or_else(|| {
            wrong("`tls = \"verified\"` needs `ca`: the authorities that are believed, PEM".into())
        })?;
        let certificates = CertificateDer::pem_file_iter(path)
            .map_err(|error| wrong(format!("{}: {error}", path.display())))?;
        for certificate in certificates {
            let certificate =
                certificate.map_err(|error| wrong(format!("{}: {error}", path.display())))?;
            roots
                .add(certificate)
                .map_err(|error| wrong(error.to_string()))?;
        }
    }
    Trust::new(policy, roots).map_err(|error| wrong(error.to_string()))
}

/// What signs mail of ours, with the keys that the configuration names.
pub fn signers(config: &RelayConfig) -> Result<Vec<Signer>, NodeError> {
    let read = |key: &DkimConfig| {
        let path = key.key.display();
        let wrong = |why: &dyn std::fmt::Display| {
            NodeError::Config(format!("[[relay.dkim]] of {}: {path}: {why}", key.domain))
        };
        let pem = std::fs::read_to_string(&key.key).map_err(|error| wrong(&error))?;
        Signer::from_pem(&key.domain, &key.selector, &pem).map_err(|error| wrong(&error))
    };
    config.dkim.iter().map(read).collect()
}

/// What takes mail that goes on, and what sends it.
pub(crate) struct Onward {
    pub(crate) front: Front,
    pub(crate) relays: Vec<Relay>,
}

/// For all organizations of a store; `own`, `capture`: the one whose API this is, and the way into it.
pub(crate) async fn onward(
    store: &Store,
    own: &Tenant,
    capture: &Capture,
    config: &Config,
    name: &str,
) -> Result<Onward, crate::ServiceError> {
    let dns = Dns::new(&config.dns)?;
    let checker = Checker::new(dns.resolver(), name);
    let hosts: Arc<dyn MailHosts> = Arc::new(Hosts(dns));
    let relay = &config.relay;
    let hours = |hours: u32| u64::from(hours) * 3600;
    let options = RelayOptions {
        hostname: name.to_owned(),
        smarthost: relay.smarthost.clone(),
        login: login(relay)?,
        trust: trust(relay)?,
        give_up: hours(relay.give_up_hours),
        tell_delay: hours(relay.tell_delay_hours),
        uncertain_wait: relay.uncertain_wait_seconds.into(),
        connections: usize::try_from(relay.connections).unwrap_or(1),
        quiet: Duration::from_secs(relay.quiet_seconds.into()),
        signers: Signers::new(signers(relay)?),
    };
    let mut organizations = Vec::new();
    // The one whose people sign in is the first.
    let mut tenants = store.tenants();
    tenants.sort_by_key(|tenant| tenant.name() != own.name());
    for tenant in tenants {
        let capture = match tenant.name() == own.name() {
            true => capture.clone(),
            false => {
                let limits = limits(&config.capture, Vec::new(), Reports::Ignored);
                Capture::new(tenant.clone(), &limits)
            }
        };
        organizations.push(Organization { tenant, capture });
    }
    let examiner = config.relay.check_senders.then(|| {
        Arc::new(Authenticity {
            checker,
            name: name.to_owned(),
        }) as Arc<dyn Examiner>
    });
    let front = Front::new(organizations.clone(), examiner);
    let relays = organizations.into_iter().map(|one| {
        Relay::new(
            one.tenant,
            one.capture,
            options.clone(),
            hosts.clone(),
            Some(&front),
        )
    });
    Ok(Onward {
        relays: relays.collect(),
        front,
    })
}
