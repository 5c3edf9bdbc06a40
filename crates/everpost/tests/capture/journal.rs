//! Journal reports, as Exchange sends them.

use std::process::Command;

use crate::client::{Client, id};
use crate::service::{PASSWORD, account, everpost, lines, program};
use crate::{Archive, address, text};

const INNER: &str = "From: Ann <ann@example.org>\r\nTo: team@example.org\r\nSubject: Pier 7\r\n\
    Message-ID: <pier@example.org>\r\nDate: Mon, 3 Jun 2024 10:00:00 +0000\r\n\r\nBuy the marzipan.\r\n";

/// A report of a mail that also went to somebody secretly, and to a list.
fn report() -> String {
    format!(
        "From: Microsoft Outlook <MicrosoftExchange329e@example.org>\r\nTo: journal@archive.test\r\n\
         Subject: Pier 7\r\nMessage-ID: <report@example.org>\r\nDate: Mon, 3 Jun 2024 10:00:05 +0000\r\n\
         MIME-Version: 1.0\r\nX-MS-Journal-Report:\r\nContent-Type: multipart/mixed; boundary=\"_j_\"\r\n\r\n\
         --_j_\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n\
         Sender: ann@example.org\r\nSubject: Pier 7\r\nMessage-ID: <pier@example.org>\r\n\
         To: bob@example.org, Expanded: team@example.org\r\nBcc: eve@example.org\r\nRecipient: out@example.net\r\n\
         \r\n--_j_\r\nContent-Type: message/rfc822\r\n\r\n{INNER}\r\n--_j_--\r\n"
    )
}

#[test]
fn a_report_and_its_message_are_one() {
    let archive = Archive::new("domains = ['example.org']");
    for person in ["ann", "bob", "eve", "mallory"] {
        account(&archive.data, &format!("{person}@example.org"), &[]);
    }
    let service = archive.serve("journal=127.0.0.1:0");
    let mut client = Client::connect(address(&service, "journal"));
    let said = client.send("", &["journal@archive.test"], report().as_bytes());
    let inner = id(&said);
    // Exchange splits reports of many recipients, and sends one again whose answer it did not hear.
    let said = client.send("", &["journal@archive.test"], report().as_bytes());
    assert_eq!(id(&said), inner);
    client.quit();
    // Whose mailbox it is, by the report's envelope and nobody else's.
    for (person, hits) in [("ann", 1), ("bob", 1), ("eve", 1), ("mallory", 0)] {
        let who = service.sign_in(&format!("{person}@example.org"), PASSWORD);
        let asked = std::time::Instant::now();
        let found = loop {
            let found = service.get(&who, "/search?q=marzipan").well();
            if found["total"] == hits || asked.elapsed().as_secs() > 20 {
                break found;
            }
        };
        assert_eq!(found["total"], hits, "{person}: {found}");
    }
    service.stop();

    let found = lines(&archive.data, &["search", "marzipan"]);
    assert_eq!(found.len(), 2, "one hit and the summary: {found:?}");
    let message = found[0]["message"]
        .as_str()
        .unwrap_or(found[0]["id"].as_str().unwrap());
    assert_eq!(message, inner);
    let shown = everpost(&archive.data, &["show", &inner, "--raw"]);
    assert!(shown.stdout == INNER.as_bytes());
    let info = &lines(&archive.data, &["show", &inner])[0];
    let copies: Vec<&str> = (info["copies"].as_array().unwrap().iter())
        .map(|one| one.as_str().unwrap())
        .collect();
    assert_eq!(copies.len(), 2, "{info}");
    assert_eq!(info["origin"], "captured");
    let other = copies.iter().find(|id| **id != inner).unwrap();
    let told = everpost(&archive.data, &["show", other, "--raw"]);
    assert!(told.stdout == report().as_bytes());
    assert_eq!(
        lines(&archive.data, &["show", other])[0]["message"],
        inner.as_str()
    );
}

#[test]
fn a_test_message_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.eml");
    std::fs::write(&file, report()).unwrap();
    let run = |more: &[&str]| {
        let mut command: Command = program();
        let done = command.args(["capture", "check", text(&file)]).args(more);
        let done = done.output().unwrap();
        assert!(done.status.success());
        String::from_utf8(done.stdout).unwrap()
    };
    let said = run(&[]);
    assert!(said.starts_with("journal report\n"), "{said}");
    for wanted in [
        "  recipient: To: bob@example.org, Expanded: team@example.org\n",
        "  recipient: Bcc: eve@example.org\n",
        "  message-id: pier@example.org\n",
    ] {
        assert!(said.contains(wanted), "{said}");
    }
    let said: serde_json::Value = serde_json::from_str(&run(&["--json"])).unwrap();
    assert_eq!(said["form"], "journal report");
    assert_eq!(said["doubts"], serde_json::json!([]));
}
