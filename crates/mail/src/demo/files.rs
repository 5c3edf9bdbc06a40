//! Small real files for attachments: every reader opens them, none came from anywhere.

use super::calendar::Civil;
use super::random::Random;

/// A file that a mail carries.
#[derive(Debug, Clone, Default)]
pub(super) struct File {
    pub(super) name: String,
    /// MIME type, with parameters where it has some.
    pub(super) kind: &'static str,
    pub(super) bytes: Vec<u8>,
    /// Shown inside the HTML under this Content-ID.
    pub(super) inline: Option<String>,
}

/// A PDF of one page per 48 lines of text in Helvetica, and `picture` bytes of a grey scan.
pub(super) fn pdf(
    name: &str,
    title: &str,
    lines: &[String],
    picture: usize,
    random: &mut Random,
) -> File {
    let pages: Vec<&[String]> = if lines.is_empty() {
        vec![&[]]
    } else {
        lines.chunks(48).collect()
    };
    let mut objects: Vec<Vec<u8>> = Vec::new();
    let kids: Vec<String> = (0..pages.len())
        .map(|page| format!("{} 0 R", 5 + 2 * page))
        .collect();
    objects.push(b"<< /Type /Catalog /Pages 2 0 R >>".to_vec());
    objects.push(
        format!(
            "<< /Type /Pages /Kids [{}] /Count {} >>",
            kids.join(" "),
            pages.len()
        )
        .into_bytes(),
    );
    objects.push(
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
            .to_vec(),
    );
    let side = picture.isqrt().max(1);
    let grain = if picture > 0 {
        noise(side * side, random)
    } else {
        vec![255]
    };
    let mut image = format!(
        "<< /Type /XObject /Subtype /Image /Width {side} /Height {side} /ColorSpace /DeviceGray /BitsPerComponent 8 /Length {} >>\nstream\n",
        grain.len()
    )
    .into_bytes();
    image.extend_from_slice(&grain);
    image.extend_from_slice(b"\nendstream");
    objects.push(image);
    for (page, text) in pages.iter().enumerate() {
        objects.push(
            format!(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {} 0 R /Resources << /Font << /F1 3 0 R >> /XObject << /Im1 4 0 R >> >> >>",
                6 + 2 * page
            )
            .into_bytes(),
        );
        let mut content = b"BT /F1 16 Tf 56 790 Td (".to_vec();
        content.extend(pdf_text(title));
        content.extend_from_slice(b") Tj /F1 10 Tf 14 TL 0 -28 Td\n");
        for line in *text {
            content.push(b'(');
            content.extend(pdf_text(line));
            content.extend_from_slice(b") Tj T*\n");
        }
        content.extend_from_slice(b"ET\n");
        if picture > 0 && page == 0 {
            content.extend_from_slice(b"q 200 0 0 200 340 40 cm /Im1 Do Q\n");
        }
        let mut stream = format!("<< /Length {} >>\nstream\n", content.len()).into_bytes();
        stream.extend_from_slice(&content);
        stream.extend_from_slice(b"endstream");
        objects.push(stream);
    }
    let mut out = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut table = String::from("0000000000 65535 f \n");
    for (at, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", out.len()));
        out.extend_from_slice(format!("{} 0 obj\n", at + 1).as_bytes());
        out.extend_from_slice(object);
        out.extend_from_slice(b"\nendobj\n");
    }
    let end = format!(
        "xref\n0 {count}\n{table}trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{}\n%%EOF\n",
        out.len(),
        count = objects.len() + 1
    );
    out.extend_from_slice(end.as_bytes());
    File {
        name: name.to_owned(),
        kind: "application/pdf",
        bytes: out,
        inline: None,
    }
}

/// Text as the inside of a PDF string: Latin-1, with the three special signs escaped.
fn pdf_text(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for c in text.chars() {
        let byte = u8::try_from(u32::from(c)).unwrap_or(b'?');
        if b"()\\".contains(&byte) {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out
}

/// Grey values like those of a photographed page: bright, with grain. Does not compress.
fn noise(count: usize, random: &mut Random) -> Vec<u8> {
    let mut out = Vec::with_capacity(count + 8);
    while out.len() < count {
        out.extend_from_slice(&random.bits().to_le_bytes());
    }
    out.truncate(count);
    out
}

/// A PNG picture: a photograph with grain, or (`flat`) a drawing of few colours.
pub(super) fn png(name: &str, width: u32, height: u32, flat: bool, random: &mut Random) -> File {
    let mut pixels = Vec::new();
    let (sky, water, stripe) = (
        random.below(80) as u32 + 150,
        random.below(60) as u32 + 90,
        random.between(6, 24) as u32,
    );
    for y in 0..height {
        pixels.push(0); // Each row begins with its filter: none.
        for x in 0..width {
            let base = if y * 2 < height { sky } else { water };
            let shade = if flat {
                if (x / stripe + y / stripe) % 2 == 0 {
                    20
                } else {
                    0
                }
            } else {
                random.below(24) as u32
            };
            let slope = if flat { 0 } else { y * 40 / height.max(1) };
            for tint in [0, 12, 30] {
                pixels.push((base + shade + tint).saturating_sub(slope).min(255) as u8);
            }
        }
    }
    let mut header = Vec::new();
    header.extend_from_slice(&width.to_be_bytes());
    header.extend_from_slice(&height.to_be_bytes());
    header.extend_from_slice(&[8, 2, 0, 0, 0]);
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(b"IHDR", &header, &mut out);
    chunk(b"IDAT", &zlib(&pixels), &mut out);
    chunk(b"IEND", &[], &mut out);
    File {
        name: name.to_owned(),
        kind: "image/png",
        bytes: out,
        inline: None,
    }
}

/// One PNG chunk: length, type, data, CRC of type and data.
fn chunk(kind: &[u8; 4], data: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(data.len() as u32).to_be_bytes());
    let mut sealed = kind.to_vec();
    sealed.extend_from_slice(data);
    out.extend_from_slice(&sealed);
    out.extend_from_slice(&crc32(&sealed).to_be_bytes());
}

/// A zlib stream of stored blocks: valid everywhere, and the same whatever deflate does.
fn zlib(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let last = data.chunks(65_535).count().saturating_sub(1);
    for (at, block) in data.chunks(65_535).enumerate() {
        let length = block.len() as u16;
        out.push(u8::from(at == last));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    let (mut a, mut b) = (1u32, 0u32);
    for &byte in data {
        a = (a + u32::from(byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    out.extend_from_slice(&((b << 16) | a).to_be_bytes());
    out
}

/// The CRC-32 of PNG and ZIP.
fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(!0u32, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            if sum & 1 == 1 {
                (sum >> 1) ^ 0xedb8_8320
            } else {
                sum >> 1
            }
        })
    })
}

/// A word-processor document: the smallest set of parts that opens.
pub(super) fn docx(name: &str, paragraphs: &[String]) -> File {
    const TYPES: &str = r#"<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"#;
    const RELATIONS: &str = r#"<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>"#;
    let mut text = String::from(
        r#"<?xml version="1.0" encoding="UTF-8"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>"#,
    );
    for paragraph in paragraphs {
        text.push_str("<w:p><w:r><w:t xml:space=\"preserve\">");
        text.push_str(&html_escape(paragraph));
        text.push_str("</w:t></w:r></w:p>");
    }
    text.push_str("</w:body></w:document>");
    let bytes = zip(&[
        ("[Content_Types].xml", TYPES),
        ("_rels/.rels", RELATIONS),
        ("word/document.xml", &text),
    ]);
    let kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    File {
        name: name.to_owned(),
        kind,
        bytes,
        inline: None,
    }
}

/// A ZIP archive of stored members, dated 1 January 2022.
fn zip(members: &[(&str, &str)]) -> Vec<u8> {
    const DATE: u16 = (42 << 9) | (1 << 5) | 1;
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in members {
        let offset = out.len() as u32;
        let mut common = Vec::new();
        // Version 2.0, names in UTF-8, stored, midnight.
        for number in [20u16, 0x0800, 0, 0, DATE] {
            common.extend_from_slice(&number.to_le_bytes());
        }
        common.extend_from_slice(&crc32(text.as_bytes()).to_le_bytes());
        common.extend_from_slice(&(text.len() as u32).to_le_bytes());
        common.extend_from_slice(&(text.len() as u32).to_le_bytes());
        common.extend_from_slice(&(name.len() as u16).to_le_bytes());
        common.extend_from_slice(&[0, 0]);
        out.extend_from_slice(b"PK\x03\x04");
        out.extend_from_slice(&common);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(text.as_bytes());
        directory.extend_from_slice(b"PK\x01\x02\x14\x00");
        directory.extend_from_slice(&common);
        // No comment, first disk, no attributes.
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
    }
    let start = out.len() as u32;
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    for _ in 0..2 {
        out.extend_from_slice(&(members.len() as u16).to_le_bytes());
    }
    out.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    out.extend_from_slice(&start.to_le_bytes());
    out.extend_from_slice(&[0, 0]);
    out
}

/// A log of measurements, one row every ten minutes from `from` on.
pub(super) fn csv(name: &str, rows: usize, from: i64, random: &mut Random) -> File {
    let mut text = String::from("time;gauge;level_m;wind_kn;settlement_mm;remark\r\n");
    let (mut level, mut wind, mut sunk) = (
        random.between(-80, 80),
        random.between(4, 18),
        random.between(0, 40),
    );
    for row in 0..rows {
        let at = Civil::of(from + 600 * row as i64);
        level = (level + random.between(-9, 9)).clamp(-190, 230);
        wind = (wind + random.between(-2, 2)).clamp(0, 48);
        sunk += i64::from(random.chance(2));
        let remark = if random.chance(3) {
            random.pick(&[
                "spike removed",
                "swell",
                "vessel passing",
                "sensor cleaned",
                "ice",
            ])
        } else {
            ""
        };
        text.push_str(&format!(
            "{} {:02}:{:02};TG{};{:.2};{wind};{sunk};{remark}\r\n",
            at.iso(),
            at.hour,
            at.minute,
            1 + row % 4,
            level as f64 / 100.0
        ));
    }
    File {
        name: name.to_owned(),
        kind: "text/csv; charset=us-ascii; header=present",
        bytes: text.into_bytes(),
        inline: None,
    }
}

/// An invitation. `people` are (name, address) pairs, the organizer first.
pub(super) fn invite(
    uid: &str,
    stamp: i64,
    start: i64,
    minutes: i64,
    summary: &str,
    place: &str,
    people: &[(String, String)],
) -> File {
    let mut lines = vec![
        "BEGIN:VCALENDAR".to_owned(),
        "PRODID:-//Lindholm Quay//Calendar 3//EN".to_owned(),
        "VERSION:2.0".to_owned(),
        "METHOD:REQUEST".to_owned(),
        "BEGIN:VEVENT".to_owned(),
        format!("UID:{uid}"),
        format!("DTSTAMP:{}Z", Civil::of(stamp).compact()),
        format!("DTSTART:{}Z", Civil::of(start).compact()),
        format!("DTEND:{}Z", Civil::of(start + 60 * minutes).compact()),
        format!("SUMMARY:{}", summary.replace(',', "\\,")),
        format!("LOCATION:{place}"),
    ];
    for (at, (name, address)) in people.iter().enumerate() {
        let role = if at == 0 {
            "ORGANIZER"
        } else {
            "ATTENDEE;PARTSTAT=NEEDS-ACTION"
        };
        lines.push(format!("{role};CN=\"{name}\":mailto:{address}"));
    }
    lines.extend(
        [
            "SEQUENCE:0",
            "STATUS:CONFIRMED",
            "END:VEVENT",
            "END:VCALENDAR",
        ]
        .map(str::to_owned),
    );
    let mut text = String::new();
    for line in lines {
        // RFC 5545 allows 75 octets in a line; a fold must not cut a character.
        let mut width = 0;
        for c in line.chars() {
            if width + c.len_utf8() > 73 {
                text.push_str("\r\n ");
                width = 0;
            }
            text.push(c);
            width += c.len_utf8();
        }
        text.push_str("\r\n");
    }
    File {
        name: "invite.ics".to_owned(),
        kind: "text/calendar; charset=utf-8; method=REQUEST",
        bytes: text.into_bytes(),
        inline: None,
    }
}

/// Text made safe for HTML and XML.
pub(super) fn html_escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
