//! Times of log lines.

use everpost_domain::message::{civil, parse_date};

const MINUTE: i64 = 60;
const DAY: i64 = 86_400;

/// The time of a line, as far as it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// `Jan  2 03:04:05`: syslog's classic form, of some year and zone.
    Classic {
        /// 1 to 12.
        month: u8,
        /// 1 to 31.
        day: u8,
        /// Seconds since midnight.
        second: u32,
    },
    /// RFC 3339, in microseconds since 1970.
    Exact(i64),
}

impl Stamp {
    /// Reads the time that `line` begins with. Returns what follows it.
    pub(super) fn read(line: &str) -> Option<(Stamp, &str)> {
        let digit = line.bytes().next().is_some_and(|b| b.is_ascii_digit());
        if digit {
            let (word, rest) = line.split_once(' ')?;
            return Some((Stamp::Exact(rfc3339(word)?), rest));
        }
        let (month, rest) = line.split_once(' ')?;
        const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
        let month = MONTHS
            .find(month)
            .filter(|at| at % 3 == 0 && month.len() == 3)?
            / 3
            + 1;
        let (day, rest) = rest.trim_start().split_once(' ')?;
        let (clock, rest) = rest.trim_start().split_once(' ')?;
        let day: u8 = day.parse().ok().filter(|day| (1..=31).contains(day))?;
        // Some syslogs write fractions.
        let clock = clock.split_once('.').map_or(clock, |(clock, _)| clock);
        let mut parts = clock.split(':');
        let mut part = |limit: u32| {
            let number = parts.next().filter(|part| part.len() == 2)?;
            number.parse::<u32>().ok().filter(|n| *n <= limit)
        };
        let (hour, minute, second) = (part(23)?, part(59)?, part(60)?);
        let stamp = Stamp::Classic {
            month: u8::try_from(month).ok()?,
            day,
            second: (hour * 60 + minute) * 60 + second,
        };
        Some((stamp, rest))
    }

    /// The instant in microseconds since 1970. What a classic time leaves out is filled in: the zone, and the
    /// latest year that puts the line no more than a day after `now` (seconds since 1970).
    pub fn resolve(self, now: i64, offset_minutes: i16) -> Option<i64> {
        let (month, day, second) = match self {
            Stamp::Exact(micros) => return Some(micros),
            Stamp::Classic { month, day, second } => (month, day, i64::from(second)),
        };
        let (this, ..) = civil(now);
        let offset = i64::from(offset_minutes) * MINUTE;
        // Five years, because a leap day may lie four back, and the next year may have begun in the log.
        let mut years = (0..10).map(|back| this + 1 - back);
        let found = years.find_map(|year| {
            let midnight = days(year, month, day)? * DAY;
            let unix = midnight + second - offset;
            (unix <= now.saturating_add(DAY)).then_some(unix)
        });
        found.map(|unix| unix.saturating_mul(1_000_000))
    }
}

/// Days from 1970 to a date; `None` if that year has no such day.
fn days(year: i64, month: u8, day: u8) -> Option<i64> {
    let text = format!("{year:04}-{month:02}-{day:02}");
    parse_date(text.as_bytes()).map(|sent| sent.unix.div_euclid(DAY))
}

/// `2024-01-02T03:04:05.678901+01:00`, also with `Z` and without fractions.
fn rfc3339(word: &str) -> Option<i64> {
    let (date, time) = word.split_once('T')?;
    let zone_at = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at_checked(zone_at)?;
    let zone = if zone.eq_ignore_ascii_case("z") {
        "+00:00"
    } else {
        zone
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let proper = zone.len() == 6 && clock.len() == 8 && date.len() == 10;
    if !proper || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let unix = parse_date(format!("{date} {clock} {zone}").as_bytes())?.unix;
    let digits: String = fraction.chars().chain("000000".chars()).take(6).collect();
    unix.checked_mul(1_000_000)?
        .checked_add(digits.parse().ok()?)
}
