//! What was found out about a message, as plain data.

use std::net::IpAddr;

use serde::Serialize;

use super::{arc, dkim};

/// A result in the words of RFC 8601 §2.7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// There is nothing to check.
    None,
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// SPF: probably not (RFC 7208 §2.6.5).
    SoftFail,
    /// SPF: the domain says nothing; DKIM: the signature cannot be read.
    Neutral,
    /// The signature holds, but is of a kind that is not relied on.
    Policy,
    /// DNS did not answer in time; it may hold.
    TempError,
    /// It can never be checked: a broken record, a missing key.
    PermError,
}

impl Verdict {
    /// Every verdict, in the order of their codes.
    pub const ALL: [Verdict; 8] = [
        Verdict::None,
        Verdict::Pass,
        Verdict::Fail,
        Verdict::SoftFail,
        Verdict::Neutral,
        Verdict::Policy,
        Verdict::TempError,
        Verdict::PermError,
    ];

    /// The word of RFC 8601.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::None => "none",
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::SoftFail => "softfail",
            Verdict::Neutral => "neutral",
            Verdict::Policy => "policy",
            Verdict::TempError => "temperror",
            Verdict::PermError => "permerror",
        }
    }
}

/// How a message came, as the receiving server saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Came {
    /// The address of the client.
    pub client: IpAddr,
    /// The name that it gave with HELO or EHLO.
    pub helo: String,
    /// The address of MAIL FROM; empty for `<>`.
    pub sender: String,
}

/// What DNS was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Asked {
    /// A key (RFC 6376 §3.6.2).
    Key,
    /// An SPF record (RFC 7208 §3).
    Spf,
    /// A DMARC policy (RFC 7489 §6.1).
    Dmarc,
    /// Whether there is such a name at all.
    Name,
}

/// What DNS said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// The TXT records of this kind, each whole (RFC 7208 §3.3), in the order of their bytes. Bytes that are
    /// no UTF-8 are replaced; verdicts are of the text as it stands here.
    Texts(Vec<String>),
    /// There is such a name, but nothing of this kind.
    NoData,
    /// There is no such name.
    NoName,
    /// No answer, and why.
    Trouble(String),
}

/// An answer of DNS that a verdict rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// What was asked for.
    pub asked: Asked,
    /// The name, without the dot at its end.
    pub name: String,
    /// The answer.
    pub found: Found,
    /// When, in seconds since 1970.
    pub at: i64,
}

/// Which identity SPF was asked about (RFC 7208 §2.3, §2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Identity {
    /// The domain of MAIL FROM.
    MailFrom,
    /// The name given with HELO: all that there is with a null sender.
    Helo,
}

/// SPF (RFC 7208): whether the client may send for the domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Spf {
    /// The result.
    pub verdict: Verdict,
    /// Whose domain was asked.
    pub identity: Identity,
    /// The domain.
    pub domain: String,
    /// Why, where there is more to say.
    pub reason: String,
}

/// A DKIM signature (RFC 6376).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dkim {
    /// The result.
    pub verdict: Verdict,
    /// The domain that signed (`d=`).
    pub domain: String,
    /// Its selector (`s=`); the key's record is `SELECTOR._domainkey.DOMAIN`.
    pub selector: String,
    /// On whose behalf (`i=`); empty where the signature does not say.
    pub identity: String,
    /// The algorithm (`a=`).
    pub algorithm: String,
    /// The first characters of the signature, which tell it from others (RFC 6008).
    pub begins: String,
    /// Why, where there is more to say.
    pub reason: String,
}

/// What the owner of a domain asks to be done with mail that fails (RFC 7489 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Nothing.
    None,
    /// To set it aside.
    Quarantine,
    /// To refuse it.
    Reject,
}

impl Policy {
    /// The word of the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Policy::None => "none",
            Policy::Quarantine => "quarantine",
            Policy::Reject => "reject",
        }
    }
}

/// DMARC (RFC 7489): whether SPF or DKIM speak for the author's domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dmarc {
    /// The result.
    pub verdict: Verdict,
    /// The domain of the From field.
    pub domain: String,
    /// The domain whose policy applies: this one or one above it; empty without a policy.
    pub published: String,
    /// What it asks for; none without a policy.
    pub policy: Option<Policy>,
    /// SPF passed for a domain of the author's.
    pub spf_aligned: bool,
    /// A DKIM signature passed for a domain of the author's.
    pub dkim_aligned: bool,
    /// Why, where there is more to say.
    pub reason: String,
}

/// ARC (RFC 8617): what those say who handed the message on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Arc {
    /// The state of the chain: none, pass or fail; or temperror, permerror.
    pub verdict: Verdict,
    /// How many sets it has.
    pub sets: u32,
    /// The domain that sealed last.
    pub domain: String,
    /// Its selector.
    pub selector: String,
    /// Why, where there is more to say.
    pub reason: String,
}

/// All that was found out about one message when it came, and what that rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checks {
    /// When, in seconds since 1970: expiry of signatures was judged by this clock.
    pub at: i64,
    /// How the message came.
    pub came: Came,
    /// SPF.
    pub spf: Spf,
    /// Each signature that was checked, in the order of the message.
    pub dkim: Vec<Dkim>,
    /// Signatures beyond the limit, which nobody looked at.
    pub unchecked: u32,
    /// DMARC.
    pub dmarc: Dmarc,
    /// ARC.
    pub arc: Arc,
    /// Every key and policy that was looked up, by kind and name.
    pub records: Vec<Record>,
}

/// What the signatures of a message are worth by recorded keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Again {
    /// Each signature.
    pub dkim: Vec<Dkim>,
    /// The chain.
    pub arc: Arc,
    /// Whether all of it is what was found when the message came.
    pub same: bool,
}

impl Checks {
    /// Judges the signatures of a message again: by the keys that are recorded and the clock of that time,
    /// without DNS. `raw` are the bytes that were checked then.
    pub fn verify_later(&self, raw: &[u8]) -> Again {
        let dkim = dkim::judge(raw, &self.records, self.at, self.dkim.len());
        let arc = arc::judge(raw, &self.records, self.at);
        Again {
            same: dkim == self.dkim && arc == self.arc,
            dkim,
            arc,
        }
    }

    /// The record that a verdict rests on.
    pub fn record(&self, asked: Asked, name: &str) -> Option<&Record> {
        find(&self.records, asked, name)
    }
}

/// A record of a list, by what was asked.
pub(super) fn find<'a>(records: &'a [Record], asked: Asked, name: &str) -> Option<&'a Record> {
    let mut records = records.iter();
    records.find(|one| one.asked == asked && one.name.eq_ignore_ascii_case(name))
}
