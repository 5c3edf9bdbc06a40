//! Dates as mail writes them (RFC 5322 §3.3, §4.3), with their zone.

use super::params::skip_comment;

/// An instant and the zone it was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub unix: i64,
    /// Offset of the zone as written, in minutes east of UTC.
    pub offset_minutes: i16,
}

const DAY: i64 = 86_400;

/// Most bytes of a value that are read: comments included, real ones end before 100.
const LONGEST: usize = 1_000;

/// First day number after the year 9999.
const END_OF_YEARS: i64 = 2_932_897;

/// Reads a Date field's value; `None` where no instant can be made of it.
///
/// Read are the forms of RFC 5322 with its obsolete ones, and what senders write:
///
/// - day, month name, year (`1 Jan 2024`, `01-Jan-2024`, `1 January 24`), or month name,
///   day, year (`Jan 1 2024`, `Jan 1 10:00:00 2024`), or `2024-01-02`; the weekday may be
///   missing and is not checked; comments are skipped, and so is what follows the date.
/// - years of two digits are 2000-2049 and 1950-1999, of three digits count from 1900
///   (RFC 5322 §4.3). Years from 1900 to 9999 are accepted, days that the month has.
/// - `10:00:00`, `10:00`, `10:00:00.123`, `10:00 PM`; no time is midnight. Second 60 is
///   second 59.
/// - zone `+0200`, `+02:00`, `+2`, `GMT+0200` (the number counts), the names of RFC 5322
///   §4.3 and those of Europe, Japan and Korea that mean one zone only; other names and
///   the military letters say nothing and are UTC, as is no zone. A zone beyond 24 hours
///   makes the date unreadable.
pub fn parse_date(value: &[u8]) -> Option<Sent> {
    let tokens = tokens(value.get(..LONGEST).unwrap_or(value));
    let (date, rest) = read_day(&tokens)?;
    let mut year = date.year;
    let (clock, mut rest) = read_time(rest)?;
    let mut zone = None;
    // In the asctime form the year follows the time, before or after the zone.
    for _ in 0..3 {
        if let (None, [Token::Number(value, digits), after @ ..]) = (year, rest) {
            year = Some(full_year(*value, *digits)?);
            rest = after;
        } else if zone.is_none()
            && let Some((minutes, after)) = read_zone(rest)?
        {
            zone = Some(minutes);
            rest = after;
        }
    }
    let days = days_from_civil(year?, date.month, date.day)?;
    let zone = zone.unwrap_or(0);
    let seconds = clock.hour * 3_600 + clock.minute * 60 + clock.second;
    let unix = days * DAY + seconds - i64::from(zone) * 60;
    Some(Sent {
        unix,
        offset_minutes: zone,
    })
}

/// The UTC day of the Date header, as days since 1970-01-01; 0 where there is no Date, or
/// one before 1970 or after the year 9999. Part of a copy's public id: a function of the
/// message's bytes alone.
pub fn day(sent: Option<Sent>) -> i64 {
    let day = sent.map_or(0, |sent| sent.unix.div_euclid(DAY));
    if (0..END_OF_YEARS).contains(&day) {
        day
    } else {
        0
    }
}

/// Year, month, day, hour, minute and second in UTC.
pub fn civil(unix: i64) -> (i64, u8, u8, u8, u8, u8) {
    // Howard Hinnant's civil_from_days: years begin in March, eras last 400 years.
    let z = unix.div_euclid(DAY) + 719_468;
    let (era, day) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let second = unix.rem_euclid(DAY);
    let small = |value: i64| u8::try_from(value).unwrap_or(0);
    let clock = (
        small(second / 3_600),
        small(second / 60 % 60),
        small(second % 60),
    );
    (year, small(month), small(date), clock.0, clock.1, clock.2)
}

/// UTC as RFC 3339 writes it: `2024-01-02T03:04:05Z`.
pub fn format_rfc3339(unix: i64) -> String {
    let (year, month, day, hour, minute, second) = civil(unix);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// UTC as mail writes it (RFC 5322 §3.3): `Tue, 2 Jan 2024 03:04:05 +0000`.
pub fn format_rfc5322(unix: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (year, month, day, hour, minute, second) = civil(unix);
    let weekday = usize::try_from(unix.div_euclid(DAY).rem_euclid(7)).unwrap_or(0);
    let weekday = DAYS.get(weekday).copied().unwrap_or_default();
    let month = MONTHS.get(usize::from(month).saturating_sub(1));
    let month = month.copied().unwrap_or_default();
    format!("{weekday}, {day} {month} {year:04} {hour:02}:{minute:02}:{second:02} +0000")
}

/// Reads what [`format_rfc3339`] writes, with or without fractions of a second, which are dropped.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let (date, time) = text.trim().strip_suffix('Z')?.split_once('T')?;
    let number = |text: &str, digits: usize| -> Option<i64> {
        (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse().ok())?
    };
    let mut date = date.split('-');
    let (year, month, day) = (date.next()?, date.next()?, date.next()?);
    let small = |text: &str| number(text, 2).and_then(|value| u8::try_from(value).ok());
    let days = days_from_civil(number(year, 4)?, small(month)?, small(day)?)?;
    let mut time = time.split('.').next()?.split(':');
    let (hour, minute, second) = (time.next()?, time.next()?, time.next()?);
    let (hour, minute, second) = (number(hour, 2)?, number(minute, 2)?, number(second, 2)?);
    let whole = date.next().is_none() && time.next().is_none();
    (whole && hour < 24 && minute < 60 && second <= 60)
        .then_some(days * DAY + hour * 3_600 + minute * 60 + second)
}

/// The date of an mbox `From ` line (`From ann@x.org Tue Jan  2 03:04:05 2024`), UTC
/// where it names no zone.
pub fn mbox_from_date(line: &[u8]) -> Option<i64> {
    let line = line
        .strip_prefix(b">")
        .unwrap_or(line)
        .strip_prefix(b"From ")?;
    // The sender may hold blanks and even dates: the last weekday name begins the date.
    let words: Vec<&[u8]> = line
        .get(..LONGEST)
        .unwrap_or(line)
        .split(|b| b.is_ascii_whitespace())
        .collect();
    let is_weekday = |word: &&[u8]| word.len() <= 4 && weekday(word.trim_ascii_end());
    let start = words.iter().rposition(is_weekday).unwrap_or(1);
    let date = words.get(start..)?.join(&b' ');
    parse_date(&date).map(|sent| sent.unix)
}

fn weekday(word: &[u8]) -> bool {
    let word = word.strip_suffix(b",").unwrap_or(word).to_ascii_lowercase();
    matches!(
        word.as_slice(),
        b"mon" | b"tue" | b"wed" | b"thu" | b"fri" | b"sat" | b"sun"
    )
}

/// Days since 1970-01-01; `None` for a day its month does not have.
fn days_from_civil(year: i64, month: u8, day: u8) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1900..=9999).contains(&year) || !(1..=last).contains(&day) || !(1..=12).contains(&month) {
        return None;
    }
    let (month, day) = (i64::from(month), i64::from(day));
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day = of_era * 365 + of_era / 4 - of_era / 100 + day;
    Some(era * 146_097 + day - 719_468)
}

/// RFC 5322 §4.3.
fn full_year(value: u32, digits: usize) -> Option<i64> {
    let value = i64::from(value);
    match digits {
        2 if value < 50 => Some(value + 2000),
        2 | 3 => Some(value + 1900),
        4 => Some(value),
        _ => None,
    }
}

/// A piece of a date.
enum Token {
    /// Its value and number of digits.
    Number(u32, usize),
    /// Letters, lower case.
    Word(Vec<u8>),
    Colon,
    Plus,
    Minus,
    Dot,
}

/// Splits a value into tokens; comments and other bytes divide and are skipped.
fn tokens(value: &[u8]) -> Vec<Token> {
    let mut out = Vec::with_capacity(16);
    let mut rest = value;
    while let Some((&first, after)) = rest.split_first() {
        let run = |of: fn(&u8) -> bool| {
            rest.split_at_checked(rest.iter().position(|b| !of(b)).unwrap_or(rest.len()))
        };
        rest = after;
        match first {
            b'(' => rest = skip_comment(after),
            b':' => out.push(Token::Colon),
            b'+' => out.push(Token::Plus),
            b'-' => out.push(Token::Minus),
            b'.' => out.push(Token::Dot),
            b'0'..=b'9' => {
                let Some((digits, tail)) = run(u8::is_ascii_digit) else {
                    break;
                };
                let value = digits
                    .iter()
                    .take(9)
                    .fold(0, |sum, b| sum * 10 + u32::from(b - b'0'));
                out.push(Token::Number(value, digits.len()));
                rest = tail;
            }
            _ if first.is_ascii_alphabetic() => {
                let Some((word, tail)) = run(u8::is_ascii_alphabetic) else {
                    break;
                };
                out.push(Token::Word(word.to_ascii_lowercase()));
                rest = tail;
            }
            _ => {}
        }
    }
    out
}

struct Date {
    year: Option<i64>,
    month: u8,
    day: u8,
}

/// Finds the day: the first place where one of the forms fits.
fn read_day(tokens: &[Token]) -> Option<(Date, &[Token])> {
    let mut at = tokens;
    while !at.is_empty() {
        if let Some(found) = day_month_year(at)
            .or_else(|| month_day(at))
            .or_else(|| iso(at))
        {
            return Some(found);
        }
        at = at.get(1..)?;
    }
    None
}

fn skip_marks(mut tokens: &[Token]) -> &[Token] {
    while let [Token::Minus | Token::Dot, after @ ..] = tokens {
        tokens = after;
    }
    tokens
}

fn day_month_year(tokens: &[Token]) -> Option<(Date, &[Token])> {
    let [Token::Number(day, 1..=3), after @ ..] = tokens else {
        return None;
    };
    // `1st January` is not read; `1-Jan-2024` and `1. Jan. 2024` are.
    let [Token::Word(month), after @ ..] = skip_marks(after) else {
        return None;
    };
    let month = month_number(month)?;
    let [Token::Number(year, digits), after @ ..] = skip_marks(after) else {
        return None;
    };
    let year = full_year(*year, *digits)?;
    Some((
        Date {
            year: Some(year),
            month,
            day: u8::try_from(*day).ok()?,
        },
        after,
    ))
}

fn month_day(tokens: &[Token]) -> Option<(Date, &[Token])> {
    let [Token::Word(month), after @ ..] = tokens else {
        return None;
    };
    let month = month_number(month)?;
    let [Token::Number(day, 1..=2), after @ ..] = skip_marks(after) else {
        return None;
    };
    let day = u8::try_from(*day).ok()?;
    match after {
        [Token::Number(year, 4), after @ ..] => Some((
            Date {
                year: Some(i64::from(*year)),
                month,
                day,
            },
            after,
        )),
        // A weekday that looks like a month (`mar, 5 Jan 2024`).
        _ if matches!(skip_marks(after), [Token::Word(word), ..] if month_number(word).is_some()) => {
            None
        }
        _ => Some((
            Date {
                year: None,
                month,
                day,
            },
            after,
        )),
    }
}

fn iso(tokens: &[Token]) -> Option<(Date, &[Token])> {
    let [
        Token::Number(year, 4),
        Token::Minus,
        Token::Number(month, 1..=2),
        Token::Minus,
        Token::Number(day, 1..=2),
        after @ ..,
    ] = tokens
    else {
        return None;
    };
    let after = match after {
        [Token::Word(t), after @ ..] if t == b"t" => after,
        _ => after,
    };
    let (month, day) = (u8::try_from(*month).ok()?, u8::try_from(*day).ok()?);
    Some((
        Date {
            year: Some(i64::from(*year)),
            month,
            day,
        },
        after,
    ))
}

#[derive(Default)]
struct Clock {
    hour: i64,
    minute: i64,
    second: i64,
}

/// A time of day, midnight where the next tokens are none; `None` for one no clock shows.
fn read_time(tokens: &[Token]) -> Option<(Clock, &[Token])> {
    let [
        Token::Number(hour, 1..=2),
        Token::Colon,
        Token::Number(minute, 1..=2),
        after @ ..,
    ] = tokens
    else {
        return Some((Clock::default(), tokens));
    };
    let (second, after) = match after {
        [
            Token::Colon,
            Token::Number(second, 1..=2),
            Token::Dot,
            Token::Number(..),
            after @ ..,
        ]
        | [Token::Colon, Token::Number(second, 1..=2), after @ ..] => (*second, after),
        _ => (0, after),
    };
    let (hour, after) = match after {
        [Token::Word(half), after @ ..] if half == b"am" && *hour <= 12 => (hour % 12, after),
        [Token::Word(half), after @ ..] if half == b"pm" && *hour <= 12 => (hour % 12 + 12, after),
        _ => (*hour, after),
    };
    if hour > 23 || *minute > 59 || second > 60 {
        return None;
    }
    let clock = Clock {
        hour: hour.into(),
        minute: (*minute).into(),
        second: second.min(59).into(),
    };
    Some((clock, after))
}

/// A zone in minutes: `Some(None)` where there is none, `None` for one beyond 24 hours.
#[allow(
    clippy::option_option,
    reason = "absent and unreadable differ: the latter ends the date"
)]
fn read_zone(tokens: &[Token]) -> Option<Option<(i16, &[Token])>> {
    let (east, value, digits, after) = match tokens {
        [
            Token::Word(_),
            Token::Plus | Token::Minus,
            Token::Number(..),
            ..,
        ] => {
            return read_zone(tokens.get(1..)?);
        }
        [Token::Word(name), after @ ..] => return Some(Some((named_zone(name), after))),
        // A second sign after the first is a sender's mistake (`+-0500`).
        [
            Token::Plus | Token::Minus,
            Token::Plus | Token::Minus,
            Token::Number(..),
            ..,
        ] => {
            return read_zone(tokens.get(1..)?);
        }
        [Token::Plus, Token::Number(value, digits), after @ ..] => (true, *value, *digits, after),
        [Token::Minus, Token::Number(value, digits), after @ ..] => (false, *value, *digits, after),
        _ => return Some(None),
    };
    let (hours, minutes, after) = match (digits, after) {
        (1..=2, [Token::Colon, Token::Number(minutes, 2), after @ ..]) => (value, *minutes, after),
        (1..=2, _) => (value, 0, after),
        (3..=4, _) => (value / 100, value % 100, after),
        _ => return None,
    };
    let total = i16::try_from(hours * 60 + minutes)
        .ok()
        .filter(|&total| total <= 24 * 60)?;
    Some(Some((if east { total } else { -total }, after)))
}

/// Minutes of a zone's name. Names with several meanings (IST, BST in Asia, AST) and
/// military letters, which RFC 822 defined with the wrong sign, are UTC.
fn named_zone(name: &[u8]) -> i16 {
    let hours = match name {
        b"hst" => -10,
        b"akst" => -9,
        b"akdt" | b"pst" => -8,
        b"pdt" | b"mst" => -7,
        b"mdt" | b"cst" => -6,
        b"cdt" | b"est" => -5,
        b"edt" => -4,
        b"bst" | b"cet" | b"met" | b"mez" | b"west" => 1,
        b"cest" | b"eet" | b"mest" | b"mesz" => 2,
        b"eest" | b"msk" => 3,
        b"jst" | b"kst" => 9,
        _ => 0,
    };
    hours * 60
}

fn month_number(word: &[u8]) -> Option<u8> {
    // Abbreviated, or in full: any word that goes on otherwise is no month.
    const MONTHS: [&[u8]; 12] = [
        b"january",
        b"february",
        b"march",
        b"april",
        b"may",
        b"june",
        b"july",
        b"august",
        b"september",
        b"october",
        b"november",
        b"december",
    ];
    let at = MONTHS
        .iter()
        .position(|month| word.len() >= 3 && month.starts_with(word))?;
    u8::try_from(at + 1).ok()
}

#[cfg(test)]
mod tests;
