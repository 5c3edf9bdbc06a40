//! The one-time code by which a device is enrolled: 80 random bits, in letters that people can read to each other.

use std::fmt;

use everpost_domain::digest::Hasher;

/// Crockford's base 32: no I, L, O, U.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Letters of a code.
const LENGTH: usize = 16;

/// A one-time code. It does not show itself but by [`Code::display`].
///
/// It never travels: what is sent is its [`Code::ticket`], and the [`Code::salt`] goes into the link key. Whoever sees the
/// wire, even within TLS, has the one and can derive neither code nor salt from it.
#[derive(Clone, PartialEq, Eq)]
pub struct Code([u8; 10]);

impl Code {
    /// Of random bytes.
    pub fn new(random: [u8; 10]) -> Self {
        Code(random)
    }

    /// As people are shown it: `7K3F-9QZM-…`, four groups of four.
    pub fn display(&self) -> String {
        let mut number = [0; 16];
        if let Some(low) = number.last_chunk_mut() {
            *low = self.0;
        }
        let number = u128::from_be_bytes(number);
        let mut text = String::with_capacity(LENGTH + 3);
        for place in 0..LENGTH {
            if place > 0 && place % 4 == 0 {
                text.push('-');
            }
            let letter = (number >> (5 * (LENGTH - 1 - place))) & 31;
            let letter = usize::try_from(letter).ok();
            let letter = letter.and_then(|letter| LETTERS.get(letter));
            text.push(char::from(letter.copied().unwrap_or(b'0')));
        }
        text
    }

    /// Of what somebody typed: case, blanks and hyphens do not matter, O, I and L are read as the digits that they resemble.
    pub fn parse(text: &str) -> Option<Self> {
        let mut number: u128 = 0;
        let mut count = 0;
        for letter in text.bytes() {
            let letter = match letter.to_ascii_uppercase() {
                b'-' | b' ' | b'\t' | b'\r' | b'\n' => continue,
                b'O' => b'0',
                b'I' | b'L' => b'1',
                letter => letter,
            };
            let value = LETTERS.iter().position(|one| *one == letter)?;
            count += 1;
            if count > LENGTH {
                return None;
            }
            number = (number << 5) | u128::try_from(value).ok()?;
        }
        let bytes = number.to_be_bytes();
        let low = bytes.last_chunk()?;
        (count == LENGTH).then_some(Code(*low))
    }

    /// What is sent in its place, and what the service keeps a hash of.
    pub fn ticket(&self) -> [u8; 32] {
        self.hash(b"everpost ticket 1\0")
    }

    /// What only those who know the code know.
    pub fn salt(&self) -> [u8; 32] {
        self.hash(b"everpost salt 1\0")
    }

    fn hash(&self, what: &[u8]) -> [u8; 32] {
        let mut hasher = Hasher::new();
        hasher.update(what);
        hasher.update(&self.0);
        hasher.finish().0
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code")
    }
}
