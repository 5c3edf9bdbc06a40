//! One process of a peer: started, paused, killed with its children, and never left behind.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{PeerError, Result, io, output, poll};

/// How often a process that is not our child is looked at.
const LOOK: Duration = Duration::from_millis(2);
/// How often a peer is asked whether it is ready.
const ASK: Duration = Duration::from_millis(20);
/// How many lines of a log an error shows.
const LAST_LINES: usize = 15;

/// Waits for the end of its input, which comes when the test ends without ending its peer (it was
/// killed, or ran into a limit), and ends the peer then: `$1` is its process id, `$2` the signal,
/// the rest what it leaves behind. A line instead says that there is nothing to do.
const WATCHER: &str = r#"
trap '' HUP INT TERM
read -r line && exit
pid=$1 signal=$2
shift 2
children=$(cat "/proc/$pid/task/$pid/children")
kill -CONT "$pid" $children
kill -"$signal" "$pid"
[ "$signal" = KILL ] && kill -KILL $children
turns=0
while kill -0 "$pid" && [ "$turns" -lt 50 ]; do
    sleep 0.1
    turns=$((turns + 1))
done
kill -KILL "$pid"
sleep 0.2
rm -rf -- "$@"
"#;

/// How a process is to be started.
pub(super) struct Start<'a> {
    /// Its name in errors.
    pub(super) name: &'static str,
    /// Where its output goes.
    pub(super) log: &'a Path,
    /// The signal that ends it at once and cleanly.
    pub(super) ends_by: &'static str,
    /// What to remove after its end if nobody else does.
    pub(super) leftovers: &'a [PathBuf],
}

/// A running process, ended when it is dropped.
pub(super) struct Process {
    name: &'static str,
    log: PathBuf,
    ends_by: &'static str,
    child: Child,
    watcher: Child,
}

impl Process {
    /// Starts the program, in a process group of its own: what is meant for the test (an
    /// interrupt from the keyboard) is not for its peers.
    pub(super) fn start(command: &mut Command, start: &Start<'_>) -> Result<Self> {
        let log = File::options().create(true).append(true).open(start.log);
        let log = log.map_err(io(start.log.display()))?;
        let mut child = command
            .stdin(Stdio::null())
            .stderr(log.try_clone().map_err(io(start.name))?)
            .stdout(log)
            .process_group(0)
            .spawn()
            .map_err(io(start.name))?;
        let watcher = Command::new("sh")
            .args(["-c", WATCHER, "watcher"])
            .args([&child.id().to_string(), start.ends_by])
            .args(start.leftovers)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        match watcher {
            Ok(watcher) => Ok(Process {
                name: start.name,
                log: start.log.to_owned(),
                ends_by: start.ends_by,
                child,
                watcher,
            }),
            Err(error) => {
                child.kill().ok();
                child.wait().ok();
                Err(io("sh")(error))
            }
        }
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it is ready.
    pub(super) fn ready(
        &mut self,
        what: &'static str,
        mut ready: impl FnMut() -> Result<bool>,
    ) -> Result<()> {
        let peer = self.name;
        let ready = poll(ASK, || match self.child.try_wait().map_err(io(peer))? {
            Some(_) => Err(PeerError::Died {
                peer,
                log: last_lines(&self.log),
            }),
            None => ready(),
        })?;
        if ready {
            return Ok(());
        }
        let log = last_lines(&self.log);
        Err(PeerError::Late { peer, what, log })
    }

    /// Stops it and its children where they are.
    pub(super) fn pause(&self) -> Result<()> {
        // It first: afterwards there are no new children.
        let mut all = vec![self.pid()];
        halt(&all)?;
        all.extend(children(self.pid()));
        halt(&all)
    }

    /// Lets them go on.
    pub(super) fn resume(&self) -> Result<()> {
        let mut all = children(self.pid());
        all.push(self.pid());
        signal("CONT", &all)
    }

    /// Ends it in its own way, paused or not.
    pub(super) fn end(mut self, by: &str) -> Result<()> {
        self.resume()?;
        signal(by, &[self.pid()])?;
        let gone = poll(LOOK, || {
            Ok(self.child.try_wait().map_err(io(self.name))?.is_some())
        })?;
        if gone {
            return Ok(());
        }
        let log = last_lines(&self.log);
        Err(PeerError::Late {
            peer: self.name,
            what: "its end",
            log,
        })
    }

    /// Kills it and its children, and waits until none of them is left.
    pub(super) fn kill(mut self) -> Result<()> {
        self.kill_all()
    }

    fn kill_all(&mut self) -> Result<()> {
        self.pause()?;
        let orphans = children(self.pid());
        let mut all = orphans.clone();
        all.push(self.pid());
        signal("KILL", &all)?;
        self.child.wait().map_err(io(self.name))?;
        // Dead ones may lie about until somebody asks for them; they hold nothing any more.
        let none = || {
            Ok(orphans
                .iter()
                .all(|pid| matches!(state(*pid), None | Some('Z'))))
        };
        if poll(LOOK, none)? {
            return Ok(());
        }
        let log = last_lines(&self.log);
        Err(PeerError::Late {
            peer: self.name,
            what: "the end of its children",
            log,
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let pid = self.pid();
            let asked = self.ends_by != "KILL"
                && self.resume().is_ok()
                && signal(self.ends_by, &[pid]).is_ok()
                && poll(LOOK, || Ok(!matches!(self.child.try_wait(), Ok(None)))).unwrap_or(false);
            if !asked && self.kill_all().is_err() {
                self.child.kill().ok();
                self.child.wait().ok();
            }
        }
        if let Some(mut line) = self.watcher.stdin.take() {
            line.write_all(b"\n").ok();
        }
        self.watcher.wait().ok();
    }
}

/// Sends a signal, by the shell's own `kill`: the standard library can send none but SIGKILL.
/// That one of them is gone already is no error.
fn signal(name: &str, pids: &[u32]) -> Result<()> {
    let mut command = Command::new("sh");
    let script = "signal=$1; shift; kill -\"$signal\" \"$@\" 2>/dev/null; exit 0";
    command.args(["-c", script, "signal", name]);
    command.args(pids.iter().map(u32::to_string));
    output(&mut command, "the Debian package dash").map(drop)
}

/// Stops processes, and waits until they stand still.
fn halt(pids: &[u32]) -> Result<()> {
    signal("STOP", pids)?;
    let still = |pid: &u32| matches!(state(*pid), None | Some('T' | 'Z'));
    poll(LOOK, || Ok(pids.iter().all(still))).map(drop)
}

/// The children of a process that has one thread only, or makes them with its first.
fn children(pid: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace()
        .filter_map(|child| child.parse().ok())
        .collect()
}

/// The letter of a process's state; none if there is no such process.
fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before may have brackets and blanks of its own.
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.chars().next()
}

fn last_lines(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let mut lines: Vec<&str> = text.lines().rev().take(LAST_LINES).collect();
    lines.reverse();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::process::Command;

    use super::{LOOK, Process, Start, children, poll, state};

    fn parent(folder: &std::path::Path, leftovers: &[PathBuf]) -> Process {
        let start = Start {
            name: "parent",
            log: &folder.join("log"),
            ends_by: "KILL",
            leftovers,
        };
        let mut command = Command::new("sh");
        let process = Process::start(command.args(["-c", "sleep 600 & sleep 600 & wait"]), &start);
        let mut process = process.unwrap();
        let pid = process.pid();
        process
            .ready("two children", || Ok(children(pid).len() == 2))
            .unwrap();
        process
    }

    #[test]
    fn a_process_is_paused_and_killed_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let process = parent(folder.path(), &[]);
        let mut all = children(process.pid());
        all.push(process.pid());
        process.pause().unwrap();
        assert!(all.iter().all(|pid| state(*pid) == Some('T')));
        process.resume().unwrap();
        poll(LOOK, || Ok(all.iter().all(|pid| state(*pid) == Some('S')))).unwrap();
        process.kill().unwrap();
        assert!(
            all.iter()
                .all(|pid| matches!(state(*pid), None | Some('Z')))
        );
    }

    #[test]
    fn what_a_dead_test_leaves_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join("left");
        std::fs::create_dir(&left).unwrap();
        let mut process = parent(folder.path(), std::slice::from_ref(&left));
        // As if this process had ended: the watcher's input ends.
        drop(process.watcher.stdin.take());
        process.child.wait().unwrap();
        process.watcher.wait().unwrap();
        assert!(!left.exists());
    }
}
