//! Mailboxes over IMAP: the real program, and real clients of mail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

mod mbsync;
#[allow(dead_code, reason = "what other tests use of it")]
#[path = "../service/common.rs"]
mod service;
mod standby;
mod webmail;

use std::net::SocketAddr;
use std::path::PathBuf;

pub(crate) use mbsync::Mbsync;
use service::Service;

pub(crate) const ANN: &str = "ann@example.test";

/// An archive whose user is active, with Ann's account.
pub(crate) struct Archive {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) data: PathBuf,
    pub(crate) config: String,
}

impl Archive {
    /// One that relays for `example.test` to this server.
    pub(crate) fn before(server: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (data, config) = (folder.path().join("data"), folder.path().join("c.toml"));
        let settings = "[capture]\ndomains = ['example.test']\n[relay]\nhostname = 'mx.archive.test'\n\
                        quiet_seconds = 1\ncheck_senders = false\n";
        std::fs::write(&config, settings).unwrap();
        let archive = Archive {
            data,
            config: config.to_str().unwrap().into(),
            folder,
        };
        service::account(&archive.data, ANN, &[]);
        archive.well(&["domain", "add", "example.test", "--server", server]);
        archive.well(&["recipient", "add", ANN]);
        archive
    }

    pub(crate) fn well(&self, command: &[&str]) -> String {
        let done = service::everpost(&self.data, command);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{command:?}: {said}");
        String::from_utf8(done.stdout).unwrap()
    }

    pub(crate) fn serve(&self) -> Service {
        let command = ["service", "--config", &self.config];
        let listen = ["mx=127.0.0.1:0", "imap=127.0.0.1:0", "imaps=127.0.0.1:0"];
        let listen: Vec<&str> = listen.iter().flat_map(|one| ["--listen", one]).collect();
        Service::start(&self.data, &[&command[..], &listen].concat())
    }
}

/// Where a running service listens.
pub(crate) fn address(service: &Service, listener: &str) -> SocketAddr {
    let address = service.ready["listeners"][listener].as_str().unwrap();
    address.parse().unwrap()
}
