//! Small documents of each kind, made here.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::io::Write;

use proptest::prelude::*;

use super::*;

fn item<'a>(name: &'a str, content_type: &'a str, bytes: &'a [u8]) -> Item<'a> {
    Item {
        name,
        content_type,
        charset: "",
        bytes,
    }
}

fn read(name: &str, bytes: &[u8]) -> Extraction {
    extract(&item(name, "", bytes), &Limits::default())
}

/// Its text, of which nothing is missing.
fn whole(name: &str, bytes: &[u8]) -> String {
    let read = read(name, bytes);
    assert_eq!(read.gap, None, "{name}: {}", read.text);
    read.text
}

fn packed(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        let options = ::zip::write::SimpleFileOptions::default()
            .compression_method(::zip::CompressionMethod::Deflated);
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn plain_texts_are_read_by_their_charset() {
    assert_eq!(whole("a.txt", "Größe".as_bytes()), "Größe");
    assert_eq!(whole("a.txt", b"Gr\xf6\xdfe"), "Größe");
    let cyrillic = Item {
        charset: "koi8-r",
        ..item("a.txt", "text/plain", b"\xf0\xd2\xc9\xd7\xc5\xd4")
    };
    assert_eq!(extract(&cyrillic, &Limits::default()).text, "Привет");
    let wide: Vec<u8> = "Größe, wide"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(whole("a.csv", &wide), "Größe, wide");
    assert_eq!(
        whole("a.csv", &[b"\xff\xfe".as_slice(), &wide].concat()),
        "Größe, wide"
    );
    let html =
        b"<html><meta charset=windows-1251><p>\xcf\xf0\xe8\xe2\xe5\xf2</p><script>no</script>";
    assert_eq!(whole("a", html), "Привет");
    let card = b"BEGIN:VCARD\r\nFN:Ann Exam\r\n ple\r\nEND:VCARD\r\n";
    assert!(whole("a.vcf", card).contains("Ann Example"));
    assert_eq!(
        read("a.bin", b"\0\x01\x02\x03data").gap,
        Some(Gap::Unsupported)
    );
    assert_eq!(whole("a.png", b"\x89PNG\r\n\x1a\n\0\0"), "");
    assert_eq!(whole("empty", b""), "");
}

#[test]
fn word_documents_are_read_with_all_their_stories() {
    let document = packed(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("docProps/core.xml", b"<cp><dc:title>The title</dc:title><x>no</x></cp>"),
        ("word/document.xml", "\u{feff}<w:document><w:p><w:pPr><w:tabs><w:tab/></w:tabs></w:pPr><w:r><w:t>quar</w:t></w:r><w:r><w:t>ter &amp; &#252;ber</w:t><w:tab/><w:delText>gone</w:delText></w:r></w:p>\
            <mc:AlternateContent><mc:Choice><a:p><a:t>box</a:t></a:p></mc:Choice><mc:Fallback><w:p><w:t>box again</w:t></w:p></mc:Fallback></mc:AlternateContent></w:document>".as_bytes()),
        ("word/header1.xml", b"<w:hdr><w:p><w:t>heading</w:t></w:p></w:hdr>"),
        ("word/footnotes.xml", b"<w:p><w:t>a note</w:t></w:p>"),
        ("word/comments.xml", b"<w:p><w:t>a comment</w:t></w:p>"),
        ("word/_rels/document.xml.rels", b"<w:t>no</w:t>"),
        ("word/embeddings/inner.txt", b"embedded"),
    ]);
    let text = whole("a.docx", &document);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "The title",
            "quarter & über\tgone",
            "box",
            "heading",
            "a note",
            "a comment",
            "inner.txt",
            "embedded",
        ]
    );
}

#[test]
fn sheets_and_slides_are_read_in_their_order() {
    let sheet = packed(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("xl/workbook.xml", b"<sheets><sheet name=\"Fi&amp;gures\"/></sheets>"),
        ("xl/sharedStrings.xml", b"<sst><si><t>first</t></si><si><r><t>sec</t></r><r><t>ond</t></r><rPh><t>no</t></rPh></si></sst>"),
        ("xl/worksheets/sheet1.xml", b"<row><c t=\"s\"><v>1</v></c><c><v>42.5</v></c><c t=\"inlineStr\"><is><t>inline</t></is></c><c t=\"s\"><v>99</v></c></row><row><c t=\"s\"><v>0</v></c></row>"),
    ]);
    assert_eq!(
        whole("a.xlsx", &sheet),
        "Fi&gures\nsecond\t42.5\tinline\t\nfirst"
    );
    let slide =
        |text: &str| format!("<p:sld><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:sld>").into_bytes();
    let slides = packed(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("ppt/slides/slide10.xml", &slide("ten")),
        ("ppt/slides/slide2.xml", &slide("two")),
        ("ppt/notesSlides/notesSlide1.xml", &slide("speak")),
        ("ppt/slideMasters/slideMaster1.xml", &slide("no")),
    ]);
    assert_eq!(whole("a.pptx", &slides), "two\nten\nspeak");
}

#[test]
fn open_documents_are_read_unless_encrypted() {
    let content = b"<office:body><text:h>Head</text:h><text:p>a<text:s text:c=\"2\"/>b<text:tab/>c &lt;</text:p><table:table table:name=\"Tab\"><table:table-cell><text:p>cell</text:p></table:table-cell></table:table></office:body>";
    let entries: [(&str, &[u8]); 4] = [
        ("mimetype", b"application/vnd.oasis.opendocument.text"),
        ("content.xml", content),
        (
            "styles.xml",
            b"<style:footer><text:p>page</text:p></style:footer>",
        ),
        ("meta.xml", b"<dc:title>Titled</dc:title>"),
    ];
    assert_eq!(
        whole("a.odt", &packed(&entries)),
        "Titled\nHead\na  b\tc <\nTab\ncell\npage"
    );
    let manifest: (&str, &[u8]) = ("META-INF/manifest.xml", b"<manifest:encryption-data/>");
    let sealed = packed(&[&entries[..], &[manifest]].concat());
    assert_eq!(read("a.odt", &sealed).gap, Some(Gap::Encrypted));
}

#[test]
fn rtf_is_read_by_its_fonts_and_escapes() {
    let rtf = br"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Cyr;}}{\colortbl;}{\*\generator x;}
\f0 Gr\'f6\'dfe\par {\f1 \'cf\'f0}\tab\u8364?{\*\shpinst{\shptxt box\par}}{\pict 0011}\uc0\u-10179\u-8704 {\field{\*\fldinst HYPERLINK no}{\fldrslt link}}\htmlrtf no\htmlrtf0 \bin3 }}}end}";
    let text = whole("a.rtf", rtf);
    assert_eq!(text, "Größe\nПр\t€box\n\u{1f600}linkend");
}

#[test]
fn messages_and_archives_are_read_to_a_depth() {
    let mail = b"From: Ann <ann@example.org>\r\nSubject: =?utf-8?q?Gr=C3=B6=C3=9Fe?=\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nthe body\r\n--b\r\nContent-Type: application/x; name=in.txt\r\nContent-Transfer-Encoding: base64\r\n\r\naW5zaWRl\r\n--b--\r\n";
    let text = whole("a.eml", mail);
    assert_eq!(text, "Größe\nAnn ann@example.org\nthe body\nin.txt\ninside");
    let mut tar = ::tar::Builder::new(Vec::new());
    let mut header = ::tar::Header::new_ustar();
    header.set_size(mail.len() as u64);
    tar.append_data(&mut header, "mail/a.eml", mail.as_slice())
        .unwrap();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&tar.into_inner().unwrap()).unwrap();
    let inner = packed(&[("deep.tar.gz", &gz.finish().unwrap()), ("b.txt", b"beside")]);
    let text = whole("a.zip", &inner);
    assert!(
        text.contains("mail/a.eml") && text.contains("inside") && text.ends_with("b.txt\nbeside"),
        "{text}"
    );
    let mut nested = b"too deep".to_vec();
    for _ in 0..6 {
        nested = packed(&[("a.zip", &nested)]);
    }
    let read_nested = read("a.zip", &nested);
    assert_eq!(read_nested.gap, Some(Gap::TooMuch));
    assert!(!read_nested.text.contains("too deep"));
}

#[test]
fn outlook_messages_are_read_with_their_attachments() {
    let mut file = cfb::CompoundFile::create(std::io::Cursor::new(Vec::new())).unwrap();
    let mut put = |path: &str, bytes: &[u8]| {
        file.create_storage_all(std::path::Path::new(path).parent().unwrap())
            .unwrap();
        file.create_stream(path).unwrap().write_all(bytes).unwrap();
    };
    let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    put("/__properties_version1.0", &[0; 32]);
    put("/__substg1.0_0037001F", &wide("Größe"));
    put("/__substg1.0_10130102", b"<p>html body</p>");
    let at = "/__attach_version1.0_#00000000";
    put(&format!("{at}/__substg1.0_3707001F"), &wide("list.txt"));
    put(&format!("{at}/__substg1.0_37010102"), b"attached");
    let at = "/__attach_version1.0_#00000001/__substg1.0_3701000D";
    put(&format!("{at}/__properties_version1.0"), &[0; 24]);
    put(&format!("{at}/__substg1.0_1000001E"), b"inner body");
    let bytes = file.into_inner().into_inner();
    assert_eq!(
        whole("a.msg", &bytes),
        "Größe\nhtml body\nlist.txt\nattached\ninner body"
    );
}

#[test]
fn limits_cut_and_say_so() {
    let limits = Limits {
        text: 10,
        ..Limits::default()
    };
    let cut = extract(&item("a.txt", "", "äöüäöüäöü".as_bytes()), &limits);
    assert_eq!((cut.text.as_str(), cut.gap), ("äöüäö", Some(Gap::TooMuch)));
    let zip = packed(&[("a.txt", b"x"), ("b.txt", b"y")]);
    // The first bit of the flags of both headers of the second entry says: encrypted.
    let mut sealed = zip.clone();
    for magic in [b"PK\x03\x04".as_slice(), b"PK\x01\x02"] {
        let at = (0..zip.len())
            .rev()
            .find(|at| zip[*at..].starts_with(magic))
            .unwrap();
        sealed[at + if magic[2] == 3 { 6 } else { 8 }] |= 1;
    }
    let sealed = read("a.zip", &sealed);
    assert_eq!(
        (sealed.text.as_str(), sealed.gap),
        ("a.txt\nx", Some(Gap::Encrypted))
    );
    let pgp = read("a.asc", b"-----BEGIN PGP MESSAGE-----\n\nhQEMA\n");
    assert_eq!(pgp.gap, Some(Gap::Encrypted));
}

proptest! {
    /// Our own readers must not depend on the child that contains them.
    #[test]
    fn broken_documents_are_read_without_panic(
        kind in 0usize..5, flips in proptest::collection::vec((0usize..4000, any::<u8>()), 0..20), cut in 0usize..4000,
    ) {
        let mut bytes = match kind {
            0 => packed(&[("[Content_Types].xml", b"<T/>"), ("word/document.xml", b"<w:p><w:t>text &amp; more</w:t></w:p>")]),
            1 => packed(&[("mimetype", b"x"), ("content.xml", b"<text:p>text</text:p>")]),
            2 => br"{\rtf1\ansi{\fonttbl{\f1\fcharset204 C;}}\f1 \'cf\u8364?\par\bin9 {\*\x}}".to_vec(),
            3 => packed(&[("a.zip", &packed(&[("b.txt", b"text")]))]),
            _ => b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b\nContent-Type: message/rfc822\n\nSubject: y\n\nz\n--b--\n".to_vec(),
        };
        for (at, value) in flips {
            let length = bytes.len();
            bytes[at % length] ^= value;
        }
        bytes.truncate(cut.max(16));
        let read = read("a.eml", &bytes);
        prop_assert!(read.text.len() <= Limits::default().text);
    }
}
