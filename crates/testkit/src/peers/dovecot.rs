//! A Dovecot of one's own, which delivers what it is handed into Maildirs, and serves them over IMAP.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::process::{Process, Start};
use super::{PeerError, Ports, Result, io, on_free_ports, output, scratch};

const PACKAGE: &str = "the Debian packages dovecot-core, dovecot-lmtpd and dovecot-imapd";
const NAME: &str = "Dovecot";
const DOVECOT: &str = "/usr/sbin/dovecot";

/// A running Dovecot; gone when it is dropped. It takes mail by LMTP for its users at `example.test` and nobody else.
///
/// Dovecot runs as root and nobody else.
pub struct Dovecot {
    folder: TempDir,
    ports: Ports,
    users: Vec<String>,
    process: Option<Process>,
}

impl Dovecot {
    /// One with these users, as `NAME` of `NAME@example.test`.
    ///
    /// # Errors
    /// Where Dovecot is not installed or does not start.
    pub fn start(users: &[&str]) -> Result<Self> {
        if !Path::new(DOVECOT).exists() {
            return Err(PeerError::Missing {
                program: DOVECOT.to_owned(),
                package: PACKAGE,
            });
        }
        on_free_ports(|ports| {
            let folder = scratch("dv.")?;
            fill(folder.path(), &ports, users)?;
            let process = run(folder.path(), &ports)?;
            Ok(Dovecot {
                folder,
                ports,
                users: users.iter().map(ToString::to_string).collect(),
                process: Some(process),
            })
        })
    }

    /// Kills it, in the middle of whatever it does.
    ///
    /// # Errors
    /// Where it does not die.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), Process::kill)
    }

    /// Starts it again, with all that it had, where it was.
    ///
    /// # Errors
    /// Where it does not start.
    pub fn start_again(&mut self) -> Result<()> {
        self.kill()?;
        self.process = Some(run(self.folder.path(), &self.ports)?);
        Ok(())
    }

    /// Where it takes mail by LMTP.
    pub fn address(&self) -> SocketAddr {
        self.ports.address(0)
    }

    /// Where it serves its users' mail by IMAP, in the clear.
    pub fn imap(&self) -> SocketAddr {
        self.ports.address(1)
    }

    /// Where it says whether somebody is who they say (the protocol of Dovecot's SASL).
    pub(super) fn auth(&self) -> PathBuf {
        self.folder.path().join("run/auth-client")
    }

    /// Its users, whose passwords are `secret of NAME`.
    pub fn users(&self) -> &[String] {
        &self.users
    }

    /// The mails in somebody's inbox, in no order, with the fields that Dovecot put before them.
    ///
    /// # Errors
    /// Where a mail cannot be read.
    pub fn delivered(&self, user: &str) -> Result<Vec<Vec<u8>>> {
        let inbox = self.folder.path().join("mail").join(user).join("new");
        let Ok(entries) = fs::read_dir(&inbox) else {
            return Ok(Vec::new());
        };
        let paths = entries.map(|entry| entry.map(|entry| entry.path()));
        let read = |path: std::io::Result<PathBuf>| path.and_then(fs::read);
        let mails: std::io::Result<Vec<Vec<u8>>> = paths.map(read).collect();
        mails.map_err(io(inbox.display()))
    }
}

fn run(folder: &Path, ports: &Ports) -> Result<Process> {
    let log = folder.join("log");
    let start = Start {
        name: NAME,
        log: &folder.join("said"),
        ends_by: "TERM",
        leftovers: &[folder.to_owned()],
    };
    let mut command = Command::new(DOVECOT);
    command.arg("-F").arg("-c").arg(folder.join("dovecot.conf"));
    let mut process = Process::start(&mut command, &start)?;
    process.ready("its greeting", || {
        Ok(log.exists() && super::postfix::greets(ports.address(0)))
    })?;
    Ok(process)
}

/// Writes settings, and makes the folder of mail, which belongs to nobody.
fn fill(folder: &Path, ports: &Ports, users: &[&str]) -> Result<()> {
    let (run, mail) = (folder.join("run"), folder.join("mail"));
    for one in [&run, &mail] {
        fs::create_dir(one).map_err(io(one.display()))?;
    }
    let id = |what: &str| -> Result<Option<u32>> {
        let of = output(Command::new("id").args([what, "nobody"]), PACKAGE)?;
        Ok(String::from_utf8_lossy(&of).trim().parse().ok())
    };
    chown(&mail, id("-u")?, id("-g")?).map_err(io(mail.display()))?;
    let users: String = users
        .iter()
        .map(|user| format!("{user}@example.test:{{PLAIN}}secret of {user}::::::\n"))
        .collect();
    let (folder, port, imap) = (folder.display(), ports.port(0), ports.port(1));
    let special: String = ["Drafts", "Sent", "Trash", "Junk", "Archive"]
        .iter()
        .map(|name| {
            format!("  mailbox {name} {{\n    special_use = \\{name}\n    auto = subscribe\n  }}\n")
        })
        .collect();
    let settings = format!(
        "base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = lmtp imap
listen = 127.0.0.1
ssl = no
first_valid_uid = 1
mail_location = maildir:{folder}/mail/%n
# Line ends as they came.
mail_save_crlf = yes
disable_plaintext_auth = no
mail_max_userip_connections = 1000
namespace inbox {{
  inbox = yes
  separator = /
{special}}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
passdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
  default_fields = uid=nobody gid=nogroup home={folder}/mail/%n
}}
# Others ask it who somebody is.
service auth {{
  unix_listener auth-client {{
    mode = 0666
  }}
}}
protocol lmtp {{
  postmaster_address = postmaster@example.test
}}
service lmtp {{
  inet_listener lmtp {{
    port = {port}
  }}
}}
"
    );
    for (name, text) in [("users", users), ("dovecot.conf", settings)] {
        let path = Path::new(&folder.to_string()).join(name);
        fs::write(&path, text).map_err(io(path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Dovecot;

    #[test]
    fn it_starts_and_leaves_nothing() {
        let mut dovecot = Dovecot::start(&["ann"]).unwrap();
        let folder = dovecot.folder.path().to_owned();
        dovecot.kill().unwrap();
        dovecot.start_again().unwrap();
        assert!(dovecot.delivered("ann").unwrap().is_empty());
        drop(dovecot);
        assert!(!folder.exists());
    }
}
