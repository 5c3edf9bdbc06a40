//! mbsync, a client of mail that many use.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

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

#[allow(dead_code, reason = "what other tests use of it")]
impl Mbsync {
    /// The file of a mail near by, by its subject.
    fn file(&self, folder: &str, subject: &str) -> PathBuf {
        for part in ["new", "cur"] {
            for entry in std::fs::read_dir(self.near.join(folder).join(part)).unwrap() {
                let path = entry.unwrap().path();
                let mail = std::fs::read_to_string(&path).unwrap();
                if mail.contains(&format!("Subject: {subject}\r\n"))
                    || mail.contains(&format!("Subject: {subject}\n"))
                {
                    return path;
                }
            }
        }
        panic!("no mail {subject} in {folder}");
    }

    /// Gives a mail other flags.
    pub(crate) fn change(&self, folder: &str, subject: &str, flags: impl FnOnce(&str) -> String) {
        let path = self.file(folder, subject);
        let name = path.file_name().unwrap().to_str().unwrap();
        let (base, old) = name.split_once(":2,").unwrap_or((name, ""));
        let to = format!("{base}:2,{}", flags(old));
        std::fs::rename(&path, self.near.join(folder).join("cur").join(to)).unwrap();
    }

    /// Moves a mail into another folder, as a new file: its name belongs to the old one.
    pub(crate) fn relocate(&self, folder: &str, subject: &str, to: &str) {
        let path = self.file(folder, subject);
        let mail = std::fs::read_to_string(&path).unwrap();
        // What mbsync put there to know it by is not the mail's.
        let mail = mail.lines().filter(|line| !line.starts_with("X-TUID: "));
        self.put(to, "", &mail.collect::<Vec<_>>().join("\r\n"));
        std::fs::remove_file(path).unwrap();
    }

    /// Puts a mail into a folder.
    pub(crate) fn put(&self, folder: &str, flags: &str, mail: &str) {
        let cur = self.near.join(folder).join("cur");
        let count = std::fs::read_dir(&cur).unwrap().count();
        let name = format!("{}.{count}.put:2,{flags}", std::process::id());
        std::fs::write(cur.join(name), format!("{}\n", mail.replace("\r\n", "\n"))).unwrap();
    }
}
