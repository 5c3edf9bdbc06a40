//! The name of a message's file: `1700000000.M1P2.host,S=123,W=130:2,FRST`.

use std::collections::{BTreeMap, BTreeSet};

/// What the name of a message's file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Everything before the flags: unique in its folder, kept when flags change.
    pub unique: Vec<u8>,
    /// When the message was delivered, in seconds since 1970 UTC, if the name starts with
    /// a plausible time.
    pub seconds: Option<i64>,
    /// The flags.
    pub flags: Flags,
}

impl Name {
    /// Reads a file name, or a path that ends with one. `None` for names that are no
    /// message's: empty ones and those that start with a dot. Never fails otherwise: any
    /// other file in `cur` or `new` is a message, as Maildir readers treat it.
    pub fn parse(path: &[u8]) -> Option<Name> {
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
        if name.is_empty() || name.starts_with(b".") {
            return None;
        }
        // `;` and `!` stand for `:` where the file system has no colons.
        let info = (0..name.len()).rev().find(|&at| {
            matches!(
                name.get(at..),
                Some([b':' | b';' | b'!', b'1' | b'2', b',', ..])
            )
        });
        let (unique, flags) = match info.and_then(|at| name.split_at_checked(at)) {
            Some((unique, [_, b'2', b',', letters @ ..])) => (unique, Flags::read(letters)),
            Some((unique, _)) => (unique, Flags::default()),
            None => (name, Flags::default()),
        };
        Some(Name {
            unique: unique.to_vec(),
            seconds: seconds(unique),
            flags,
        })
    }

    /// A name for a message delivered at `seconds`. `unique` must make it so in its folder
    /// and holds neither `/` nor `:`; such bytes become `_`.
    pub fn new(seconds: i64, unique: &[u8], flags: Flags) -> Name {
        let mut name = format!("{}.", seconds.max(0)).into_bytes();
        name.extend(unique.iter().map(|&byte| match byte {
            b'/' | b':' | 0..b' ' | 0x7f => b'_',
            byte => byte,
        }));
        Name {
            seconds: self::seconds(&name),
            unique: name,
            flags,
        }
    }

    /// The file name, as it stands in `cur`.
    pub fn file_name(&self) -> Vec<u8> {
        let mut name = self.unique.clone();
        name.extend_from_slice(b":2,");
        name.extend(self.flags.letters());
        name
    }

    /// The size the name promises (`,S=`), which compressed Maildirs do not keep to.
    pub fn size(&self) -> Option<u64> {
        let mut fields = self.unique.split(|&byte| byte == b',');
        let digits = fields.find_map(|field| field.strip_prefix(b"S="))?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }
}

/// Leading digits up to `.` or `_` (OfflineIMAP), between 1973 and 5138: shorter or
/// longer numbers are counters or hashes, not times.
fn seconds(unique: &[u8]) -> Option<i64> {
    let end = unique.iter().position(|byte| !byte.is_ascii_digit())?;
    let digits = unique.get(..end)?;
    if !(9..=11).contains(&digits.len()) || !matches!(unique.get(end), Some(b'.' | b'_')) {
        return None;
    }
    std::str::from_utf8(digits)
        .ok()?
        .parse()
        .ok()
        .filter(|&seconds: &i64| seconds >= 100_000_000)
}

/// The flags that Maildir defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// D
    Draft,
    /// F
    Flagged,
    /// P: forwarded or resent.
    Passed,
    /// R
    Replied,
    /// S
    Seen,
    /// T
    Trashed,
}

impl Flag {
    /// Its letter.
    pub fn letter(self) -> u8 {
        match self {
            Flag::Draft => b'D',
            Flag::Flagged => b'F',
            Flag::Passed => b'P',
            Flag::Replied => b'R',
            Flag::Seen => b'S',
            Flag::Trashed => b'T',
        }
    }
}

/// A set of flag letters. Letters nobody defined are kept, so that names survive a trip.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags(BTreeSet<u8>);

impl Flags {
    /// Reads letters up to the first byte that is none.
    fn read(letters: &[u8]) -> Self {
        Flags(
            letters
                .iter()
                .copied()
                .take_while(u8::is_ascii_alphabetic)
                .collect(),
        )
    }

    /// Whether `flag` is set.
    pub fn has(&self, flag: Flag) -> bool {
        self.0.contains(&flag.letter())
    }

    /// Sets `flag`.
    pub fn set(&mut self, flag: Flag) {
        self.0.insert(flag.letter());
    }

    /// Sets the keyword of letter `a` to `z`; other letters are no keywords.
    pub fn set_keyword(&mut self, letter: u8) {
        if letter.is_ascii_lowercase() {
            self.0.insert(letter);
        }
    }

    /// The letters of Dovecot's keywords, whose names [`keywords`] tells.
    pub fn keywords(&self) -> impl Iterator<Item = u8> + '_ {
        self.letters().filter(u8::is_ascii_lowercase)
    }

    /// All letters, in ASCII order, as names have them.
    pub fn letters(&self) -> impl Iterator<Item = u8> + '_ {
        self.0.iter().copied()
    }
}

/// Reads a folder's `dovecot-keywords` file: lines `NUMBER NAME`, 0 being letter `a`.
/// Lines of another shape are passed over.
pub fn keywords(file: &[u8]) -> BTreeMap<u8, String> {
    let line = |line: &[u8]| {
        let text = String::from_utf8_lossy(line);
        let (number, name) = text.trim_end_matches('\r').split_once(' ')?;
        let letter = number.parse::<u8>().ok().filter(|&number| number < 26)? + b'a';
        (!name.is_empty()).then(|| (letter, name.to_string()))
    };
    file.split(|&byte| byte == b'\n').filter_map(line).collect()
}
