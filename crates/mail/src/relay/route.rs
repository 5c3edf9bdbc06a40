//! From a place to the servers that take its mail.

use std::fmt;
use std::net::SocketAddr;

use everpost_codec::smtp::Protocol;
use everpost_store::{MailDomain, Recipient};
use futures::future::BoxFuture;

/// The port of mail servers.
const SMTP: u16 = 25;
/// The port that LMTP mostly has; there is no other by law (RFC 2033 §5).
const LMTP: u16 = 24;

/// Finds the mail servers of a domain, and addresses of a host: DNS, or what stands for it.
pub trait MailHosts: Send + Sync {
    /// Preference and name of each host that takes mail for a domain (MX records), a name being empty where the
    /// domain says that it takes none (RFC 7505). Empty: there is no such record.
    fn hosts(&self, domain: String) -> BoxFuture<'static, Result<Vec<(u16, String)>, NoHosts>>;
    /// Addresses of a host.
    fn addresses(&self, host: String) -> BoxFuture<'static, Result<Vec<SocketAddr>, NoHosts>>;
}

/// Why no server is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoHosts {
    /// In words.
    pub why: String,
    /// It will be so tomorrow.
    pub for_good: bool,
}

impl fmt::Display for NoHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// A server to be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) name: String,
    pub(super) port: u16,
    pub(super) protocol: Protocol,
    /// It is the smarthost, which may want to know who we are.
    pub(super) is_smarthost: bool,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.port)
    }
}

/// A server's name and port, `[ADDRESS]:PORT` for IPv6, behind `lmtp:` where it speaks that.
fn server(text: &str) -> Server {
    let (protocol, usual, text) = match text.strip_prefix("lmtp:") {
        Some(rest) => (Protocol::Lmtp, LMTP, rest),
        None => (Protocol::Smtp, SMTP, text),
    };
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => {
            (name, port.parse().unwrap_or(usual))
        }
        _ => (text, usual),
    };
    Server {
        name: name.trim_matches(['[', ']']).to_owned(),
        port,
        protocol,
        is_smarthost: false,
    }
}

/// The place of a recipient's mail: legs of one place go together.
pub(super) fn place_of(recipient: Option<&Recipient>, domain: &str) -> String {
    match recipient.and_then(|recipient| recipient.server.as_deref()) {
        Some(server) => format!("server {server}"),
        None => format!("domain {domain}"),
    }
}

/// What a place means now: who is named by the recipient, then the domain, then the smarthost, then DNS.
pub(super) async fn servers(
    place: &str,
    own: &[MailDomain],
    smarthost: Option<&str>,
    our_name: &str,
    hosts: &dyn MailHosts,
) -> Result<Vec<Server>, NoHosts> {
    let domain = match place.split_once(' ') {
        Some(("server", named)) => return Ok(vec![server(named)]),
        Some((_, domain)) => domain,
        None => place,
    };
    let known = own.iter().find(|known| known.name == domain);
    let named = match known {
        Some(known) => known.server.as_deref(),
        // A smarthost is for mail that leaves.
        None => smarthost,
    };
    if let Some(named) = named {
        return Ok(vec![Server {
            is_smarthost: known.is_none(),
            ..server(named)
        }]);
    }
    let mut found = hosts.hosts(domain.to_owned()).await?;
    found.sort();
    if found.iter().any(|(_, name)| name.is_empty()) {
        return Err(NoHosts {
            why: format!("{domain} takes no mail (null MX)"),
            for_good: true,
        });
    }
    // RFC 5321 §5.1: whoever finds itself among them goes to those above it only.
    let own_preference = found
        .iter()
        .find(|(_, name)| name.eq_ignore_ascii_case(our_name))
        .map(|(preference, _)| *preference);
    if let Some(own) = own_preference {
        found.retain(|(preference, _)| *preference < own);
        if found.is_empty() {
            return Err(NoHosts {
                why: format!(
                    "the MX records of {domain} name this server alone; set its mail server with `everpost domain add`"
                ),
                for_good: false,
            });
        }
    }
    if found.is_empty() {
        // RFC 5321 §5.1: without records the domain is its own host.
        found.push((0, domain.to_owned()));
    }
    let servers = found
        .into_iter()
        .map(|(_, name)| Server { name, ..server("") });
    Ok(servers.collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use super::*;
    use everpost_store::UnknownRecipient;

    struct Zone(&'static [(u16, &'static str)]);

    impl MailHosts for Zone {
        fn hosts(&self, _: String) -> BoxFuture<'static, Result<Vec<(u16, String)>, NoHosts>> {
            let all = self
                .0
                .iter()
                .map(|(preference, name)| (*preference, (*name).to_owned()));
            let all = all.collect();
            Box::pin(async { Ok(all) })
        }
        fn addresses(&self, _: String) -> BoxFuture<'static, Result<Vec<SocketAddr>, NoHosts>> {
            Box::pin(async { Ok(Vec::new()) })
        }
    }

    async fn ask(
        place: &str,
        zone: &'static [(u16, &'static str)],
    ) -> Result<Vec<String>, NoHosts> {
        let own = [MailDomain {
            name: "example.org".into(),
            unknown: UnknownRecipient::Reject,
            server: Some("mail.example.org:2525".into()),
        }];
        let smarthost = place.contains("smart").then_some("[2001:db8::1]:587");
        let found = servers(place, &own, smarthost, "us.example", &Zone(zone)).await;
        found.map(|all| all.iter().map(ToString::to_string).collect())
    }

    #[tokio::test]
    async fn a_place_is_who_is_named_then_what_dns_says() {
        let ok = |names: &[&str]| Ok(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(
            ask("server far.example:26", &[]).await,
            ok(&["far.example:26"])
        );
        assert_eq!(
            ask("domain example.org", &[]).await,
            ok(&["mail.example.org:2525"])
        );
        assert_eq!(
            ask("domain smart.example", &[]).await,
            ok(&["2001:db8::1:587"])
        );
        assert_eq!(ask("domain x.example", &[]).await, ok(&["x.example:25"]));
        let lmtp = server("lmtp:[::1]");
        assert_eq!(
            (lmtp.to_string(), lmtp.protocol),
            ("::1:24".into(), Protocol::Lmtp)
        );
        let zone = &[(20, "b.example"), (10, "a.example")];
        assert_eq!(
            ask("domain x.example", zone).await,
            ok(&["a.example:25", "b.example:25"])
        );
        let zone = &[(10, "a.example"), (20, "US.example"), (30, "c.example")];
        assert_eq!(ask("domain x.example", zone).await, ok(&["a.example:25"]));
        assert!(
            !ask("domain x.example", &[(10, "us.example")])
                .await
                .unwrap_err()
                .for_good
        );
        assert!(
            ask("domain x.example", &[(0, "")])
                .await
                .unwrap_err()
                .for_good
        );
    }
}
