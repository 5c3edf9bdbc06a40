//! The parts of a MIME body, each in the charset, the transfer encoding and the manner of
//! the writer's mail program.

use super::encode::{Charset, Transfer, UTF8, base64_lines, body, field, percent, words};
use super::files::File;
use super::people::{Lang, Mailer, Person};
use super::random::Random;

/// The charset and transfer encoding in which `from` writes `text`.
fn clothes(from: &Person, lang: Lang, text: &str) -> (Charset, Transfer) {
    let long = text.lines().any(|line| line.len() > 900);
    if text.is_ascii() && !long && from.mailer != Mailer::Office {
        return (Charset("us-ascii"), Transfer::SevenBit);
    }
    let latin = matches!(
        lang,
        Lang::English | Lang::German | Lang::French | Lang::Spanish | Lang::Polish
    );
    match from.mailer {
        Mailer::Web if !latin => (UTF8, Transfer::Base64),
        Mailer::Plain if !long => (UTF8, Transfer::EightBit),
        Mailer::Old => {
            let (label, transfer) = match lang {
                Lang::Polish => ("iso-8859-2", Transfer::Quoted),
                Lang::Greek => ("iso-8859-7", Transfer::EightBit),
                Lang::Russian => ("koi8-r", Transfer::EightBit),
                Lang::Japanese => ("iso-2022-jp", Transfer::SevenBit),
                Lang::Chinese => ("gb18030", Transfer::Base64),
                Lang::Korean => ("euc-kr", Transfer::Base64),
                _ => ("iso-8859-1", Transfer::Quoted),
            };
            match Charset(label).or_utf8(text) {
                UTF8 => (
                    UTF8,
                    if long {
                        Transfer::Quoted
                    } else {
                        Transfer::EightBit
                    },
                ),
                charset => (charset, if long { Transfer::Base64 } else { transfer }),
            }
        }
        _ => (UTF8, Transfer::Quoted),
    }
}

/// A text part: its header fields, an empty line, its body.
pub(super) fn text_part(kind: &str, text: &str, from: &Person, lang: Lang) -> Vec<u8> {
    let (charset, transfer) = clothes(from, lang, text);
    let mut out = Vec::new();
    field(
        "Content-Type",
        &format!("{kind}; charset={}", charset.0),
        &mut out,
    );
    field("Content-Transfer-Encoding", transfer.name(), &mut out);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&body(text, charset, transfer));
    out
}

/// An attachment part.
pub(super) fn file_part(file: &File, from: &Person) -> Vec<u8> {
    let mut out = Vec::new();
    let (typed, disposed) = if file.name.is_ascii() {
        (
            format!("name=\"{}\"", file.name),
            format!("filename=\"{}\"", file.name),
        )
    } else {
        // Some programs write the name twice: for old readers and for those of RFC 2231.
        let old = words(&file.name, UTF8, true).replace(' ', "\r\n ");
        (
            format!("name=\"{old}\""),
            format!("filename*=UTF-8''{}", percent(&file.name)),
        )
    };
    field("Content-Type", &format!("{}; {typed}", file.kind), &mut out);
    let place = if file.inline.is_some() {
        "inline"
    } else {
        "attachment"
    };
    field(
        "Content-Disposition",
        &format!("{place}; {disposed}"),
        &mut out,
    );
    if let Some(id) = &file.inline {
        field("Content-ID", &format!("<{id}>"), &mut out);
    }
    // Text files travel readable where the program does that; all else as base64.
    let readable =
        file.kind.starts_with("text/csv") && from.mailer == Mailer::Plain && file.bytes.is_ascii();
    let transfer = if readable {
        Transfer::SevenBit
    } else {
        Transfer::Base64
    };
    field("Content-Transfer-Encoding", transfer.name(), &mut out);
    out.extend_from_slice(b"\r\n");
    if readable {
        out.extend_from_slice(&file.bytes);
    } else {
        out.extend_from_slice(&base64_lines(&file.bytes));
    }
    out
}

/// Parts under one multipart header.
pub(super) fn multipart(
    kind: &str,
    parts: &[Vec<u8>],
    from: &Person,
    random: &mut Random,
) -> Vec<u8> {
    let boundary = match from.mailer {
        Mailer::Office => format!(
            "_00{}_{}{}_",
            random.below(9),
            random.hex(24).to_uppercase(),
            from.local
        ),
        Mailer::Web => format!("000000000000{}", random.hex(16)),
        Mailer::Plain => format!("------------{}", random.hex(24)),
        Mailer::Old => format!(
            "----=_NextPart_000_{}_{}",
            random.hex(4).to_uppercase(),
            random.hex(8).to_uppercase()
        ),
        Mailer::Phone => format!(
            "Part-{}-{}",
            random.hex(8).to_uppercase(),
            random.hex(12).to_uppercase()
        ),
    };
    let mut out = Vec::new();
    field(
        "Content-Type",
        &format!("multipart/{kind}; boundary=\"{boundary}\""),
        &mut out,
    );
    if !parts.iter().all(|part| part.is_ascii()) {
        field(
            "Content-Transfer-Encoding",
            Transfer::EightBit.name(),
            &mut out,
        );
    }
    out.extend_from_slice(b"\r\n");
    if from.mailer == Mailer::Old {
        out.extend_from_slice(b"This is a multi-part message in MIME format.\r\n\r\n");
    }
    for part in parts {
        out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    out
}

/// A whole mail as a part. Its bytes stay as they are, so only 7bit or 8bit will do.
pub(super) fn mail_part(mail: &[u8]) -> Vec<u8> {
    let transfer = if mail.is_ascii() {
        Transfer::SevenBit
    } else {
        Transfer::EightBit
    };
    let mut out = Vec::new();
    field("Content-Type", "message/rfc822", &mut out);
    field(
        "Content-Disposition",
        "attachment; filename=\"forwarded.eml\"",
        &mut out,
    );
    field("Content-Transfer-Encoding", transfer.name(), &mut out);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(mail);
    out
}
