//! The layout of a base64 body: where its characters and its line ends lie.

use super::Recipe;
use std::ops::Range;

/// More line ends than this after the last character are not worth a recipe; the limit
/// also bounds what a damaged skeleton can make the encoder write.
const MOST_ENDS: usize = 64;

/// Characters in lines of equal length. Only the places are known, not yet whether the
/// characters between the line ends are base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// Characters a line; the whole run where there is one line only.
    line: usize,
    /// The body is one line.
    single: bool,
    /// Lines end with CRLF.
    crlf: bool,
    /// Line ends after the last character.
    ends: usize,
    /// Bytes up to and with the last character.
    text: usize,
    /// Characters without line ends: a multiple of 4, not 0.
    chars: usize,
    /// Of which padding.
    padding: usize,
}

impl Layout {
    /// The layout of `body`, from its first line's length, its total length and its last
    /// bytes. `None` if no recipe can describe the body.
    pub(super) fn of(body: &[u8]) -> Option<Layout> {
        let newline = body.iter().position(|&byte| byte == b'\n');
        let crlf = newline
            .and_then(|at| at.checked_sub(1))
            .is_some_and(|before| body.get(before) == Some(&b'\r'));
        let eol = eol(crlf);
        let mut text = body;
        let mut ends = 0;
        while let Some(shorter) = text.strip_suffix(eol) {
            text = shorter;
            ends += 1;
            if ends > MOST_ENDS {
                return None;
            }
        }
        let first = newline.map_or(body.len(), |at| at + 1 - eol.len());
        let single = first >= text.len();
        let line = if single { text.len() } else { first };
        if line == 0 || u32::try_from(line).is_err() && !single {
            return None;
        }
        let breaks = (text.len() - 1) / (line + eol.len());
        let chars = text.len().checked_sub(breaks.checked_mul(eol.len())?)?;
        // The last line has 1 to `line` characters; more or fewer is another layout.
        if chars
            .checked_sub(breaks.checked_mul(line)?)
            .is_none_or(|last| last == 0 || last > line)
        {
            return None;
        }
        if chars == 0 || chars % 4 != 0 {
            return None;
        }
        // "==" may stand across a line end, so the padding is counted past it.
        let padding = text
            .iter()
            .rev()
            .filter(|byte| !matches!(byte, b'\r' | b'\n'))
            .take(2)
            .take_while(|&&byte| byte == b'=')
            .count();
        Some(Layout {
            line,
            single,
            crlf,
            ends,
            text: text.len(),
            chars,
            padding,
        })
    }

    /// The layout a recipe gives to a body of `length` bytes, to read it once more.
    pub(super) fn again(recipe: Recipe, body: &[u8]) -> Option<Layout> {
        Layout::of(body).filter(|layout| layout.recipe() == recipe)
    }

    /// Length of the decoded form in bytes, if the characters are canonical base64.
    pub(super) fn size(&self) -> u64 {
        (self.chars / 4 * 3 - self.padding) as u64
    }

    /// The recipe that writes this layout.
    pub(super) fn recipe(&self) -> Recipe {
        Recipe::Base64 {
            line: if self.single {
                0
            } else {
                u32::try_from(self.line).unwrap_or(u32::MAX)
            },
            crlf: self.crlf,
            ends: u8::try_from(self.ends).unwrap_or(u8::MAX),
        }
    }

    /// The lines of the body as ranges, each with the line end that must follow it.
    pub(super) fn lines(&self) -> Lines {
        Lines {
            at: 0,
            line: self.line,
            eol: eol(self.crlf).len(),
            text: self.text,
        }
    }

    /// The bytes that end a line.
    pub(super) fn eol(&self) -> &'static [u8] {
        eol(self.crlf)
    }
}

/// The bytes of a line end.
pub(super) fn eol(crlf: bool) -> &'static [u8] {
    if crlf { b"\r\n" } else { b"\n" }
}

/// The ranges of the characters of each line; see [`Layout::lines`].
#[derive(Debug, Clone)]
pub(super) struct Lines {
    at: usize,
    line: usize,
    eol: usize,
    text: usize,
}

impl Iterator for Lines {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        if self.at >= self.text {
            return None;
        }
        let start = self.at;
        let end = (start + self.line).min(self.text);
        self.at = end + self.eol;
        Some(start..end)
    }
}
