//! The data folder of a new cluster, whom it belongs to, and the programs for it.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{NAME, PACKAGE, Postgres};
use crate::corpus::cache;
use crate::peers::{PeerError, Result, io, output};

/// Where Debian puts its versions.
const VERSIONS: &str = "/usr/lib/postgresql";

impl Postgres {
    /// Fills the data folder with an empty cluster. The first that this machine's user makes of a
    /// version is kept, and copied from then on: that takes a tenth of the time.
    pub(super) fn fill(&self) -> Result<()> {
        let said = output(self.program("postgres").arg("--version"), PACKAGE)?;
        let said = String::from_utf8_lossy(&said);
        let version = said.split_whitespace().nth(2).unwrap_or("unknown");
        let user = self
            .owner
            .map_or("own".to_owned(), |(user, _)| user.to_string());
        let cache = cache()?;
        let template = cache.join(format!("postgres-{version}-{user}"));
        if template.is_dir() {
            return copy(&template, &self.data());
        }
        self.initdb()?;
        fs::create_dir_all(&cache).map_err(io(cache.display()))?;
        let made = tempfile::tempdir_in(&cache).map_err(io(cache.display()))?;
        let made = made.path().join("data");
        copy(&self.data(), &made)?;
        // Whole or not at all; another test may have been quicker.
        match fs::rename(&made, &template) {
            Err(_) if template.is_dir() => Ok(()),
            other => other.map_err(io(template.display())),
        }
    }

    fn initdb(&self) -> Result<()> {
        let data = self.data();
        fs::create_dir(&data).map_err(io(data.display()))?;
        if let Some((user, group)) = self.owner {
            chown(&data, Some(user), Some(group)).map_err(io(data.display()))?;
        }
        let mut initdb = self.program("initdb");
        initdb.arg("-D").arg(&data);
        initdb.args(["-U", "postgres", "-A", "trust", "-E", "UTF8"]);
        initdb.args(["--locale=C.UTF-8", "--no-sync"]);
        self.as_owner(&mut initdb);
        output(&mut initdb, PACKAGE).map(drop)
    }
}

/// The folder with the programs of the newest version.
pub(super) fn programs() -> Result<PathBuf> {
    let missing = || PeerError::Missing {
        program: NAME.to_owned(),
        package: PACKAGE,
    };
    let entries = match fs::read_dir(VERSIONS) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(missing()),
        other => other.map_err(io(VERSIONS))?,
    };
    entries
        .filter_map(|entry| {
            let folder = entry.ok()?.path();
            let version: u32 = folder.file_name()?.to_str()?.parse().ok()?;
            let programs = folder.join("bin");
            // The client's package makes the folder, too.
            programs
                .join("postgres")
                .is_file()
                .then_some((version, programs))
        })
        .max()
        .map(|(_, programs)| programs)
        .ok_or_else(missing)
}

/// Whom the cluster runs as: `nobody` for root, whom PostgreSQL refuses, else whoever tests.
pub(super) fn owner() -> Result<Option<(u32, u32)>> {
    let root = fs::metadata("/proc/self").map_err(io("/proc/self"))?.uid() == 0;
    if !root {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").map_err(io("/etc/passwd"))?;
    let nobody = users.lines().find_map(|line| {
        let mut fields = line.strip_prefix("nobody:")?.split(':').skip(1);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    nobody.map(Some).ok_or_else(|| PeerError::Missing {
        program: "the user nobody".to_owned(),
        package: "the Debian package base-passwd",
    })
}

/// Copies a folder with owners and rights.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut command = Command::new("cp");
    command
        .args(["-a", "--reflink=auto", "--"])
        .args([from, to]);
    output(&mut command, "the Debian package coreutils").map(drop)
}
