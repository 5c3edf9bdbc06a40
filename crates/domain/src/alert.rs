//! When people are told that something is not well, and that it is over: a machine over what is found at each look.
//!
//! ```text
//! found ─ patience ─▶ begun ─ every so often ─▶ still ─ calm ─▶ over
//! ```
//! What comes and goes within its patience is told to nobody; what goes and comes within the calm is one trouble.

use std::collections::BTreeMap;

/// How long something must not be found before it is over, in seconds.
pub const CALM: i64 = 300;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Somebody should look after it.
    Warning,
    /// Mail is held up or may be lost, now or soon.
    Critical,
}

impl Severity {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// Something that is not well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What it is, stable: the same trouble has the same key.
    pub key: String,
    /// How bad.
    pub severity: Severity,
    /// What was found, for people.
    pub what: String,
    /// What to do.
    pub hint: String,
    /// Seconds for which it must be found before it is told.
    pub patience: i64,
}

/// What is told of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It has begun.
    Begun,
    /// It goes on.
    Still,
    /// It is over.
    Over,
}

impl Change {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Change::Begun => "begun",
            Change::Still => "still",
            Change::Over => "over",
        }
    }
}

/// Something to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What became of it.
    pub change: Change,
    /// The condition, as it was last found.
    pub condition: Condition,
    /// Since when, in seconds since 1970.
    pub since: i64,
    /// When it is told.
    pub at: i64,
}

/// What is known of a condition.
#[derive(Debug)]
struct Known {
    condition: Condition,
    since: i64,
    found: i64,
    told: Option<i64>,
}

/// Follows conditions from look to look.
#[derive(Debug)]
pub struct Alerts {
    repeat: i64,
    known: BTreeMap<String, Known>,
}

impl Alerts {
    /// What goes on is told again every `repeat` seconds.
    pub fn new(repeat: i64) -> Self {
        Alerts {
            repeat,
            known: BTreeMap::new(),
        }
    }

    /// Takes what was found at `at`, in seconds since 1970, and says what is to be told. A condition that becomes worse is
    /// told at once.
    pub fn look(&mut self, at: i64, found: Vec<Condition>) -> Vec<Notice> {
        for condition in found {
            let known = self.known.entry(condition.key.clone());
            let known = known.or_insert_with(|| Known {
                condition: condition.clone(),
                since: at,
                found: at,
                told: None,
            });
            if known.condition.severity < condition.severity {
                known.told = None;
            }
            (known.condition, known.found) = (condition, at);
        }
        let mut notices = Vec::new();
        let repeat = self.repeat;
        self.known.retain(|_, known| {
            let change = match known.told {
                // Nobody heard of it.
                None if known.found < at => return false,
                None if at - known.since < known.condition.patience => return true,
                None => Change::Begun,
                Some(_) if at - known.found >= CALM => Change::Over,
                Some(told) if at - told >= repeat && known.found == at => Change::Still,
                Some(_) => return true,
            };
            known.told = Some(at);
            notices.push(Notice {
                change,
                condition: known.condition.clone(),
                since: known.since,
                at,
            });
            change != Change::Over
        });
        notices
    }

    /// What was told and is not over, with the time since when.
    pub fn open(&self) -> impl Iterator<Item = (&Condition, i64)> {
        let told = self.known.values().filter(|known| known.told.is_some());
        told.map(|known| (&known.condition, known.since))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use proptest::prelude::*;

    use super::*;

    fn condition(key: &str, severity: Severity, patience: i64) -> Condition {
        Condition {
            key: key.into(),
            severity,
            what: String::new(),
            hint: String::new(),
            patience,
        }
    }

    fn told(notices: &[Notice]) -> Vec<(&str, Change)> {
        let told = notices.iter();
        told.map(|one| (one.condition.key.as_str(), one.change))
            .collect()
    }

    #[test]
    fn what_stays_is_told_once_and_when_it_is_over() {
        let mut alerts = Alerts::new(3_600);
        let mut look = |at, found: bool| {
            let found = found.then(|| condition("disk", Severity::Warning, 60));
            let notices = alerts.look(at, found.into_iter().collect());
            told(&notices).first().map(|(_, change)| *change)
        };
        // Shorter than its patience.
        assert_eq!(look(0, true), None);
        assert_eq!(look(30, false), None);
        assert_eq!(look(60, true), None);
        assert_eq!(look(120, true), Some(Change::Begun));
        assert_eq!(look(180, true), None);
        // It comes again within the calm.
        assert_eq!(look(240, false), None);
        assert_eq!(look(400, true), None);
        assert_eq!(look(3_720, true), Some(Change::Still));
        assert_eq!(look(3_780, false), None);
        assert_eq!(look(4_020, false), Some(Change::Over));
        assert_eq!(look(4_080, false), None);
    }

    #[test]
    fn what_becomes_worse_is_told_again() {
        let mut alerts = Alerts::new(3_600);
        let mut look = |at, severity| {
            let notices = alerts.look(at, vec![condition("disk", severity, 0)]);
            notices.len()
        };
        assert_eq!(look(0, Severity::Warning), 1);
        assert_eq!(look(1, Severity::Critical), 1);
        assert_eq!(look(2, Severity::Warning), 0);
    }

    proptest! {
        /// Each end follows a beginning, and what is open is what was begun and is not over.
        #[test]
        fn beginnings_and_ends_take_turns(
            looks in prop::collection::vec((1_i64..400, prop::collection::vec(0_usize..3, 0..3)), 0..60),
        ) {
            let mut alerts = Alerts::new(1_000);
            let mut begun: BTreeMap<String, bool> = BTreeMap::new();
            let mut at = 0;
            for (step, keys) in looks {
                at += step;
                let found = keys.iter().map(|key| {
                    let patience = i64::try_from(*key).unwrap() * 100;
                    condition(&key.to_string(), Severity::Warning, patience)
                });
                for notice in alerts.look(at, found.collect()) {
                    let open = begun.entry(notice.condition.key.clone()).or_default();
                    prop_assert_eq!(*open, notice.change != Change::Begun);
                    *open = notice.change != Change::Over;
                    prop_assert!(notice.since <= notice.at);
                }
                let open: Vec<&str> = alerts.open().map(|(one, _)| one.key.as_str()).collect();
                let expected: Vec<&str> = begun
                    .iter()
                    .filter(|(_, open)| **open)
                    .map(|(key, _)| key.as_str())
                    .collect();
                prop_assert_eq!(open, expected);
            }
        }
    }
}
