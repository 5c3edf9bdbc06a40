//! Dates without a clock: civil calendar, the zones of the company's offices, and the
//! hours in which people there write mail.

use super::random::Random;

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

/// Where somebody works, as far as their clock is concerned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Zone {
    /// Britain and Ireland.
    #[default]
    London,
    /// Sweden, Germany, France, Spain, Poland.
    Central,
    /// Greece, Estonia.
    Eastern,
    /// The Emirates.
    Gulf,
    /// China.
    China,
    /// Japan and Korea.
    Japan,
}

impl Zone {
    /// Seconds east of UTC at `unix`.
    pub(super) fn offset(self, unix: i64) -> i64 {
        let winter = match self {
            Zone::London => 0,
            Zone::Central => 1,
            Zone::Eastern => 2,
            Zone::Gulf => 4,
            Zone::China => 8,
            Zone::Japan => 9,
        };
        let european = matches!(self, Zone::London | Zone::Central | Zone::Eastern);
        (winter + i64::from(european && summer_time(unix))) * HOUR
    }
}

/// The European Union's and Britain's rule: from the last Sunday of March to the last
/// Sunday of October, changing at 01:00 UTC everywhere.
fn summer_time(unix: i64) -> bool {
    let year = Civil::of(unix).year;
    let change = |month| {
        let last = days(year, month, 31);
        // Day 0 was a Thursday, so a Sunday has (days + 4) divisible by 7.
        (last - (last + 4).rem_euclid(7)) * DAY + HOUR
    };
    (change(3)..change(10)).contains(&unix)
}

/// A date and time of day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Civil {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    /// 0 is Monday.
    pub(super) weekday: i64,
}

impl Civil {
    /// The UTC date and time of `unix`.
    pub(super) fn of(unix: i64) -> Self {
        let (date, time) = (unix.div_euclid(DAY), unix.rem_euclid(DAY));
        // Years that begin in March put the leap day last; 146,097 days are 400 years.
        let shifted = date + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        Civil {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: of_year - (153 * shifted_month + 2) / 5 + 1,
            hour: time / HOUR,
            minute: time % HOUR / 60,
            second: time % 60,
            weekday: (date + 3).rem_euclid(7),
        }
    }

    /// The date and time that a clock in `zone` shows at `unix`.
    pub(super) fn local(unix: i64, zone: Zone) -> Self {
        Civil::of(unix + zone.offset(unix))
    }

    /// `2024-03-12`
    pub(super) fn iso(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    /// `20240312T091400`
    pub(super) fn compact(&self) -> String {
        format!(
            "{:04}{:02}{:02}T{:02}{:02}{:02}",
            self.year, self.month, self.day, self.hour, self.minute, self.second
        )
    }

    /// `Tue`
    pub(super) fn weekday_name(&self) -> &'static str {
        const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        NAMES.get(self.weekday as usize).copied().unwrap_or("Mon")
    }

    /// `Mar`
    pub(super) fn month_name(&self) -> &'static str {
        const NAMES: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        NAMES
            .get((self.month - 1) as usize)
            .copied()
            .unwrap_or("Jan")
    }
}

/// Days since 1970-01-01.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let of_era = year.rem_euclid(400) * 365 + year.rem_euclid(400) / 4 - year.rem_euclid(400) / 100
        + of_year;
    year.div_euclid(400) * 146_097 + of_era - 719_468
}

/// The moment when a UTC clock shows this.
pub(super) const fn utc(year: i64, month: i64, day: i64, hour: i64, minute: i64) -> i64 {
    // The same sum as `days`, for years after 1970, in a form that constants can use.
    let shifted = if month <= 2 { year - 1 } else { year };
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let date = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + of_year - 719_468;
    date * DAY + hour * HOUR + minute * 60
}

/// `Tue, 12 Mar 2024 09:14:05 +0100`
pub(super) fn rfc5322(unix: i64, zone: Zone) -> String {
    let at = Civil::local(unix, zone);
    let minutes = zone.offset(unix) / 60;
    format!(
        "{}, {} {} {} {:02}:{:02}:{:02} +{:02}{:02}",
        at.weekday_name(),
        at.day,
        at.month_name(),
        at.year,
        at.hour,
        at.minute,
        at.second,
        minutes / 60,
        minutes % 60
    )
}

/// The first moment from `unix` on at which an office in `zone` is at work, shifted by
/// some minutes so that not everybody writes at eight sharp.
pub(super) fn at_work(unix: i64, zone: Zone, random: &mut Random) -> i64 {
    let mut moment = unix;
    loop {
        let at = Civil::local(moment, zone);
        let midnight = moment - at.hour * HOUR - at.minute * 60 - at.second;
        let morning = midnight + 8 * HOUR + random.between(0, 2 * HOUR);
        if at.weekday > 4 || at.hour >= 18 {
            // Six and not midnight, so that a change of summer time stays on the next day.
            moment = midnight + DAY + 6 * HOUR;
        } else if at.hour < 8 {
            return morning;
        } else {
            return moment;
        }
    }
}
