//! Notifications written and read, and replies that speak of a bad name.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

use super::*;
use proptest::prelude::*;

const ORIGINAL: &[u8] =
    b"From: Ann <ann@example.org>\r\nMessage-ID: <1@example.org>\r\nSubject: Plans\r\n\r\nText\r\n";

fn outcome(address: &str, action: Action) -> Outcome<'_> {
    Outcome {
        address,
        orcpt: None,
        notify: None,
        action,
        status: "",
        remote_mta: None,
        reply: None,
        attempted: None,
        retry_until: None,
    }
}

fn notification<'a>(original: &'a [u8], recipients: &'a [Outcome<'a>]) -> Notification<'a> {
    Notification {
        boundary: "b.1",
        message_id: "n1@mx.example.net",
        unix: 1_704_164_645,
        reporting_mta: "mx.example.net",
        from: "postmaster@example.net",
        reverse_path: "ann@example.org",
        envelope_id: None,
        arrived: None,
        received_from: None,
        ret: None,
        smtputf8: false,
        original,
        recipients,
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_failure_in_full() {
    let recipients = [Outcome {
        orcpt: Some("rfc822;bob+2Bold@example.com"),
        status: "5.1.1",
        remote_mta: Some("mx.example.com"),
        reply: Some(
            "550 5.1.1 <bob@example.com>:\r\nRecipient address rejected: User unknown in virtual mailbox table",
        ),
        attempted: Some(1_704_164_640),
        retry_until: Some(1_704_164_640),
        ..outcome("bob@example.com", Action::Failed)
    }];
    let all = Notification {
        envelope_id: Some("QQ314159+3D"),
        arrived: Some(1_704_078_245),
        received_from: Some("client.example.org"),
        ..notification(ORIGINAL, &recipients)
    };
    let written = text(write(&all).unwrap());
    let expected = "\
From: Mail Delivery System <postmaster@example.net>
To: <ann@example.org>
Subject: Your message could not be delivered
Date: Tue, 2 Jan 2024 03:04:05 +0000
Message-ID: <n1@mx.example.net>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
 boundary=\"b.1\"

--b.1
Content-Type: text/plain; charset=us-ascii

This is the mail system at mx.example.net.

Your message could not be delivered to:

  <bob@example.com>
    mx.example.com said: 550 5.1.1 <bob@example.com>: Recipient address
    rejected: User unknown in virtual mailbox table
    Tried until Tue, 2 Jan 2024 03:04:00 +0000

--b.1
Content-Type: message/delivery-status

Original-Envelope-Id: QQ314159=
Reporting-MTA: dns; mx.example.net
Received-From-MTA: dns; client.example.org
Arrival-Date: Mon, 1 Jan 2024 03:04:05 +0000

Original-Recipient: rfc822; bob+old@example.com
Final-Recipient: rfc822; bob@example.com
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.example.com
Diagnostic-Code: smtp; 550 5.1.1 <bob@example.com>: Recipient address
 rejected: User unknown in virtual mailbox table
Last-Attempt-Date: Tue, 2 Jan 2024 03:04:00 +0000

--b.1
Content-Type: message/rfc822

From: Ann <ann@example.org>
Message-ID: <1@example.org>
Subject: Plans

Text

--b.1--
";
    assert_eq!(written.replace("\r\n", "\n"), expected);
    assert!(!written.replace("\r\n", "").contains(['\r', '\n']));
    let read = read(written.as_bytes()).unwrap();
    assert_eq!(
        read,
        Dsn {
            reporting_mta: Some("mx.example.net".into()),
            envelope_id: Some("QQ314159=".into()),
            arrived: Some(1_704_078_245),
            message_id: Some(b"1@example.org".to_vec()),
            recipients: vec![Delivery {
                original: Some("bob+old@example.com".into()),
                address: Some("bob@example.com".into()),
                action: Some(Action::Failed),
                status: Some("5.1.1".into()),
                remote_mta: Some("mx.example.com".into()),
                diagnostic: Some(
                    "550 5.1.1 <bob@example.com>: Recipient address rejected: User unknown in virtual mailbox table"
                        .into()
                ),
                attempted: Some(1_704_164_640),
                retry_until: None,
            }],
        }
    );
}

#[test]
fn who_is_told_of_what() {
    let actions = [
        Action::Failed,
        Action::Delayed,
        Action::Delivered,
        Action::Relayed,
        Action::Expanded,
    ];
    for (notify, told) in [
        (None, "failed delayed"),
        (Some("NEVER"), ""),
        (Some("never"), ""),
        (Some("FAILURE"), "failed"),
        (Some("SUCCESS,DELAY"), "delayed delivered relayed expanded"),
    ] {
        let notify = notify.map(|value| Notify::parse(value).unwrap());
        let heard = actions.iter().filter(|action| {
            let one = [Outcome {
                notify,
                ..outcome("b@c", **action)
            }];
            match write(&notification(ORIGINAL, &one)) {
                Ok(written) => {
                    let read = read(&written).unwrap();
                    assert_eq!(read.recipients[0].action, Some(**action));
                    let class = read.recipients[0].status.clone().unwrap();
                    assert_eq!(class, format!("{}.0.0", action.class()));
                    true
                }
                Err(why) => {
                    assert_eq!(why, NotWritten::NobodyAsked);
                    false
                }
            }
        });
        let heard: Vec<&str> = heard.map(|action| action.name()).collect();
        assert_eq!(heard.join(" "), told);
    }
    for wrong in ["", "NEVER,DELAY", "SOMETIMES", "SUCCESS,"] {
        assert_eq!(Notify::parse(wrong), None, "{wrong}");
    }
    // Of several recipients, only those whose sender wants to hear it.
    let mixed = [
        Outcome {
            notify: Some(Notify::NEVER),
            ..outcome("quiet@c.test", Action::Failed)
        },
        Outcome {
            retry_until: Some(1_704_164_645),
            ..outcome("slow@c.test", Action::Delayed)
        },
        outcome("done@c.test", Action::Delivered),
    ];
    let written = text(write(&notification(ORIGINAL, &mixed)).unwrap());
    assert!(written.contains("Subject: Your message is delayed\r\n"));
    assert!(written.contains("Will-Retry-Until: Tue, 2 Jan 2024 03:04:05 +0000\r\n"));
    assert!(!written.contains("quiet@") && !written.contains("done@"));
    // The null path is never answered, and nothing is written for nobody.
    let null = Notification {
        reverse_path: "",
        ..notification(ORIGINAL, &mixed)
    };
    assert_eq!(write(&null), Err(NotWritten::NullSender));
    assert_eq!(
        write(&notification(ORIGINAL, &[])),
        Err(NotWritten::NobodyAsked)
    );
}

#[test]
fn how_much_comes_back() {
    let large = [ORIGINAL, &b"more\r\n".repeat(10_000)].concat();
    let long = [ORIGINAL, &[b'x'; 999], b"\r\n"].concat();
    let nul = [ORIGINAL, b"\0\r\n"].concat();
    for (original, ret, action, full) in [
        (ORIGINAL, None, Action::Failed, true),
        (ORIGINAL, Ret::parse("HDRS"), Action::Failed, false),
        (ORIGINAL, Ret::parse("full"), Action::Delayed, false),
        (&large, None, Action::Failed, false),
        (&large, Some(Ret::Full), Action::Failed, true),
        (&long, Some(Ret::Full), Action::Failed, false),
        (&nul, Some(Ret::Full), Action::Failed, false),
    ] {
        let one = [outcome("b@c.test", action)];
        let all = Notification {
            ret,
            ..notification(original, &one)
        };
        let written = text(write(&all).unwrap());
        assert_eq!(written.contains("Content-Type: message/rfc822\r\n"), full);
        assert_eq!(
            written.contains("Content-Type: text/rfc822-headers\r\n"),
            !full
        );
        assert_eq!(written.contains("Text\r\n"), full);
        let id = read(written.as_bytes()).unwrap().message_id;
        assert_eq!(id.as_deref(), Some(b"1@example.org".as_slice()));
    }
    assert_eq!(Ret::parse("half"), None);
    // Whatever ends its lines, and 8-bit bytes as they are.
    let odd = b"Message-ID: <2@x>\nSubject: B\xe4t\n\nA\rB\nC";
    let one = [outcome("b@c.test", Action::Failed)];
    let written = write(&notification(odd, &one)).unwrap();
    let end = b"\r\nSubject: B\xe4t\r\n\r\nA\r\nB\r\nC\r\n\r\n--b.1--\r\n";
    assert!(written.ends_with(end));
    let eight = memchr::memmem::find_iter(&written, b"Content-Transfer-Encoding: 8bit\r\n");
    assert_eq!(eight.count(), 2, "of the whole, and of that part");
}

#[test]
fn addresses_of_any_language() {
    let one = [Outcome {
        orcpt: Some("utf-8;d\\x{F6}rte@example.com"),
        ..outcome("dörte@exämple.com", Action::Failed)
    }];
    let old = text(write(&notification(ORIGINAL, &one)).unwrap());
    assert!(old.is_ascii() && old.contains("Content-Type: message/delivery-status\r\n"));
    assert!(old.contains("Final-Recipient: utf-8; d\\x{F6}rte@ex\\x{E4}mple.com\r\n"));
    let new = Notification {
        smtputf8: true,
        ..notification(ORIGINAL, &one)
    };
    let new = text(write(&new).unwrap());
    for line in [
        "Content-Type: text/plain; charset=utf-8\r\n",
        "Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n",
        "Content-Type: message/global\r\n",
        "Original-Recipient: utf-8; dörte@example.com\r\n",
        "Final-Recipient: utf-8; dörte@exämple.com\r\n",
    ] {
        assert!(new.contains(line), "{line}");
    }
    for written in [old, new] {
        let delivery = read(written.as_bytes()).unwrap().recipients.remove(0);
        assert_eq!(delivery.address.as_deref(), Some("dörte@exämple.com"));
        assert_eq!(delivery.original.as_deref(), Some("dörte@example.com"));
    }
    // Mail that needs no such types gets none, though it could.
    let plain = [outcome("bob@example.com", Action::Failed)];
    let plain = Notification {
        smtputf8: true,
        ..notification(ORIGINAL, &plain)
    };
    assert!(text(write(&plain).unwrap()).contains("message/delivery-status"));
}

#[test]
fn nothing_from_outside_breaks_out() {
    let evil = "550 no\r\n\r\n--b.1\r\nContent-Type: text/html\r\n\r\n<b>";
    let reply = evil.replace("--b.1", "");
    let one = [Outcome {
        orcpt: Some("rfc822;x+0D+0AAction:+20delivered"),
        remote_mta: Some("a\r\nAction: delivered"),
        reply: Some(&reply),
        status: "2.0.0\r\nX: y",
        ..outcome("b@c.test\r\nAction: delivered", Action::Failed)
    }];
    let all = Notification {
        reverse_path: "ann@example.org>\r\nBcc: <eve@example.org",
        envelope_id: Some("id+0D+0A+0D+0AFinal-Recipient:+20rfc822;+20x@y"),
        ..notification(ORIGINAL, &one)
    };
    let written = text(write(&all).unwrap());
    let lines: Vec<&str> = written.lines().collect();
    for start in ["Bcc:", "Action: delivered", "Content-Type: text/html", "X:"] {
        assert!(!lines.iter().any(|line| line.starts_with(start)), "{start}");
    }
    let read = read(written.as_bytes()).unwrap();
    assert_eq!(read.recipients.len(), 1);
    assert_eq!(read.recipients[0].action, Some(Action::Failed));
    assert_eq!(read.recipients[0].status.as_deref(), Some("5.0.0"));
    // A boundary that occurs, or is none.
    let one = [Outcome {
        reply: Some(evil),
        ..outcome("b@c.test", Action::Failed)
    }];
    assert_eq!(
        write(&notification(ORIGINAL, &one)),
        Err(NotWritten::Boundary)
    );
    let fine = [outcome("b@c.test", Action::Failed)];
    for boundary in ["", "a b", "a\r\nb", "ä", &"x".repeat(71)] {
        let all = Notification {
            boundary,
            ..notification(ORIGINAL, &fine)
        };
        assert_eq!(write(&all), Err(NotWritten::Boundary), "{boundary}");
    }
}

#[test]
fn notifications_of_others() {
    let read = |status: &str| {
        let raw = format!(
            "Content-Type: multipart/report; report-type=delivery-status; boundary=x\n\n--x\n\nWords\n\
             --x\nContent-Type: message/delivery-status\n\n{status}\n--x\n\
             Content-Type: text/rfc822-headers\n\nMessage-Id: <9@x>\n\n--x--\n"
        );
        read(raw.as_bytes()).unwrap()
    };
    let exim = read(
        "Reporting-MTA: dns; mx.test\n\n\n  \nAction: failed (undeliverable)\nFinal-Recipient: rfc822;<bob@x.test>\n\
         Status: 5.0.0 (permanent failure)\nDiagnostic-Code: smtp; 550-no such\n user; really\n\n\
         Final-recipient: RFC822; eve@x.test\nAction: DELAYED\nStatus: 4.4.7x\nWill-Retry-Until: Tue, 2 Jan 2024 03:04:05 +0000\n",
    );
    assert_eq!(exim.message_id.as_deref(), Some(b"9@x".as_slice()));
    let [bob, eve] = exim.recipients.as_slice() else {
        panic!("{exim:?}")
    };
    assert_eq!(
        (bob.action, bob.address.as_deref()),
        (Some(Action::Failed), Some("bob@x.test"))
    );
    assert_eq!(bob.status.as_deref(), Some("5.0.0"));
    assert_eq!(bob.diagnostic.as_deref(), Some("550-no such user; really"));
    assert_eq!(
        (eve.action, eve.status.as_deref()),
        (Some(Action::Delayed), None)
    );
    assert_eq!(eve.retry_until, Some(1_704_164_645));
    // Without the group of the message, and without types.
    let bare =
        read("Final-Recipient: bob@x.test\nAction: relayed\nStatus: 2.1.9\nRemote-MTA: mx.test\n");
    assert_eq!(bare.reporting_mta, None);
    assert_eq!(bare.recipients[0].address.as_deref(), Some("bob@x.test"));
    assert_eq!(bare.recipients[0].remote_mta.as_deref(), Some("mx.test"));
    let twice = read(
        "No fields here\n--x\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; a\n\nAction: failed\n",
    );
    assert_eq!(twice.recipients.len(), 1);
    assert_eq!(super::read(ORIGINAL), None);
    let one = [outcome("b@c.test", Action::Failed)];
    let forwarded = [
        b"Content-Type: message/rfc822\r\n\r\n".to_vec(),
        write(&notification(ORIGINAL, &one)).unwrap(),
    ];
    assert_eq!(
        super::read(&forwarded.concat()),
        None,
        "one that was passed on"
    );
}

#[test]
fn bad_names() {
    let list = |reply: &str| reputation(reply).map(|found| found.list.unwrap_or("?".into()));
    for (reply, name) in [
        (
            "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/192.0.2.1",
            "zen.spamhaus.org",
        ),
        (
            "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using list.example.net",
            "list.example.net",
        ),
        (
            "550 5.7.1 Mail from IP 192.0.2.1 was rejected due to listing in Spamhaus PBL. For details please see http://www.spamhaus.org/query/bl?ip=192.0.2.1 (blocked)",
            "spamhaus.org",
        ),
        (
            "554 5.7.1 192.0.2.1 is listed by bl.example.org",
            "bl.example.org",
        ),
        (
            "550 JunkMail rejected - mx [192.0.2.1]:25 is in an RBL, see http://www.spamcop.net/bl.shtml",
            "spamcop.net",
        ),
        (
            "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3140).",
            "Microsoft",
        ),
        (
            "553 http://www.spamhaus.org/query/bl?ip=192.0.2.222",
            "spamhaus.org",
        ),
        (
            "550 5.7.606 Access denied, banned sending IP [192.0.2.1]. To request removal from this list please visit https://sender.office.com/",
            "sender.office.com",
        ),
        ("554 Your IP is in our blacklist", "?"),
        (
            "421-4.7.0 [192.0.2.1] Our system has detected that the very low reputation of the sending domain",
            "?",
        ),
        ("450 4.7.1 Client host is on a DNSBL", "?"),
        (
            "554 rejected, found on dnsbl.example.com.",
            "dnsbl.example.com",
        ),
    ] {
        assert_eq!(list(reply).as_deref(), Some(name), "{reply}");
    }
    for reply in [
        "",
        "554 5.7.1 <x@y.test>: Relay access denied",
        "550 5.1.1 <bob@spamcop.net>: Recipient address rejected: User unknown",
        "550 5.1.1 <bob@x.test> is blocked by policy of mx.example.com",
        "550 the mailing list is closed",
        "250 2.0.0 Ok: queued",
        "452 mailbox full, listed in quota.example.com",
        "550 5.7.26 unauthenticated mail is not accepted",
    ] {
        assert_eq!(list(reply), None, "{reply}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        addresses in prop::collection::vec("[a-zé+=\\\\]{1,12}@[a-zö]{1,12}\\.test", 1..6),
        reply in "[ -~é]{0,200}",
        smtputf8: bool,
        actions in prop::collection::vec(0usize..5, 6),
    ) {
        let all = [Action::Failed, Action::Delayed, Action::Delivered, Action::Relayed, Action::Expanded];
        let notify = Notify::parse("SUCCESS,FAILURE,DELAY");
        let recipients: Vec<Outcome> = addresses
            .iter()
            .zip(actions)
            .map(|(address, action)| Outcome { notify, reply: Some(&reply), ..outcome(address, all[action]) })
            .collect();
        let written = write(&Notification { smtputf8, ..notification(ORIGINAL, &recipients) });
        prop_assume!(written != Err(NotWritten::Boundary));
        let written = written.unwrap();
        let longest = written.split(|b| *b == b'\n').map(<[u8]>::len).max();
        prop_assert!(longest.unwrap_or(0) < 999);
        prop_assert!(smtputf8 || written.is_ascii());
        let found = read(&written).unwrap();
        prop_assert_eq!(found.recipients.len(), recipients.len());
        for (one, other) in recipients.iter().zip(&found.recipients) {
            prop_assert_eq!(Some(one.address), other.address.as_deref());
            prop_assert_eq!(Some(one.action), other.action);
        }
    }

    #[test]
    fn never_panics(bytes: Vec<u8>, words in "\\PC{0,80}") {
        read(&bytes);
        reputation(&words);
        Notify::parse(&words);
        let one = [Outcome {
            orcpt: Some(&words),
            status: &words,
            remote_mta: Some(&words),
            reply: Some(&words),
            ..outcome(&words, Action::Failed)
        }];
        let all = Notification { envelope_id: Some(&words), reverse_path: &words, ..notification(&bytes, &one) };
        write(&all).ok();
        let inner = [b"Content-Type: message/delivery-status\n\n".to_vec(), bytes].concat();
        read(&inner);
    }

    #[test]
    fn xtext_comes_back(text in "\\PC{0,40}") {
        prop_assert_eq!(xtext::decode_unicode(&xtext::encode_unicode(&text)), text);
    }
}
