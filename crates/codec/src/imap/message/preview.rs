//! PREVIEW: how a message begins (RFC 8970).

use everpost_domain::message::{Kind, Part, Structure, decode, html_to_text, text_of_bytes};

/// Characters of a preview. RFC 8970 §3.2 allows 256 and prefers 200.
const CHARACTERS: usize = 200;

/// Bytes that are read for it. HTML opens with some kilobytes of styles.
const BYTES: usize = 64 * 1024;

/// The first words of a message: of its first text that is no attachment, HTML as it reads, on one
/// line. Lines that quote another mail (`>`) are left out unless there is nothing else. Empty if
/// the message has no text, or only encrypted ones.
pub fn preview(raw: &[u8], structure: &Structure) -> String {
    let mut quoted = String::new();
    for part in structure.parts.iter().filter(|part| is_text(part)) {
        let mut part = part.clone();
        let end = part.body.start.saturating_add(BYTES);
        part.body.end = part.body.end.min(end);
        let text = text_of_bytes(&decode(raw, &part), part.charset.as_deref());
        let text = if part.content_type == "text/html" {
            html_to_text(&text)
        } else {
            text
        };
        let own = |line: &&str| !line.trim_start().starts_with('>');
        let begin = one_line(text.lines().filter(own));
        if !begin.is_empty() {
            return begin;
        }
        if quoted.is_empty() {
            quoted = one_line(text.lines());
        }
    }
    quoted
}

fn is_text(part: &Part) -> bool {
    let kind = matches!(part.content_type.as_str(), "text/plain" | "text/html");
    part.kind == Kind::Leaf && kind && !part.attachment
}

/// The words of `lines` divided by single blanks, without control characters.
fn one_line<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut out = String::new();
    let mut room = CHARACTERS;
    let divides = |c: char| c.is_whitespace() || c.is_control();
    let words = lines.flat_map(|line| line.split(divides));
    for word in words.filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            if room < 2 {
                break;
            }
            out.push(' ');
            room -= 1;
        }
        for c in word.chars().take(room) {
            out.push(c);
            room -= 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use everpost_domain::message::scan;

    fn of(raw: &str) -> String {
        preview(raw.as_bytes(), &scan(raw.as_bytes()))
    }

    #[test]
    fn previews() {
        let html = "Content-Type: text/html\r\n\r\n<style>p {}</style><p>Dear&nbsp;Ann,<p>well";
        let table = [
            ("Subject: x\r\n\r\n", ""),
            (
                "\r\nDear  Ann,\r\n\r\nthank\tyou.\r\n",
                "Dear Ann, thank you.",
            ),
            ("\r\nAnn wrote:\r\n> old\r\nnew\r\n", "Ann wrote: new"),
            ("\r\n> old\r\n", "> old"),
            (html, "Dear Ann, well"),
            ("Content-Type: image/png\r\n\r\nxx", ""),
            (
                "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: \
                 quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe",
                "Grüße",
            ),
        ];
        for (raw, expected) in table {
            assert_eq!(of(raw), expected, "{raw}");
        }
        let long = of(&format!("\r\n{}", "äbc ".repeat(100)));
        assert!((198..=200).contains(&long.chars().count()));
        assert_eq!(of(&format!("\r\n{}", "ä".repeat(300))).chars().count(), 200);
    }
}
