//! What the bytes of a message ask of a road: found out while they stream by.

use memchr::{memchr, memchr2_iter};

/// What a relay must know of a message before it sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// Octets.
    pub size: u64,
    /// Octets above 127 occur: 8BITMIME is needed (RFC 6152).
    pub eight_bit: bool,
    /// A CR without LF occurs.
    pub bare_cr: bool,
    /// A LF without CR occurs.
    pub bare_lf: bool,
    /// A NUL occurs.
    pub nul: bool,
    /// It ends with CRLF, or is empty.
    pub ends_with_crlf: bool,
}

impl Content {
    /// Whether only BINARYMIME carries it unchanged (RFC 3030 §3): lines of CRLF are all that DATA
    /// and BODY=8BITMIME know.
    pub fn is_binary(&self) -> bool {
        self.bare_cr || self.bare_lf || self.nul
    }
}

/// Looks at a message in pieces.
#[derive(Debug, Clone)]
pub struct Survey {
    found: Content,
    /// The last octet was a CR.
    cr: bool,
}

impl Default for Survey {
    fn default() -> Self {
        Survey::new()
    }
}

impl Survey {
    /// Before the first octet.
    pub fn new() -> Self {
        Survey {
            found: Content {
                size: 0,
                eight_bit: false,
                bare_cr: false,
                bare_lf: false,
                nul: false,
                ends_with_crlf: true,
            },
            cr: false,
        }
    }

    /// Looks at the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        let Some(&last) = piece.last() else { return };
        let found = &mut self.found;
        found.size = found.size.saturating_add(piece.len() as u64);
        found.eight_bit |= !piece.is_ascii();
        found.nul |= memchr(0, piece).is_some();
        // One line ending over two pieces.
        let mut after_cr = self.cr.then_some(0);
        for at in memchr2_iter(b'\r', b'\n', piece) {
            let follows = after_cr == Some(at);
            found.bare_cr |= after_cr.is_some() && !follows;
            if piece.get(at) == Some(&b'\n') {
                found.bare_lf |= !follows;
                found.ends_with_crlf = follows;
                after_cr = None;
            } else {
                found.bare_cr |= follows;
                after_cr = Some(at + 1);
            }
        }
        self.cr = last == b'\r';
        found.bare_cr |= after_cr.is_some() && !self.cr;
        found.ends_with_crlf &= last == b'\n';
    }

    /// What was found so far; a CR at the very end is not counted as bare yet.
    pub fn so_far(&self) -> Content {
        self.found
    }

    /// What the message is.
    pub fn finish(self) -> Content {
        Content {
            bare_cr: self.found.bare_cr || self.cr,
            ..self.found
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same, octet by octet over the whole.
    fn plainly(bytes: &[u8]) -> Content {
        let at = |at: usize| bytes.get(at).copied();
        let is = |byte| move |&(_, &b): &(usize, &u8)| b == byte;
        let before = |i: usize| i.checked_sub(1).and_then(at);
        Content {
            size: bytes.len() as u64,
            eight_bit: bytes.iter().any(|&byte| byte > 127),
            bare_cr: (bytes.iter().enumerate().filter(is(b'\r')))
                .any(|(i, _)| at(i + 1) != Some(b'\n')),
            bare_lf: (bytes.iter().enumerate().filter(is(b'\n')))
                .any(|(i, _)| before(i) != Some(b'\r')),
            nul: bytes.contains(&0),
            ends_with_crlf: bytes.is_empty() || bytes.ends_with(b"\r\n"),
        }
    }

    proptest! {
        #[test]
        fn whatever_the_pieces(
            text in "([ab\r\n]|\r\n|\0|é){0,12}",
            piece in 1usize..6,
        ) {
            let mut survey = Survey::new();
            text.as_bytes().chunks(piece).for_each(|piece| survey.push(piece));
            prop_assert_eq!(survey.finish(), plainly(text.as_bytes()));
        }
    }
}
