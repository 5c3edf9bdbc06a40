//! The checks of one message when it comes.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use hickory_resolver::TokioResolver;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::checks::{Arc, Asked, Came, Checks, Dmarc, Identity, Spf, Verdict};
use super::dmarc::{self, Lacks};
use super::dns::{Dns, now};
use super::fields::Split;
use super::{arc, dkim, spf};

/// How far the checks of one message may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// When what DNS did not say is a temperror.
    pub deadline: Duration,
    /// Signatures that are checked, from the top (RFC 6376 §6.1: a verifier may limit them).
    pub signatures: usize,
    /// Keys and policies that are looked up. Addresses that SPF asks for are limited by RFC 7208 §4.6.4.
    pub questions: usize,
}

impl Default for Limits {
    /// Ten seconds, ten signatures, a hundred questions.
    fn default() -> Self {
        Limits {
            deadline: Duration::from_secs(10),
            signatures: 10,
            questions: 100,
        }
    }
}

/// Checks SPF, DKIM, DMARC and ARC of mail that comes. Cheap to clone.
#[derive(Clone)]
pub struct Checker {
    resolver: TokioResolver,
    name: std::sync::Arc<str>,
    limits: Limits,
}

impl Checker {
    /// One that asks this resolver, whose cache it relies on. `our_name` is what explanations of SPF may name
    /// as the host that asked (RFC 7208 §7.2, `%{r}`).
    pub fn new(resolver: TokioResolver, our_name: &str) -> Self {
        Checker {
            resolver,
            name: our_name.into(),
            limits: Limits::default(),
        }
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Checker { limits, ..self }
    }

    /// Finds out what can be found out about a message. It never fails: what DNS does not say is a temperror,
    /// and whatever a message holds is a result.
    ///
    /// Bytes are shared, not copied: hashing a large message is done beside the threads that serve others.
    pub async fn check(&self, raw: &Bytes, came: &Came) -> Checks {
        let work = self.clone().all(raw.clone(), came.clone());
        // A task of its own, so that a panic in a reader of hostile bytes is a result, too.
        match tokio::spawn(work).await {
            Ok(Some(checks)) => checks,
            Ok(None) | Err(_) => {
                tracing::warn!("a message's authenticity could not be evaluated");
                unknown(came)
            }
        }
    }

    async fn all(self, raw: Bytes, came: Came) -> Option<Checks> {
        let at = now();
        let Limits {
            deadline,
            signatures,
            questions,
        } = self.limits;
        let until = Instant::now() + deadline;
        let dns = Dns::new(self.resolver, until, questions);
        let bytes = raw.clone();
        let read = spawn_blocking(move || {
            let split = Split::of(&bytes);
            let (mut keys, beyond) = dkim::keys(&split, signatures);
            keys.extend(arc::keys(&split));
            let keys: BTreeSet<String> = keys.into_iter().collect();
            (keys, beyond, dmarc::author(&split))
        });
        let (keys, beyond, author) = read.await.ok()?;
        let (spf, _) = tokio::join!(
            spf::judge(&dns, &came, &self.name),
            join_all(keys.iter().map(|name| dns.ask(Asked::Key, name))),
        );
        let records = dns.records();
        let signed = spawn_blocking(move || {
            let dkim = dkim::judge(&raw, &records, at, signatures);
            (dkim, arc::judge(&raw, &records, at))
        });
        let (dkim, arc) = signed.await.ok()?;
        let mut records = dns.records();
        let dmarc = loop {
            match dmarc::judge(&author, &spf, &dkim, &records) {
                Ok(dmarc) => break dmarc,
                Err(Lacks(asked, name)) => records.push(dns.ask(asked, &name).await),
            }
        };
        Some(Checks {
            at,
            came,
            spf,
            dkim,
            unchecked: u32::try_from(beyond).unwrap_or(u32::MAX),
            dmarc,
            arc,
            records: dns.records(),
        })
    }
}

/// What is said of a message that nothing could be found out about.
fn unknown(came: &Came) -> Checks {
    let verdict = Verdict::PermError;
    let reason = "it could not be evaluated".to_owned();
    Checks {
        at: now(),
        came: came.clone(),
        spf: Spf {
            verdict,
            identity: Identity::MailFrom,
            domain: String::new(),
            reason: reason.clone(),
        },
        dkim: Vec::new(),
        unchecked: 0,
        dmarc: Dmarc {
            verdict,
            domain: String::new(),
            published: String::new(),
            policy: None,
            spf_aligned: false,
            dkim_aligned: false,
            reason: reason.clone(),
        },
        arc: Arc {
            verdict,
            sets: 0,
            domain: String::new(),
            selector: String::new(),
            reason,
        },
        records: Vec::new(),
    }
}
