//! Questions to DNS, each asked once, within a time and a number, and written down.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{Name, RData};
use tokio::time::{Instant, timeout_at};

use super::checks::{Asked, Found, Record};

/// Bytes of a record that is kept; an RSA key of 4,096 bits has 800.
const LONGEST: usize = 16 << 10;
/// Records at one name that are kept.
const MOST: usize = 8;

/// DNS as one message may ask it.
pub(super) struct Dns {
    pub(super) resolver: TokioResolver,
    until: Instant,
    most: usize,
    known: Mutex<BTreeMap<(Asked, String), Record>>,
}

impl Dns {
    pub(super) fn new(resolver: TokioResolver, until: Instant, most: usize) -> Self {
        Dns {
            resolver,
            until,
            most,
            known: Mutex::default(),
        }
    }

    /// When answers come too late.
    pub(super) fn until(&self) -> Instant {
        self.until
    }

    /// All that was asked so far.
    pub(super) fn records(&self) -> Vec<Record> {
        let known = self
            .known
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        known.values().cloned().collect()
    }

    /// Asks, unless that was asked before.
    pub(super) async fn ask(&self, asked: Asked, name: &str) -> Record {
        let name = name.trim_end_matches('.').to_lowercase();
        let key = (asked, name.clone());
        let (known, count) = {
            let known = self
                .known
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            (known.get(&key).cloned(), known.len())
        };
        if let Some(known) = known {
            return known;
        }
        let found = if count < self.most {
            let answer = timeout_at(self.until, self.look_up(asked, &name));
            let late = |_| Found::Trouble("no answer in time".to_owned());
            answer.await.unwrap_or_else(late)
        } else {
            Found::Trouble("too many questions".to_owned())
        };
        let record = Record {
            asked,
            name,
            found,
            at: now(),
        };
        // Names beyond the limit are many: that they were not asked needs no writing down.
        if count < self.most {
            let mut known = self
                .known
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            known.insert(key, record.clone());
        }
        record
    }

    async fn look_up(&self, asked: Asked, name: &str) -> Found {
        // What is no name cannot be there.
        let Ok(name) = Name::from_str_relaxed(format!("{name}.")) else {
            return Found::NoName;
        };
        let answer = match self.resolver.txt_lookup(name).await {
            Ok(answer) => answer,
            Err(error) if error.is_nx_domain() => return Found::NoName,
            Err(error) if error.is_no_records_found() => return Found::NoData,
            Err(error) => return Found::Trouble(format!("DNS: {error}")),
        };
        let mut texts: Vec<String> = Vec::new();
        for record in answer.answers() {
            let RData::TXT(text) = &record.data else {
                continue;
            };
            let text = text.txt_data.concat();
            if text.len() <= LONGEST && is_of(asked, &text) {
                texts.push(String::from_utf8_lossy(&text).into_owned());
            }
        }
        texts.sort_unstable();
        texts.truncate(MOST);
        if texts.is_empty() {
            Found::NoData
        } else {
            Found::Texts(texts)
        }
    }
}

/// Whether a text is of the kind that was asked for; other texts at the same name concern nobody.
fn is_of(asked: Asked, text: &[u8]) -> bool {
    match asked {
        Asked::Key => true,
        // RFC 7208 §4.5: the version, then a blank or nothing.
        Asked::Spf => {
            let head = text.split(|&byte| byte == b' ').next();
            head.is_some_and(|head| head.eq_ignore_ascii_case(b"v=spf1"))
        }
        // RFC 7489 §6.4: blanks around the sign.
        Asked::Dmarc => {
            let text = text.iter().filter(|byte| !byte.is_ascii_whitespace());
            let head: Vec<u8> = text.take(8).copied().collect();
            head.eq_ignore_ascii_case(b"v=DMARC1")
        }
        Asked::Name => false,
    }
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}
