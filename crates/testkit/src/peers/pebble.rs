//! An authority of one's own that gives certificates by ACME: Let's Encrypt's test server pebble, with a name
//! server beside it for which every name is this machine.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::process::{Process, Start};
use super::{PeerError, Ports, Result, io, on_free_ports, output, scratch};

const PACKAGE: &str = "the Debian package pebble";
const NAME: &str = "pebble";

/// A running authority; gone when it is dropped. It refuses `blocked.test`.
pub struct Pebble {
    folder: TempDir,
    ports: Ports,
    authority: Option<Process>,
    _names: Process,
}

impl Pebble {
    /// One that gives certificates for so many seconds, and takes so many of a hundred nonces for
    /// unknown that it gave itself.
    ///
    /// # Errors
    /// Where pebble is not installed or does not start.
    pub fn start(seconds: u64, unknown: u8) -> Result<Self> {
        on_free_ports(|ports| {
            let folder = scratch("acme.")?;
            fill(folder.path(), &ports, seconds)?;
            let names = names(folder.path(), &ports)?;
            let authority = authority(folder.path(), &ports, unknown)?;
            Ok(Pebble {
                folder,
                ports,
                authority: Some(authority),
                _names: names,
            })
        })
    }

    /// Its directory.
    pub fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.ports.port(0))
    }

    /// The certificate to trust the directory by, PEM.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("own.pem")
    }

    /// Where it looks for TLS, whatever the name; nobody else is given this port.
    pub fn looks_at(&self) -> SocketAddr {
        self.ports.address(3)
    }

    /// The certificate that its chains end at, PEM. It is another one after each start.
    ///
    /// # Errors
    /// Where it does not answer.
    pub fn root(&self) -> Result<Vec<u8>> {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--fail", "--noproxy", "*", "--cacert"]);
        curl.arg(self.ca());
        curl.arg(format!("https://localhost:{}/roots/0", self.ports.port(1)));
        output(&mut curl, "the Debian package curl")
    }

    /// What it said so far.
    ///
    /// # Errors
    /// Where there is no log.
    pub fn log(&self) -> Result<String> {
        let path = self.folder.path().join("log");
        fs::read_to_string(&path).map_err(io(path.display()))
    }

    /// Has it end; who asks now finds nobody.
    ///
    /// # Errors
    /// Where it is down already or does not end.
    pub fn stop(&mut self) -> Result<()> {
        let authority = self.authority.take().ok_or(PeerError::Down(NAME))?;
        authority.end("TERM")
    }
}

/// Settings, and a certificate of its own for the directory.
fn fill(folder: &Path, ports: &Ports, seconds: u64) -> Result<()> {
    let wrong = |error: rcgen::Error| io("a certificate")(std::io::Error::other(error));
    let key = KeyPair::generate().map_err(wrong)?;
    let params = CertificateParams::new(["localhost".to_owned()]).map_err(wrong)?;
    let own = params.self_signed(&key).map_err(wrong)?;
    let settings = format!(
        r#"{{"pebble": {{
"listenAddress": "{}", "managementListenAddress": "{}",
"certificate": "{folder}/own.pem", "privateKey": "{folder}/own.key",
"httpPort": {}, "tlsPort": {}, "ocspResponderURL": "", "externalAccountBindingRequired": false,
"domainBlocklist": ["blocked.test"], "retryAfter": {{"authz": 1, "order": 1}},
"certificateValidityPeriod": {seconds}
}}}}"#,
        ports.address(0),
        ports.address(1),
        ports.port(2),
        ports.port(3),
        folder = folder.display(),
    );
    let files = [
        ("own.pem", own.pem()),
        ("own.key", key.serialize_pem()),
        ("pebble.json", settings),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        fs::write(&path, text).map_err(io(path.display()))?;
    }
    Ok(())
}

fn names(folder: &Path, ports: &Ports) -> Result<Process> {
    let mut command = Command::new("pebble-challtestsrv");
    command
        .args(["-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dns01"])
        .arg(ports.address(5).to_string())
        .args(["-http01", "", "-https01", "", "-tlsalpn01", ""])
        .arg("-management")
        .arg(ports.address(6).to_string());
    let start = Start {
        name: "pebble-challtestsrv",
        log: &folder.join("names.log"),
        ends_by: "KILL",
        leftovers: &[],
    };
    let mut process = started(&mut command, &start)?;
    let address = ports.address(6);
    process.ready("its management", || Ok(TcpStream::connect(address).is_ok()))?;
    Ok(process)
}

fn authority(folder: &Path, ports: &Ports, unknown: u8) -> Result<Process> {
    let mut command = Command::new("pebble");
    command
        .arg("-config")
        .arg(folder.join("pebble.json"))
        .arg("-dnsserver")
        .arg(ports.address(5).to_string())
        .env("PEBBLE_VA_NOSLEEP", "1")
        .env("PEBBLE_WFE_NONCEREJECT", unknown.to_string());
    let start = Start {
        name: NAME,
        log: &folder.join("log"),
        ends_by: "TERM",
        leftovers: &[folder.to_owned()],
    };
    let mut process = started(&mut command, &start)?;
    let addresses = [ports.address(0), ports.address(1)];
    process.ready("its directory", || {
        Ok(addresses.iter().all(|one| TcpStream::connect(one).is_ok()))
    })?;
    Ok(process)
}

/// Starts a program; an error that says what brings it, where it is missing.
fn started(command: &mut Command, start: &Start<'_>) -> Result<Process> {
    let program = command.get_program().to_string_lossy().into_owned();
    Process::start(command, start).map_err(|error| match error {
        PeerError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            PeerError::Missing {
                program,
                package: PACKAGE,
            }
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::Pebble;

    #[test]
    fn it_starts_and_leaves_nothing() {
        let mut pebble = Pebble::start(60, 0).unwrap();
        let folder = pebble.folder.path().to_owned();
        let root = pebble.root().unwrap();
        assert!(root.starts_with(b"-----BEGIN CERTIFICATE"));
        pebble.stop().unwrap();
        assert!(pebble.root().is_err());
        drop(pebble);
        assert!(!folder.exists());
    }
}
