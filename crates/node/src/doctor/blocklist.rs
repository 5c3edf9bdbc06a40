//! Whether our addresses are on lists of those that send spam (RFC 5782).

use std::net::IpAddr;

use super::Finding;
use crate::config::Config;
use crate::dns::Dns;

/// Each list has this address, so that one can see that it lives …
const ALWAYS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));
/// … and none has this one, so that one can see that it does not name everybody.
const NEVER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Looks for our addresses on each list of the configuration.
pub(super) async fn look(config: &Config, dns: &Dns) -> Vec<Finding> {
    let lists = &config.dns.blocklists;
    let mut findings = Vec::new();
    if lists.is_empty() {
        let finding = Finding::new("blocklist", "[dns]");
        return vec![finding.skipped("`blocklists` names no list to look at")];
    }
    let mut addresses = Vec::new();
    for name in &config.tls.names {
        match name.parse() {
            Ok(address) => addresses.push(address),
            Err(_) => addresses.extend(dns.addresses(name).await.unwrap_or_default()),
        }
    }
    addresses.sort();
    addresses.dedup();
    for list in lists {
        if let Some(dead) = dead(list, dns).await {
            findings.push(dead);
            continue;
        }
        if addresses.is_empty() {
            let why = "`[tls] names` leads to no address to look for";
            findings.push(Finding::new("blocklist", list).skipped(why));
        }
        for address in &addresses {
            findings.push(listed(*address, list, dns).await);
        }
    }
    findings
}

/// A list that does not answer as lists do. What it says of us would mean nothing.
async fn dead(list: &str, dns: &Dns) -> Option<Finding> {
    let finding = Finding::new("blocklist", list);
    let hint = "take it out of `blocklists`, or ask with a resolver of your own (`[dns] servers`): many lists refuse public ones";
    let there = match dns.codes(&entry(ALWAYS, list)).await {
        Ok(codes) => codes.into_iter().any(is_code),
        Err(error) => return Some(finding.warning(error.to_string(), hint)),
    };
    if !there {
        let found = "it is dead, or does not answer us: its test entry is missing";
        return Some(finding.warning(found, hint));
    }
    match dns.codes(&entry(NEVER, list)).await {
        Ok(codes) if codes.is_empty() => None,
        Ok(_) => Some(finding.warning("it names everybody", hint)),
        Err(error) => Some(finding.warning(error.to_string(), hint)),
    }
}

async fn listed(address: IpAddr, list: &str, dns: &Dns) -> Finding {
    let finding = Finding::new("blocklist", format!("{address} in {list}"));
    let at = entry(address, list);
    match dns.codes(&at).await {
        Err(error) => finding.unanswered(&error),
        Ok(codes) if codes.iter().copied().any(is_code) => {
            let why = dns.texts(&at).await.unwrap_or_default().join(" ");
            let codes: Vec<String> = codes.iter().map(ToString::to_string).collect();
            finding.wrong(
                format!("listed ({}) {why}", codes.join(", ")).trim_end().to_owned(),
                "find out what was sent from this address, end it, and ask the list to take the address off",
            )
        }
        Ok(codes) if codes.is_empty() => finding.well("not listed"),
        Ok(codes) => {
            let code = codes.first().map(ToString::to_string).unwrap_or_default();
            finding.warning(
                format!("the list answers {code}, which says nothing of the address"),
                "ask with a resolver of your own (`[dns] servers`)",
            )
        }
    }
}

/// Codes lie in 127.0.0.0/8. By those of 127.255.255.0/24 a list says that it does not answer the asker.
fn is_code(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            first == 127 && second != 255
        }
        IpAddr::V6(_) => false,
    }
}

/// Where a list says what it knows of an address: the address backwards, before the list's name.
fn entry(address: IpAddr, list: &str) -> String {
    let mut labels: Vec<String> = match address.to_canonical() {
        IpAddr::V4(address) => address.octets().map(|byte| byte.to_string()).into(),
        IpAddr::V6(address) => {
            let bytes = address.octets().into_iter();
            bytes
                .flat_map(|byte| [byte >> 4, byte & 15])
                .map(|half| format!("{half:x}"))
                .collect()
        }
    };
    labels.reverse();
    format!("{}.{list}", labels.join("."))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use super::{entry, is_code};

    #[test]
    fn addresses_are_looked_up_backwards() {
        let of = |address: &str| entry(address.parse().unwrap(), "list.test");
        assert_eq!(of("192.0.2.99"), "99.2.0.192.list.test");
        assert!(of("2001:db8::5").starts_with("5.0.0.0."));
        assert!(of("2001:db8::5").ends_with(".8.b.d.0.1.0.0.2.list.test"));
        assert!(is_code("127.0.0.2".parse().unwrap()));
        assert!(!is_code("127.255.255.254".parse().unwrap()));
        assert!(!is_code("192.0.2.1".parse().unwrap()));
    }
}
