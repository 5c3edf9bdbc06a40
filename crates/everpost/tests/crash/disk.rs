//! A disk that is full at some write: E-DISK, nothing lost, and with more room it goes on.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::common::{ALICE, everpost, is_whole, run, soak};

/// A small file system that nobody outside of its mount namespace sees, gone with it.
struct Disk {
    holder: Child,
    folder: PathBuf,
    _dir: tempfile::TempDir,
}

impl Disk {
    /// `None` where mounting is not allowed.
    fn new(kib: u32) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("disk");
        std::fs::create_dir(&folder).unwrap();
        let script = "mount -t tmpfs -o size=$1k tmpfs \"$2\" && echo mounted && exec cat";
        let mut holder = Command::new("unshare")
            .args(["-m", "sh", "-c", script, "sh", &kib.to_string()])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut said = String::new();
        BufReader::new(holder.stdout.take()?)
            .read_line(&mut said)
            .ok()?;
        if said.trim() != "mounted" {
            holder.wait().ok();
            return None;
        }
        Some(Disk {
            holder,
            folder,
            _dir: dir,
        })
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// What a command is started with to see the disk.
    fn enter(&self) -> [String; 4] {
        [
            "nsenter".into(),
            "-m".into(),
            "-t".into(),
            self.holder.id().to_string(),
        ]
    }

    fn import(&self) -> super::common::Said {
        let enter = self.enter();
        let enter: Vec<&str> = enter.iter().map(String::as_str).collect();
        run(&mut everpost(&enter, &self.data(), &ALICE.arguments()))
    }

    fn inside(&self, program: &[&str]) -> super::common::Said {
        let [enter, rest @ ..] = self.enter();
        run(Command::new(enter).args(rest).args(program))
    }

    fn resize(&self, kib: u32) {
        let folder = self.folder.to_str().unwrap();
        let said = self.inside(&["mount", "-o", &format!("remount,size={kib}k"), folder]);
        assert_eq!(said.code, 0, "{}", said.errors);
    }

    /// Copies archive and key to a folder outside, where everybody can look at them.
    fn copy_out(&self, to: &Path) {
        let inside = PathBuf::from(format!(
            "/proc/{}/root{}",
            self.holder.id(),
            self.folder.display()
        ));
        for name in ["data", "data.key"] {
            let said = run(Command::new("cp").arg("-a").arg(inside.join(name)).arg(to));
            assert_eq!(said.code, 0, "{}", said.errors);
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Its standard input ends, and so does it.
        drop(self.holder.stdin.take());
        self.holder.wait().ok();
    }
}

#[test]
fn a_full_disk_stops_with_e_disk_and_more_room_goes_on() {
    // From too small for an empty catalog to almost enough, so that the room ends at other writes.
    let landing = [4, 40, 330, 600, 1100, 2500, 5000, 8000, 12_000];
    let sizes: Vec<u32> = if soak() {
        (1..=60).map(|step| step * step * 5).collect()
    } else {
        landing.into()
    };
    let mut full = 0;
    for kib in sizes {
        let Some(disk) = Disk::new(kib) else {
            println!(
                "SKIPPED: this machine does not allow a private mount; the full disk was not tested"
            );
            return;
        };
        let first = disk.import();
        println!(
            "{kib} KiB: exit {} {}",
            first.code,
            first.errors.lines().last().unwrap_or_default()
        );
        if first.code != 0 {
            full += 1;
            is_full(&first, kib);
            // Trying again without room changes nothing.
            is_full(&disk.import(), kib);
            disk.resize(if soak() { 400_000 } else { 80_000 });
            let again = disk.import();
            ALICE.balances(again.summary());
        }
        let outside = tempfile::tempdir().unwrap();
        disk.copy_out(outside.path());
        is_whole(&outside.path().join("data"), &ALICE);
    }
    println!("{full} disks were full");
    assert!(full >= 5, "the sizes are not small enough: {full}");
}

fn is_full(said: &super::common::Said, kib: u32) {
    assert_eq!(said.code, 1, "{kib} KiB: {}", said.errors);
    let last = said.errors.lines().last().unwrap_or_default();
    let error: serde_json::Value = serde_json::from_str(last).unwrap_or_default();
    assert_eq!(error["error"], "E-DISK", "{kib} KiB: {}", said.errors);
    assert!(
        !said.errors.contains("panicked"),
        "{kib} KiB: {}",
        said.errors
    );
}
