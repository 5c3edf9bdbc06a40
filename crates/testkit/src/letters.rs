//! Made-up mail: the same bytes for the same seed, any amount of it, at the speed of a disk.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Bytes of an attachment that one line of base64 holds.
const LINE: usize = 57;
/// Bytes of an attachment that are made at a time.
const PIECE: usize = LINE * 1024;
/// Words to write letters with; about as many as a person uses in mail.
const WORDS: usize = 8192;

/// A writer of made-up letters.
pub struct Letters {
    state: u64,
    words: Vec<String>,
    written: u64,
}

impl Letters {
    /// The letters of `seed`.
    pub fn new(seed: u64) -> Self {
        let mut letters = Letters {
            state: seed,
            words: Vec::new(),
            written: 0,
        };
        letters.words = (0..WORDS).map(|_| letters.word()).collect();
        letters
    }

    /// SplitMix64: every state gives another number, so a seed may be any.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn word(&mut self) -> String {
        const SYLLABLES: [&str; 16] = [
            "ba", "ken", "to", "mir", "ul", "dan", "es", "vo", "rin", "ta", "lo", "sche", "gi",
            "pra", "un", "zel",
        ];
        let syllables = 1 + self.below(3);
        (0..=syllables)
            .map(|_| {
                SYLLABLES
                    .get(self.below(16) as usize)
                    .copied()
                    .unwrap_or("x")
            })
            .collect()
    }

    /// Bytes that do not compress.
    pub fn noise(&mut self, bytes: usize) -> Vec<u8> {
        let mut noise = Vec::with_capacity(bytes + 8);
        while noise.len() < bytes {
            noise.extend_from_slice(&self.next().to_le_bytes());
        }
        noise.truncate(bytes);
        noise
    }

    /// Lines of words, at least `bytes` of them. Some words are frequent and most are rare, as
    /// in a language.
    pub fn text(&mut self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 80);
        let mut line = 0;
        while text.len() < bytes {
            let range = 1 << self.below(14);
            let place = self.below(range) as usize;
            let word = self.words.get(place).map_or("x", String::as_str);
            text.push_str(word);
            line += word.len() + 1;
            text.push(if line > 70 { '\n' } else { ' ' });
            if line > 70 {
                line = 0;
            }
        }
        text.push('\n');
        text
    }

    /// A header with a Message-ID of its own, without the empty line after it.
    pub fn header(&mut self) -> String {
        self.written += 1;
        let (number, salt) = (self.written, self.next());
        let (from, to) = (self.below(500), self.below(500));
        let (day, hour, minute) = (1 + self.below(28), self.below(24), self.below(60));
        let subject = self.text(30).replace('\n', " ");
        format!(
            "Received: from a.example.org by b.example.org; {day:02} Mar 2021 {hour:02}:{minute:02}:07 +0000\n\
             From: Person {from} <person{from}@example.org>\n\
             To: Person {to} <person{to}@example.org>\n\
             Subject: {}\n\
             Date: {day} Mar 2021 {hour:02}:{minute:02}:00 +0000\n\
             Message-ID: <{number}.{salt:016x}@example.org>\n\
             MIME-Version: 1.0\n",
            subject.trim_end()
        )
    }

    /// A plain letter with `text` bytes of text.
    pub fn letter(&mut self, text: usize) -> Vec<u8> {
        let header = self.header();
        let body = self.text(text);
        format!("{header}Content-Type: text/plain; charset=us-ascii\n\n{body}").into_bytes()
    }

    /// A letter with a file.
    pub fn letter_with(&mut self, text: usize, file: &[u8]) -> Vec<u8> {
        let mut letter = Vec::new();
        // Writing to memory does not fail.
        self.attach(&mut letter, text, file.len(), &mut |done, piece| {
            piece.copy_from_slice(file.get(done..done + piece.len()).unwrap_or_default());
        })
        .ok();
        letter
    }

    /// Writes a letter with an attachment of `bytes` bytes that never lies in memory whole.
    pub fn write_large(
        &mut self,
        out: &mut impl Write,
        text: usize,
        bytes: usize,
    ) -> io::Result<()> {
        let mut noise = Letters {
            state: self.next(),
            words: Vec::new(),
            written: 0,
        };
        self.attach(out, text, bytes, &mut |_, piece| {
            piece.copy_from_slice(&noise.noise(piece.len()));
        })
    }

    fn attach(
        &mut self,
        out: &mut impl Write,
        text: usize,
        bytes: usize,
        fill: &mut dyn FnMut(usize, &mut [u8]),
    ) -> io::Result<()> {
        let (header, body) = (self.header(), self.text(text));
        write!(
            out,
            "{header}Content-Type: multipart/mixed; boundary=\"=-b\"\n\n--=-b\n\
             Content-Type: text/plain; charset=us-ascii\n\n{body}\n--=-b\n\
             Content-Type: application/octet-stream; name=\"file{}.bin\"\n\
             Content-Disposition: attachment; filename=\"file{}.bin\"\n\
             Content-Transfer-Encoding: base64\n\n",
            self.written, self.written
        )?;
        let mut piece = Vec::new();
        let mut lines = String::new();
        let mut done = 0;
        while done < bytes {
            piece.resize(PIECE.min(bytes - done), 0);
            fill(done, &mut piece);
            done += piece.len();
            lines.clear();
            for line in piece.chunks(LINE) {
                STANDARD.encode_string(line, &mut lines);
                lines.push('\n');
            }
            out.write_all(lines.as_bytes())?;
        }
        out.write_all(b"--=-b--\n")
    }
}

/// What [`write_mbox`] wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Messages.
    pub messages: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Writes an mbox of at least `bytes` bytes: mostly plain letters of a few kilobytes, some with
/// files, a few of them sent around again, and letters with attachments of the sizes in `large`
/// strewn in. Nothing lies in memory whole, so any size will do.
pub fn write_mbox(
    out: &mut impl Write,
    seed: u64,
    bytes: u64,
    large: &[usize],
) -> io::Result<Written> {
    let mut letters = Letters::new(seed);
    let mut out = Counting { out, bytes: 0 };
    let mut messages = 0;
    let mut waiting = large.iter();
    let mut shared = letters.noise(60_000);
    let between = bytes / (large.len() as u64 + 1);
    let mut next = between;
    while out.bytes < bytes || waiting.len() > 0 {
        out.write_all(b"From someone@example.org Mon Mar  1 10:00:00 2021\n")?;
        messages += 1;
        let due = out.bytes >= next;
        match waiting.as_slice().first().filter(|_| due) {
            Some(size) => {
                letters.write_large(&mut out, 500, *size)?;
                waiting.next();
                next += between;
            }
            None => {
                let text = 1 << (8 + letters.below(7));
                let letter = match letters.below(40) {
                    0 => {
                        let size = 5_000 + letters.below(300_000) as usize;
                        shared = letters.noise(size);
                        letters.letter_with(text, &shared)
                    }
                    1 => letters.letter_with(text, &shared),
                    _ => letters.letter(text),
                };
                out.write_all(&letter)?;
            }
        }
        out.write_all(b"\n")?;
    }
    Ok(Written {
        messages,
        bytes: out.bytes,
    })
}

struct Counting<'a, W> {
    out: &'a mut W,
    bytes: u64,
}

impl<W: Write> Write for Counting<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::{Letters, write_mbox};

    #[test]
    fn the_same_seed_writes_the_same_mail() {
        let mbox = |seed| {
            let mut out = Vec::new();
            let written = write_mbox(&mut out, seed, 2_000_000, &[700_000, 300_000]).unwrap();
            assert_eq!(written.bytes, out.len() as u64);
            (out, written.messages)
        };
        let (first, messages) = mbox(7);
        assert_eq!((first.clone(), messages), mbox(7));
        assert_ne!(first, mbox(8).0);
        let text = String::from_utf8(first).unwrap();
        assert_eq!(text.matches("\nMessage-ID: ").count() as u64, messages);
        assert!(!text.contains("\n>From "), "no line needs quoting");
    }

    #[test]
    fn an_attachment_is_what_was_given() {
        let file = Letters::new(1).noise(200_000);
        let letter = String::from_utf8(Letters::new(2).letter_with(100, &file)).unwrap();
        let encoded: String = letter
            .split("base64\n\n")
            .nth(1)
            .unwrap()
            .split("--=-b--")
            .next()
            .unwrap()
            .split('\n')
            .collect();
        use base64::Engine;
        assert_eq!(
            base64::engine::general_purpose::STANDARD
                .decode(encoded)
                .unwrap(),
            file
        );
    }
}
