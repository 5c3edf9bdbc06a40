//! What others see of us in DNS: where mail goes, from whom it may come, and whether we get out.

use std::net::IpAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Finding, Patient, SigningKey};
use crate::dns::{Dns, MailHost};

/// How long another mail server may take to answer. Some greet late on purpose.
const GREETING: Duration = Duration::from_secs(30);
/// Bytes of a greeting's line at most (RFC 5321).
const LINE: u64 = 512;

/// Whether the names that a certificate is asked for lead anywhere.
pub(super) async fn acme_names(patient: &Patient, dns: &Dns) -> Vec<Finding> {
    let Some(acme) = &patient.config.tls.acme else {
        return Vec::new();
    };
    let names = match acme.names.as_slice() {
        [] => &patient.config.tls.names,
        names => names,
    };
    let mut findings = Vec::new();
    for name in names {
        let finding = Finding::new("acme", name);
        findings.push(match dns.addresses(name).await {
            Err(error) => finding.unanswered(&error),
            Ok(found) if found.is_empty() => finding.wrong(
                "it has no address",
                format!("add an A or AAAA record for {name}: the authority connects to it"),
            ),
            Ok(found) => finding.well(list(&found)),
        });
    }
    findings
}

/// Looks at a domain.
pub(super) async fn look(domain: &str, patient: &Patient, dns: &Dns) -> Vec<Finding> {
    let (mut findings, ours) = mail_hosts(domain, patient, dns).await;
    for name in ours {
        findings.extend(host(&name, dns).await);
    }
    findings.push(spf(domain, dns).await);
    findings.push(dmarc(domain, dns).await);
    for selector in &patient.selectors {
        findings.push(dkim(domain, selector, None, dns).await);
    }
    let signs = |key: &SigningKey| key.domain.eq_ignore_ascii_case(domain);
    if patient.selectors.is_empty() && !patient.keys.iter().any(signs) {
        let why = "[[relay.dkim]] has no key of it, and no --selector is given";
        findings.push(Finding::new("dkim", domain).skipped(why));
    }
    findings.push(mention(domain, dns).await);
    findings
}

/// Where mail for a domain goes; and which of these hosts are us.
async fn mail_hosts(domain: &str, patient: &Patient, dns: &Dns) -> (Vec<Finding>, Vec<String>) {
    let finding = Finding::new("mx", domain);
    let hosts = match dns.mail_hosts(domain).await {
        Ok(hosts) => hosts,
        Err(error) => return (vec![finding.unanswered(&error)], Vec::new()),
    };
    if hosts.is_empty() {
        let hint =
            format!("add an MX record for {domain} that names the host which takes its mail");
        return (vec![finding.wrong("no MX record", hint)], Vec::new());
    }
    if hosts.iter().all(|host| host.name.is_empty()) {
        let hint = "remove the MX record `.`, if mail is to come in";
        let found = "it says that it takes no mail (null MX)";
        return (vec![finding.warning(found, hint)], Vec::new());
    }
    let found = in_words(&hosts);
    let names = &patient.config.tls.names;
    let known = |host: &&MailHost| {
        names
            .iter()
            .any(|name| name.eq_ignore_ascii_case(&host.name))
    };
    let ours: Vec<String> = hosts
        .iter()
        .filter(known)
        .map(|host| host.name.clone())
        .collect();
    let us = Finding::new("ours", domain);
    let us = match (names.as_slice(), ours.as_slice()) {
        ([], _) => us.skipped("`[tls] names` does not say which names are ours"),
        (_, []) => us.warning(
            format!("none of {found} is among `[tls] names` ({})", names.join(", ")),
            "well where a mail server hands copies to the archive; if mail is to come here first, name this host in the MX record",
        ),
        (_, ours) => us.well(format!("mail comes to us: {}", ours.join(", "))),
    };
    (vec![finding.well(found), us], ours)
}

/// Whether a name of ours leads to addresses that say the same name.
async fn host(name: &str, dns: &Dns) -> Vec<Finding> {
    let finding = Finding::new("address", name);
    let addresses = match dns.addresses(name).await {
        Err(error) => return vec![finding.unanswered(&error)],
        Ok(found) if found.is_empty() => {
            let hint = format!("add an A or AAAA record for {name}: mail for it goes nowhere");
            return vec![finding.wrong("it has no address", hint)];
        }
        Ok(found) => found,
    };
    let mut findings = vec![finding.well(list(&addresses))];
    for address in addresses {
        let finding = Finding::new("ptr", address.to_string());
        let hint = || {
            format!(
                "ask whoever gave you the address for a PTR record `{name}`; many refuse mail from addresses without"
            )
        };
        findings.push(match dns.names(address).await {
            Err(error) => finding.unanswered(&error),
            Ok(names) if names.is_empty() => finding.wrong("it has no name (PTR)", hint()),
            Ok(names) if names.iter().any(|one| one.eq_ignore_ascii_case(name)) => {
                finding.well(format!("{name}, which leads back to it"))
            }
            Ok(names) => finding.wrong(format!("its name is {}, not {name}", list(&names)), hint()),
        });
    }
    findings
}

/// Who may send for a domain.
async fn spf(domain: &str, dns: &Dns) -> Finding {
    let finding = Finding::new("spf", domain);
    let texts = match dns.texts(domain).await {
        Ok(texts) => texts,
        Err(error) => return finding.unanswered(&error),
    };
    let records: Vec<String> = texts
        .into_iter()
        .filter(|text| is(text, "v=spf1"))
        .collect();
    match records.as_slice() {
        [] => finding.wrong(
            "no SPF record",
            format!(
                "add a TXT record for {domain} that says who sends for it, as `v=spf1 mx -all`"
            ),
        ),
        [one] => finding.well(one.as_str()),
        several => finding.wrong(
            format!("{} SPF records, of which none counts then", several.len()),
            "make one of them",
        ),
    }
}

/// What others are to do with mail that only claims to be of a domain.
async fn dmarc(domain: &str, dns: &Dns) -> Finding {
    let finding = Finding::new("dmarc", domain);
    let at = format!("_dmarc.{domain}");
    let texts = match dns.texts(&at).await {
        Ok(texts) => texts,
        Err(error) => return finding.unanswered(&error),
    };
    let records: Vec<String> = texts
        .into_iter()
        .filter(|text| is(text, "v=DMARC1"))
        .collect();
    match records.as_slice() {
        [] => finding.wrong(
            "no DMARC record",
            format!(
                "add a TXT record for {at}, as `v=DMARC1; p=none; rua=mailto:postmaster@{domain}`"
            ),
        ),
        [one] => finding.well(one.as_str()),
        several => finding.wrong(
            format!("{} DMARC records, of which none counts then", several.len()),
            "make one of them",
        ),
    }
}

/// Whether the keys that we sign with are those that are published.
pub(super) async fn keys(patient: &Patient, dns: &Dns) -> Vec<Finding> {
    let mut findings = Vec::new();
    for key in &patient.keys {
        findings.push(dkim(&key.domain, &key.selector, Some(key), dns).await);
    }
    findings
}

/// The key in a record, as it is compared; empty where it is withdrawn.
fn published(record: &str) -> Option<String> {
    let mut tags = record.split(';');
    let key = tags.find_map(|tag| tag.trim().strip_prefix("p="))?;
    Some(key.split_whitespace().collect())
}

/// Whether the key that mail is signed with is published. `ours`: which it should be.
async fn dkim(domain: &str, selector: &str, ours: Option<&SigningKey>, dns: &Dns) -> Finding {
    let at = format!("{selector}._domainkey.{domain}");
    let finding = Finding::new("dkim", &at);
    let texts = match dns.texts(&at).await {
        Ok(texts) => texts,
        Err(error) => return finding.unanswered(&error),
    };
    let keys: Vec<String> = texts.iter().filter_map(|text| published(text)).collect();
    let record = ours.map_or(String::new(), |ours| format!(": {}", ours.record));
    match keys.as_slice() {
        [] => finding.wrong(
            "no key is published",
            format!("add the TXT record for {at}; until then signatures count for nothing{record}"),
        ),
        [key] if key.is_empty() => finding.wrong(
            "the key is withdrawn (p= is empty)",
            "sign with another selector",
        ),
        [key] => match ours.map(|ours| published(&ours.record).as_ref() == Some(key)) {
            None => finding.well("a key is published"),
            Some(true) => finding.well("the key that we sign with is published"),
            Some(false) => finding.wrong(
                "another key is published than the one that we sign with",
                format!("publish ours, under another selector if that one is in use{record}"),
            ),
        },
        _ => finding.wrong("several keys are published there", "publish one a selector"),
    }
}

/// What a domain may have besides; many do well without.
async fn mention(domain: &str, dns: &Dns) -> Finding {
    let finding = Finding::new("transport", domain);
    let mut said = Vec::new();
    for (what, at, begins) in [
        ("MTA-STS", "_mta-sts", "v=STSv1"),
        ("TLS reports", "_smtp._tls", "v=TLSRPTv1"),
    ] {
        let texts = dns.texts(&format!("{at}.{domain}")).await;
        let there = texts.map(|texts| texts.iter().any(|text| is(text, begins)));
        let there = match there {
            Ok(true) => "there",
            Ok(false) => "none",
            Err(_) => "nobody answers",
        };
        said.push(format!("{what}: {there}"));
    }
    finding.skipped(format!("{} (neither is needed)", said.join(", ")))
}

/// Whether we get out to other mail servers.
pub(super) async fn reach(target: Option<&str>, dns: &Dns) -> Finding {
    let Some(target) = target else {
        let why = "ask with --reach DOMAIN:25 whether mail gets out";
        return Finding::new("reach", "port 25").skipped(why);
    };
    let finding = Finding::new("reach", target);
    let Some((host, port)) = target
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)))
    else {
        return finding.wrong("it is no HOST:PORT", "write it as example.org:25");
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = match host.parse::<IpAddr>() {
        Ok(address) => Ok(vec![address]),
        Err(_) => match dns.mail_hosts(host).await {
            Ok(hosts) => {
                let first = hosts.first().map_or(host, |first| first.name.as_str());
                dns.addresses(first).await
            }
            Err(error) => Err(error),
        },
    };
    let addresses = match addresses {
        Ok(addresses) => addresses,
        Err(error) => return finding.unanswered(&error),
    };
    let Some(address) = addresses.first() else {
        return finding.wrong("it has no address", "name a domain that takes mail");
    };
    match timeout(GREETING, greeting(*address, port)).await {
        Ok(Ok(line)) if line.starts_with("220") => {
            finding.well(format!("{address} greets: {}", line.trim()))
        }
        Ok(Ok(line)) => finding.warning(
            format!("{address} says: {}", line.trim()),
            "another server may say more; this one does not want to talk to us",
        ),
        Ok(Err(error)) => finding.wrong(format!("{address}: {error}"), OUT),
        Err(_) => finding.wrong(format!("{address} does not answer"), OUT),
    }
}

const OUT: &str = "many providers block port 25 until they are asked; look at the firewall, too, or send through a relay";

async fn greeting(address: IpAddr, port: u16) -> std::io::Result<String> {
    let stream = TcpStream::connect((address, port)).await?;
    let mut line = Vec::new();
    let mut reader = BufReader::new(stream).take(LINE);
    reader.read_until(b'\n', &mut line).await?;
    Ok(String::from_utf8_lossy(&line).into_owned())
}

/// Whether a record begins with this tag, and not with a longer one.
fn is(text: &str, tag: &str) -> bool {
    let Some((head, rest)) = text.split_at_checked(tag.len()) else {
        return false;
    };
    head.eq_ignore_ascii_case(tag) && (rest.is_empty() || rest.starts_with([' ', ';']))
}

fn in_words(hosts: &[MailHost]) -> String {
    let hosts = hosts.iter().map(|host| host.name.as_str());
    hosts.collect::<Vec<_>>().join(", ")
}

fn list<T: ToString>(of: &[T]) -> String {
    let of = of.iter().map(ToString::to_string);
    of.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::is;

    #[test]
    fn a_tag_is_a_word() {
        assert!(is("v=spf1", "v=spf1") && is("V=SPF1 mx -all", "v=spf1"));
        assert!(is("v=DMARC1; p=none", "v=DMARC1"));
        assert!(!is("v=spf10 mx", "v=spf1") && !is("v=spf", "v=spf1") && !is("é=spf1", "v=spf1"));
    }
}
