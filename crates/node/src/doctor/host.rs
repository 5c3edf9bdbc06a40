//! The data directory: is it there, is it ours alone, is there room; and the keys beside it.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::Finding;
use crate::beside;

/// Below this the next import may be the last.
const LITTLE: u64 = 1 << 30;
/// Below this somebody should look after it soon.
const SOME: u64 = 10 << 30;
/// What must be readable for the owner only, beside the data directory.
const SECRETS: [&str; 4] = [".key", ".ca.key", ".acme.key", ".acme.pem"];

/// Looks at the data directory and what lies beside it.
pub(super) fn directory(data: &Path) -> Vec<Finding> {
    let finding = || Finding::new("directory", data.display().to_string());
    let metadata = match fs::metadata(data) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return vec![finding().warning(
                "it is not there yet",
                "`everpost import …` or `everpost up` makes an archive; --data DIR names another place",
            )];
        }
        Err(error) => {
            let hint = "run this as the user that the service runs as";
            return vec![finding().wrong(error.to_string(), hint)];
        }
    };
    if !metadata.is_dir() {
        let hint = "--data DIR names another place";
        return vec![finding().wrong("it is no directory", hint)];
    }
    let mut findings = vec![rights(finding(), data, &metadata, 0o700)];
    for ending in SECRETS {
        let path = beside(data, ending);
        if let Ok(metadata) = fs::metadata(&path) {
            let finding = Finding::new("secret", path.display().to_string());
            findings.push(rights(finding, &path, &metadata, 0o600));
        }
    }
    findings.push(room(data));
    findings
}

/// Whether something is its owner's alone, and the owner is who runs us.
fn rights(finding: Finding, path: &Path, metadata: &Metadata, should: u32) -> Finding {
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return finding.wrong(
            format!("others may look at it (mode {mode:o})"),
            format!("chmod {should:o} {}", path.display()),
        );
    }
    let owner = metadata.uid();
    match fs::metadata("/proc/self").map(|this| this.uid()) {
        Ok(user) if user != owner && user != 0 => finding.warning(
            format!("it belongs to user {owner}, and this is user {user}"),
            "run this as the user that the service runs as",
        ),
        _ => finding.well(format!("its owner's alone (mode {mode:o}, user {owner})")),
    }
}

fn room(data: &Path) -> Finding {
    let finding = Finding::new("room", data.display().to_string());
    match free_bytes(data) {
        Ok(free) => judge(finding, free, format!("{:.1} GB free", free as f64 / 1e9)),
        Err(error) => finding.warning(error.to_string(), "is the disk well?"),
    }
}

/// Bytes that are free where a path lies.
pub fn free_bytes(path: &Path) -> std::io::Result<u64> {
    let room = rustix::fs::statvfs(path)?;
    Ok(room.f_bavail.saturating_mul(room.f_frsize))
}

fn judge(finding: Finding, free: u64, found: String) -> Finding {
    match free {
        ..LITTLE => finding.wrong(found, "make room: without any, nothing more is taken in"),
        LITTLE..SOME => finding.warning(found, "make room before it runs out"),
        _ => finding.well(found),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::{LITTLE, SOME, directory, judge};
    use crate::doctor::{Finding, Verdict};

    #[test]
    fn rights_are_the_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let [missing] = directory(&data).try_into().unwrap();
        assert_eq!(missing.verdict, Verdict::Warning);
        fs::write(&data, "").unwrap();
        let [file] = directory(&data).try_into().unwrap();
        assert_eq!(file.verdict, Verdict::Wrong);
        fs::remove_file(&data).unwrap();

        fs::create_dir(&data).unwrap();
        let key = folder.path().join("data.ca.key");
        fs::write(&key, "").unwrap();
        for (mode, verdict) in [(0o755, Verdict::Wrong), (0o700, Verdict::Well)] {
            fs::set_permissions(&data, Permissions::from_mode(mode)).unwrap();
            fs::set_permissions(&key, Permissions::from_mode(mode & 0o666)).unwrap();
            let findings = directory(&data);
            let of = |check: &str| {
                let mut of = findings.iter().filter(|finding| finding.check == check);
                of.next().unwrap().clone()
            };
            assert_eq!(of("directory").verdict, verdict);
            assert_eq!(of("secret").verdict, verdict);
            assert!(of("room").found.ends_with("GB free"));
        }
    }

    #[test]
    fn room_is_judged_by_what_is_left() {
        let verdict = |free| judge(Finding::new("room", ""), free, String::new()).verdict;
        assert_eq!(verdict(LITTLE - 1), Verdict::Wrong);
        assert_eq!(verdict(LITTLE), Verdict::Warning);
        assert_eq!(verdict(SOME), Verdict::Well);
    }
}
