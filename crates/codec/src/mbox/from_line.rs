//! `From_` lines: which lines are one, and the sender and date they carry.

use memchr::memchr;

/// Longer lines are text. Real ones stay below 400 bytes.
pub(super) const MAX_LINE: usize = 1024;

/// Longer header field names are text (RFC 5322 gives a line 998 bytes; names in use are
/// below 80).
const MAX_NAME: usize = 128;

/// The constant date in `git format-patch` output: Mon Sep 17 00:00:00 2001.
const GIT_DATE: i64 = 1_000_684_800;

/// Where a line that starts with `From ` was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// First in the file.
    FileStart,
    /// After an empty line.
    AfterBlank,
    /// After a line with text.
    InText,
}

/// Whether a line is a `From_` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is; the message starts this many bytes after the line's start.
    Yes(usize),
    /// It is text.
    No,
    /// More bytes are needed to know.
    Wait,
}

/// What the line's shape alone says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// At most one word of sender, then a date and nothing else.
    Dated,
    /// As git writes before a patch.
    Patch,
    /// `From -` of Netscape and Mozilla, `From ???@???` of Eudora.
    Marker,
    /// One word, or something with a time of day.
    Odd,
    /// Prose.
    Plain,
}

/// Judges the line at the start of `bytes`, which begin with `From `. `end` says that no
/// bytes follow them in the file.
pub(super) fn judge(bytes: &[u8], place: Place, end: bool) -> Verdict {
    let window = bytes.get(..MAX_LINE).unwrap_or(bytes);
    let (line, rest, next) = match memchr(b'\n', window) {
        Some(at) => {
            let (line, rest) = bytes.split_at_checked(at).unwrap_or((bytes, &[]));
            (line, rest.get(1..).unwrap_or_default(), at + 1)
        }
        None if bytes.len() >= MAX_LINE => return Verdict::No,
        None if end => (bytes, Default::default(), bytes.len()),
        None => return Verdict::Wait,
    };
    let field_follows = match (place, shape(line)) {
        (Place::FileStart | Place::AfterBlank, Shape::Dated | Shape::Patch) => {
            return Verdict::Yes(next);
        }
        (Place::AfterBlank, Shape::Plain) => return Verdict::No,
        (Place::InText, Shape::Plain | Shape::Odd | Shape::Patch) => return Verdict::No,
        (Place::FileStart, _)
        | (Place::AfterBlank, Shape::Marker | Shape::Odd)
        | (Place::InText, Shape::Dated | Shape::Marker) => starts_with_field(rest),
    };
    match field_follows {
        Some(true) => Verdict::Yes(next),
        Some(false) => Verdict::No,
        None if end => Verdict::No,
        None => Verdict::Wait,
    }
}

/// Whether `bytes` start with a header field's name and colon; `None` if they end before
/// that is decided.
pub(crate) fn starts_with_field(bytes: &[u8]) -> Option<bool> {
    let name = bytes
        .iter()
        .take(MAX_NAME + 1)
        .take_while(|byte| matches!(byte, b'!'..=b'9' | b';'..=b'~'))
        .count();
    let blanks = bytes
        .iter()
        .skip(name)
        .take(MAX_NAME + 1)
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    if name > MAX_NAME || blanks > MAX_NAME {
        return Some(false);
    }
    bytes
        .get(name + blanks)
        .map(|&byte| name > 0 && byte == b':')
}

fn shape(line: &[u8]) -> Shape {
    let words = words(line);
    let one_word = words.len() <= 1;
    match date(&words) {
        Some(found) if found.sender_words <= 1 && found.usual => {
            let sender = words.first().copied().unwrap_or_default();
            let hash = sender.len() == 40 && sender.iter().all(u8::is_ascii_hexdigit);
            if hash && found.unix == GIT_DATE {
                Shape::Patch
            } else {
                Shape::Dated
            }
        }
        None if one_word => match words.first() {
            Some(&b"-") => Shape::Marker,
            Some(word) if word.starts_with(b"???@???") => Shape::Marker,
            _ => Shape::Odd,
        },
        _ if words.iter().any(|word| time_of(word).is_some()) => Shape::Odd,
        _ => Shape::Plain,
    }
}

/// The words after `From `.
fn words(line: &[u8]) -> Vec<&[u8]> {
    let line = line.strip_prefix(b"From ").unwrap_or(line);
    line.split(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
        .filter(|word| !word.is_empty())
        .collect()
}

/// The sender a `From_` line names: what stands before the date. Empty if none.
pub fn from_line_sender(line: &[u8]) -> Vec<u8> {
    let words = words(line);
    let senders = date(&words).map_or(words.len(), |found| found.sender_words);
    words.get(..senders).unwrap_or_default().join(&b' ')
}

/// The instant a `From_` line names, in seconds since 1970 UTC: when the message was
/// delivered into the file. A numeric zone is honoured; without one, or with a zone's
/// name, UTC is assumed. `None` where there is no date, and for the two constants that
/// writers put where they know none (1970-01-01T00:00:00 and git's 2001-09-17T00:00:00):
/// a message must not look fifty years old to a retention rule for that.
pub fn from_line_date(line: &[u8]) -> Option<i64> {
    date(&words(line))
        .map(|found| found.unix)
        .filter(|&unix| unix != 0 && unix != GIT_DATE)
}

/// A date found in the words of a line.
struct Found {
    unix: i64,
    /// Words before the date.
    sender_words: usize,
    /// In the asctime or RFC 822 order, which prose does not imitate.
    usual: bool,
}

/// Finds the date that ends the line: asctime `[Mon] Jan 2 03:04[:05] [zone] 2006 [zone]`
/// (also with day before month), RFC 822 `[Mon,] 2 Jan [20]06 03:04[:05] [zone]`, or
/// ISO 8601. `remote from HOST` may follow.
fn date(words: &[&[u8]]) -> Option<Found> {
    let words = match words {
        [head @ .., b"remote", b"from", _host] => head,
        _ => words,
    };
    (0..words.len()).rev().find_map(|at| {
        asctime(words, at)
            .or_else(|| rfc822(words, at))
            .or_else(|| iso(words, at))
    })
}

fn asctime(words: &[&[u8]], at: usize) -> Option<Found> {
    let seconds = time_of(words.get(at)?)?;
    let (first, second) = (
        words.get(at.checked_sub(2)?)?,
        words.get(at.checked_sub(1)?)?,
    );
    let (month, day) = match month_of(first) {
        Some(month) => (month, number(second)?),
        None => (month_of(second)?, number(first)?),
    };
    let after = words.get(at + 1..)?;
    let year_at = after
        .iter()
        .take(3)
        .position(|word| year_of(word).is_some())?;
    let (zones, rest) = after.split_at_checked(year_at)?;
    let (year, rest) = rest.split_first()?;
    if rest.len() > 1 {
        return None;
    }
    let offset = offset_of(zones.iter().chain(rest))?;
    Some(Found {
        unix: unix_of(year_of(year)?, month, day, seconds)? - offset,
        sender_words: before_weekday(words, at - 2),
        usual: true,
    })
}

fn rfc822(words: &[&[u8]], at: usize) -> Option<Found> {
    let seconds = time_of(words.get(at)?)?;
    let day = number(words.get(at.checked_sub(3)?)?)?;
    let month = month_of(words.get(at - 2)?)?;
    let year_word = words.get(at - 1)?;
    let year = match (year_of(year_word), number(year_word)?) {
        (Some(year), _) => year,
        (None, short @ 70..=99) => 1900 + short,
        (None, short @ 0..=69) if year_word.len() == 2 => 2000 + short,
        _ => return None,
    };
    let after = words.get(at + 1..)?;
    if after.len() > 2 {
        return None;
    }
    Some(Found {
        unix: unix_of(year, month, day, seconds)? - offset_of(after.iter())?,
        sender_words: before_weekday(words, at - 3),
        usual: true,
    })
}

fn iso(words: &[&[u8]], at: usize) -> Option<Found> {
    let word = words.get(at)?;
    let (day, time, start) = match word.iter().position(|&byte| byte == b'T') {
        Some(t) => (word.get(..t)?, word.get(t + 1..)?, at),
        None => (*words.get(at.checked_sub(1)?)?, *word, at - 1),
    };
    let time = time.strip_suffix(b"Z").unwrap_or(time);
    let mut fields = day.split(|&byte| byte == b'-');
    let (year, month, day) = (
        year_of(fields.next()?)?,
        number(fields.next()?)?,
        number(fields.next()?)?,
    );
    let after = words.get(at + 1..)?;
    if fields.next().is_some() || after.len() > 1 {
        return None;
    }
    Some(Found {
        unix: unix_of(year, month, day, time_of(time)?)? - offset_of(after.iter())?,
        sender_words: start,
        usual: false,
    })
}

/// The number of words before a date that starts at `start`, its weekday not counted.
fn before_weekday(words: &[&[u8]], start: usize) -> usize {
    const DAYS: [&[u8]; 7] = [b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun"];
    match start
        .checked_sub(1)
        .and_then(|before| words.get(before).map(|word| (before, word)))
    {
        Some((before, word)) if DAYS.contains(&lower3(word).as_slice()) && word.len() <= 10 => {
            before
        }
        _ => start,
    }
}

fn lower3(word: &[u8]) -> Vec<u8> {
    word.iter().take(3).map(u8::to_ascii_lowercase).collect()
}

fn month_of(word: &[u8]) -> Option<i64> {
    const MONTHS: [&[u8]; 12] = [
        b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov",
        b"dec",
    ];
    if word.len() > 9 || !word.iter().all(u8::is_ascii_alphabetic) {
        return None;
    }
    let name = lower3(word);
    (1..)
        .zip(MONTHS)
        .find(|(_, month)| **month == name)
        .map(|(number, _)| number)
}

/// `hh:mm` or `hh:mm:ss` as seconds of the day.
fn time_of(word: &[u8]) -> Option<i64> {
    let mut fields = word.split(|&byte| byte == b':');
    let hour = number(fields.next()?)?;
    let minute_word = fields.next()?;
    let minute = number(minute_word)?;
    let second = fields.next().map_or(Some(0), number)?;
    let fits = minute_word.len() == 2 && hour < 24 && minute < 60 && second <= 60;
    (fits && fields.next().is_none()).then_some(hour * 3600 + minute * 60 + second)
}

/// A year of four digits.
fn year_of(word: &[u8]) -> Option<i64> {
    number(word).filter(|year| word.len() == 4 && (1900..=9999).contains(year))
}

/// One to four digits.
fn number(word: &[u8]) -> Option<i64> {
    if word.is_empty() || word.len() > 4 || !word.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(
        word.iter()
            .fold(0, |value, digit| value * 10 + i64::from(digit - b'0')),
    )
}

/// Seconds east of UTC by the zone words; `None` if one of them is no zone.
fn offset_of<'a>(mut zones: impl Iterator<Item = &'a &'a [u8]>) -> Option<i64> {
    zones.try_fold(0, |offset, zone| match zone {
        [sign @ (b'+' | b'-'), digits @ ..] if digits.len() == 4 => {
            let value = number(digits)?;
            let seconds = (value / 100) * 3600 + (value % 100) * 60;
            Some(if *sign == b'-' { -seconds } else { seconds })
        }
        [b'(', .., b')'] => Some(offset),
        name if name.len() <= 5 && name.iter().all(u8::is_ascii_alphabetic) => Some(offset),
        _ => None,
    })
}

fn unix_of(year: i64, month: i64, day: i64, seconds: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    (1..=last)
        .contains(&day)
        .then(|| days_from_civil(year, month, day) * 86_400 + seconds)
}

/// Days since 1970-01-01 of a date of the Gregorian calendar (years counted from March,
/// so that the leap day is the last).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    era * 146_097 + year * 365 + year / 4 - year / 100 + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// `Thu Jan  1 00:00:00 1970`, UTC, as asctime writes it; `unix` is held within the years
/// 1970 to 9999.
pub(super) fn asctime_text(unix: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb",
    ];
    let unix = unix.clamp(0, 253_402_300_799);
    let (days, seconds) = (unix / 86_400, unix % 86_400);
    let shifted = days + 719_468;
    let (era, in_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * in_year + 2) / 153;
    let day = in_year - (153 * month + 2) / 5 + 1;
    let year = year_of_era + era * 400 + i64::from(month >= 10);
    let name = |names: &[&'static str], at: i64| {
        usize::try_from(at)
            .ok()
            .and_then(|at| names.get(at).copied())
            .unwrap_or_default()
    };
    format!(
        "{} {} {day:2} {:02}:{:02}:{:02} {year:04}",
        name(&DAYS, days % 7),
        name(&MONTHS, month),
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
    )
}
