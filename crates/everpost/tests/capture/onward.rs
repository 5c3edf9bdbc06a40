//! Other ways onward: straight into a Dovecot by LMTP, and through a smarthost that wants to know who we are.

use everpost_testkit::peers::{Dovecot, Postfix};

use crate::client::{Client, id};
use crate::relay::{ANN, BOB, await_that, letter, states, well};
use crate::service::Service;
use crate::{Archive, address, text};

/// An archive that relays with these settings.
fn archive(relay: &str) -> Archive {
    let archive = Archive::new("domains = ['example.test']");
    archive.relays(&format!(
        "quiet_seconds = 1\ncheck_senders = false\n{relay}"
    ));
    archive
}

fn serve(archive: &Archive) -> (Service, Client) {
    let command = [
        "service",
        "--config",
        &archive.config,
        "--listen",
        "mx=127.0.0.1:0",
    ];
    let service = Service::start(&archive.data, &command);
    let client = Client::connect(address(&service, "mx"));
    (service, client)
}

#[test]
fn a_dovecot_gets_mail_by_lmtp() {
    let dovecot = Dovecot::start(&["ann"]).unwrap();
    let archive = archive("");
    let server = format!("lmtp:{}", dovecot.address());
    well(
        &archive,
        &["domain", "add", "example.test", "--server", &server],
    );
    // Dovecot knows no Bob: of one message each recipient has an answer of its own.
    well(&archive, &["recipient", "add", ANN, BOB]);
    let (service, mut client) = serve(&archive);
    id(&client.send(ANN, &[ANN, BOB], &letter(0)));
    await_that("both ends, and a notification", || {
        let mut states = states(&archive);
        states.sort();
        states == ["delivered", "delivered", "failed"]
    });
    let mails = dovecot.delivered("ann").unwrap();
    assert_eq!(mails.len(), 2);
    let tells = |mail: &&Vec<u8>| String::from_utf8_lossy(mail).contains("User doesn't exist");
    assert_eq!(mails.iter().filter(tells).count(), 1);
    client.quit();
    service.stop();
}

#[test]
fn a_smarthost_takes_mail_from_whom_it_knows() {
    let dovecot = Dovecot::start(&["ann", "bob"]).unwrap();
    let postfix = Postfix::smarthost(&dovecot).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    let sign_in = |secret: &str| std::fs::write(&password, format!("{secret}\n")).unwrap();
    sign_in("wrong");
    let archive = archive(&format!(
        "smarthost = '{}'\nsmarthost_user = 'ann@example.test'\nsmarthost_password = '{}'\n",
        postfix.address(),
        text(&password)
    ));
    well(&archive, &["domain", "add", "here.test"]);
    let alias = ["recipient", "add", "friend@here.test", "--alias-of", BOB];
    well(&archive, &alias);
    let (service, mut client) = serve(&archive);
    id(&client.send("carol@example.com", &["friend@here.test"], &letter(0)));
    await_that("a refusal", || {
        well(&archive, &["queue", "explain", "1"]).contains("535 5.7.8")
    });
    assert!(dovecot.delivered("bob").unwrap().is_empty());
    client.quit();
    service.stop();
    sign_in("secret of ann");
    let (service, _client) = serve(&archive);
    well(&archive, &["queue", "retry"]);
    await_that("a mail", || dovecot.delivered("bob").unwrap().len() == 1);
    let log = String::from_utf8(postfix.log().unwrap()).unwrap();
    assert!(log.contains("sasl_username=ann@example.test"), "{log}");
    service.stop();
}
