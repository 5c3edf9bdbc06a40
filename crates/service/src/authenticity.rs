//! What was found out about a message when it came: whether it is from whom it says. The API shows it, and the command
//! line where no service runs.

use everpost_domain::digest::Digest;
use everpost_mail::authenticity::{Again, Checks, Found};
use everpost_store::{StoreError, Tenant};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::view::time;

/// What was found out when a copy came, once for each time.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuthenticityView {
    /// When it was looked at; by this clock expiry was judged.
    pub at: String,
    /// The client that brought it.
    pub client: String,
    /// What the client called itself.
    pub helo: String,
    /// The sender of its envelope.
    pub sender: String,
    /// The results, SPF first, then each signature (DKIM), DMARC, and the chain of those who handed it on (ARC).
    pub results: Vec<ResultView>,
    /// What they rest on: each TXT record that was looked up.
    pub records: Vec<RecordView>,
    /// Whether the signatures come out as they did then, from the bytes and the recorded keys alone.
    pub same: bool,
}

/// One result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResultView {
    /// `spf`, `dkim`, `dmarc`, `arc`.
    pub method: String,
    /// In the words of RFC 8601: `pass`, `fail`, `none` …
    pub verdict: String,
    /// Whose domain.
    pub domain: String,
    /// The name of the key, of a signature; the policy, of DMARC.
    pub by: String,
    /// Why, where there is more to say.
    pub reason: String,
}

/// An answer of DNS.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RecordView {
    /// The name that was asked about.
    pub name: String,
    /// When.
    pub at: String,
    /// Its TXT records, or that there was none, or no answer.
    pub found: Vec<String>,
}

/// Everything that is recorded of a copy; it is judged again.
pub async fn authenticity(
    tenant: &Tenant,
    copy: &Digest,
) -> Result<Vec<AuthenticityView>, StoreError> {
    let deliveries = tenant.deliveries(copy).await?.into_iter();
    let recorded = deliveries.filter_map(|delivery| delivery.envelope);
    let recorded: Vec<Vec<u8>> = recorded
        .map(|envelope| envelope.found)
        .filter(|found| !found.is_empty())
        .collect();
    if recorded.is_empty() {
        return Ok(Vec::new());
    }
    let raw = tenant.raw(copy).await?;
    let views = recorded.iter().map(|found| {
        let damaged = |_| StoreError::Damaged {
            item: format!("checks of {copy}"),
            what: "they cannot be read".into(),
        };
        let checks = Checks::decode(found).map_err(damaged)?;
        Ok(view(&checks, checks.verify_later(&raw)))
    });
    views.collect()
}

fn view(checks: &Checks, again: Again) -> AuthenticityView {
    let result = |method: &str,
                  verdict: everpost_mail::authenticity::Verdict,
                  domain: &str,
                  by: &str,
                  reason: &str| {
        ResultView {
            method: method.into(),
            verdict: verdict.as_str().into(),
            domain: domain.into(),
            by: by.into(),
            reason: reason.into(),
        }
    };
    let (spf, dmarc, arc) = (&checks.spf, &checks.dmarc, &checks.arc);
    let policy = dmarc.policy.map_or("", |policy| policy.as_str());
    let mut results = vec![result("spf", spf.verdict, &spf.domain, "", &spf.reason)];
    let signatures = checks.dkim.iter();
    results.extend(
        signatures.map(|one| result("dkim", one.verdict, &one.domain, &one.selector, &one.reason)),
    );
    results.push(result(
        "dmarc",
        dmarc.verdict,
        &dmarc.domain,
        policy,
        &dmarc.reason,
    ));
    results.push(result(
        "arc",
        arc.verdict,
        &arc.domain,
        &arc.selector,
        &arc.reason,
    ));
    let at = |seconds: i64| time(seconds.saturating_mul(1_000_000));
    let records = checks.records.iter().map(|record| RecordView {
        name: record.name.clone(),
        at: at(record.at),
        found: match &record.found {
            Found::Texts(texts) => texts.clone(),
            Found::NoData => vec!["(no such record)".into()],
            Found::NoName => vec!["(no such name)".into()],
            Found::Trouble(why) => vec![format!("(no answer: {why})")],
        },
    });
    AuthenticityView {
        at: at(checks.at),
        client: checks.came.client.to_string(),
        helo: checks.came.helo.clone(),
        sender: checks.came.sender.clone(),
        results,
        records: records.collect(),
        same: again.same,
    }
}
