//! A name server of one's own: BIND, with zones that the test writes.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::process::{Process, Start};
use super::{Ports, Result, io, on_free_ports, output, scratch};

const PACKAGE: &str = "the Debian package bind9";
const NAMED: &str = "/usr/sbin/named";

/// A running name server; gone when it is dropped. It knows its zones and asks nobody else.
pub struct Bind {
    _folder: TempDir,
    ports: Ports,
    _process: Process,
}

impl Bind {
    /// One with these zones: the name of each, and its records as a zone file has them, without SOA and NS.
    ///
    /// # Errors
    /// Where BIND is not installed, does not start, or refuses a zone.
    pub fn start(zones: &[(&str, &str)]) -> Result<Self> {
        on_free_ports(|ports| {
            let folder = scratch("dns.")?;
            let config = fill(folder.path(), &ports, zones)?;
            // Zones that are wrong would be left out without a word.
            let mut check = Command::new("/usr/bin/named-checkconf");
            output(check.arg("-z").arg(&config), PACKAGE)?;
            let start = Start {
                name: "BIND",
                log: &folder.path().join("log"),
                ends_by: "TERM",
                leftovers: &[folder.path().to_owned()],
            };
            let mut command = Command::new(NAMED);
            command.arg("-g").arg("-c").arg(&config).args(["-n", "1"]);
            let mut process = Process::start(&mut command, &start)?;
            let address = ports.address(0);
            let last = zones.last().map_or("", |(name, _)| name);
            process.ready("its zones", || Ok(knows(address, last)))?;
            Ok(Bind {
                _folder: folder,
                ports,
                _process: process,
            })
        })
    }

    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.ports.address(0)
    }
}

/// Writes settings and zones.
fn fill(folder: &Path, ports: &Ports, zones: &[(&str, &str)]) -> Result<std::path::PathBuf> {
    let path = folder.display();
    let mut config = format!(
        "options {{
  directory \"{path}\";
  pid-file \"{path}/named.pid\";
  session-keyfile \"{path}/session.key\";
  managed-keys-directory \"{path}\";
  listen-on port {port} {{ 127.0.0.1; }};
  listen-on-v6 {{ none; }};
  recursion no;
  dnssec-validation no;
  notify no;
  check-integrity no;
  empty-zones-enable no;
}};
controls {{ }};
",
        port = ports.port(0)
    );
    for (name, records) in zones {
        let file = folder.join(name);
        let zone = format!(
            "$TTL 60\n@ SOA ns.{name}. hostmaster.{name}. 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n{records}\n"
        );
        fs::write(&file, zone).map_err(io(file.display()))?;
        let file = file.display();
        config.push_str(&format!(
            "zone \"{name}\" {{ type primary; file \"{file}\"; }};\n"
        ));
    }
    let file = folder.join("named.conf");
    fs::write(&file, config).map_err(io(file.display()))?;
    Ok(file)
}

/// Whether the server there answers for a zone: a question for its SOA by hand, so that no tool is needed.
fn knows(server: SocketAddr, zone: &str) -> bool {
    let mut question = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in zone.split('.').filter(|label| !label.is_empty()) {
        question.push(u8::try_from(label.len()).unwrap_or(0));
        question.extend_from_slice(label.as_bytes());
    }
    // The root; SOA; the internet.
    question.extend_from_slice(&[0, 0, 6, 0, 1]);
    let mut answer = [0; 512];
    let asked = UdpSocket::bind("127.0.0.1:0").and_then(|socket| {
        socket.set_read_timeout(Some(Duration::from_millis(500)))?;
        socket.send_to(&question, server)?;
        socket.recv(&mut answer)
    });
    // Authoritative, without an error, with an answer.
    let [_, _, flags, code, _, _, _, answers, ..] = answer;
    asked.is_ok() && flags & 0x84 == 0x84 && code & 0x0f == 0 && answers > 0
}

#[cfg(test)]
mod tests {
    use super::{Bind, knows};

    #[test]
    fn it_knows_its_zones_and_no_others() {
        let zones = [("example.test", "@ MX 10 ns"), ("other.test", "")];
        let bind = Bind::start(&zones).unwrap();
        assert!(knows(bind.address(), "example.test"));
        assert!(!knows(bind.address(), "elsewhere.test"));
    }
}
