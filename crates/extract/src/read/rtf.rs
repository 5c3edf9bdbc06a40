//! RTF as plain text: words and line ends, whatever they look like.

use std::collections::BTreeMap;

use everpost_codec::codepage;
use everpost_domain::message::text_of_bytes;

/// Deeper groups are read as if they were this deep: no writer nests so, and each costs memory.
const DEPTH: usize = 1_000;

/// Groups that hold no text of the document.
const HIDDEN: [&str; 22] = [
    "colortbl",
    "stylesheet",
    "pict",
    "objdata",
    "listtable",
    "listoverridetable",
    "rsidtbl",
    "generator",
    "themedata",
    "datastore",
    "colorschememapping",
    "latentstyles",
    "fldinst",
    "filetbl",
    "revtbl",
    "xmlnstbl",
    "pgdsctbl",
    "bkmkstart",
    "bkmkend",
    "template",
    "private",
    "objclass",
];

/// The text of an RTF document, at most about `limit` bytes of it. Never fails: what is no RTF
/// gives what text it has.
pub(super) fn text(bytes: &[u8], limit: usize) -> String {
    let mut reader = Rtf {
        rest: bytes,
        out: String::new(),
        pending: Vec::new(),
        groups: Vec::new(),
        now: Group {
            hidden: false,
            fonts: false,
            html_rtf: false,
            unicode_skip: 1,
            codepage: 0,
            fresh: false,
        },
        codepage: 1252,
        fonts: BTreeMap::new(),
        font: 0,
        skip: 0,
        high: None,
    };
    while reader.out.len() < limit && reader.step() {}
    reader.flush();
    reader.out
}

/// What holds until the group ends.
#[derive(Clone, Copy)]
struct Group {
    /// Not text of the document.
    hidden: bool,
    /// The table of fonts.
    fonts: bool,
    /// Inside `\htmlrtf`: markup for readers of RTF, doubled in HTML beside it.
    html_rtf: bool,
    /// Characters that stand for one `\u` in old readers.
    unicode_skip: usize,
    /// Of the chosen font; 0: the document's.
    codepage: u32,
    /// Nothing but the opening brace was seen.
    fresh: bool,
}

struct Rtf<'a> {
    rest: &'a [u8],
    out: String,
    /// Bytes in the code page, not yet decoded: characters may take several.
    pending: Vec<u8>,
    groups: Vec<Group>,
    now: Group,
    codepage: u32,
    /// Code pages of fonts.
    fonts: BTreeMap<i32, u32>,
    /// The font whose entry is read.
    font: i32,
    /// Characters to leave out after a `\u`.
    skip: usize,
    /// The first half of a UTF-16 pair.
    high: Option<u16>,
}

impl Rtf<'_> {
    /// Reads on; false at the end.
    fn step(&mut self) -> bool {
        let Some((first, rest)) = self.rest.split_first() else {
            return false;
        };
        self.rest = rest;
        match first {
            b'{' => {
                self.flush();
                if self.groups.len() < DEPTH {
                    self.groups.push(self.now);
                }
                self.now.fresh = true;
                self.skip = 0;
                return true;
            }
            b'}' => {
                self.flush();
                if let Some(outer) = self.groups.pop() {
                    self.now = outer;
                }
                self.skip = 0;
            }
            b'\\' => self.control(),
            b'\r' | b'\n' => {}
            byte => self.byte(*byte),
        }
        self.now.fresh = false;
        true
    }

    fn control(&mut self) {
        let Some((first, rest)) = self.rest.split_first() else {
            return;
        };
        if first.is_ascii_alphabetic() {
            let fresh = self.now.fresh;
            let (word, number) = self.word();
            return self.apply(&word, number, fresh);
        }
        self.rest = rest;
        match first {
            b'\'' => {
                let digits = self
                    .rest
                    .get(..2)
                    .and_then(|two| std::str::from_utf8(two).ok());
                if let Some(byte) = digits.and_then(|two| u8::from_str_radix(two, 16).ok()) {
                    self.rest = self.rest.get(2..).unwrap_or_default();
                    self.byte(byte);
                }
            }
            // A group that old readers don't know is left out.
            b'*' => self.now.hidden = true,
            b'~' => self.character(' '),
            b'_' => self.character('-'),
            b'\\' | b'{' | b'}' => self.byte(*first),
            b'\r' | b'\n' => self.character('\n'),
            b'\t' => self.character('\t'),
            _ => {}
        }
    }

    /// The word of a control and its number.
    fn word(&mut self) -> (String, Option<i32>) {
        let mut rest = self.rest;
        let mut word = String::new();
        while let Some((letter, after)) = rest.split_first()
            && letter.is_ascii_alphabetic()
        {
            // Longer ones mean nothing.
            if word.len() < 32 {
                word.push(char::from(*letter));
            }
            rest = after;
        }
        let mut number = String::new();
        if let Some((b'-', after)) = rest.split_first() {
            number.push('-');
            rest = after;
        }
        while let Some((digit, after)) = rest.split_first()
            && digit.is_ascii_digit()
        {
            if number.len() < 11 {
                number.push(char::from(*digit));
            }
            rest = after;
        }
        if let Some((b' ', after)) = rest.split_first() {
            rest = after;
        }
        self.rest = rest;
        (word, number.parse().ok())
    }

    fn apply(&mut self, word: &str, number: Option<i32>, fresh: bool) {
        match word {
            "u" => {
                self.flush();
                let code = number.unwrap_or(0).rem_euclid(0x1_0000);
                if !self.silent() {
                    self.unit(u16::try_from(code).unwrap_or(0xfffd));
                }
                self.skip = self.now.unicode_skip;
            }
            "uc" => {
                self.now.unicode_skip = usize::try_from(number.unwrap_or(1)).unwrap_or(1).min(16)
            }
            "bin" => {
                let count = usize::try_from(number.unwrap_or(0)).unwrap_or(0);
                self.rest = self.rest.get(count..).unwrap_or_default();
            }
            "par" | "line" | "row" | "sect" | "page" | "column" => self.character('\n'),
            "tab" | "cell" | "nestcell" => self.character('\t'),
            "emdash" => self.character('—'),
            "endash" => self.character('–'),
            "bullet" => self.character('•'),
            "lquote" => self.character('‘'),
            "rquote" => self.character('’'),
            "ldblquote" => self.character('“'),
            "rdblquote" => self.character('”'),
            "emspace" | "enspace" | "qmspace" => self.character(' '),
            "ansicpg" => {
                self.codepage = number
                    .and_then(|page| u32::try_from(page).ok())
                    .unwrap_or(1252);
            }
            "mac" => self.codepage = 10000,
            "pca" => self.codepage = 850,
            "htmlrtf" => {
                self.flush();
                self.now.html_rtf = number != Some(0);
            }
            "fonttbl" => self.now.fonts = true,
            "f" => {
                self.flush();
                self.font = number.unwrap_or(0);
                if !self.now.fonts {
                    self.now.codepage = self.fonts.get(&self.font).copied().unwrap_or(0);
                }
            }
            "fcharset" if self.now.fonts => {
                self.fonts
                    .insert(self.font, codepage_of_charset(number.unwrap_or(0)));
            }
            "plain" => {
                self.flush();
                self.now.codepage = 0;
            }
            // Notes and text boxes stand in groups that old readers leave out.
            "footnote" | "annotation" | "shptxt" => self.now.hidden = false,
            word if fresh && HIDDEN.contains(&word) => self.now.hidden = true,
            _ => {}
        }
    }

    fn silent(&self) -> bool {
        self.now.hidden || self.now.fonts || self.now.html_rtf
    }

    fn byte(&mut self, byte: u8) {
        if self.skip > 0 {
            self.skip -= 1;
        } else if !self.silent() {
            self.pending.push(byte);
        }
    }

    fn character(&mut self, character: char) {
        if self.skip > 0 {
            self.skip -= 1;
        } else if !self.silent() {
            self.flush();
            self.out.push(character);
        }
    }

    /// One UTF-16 unit; halves of a pair come one after the other.
    fn unit(&mut self, unit: u16) {
        let pair = self.high.take().into_iter().chain([unit]);
        if (0xd800..0xdc00).contains(&unit) {
            self.high = Some(unit);
            return;
        }
        let text = char::decode_utf16(pair).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
        self.out.extend(text);
    }

    /// Decodes the bytes that wait.
    fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let page = match self.now.codepage {
            0 => self.codepage,
            page => page,
        };
        let charset = codepage::charset(page);
        let text = text_of_bytes(
            &self.pending,
            Some(charset.as_deref().unwrap_or("windows-1252")),
        );
        self.out.push_str(&text);
        self.pending.clear();
    }
}

/// The code page of a font's character set (RTF 1.9.1, `\fcharset`); 0: the document's.
fn codepage_of_charset(charset: i32) -> u32 {
    match charset {
        77 => 10000,
        128 => 932,
        129 => 949,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        255 => 850,
        _ => 0,
    }
}
