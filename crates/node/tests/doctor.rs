//! What `doctor` says of domains that are right and wrong, asked of a real name server.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use std::net::SocketAddr;
use std::path::Path;

use everpost_node::config::{AcmeConfig, Config};
use everpost_node::doctor::{Finding, Patient, SigningKey, Verdict, examine};
use everpost_testkit::peers::Bind;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

const ZONES: [(&str, &str); 9] = [
    (
        "example.test",
        "@ MX 10 mx
@ MX 20 mx.elsewhere.test.
@ TXT \"v=spf1 \" \"mx -all\"
@ TXT \"verification=of something else\"
mx A 192.0.2.25
mail A 192.0.2.26
_dmarc TXT \"v=DMARC1; p=reject\"
key1._domainkey TXT \"v=DKIM1; k=ed25519; p=abcd\"
_mta-sts TXT \"v=STSv1; id=1\"",
    ),
    (
        "wrong.test",
        "@ MX 10 mx.elsewhere.test.
@ TXT \"v=spf1 mx -all\"
@ TXT \"v=spf1 -all\"
key1._domainkey TXT \"v=DKIM1; p=\"",
    ),
    ("empty.test", "www A 192.0.2.80"),
    // The name leads to an address that says another name.
    (
        "askew.test",
        "@ MX 10 mail.example.test.\n@ TXT \"v=spf1 mx -all\"",
    ),
    (
        "2.0.192.in-addr.arpa",
        "25 PTR mx.example.test.\n26 PTR other.example.test.",
    ),
    (
        "list.test",
        "2.0.0.127 A 127.0.0.2\n25.2.0.192 A 127.0.0.4\n25.2.0.192 TXT \"sent spam\"",
    ),
    ("dead.test", "www A 192.0.2.80"),
    ("all.test", "* A 127.0.0.2"),
    ("reach.test", "@ MX 10 mx\nmx A 127.0.0.1"),
];

fn patient(folder: &Path, server: SocketAddr) -> Patient {
    let mut config = Config::default();
    config.dns.servers = vec![server];
    config.tls.names = ["mx.example.test", "mail.example.test"]
        .map(String::from)
        .into();
    Patient {
        data: folder.join("data"),
        socket: folder.join("data/api.sock"),
        config,
        listen: Vec::new(),
        domains: Ok(Vec::new()),
        selectors: vec!["key1".into()],
        keys: Vec::new(),
        reach: None,
    }
}

/// What was found of this, and only this.
fn of<'a>(findings: &'a [Finding], check: &str, subject: &str) -> &'a Finding {
    let mut of = findings
        .iter()
        .filter(|finding| finding.check == check && finding.subject == subject);
    match (of.next(), of.next()) {
        (Some(one), None) => one,
        _ => panic!("{check} of {subject}: none or several of {findings:#?}"),
    }
}

#[tokio::test]
async fn right_and_wrong_domains_are_told_apart() {
    let bind = Bind::start(&ZONES).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut patient = patient(folder.path(), bind.address());
    let domains = ["example.test", "wrong.test", "empty.test", "askew.test"];
    patient.config.capture.domains = domains.map(String::from).into();
    patient.config.tls.acme = Some(AcmeConfig {
        names: ["mx.example.test", "none.example.test"]
            .map(String::from)
            .into(),
        ..AcmeConfig::default()
    });
    let findings = examine(&patient).await;
    use Verdict::{Skipped, Warning, Well, Wrong};
    let expected = [
        ("acme", "mx.example.test", Well, "192.0.2.25"),
        ("acme", "none.example.test", Wrong, "no address"),
        (
            "mx",
            "example.test",
            Well,
            "mx.example.test, mx.elsewhere.test",
        ),
        ("ours", "example.test", Well, "mx.example.test"),
        ("address", "mx.example.test", Well, "192.0.2.25"),
        ("ptr", "192.0.2.25", Well, "leads back"),
        ("spf", "example.test", Well, "v=spf1 mx -all"),
        ("dmarc", "example.test", Well, "p=reject"),
        ("dkim", "key1._domainkey.example.test", Well, "published"),
        (
            "transport",
            "example.test",
            Skipped,
            "MTA-STS: there, TLS reports: none",
        ),
        ("mx", "wrong.test", Well, "mx.elsewhere.test"),
        ("ours", "wrong.test", Warning, "none of mx.elsewhere.test"),
        ("spf", "wrong.test", Wrong, "2 SPF records"),
        ("dmarc", "wrong.test", Wrong, "no DMARC record"),
        ("dkim", "key1._domainkey.wrong.test", Wrong, "withdrawn"),
        ("mx", "empty.test", Wrong, "no MX record"),
        ("spf", "empty.test", Wrong, "no SPF record"),
        ("dkim", "key1._domainkey.empty.test", Wrong, "no key"),
        (
            "ptr",
            "192.0.2.26",
            Wrong,
            "other.example.test, not mail.example.test",
        ),
    ];
    for (check, subject, verdict, found) in expected {
        let finding = of(&findings, check, subject);
        assert_eq!(finding.verdict, verdict, "{finding:?}");
        assert!(finding.found.contains(found), "{finding:?}");
    }
    // Who is told of a fault is told what to do; and nobody else is.
    for finding in &findings {
        let fault = matches!(finding.verdict, Warning | Wrong);
        assert_eq!(fault, !finding.hint.is_empty(), "{finding:?}");
    }
    // Domains that the archive knows are looked at, and keys are those that we sign with.
    patient.config.capture.domains = Vec::new();
    patient.domains = Ok(vec!["Example.test".into(), "wrong.test".into()]);
    patient.selectors = Vec::new();
    let key = |domain: &str, selector: &str, key: &str| SigningKey {
        domain: domain.into(),
        selector: selector.into(),
        record: format!("v=DKIM1; k=ed25519; p={key}"),
    };
    patient.keys = vec![
        key("example.test", "key1", "abcd"),
        key("wrong.test", "key1", "abcd"),
        key("example.test", "key2", "abcd"),
    ];
    let findings = examine(&patient).await;
    let dkim = |subject| of(&findings, "dkim", subject);
    assert_eq!(dkim("key1._domainkey.example.test").verdict, Well);
    assert_eq!(dkim("key1._domainkey.wrong.test").verdict, Wrong);
    let missing = dkim("key2._domainkey.example.test");
    assert!(missing.hint.contains("p=abcd"), "{missing:?}");
    patient.keys = vec![key("example.test", "key1", "efgh")];
    patient.domains = Err("it is locked".into());
    let findings = examine(&patient).await;
    let other = of(&findings, "dkim", "key1._domainkey.example.test");
    assert!(other.found.contains("another key"), "{other:?}");
    assert_eq!(of(&findings, "domains", "archive").found, "it is locked");
    // A zone that nobody answers for is not the same as one that has nothing.
    patient.config.capture.domains = vec!["elsewhere.test".into()];
    let findings = examine(&patient).await;
    let unanswered = of(&findings, "mx", "elsewhere.test");
    assert_eq!(unanswered.verdict, Wrong);
    assert!(unanswered.hint.contains("`[dns]`"), "{unanswered:?}");
}

#[tokio::test]
async fn blocklists_are_believed_only_while_they_live() {
    let bind = Bind::start(&ZONES).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut patient = patient(folder.path(), bind.address());
    let findings = examine(&patient).await;
    assert_eq!(
        of(&findings, "blocklist", "[dns]").verdict,
        Verdict::Skipped
    );
    let lists = ["list.test", "dead.test", "all.test"];
    patient.config.dns.blocklists = lists.map(String::from).into();
    let findings = examine(&patient).await;
    let listed = of(&findings, "blocklist", "192.0.2.25 in list.test");
    assert_eq!(listed.verdict, Verdict::Wrong);
    assert_eq!(listed.found, "listed (127.0.0.4) sent spam");
    let other = of(&findings, "blocklist", "192.0.2.26 in list.test");
    assert_eq!(other.verdict, Verdict::Well);
    for (list, found) in [("dead.test", "dead"), ("all.test", "everybody")] {
        let finding = of(&findings, "blocklist", list);
        assert_eq!(finding.verdict, Verdict::Warning);
        assert!(finding.found.contains(found), "{finding:?}");
    }
}

#[tokio::test]
async fn mail_gets_out_or_not() {
    let bind = Bind::start(&ZONES).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut patient = patient(folder.path(), bind.address());
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    let greeter = tokio::spawn(async move {
        for greeting in [
            "220 mx.reach.test ESMTP\r\n",
            "220 once more\r\n",
            "554 go away\r\n",
        ] {
            let (mut stream, _) = server.accept().await.unwrap();
            stream.write_all(greeting.as_bytes()).await.unwrap();
        }
        // Nobody listens from here on.
    });
    let port = address.port();
    let targets = [
        (format!("reach.test:{port}"), Verdict::Well, "mx.reach.test"),
        (address.to_string(), Verdict::Well, "once more"),
        (format!("reach.test:{port}"), Verdict::Warning, "go away"),
    ];
    for (target, verdict, found) in targets {
        patient.reach = Some(target.clone());
        let findings = examine(&patient).await;
        let finding = of(&findings, "reach", &target);
        assert_eq!(finding.verdict, verdict, "{finding:?}");
        assert!(finding.found.contains(found), "{finding:?}");
    }
    greeter.await.unwrap();
    for target in [address.to_string(), "no port".into()] {
        patient.reach = Some(target.clone());
        let findings = examine(&patient).await;
        assert_eq!(of(&findings, "reach", &target).verdict, Verdict::Wrong);
    }
}
