//! The mail of a world.

use bytes::Bytes;
use everpost_domain::cut::{Encoder, Recipe};
use everpost_testkit::world::Dice;

/// A mail of the world.
#[derive(Clone)]
pub(super) struct Mail {
    pub(super) raw: Bytes,
    pub(super) word: String,
}

/// The mail that nodes of a world offer: the same to all of them.
pub(super) struct Post {
    pub(super) mails: Vec<Mail>,
}

const WORDS: [&str; 16] = [
    "array", "disk", "parity", "rebuild", "spare", "stripe", "patch", "sector", "kernel", "resync",
    "chunk", "invoice", "meeting", "harbour", "violet", "thursday",
];

fn noise(dice: &mut Dice, bytes: usize) -> Vec<u8> {
    let numbers = (0..bytes.div_ceil(8)).flat_map(|_| dice.roll().to_le_bytes());
    numbers.take(bytes).collect()
}

pub(super) fn letter(dice: &mut Dice, word: &str, id: &str, file: Option<&[u8]>) -> Bytes {
    let length = 5 + dice.place(120);
    let text: Vec<&str> = (0..length).map(|_| dice.choose(&WORDS)).collect();
    let (day, text) = (1 + dice.below(28), text.join(" "));
    let mut mail = format!(
        "From: Ann <ann@example.org>\r\nTo: bob@example.org\r\nDate: {day} Jan 2024 10:00:00 +0000\r\n\
         Subject: about {word}\r\nMessage-ID: <{id}@example.org>\r\nMIME-Version: 1.0\r\n"
    );
    let Some(file) = file else {
        return Bytes::from(format!("{mail}\r\n{text}\r\n"));
    };
    mail.push_str(&format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{text}\r\n--b\r\n\
         Content-Type: application/octet-stream; name=f.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    ));
    let mut mail = mail.into_bytes();
    let recipe = Recipe::Base64 {
        line: 76,
        crlf: true,
        ends: 1,
    };
    let mut encoder = Encoder::new(recipe);
    encoder.push(file, &mut mail);
    encoder.finish(&mut mail);
    mail.extend_from_slice(b"--b--\r\n");
    Bytes::from(mail)
}

impl Post {
    pub(super) fn new(mut dice: Dice) -> Self {
        let count = 6 + dice.place(18);
        let size = 5_000 + dice.place(20_000);
        let shared = noise(&mut dice, size);
        let huge = dice.once_in(30).then(|| noise(&mut dice, 9 << 19));
        let mut mails: Vec<Mail> = Vec::new();
        for number in 0..count {
            let word = format!("word{number}q");
            let id = format!("{number}.world");
            let file = match number % 5 {
                0 if number == 0 && huge.is_some() => huge.as_deref(),
                1 | 2 => Some(shared.as_slice()),
                _ => None,
            };
            let raw = letter(&mut dice, &word, &id, file);
            if dice.once_in(3) {
                // The same message by another way.
                let relay: &[u8] =
                    b"Received: by relay.example.org; 03 Jan 2024 10:00:00 +0000\r\n";
                mails.push(Mail {
                    raw: Bytes::from([relay, &raw].concat()),
                    word: word.clone(),
                });
            }
            if dice.once_in(6) {
                // Another message under the same Message-ID.
                mails.push(Mail {
                    raw: letter(&mut dice, &word, &id, None),
                    word: word.clone(),
                });
            }
            mails.push(Mail { raw, word });
        }
        Post { mails }
    }
}
