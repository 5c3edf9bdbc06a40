//! Mailboxes over IMAP: the real program, and real clients of mail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

#[allow(dead_code, reason = "what other tests use of it")]
#[path = "../service/common.rs"]
mod service;
mod standby;
mod webmail;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

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

/// mbsync between a folder near by and a mailbox: what it said, and whether it was content.
pub(crate) struct Mbsync {
    config: PathBuf,
    pub(crate) near: PathBuf,
}

impl Mbsync {
    /// `tls`: the certificate to trust, or in the clear.
    pub(crate) fn new(
        folder: &Path,
        at: SocketAddr,
        user: &str,
        password: &str,
        tls: Option<&str>,
    ) -> Self {
        let near = folder.join("near");
        std::fs::create_dir_all(&near).unwrap();
        let how = match tls {
            Some(ca) => format!("SSLType IMAPS\nCertificateFile {ca}\n"),
            None => "SSLType None\nAuthMechs LOGIN\n".to_owned(),
        };
        let (config, near_text) = (folder.join("mbsyncrc"), near.display());
        let settings = format!(
            "IMAPAccount a\nHost localhost\nPort {}\nUser {user}\nPass \"{password}\"\n{how}\nIMAPStore far\nAccount a\n\n\
             MaildirStore near\nPath {near_text}/\nInbox {near_text}/INBOX\nSubFolders Verbatim\n\n\
             Channel c\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\nSyncState *\n",
            at.port()
        );
        std::fs::write(&config, settings).unwrap();
        Mbsync { config, near }
    }

    pub(crate) fn run(&self) {
        let mut command = Command::new("mbsync");
        command.arg("-c").arg(&self.config).args(["-a", "-q"]);
        let done = command.output().expect("mbsync; run .ci/run once");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{said}");
    }

    /// The mails of a folder near by, by the flags in their names.
    pub(crate) fn mails(&self, folder: &str) -> Vec<(String, Vec<u8>)> {
        let mut all = Vec::new();
        for part in ["new", "cur"] {
            let Ok(entries) = std::fs::read_dir(self.near.join(folder).join(part)) else {
                continue;
            };
            for entry in entries {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                let flags = name.split_once(":2,").map_or("", |(_, flags)| flags);
                all.push((flags.to_owned(), std::fs::read(&path).unwrap()));
            }
        }
        all.sort();
        all
    }
}
