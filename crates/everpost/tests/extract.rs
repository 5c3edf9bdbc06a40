//! Reading attachments in child processes, on the real program: what a hostile document or a
//! child gone wrong can do, and what it cannot.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use serde_json::Value;

use everpost_extract::{Extract, Extraction, Gap, Item, Pool, PoolError, PoolOptions};

fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_everpost"))
}

fn pool() -> Pool {
    Pool::new(PoolOptions::new(program()))
}

/// A child that says `script` in the shell's words.
fn shell(script: &str) -> PoolOptions {
    PoolOptions {
        arguments: vec!["-c".into(), script.into()],
        children: 1,
        ..PoolOptions::new("/bin/sh".into())
    }
}

/// What a well-behaved child says first.
const HELLO: &str = r"printf '\022\000\000\000everpost-extract 1';";

fn item<'a>(name: &'a str, bytes: &'a [u8]) -> Item<'a> {
    Item {
        name,
        content_type: "",
        charset: "",
        bytes,
    }
}

async fn read(pool: &Pool, name: &str, bytes: &[u8]) -> Extraction {
    pool.extract(item(name, bytes)).await.unwrap()
}

fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated);
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn word(document: &str) -> Vec<u8> {
    zip(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("word/document.xml", document.as_bytes()),
    ])
}

#[tokio::test]
async fn children_read_one_document_after_the_other() {
    let pool = pool();
    let document = word("<w:p><w:r><w:t>quarter</w:t></w:r><w:r><w:t>ly report</w:t></w:r></w:p>");
    for _ in 0..3 {
        let read = read(&pool, "a.docx", &document).await;
        assert_eq!(
            read,
            Extraction {
                text: "quarterly report".into(),
                gap: None
            }
        );
    }
    let large = vec![b' '; 70 << 20];
    assert_eq!(read(&pool, "large", &large).await.gap, Some(Gap::TooLarge));
    let texts = (0..20)
        .map(|number| format!("text number {number}"))
        .collect::<Vec<_>>();
    let read = texts
        .iter()
        .map(|text| pool.extract(item("t", text.as_bytes())));
    let read = futures_all(read.collect()).await;
    assert_eq!(read, texts);
}

async fn futures_all<F>(list: Vec<F>) -> Vec<String>
where
    F: Future<Output = Result<Extraction, PoolError>>,
{
    let mut texts = Vec::new();
    for one in list {
        texts.push(one.await.unwrap().text);
    }
    texts
}

#[tokio::test]
async fn a_child_without_enough_memory_costs_one_document() {
    let pool = Pool::new(PoolOptions {
        arguments: ["extract-worker", "--memory", "150"]
            .map(OsString::from)
            .to_vec(),
        ..PoolOptions::new(program())
    });
    // Unpacks to more than there is.
    let big = zip(&[("big.bin", &vec![b'a'; 200 << 20])]);
    let padding: Vec<u8> = (0..2u32 << 20)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    let bomb = zip(&[
        (
            "padding.png",
            &[b"\x89PNG\r\n\x1a\n".as_slice(), &padding].concat(),
        ),
        ("big.zip", &big),
    ]);
    assert_eq!(read(&pool, "a.zip", &bomb).await.gap, Some(Gap::Crashed));
    assert_eq!(read(&pool, "a.txt", b"still here").await.text, "still here");
}

#[tokio::test]
async fn children_that_go_wrong_are_replaced() {
    let late = PoolOptions {
        time: Duration::from_millis(300),
        ..shell(&format!("{HELLO} exec sleep 1000"))
    };
    assert_eq!(
        read(&Pool::new(late), "x", b"x").await.gap,
        Some(Gap::TimedOut)
    );
    for wrong in [
        "exit 0",
        "kill -9 $$",
        // An answer longer than any; a gap that is none; text that is no text; half an answer.
        r"printf '\377\377\377\377aaaa'; exec sleep 1000",
        r"printf '\002\000\000\000\143a'; exec sleep 1000",
        r"printf '\002\000\000\000\000\377'; exec sleep 1000",
        r"printf '\011\000\000\000\000a'",
        "cat /bin/sh",
    ] {
        let pool = Pool::new(shell(&format!("{HELLO} {wrong}")));
        assert_eq!(
            read(&pool, "x", b"x").await.gap,
            Some(Gap::Crashed),
            "{wrong}"
        );
    }
    let once = r"printf '\006\000\000\000\000hello'; exec sleep 1000";
    let pool = Pool::new(shell(&format!("{HELLO} {once}")));
    assert_eq!(read(&pool, "x", b"x").await.text, "hello");
}

#[tokio::test]
async fn a_child_that_cannot_work_is_an_error_and_no_gap() {
    for script in ["exit 1", "echo garbage; exec sleep 1000"] {
        let refused = Pool::new(shell(script)).extract(item("x", b"x")).await;
        assert!(matches!(refused, Err(PoolError::Refused)), "{script}");
    }
    let missing = Pool::new(PoolOptions::new("/nowhere/everpost".into()));
    let refused = missing.extract(item("x", b"x")).await;
    assert!(matches!(refused, Err(PoolError::Start(_))));
}

#[tokio::test]
async fn bombs_end_at_their_limits() {
    let pool = pool();
    // Zeros in zeros in zeros.
    let mut nested = vec![b'0'; 64 << 20];
    for _ in 0..3 {
        nested = zip(&[("next.zip", &nested)]);
    }
    let read_nested = read(&pool, "42.zip", &nested).await;
    assert_eq!(read_nested.gap, Some(Gap::TooMuch));
    // Many files of one size, as overlapping ones look to a reader.
    let many: Vec<(String, Vec<u8>)> = (0..2100)
        .map(|number| (format!("{number}.txt"), b"word".to_vec()))
        .collect();
    let many: Vec<(&str, &[u8])> = many
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    let read_many = read(&pool, "many.zip", &zip(&many)).await;
    assert_eq!(read_many.gap, Some(Gap::TooMuch));
    assert!(read_many.text.starts_with("0.txt\nword"));
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gz.write_all(&vec![0; 600 << 20]).unwrap();
    let read_gz = read(&pool, "a.gz", &gz.finish().unwrap()).await;
    assert_eq!(read_gz.gap, Some(Gap::TooMuch));
    let laughs = word(concat!(
        "<!DOCTYPE w [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">",
        "<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;\">]>",
        "<w:p><w:t>before &d; after</w:t></w:p>"
    ));
    assert_eq!(read(&pool, "a.docx", &laughs).await.text, "before  after");
    // Deeper than any stack.
    let deep = format!(
        "<w:t>{}deep{}</w:t>",
        "<w:p>".repeat(300_000),
        "</w:p>".repeat(300_000)
    );
    read(&pool, "deep.docx", &word(&deep)).await;
    let deep = format!(
        "{{\\rtf1 {}deep{}}}",
        "{".repeat(300_000),
        "}".repeat(300_000)
    );
    assert_eq!(read(&pool, "deep.rtf", deep.as_bytes()).await.text, "deep");
}

#[tokio::test]
async fn nothing_outside_of_the_document_is_read() {
    let pool = pool();
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret.txt");
    std::fs::write(&secret, "topsecretword").unwrap();
    let path = secret.to_str().unwrap();
    let entity = word(&format!(
        "<!DOCTYPE w [<!ENTITY x SYSTEM \"file://{path}\">]><w:p><w:t>before &x; after</w:t></w:p>"
    ));
    let related = zip(&[
        ("[Content_Types].xml", b"<Types/>"),
        (
            "word/document.xml",
            b"<w:p><w:t>before</w:t><w:altChunk r:id=\"r1\"/></w:p>",
        ),
        (
            "word/_rels/document.xml.rels",
            format!("<Relationship Id=\"r1\" Target=\"file://{path}\" TargetMode=\"External\"/>")
                .as_bytes(),
        ),
    ]);
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer
        .add_symlink("before.txt", path, zip::write::SimpleFileOptions::default())
        .unwrap();
    let linked = writer.finish().unwrap().into_inner();
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder
        .append_link(&mut header, "before.txt", path)
        .unwrap();
    let tar = builder.into_inner().unwrap();
    for (name, bytes) in [
        ("a.docx", entity),
        ("b.docx", related),
        ("c.zip", linked),
        ("d.tar", tar),
    ] {
        let read = read(&pool, name, &bytes).await;
        assert!(
            !read.text.contains("topsecretword"),
            "{name}: {}",
            read.text
        );
        if name.ends_with("docx") {
            assert!(read.text.starts_with("before"), "{name}: {}", read.text);
        }
    }
}

#[tokio::test]
async fn pdfs_that_point_at_themselves_end() {
    let pool = pool();
    let looping = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[2 0 R 3 0 R]/Count 99999999>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/Contents 4 0 R>>endobj\n4 0 obj<</Length 5 0 R/Filter 4 0 R>>stream\nBT (x) Tj ET\nendstream endobj\n5 0 obj 5 0 R endobj\ntrailer<</Root 1 0 R/Prev 0>>\nstartxref\n0\n%%EOF";
    let read_loop = read(&pool, "loop.pdf", looping).await;
    assert!(
        read_loop.gap.is_some() || read_loop.text.len() < 100,
        "{read_loop:?}"
    );
    assert_eq!(
        read(&pool, "cut.pdf", b"%PDF-1.7\n1 0 obj <<").await.gap,
        Some(Gap::Damaged)
    );
    assert_eq!(read(&pool, "a.txt", b"still here").await.text, "still here");
}

fn everpost(data: &Path, arguments: &[&str]) -> Value {
    let output = Command::new(program())
        .env_remove("EVERPOST_DATA")
        .args(["--json", "--data"])
        .arg(data)
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {errors}");
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

fn letter(number: usize, attachments: &[(&str, &[u8])]) -> Vec<u8> {
    let mut mail = format!(
        "From: ann@example.org\r\nSubject: letter{number}\r\nMessage-ID: <{number}@example.org>\r\nDate: Mon, 01 Jan 2024 10:00:{number:02} +0000\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nbody of letter\r\n"
    );
    for (name, bytes) in attachments {
        mail.push_str(&format!(
            "--b\r\nContent-Type: application/octet-stream; name=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        ));
        let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
        for line in encoded.as_bytes().chunks(76) {
            mail.push_str(&format!("{}\r\n", String::from_utf8_lossy(line)));
        }
    }
    mail.push_str("--b--\r\n");
    mail.into_bytes()
}

#[test]
fn imported_attachments_are_found_and_hostile_ones_stay_unknown() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let document = word("<w:p><w:t>the zebra clause</w:t></w:p>");
    let bomb = zip(&[
        ("[Content_Types].xml", b"<T/>"),
        ("word/document.xml", &vec![b'<'; 64 << 20]),
    ]);
    let letters = dir.path().join("letters");
    std::fs::create_dir(&letters).unwrap();
    let list = [
        letter(0, &[("contract.docx", &document)]),
        letter(
            1,
            &[("same.docx", &document), ("x.pdf", b"%PDF-1.4 endless")],
        ),
        letter(2, &[("bomb.docx", &bomb)]),
        letter(3, &[]),
    ];
    for (number, mail) in list.iter().enumerate() {
        std::fs::write(letters.join(format!("{number}.eml")), mail).unwrap();
    }
    let path = letters.to_str().unwrap();
    everpost(
        &data,
        &[
            "import",
            "eml",
            path,
            "--mailbox",
            "ann@example.org",
            "--no-extract",
        ],
    );
    let search = |query: &str| {
        let found = everpost(&data, &["search", query]);
        (
            found["total"].as_u64().unwrap(),
            found["unknown"].as_u64().unwrap(),
        )
    };
    assert_eq!(search("zebra"), (0, 3));
    assert_eq!(
        everpost(&data, &["status"])["attachments"]["pending_copies"],
        4
    );
    let done = everpost(&data, &["extract"]);
    assert_eq!(done["documents"], 3);
    assert_eq!(search("zebra"), (2, 1));
    assert_eq!(search("\"zebra clause\" attachment:zebra"), (2, 1));
    assert_eq!(search("letter"), (4, 0));
    let status = everpost(&data, &["status"]);
    let attachments = &status["attachments"];
    assert_eq!(
        (&attachments["pending_copies"], &attachments["read"]),
        (&0.into(), &1.into())
    );
    assert_eq!(attachments["unknown"]["damaged"], 1);
    everpost(&data, &["reindex"]);
    assert_eq!(search("zebra"), (2, 1));
    assert_eq!(everpost(&data, &["extract"])["documents"], 0);
    assert_eq!(everpost(&data, &["fsck"])["bad"], serde_json::json!([]));
    // And with the import itself.
    let fresh = dir.path().join("fresh");
    everpost(
        &fresh,
        &["import", "eml", path, "--mailbox", "ann@example.org"],
    );
    assert_eq!(everpost(&fresh, &["search", "zebra"])["total"], 2);
}
