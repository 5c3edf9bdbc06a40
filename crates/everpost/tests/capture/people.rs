//! People send through the service with a client of mail of their own, and what they send is signed.

use std::process::{Command, Output};

use everpost_testkit::peers::{Bind, Dovecot, Postfix};

use crate::relay::{ANN, BOB, await_that, well};
use crate::service::{PASSWORD, Service, account, everpost};
use crate::{Archive, address, text};

/// A letter through the service: how it protects itself, as whom it signs in, as whom it sends.
fn swaks(service: &Service, listener: &str, tls: &str, how: &[&str]) -> Output {
    let server = address(service, listener);
    let mut command = Command::new("swaks");
    command.args(["--server", "127.0.0.1", "--port"]);
    command.arg(server.port().to_string());
    command.args([
        tls,
        "--to",
        BOB,
        "--auth-user",
        ANN,
        "--helo",
        "laptop.test",
    ]);
    command.args([
        "--header",
        "Message-ID: <%NEW_MESSAGEID%>",
        "--body",
        "Pier 7.",
    ]);
    command.args(how).output().expect("swaks; run .ci/run once")
}

/// Whether dkimpy finds the first signature good, by the keys of this name server.
fn verifies(bind: &Bind, mail: &[u8]) -> bool {
    let script = r"
import sys, dkim, dns.resolver
asker = dns.resolver.Resolver(configure=False)
asker.nameservers, asker.port = ['127.0.0.1'], int(sys.argv[1])
def txt(name, timeout=5):
    return b''.join(asker.resolve(name.decode(), 'TXT')[0].strings)
raw = open(sys.argv[2], 'rb').read()
sys.exit(0 if dkim.verify(raw, dnsfunc=txt) else 1)
";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mail");
    std::fs::write(&path, mail).unwrap();
    let mut python = Command::new("/usr/bin/python3");
    python.args([
        "-c",
        script,
        &bind.address().port().to_string(),
        text(&path),
    ]);
    python.status().unwrap().success()
}

#[test]
fn people_sign_in_and_what_they_send_is_signed() {
    let dovecot = Dovecot::start(&["ann", "bob"]).unwrap();
    let postfix = Postfix::before(&dovecot, false).unwrap();
    let archive = Archive::new("domains = ['example.test']");
    let key = archive.folder.path().join("s1.pem");
    let generate = [
        "dkim",
        "generate",
        "example.test",
        "s1",
        "--out",
        text(&key),
    ];
    let said = well(&archive, &generate);
    // What it says is what a zone file takes.
    let zone = said.lines().next().unwrap();
    assert!(
        !everpost(&archive.data, &generate).status.success(),
        "a key was written over"
    );
    let bind = Bind::start(&[("example.test", zone)]).unwrap();
    archive.relays(&format!(
        "[[relay.dkim]]\ndomain = 'example.test'\nselector = 's1'\nkey = '{}'\n[dns]\nservers = ['{}']\n",
        key.display(),
        bind.address()
    ));
    let server = postfix.address().to_string();
    well(
        &archive,
        &["domain", "add", "example.test", "--server", &server],
    );
    well(&archive, &["recipient", "add", ANN, BOB]);
    account(&archive.data, ANN, &[]);

    // The key is found where it was published, and the domain is known from the archive.
    let doctor = everpost(&archive.data, &["doctor", "--config", &archive.config]);
    let doctor = String::from_utf8(doctor.stdout).unwrap();
    assert!(
        doctor.contains("the key that we sign with is published"),
        "{doctor}"
    );
    assert!(doctor.contains("Domain example.test"), "{doctor}");

    let command = ["service", "--config", &archive.config];
    let listen = [
        "--listen",
        "submission=127.0.0.1:0",
        "--listen",
        "submissions=127.0.0.1:0",
    ];
    let service = Service::start(&archive.data, &[&command[..], &listen].concat());
    let from = ["--from", ANN, "--auth-password", PASSWORD];
    let ways = [
        ("submission", "--tls", "PLAIN", "letter 1"),
        ("submission", "--tls", "LOGIN", "letter 2"),
        ("submissions", "--tls-on-connect", "PLAIN", "letter 3"),
    ];
    for (listener, tls, how, subject) in ways {
        let subject = format!("Subject: {subject}");
        let more = ["--auth", how, "--header", &subject];
        let sent = swaks(&service, listener, tls, &[&from[..], &more].concat());
        let said = String::from_utf8_lossy(&sent.stdout).into_owned();
        assert!(sent.status.success(), "{said}");
        assert!(said.contains("250 2.6.0 kept as "), "{said}");
    }
    let refused = |how: &[&str], reply: &str| {
        let sent = swaks(&service, "submission", "--tls", how);
        let said = String::from_utf8_lossy(&sent.stdout).into_owned();
        assert!(!sent.status.success() && said.contains(reply), "{said}");
    };
    refused(
        &["--auth", "PLAIN", "--from", ANN, "--auth-password", "wrong"],
        "535 5.7.8 ",
    );
    let other = [
        "--auth",
        "PLAIN",
        "--from",
        "eve@example.test",
        "--auth-password",
        PASSWORD,
    ];
    refused(&other, "553 5.7.1 ");
    // Nobody signs in before TLS, nor sends without.
    let clear = swaks(&service, "submission", "--no-tls", &from);
    assert!(!clear.status.success());

    await_that("three letters", || {
        dovecot.delivered("bob").unwrap().len() == 3
    });
    for mail in dovecot.delivered("bob").unwrap() {
        let said = String::from_utf8_lossy(&mail).into_owned();
        assert!(said.contains("with ESMTPSA id "), "{said}");
        assert!(
            said.contains("DKIM-Signature: v=1; a=rsa-sha256; s=s1; d=example.test;"),
            "{said}"
        );
        assert!(verifies(&bind, &mail), "{said}");
        let changed = said.replace("Pier 7", "Pier 8");
        assert!(!verifies(&bind, changed.as_bytes()));
    }
    service.stop();
}
