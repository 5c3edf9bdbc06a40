//! An organization with a mail server, a service, an agent, and the world outside.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use base64::Engine;
use everpost_testkit::peers::{Dovecot, Postfix};
use serde_json::Value;

use crate::mbsync::Mbsync;
use crate::service::{Service, account, everpost, everpost_with, lines, program};

pub(crate) const ANN: &str = "ann@example.test";

/// The world outside: it takes all mail, and remembers its subjects.
#[derive(Clone, Default)]
pub(crate) struct Outside(Arc<Mutex<Vec<String>>>);

impl Outside {
    fn open(at: SocketAddr, outside: Self) -> SocketAddr {
        let listener = TcpListener::bind(at).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let outside = outside.clone();
                std::thread::spawn(move || outside.talk(stream));
            }
        });
        address
    }

    fn talk(&self, stream: TcpStream) {
        let mut write = stream.try_clone().unwrap();
        let mut say = move |words: &str| write.write_all(format!("{words}\r\n").as_bytes()).ok();
        say("220 outside.test");
        let mut is_body = false;
        let mut subject = String::new();
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            let verb = line.get(..4).unwrap_or_default().to_uppercase();
            if is_body {
                if let Some(text) = line.strip_prefix("Subject: ") {
                    subject = text.to_owned();
                }
                if line == "." {
                    is_body = false;
                    self.0.lock().unwrap().push(std::mem::take(&mut subject));
                    say("250 taken");
                }
                continue;
            }
            match verb.as_str() {
                "DATA" => {
                    is_body = true;
                    say("354 go on")
                }
                "QUIT" => {
                    say("221 bye");
                    return;
                }
                _ => say("250 outside.test"),
            };
        }
    }

    /// Subjects of all that came, in order.
    pub(crate) fn came(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Hands a mail to a server, as somebody who signs in or as a stranger; the last words of it.
pub(crate) fn send(
    to: SocketAddr,
    who: Option<(&str, &str)>,
    (from, recipient): (&str, &str),
    mail: &str,
) -> String {
    let stream = TcpStream::connect(to).unwrap();
    let mut stream = BufReader::new(stream);
    let mut say = |line: &str| {
        stream.get_mut().write_all(line.as_bytes()).unwrap();
        let mut said = String::new();
        loop {
            said.clear();
            assert!(stream.read_line(&mut said).unwrap() > 0, "{line}");
            if said.as_bytes().get(3) != Some(&b'-') {
                return said;
            }
        }
    };
    say("");
    say("EHLO near.test\r\n");
    if let Some((user, password)) = who {
        let plain =
            base64::engine::general_purpose::STANDARD.encode(format!("\0{user}\0{password}"));
        let said = say(&format!("AUTH PLAIN {plain}\r\n"));
        assert!(said.starts_with("235"), "{said}");
    }
    say(&format!("MAIL FROM:<{from}>\r\n"));
    let said = say(&format!("RCPT TO:<{recipient}>\r\n"));
    if !said.starts_with("250") {
        return said;
    }
    say("DATA\r\n");
    let said = say(&format!("{mail}\r\n.\r\n"));
    say("QUIT\r\n");
    said
}

pub(crate) fn letter(subject: &str, from: &str, to: &str) -> String {
    format!(
        "From: {from}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{}@example.com>\r\n\
         Date: Mon, 3 Jun 2024 10:00:00 +0000\r\n\r\nAbout {subject}.",
        subject.replace(' ', ".")
    )
}

pub(crate) fn waits_for(what: &str, mut is: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !is() {
        assert!(began.elapsed().as_secs() < 90, "{what} never came");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// Subjects and flags of mails, by folder.
pub(crate) type Folders = BTreeMap<String, Vec<(String, String)>>;

/// All of it.
pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) dovecot: Dovecot,
    pub(crate) postfix: Postfix,
    pub(crate) outside: Outside,
    archive: PathBuf,
    pub(crate) service: Service,
    pub(crate) agent: Agent,
    pub(crate) near: Mbsync,
}

/// An agent that runs.
pub(crate) struct Agent {
    data: PathBuf,
    password: String,
    process: Service,
}

impl Agent {
    fn start(data: &Path, password: String) -> Self {
        let listen = ["imap", "submission", "http"].map(|one| format!("{one}=127.0.0.1:0"));
        let listen: Vec<&str> = listen.iter().flat_map(|one| ["--listen", one]).collect();
        Agent {
            process: Service::start_role(program(), data, &[&["agent"][..], &listen].concat()),
            data: data.to_owned(),
            password,
        }
    }

    pub(crate) fn address(&self, listener: &str) -> SocketAddr {
        address(&self.process, listener)
    }

    /// How its account is.
    pub(crate) fn status(&self) -> Value {
        let mut stream = TcpStream::connect(self.address("http")).unwrap();
        let ask = "GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(ask.as_bytes()).unwrap();
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let all: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"));
        all[0].clone()
    }

    /// The user sends a mail.
    pub(crate) fn send(&self, to: &str, subject: &str) {
        let mail = letter(subject, ANN, to);
        let who = Some((ANN, self.password.as_str()));
        let said = send(self.address("submission"), who, (ANN, to), &mail);
        assert!(said.starts_with("250"), "{said}");
    }
}

pub(crate) fn address(service: &Service, listener: &str) -> SocketAddr {
    let address = service.ready["listeners"][listener].as_str().unwrap();
    address.parse().unwrap()
}

fn well(data: &Path, command: &[&str]) {
    let done = everpost(data, command);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?}: {said}");
}

impl World {
    pub(crate) fn new() -> Self {
        let dovecot = Dovecot::start(&["ann"]).unwrap();
        let postfix = Postfix::organization(&dovecot).unwrap();
        let outside = Outside::default();
        Outside::open(postfix.archive(), outside.clone());
        let folder = tempfile::tempdir().unwrap();
        let (archive, config) = (folder.path().join("data"), folder.path().join("c.toml"));
        let settings = format!(
            "[capture]\ndomains = ['example.test']\n[relay]\nhostname = 'mx.archive.test'\nquiet_seconds = 1\n\
             check_senders = false\nsmarthost = '{}'\n",
            postfix.archive()
        );
        std::fs::write(&config, settings).unwrap();
        account(&archive, ANN, &[]);
        let server = postfix.address().to_string();
        well(
            &archive,
            &["domain", "add", "example.test", "--server", &server],
        );
        well(&archive, &["recipient", "add", ANN]);
        let service = Service::start(
            &archive,
            &[
                "service",
                "--config",
                config.to_str().unwrap(),
                "--listen",
                "mx=127.0.0.1:0",
            ],
        );
        let code = lines(&archive, &["enrol", ANN])[0]["code"].clone();
        let data = folder.path().join("agent");
        let base = format!("https://localhost:{}", address(&service, "https").port());
        let (imap, smtp) = (dovecot.imap().to_string(), server);
        let add = [
            "--json",
            "agent",
            "add",
            ANN,
            "--imap",
            &imap,
            "--imap-tls",
            "none",
            "--smtp",
            &smtp,
            "--smtp-tls",
            "none",
            "--service",
            &base,
            "--ca",
            service.ready["ca"].as_str().unwrap(),
            "--code",
            code.as_str().unwrap(),
            "--password-stdin",
        ];
        let added = everpost_with(&data, &add, "secret of ann\n");
        let said = String::from_utf8_lossy(&added.stderr);
        assert!(added.status.success(), "{said}");
        let added: Value = serde_json::from_slice(&added.stdout).unwrap();
        let password = added["password"].as_str().unwrap().to_owned();
        let agent = Agent::start(&data, password);
        let home = folder.path().join("near");
        std::fs::create_dir(&home).unwrap();
        let near = Mbsync::new(&home, agent.address("imap"), ANN, &agent.password, None);
        World {
            folder,
            dovecot,
            postfix,
            outside,
            archive,
            service,
            agent,
            near,
        }
    }

    /// An administrator's order.
    pub(crate) fn order(&self, what: &str) {
        let mut command = vec!["continuity", what, "--scope", "all"];
        if what == "activate" {
            command.extend(["--reason", "down"]);
        }
        well(&self.archive, &command);
    }

    /// The mail server dies.
    pub(crate) fn down(&mut self) {
        self.postfix.kill().unwrap();
        self.dovecot.kill().unwrap();
    }

    /// It is there again.
    pub(crate) fn up(&mut self) {
        self.dovecot.start_again().unwrap();
        self.postfix.start_again().unwrap();
    }

    /// Somebody outside writes to Ann: to her mail server, or to the service.
    pub(crate) fn write(&self, to: SocketAddr, subject: &str) {
        let mail = letter(subject, "carol@example.com", ANN);
        let said = send(to, None, ("carol@example.com", ANN), &mail);
        assert!(said.starts_with("250"), "{said}");
    }

    /// What the mail server has: subjects and flags, by folder.
    pub(crate) fn there(&self) -> Folders {
        let home = tempfile::tempdir_in(self.folder.path()).unwrap();
        let direct = Mbsync::new(home.path(), self.dovecot.imap(), ANN, "secret of ann", None);
        direct.run();
        everything(&direct)
    }

    /// Waits until the agent is so.
    pub(crate) fn until(&self, what: &str, mut is: impl FnMut(&Value) -> bool) {
        let mut last = Value::Null;
        let began = std::time::Instant::now();
        loop {
            let status = self.agent.status();
            if is(&status) {
                return;
            }
            assert!(began.elapsed().as_secs() < 120, "{what} never came: {last}");
            last = status;
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }

    /// Waits until the mail program finds it so.
    pub(crate) fn finds(&self, what: &str, mut is: impl FnMut(&Folders) -> bool) {
        let began = std::time::Instant::now();
        loop {
            self.near.run();
            let near = everything(&self.near);
            if is(&near) {
                return;
            }
            if began.elapsed().as_secs() >= 60 {
                let home = tempfile::tempdir_in(self.folder.path()).unwrap();
                let (imap, password) = (self.agent.address("imap"), &self.agent.password);
                let fresh = Mbsync::new(home.path(), imap, ANN, password, None);
                fresh.run();
                panic!(
                    "{what} never came: {near:#?}, the agent has {:#?}, there {:#?}, {:#}",
                    everything(&fresh),
                    self.there(),
                    self.agent.status()
                );
            }
        }
    }

    /// The agent is killed where it stands, and begins again. The mail program finds it at another port.
    pub(crate) fn crash_agent(&mut self) {
        let (data, password) = (self.agent.data.clone(), self.agent.password.clone());
        // Dropped, it is killed; the next one needs its archive.
        self.agent.process.kill_now();
        self.agent = Agent::start(&data, password);
        let home = self.near.near.parent().unwrap().to_owned();
        let imap = self.agent.address("imap");
        self.near = Mbsync::new(&home, imap, ANN, &self.agent.password, None);
    }
}

/// Subjects and flags near by, by folder.
pub(crate) fn everything(near: &Mbsync) -> Folders {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(&near.near).unwrap() {
        let folder = entry.unwrap().file_name().into_string().unwrap();
        let mails = near.mails(&folder).into_iter();
        let mut held: Vec<(String, String)> = mails
            .map(|(flags, mail)| {
                let text = String::from_utf8_lossy(&mail).into_owned();
                let subject = text.lines().find_map(|line| line.strip_prefix("Subject: "));
                (subject.unwrap_or_default().to_owned(), flags)
            })
            .collect();
        held.sort();
        if !held.is_empty() {
            all.insert(folder, held);
        }
    }
    all
}
