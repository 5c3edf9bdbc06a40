//! A name server of one's own: BIND, with zones that the test writes.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::process::{Process, Start};
use super::{PeerError, Ports, Result, io, on_free_ports, output, scratch};

const PACKAGE: &str = "the Debian package bind9";
const NAME: &str = "BIND";
const NAMED: &str = "/usr/sbin/named";

/// A running name server that knows its zones and nothing else; gone when it is dropped. It refuses what
/// lies in no zone of its own.
pub struct Bind {
    process: Process,
    folder: TempDir,
    ports: Ports,
}

impl Bind {
    /// One with zones, each a name and the text of its file. Zones need no SOA, NS or TTL: they get them.
    ///
    /// # Errors
    /// Where BIND is not installed, or does not take the zones.
    pub fn start(zones: &[(&str, &str)]) -> Result<Self> {
        if !Path::new(NAMED).exists() {
            return Err(PeerError::Missing {
                program: NAMED.to_owned(),
                package: PACKAGE,
            });
        }
        on_free_ports(|ports| {
            let folder = scratch("dns.")?;
            let named = fill(folder.path(), &ports, zones)?;
            let start = Start {
                name: NAME,
                log: &folder.path().join("log"),
                ends_by: "TERM",
                leftovers: &[folder.path().to_owned()],
            };
            let mut command = Command::new(named);
            command.args(["-g", "-n", "1", "-c"]);
            command.arg(folder.path().join("named.conf"));
            let mut process = Process::start(&mut command, &start)?;
            let log = start.log.to_owned();
            process.ready("its zones", || {
                let log = fs::read(&log).map_err(io(log.display()))?;
                Ok(String::from_utf8_lossy(&log).contains(" running\n"))
            })?;
            Ok(Bind {
                process,
                folder,
                ports,
            })
        })
    }

    /// Where it answers, by UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        self.ports.address(0)
    }

    /// Stops it where it is: questions get no answer.
    ///
    /// # Errors
    /// Where it is gone.
    pub fn pause(&self) -> Result<()> {
        self.process.pause()
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// Where it is gone.
    pub fn resume(&self) -> Result<()> {
        self.process.resume()
    }

    /// What it logged so far.
    ///
    /// # Errors
    /// Where there is no log.
    pub fn log(&self) -> Result<String> {
        let path = self.folder.path().join("log");
        let log = fs::read(&path).map_err(io(path.display()))?;
        Ok(String::from_utf8_lossy(&log).into_owned())
    }
}

/// Writes zones and settings; gives the program. It is a copy, for AppArmor lets the one of the system read
/// and write in the system's folders only.
fn fill(folder: &Path, ports: &Ports, zones: &[(&str, &str)]) -> Result<std::path::PathBuf> {
    let place = folder.display();
    let mut settings = format!(
        "options {{
  directory \"{place}\";
  pid-file \"{place}/pid\";
  session-keyfile \"{place}/session.key\";
  managed-keys-directory \"{place}\";
  listen-on port {port} {{ 127.0.0.1; }};
  listen-on-v6 {{ none; }};
  recursion no;
  dnssec-validation no;
  notify no;
  empty-zones-enable no;
}};
controls {{ }};
",
        port = ports.port(0)
    );
    for (index, (name, text)) in zones.iter().enumerate() {
        let file = folder.join(format!("zone{index}"));
        let head = "$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n";
        fs::write(&file, format!("{head}{text}\n")).map_err(io(file.display()))?;
        let file = file.display();
        settings.push_str(&format!(
            "zone \"{name}\" {{ type primary; file \"{file}\"; check-names ignore; }};\n"
        ));
    }
    let path = folder.join("named.conf");
    fs::write(&path, settings).map_err(io(path.display()))?;
    let named = folder.join("named");
    fs::copy(NAMED, &named).map_err(io(NAMED))?;
    // A zone that is broken is left out with a line in the log; here it is an error.
    let mut check = Command::new("/usr/bin/named-checkconf");
    output(check.arg("-z").arg(&path), PACKAGE)?;
    Ok(named)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use super::Bind;

    #[test]
    fn it_answers_and_leaves_nothing() {
        let bind = Bind::start(&[("example.test", "@ TXT \"hello\"")]).unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        // TXT of example.test, class IN, as RFC 1035 §4 writes it.
        let question = b"\0\x01\0\0\0\x01\0\0\0\0\0\0\x07example\x04test\0\0\x10\0\x01";
        socket.send_to(question, bind.address()).unwrap();
        let mut answer = [0; 512];
        let length = socket.recv(&mut answer).unwrap();
        assert!(answer[..length].windows(6).any(|part| part == b"\x05hello"));
        let folder = bind.folder.path().to_owned();
        drop(bind);
        assert!(!folder.exists());
    }

    #[test]
    fn a_broken_zone_is_an_error() {
        let error = Bind::start(&[("example.test", "@ NONSENSE x")]).err();
        assert!(error.unwrap().to_string().contains("unknown RR type"));
    }
}
