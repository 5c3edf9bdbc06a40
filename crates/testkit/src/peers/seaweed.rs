//! SeaweedFS: an S3 service, in one process or with copies on several.

mod launch;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use launch::{MASTER, S3, identities, weed};

use super::process::Process;
use super::{PeerError, Ports, Result, io, on_free_ports, output, scratch};

/// Volume servers of a replicated service.
pub(super) const VOLUMES: usize = 3;

const NAME: &str = "SeaweedFS";
const CURL: &str = "the Debian package curl";
const KEY: &str = "everpost";
const SECRET: &str = "everpost-secret";
const READER_KEY: &str = "everpost-reader";
const READER_SECRET: &str = "everpost-reader-secret";
const REGION: &str = "us-east-1";
/// How long one question about its state may take.
const QUESTION: Duration = Duration::from_secs(5);

/// A running S3 service; gone when it is dropped. Its region is `us-east-1`, and a bucket is part
/// of the path.
pub struct Seaweed {
    weed: PathBuf,
    folder: TempDir,
    ports: Ports,
    main: Option<Process>,
    /// Empty without copies.
    volumes: Vec<Option<Process>>,
}

impl Seaweed {
    /// A service in one process.
    ///
    /// # Errors
    /// Where `weed` is missing or does not start.
    pub fn start() -> Result<Self> {
        Self::with(0)
    }

    /// A service with three volume servers, two of which hold each object.
    ///
    /// # Errors
    /// Where `weed` is missing or does not start.
    pub fn replicated() -> Result<Self> {
        Self::with(VOLUMES)
    }

    fn with(volumes: usize) -> Result<Self> {
        let weed = weed()?;
        on_free_ports(|ports| {
            let mut seaweed = Seaweed {
                weed: weed.clone(),
                folder: scratch("weed.")?,
                ports,
                main: None,
                volumes: (0..volumes).map(|_| None).collect(),
            };
            let config = seaweed.path("s3.json");
            fs::write(&config, identities()).map_err(io(config.display()))?;
            seaweed.start_again()?;
            Ok(seaweed)
        })
    }

    /// Where its S3 interface is, `http://127.0.0.1:PORT`, the same for as long as this lives.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The address of the same.
    pub fn address(&self) -> SocketAddr {
        self.ports.address(S3)
    }

    /// The key of an identity that may do everything.
    pub fn access_key(&self) -> &'static str {
        KEY
    }

    /// Its secret.
    pub fn secret_key(&self) -> &'static str {
        SECRET
    }

    /// Key and secret of an identity that may read and list, and write nothing.
    pub fn reader(&self) -> (&'static str, &'static str) {
        (READER_KEY, READER_SECRET)
    }

    /// Makes a bucket; its name needs three characters. With object lock it keeps versions, too.
    ///
    /// # Errors
    /// Where the service says no.
    pub fn create_bucket(&self, name: &str, object_lock: bool) -> Result<()> {
        let lock = ["-H", "x-amz-bucket-object-lock-enabled: true"];
        let lock = if object_lock { &lock[..] } else { &[][..] };
        let mut command = self.curl(&self.endpoint(), name, (KEY, SECRET));
        output(command.args(["-X", "PUT"]).args(lock), CURL).map(drop)
    }

    /// Kills all of its processes.
    ///
    /// # Errors
    /// Where all are down.
    pub fn kill(&mut self) -> Result<()> {
        let main = self.main.take();
        let volumes = self.volumes.iter_mut().filter_map(Option::take);
        let all: Vec<Process> = main.into_iter().chain(volumes).collect();
        if all.is_empty() {
            return Err(PeerError::Down(NAME));
        }
        all.into_iter().try_for_each(Process::kill)
    }

    /// Starts what is down, on the same data and ports, and waits until all of it is ready.
    ///
    /// # Errors
    /// Where something does not start.
    pub fn start_again(&mut self) -> Result<()> {
        if self.main.is_none() {
            self.main = Some(self.launch_main()?);
        }
        for number in 0..self.volumes.len() {
            self.launch_volume(number)?;
        }
        let (s3, master) = (self.ports.address(S3), self.ports.address(MASTER));
        let volumes = self.volumes.len().max(1);
        let main = self.main.as_mut().ok_or(PeerError::Down(NAME))?;
        main.ready("S3 and all volume servers", || {
            Ok(asked(s3, "/healthz").is_some() && known(master) == volumes)
        })
    }

    /// Stops all of its processes where they are: connections stay open, nothing is answered.
    ///
    /// # Errors
    /// Where all are down.
    pub fn pause(&self) -> Result<()> {
        self.running()?.into_iter().try_for_each(Process::pause)
    }

    /// Lets them go on.
    ///
    /// # Errors
    /// Where all are down.
    pub fn resume(&self) -> Result<()> {
        self.running()?.into_iter().try_for_each(Process::resume)
    }

    /// Kills a volume server of a replicated service, from 0.
    ///
    /// # Errors
    /// Where there is none of this number, or it is down.
    pub fn kill_volume(&mut self, number: usize) -> Result<()> {
        let volume = self.volumes.get_mut(number);
        let volume = volume.ok_or(PeerError::NoVolume(number))?.take();
        volume.ok_or(PeerError::Down("the volume server"))?.kill()
    }

    /// Starts it again, and waits until the service knows it. Nothing is done if it runs.
    ///
    /// # Errors
    /// Where there is none of this number, or it does not start.
    pub fn start_volume(&mut self, number: usize) -> Result<()> {
        self.launch_volume(number)?;
        let volumes = self.volumes.iter().flatten().count();
        let master = self.ports.address(MASTER);
        let volume = self.volumes.get_mut(number).and_then(Option::as_mut);
        let volume = volume.ok_or(PeerError::NoVolume(number))?;
        volume.ready("known to the master", || Ok(known(master) == volumes))
    }

    fn running(&self) -> Result<Vec<&Process>> {
        let all: Vec<&Process> = self
            .main
            .iter()
            .chain(self.volumes.iter().flatten())
            .collect();
        if all.is_empty() {
            return Err(PeerError::Down(NAME));
        }
        Ok(all)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A signed request about a bucket or object, `GET` unless something else is added. A status
    /// that is no success is an error, with what the service said.
    fn curl(&self, endpoint: &str, path: &str, (key, secret): (&str, &str)) -> Command {
        let mut command = Command::new("curl");
        command
            .args(["-q", "--silent", "--show-error", "--fail-with-body"])
            .args(["--noproxy", "*", "--max-time", "60"])
            .args(["--aws-sigv4", &format!("aws:amz:{REGION}:s3")])
            .args(["--user", &format!("{key}:{secret}")])
            .arg(format!("{endpoint}/{path}"));
        command
    }
}

impl Drop for Seaweed {
    fn drop(&mut self) {
        self.kill().ok();
        for socket in self.sockets() {
            fs::remove_file(socket).ok();
        }
    }
}

/// The body of a successful answer.
fn asked(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&address, QUESTION).ok()?;
    stream.set_read_timeout(Some(QUESTION)).ok()?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split_whitespace().nth(1)?;
    (status == "200").then(|| body.to_owned())
}

/// How many volume servers the master knows.
fn known(master: SocketAddr) -> usize {
    let status = asked(master, "/dir/status").unwrap_or_default();
    status.matches("\"PublicUrl\":").count()
}

#[cfg(test)]
mod tests;
