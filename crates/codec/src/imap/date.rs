//! Days of a search and INTERNALDATE (RFC 9051 §9: `date`, `date-time`).

use everpost_domain::message::civil;

use super::command::Day;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

impl Day {
    /// A day that the calendar has.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let most = match month {
            2 => 28 + u8::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        let real = (1..=most).contains(&day);
        real.then_some(Day { year, month, day })
    }

    /// Reads `1-Feb-1994`, the day with one digit or two.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut parts = text.split(|byte| *byte == b'-');
        let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || year.len() != 4 || !(1..=2).contains(&day.len()) {
            return None;
        }
        let named = |name: &str| name.as_bytes().eq_ignore_ascii_case(month);
        let month = MONTHS.iter().position(|name| named(name))? + 1;
        Day::new(
            number(year)?.try_into().ok()?,
            month.try_into().ok()?,
            number(day)?.try_into().ok()?,
        )
    }

    /// The day on which an instant is, in a zone so many minutes east of UTC. `None` outside of the years 0 to 9999.
    pub fn of(unix: i64, offset_minutes: i16) -> Option<Self> {
        let local = unix.checked_add(i64::from(offset_minutes) * 60)?;
        let (year, month, day, ..) = civil(in_range(local)?);
        let year = u16::try_from(year).ok().filter(|year| *year <= 9_999)?;
        Some(Day { year, month, day })
    }

    /// Its number: days since 1970-01-01.
    pub fn number(self) -> i64 {
        // Years begin in March here, so that the leap day is the last of one; an era is 400 years.
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let year = i64::from(self.year) - i64::from(month <= 2);
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let since_march = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + since_march - 719_468
    }
}

/// An instant that has a date of four digits, with air; the arithmetic of others might overflow.
fn in_range(unix: i64) -> Option<i64> {
    const TEN_THOUSAND_YEARS: i64 = 10_000 * 366 * 86_400;
    (-TEN_THOUSAND_YEARS..=TEN_THOUSAND_YEARS)
        .contains(&unix)
        .then_some(unix)
}

fn number(digits: &[u8]) -> Option<u32> {
    let digits_only = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(digits).ok().filter(|_| digits_only)?;
    text.parse().ok()
}

/// Reads `17-Jul-1996 02:44:25 -0700` as seconds since 1970. The day may stand with a blank, a zero or nothing before it.
pub fn parse_internal_date(text: &[u8]) -> Option<i64> {
    let text = text.strip_prefix(b" ").unwrap_or(text);
    let mut words = text.split(|byte| *byte == b' ');
    let (day, time, zone) = (words.next()?, words.next()?, words.next()?);
    let two = |digits: Option<&[u8]>| digits.filter(|digits| digits.len() == 2).and_then(number);
    let mut clock = time.split(|byte| *byte == b':');
    let (hour, minute, second) = (two(clock.next())?, two(clock.next())?, two(clock.next())?);
    // A leap second is the one before it, as everywhere in the archive.
    let right = hour < 24 && minute < 60 && second <= 60;
    let whole = words.next().is_none() && clock.next().is_none();
    let (sign, digits) = zone.split_first()?;
    let sign = match sign {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = digits.split_at_checked(2)?;
    let (hours, minutes) = (two(Some(hours))?, two(Some(minutes))?);
    if !right || !whole || hours >= 24 || minutes >= 60 {
        return None;
    }
    let seconds = hour * 3_600 + minute * 60 + second.min(59);
    let offset = i64::from(hours * 60 + minutes) * 60 * sign;
    Some(Day::parse(day)?.number() * 86_400 + i64::from(seconds) - offset)
}

/// Writes an instant in a zone so many minutes east of UTC, without quotes: `07-Jul-1996 02:44:25 -0700`. What has no date of
/// four digits is written as the first or last instant of 1970 to 9999, as a client could not read anything else.
pub fn internal_date(unix: i64, offset_minutes: i16) -> String {
    const LAST: i64 = 253_402_300_799;
    let local = unix.saturating_add(i64::from(offset_minutes) * 60);
    let within = local.clamp(-62_167_219_200, LAST);
    let (year, month, day, hour, minute, second) = civil(within);
    let month = MONTHS.get(usize::from(month).saturating_sub(1));
    let month = month.copied().unwrap_or("Jan");
    let sign = if offset_minutes < 0 { '-' } else { '+' };
    let (hours, minutes) = (
        offset_minutes.unsigned_abs() / 60,
        offset_minutes.unsigned_abs() % 60,
    );
    format!(
        "{day:02}-{month}-{year:04} {hour:02}:{minute:02}:{second:02} {sign}{hours:02}{minutes:02}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn days() {
        let day = |year, month, day| Some(Day { year, month, day });
        assert_eq!(Day::parse(b"1-Feb-1994"), day(1994, 2, 1));
        assert_eq!(Day::parse(b"01-feb-1994"), day(1994, 2, 1));
        assert_eq!(Day::parse(b"29-Feb-2024"), day(2024, 2, 29));
        assert_eq!(Day::parse(b"29-Feb-2000"), day(2000, 2, 29));
        for bad in [
            "",
            "1-Feb",
            "29-Feb-2023",
            "29-Feb-1900",
            "31-Apr-2024",
            "0-Jan-2024",
            "32-Jan-2024",
            "1-Foo-2024",
            "1-Jan-24",
            "001-Jan-2024",
            "1-Jan-2024-1",
            "a-Jan-2024",
            "+1-Jan-2024",
            "1-Jan-20245",
            "1-January-2024",
        ] {
            assert_eq!(Day::parse(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(
            Day {
                year: 1970,
                month: 1,
                day: 1
            }
            .number(),
            0
        );
        assert_eq!(Day::of(-1, 0), day(1969, 12, 31));
        assert_eq!(Day::of(-1, 60), day(1970, 1, 1));
        assert_eq!(Day::of(i64::MAX, 0), None);
        assert_eq!(Day::of(i64::MIN, 0), None);
    }

    #[test]
    fn instants() {
        let read = |text: &str| parse_internal_date(text.as_bytes());
        assert_eq!(read("17-Jul-1996 02:44:25 -0700"), Some(837_596_665));
        assert_eq!(
            internal_date(837_596_665, -7 * 60),
            "17-Jul-1996 02:44:25 -0700"
        );
        assert_eq!(internal_date(0, 0), "01-Jan-1970 00:00:00 +0000");
        assert_eq!(internal_date(0, 330), "01-Jan-1970 05:30:00 +0530");
        for same in [
            "01-Jan-1970 00:00:00 +0000",
            "1-jan-1970 00:00:00 +0000",
            "01-Jan-1970 01:00:00 +0100",
        ] {
            assert_eq!(read(same), Some(0), "{same:?}");
        }
        assert_eq!(
            read("31-Dec-2016 23:59:60 +0000"),
            read("31-Dec-2016 23:59:59 +0000")
        );
        for bad in [
            "",
            "1-Jan-1970",
            "1-Jan-1970 00:00:00",
            "1-Jan-1970 24:00:00 +0000",
            "1-Jan-1970 00:60:00 +0000",
            "1-Jan-1970 00:00:61 +0000",
            "1-Jan-1970 00:00 +0000",
            "1-Jan-1970 0:00:00 +0000",
            "1-Jan-1970 00:00:00 0000",
            "1-Jan-1970 00:00:00 +000",
            "1-Jan-1970 00:00:00 +00000",
            "1-Jan-1970 00:00:00 +2400",
            "1-Jan-1970 00:00:00 +0060",
            "1-Jan-1970 00:00:00 +0000 x",
            "30-Feb-1970 00:00:00 +0000",
            "1-Jan-1970 00:00:00 GMT",
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
        assert!(internal_date(i64::MAX, 0).ends_with("-9999 23:59:59 +0000"));
        assert!(internal_date(i64::MIN, 0).ends_with("-0000 00:00:00 +0000"));
    }

    proptest! {
        #[test]
        fn back_and_forth(unix in -60_000_000_000i64..250_000_000_000, offset in -1_439i16..1_440) {
            prop_assert_eq!(parse_internal_date(internal_date(unix, offset).as_bytes()), Some(unix));
            let day = Day::of(unix, 0).unwrap();
            prop_assert_eq!(day.number(), unix.div_euclid(86_400));
        }
    }
}
