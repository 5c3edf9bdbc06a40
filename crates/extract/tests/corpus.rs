//! x
use everpost_extract::*;
#[test]
fn dump() {
    let dir = "/tmp/extract-c/c/enron/documents";
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    names.sort();
    for p in names {
        let bytes = std::fs::read(&p).unwrap();
        let name = p.file_name().unwrap().to_string_lossy().into_owned();
        let t = std::time::Instant::now();
        let e = extract(
            &Item {
                name: &name,
                content_type: "",
                charset: "",
                bytes: &bytes,
            },
            &Limits::default(),
        );
        println!(
            "{:7} {:7} {:?} {:?} {}",
            bytes.len(),
            e.text.len(),
            t.elapsed(),
            e.gap,
            name
        );
        std::fs::create_dir_all("/tmp/extract-c/out").unwrap();
        std::fs::write(format!("/tmp/extract-c/out/{name}.txt"), &e.text).unwrap();
    }
}
#[test]
fn tnef() {
    let dir = "/tmp/extract-c/c/torture/MimeKit/UnitTests/TestData/tnef";
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_file())
        .collect();
    names.sort();
    for p in names {
        let bytes = std::fs::read(&p).unwrap();
        let name = p.file_name().unwrap().to_string_lossy().into_owned();
        let e = extract(
            &Item {
                name: &name,
                content_type: "",
                charset: "",
                bytes: &bytes,
            },
            &Limits::default(),
        );
        println!(
            "=== {} {:?} {}\n{}",
            bytes.len(),
            e.gap,
            name,
            e.text.chars().take(600).collect::<String>()
        );
        if let Some(t) = everpost_codec::tnef::Tnef::read(&bytes) {
            for a in &t.attachments {
                println!("   # {:?} {:?} {}", a.name, a.mime_type, a.data.len());
            }
            println!(
                "   # damaged {} rtf {:?}",
                t.damaged,
                t.compressed_rtf
                    .and_then(|r| everpost_codec::tnef::decompress_rtf(r, 1 << 24))
                    .map(|r| r.len())
            );
        }
    }
}
