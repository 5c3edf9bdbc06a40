//! A PostgreSQL cluster of one's own.

mod cluster;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use cluster::{owner, programs};

use super::process::{Process, Start};
use super::{PeerError, Ports, Result, io, on_free_ports, output, scratch};

const PACKAGE: &str = "the Debian package postgresql";
const NAME: &str = "PostgreSQL";
/// More than its default, 100: several nodes with pools of their own meet in one test.
const CONNECTIONS: &str = "max_connections=200";

/// A running cluster with the superuser `postgres`, who needs no password; gone when it is dropped.
///
/// It listens on 127.0.0.1 only. Where the test runs as root, the cluster runs as `nobody`.
pub struct Postgres {
    programs: PathBuf,
    folder: TempDir,
    ports: Ports,
    owner: Option<(u32, u32)>,
    durable: bool,
    process: Option<Process>,
}

impl Postgres {
    /// A cluster that leaves it to the system when bytes reach the disk: fast, and still whole
    /// after [`Postgres::kill`], for the system lives on.
    ///
    /// # Errors
    /// Where PostgreSQL is not installed or does not start.
    pub fn start() -> Result<Self> {
        Self::with(false)
    }

    /// A cluster with the durability of the defaults: commits wait for `fsync`.
    ///
    /// # Errors
    /// Where PostgreSQL is not installed or does not start.
    pub fn durable() -> Result<Self> {
        Self::with(true)
    }

    fn with(durable: bool) -> Result<Self> {
        let programs = programs()?;
        let owner = owner()?;
        on_free_ports(|ports| {
            let mut postgres = Postgres {
                programs: programs.clone(),
                folder: scratch("pg.")?,
                ports,
                owner,
                durable,
                process: None,
            };
            postgres.fill()?;
            postgres.start_again()?;
            Ok(postgres)
        })
    }

    /// Where a client connects to; the user is `postgres`.
    pub fn url(&self, database: &str) -> String {
        self.url_by(self.address(), database)
    }

    /// The same by another address, that of a proxy say.
    pub fn url_by(&self, address: SocketAddr, database: &str) -> String {
        format!("postgres://postgres@{address}/{database}")
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.ports.address(0)
    }

    /// Its port on 127.0.0.1, the same for as long as this lives.
    pub fn port(&self) -> u16 {
        self.ports.port(0)
    }

    /// The process id of the postmaster; none while it is down.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// Makes an empty database.
    ///
    /// # Errors
    /// Where the server says no.
    pub fn create_database(&self, name: &str) -> Result<()> {
        let name = name.replace('"', "\"\"");
        self.query("postgres", &format!("CREATE DATABASE \"{name}\""))
            .map(drop)
    }

    /// What `psql` prints for SQL: a line for each row, `|` between columns.
    ///
    /// # Errors
    /// Where the server says no.
    pub fn query(&self, database: &str, sql: &str) -> Result<String> {
        let mut psql = self.program("psql");
        psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1"]);
        psql.args(["-d", &self.url(database), "-c", sql]);
        let printed = output(&mut psql, PACKAGE)?;
        Ok(String::from_utf8_lossy(&printed).trim_end().to_owned())
    }

    /// Shuts it down in order; open connections are closed, their transactions undone.
    ///
    /// # Errors
    /// Where it does not end.
    pub fn stop(&mut self) -> Result<()> {
        self.running()?.end("INT")
    }

    /// Kills the postmaster and all its children; when this returns, none is left.
    ///
    /// # Errors
    /// Where it is down.
    pub fn kill(&mut self) -> Result<()> {
        self.running()?.kill()
    }

    /// Starts it on the same data and port, after [`Postgres::stop`] or [`Postgres::kill`], and
    /// waits until it lets clients in. Nothing is done if it runs.
    ///
    /// # Errors
    /// Where it does not start.
    pub fn start_again(&mut self) -> Result<()> {
        if self.process.is_some() {
            return Ok(());
        }
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.data());
        let port = format!("port={}", self.port());
        let settings = [
            &port,
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            CONNECTIONS,
            // In its folder, not in one of the machine's, where it would stay after a kill.
            "dynamic_shared_memory_type=mmap",
        ];
        let fast = ["fsync=off", "full_page_writes=off"];
        let fast = if self.durable { &[][..] } else { &fast[..] };
        for setting in settings.iter().chain(fast) {
            command.args(["-c", setting]);
        }
        self.as_owner(&mut command);
        let start = Start {
            name: NAME,
            log: &self.folder.path().join("log"),
            // Immediate shutdown: nobody needs the data any more, yet shared memory is given back.
            ends_by: "QUIT",
            leftovers: &[self.folder.path().to_owned()],
        };
        let mut process = Process::start(&mut command, &start)?;
        let port = self.port().to_string();
        process.ready("ready for clients", || {
            let mut ask = self.program("pg_isready");
            ask.args(["-q", "-h", "127.0.0.1", "-p", &port]);
            Ok(ask.status().map_err(io("pg_isready"))?.success())
        })?;
        self.process = Some(process);
        Ok(())
    }

    /// Stops all of its processes where they are: connections stay open, nothing is answered.
    ///
    /// # Errors
    /// Where it is down.
    pub fn pause(&self) -> Result<()> {
        self.process.as_ref().ok_or(PeerError::Down(NAME))?.pause()
    }

    /// Lets them go on.
    ///
    /// # Errors
    /// Where it is down.
    pub fn resume(&self) -> Result<()> {
        self.process.as_ref().ok_or(PeerError::Down(NAME))?.resume()
    }

    fn running(&mut self) -> Result<Process> {
        self.process.take().ok_or(PeerError::Down(NAME))
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A program of PostgreSQL, without the settings of whoever runs the tests.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("PG") {
                command.env_remove(variable);
            }
        }
        command.env("LC_ALL", "C.UTF-8");
        command.current_dir(self.folder.path());
        command
    }

    fn as_owner(&self, command: &mut Command) {
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.process.take());
        // Killed and not started again, it has left a segment of shared memory, named by the last
        // word of the seventh line of this file.
        let file = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let segment = file
            .lines()
            .nth(6)
            .and_then(|line| line.split_whitespace().last());
        if let Some(segment) = segment {
            Command::new("ipcrm").args(["-m", segment]).output().ok();
        }
    }
}

#[cfg(test)]
mod tests;
