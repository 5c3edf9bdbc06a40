//! SPF (RFC 7208), evaluated by `mail-auth`; the records that it reads are written down.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::hash::Hash;
use std::sync::Mutex;
use std::time::Instant;

use mail_auth::common::to_a_label;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{MessageAuthenticator, Parameters, ResolverCache, SpfResult, Txt};
use tokio::time::timeout_at;

use super::checks::{Asked, Came, Found, Identity, Spf, Verdict};
use super::dns::Dns;

/// What a domain may say of a mail that it does not want, at most.
const LONGEST: usize = 200;

/// Learns which records are asked for, by standing where a cache could; it keeps no answers, the resolver does.
#[derive(Default)]
struct Names(Mutex<BTreeSet<String>>);

impl ResolverCache<Box<str>, Txt> for Names {
    fn get<Q>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn remove<Q>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, name: Box<str>, value: Txt, _: Instant) {
        if !matches!(value, Txt::SpfMacro(_)) {
            let mut names = self
                .0
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            names.insert(name.into_string());
        }
    }
}

/// Asks whether the client may send for the domain of the sender, or of its HELO where there is no sender.
pub(super) async fn judge(dns: &Dns, came: &Came, host: &str) -> Spf {
    let helo = came.helo.trim_end_matches('.');
    let helo = to_a_label(helo);
    let (identity, domain) = match came.sender.rsplit_once('@') {
        Some((_, domain)) => (Identity::MailFrom, to_a_label(domain).into_owned()),
        None => (Identity::Helo, helo.clone().into_owned()),
    };
    let mut out = Spf {
        verdict: Verdict::None,
        identity,
        domain: domain.trim_end_matches('.').to_lowercase(),
        reason: String::new(),
    };
    if !is_name(&out.domain) {
        "there is no domain to ask about".clone_into(&mut out.reason);
        return out;
    }
    let sender = match came.sender.rsplit_once('@') {
        Some((local, _)) => format!("{local}@{}", out.domain),
        None => String::new(),
    };
    let client = came.client.to_canonical();
    let params = match identity {
        Identity::MailFrom => SpfParameters::verify_mail_from(client, &helo, host, &sender),
        Identity::Helo => SpfParameters::verify_ehlo(client, &out.domain, host),
    };
    let names = Names::default();
    let asker = MessageAuthenticator(dns.resolver.clone());
    let params = Parameters::new(params).with_txt_cache(&names);
    let answer = timeout_at(dns.until(), asker.check_host(params)).await;
    // The resolver has them at hand.
    dns.ask(Asked::Spf, &out.domain).await;
    let names = names
        .0
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut broken = None;
    for name in names {
        let record = dns.ask(Asked::Spf, &name).await;
        match record.found {
            // RFC 7208 §4.5.
            Found::Texts(texts) if texts.len() > 1 => {
                broken = Some("there is more than one record")
            }
            // RFC 7208 §4.6: an error anywhere in a record counts, wherever evaluation would have ended.
            Found::Texts(texts) if !texts.iter().all(|text| is_readable(text)) => {
                broken = Some("a record has mechanisms that are unknown");
            }
            _ => {}
        }
    }
    let Ok(answer) = answer else {
        out.verdict = Verdict::TempError;
        "no answer in time".clone_into(&mut out.reason);
        return out;
    };
    out.verdict = match answer.result() {
        SpfResult::Pass => Verdict::Pass,
        SpfResult::Fail => Verdict::Fail,
        SpfResult::SoftFail => Verdict::SoftFail,
        SpfResult::Neutral => Verdict::Neutral,
        SpfResult::TempError => Verdict::TempError,
        SpfResult::PermError => Verdict::PermError,
        SpfResult::None => Verdict::None,
    };
    let said = answer.explanation().unwrap_or_default();
    out.reason = match out.verdict {
        Verdict::None => "there is no record".to_owned(),
        Verdict::TempError => "DNS did not answer".to_owned(),
        Verdict::PermError => "the record cannot be evaluated".to_owned(),
        _ => said.chars().take(LONGEST).collect(),
    };
    if let Some(why) = broken {
        out.verdict = Verdict::PermError;
        why.clone_into(&mut out.reason);
    }
    out
}

/// Whether a record has nothing but mechanisms that RFC 7208 §5 knows, and modifiers, of which unknown ones
/// are passed over (§6). `mail-auth` passes over both.
fn is_readable(text: &str) -> bool {
    const KNOWN: [&str; 8] = ["all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"];
    text.split(' ')
        .skip(1)
        .filter(|term| !term.is_empty())
        .all(|term| {
            let bare = term.trim_start_matches(['+', '-', '?', '~']);
            let end = bare.find([':', '/', '=']).unwrap_or(bare.len());
            let (name, rest) = bare.split_at_checked(end).unwrap_or_default();
            if rest.starts_with('=') {
                bare.len() == term.len()
            } else {
                term.len() - bare.len() <= 1
                    && KNOWN.iter().any(|known| known.eq_ignore_ascii_case(name))
            }
        })
}

/// RFC 7208 §4.3: a name with two labels at least, none of them empty or too long.
fn is_name(domain: &str) -> bool {
    let labels = || domain.split('.');
    domain.len() <= 253
        && labels().count() > 1
        && labels().all(|label| (1..=63).contains(&label.len()))
        && !domain.starts_with('[')
}
