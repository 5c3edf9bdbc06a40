//! Storage classes: what an organization asks of the place where mail rests, what a volume
//! offers, and which class a mail belongs to at its age.
//!
//! A class asks for *at least* what it says of search, index, delay, availability and copies;
//! getting more is no fault. Cipher, compression and medium are exact. Whoever offers less is
//! named by [`unmet`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::message::civil;

/// What a volume is made of. Only `worm` promises something that can be tried out; the others
/// are what its operator says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Medium {
    /// Magnetic or solid state disks: what is written can be removed.
    #[default]
    Disk,
    /// Written once, kept until its date by the store itself (S3 Object Lock, COMPLIANCE).
    Worm,
    /// Tape: read slowly.
    Tape,
}

/// Where copies lie, seen from the service that admits mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whereabouts {
    /// At the same site.
    #[default]
    OnSite,
    /// At another.
    OffSite,
}

/// What goes on when a machine stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Availability {
    /// Nothing, until it is back.
    #[default]
    Single,
    /// Reading and writing.
    Replicated,
}

/// What seals the frames of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Cipher {
    /// AES-256 in Galois/counter mode (NIST SP 800-38D).
    #[default]
    #[serde(rename = "aes-256-gcm")]
    Aes256Gcm,
    /// ChaCha20-Poly1305 (RFC 8439).
    #[serde(rename = "chacha20-poly1305")]
    ChaCha20Poly1305,
}

/// How frames are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Compression {
    /// Not at all.
    None,
    /// By Zstandard (RFC 8878) at a level from 1 to 19.
    Zstd(i32),
}

/// Fast enough for compaction to raise later.
impl Default for Compression {
    fn default() -> Self {
        Compression::Zstd(3)
    }
}

impl TryFrom<String> for Compression {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let level = text
            .strip_prefix("zstd-")
            .and_then(|level| level.parse().ok());
        match (text.as_str(), level) {
            ("none", _) => Ok(Compression::None),
            (_, Some(level @ 1..=19)) => Ok(Compression::Zstd(level)),
            _ => Err(format!(
                "`{text}` is neither `none` nor `zstd-1` to `zstd-19`"
            )),
        }
    }
}

impl From<Compression> for String {
    fn from(compression: Compression) -> String {
        match compression {
            Compression::None => "none".into(),
            Compression::Zstd(level) => format!("zstd-{level}"),
        }
    }
}

/// How soon a search answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SearchSpeed {
    /// In its own time: nobody waits for it.
    Batch,
    /// While somebody waits.
    #[default]
    Interactive,
}

/// What can be searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IndexDepth {
    /// Header fields.
    Headers,
    /// And text.
    Text,
    /// And the text of attachments.
    #[default]
    Attachments,
}

/// A stretch of time as people write it: `2s`, `15m`, `24h`, `30d`, `18mo`, `7y`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span {
    count: u32,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Month,
    Year,
}

const UNITS: [(&str, Unit); 6] = [
    ("mo", Unit::Month),
    ("s", Unit::Second),
    ("m", Unit::Minute),
    ("h", Unit::Hour),
    ("d", Unit::Day),
    ("y", Unit::Year),
];

const DAY: i64 = 86_400;

impl Span {
    /// So many seconds.
    pub const fn seconds(count: u32) -> Self {
        Span {
            count,
            unit: Unit::Second,
        }
    }

    /// Its length in seconds; a month is a twelfth of a year, a year 365.2425 days.
    pub fn length(self) -> i64 {
        let year = 31_556_952;
        let unit = match self.unit {
            Unit::Second => 1,
            Unit::Minute => 60,
            Unit::Hour => 3600,
            Unit::Day => DAY,
            Unit::Month => year / 12,
            Unit::Year => year,
        };
        i64::from(self.count) * unit
    }

    /// Months and years of the calendar in it, and what else there is in seconds.
    fn parts(self) -> (i64, i64) {
        match self.unit {
            Unit::Month => (i64::from(self.count), 0),
            Unit::Year => (i64::from(self.count) * 12, 0),
            _ => (0, self.length()),
        }
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no time; write 2s, 15m, 24h, 30d, 18mo or 7y");
        let (number, unit) = UNITS
            .iter()
            .find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))
            .ok_or_else(wrong)?;
        let count: u32 = number.parse().map_err(|_| wrong())?;
        let span = Span { count, unit };
        // Longer than any record is kept, and far from where dates overflow.
        match span.length() <= 1000 * 366 * DAY {
            true => Ok(span),
            false => Err(format!("`{text}` is longer than 1,000 years")),
        }
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> String {
        span.to_string()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = UNITS.iter().find(|(_, unit)| *unit == self.unit);
        write!(f, "{}{}", self.count, name.map_or("s", |(name, _)| name))
    }
}

/// A month of the calendar (UTC): twelve times the year, and the month from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(pub i64);

impl Month {
    /// In the place of a month: held, however long that takes.
    pub const HELD: Month = Month(-1);

    /// The month of an instant, in seconds since 1970.
    pub fn of(at: i64) -> Self {
        let (year, month, ..) = civil(at);
        Month(year * 12 + i64::from(month) - 1)
    }

    /// When it begins, in seconds since 1970.
    pub fn start(self) -> i64 {
        let (year, month) = (self.0.div_euclid(12), self.0.rem_euclid(12) + 1);
        // Howard Hinnant's days_from_civil for the first of a month.
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let day = (153 * ((month + 9) % 12) + 2) / 5;
        (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day - 719_468) * DAY
    }
}

/// `2031-07`, or `held`.
impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Month::HELD {
            return f.write_str("held");
        }
        write!(
            f,
            "{:04}-{:02}",
            self.0.div_euclid(12),
            self.0.rem_euclid(12) + 1
        )
    }
}

/// A place for objects, as its operator describes it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Volume {
    /// `s3://BUCKET/PREFIX?endpoint=…` or `file:///FOLDER`; none for the store's own place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What it is made of.
    pub medium: Medium,
    /// The RAID level below it, as in `1` or `6`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raid: Option<String>,
    /// Copies of each object that it keeps by itself; 0 counts as 1.
    pub copies: u8,
    /// Where they lie.
    #[serde(rename = "where")]
    pub whereabouts: Whereabouts,
    /// What goes on when one of its machines stops.
    pub availability: Availability,
}

/// A storage class: the ten attributes of a level of service, where it rests, and which mail
/// belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StorageClass {
    /// Its name.
    pub name: String,
    /// The volume that it rests on; `main` is the store's own place.
    #[serde(default = "main_volume")]
    pub volume: String,
    /// Mail belongs to it from this age on, counted from when it is held.
    #[serde(default = "at_once")]
    pub after: Span,
    /// Only mail for which this query holds; every mail where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// WORM: so long is mail locked, counted from when it is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<Span>,
    /// WORM: mail for which this query holds is held beyond its time, until it holds no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// 1: the newest backup that holds it is at most so old.
    #[serde(default = "daily")]
    pub backup: Span,
    /// 2: how soon a search answers.
    #[serde(default)]
    pub search: SearchSpeed,
    /// 3: what can be searched.
    #[serde(default)]
    pub index: IndexDepth,
    /// 4: the longest time from capture until a search finds it.
    #[serde(default = "soon")]
    pub searchable_within: Span,
    /// 5: what goes on when a machine stops.
    #[serde(default)]
    pub availability: Availability,
    /// 6: what seals it.
    #[serde(default)]
    pub cipher: Cipher,
    /// 7: how it is compressed.
    #[serde(default)]
    pub compression: Compression,
    /// 8: copies of each object.
    #[serde(default = "one")]
    pub copies: u8,
    /// 8: where they lie.
    #[serde(default, rename = "where")]
    pub whereabouts: Whereabouts,
    /// 9: the RAID level below it; any where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raid: Option<String>,
    /// 10: what it is made of.
    #[serde(default)]
    pub medium: Medium,
}

fn main_volume() -> String {
    MAIN.into()
}

fn at_once() -> Span {
    Span::seconds(0)
}

fn daily() -> Span {
    Span {
        count: 24,
        unit: Unit::Hour,
    }
}

fn soon() -> Span {
    Span::seconds(2)
}

fn one() -> u8 {
    1
}

/// The name of the store's own place.
pub const MAIN: &str = "main";

/// The soonest that this engine promises a mail to be found: splits are sealed by then.
const SEARCHABLE: Span = Span::seconds(2);

/// What `class` asks for and neither its volume nor the engine offers; a line each.
pub fn unmet(class: &StorageClass, volume: &Volume) -> Vec<String> {
    let mut lines = Vec::new();
    let mut ask = |met: bool, what: String| {
        if !met {
            lines.push(what);
        }
    };
    let name = &class.volume;
    let word = |medium: Medium| match medium {
        Medium::Disk => "disk",
        Medium::Worm => "worm",
        Medium::Tape => "tape",
    };
    ask(
        class.medium == volume.medium,
        format!(
            "medium {}: volume `{name}` is {}",
            word(class.medium),
            word(volume.medium)
        ),
    );
    if let Some(raid) = &class.raid {
        let found = volume.raid.as_deref();
        ask(
            found == Some(raid),
            match found {
                Some(found) => format!("RAID {raid}: volume `{name}` is labelled RAID {found}"),
                None => format!("RAID {raid}: volume `{name}` is not labelled so"),
            },
        );
    }
    let copies = volume.copies.max(1);
    ask(
        class.copies <= copies,
        format!("{} copies: volume `{name}` keeps {copies}", class.copies),
    );
    ask(
        class.whereabouts <= volume.whereabouts,
        format!("copies off-site: volume `{name}` is on-site"),
    );
    ask(
        class.availability <= volume.availability,
        format!("availability replicated: volume `{name}` is a single machine"),
    );
    ask(
        class.searchable_within.length() >= SEARCHABLE.length(),
        format!(
            "searchable-within {}: an index shows mail within {SEARCHABLE}",
            class.searchable_within
        ),
    );
    ask(
        class.backup.length() > 0,
        "backup: a time of nothing cannot be kept".into(),
    );
    match (class.medium, class.keep) {
        (Medium::Worm, None) => ask(
            false,
            "keep: a WORM class says how long mail is locked".into(),
        ),
        (Medium::Disk | Medium::Tape, Some(_)) => ask(
            false,
            "keep: only medium worm locks mail; deletion is a matter of policies".into(),
        ),
        _ => {}
    }
    ask(
        class.hold.is_none() || class.medium == Medium::Worm,
        "hold: only medium worm holds mail beyond its time".into(),
    );
    lines
}

/// The class that a mail of this age (seconds) belongs to: the last of those that want it, in
/// their order; `None` where it stays as it was admitted. `within` says whether the scope of a
/// class holds for it.
pub fn class_at(
    classes: &[StorageClass],
    age: i64,
    mut within: impl FnMut(usize, &StorageClass) -> bool,
) -> Option<(usize, &StorageClass)> {
    classes
        .iter()
        .enumerate()
        .rev()
        .find(|(place, class)| class.after.length() <= age && within(*place, class))
}

/// The month in whose first instant a mail held since `held` (seconds since 1970) and kept for
/// `keep` is free: never before its time, and one date for all mail of a month.
pub fn release(held: i64, keep: Span) -> Month {
    let (months, seconds) = keep.parts();
    Month(Month::of(held.saturating_add(seconds)).0 + months + 1)
}

#[cfg(test)]
mod tests;
