//! Dates of queries: a year, a month, a day, an instant, or a range of them, in UTC.

/// A stretch of time, `from` inclusive, `until` exclusive, in seconds since 1970.
pub(super) type Span = (Option<i64>, Option<i64>);

const DAY: i64 = 86_400;

/// Why a date was refused, and what would do.
pub(super) struct BadDate(pub(super) String, pub(super) &'static str);

const FORMS: &str = "write 2024, 2024-01, 2024-01-15 or 2024-01-15T10:30:00Z, \
                     or a range such as 2024-01..2024-03";

/// Days from 1970-01-01 to a day of the Gregorian calendar. `month` is 1 to 12.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March put the leap day last, so that months have a formula.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let era = y.div_euclid(400);
    let of_era = y.rem_euclid(400);
    let of_year = (153 * m + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of a day since 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let y = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * y + y / 4 - y / 100);
    let m = (5 * of_year + 2) / 153;
    let day = of_year - (153 * m + 2) / 5 + 1;
    let month = if m < 10 { m + 3 } else { m - 9 };
    (era * 400 + y + i64::from(month <= 2), month, day)
}

/// Days of a month.
fn month_days(year: i64, month: i64) -> i64 {
    let (next_year, next) = if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    };
    days(next_year, next, 1) - days(year, month, 1)
}

/// First second that can be written, and the second after the last.
fn bounds() -> (i64, i64) {
    (days(0, 1, 1) * DAY, days(10_000, 1, 1) * DAY)
}

/// Reads the value of `sent:`, comparison signs and ranges included.
pub(super) fn parse(value: &str) -> Result<Span, BadDate> {
    let span = if let Some(date) = value.strip_prefix(">=") {
        (Some(unit(date)?.0), None)
    } else if let Some(date) = value.strip_prefix("<=") {
        (None, Some(unit(date)?.1))
    } else if let Some(date) = value.strip_prefix('>') {
        (Some(unit(date)?.1), None)
    } else if let Some(date) = value.strip_prefix('<') {
        (None, Some(unit(date)?.0))
    } else if let Some((first, last)) = value.split_once("..") {
        let from = if first.is_empty() {
            None
        } else {
            Some(unit(first)?.0)
        };
        let until = if last.is_empty() {
            None
        } else {
            Some(unit(last)?.1)
        };
        (from, until)
    } else {
        let (from, until) = unit(value)?;
        (Some(from), Some(until))
    };
    check(span)
}

/// Reads the value of `after:`: from the start of what it names.
pub(super) fn after(value: &str) -> Result<Span, BadDate> {
    check((Some(unit(value)?.0), None))
}

/// Reads the value of `before:`: until the start of what it names.
pub(super) fn before(value: &str) -> Result<Span, BadDate> {
    check((None, Some(unit(value)?.0)))
}

fn check(span: Span) -> Result<Span, BadDate> {
    let (least, most) = bounds();
    match span {
        (None, None) => Err(BadDate(
            "a range needs a first or a last date".into(),
            FORMS,
        )),
        (Some(from), Some(until)) if from >= until => Err(BadDate(
            "the range ends before it begins".into(),
            "write the earlier date first",
        )),
        (from, until) => {
            let from_fits = from.is_none_or(|at| least <= at && at < most);
            let until_fits = until.is_none_or(|at| least < at && at <= most);
            if from_fits && until_fits {
                Ok(span)
            } else {
                Err(BadDate(
                    "the date is outside the years 0000 to 9999".into(),
                    FORMS,
                ))
            }
        }
    }
}

fn number(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<i64> {
    (digits.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

/// First second of what `text` names, and the second after its last.
fn unit(text: &str) -> Result<(i64, i64), BadDate> {
    let unreadable = || BadDate(format!("`{text}` is not a date"), FORMS);
    let (date, time) = match text.split_once(['T', 't']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split(['-', '/']);
    let year = parts
        .next()
        .and_then(|y| number(y, 4..=4))
        .ok_or_else(unreadable)?;
    let mut part = || {
        parts
            .next()
            .map(|p| number(p, 1..=2).ok_or_else(unreadable))
            .transpose()
    };
    let (month, day) = (part()?, part()?);
    if parts.next().is_some() {
        return Err(unreadable());
    }
    let Some(month) = month else {
        return if time.is_some() {
            Err(unreadable())
        } else {
            Ok((days(year, 1, 1) * DAY, days(year + 1, 1, 1) * DAY))
        };
    };
    if !(1..=12).contains(&month) {
        return Err(BadDate(
            format!("`{text}` is not a date: no month {month}"),
            FORMS,
        ));
    }
    let length = month_days(year, month);
    let Some(day) = day else {
        let first = days(year, month, 1);
        return if time.is_some() {
            Err(unreadable())
        } else {
            Ok((first * DAY, (first + length) * DAY))
        };
    };
    if !(1..=length).contains(&day) {
        let what = format!("`{text}` is not a date: {year:04}-{month:02} has {length} days");
        return Err(BadDate(what, FORMS));
    }
    let midnight = days(year, month, day) * DAY;
    match time {
        None => Ok((midnight, midnight + DAY)),
        Some(time) => {
            let (second, length) = clock(time).ok_or_else(unreadable)?;
            Ok((midnight + second, midnight + second + length))
        }
    }
}

/// Seconds after midnight UTC, and how long the named unit lasts.
fn clock(text: &str) -> Option<(i64, i64)> {
    let (time, east) = match text.find(['Z', 'z', '+', '-']) {
        None => (text, 0),
        Some(at) => match text.split_at_checked(at)? {
            (time, "Z" | "z") => (time, 0),
            (time, zone) => {
                let (hours, minutes) = zone.get(1..)?.split_once(':')?;
                let (hours, minutes) = (number(hours, 2..=2)?, number(minutes, 2..=2)?);
                let east = (hours < 24 && minutes < 60).then_some(hours * 3600 + minutes * 60)?;
                (time, if zone.starts_with('-') { -east } else { east })
            }
        },
    };
    let mut parts = time.split(':');
    let hour = number(parts.next()?, 2..=2).filter(|&h| h < 24)?;
    let minute = number(parts.next()?, 2..=2).filter(|&m| m < 60)?;
    let second = parts.next();
    if parts.next().is_some() {
        return None;
    }
    let minutes = hour * 3600 + minute * 60 - east;
    let Some(second) = second else {
        return Some((minutes, 60));
    };
    // Mail has no fractions of a second: they are read and left.
    let whole = match second.split_once('.') {
        None => second,
        Some((whole, fraction)) => {
            number(fraction, 1..=9)?;
            whole
        }
    };
    // 60 is a leap second, which no clock of ours counts: it is the next one.
    let second = number(whole, 2..=2).filter(|&s| s <= 60)?;
    Some((minutes + second, 1))
}

/// Writes a stretch in the form that [`parse`] reads, with the coarsest unit that says it.
pub(super) fn print(span: Span) -> String {
    let fineness = |at: Option<i64>| at.map_or(0, fineness);
    let fine = fineness(span.0).max(fineness(span.1));
    let first = span.0.map(|at| name(at, fine));
    let last = span.1.map(|at| name(at - 1, fine));
    match (first, last) {
        (Some(first), Some(last)) if first == last => first,
        (first, last) => format!(
            "{}..{}",
            first.unwrap_or_default(),
            last.unwrap_or_default()
        ),
    }
}

/// 0 where a year begins, 1 a month, 2 a day, 3 any other second.
fn fineness(at: i64) -> u8 {
    let (_, month, day) = civil(at.div_euclid(DAY));
    match (at.rem_euclid(DAY), month, day) {
        (0, 1, 1) => 0,
        (0, _, 1) => 1,
        (0, _, _) => 2,
        _ => 3,
    }
}

/// The unit of that fineness that holds the second `at`.
fn name(at: i64, fine: u8) -> String {
    let (year, month, day) = civil(at.div_euclid(DAY));
    let second = at.rem_euclid(DAY);
    match fine {
        0 => format!("{year:04}"),
        1 => format!("{year:04}-{month:02}"),
        2 => format!("{year:04}-{month:02}-{day:02}"),
        _ => {
            let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
            format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
        }
    }
}
