//! DMARC (RFC 7489), decided from what DNS said.
//!
//! Whose domain is whose is found by the walk up the tree of RFC 9989 §4.10, which needs no list of public
//! suffixes. A decision that lacks an answer names it, and is made again when it is there: so it can
//! be made years later, too.

use mail_auth::common::parse::TxtRecordParser;
use mail_auth::common::to_a_label;
use mail_auth::dmarc::{Alignment, Dmarc as Published, Policy as Asks, Psd};

use everpost_domain::message::{Head, scan};

use super::checks::{Asked, Dkim, Dmarc, Found, Policy, Record, Spf, Verdict, find};
use super::fields::Split;

/// An answer of DNS that is missing.
pub(super) struct Lacks(pub(super) Asked, pub(super) String);

/// Why there is no answer.
enum Stop {
    Lacks(Lacks),
    /// DNS has none.
    Trouble(String),
}

/// Whose mail it says it is: the domain of the From field.
pub(super) enum Author {
    Domain(String),
    /// There is no such domain, or there are several: no policy can be found (RFC 7489 §6.6.1).
    Unclear(&'static str),
}

/// Reads the From field.
pub(super) fn author(split: &Split<'_>) -> Author {
    if !split.whole {
        return Author::Unclear("too many header fields");
    }
    let mut domains: Vec<String> = Vec::new();
    for field in split.named("From") {
        let mut header = b"From:".to_vec();
        header.extend_from_slice(field.value);
        let head = Head::read(&header, &scan(&header));
        for address in head.from {
            if let Some((_, domain)) = address.email.rsplit_once('@') {
                let domain = to_a_label(domain.trim_end_matches('.'));
                if !domains.iter().any(|known| *known == *domain) {
                    domains.push(domain.into_owned());
                }
            }
        }
    }
    let named = |domain: &str| {
        domain.is_ascii()
            && domain.len() <= 253
            && domain
                .split('.')
                .all(|label| (1..=63).contains(&label.len()))
    };
    match <[String; 1]>::try_from(domains) {
        Ok([domain]) if named(&domain) => Author::Domain(domain),
        Ok(_) => Author::Unclear("From has no domain of DNS"),
        Err(domains) if domains.is_empty() => Author::Unclear("there is no domain in From"),
        Err(_) => Author::Unclear("From names several domains"),
    }
}

/// Decides, or says what is to be asked first.
pub(super) fn judge(
    author: &Author,
    spf: &Spf,
    dkim: &[Dkim],
    records: &[Record],
) -> Result<Dmarc, Lacks> {
    let mut out = Dmarc {
        verdict: Verdict::None,
        domain: String::new(),
        published: String::new(),
        policy: None,
        spf_aligned: false,
        dkim_aligned: false,
        reason: String::new(),
    };
    match author {
        Author::Domain(domain) => out.domain.clone_from(domain),
        Author::Unclear(why) => {
            out.verdict = Verdict::PermError;
            (*why).clone_into(&mut out.reason);
            return Ok(out);
        }
    }
    match decide(&mut out, spf, dkim, records) {
        Ok(()) => {}
        Err(Stop::Lacks(lacks)) => return Err(lacks),
        Err(Stop::Trouble(why)) => (out.verdict, out.reason) = (Verdict::TempError, why),
    }
    Ok(out)
}

fn decide(out: &mut Dmarc, spf: &Spf, dkim: &[Dkim], records: &[Record]) -> Result<(), Stop> {
    let domain = out.domain.clone();
    let walk = walk(&domain, records)?;
    let above = organization(&walk, &domain);
    let own = walk.iter().find(|(name, _)| *name == domain);
    let org = || walk.iter().find(|(name, _)| *name == above);
    let Some((published, policy)) = own.or_else(org).or(walk.last()) else {
        if let Some(why) = broken(&domain, records) {
            (out.verdict, out.reason) = (Verdict::PermError, why);
        }
        return Ok(());
    };
    if policy.p == Asks::Unspecified && policy.rua.is_empty() {
        "the policy does not say what it asks for".clone_into(&mut out.reason);
        return Ok(());
    }
    (*published).clone_into(&mut out.published);
    out.policy = Some(asks(policy, *published == domain, &domain, records)?);

    let mut trouble = None;
    let mut aligned = |verdict, other: &str, how| -> Result<bool, Stop> {
        if !matches!(verdict, Verdict::Pass | Verdict::TempError) {
            return Ok(false);
        }
        match is_aligned(other, &domain, above, how, records) {
            Ok(true) if verdict == Verdict::Pass => Ok(true),
            Ok(true) => {
                trouble.get_or_insert_with(|| "DNS did not answer for what it rests on".to_owned());
                Ok(false)
            }
            Ok(false) => Ok(false),
            Err(Stop::Trouble(why)) => {
                trouble.get_or_insert(why);
                Ok(false)
            }
            Err(lacks) => Err(lacks),
        }
    };
    out.spf_aligned = aligned(spf.verdict, &spf.domain, policy.aspf)?;
    for one in dkim {
        out.dkim_aligned |= aligned(one.verdict, &one.domain, policy.adkim)?;
    }
    (out.verdict, out.reason) = if out.spf_aligned || out.dkim_aligned {
        (Verdict::Pass, String::new())
    } else if let Some(why) = trouble {
        (Verdict::TempError, why)
    } else {
        let why = "neither SPF nor DKIM speak for the domain";
        (Verdict::Fail, why.to_owned())
    };
    Ok(())
}

/// What a policy asks for: a domain of its own has `p=`, one below `sp=`, and one that does not exist `np=`.
/// While its owner tests (`t=y`) that is one step less (RFC 9989 §4.7).
fn asks(policy: &Published, own: bool, domain: &str, records: &[Record]) -> Result<Policy, Stop> {
    let asks = if own || policy.p == Asks::Unspecified {
        policy.p
    } else if policy.np != policy.sp && !exists(domain, records)? {
        policy.np
    } else {
        policy.sp
    };
    Ok(match (asks, policy.t) {
        (Asks::Reject, false) => Policy::Reject,
        (Asks::Reject, true) | (Asks::Quarantine, false) => Policy::Quarantine,
        (Asks::Quarantine, true) | (Asks::None | Asks::Unspecified, _) => Policy::None,
    })
}

fn look(records: &[Record], asked: Asked, name: String) -> Result<&Found, Stop> {
    match find(records, asked, &name) {
        None => Err(Stop::Lacks(Lacks(asked, name))),
        Some(record) => Ok(&record.found),
    }
}

fn exists(domain: &str, records: &[Record]) -> Result<bool, Stop> {
    match look(records, Asked::Name, domain.to_owned())? {
        Found::NoName => Ok(false),
        // Without an answer the milder policy is none of its owner's wishes; it exists until DNS says no.
        Found::NoData | Found::Texts(_) | Found::Trouble(_) => Ok(true),
    }
}

/// The policies from a domain upwards, eight questions at most (RFC 9989 §4.10).
fn walk<'d>(domain: &'d str, records: &[Record]) -> Result<Vec<(&'d str, Published)>, Stop> {
    let mut out = Vec::new();
    let mut name = domain;
    if !name.contains('.') {
        return Ok(out);
    }
    loop {
        let texts = match look(records, Asked::Dmarc, format!("_dmarc.{name}"))? {
            Found::Texts(texts) => texts.as_slice(),
            Found::NoData | Found::NoName => &[],
            Found::Trouble(why) => return Err(Stop::Trouble(why.clone())),
        };
        // Several records are none (RFC 7489 §6.6.3).
        if let [text] = texts
            && let Ok(policy) = Published::parse(text.as_bytes())
        {
            let last = policy.psd != Psd::Default;
            out.push((name, policy));
            if last {
                return Ok(out);
            }
        }
        let Some((_, up)) = name.split_once('.') else {
            return Ok(out);
        };
        name = up;
        while name.split('.').count() > 7 {
            let Some((_, up)) = name.split_once('.') else {
                break;
            };
            name = up;
        }
    }
}

/// Why the domain's own record is none.
fn broken(domain: &str, records: &[Record]) -> Option<String> {
    let record = find(records, Asked::Dmarc, &format!("_dmarc.{domain}"))?;
    match &record.found {
        Found::Texts(texts) if texts.len() > 1 => Some("there is more than one policy".to_owned()),
        Found::Texts(_) => Some("the policy cannot be read".to_owned()),
        Found::NoData | Found::NoName | Found::Trouble(_) => None,
    }
}

/// The domain of the organization, from a walk (RFC 9989 §4.10.2).
fn organization<'d>(walk: &[(&'d str, Published)], domain: &'d str) -> &'d str {
    for (name, policy) in walk {
        match policy.psd {
            Psd::No => return name,
            Psd::Yes if *name != domain => {
                let below = name.split('.').count() + 1;
                let mut out = domain;
                while out.split('.').count() > below {
                    let Some((_, up)) = out.split_once('.') else {
                        break;
                    };
                    out = up;
                }
                return out;
            }
            Psd::Yes | Psd::Default => {}
        }
    }
    walk.last().map_or(domain, |(name, _)| name)
}

fn is_aligned(
    other: &str,
    domain: &str,
    above: &str,
    how: Alignment,
    records: &[Record],
) -> Result<bool, Stop> {
    let other = to_a_label(other);
    if *other == *domain {
        return Ok(true);
    }
    let below = other
        .strip_suffix(above)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    if how == Alignment::Strict || !below {
        return Ok(false);
    }
    Ok(organization(&walk(&other, records)?, &other) == above)
}
