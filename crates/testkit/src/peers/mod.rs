//! Real peers for tests: PostgreSQL, SeaweedFS (S3), a proxy in front of either, Postfix and Dovecot, an authority that
//! gives certificates by ACME (pebble), and a name server (BIND).
//!
//! A peer belongs to the test that starts it: own folder, own ports on loopback, ended by its own
//! process id when it is dropped, or by a watcher should the test die without dropping anything.
//! A peer that is not installed is an error that says how to get it; no test passes without.

mod bind;
mod dovecot;
mod pebble;
mod ports;
mod postfix;
mod postgres;
mod process;
mod proxy;
mod seaweed;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use bind::Bind;
pub use dovecot::Dovecot;
pub use pebble::Pebble;
pub use postfix::Postfix;
pub use postgres::Postgres;
pub use proxy::Proxy;
pub use seaweed::Seaweed;

use crate::corpus::CorpusError;
use ports::Ports;

/// What asking a peer for something gives.
pub type Result<T> = std::result::Result<T, PeerError>;

/// How long anything may take that a peer is waited for. Generous: the machine may be busy, and
/// nobody waits longer than the peer needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often something is started that dies at once, each time on other ports.
const TRIES: usize = 3;

/// Socket files lie below a peer's folder, and their paths may have 107 bytes at most.
const LONGEST_SCRATCH: usize = 60;

/// Why a peer is not there, or does not do what was asked.
#[derive(thiserror::Error)]
pub enum PeerError {
    /// A program is not installed.
    #[error("{program} is missing: run .ci/run once, or install {package}")]
    Missing {
        /// The program.
        program: String,
        /// What brings it.
        package: &'static str,
    },
    /// A variable names a program that is not there.
    #[error("{variable} is set, but there is no file {path}")]
    NotThere {
        /// The variable.
        variable: &'static str,
        /// Its value.
        path: PathBuf,
    },
    /// A program that was asked for something did not succeed.
    #[error("{program} failed: {said}")]
    Failed {
        /// The program.
        program: String,
        /// Its last words.
        said: String,
    },
    /// A peer ended while it was waited for.
    #[error("{peer} died at its start; the end of its log:\n{log}")]
    Died {
        /// Which.
        peer: &'static str,
        /// The last lines of its log.
        log: String,
    },
    /// A peer did not get as far as it should.
    #[error("{peer}: {what} not within {patience:?}; the end of its log:\n{log}", patience = PATIENCE)]
    Late {
        /// Which.
        peer: &'static str,
        /// What was waited for.
        what: &'static str,
        /// The last lines of its log.
        log: String,
    },
    /// It was stopped or killed and not started again.
    #[error("{0} is down")]
    Down(&'static str),
    /// There is no volume server of this number.
    #[error("there is no volume server {0}; a replicated SeaweedFS has {count}", count = seaweed::VOLUMES)]
    NoVolume(usize),
    /// All ports are taken.
    #[error("no free ports")]
    NoPorts,
    /// There is no folder for what tests share.
    #[error(transparent)]
    NoCache(#[from] CorpusError),
    /// A file, socket or process.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

/// As for a person: tests `unwrap`, and what they print then should say what to do.
impl fmt::Debug for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn io(what: impl fmt::Display) -> impl FnOnce(io::Error) -> PeerError {
    let what = what.to_string();
    move |source| PeerError::Io { what, source }
}

/// What a program prints, if it succeeds.
fn output(command: &mut Command, package: &'static str) -> Result<Vec<u8>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = match command.output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(PeerError::Missing { program, package });
        }
        other => other.map_err(io(&program))?,
    };
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = [output.stderr, output.stdout].concat();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    Err(PeerError::Failed { program, said })
}

/// Asks until the answer is yes; `false` when it never was. For what cannot be waited for in
/// another way: processes that are not our children, and peers that tell nobody when they are
/// ready.
fn poll(every: Duration, mut ready: impl FnMut() -> Result<bool>) -> Result<bool> {
    let start = Instant::now();
    while !ready()? {
        if start.elapsed() > PATIENCE {
            return Ok(false);
        }
        thread::sleep(every);
    }
    Ok(true)
}

/// A folder for one peer, which others may walk through: some peers give up root.
fn scratch(prefix: &str) -> Result<TempDir> {
    use std::os::unix::fs::PermissionsExt;
    let mut base = std::env::temp_dir();
    if base.as_os_str().len() > LONGEST_SCRATCH {
        base = PathBuf::from("/tmp");
    }
    let mut builder = tempfile::Builder::new();
    builder.permissions(std::fs::Permissions::from_mode(0o711));
    let made = builder.prefix(prefix).tempdir_in(&base);
    made.map_err(io(base.display()))
}

/// Starts something on free ports, on others when it dies: a program that is none of ours may
/// have taken one since it was found free.
fn on_free_ports<T>(mut start: impl FnMut(Ports) -> Result<T>) -> Result<T> {
    let mut tries = 1;
    loop {
        match start(Ports::reserve()?) {
            Err(PeerError::Died { .. }) if tries < TRIES => tries += 1,
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::output;

    #[test]
    fn what_is_missing_is_named_with_its_package() {
        let error = output(&mut Command::new("no-such-peer"), "the package x").unwrap_err();
        assert_eq!(
            error.to_string(),
            "no-such-peer is missing: run .ci/run once, or install the package x"
        );
        let error = output(Command::new("sh").args(["-c", "echo why >&2; false"]), "").unwrap_err();
        assert_eq!(error.to_string(), "sh failed: why");
    }
}
