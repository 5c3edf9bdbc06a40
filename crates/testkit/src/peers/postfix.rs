//! A Postfix of one's own, which hands mail to whoever listens beside it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::Dovecot;
use super::process::{Process, Start};
use super::{PeerError, Ports, Result, io, on_free_ports, output, poll, scratch};

const PACKAGE: &str = "the Debian package postfix";
const NAME: &str = "Postfix";
const POSTFIX: &str = "/usr/sbin/postfix";
const POSTQUEUE: &str = "/usr/sbin/postqueue";
const MASTER: &str = "/usr/lib/postfix/sbin/master";
/// How often the log or the queue is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// Its first process wants to lead a session, which no leader of a process group can, and a peer is one. So
/// somebody stands before it who passes on the order to end, and waits for it.
const KEEPER: &str = r#"
"$1" -c "$2" -s &
pid=$!
trap 'kill -TERM "$pid"' TERM
wait "$pid"
wait "$pid"
"#;

/// Its programs, none of which is confined to a folder, so that nothing has to be copied there.
const MASTER_CF: &str = "\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";

fn run(folder: &Path, ports: &Ports) -> Result<Process> {
    let start = Start {
        name: NAME,
        log: &folder.join("said"),
        ends_by: "TERM",
        leftovers: &[folder.to_owned()],
    };
    let mut keeper = Command::new("sh");
    keeper
        .args(["-c", KEEPER, "keeper", MASTER])
        .arg(folder.join("etc"));
    let mut process = Process::start(&mut keeper, &start)?;
    let address = ports.address(0);
    process.ready("its greeting", || Ok(greets(address)))?;
    Ok(process)
}

/// A running Postfix; gone when it is dropped. It takes mail for `example.test` from this machine and throws
/// it away, after it gave a copy to the archive. It changes no byte of what it is given.
///
/// Postfix runs as root and nobody else.
pub struct Postfix {
    folder: TempDir,
    ports: Ports,
    process: Option<Process>,
}

impl Postfix {
    /// One that sends a copy of each mail by SMTP to [`Postfix::archive`]: to `journal@archive.test`, and for
    /// `NAME@example.test` of these names to `NAME+copy@archive.test` too.
    ///
    /// # Errors
    /// Where Postfix is not installed or does not start.
    pub fn journaling(names: &[&str]) -> Result<Self> {
        let copies = names
            .iter()
            .map(|name| format!("{{ {name}@example.test = {name}+copy@archive.test }}"));
        let copies = copies.collect::<Vec<_>>().join(", ");
        Self::with(&format!(
            "always_bcc = journal@archive.test\nrecipient_bcc_maps = inline:{{ {copies} }}\n"
        ))
    }

    /// One that shows each mail to a milter at [`Postfix::archive`] before it takes it; without it, it does this
    /// `otherwise`: `tempfail`, `accept`.
    ///
    /// # Errors
    /// Where Postfix is not installed or does not start.
    pub fn filtering(otherwise: &str) -> Result<Self> {
        Self::with(&format!(
            "smtpd_milters = inet:127.0.0.1:ARCHIVE\nmilter_default_action = {otherwise}\n"
        ))
    }

    /// One that hands mail for the users of this Dovecot to it, and refuses other recipients; and, if `journals`, sends a copy
    /// of each mail by SMTP to `journal@archive.test` at [`Postfix::archive`].
    ///
    /// # Errors
    /// Where Postfix is not installed or does not start.
    pub fn before(dovecot: &Dovecot, journals: bool) -> Result<Self> {
        let users = dovecot.users().iter();
        let users = users.map(|name| format!("{{ {name}@example.test = {name} }}"));
        let users = users.collect::<Vec<_>>().join(", ");
        let lmtp = dovecot.address();
        let journal = match journals {
            true => "always_bcc = journal@archive.test\n",
            false => "",
        };
        Self::with(&format!(
            "transport_maps = inline:{{ {{ archive.test = smtp:[127.0.0.1]:ARCHIVE }}, {{ example.test = lmtp:inet:{lmtp} }} }}
relay_recipient_maps = inline:{{ {users} }}
{journal}"
        ))
    }

    /// One that hands mail to this Dovecot, and takes it from those alone who signed in as one of its users.
    ///
    /// # Errors
    /// Where Postfix is not installed or does not start.
    pub fn smarthost(dovecot: &Dovecot) -> Result<Self> {
        let (lmtp, auth) = (dovecot.address(), dovecot.auth());
        Self::with(&format!(
            "transport_maps = inline:{{ {{ example.test = lmtp:inet:{lmtp} }} }}
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {}
smtpd_client_restrictions = permit_sasl_authenticated, reject
smtpd_delay_reject = yes
",
            auth.display()
        ))
    }

    /// An organization's mail server: mail for `example.test` goes to this Dovecot, whose users may send anywhere, after they signed
    /// in; what leaves goes by SMTP to [`Postfix::archive`].
    ///
    /// # Errors
    /// Where Postfix is not installed or does not start.
    pub fn organization(dovecot: &Dovecot) -> Result<Self> {
        let (lmtp, auth) = (dovecot.address(), dovecot.auth());
        Self::with(&format!(
            "transport_maps = inline:{{ {{ example.test = lmtp:inet:{lmtp} }} }}
default_transport = smtp
relayhost = [127.0.0.1]:ARCHIVE
mynetworks = 192.0.2.1
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {}
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
",
            auth.display()
        ))
    }

    fn with(settings: &str) -> Result<Self> {
        on_free_ports(|ports| {
            let folder = scratch("pf.")?;
            fill(folder.path(), &ports, settings)?;
            let etc = folder.path().join("etc");
            let mut check = Command::new(POSTFIX);
            output(check.arg("-c").arg(&etc).arg("check"), PACKAGE)?;
            let process = run(folder.path(), &ports)?;
            Ok(Postfix {
                folder,
                ports,
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

    /// Where it takes mail.
    pub fn address(&self) -> SocketAddr {
        self.ports.address(0)
    }

    /// Where it expects the archive; nobody else is given this port.
    pub fn archive(&self) -> SocketAddr {
        self.ports.address(1)
    }

    /// What it logged so far.
    ///
    /// # Errors
    /// Where there is no log.
    pub fn log(&self) -> Result<Vec<u8>> {
        let path = self.folder.path().join("log");
        fs::read(&path).map_err(io(path.display()))
    }

    /// Waits until the log is as it should be.
    ///
    /// # Errors
    /// Where it does not become so.
    pub fn logs(&self, what: &'static str, mut is: impl FnMut(&[u8]) -> bool) -> Result<()> {
        let found = poll(LOOK, || Ok(is(&self.log()?)))?;
        self.late(found, what)
    }

    /// Tries at once what waits in its queue.
    ///
    /// # Errors
    /// Where Postfix says no.
    pub fn flush(&self) -> Result<()> {
        self.postqueue("-f").map(drop)
    }

    /// Waits until its queue is empty, trying again what waits there.
    ///
    /// # Errors
    /// Where it does not become so.
    pub fn drained(&self) -> Result<()> {
        let empty = poll(Duration::from_millis(250), || {
            let left = self.postqueue("-j")?;
            if !left.is_empty() {
                self.flush()?;
            }
            Ok(left.is_empty())
        })?;
        self.late(empty, "an empty queue")
    }

    fn postqueue(&self, what: &str) -> Result<Vec<u8>> {
        let mut command = Command::new(POSTQUEUE);
        command.arg("-c").arg(self.folder.path().join("etc"));
        output(command.arg(what), PACKAGE)
    }

    fn late(&self, done: bool, what: &'static str) -> Result<()> {
        if done {
            return Ok(());
        }
        let log = self.log()?;
        let log = String::from_utf8_lossy(&log);
        let last: Vec<&str> = log.lines().rev().take(15).collect();
        Err(PeerError::Late {
            peer: NAME,
            what,
            log: last.into_iter().rev().collect::<Vec<_>>().join("\n"),
        })
    }
}

/// Writes settings, and makes what Postfix does not make for itself.
fn fill(folder: &Path, ports: &Ports, settings: &str) -> Result<()> {
    let (etc, data) = (folder.join("etc"), folder.join("data"));
    for one in [&etc, &folder.join("queue"), &data] {
        fs::create_dir(one).map_err(io(one.display()))?;
    }
    let owner = output(Command::new("id").args(["-u", "postfix"]), PACKAGE)?;
    let owner = String::from_utf8_lossy(&owner).trim().parse().ok();
    chown(&data, owner, None).map_err(io(data.display()))?;
    let folder = folder.display();
    let archive = ports.port(1);
    let settings = settings.replace("ARCHIVE", &archive.to_string());
    let main = format!(
        "compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = mx.example.test
mydestination =
local_recipient_maps =
local_transport = error:no local delivery
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
notify_classes =
relay_domains = example.test, archive.test
relay_recipient_maps =
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
transport_maps = inline:{{ {{ example.test = discard: }}, {{ archive.test = smtp:[127.0.0.1]:{archive} }} }}
default_transport = error:no route in tests
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
# A peer that is down is asked again for each mail.
default_destination_concurrency_failed_cohort_limit = 0
# No byte is changed.
local_header_rewrite_clients =
message_drop_headers =
smtp_line_length_limit = 0
disable_mime_output_conversion = yes
"
    );
    // Said twice, it is warned of by every program of Postfix, by the one too that writes the log: it may wait for itself then.
    let key = |line: &str| line.split_once(" = ").map(|(key, _)| key.to_owned());
    let set: Vec<String> = settings.lines().filter_map(key).collect();
    let is_free = |line: &&str| key(line).is_none_or(|key| !set.contains(&key));
    let mut main: Vec<&str> = main.lines().filter(is_free).collect();
    main.extend(settings.lines());
    let main = main.join("\n") + "\n";
    let mut master = format!("127.0.0.1:{} inet n - n - - smtpd\n", ports.port(0));
    master.push_str(MASTER_CF);
    for (name, text) in [("main.cf", main), ("master.cf", master)] {
        let path: PathBuf = etc.join(name);
        fs::write(&path, text).map_err(io(path.display()))?;
    }
    Ok(())
}

/// Whether SMTP or LMTP is spoken there.
pub(super) fn greets(address: SocketAddr) -> bool {
    let Ok(stream) = TcpStream::connect(address) else {
        return false;
    };
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).is_ok() && line.starts_with("220 ")
}

#[cfg(test)]
mod tests {
    use super::Postfix;

    #[test]
    fn it_starts_and_leaves_nothing() {
        let postfix = Postfix::journaling(&["ann", "bob"]).unwrap();
        let folder = postfix.folder.path().to_owned();
        postfix.drained().unwrap();
        postfix
            .logs("its start", |log| log.windows(7).any(|w| w == b"started"))
            .unwrap();
        drop(postfix);
        assert!(!folder.exists());
    }
}
