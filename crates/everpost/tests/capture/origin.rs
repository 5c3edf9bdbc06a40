//! Whether mail of strangers is from whom it says: found out when it comes, told onward, and kept.

use everpost_mail::authenticity::{KeyKind, Signer};
use everpost_testkit::peers::{Bind, Dovecot, Postfix};
use serde_json::Value;

use crate::client::{Client, id};
use crate::relay::{ANN, await_that, letter, well};
use crate::service::{Service, lines};
use crate::{Archive, address, text};

#[test]
fn what_was_found_out_about_a_sender_is_kept_and_told() {
    let dovecot = Dovecot::start(&["ann"]).unwrap();
    let postfix = Postfix::before(&dovecot, false).unwrap();
    let (pem, record) = Signer::generate("example.com", "k1", KeyKind::Ed25519).unwrap();
    let signer = Signer::from_pem("example.com", "k1", &pem).unwrap();
    let zone = format!(
        "example TXT \"v=spf1 ip4:127.0.0.1 -all\"\n_dmarc.example TXT \"v=DMARC1; p=reject\"\n\
         k1._domainkey.example TXT \"{record}\""
    );
    let bind = Bind::start(&[("com", &zone)]).unwrap();
    let archive = Archive::new("domains = ['example.test']");
    archive.relays(&format!("[dns]\nservers = ['{}']\n", bind.address()));
    let server = postfix.address().to_string();
    well(
        &archive,
        &["domain", "add", "example.test", "--server", &server],
    );
    well(&archive, &["recipient", "add", ANN]);
    let command = [
        "service",
        "--config",
        &archive.config,
        "--listen",
        "mx=127.0.0.1:0",
    ];
    let service = Service::start(&archive.data, &command);
    let mut client = Client::connect(address(&service, "mx"));

    let forged =
        b"Authentication-Results: mx.archive.test; spf=pass smtp.mailfrom=bank.example\r\n";
    let signed = [signer.sign(&letter(0)).unwrap().as_bytes(), &letter(0)].concat();
    let good = [&forged[..], &signed].concat();
    let good = id(&client.send("carol@example.com", &[ANN], &good));
    // Signed, and changed since.
    let bad = String::from_utf8(signed)
        .unwrap()
        .replace("Pier 0", "Pier 9");
    let bad = id(&client.send("carol@example.com", &[ANN], bad.as_bytes()));
    await_that("two mails", || dovecot.delivered("ann").unwrap().len() == 2);
    let mails = dovecot.delivered("ann").unwrap();
    let mails = mails
        .iter()
        .map(|mail| String::from_utf8_lossy(mail).into_owned());
    let (mut passed, mut failed) = (0, 0);
    for mail in mails {
        assert!(!mail.contains("bank.example"), "{mail}");
        let results = mail.split_once("Authentication-Results: mx.archive.test");
        let (_, results) = results.expect("no results");
        assert!(
            results.contains("spf=pass") && results.contains("dmarc=pass"),
            "{mail}"
        );
        passed += usize::from(results.contains("dkim=pass"));
        failed += usize::from(results.contains("dkim=fail"));
    }
    assert_eq!((passed, failed), (1, 1));
    let shown = |id: &str| lines(&archive.data, &["show", id, "--authenticity"]);
    let results = |shown: &[Value]| -> Vec<(String, String, String)> {
        let [one] = shown else {
            panic!("{shown:?}");
        };
        assert_eq!(one["same"], true);
        assert_eq!(one["sender"], "carol@example.com");
        let results = one["results"].as_array().unwrap().iter();
        let of = |result: &Value, name: &str| result[name].as_str().unwrap().to_owned();
        results
            .map(|result| {
                (
                    of(result, "method"),
                    of(result, "verdict"),
                    of(result, "by"),
                )
            })
            .collect()
    };
    let wanted = |dkim: &str| {
        [
            ("spf", "pass", ""),
            ("dkim", dkim, "k1"),
            ("dmarc", "pass", "reject"),
            ("arc", "none", ""),
        ]
        .map(|(method, verdict, by)| (method.to_owned(), verdict.to_owned(), by.to_owned()))
        .to_vec()
    };
    assert_eq!(results(&shown(&good)), wanted("pass"));
    assert_eq!(results(&shown(&bad)), wanted("fail"));
    client.quit();
    service.stop();
    // The keys are gone from DNS, and the service with them: what was recorded is enough.
    drop(bind);
    let kept = shown(&good);
    assert_eq!(results(&kept), wanted("pass"));
    let records = kept[0]["records"].as_array().unwrap();
    assert!(
        records.iter().any(|one| one["found"][0] == record),
        "{records:?}"
    );
    let said = well(&archive, &["show", &good, "--authenticity"]);
    assert!(
        said.contains("DKIM      pass      example.com  k1"),
        "{said}"
    );
    // What did not come by such a road has no results.
    let letters = tempfile::tempdir().unwrap();
    std::fs::write(letters.path().join("7.eml"), letter(7)).unwrap();
    let import = ["import", "eml", text(letters.path()), "--mailbox", ANN];
    well(&archive, &import);
    let other = everpost_domain::digest::Digest::of(&letter(7)).to_string();
    assert!(shown(&other).is_empty());
}
