//! What commands print: lines for people, one JSON object a line for programs.

use std::io::Write;

use serde_json::Value;

use crate::failure::Failure;

/// Prints one line to standard output.
pub(crate) fn line(text: impl std::fmt::Display) -> Result<(), Failure> {
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}

/// Prints one JSON object.
pub(crate) fn object(value: &Value) -> Result<(), Failure> {
    line(value)
}

/// Bytes as people read them: `1.4 MB` (powers of 1000, as disks are sold).
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let name = UNITS.get(unit).unwrap_or(&"B");
    match unit {
        0 => format!("{bytes} B"),
        _ if value < 9.95 => format!("{value:.1} {name}"),
        _ => format!("{value:.0} {name}"),
    }
}

/// A count with separators: `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Text as one line for a terminal: mail is hostile, so control characters and the marks
/// that reorder text are shown as blanks.
pub(crate) fn plain(text: &str) -> String {
    let safe = |c: char| {
        let reorders = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
        if c.is_control() || reorders { ' ' } else { c }
    };
    text.chars().map(safe).collect()
}

/// At most `width` characters of `text`, with `…` where it was cut.
pub(crate) fn cut(text: &str, width: usize) -> String {
    let text = plain(text);
    if text.chars().count() <= width {
        return text;
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(size(999), "999 B");
        assert_eq!(size(1_449_000), "1.4 MB");
        assert_eq!(size(999_600), "1.0 MB");
        assert_eq!(cut("abc\u{1b}[31mdef", 6), "abc […");
    }
}
