//! Ages of queries: how long mail has been held, in units of fixed length.

/// A stretch of ages, `from` inclusive, `until` exclusive, in seconds.
pub(super) type Span = (Option<u64>, Option<u64>);

/// Of fixed length, so that an age means the same on every day. Months are none.
const UNITS: [(&str, u64); 5] = [
    ("s", 1),
    ("h", 3_600),
    ("d", 86_400),
    ("w", 7 * 86_400),
    ("y", 365 * 86_400),
];

/// What to write instead of an age that was refused.
pub(super) const FORMS: &str = "write a number and h, d, w or y (hours, days, weeks, years \
                                of 365 days) after a sign, such as age>90d, or a range such as age:30d..90d";

/// Reads the value of `age:`, comparison signs and ranges included; otherwise what is wrong.
pub(super) fn parse(value: &str) -> Result<Span, String> {
    let after = |age: u64| {
        age.checked_add(1)
            .ok_or_else(|| format!("`{value}` is too long"))
    };
    let span = if let Some(age) = value.strip_prefix(">=") {
        (Some(seconds(age)?), None)
    } else if let Some(age) = value.strip_prefix("<=") {
        (None, Some(after(seconds(age)?)?))
    } else if let Some(age) = value.strip_prefix('>') {
        (Some(after(seconds(age)?)?), None)
    } else if let Some(age) = value.strip_prefix('<') {
        (None, Some(seconds(age)?))
    } else if let Some((first, last)) = value.split_once("..") {
        let bound = |text: &str| {
            let text = Some(text).filter(|text| !text.is_empty());
            text.map(seconds).transpose()
        };
        (bound(first)?, bound(last)?.map(after).transpose()?)
    } else {
        seconds(value)?;
        return Err("an age is compared: it is no single instant".into());
    };
    match span {
        (None, None) => Err("a range needs a first or a last age".into()),
        (Some(from), Some(until)) if from >= until => Err("the range ends before it begins".into()),
        _ => Ok(span),
    }
}

fn seconds(text: &str) -> Result<u64, String> {
    let unreadable = || format!("`{text}` is not an age");
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits).ok_or_else(unreadable)?;
    let found = UNITS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit));
    let unit = found.ok_or_else(unreadable)?.1;
    if number.is_empty() {
        return Err(unreadable());
    }
    let age = number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit));
    age.ok_or_else(|| format!("`{text}` is too long"))
}

/// Writes a stretch as it follows the word `age`, sign included.
pub(super) fn print(span: Span) -> String {
    match span {
        (Some(from), Some(until)) => format!(":{}..{}", name(from), name(until.saturating_sub(1))),
        (Some(from), None) if is_round(from) => format!(">={}", name(from)),
        (Some(from), None) => format!(">{}", name(from.saturating_sub(1))),
        (None, Some(until)) if is_round(until) => format!("<{}", name(until)),
        (None, Some(until)) => format!("<={}", name(until.saturating_sub(1))),
        (None, None) => ">=0s".into(),
    }
}

/// True where the age is written no longer than the second before it: `>=90d`, but `>90d`
/// for the second after.
fn is_round(age: u64) -> bool {
    age == 0 || !name(age).ends_with('s') || name(age - 1).ends_with('s')
}

/// The age in the largest unit that leaves it whole.
fn name(age: u64) -> String {
    let whole = |&&(_, unit): &&(&str, u64)| age >= unit && age.is_multiple_of(unit);
    let (name, unit) = UNITS.iter().rfind(whole).copied().unwrap_or(("s", 1));
    format!("{}{name}", age / unit)
}
