//! Memory stays bounded, whatever the size of the mailbox and of the messages in it.

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use everpost_domain::digest::Hasher;
use everpost_testkit::letters::write_mbox;

use super::common::{EVERPOST, everpost, run, soak};

/// The goal of the archive, for any input.
const LIMIT: u64 = 400_000_000;
const SEED: u64 = 50;

/// The most memory that a process had so far. The system counts it; there is no event to wait
/// for, so whoever calls asks again until the process has ended.
fn peak(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

/// Reads what the program prints to the end and watches its memory meanwhile.
fn watch(command: &mut Command, mut each: impl FnMut(&[u8])) -> (i32, u64) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let (send, pieces) = std::sync::mpsc::sync_channel::<Vec<u8>>(4);
    let reader = std::thread::spawn(move || {
        let mut piece = vec![0; 1 << 16];
        while let Ok(count) = out.read(&mut piece) {
            if count == 0 || send.send(piece[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    let mut most = 0;
    loop {
        most = most.max(peak(&child).unwrap_or(0));
        match pieces.recv_timeout(std::time::Duration::from_millis(10)) {
            Ok(piece) => each(&piece),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    reader.join().unwrap();
    (child.wait().unwrap().code().unwrap(), most)
}

#[test]
fn memory_does_not_grow_with_the_mailbox() {
    let megabytes: u64 = if soak() { 5000 } else { 500 };
    let dir = tempfile::tempdir().unwrap();
    let (data, mbox) = (dir.path().join("data"), dir.path().join("large.mbox"));
    // In base64: messages of 30 MB, and one of 150 MB.
    let large = [22_000_000, 111_000_000, 22_000_000, 22_000_000];
    let mut file = BufWriter::new(File::create(&mbox).unwrap());
    let written = write_mbox(&mut file, SEED, megabytes * 1_000_000, &large).unwrap();
    file.flush().unwrap();
    drop(file);

    let began = Instant::now();
    let mut command = Command::new(EVERPOST);
    command
        .args(["--json", "--data"])
        .arg(&data)
        .args(["import", "mbox"])
        .arg(&mbox);
    command.args(["--mailbox", "alice@example.org"]);
    let mut said = Vec::new();
    let (code, import) = watch(&mut command, |piece| said.extend_from_slice(piece));
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!(code, 0);
    let said = String::from_utf8(said).unwrap();
    let summary: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    println!(
        "import of {} messages, {} MB (seed {SEED}): peak {} MB, {seconds:.1} s",
        written.messages,
        written.bytes / 1_000_000,
        import / 1_000_000
    );
    assert_eq!(summary["seen"], written.messages);
    assert_eq!(summary["stored"], written.messages);
    fs::remove_file(&mbox).unwrap();

    // The largest message, found, put together again and checked by its name.
    let found = run(&mut everpost(
        &[],
        &data,
        &["search", "size>140MB", "--limit", "2"],
    ));
    assert_eq!(found.summary()["total"], 1);
    let id = found.lines[0]["sha256"].as_str().unwrap().to_string();
    let mut hasher = Hasher::new();
    let mut command = Command::new(EVERPOST);
    command
        .arg("--data")
        .arg(&data)
        .args(["show", "--raw", &id]);
    let (code, show) = watch(&mut command, |piece| hasher.update(piece));
    println!("show of the largest: peak {} MB", show / 1_000_000);
    assert_eq!((code, hasher.finish().to_string()), (0, id));

    let mut command = Command::new(EVERPOST);
    command.args(["--json", "--data"]).arg(&data).arg("reindex");
    let (code, reindex) = watch(&mut command, |_| {});
    println!("reindex: peak {} MB", reindex / 1_000_000);
    assert_eq!(code, 0);
    for (what, most) in [("import", import), ("show", show), ("reindex", reindex)] {
        assert!(most > 0 && most < LIMIT, "{what} took {most} bytes");
    }
}
