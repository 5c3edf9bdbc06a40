//! Sizes of queries: bytes with decimal or binary units.

/// A stretch of sizes, `from` inclusive, `until` exclusive, in bytes.
pub(super) type Span = (Option<u64>, Option<u64>);

const UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Reads the value of `size:`, comparison signs and ranges included; otherwise what is wrong.
pub(super) fn parse(value: &str) -> Result<Span, String> {
    let after = |size: u64| {
        size.checked_add(1)
            .ok_or_else(|| format!("`{value}` is too large"))
    };
    let span = if let Some(size) = value.strip_prefix(">=") {
        (Some(bytes(size)?), None)
    } else if let Some(size) = value.strip_prefix("<=") {
        (None, Some(after(bytes(size)?)?))
    } else if let Some(size) = value.strip_prefix('>') {
        (Some(after(bytes(size)?)?), None)
    } else if let Some(size) = value.strip_prefix('<') {
        (None, Some(bytes(size)?))
    } else if let Some((first, last)) = value.split_once("..") {
        let from = if first.is_empty() {
            None
        } else {
            Some(bytes(first)?)
        };
        let until = if last.is_empty() {
            None
        } else {
            Some(after(bytes(last)?)?)
        };
        (from, until)
    } else {
        let size = bytes(value)?;
        (Some(size), Some(after(size)?))
    };
    match span {
        (None, None) => Err("a range needs a first or a last size".into()),
        (Some(from), Some(until)) if from >= until => Err("the range ends before it begins".into()),
        _ => Ok(span),
    }
}

fn bytes(text: &str) -> Result<u64, String> {
    let unreadable = || format!("`{text}` is not a size");
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits).ok_or_else(unreadable)?;
    let unit = if unit.is_empty() {
        1
    } else {
        let found = UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit));
        found.ok_or_else(unreadable)?.1
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    // Nine digits after the point are a byte of a gigabyte; more would say nothing.
    if fraction.is_empty() || fraction.len() > 9 || whole.is_empty() {
        return Err(unreadable());
    }
    let whole: u64 = whole.parse().map_err(|_| unreadable())?;
    let part: u64 = fraction.parse().map_err(|_| unreadable())?;
    // In whole bytes, rounded down.
    let scale = 10u64.saturating_pow(fraction.len() as u32);
    let part = part.saturating_mul(unit) / scale.max(1);
    let size = whole
        .checked_mul(unit)
        .and_then(|size| size.checked_add(part));
    size.ok_or_else(|| format!("`{text}` is too large"))
}

/// Writes a stretch as it follows the word `size`, sign included.
pub(super) fn print(span: Span) -> String {
    match span {
        (Some(from), Some(until)) if until.checked_sub(from) == Some(1) => {
            format!(":{}", name(from))
        }
        (Some(from), Some(until)) => format!(":{}..{}", name(from), name(until.saturating_sub(1))),
        (Some(from), None) if fits(from) => format!(">={}", name(from)),
        (Some(from), None) => format!(">{}", name(from.saturating_sub(1))),
        (None, Some(until)) if fits(until) => format!("<{}", name(until)),
        (None, Some(until)) => format!("<={}", name(until.saturating_sub(1))),
        (None, None) => ">=0".into(),
    }
}

/// True where the size is written as well as the byte below it: `>=5MB`, but `>5MB` for
/// the size above.
fn fits(size: u64) -> bool {
    size == 0 || name(size).ends_with('B') || !name(size - 1).ends_with('B')
}

/// The size in the largest unit that leaves it whole.
fn name(size: u64) -> String {
    let whole = |&&(_, unit): &&(&str, u64)| size >= unit && size.is_multiple_of(unit);
    match UNITS
        .iter()
        .filter(|(_, unit)| *unit > 1)
        .filter(whole)
        .max_by_key(|&&(_, unit)| unit)
    {
        Some((name, unit)) => format!("{}{name}", size / unit),
        None => size.to_string(),
    }
}
