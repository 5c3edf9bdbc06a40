//! Names of folders and messages as names of files, reversibly.
//!
//! What no file system or Maildir takes is written `%XX`: `/`, `\`, `:`, `.`, control
//! characters, and `%` and `~` themselves; the empty name is `%`. A result above 200 bytes
//! is cut and gets `~` and 16 hexadecimal digits of the digest of the whole: such a name
//! is looked up in the export's manifest, which keeps every true name.

use everpost_domain::digest::Digest;

/// File systems take 255 bytes; the rest is for endings that callers add.
const MAX: usize = 200;

/// `~` and 16 digits.
const TAIL: usize = 17;

/// The file name for `name`.
pub fn encode(name: &str) -> String {
    shorten(escape(name))
}

/// The name behind a file name that [`encode`] made. `None` if it was cut, or was not made
/// so.
pub fn decode(file: &str) -> Option<String> {
    if file == "%" {
        return Some(String::new());
    }
    let mut parts = file.split('%');
    let mut name = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (hex, rest) = part.split_at_checked(2)?;
        name.push(u8::from_str_radix(hex, 16).ok()?);
        name.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(name)
        .ok()
        .filter(|name| encode(name) == file)
}

/// `name` with its unsafe characters as `%XX`.
pub(crate) fn escape(name: &str) -> String {
    if name.is_empty() {
        return "%".to_string();
    }
    let mut out = String::with_capacity(name.len());
    for char in name.chars() {
        match char {
            '/' | '\\' | ':' | '.' | '%' | '~' | '\0'..='\x1f' | '\x7f' => {
                out.push_str(&format!("%{:02X}", u32::from(char)));
            }
            _ => out.push(char),
        }
    }
    out
}

/// `name`, or its start and its digest if it is too long.
pub(crate) fn shorten(name: String) -> String {
    if name.len() <= MAX {
        return name;
    }
    let mut short = name.clone();
    while short.len() > MAX - TAIL {
        short.pop();
    }
    let digest = Digest::of(name.as_bytes()).to_string();
    short.push('~');
    short.extend(digest.chars().take(TAIL - 1));
    short
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests may panic"
    )]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names() {
        let cases = [
            ("Sent", "Sent"),
            ("", "%"),
            (".", "%2E"),
            ("..", "%2E%2E"),
            ("a/b\\c:d", "a%2Fb%5Cc%3Ad"),
            ("100%~\0\n", "100%25%7E%00%0A"),
            ("Entwürfe 2024", "Entwürfe 2024"),
        ];
        for (name, file) in cases {
            assert_eq!(encode(name), file);
            assert_eq!(decode(file).as_deref(), Some(name));
        }
        for foreign in ["%2", "%zz", "%2f", "a.b", "%C3%BC", "%%", "~"] {
            assert_eq!(decode(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn long_names_stay_apart() {
        let (one, two) = ("日".repeat(300) + "1", "日".repeat(300) + "2");
        assert_ne!(encode(&one), encode(&two));
        assert_eq!(decode(&encode(&one)), None);
    }

    proptest! {
        #[test]
        fn reversible(name in "\\PC{0,60}|[ -~\0-\x1f]{0,90}") {
            let file = encode(&name);
            prop_assert!(file.len() <= MAX && !file.is_empty());
            prop_assert!(!file.contains(['/', '\0', '.']));
            match decode(&file) {
                Some(back) => prop_assert_eq!(back, name),
                None => prop_assert!(escape(&name).len() > MAX),
            }
        }
    }
}
