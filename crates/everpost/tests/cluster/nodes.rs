//! A database, a bucket, and nodes that share them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use everpost_testkit::peers::{Postgres, Seaweed};

use crate::mailbox::{Said, run};
use crate::service::program;

/// The servers.
pub(crate) struct Servers {
    pub(crate) postgres: Postgres,
    pub(crate) objects: Seaweed,
    folder: tempfile::TempDir,
}

/// A node: its own data directory, and by which addresses it reaches the servers.
pub(crate) struct Node {
    pub(crate) data: PathBuf,
    pub(crate) catalog: String,
    pub(crate) bucket: String,
    pub(crate) key: PathBuf,
    pub(crate) credentials: [(&'static str, &'static str); 2],
}

impl Servers {
    /// Around servers that were started.
    pub(crate) fn of(postgres: Postgres, objects: Seaweed) -> Self {
        postgres.create_database("mail").unwrap();
        objects.create_bucket("archive", false).unwrap();
        Servers {
            postgres,
            objects,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Fast ones: what they were told is lost when they are killed.
    pub(crate) fn start() -> Self {
        Self::of(Postgres::start().unwrap(), Seaweed::start().unwrap())
    }

    /// A node that reaches them directly.
    pub(crate) fn node(&self, name: &str) -> Node {
        self.node_by(name, self.postgres.address(), self.objects.address())
    }

    /// A node that reaches them by other addresses.
    pub(crate) fn node_by(&self, name: &str, catalog: SocketAddr, objects: SocketAddr) -> Node {
        Node {
            data: self.folder.path().join(name),
            catalog: self.postgres.url_by(catalog, "mail"),
            bucket: format!("s3://archive/one?endpoint=http://{objects}&region=us-east-1"),
            // The nodes of a cluster have one master key.
            key: self.folder.path().join("master.key"),
            credentials: [
                ("AWS_ACCESS_KEY_ID", self.objects.access_key()),
                ("AWS_SECRET_ACCESS_KEY", self.objects.secret_key()),
            ],
        }
    }

    /// A path beside the nodes' data directories.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A number of the catalog.
    pub(crate) fn number(&self, sql: &str) -> u64 {
        let answer = self.postgres.query("mail", sql).unwrap();
        answer.trim().parse().unwrap()
    }

    /// What must hold of the catalog whatever happened to its writers.
    pub(crate) fn is_sound(&self) {
        for (what, sql) in [
            (
                "copies twice",
                "SELECT COUNT(*) - COUNT(DISTINCT digest) FROM copy",
            ),
            (
                "parts twice",
                "SELECT COUNT(*) - COUNT(DISTINCT address) FROM part",
            ),
            (
                "mailboxes twice",
                "SELECT COUNT(*) - COUNT(DISTINCT hash) FROM mailbox",
            ),
            (
                "gaps in the order",
                "SELECT COALESCE(MAX(seq) + 1, 0) - COUNT(DISTINCT seq) FROM event",
            ),
            (
                "events without a number",
                "SELECT COUNT(*) FROM event WHERE seq IS NULL",
            ),
            (
                "deliveries of no event",
                "SELECT COUNT(*) FROM delivery WHERE NOT EXISTS (SELECT 1 FROM event WHERE event.id = delivery.id AND event.copy = delivery.copy)",
            ),
        ] {
            assert_eq!(self.number(sql), 0, "{what}");
        }
    }
}

impl Node {
    /// The program as this node.
    pub(crate) fn program(&self) -> Command {
        let mut command = program();
        command
            .envs(self.credentials)
            .args([
                "--catalog",
                &self.catalog,
                "--objects",
                &self.bucket,
                "--key",
            ])
            .arg(&self.key);
        command
    }

    /// A command of this node, with JSON for an answer.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.program();
        command
            .args(["--json", "--data"])
            .arg(&self.data)
            .args(arguments);
        command
    }

    /// Runs a command.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        run(&mut self.command(arguments))
    }

    /// Everything that is stored reads back and is proven, nothing lies about, and the copies are
    /// exactly `wanted`.
    pub(crate) fn holds_exactly(&self, wanted: &BTreeSet<String>) {
        let verified = self.run(&["verify", "--all"]);
        assert_eq!(
            verified.summary()["ok"],
            wanted.len(),
            "{}",
            verified.errors
        );
        assert_eq!(verified.summary()["bad"].as_array().unwrap().len(), 0);
        let checked = self.run(&["fsck"]);
        assert_eq!(checked.code, 0, "{:?} {}", checked.lines, checked.errors);
        let found = self.run(&["search", "", "--by", "copy", "--limit", "1000000"]);
        let ids: BTreeSet<String> = found
            .lines
            .iter()
            .filter_map(|hit| hit["sha256"].as_str().map(String::from))
            .collect();
        assert_eq!(found.summary()["copies"], wanted.len());
        assert!(ids == *wanted, "other copies are found than were sent");
    }
}
