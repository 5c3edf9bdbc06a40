//! Servers that are not at hand, by what they would say.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use super::*;

/// A server that answers each command, without its tag, by what follows the first line that it begins with. `TAG` is the tag. Of what
/// is not listed it says that it is OK.
async fn server(
    greeting: &'static str,
    script: &'static [(&'static str, &'static str)],
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            stream.write_all(greeting.as_bytes()).await.unwrap();
            let mut line = String::new();
            loop {
                line.clear();
                if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                    break;
                }
                let (tag, command) = line
                    .trim_end()
                    .split_once(' ')
                    .unwrap_or((line.trim_end(), ""));
                let (tag, command) = (tag.to_owned(), command.to_owned());
                let known = script
                    .iter()
                    .find(|(begins, _)| command.starts_with(begins));
                if command == "CAPABILITY" {
                    let words = greeting
                        .split_once("[CAPABILITY")
                        .and_then(|(_, rest)| rest.split_once(']'));
                    let words = words.map_or(" IMAP4rev1", |(words, _)| words);
                    let answer = format!("* CAPABILITY{words}\r\n{tag} OK\r\n");
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    continue;
                }
                let mut answer = known
                    .map_or("TAG OK done\r\n", |(_, answer)| *answer)
                    .replace("TAG", &tag);
                if let Some(rest) = answer.strip_prefix("+LITERAL ") {
                    let rest = rest.to_owned();
                    stream.write_all(b"+ go\r\n").await.unwrap();
                    let size = command.rsplit_once('{').unwrap().1;
                    let size: usize = size.trim_end_matches('}').parse().unwrap();
                    let mut body = vec![0; size + 2];
                    stream.read_exact(&mut body).await.unwrap();
                    answer = rest;
                }
                let (said, is_last) = match answer.strip_suffix("END") {
                    Some(said) => (said, true),
                    None => (answer.as_str(), false),
                };
                if stream.write_all(said.as_bytes()).await.is_err() || is_last {
                    break;
                }
            }
        }
    });
    address
}

const OLD: &str = "* OK [CAPABILITY IMAP4rev1] old\r\n";

#[tokio::test]
async fn logins() {
    let trouble = async |greeting, script| {
        let address = server(greeting, script).await;
        Upstream::connect(&account(address, &[])).await.err()
    };
    let refused = trouble(
        OLD,
        &[(
            "LOGIN \"ann@example.test\" \"secret of ann\"",
            "TAG NO [AUTHENTICATIONFAILED] no\r\n",
        )],
    )
    .await;
    assert!(
        matches!(&refused, Some(Trouble::LoginRefused(no)) if no.is_permanent),
        "{refused:?}"
    );
    let busy = trouble(OLD, &[("LOGIN", "TAG NO [UNAVAILABLE] later\r\n")]).await;
    assert!(matches!(busy, Some(Trouble::Away(_))), "{busy:?}");
    let bye = trouble("* BYE full\r\n", &[]).await;
    assert_eq!(bye, Some(Trouble::Away("full".into())));
    let said_bye = trouble(
        OLD,
        &[
            ("LOGIN", "* BYE shutting down\r\nTAG NO x\r\n"),
            ("LIST", "END"),
        ],
    )
    .await;
    assert!(
        matches!(said_bye, Some(Trouble::LoginRefused(_))),
        "{said_bye:?}"
    );
    let smtp = trouble("220 mail ESMTP\r\n", &[]).await;
    assert!(matches!(smtp, Some(Trouble::Nonsense(_))), "{smtp:?}");
    let no_way = trouble("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] x\r\n", &[]).await;
    assert!(
        matches!(no_way, Some(Trouble::LoginRefused(_))),
        "{no_way:?}"
    );
    let dead = Upstream::connect(&account("127.0.0.1:1".parse().unwrap(), &[]))
        .await
        .err();
    assert!(matches!(dead, Some(Trouble::Unreachable(_))), "{dead:?}");

    let address = server(
        "* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR] x\r\n",
        &[
            ("AUTHENTICATE XOAUTH2 ", "+ eyJzIjo0MDF9\r\n"),
            ("", "E1 NO [AUTHENTICATIONFAILED] no\r\n"),
        ],
    )
    .await;
    let mut with_token = account(address, &[]);
    with_token.proof = Proof::Token(Secret::new("t"));
    let refused = Upstream::connect(&with_token).await.err();
    assert!(
        matches!(refused, Some(Trouble::LoginRefused(_))),
        "{refused:?}"
    );
    let address = server("* PREAUTH x\r\n", &[]).await;
    let mut guarded = account(address, &[]);
    guarded.tls = Tls::StartTls;
    let refused = Upstream::connect(&guarded).await.err();
    assert!(matches!(refused, Some(Trouble::Nonsense(_))), "{refused:?}");
    // Somebody on the line adds to the answer what the server is to have said under TLS.
    let address = server(
        "* OK x\r\n",
        &[("STARTTLS", "TAG OK go\r\n* CAPABILITY IMAP4rev1\r\n")],
    )
    .await;
    guarded.port = address.port();
    let injected = Upstream::connect(&guarded).await.err();
    assert!(
        matches!(injected, Some(Trouble::Nonsense(_))),
        "{injected:?}"
    );
}

#[tokio::test]
async fn a_courier() {
    let address = server(
        "* OK [CAPABILITY IMAP4rev1 NAMESPACE] Courier\r\n",
        &[
            ("NAMESPACE", "* NAMESPACE ((\"INBOX.\" \".\")) NIL ((\"#shared.\" \".\"))\r\nTAG OK\r\n"),
            ("LIST \"\" \"*\"", "* LIST (\\Marked) \".\" \"INBOX\"\r\n* LIST () \".\" \"INBOX.Sent\"\r\n* LIST (\\Noselect) \".\" INBOX.a\r\n* LIST () \".\" \"INBOX.a.b/c\"\r\n* LIST () \".\" \"#shared.x\"\r\n* LIST () \".\" \"INBOX.a..b\"\r\nTAG OK\r\n"),
            ("LSUB", "* LSUB () \".\" \"INBOX.Sent\"\r\nTAG OK\r\n"),
            ("CREATE \"INBOX.x.y\"", "TAG NO exists already\r\n"),
            ("LIST \"\" \"INBOX.x.y\"", "* LIST () \".\" INBOX.x.y\r\nTAG OK\r\n"),
            ("CREATE", "TAG NO [OVERQUOTA] no\r\n"),
        ],
    )
    .await;
    let mut upstream = connect(address, &[]).await;
    let folders = upstream.folders(false).await.unwrap();
    let names: Vec<&str> = folders
        .all
        .iter()
        .map(|folder| folder.name.as_str())
        .collect();
    assert_eq!(names, ["INBOX", "Sent", "a", "a/b.c"]);
    assert_eq!(folders.unreadable, ["INBOX.a..b"]);
    let subscribed: Vec<bool> = folders
        .all
        .iter()
        .map(|folder| folder.is_subscribed)
        .collect();
    assert_eq!(subscribed, [false, true, false, false]);
    assert!(!folders.all[2].is_selectable);
    assert_eq!(upstream.create("x/y").await.unwrap(), Verdict::done());
    let full = upstream.create("z").await.unwrap();
    assert!(matches!(full, Verdict::Refused(no) if !no.is_permanent));
}

#[tokio::test]
async fn what_does_not_add_up_is_no_sighting() {
    const SELECT: &str = "* 2 EXISTS\r\n* OK [UIDVALIDITY 7]\r\n* OK [UIDNEXT 9]\r\nTAG OK\r\n";
    let looks = async |script| {
        let mut upstream = connect(server(OLD, script).await, &[]).await;
        upstream.look("INBOX", None, Access::Read).await
    };
    let short = looks(&[
        ("EXAMINE", SELECT),
        ("UID FETCH", "* 1 FETCH (UID 3 FLAGS ())\r\nTAG OK\r\n"),
    ])
    .await;
    assert!(
        matches!(&short, Err(Trouble::Refused(no)) if !no.is_permanent),
        "{short:?}"
    );
    let garbled = looks(&[
        ("EXAMINE", SELECT),
        ("UID FETCH", "* 1 FETCH (UID 3 FLAGS ())\r\n* 2 FETCH (UID FLAGS ())\r\n* 3 FETCH (UID 5 FLAGS ())\r\nTAG OK\r\n"),
    ])
    .await;
    assert!(matches!(garbled, Err(Trouble::Nonsense(_))), "{garbled:?}");
    let unnumbered = looks(&[("EXAMINE", "* 2 EXISTS\r\nTAG OK\r\n")]).await;
    assert!(
        matches!(unnumbered, Err(Trouble::Nonsense(_))),
        "{unnumbered:?}"
    );
    let right = looks(&[
        ("EXAMINE", SELECT),
        ("UID FETCH", "* 1 FETCH (UID 3 FLAGS (\\seen \\Recent) X-ODD 5)\r\n* 2 FETCH (FLAGS ())\r\n* 2 FETCH (UID 5 FLAGS (a]b))\r\nTAG OK\r\n"),
    ])
    .await
    .unwrap();
    assert_eq!(
        (right.uidvalidity, right.uidnext, right.modseq),
        (7, 9, None)
    );
    let Told::All(listing) = right.told else {
        panic!();
    };
    let told: Vec<(u32, Vec<String>)> = listing
        .iter()
        .map(|(uid, flags, _)| (uid, flags.to_vec()))
        .collect();
    assert_eq!(
        told,
        [(3, vec!["\\Seen".to_owned()]), (5, vec!["a]b".to_owned()])]
    );
}

#[tokio::test]
async fn changes_that_do_not_add_up() {
    let address = server(
        "* OK [CAPABILITY IMAP4rev1 QRESYNC ENABLE] x\r\n",
        &[
            ("ENABLE", "* ENABLED QRESYNC\r\nTAG OK\r\n"),
            ("EXAMINE", "* 3 EXISTS\r\n* OK [UIDVALIDITY 1]\r\n* OK [UIDNEXT 9]\r\n* OK [HIGHESTMODSEQ 20]\r\n* VANISHED (EARLIER) 7,1:2\r\n* 2 FETCH (UID 4 FLAGS (\\Seen) MODSEQ (15))\r\nTAG OK\r\n"),
        ],
    )
    .await;
    let mut upstream = connect(address, &[]).await;
    let known = Known {
        uidvalidity: 1,
        uidnext: 9,
        modseq: Some(10),
        messages: 6,
    };
    let seen = upstream
        .look("INBOX", Some(&known), Access::Read)
        .await
        .unwrap();
    let before = |uids: &[u32]| -> BTreeMap<u32, Copied> {
        let copied = Copied {
            flags: Flags::NONE,
            modseq: None,
        };
        uids.iter().map(|uid| (*uid, copied)).collect()
    };
    let after = take(&before(&[1, 2, 3, 4, 5, 7]), &seen).unwrap();
    assert_eq!(after.keys().copied().collect::<Vec<u32>>(), [3, 4, 5]);
    assert_eq!(after[&4].flags, Flags::SEEN);
    assert_eq!(
        take(&before(&[1, 2, 3, 4, 5, 6]), &seen),
        Err(Torn { told: 4, exists: 3 })
    );
    // Put back to what it was: the count of changes fell.
    let later = Known {
        modseq: Some(30),
        ..known
    };
    let seen = upstream.look("INBOX", Some(&later), Access::Read).await;
    assert!(
        matches!(seen, Err(Trouble::Refused(_))),
        "all was asked for: {seen:?}"
    );
}

#[tokio::test]
async fn a_search_that_cannot() {
    const SELECT: &str = "* 2 EXISTS\r\n* OK [UIDVALIDITY 7]\r\n* OK [UIDNEXT 9]\r\nTAG OK\r\n";
    // Nothing can be had of messages that are there.
    let script = &[
        ("EXAMINE", SELECT),
        ("UID FETCH 3,8 (UID)", "* 1 FETCH (UID 3)\r\nTAG OK\r\n"),
    ];
    let mut upstream = connect(server(OLD, script).await, &[]).await;
    let silent = upstream
        .evidence("INBOX", 7, &[3, 8], &["Message-ID"], |_| {})
        .await;
    assert!(matches!(silent, Err(Trouble::Nonsense(_))), "{silent:?}");
    for answer in [
        "TAG BAD what\r\n",
        "* SEARCH\r\nTAG OK\r\n",
        "* SEARCH 3\r\nTAG OK\r\n",
    ] {
        let script: &'static [(&str, &str)] = Vec::leak(vec![
            ("EXAMINE", SELECT),
            ("UID SEARCH", answer),
            (
                "UID FETCH 3:* (UID)",
                "* 1 FETCH (UID 3)\r\n* 2 FETCH (UID 8)\r\nTAG OK\r\n",
            ),
            (
                "UID FETCH 3,8",
                "* 1 FETCH (UID 3 RFC822.SIZE 9 BODY[HEADER.FIELDS (MESSAGE-ID)] {24}\r\nMessage-ID: <ab@x>\r\n\r\n\r\n)\r\n* 2 FETCH (UID 8 RFC822.SIZE 9 BODY[HEADER.FIELDS (MESSAGE-ID)] {21}\r\nMessage-ID:\r\n <b@x>\r\n)\r\nTAG OK\r\n",
            ),
            (
                "UID FETCH 3 ",
                "* 1 FETCH (UID 3 RFC822.SIZE 9 BODY[HEADER.FIELDS (MESSAGE-ID)] {20}\r\nMessage-ID: <ab@x>\r\n)\r\nTAG OK\r\n",
            ),
        ]);
        let mut upstream = connect(server(OLD, script).await, &[]).await;
        let found = upstream.find("INBOX", "<b@x>", Some((7, 3))).await.unwrap();
        assert_eq!(
            found
                .messages
                .iter()
                .map(|traits| traits.uid)
                .collect::<Vec<_>>(),
            [8],
            "{answer}"
        );
    }
}

#[tokio::test]
async fn appends_that_are_refused_and_lost() {
    let append = async |script| {
        let mut upstream = connect(server(OLD, script).await, &[]).await;
        upstream.append("INBOX", &[], 0, &mail("1")).await
    };
    let early = append(&[("APPEND", "TAG NO [TRYCREATE] none\r\n")])
        .await
        .unwrap();
    assert!(matches!(&early, Verdict::Refused(no) if no.code.as_deref() == Some("TRYCREATE")));
    let late = append(&[("APPEND", "+LITERAL TAG NO [OVERQUOTA] full\r\n")])
        .await
        .unwrap();
    assert!(matches!(&late, Verdict::Refused(no) if !no.is_permanent));
    let bad = append(&[("APPEND", "TAG BAD what\r\n")]).await.unwrap();
    assert!(matches!(&bad, Verdict::Refused(no) if no.is_permanent));
    let done = append(&[("APPEND", "+LITERAL TAG OK\r\n")]).await.unwrap();
    assert_eq!(done, Verdict::done());
    // Before the server wanted it, nothing can have been taken.
    let before = append(&[("APPEND", "END")]).await;
    assert!(matches!(before, Err(Trouble::Unreachable(_))), "{before:?}");
    let bye = append(&[("APPEND", "* BYE x\r\nEND")]).await;
    assert_eq!(bye, Err(Trouble::Away("x".into())));
    let late_bye = append(&[("APPEND", "+LITERAL * BYE x\r\nEND")]).await;
    assert!(matches!(late_bye, Err(Trouble::Lost(_))), "{late_bye:?}");
    let lost = append(&[("APPEND", "+LITERAL END")]).await;
    assert!(matches!(lost, Err(Trouble::Lost(_))), "{lost:?}");
    let nonsense = append(&[("APPEND", "+LITERAL E99 OK\r\n")]).await;
    assert!(matches!(nonsense, Err(Trouble::Lost(_))), "{nonsense:?}");
}

#[tokio::test]
async fn what_cannot_be_asked_after_a_change_is_in_doubt() {
    const SELECT: &str =
        "* 2 EXISTS\r\n* OK [UIDVALIDITY 7]\r\n* OK [UIDNEXT 9]\r\nTAG OK [READ-WRITE]\r\n";
    let script = &[
        ("SELECT", SELECT),
        ("UID STORE", "TAG OK\r\n"),
        ("UID COPY", "TAG OK\r\n"),
        ("UID FETCH", "END"),
    ];
    let place = Place {
        folder: "INBOX".into(),
        uidvalidity: 7,
        uid: 3,
    };
    let address = server(OLD, script).await;
    let stored = connect(address, &[])
        .await
        .store(&place, &["\\Seen"], &[], None)
        .await;
    assert!(matches!(stored, Err(Trouble::Lost(_))), "{stored:?}");
    let copied = connect(address, &[]).await.copy(&place, "x").await;
    assert!(matches!(copied, Err(Trouble::Lost(_))), "{copied:?}");
    let unchanged = Unchanged {
        modseq: None,
        flags: &|_| true,
    };
    let deleted = connect(address, &[]).await.delete(&place, &unchanged).await;
    assert!(
        matches!(deleted, Err(Trouble::Unreachable(_))),
        "nothing was changed yet: {deleted:?}"
    );
}

/// Whoever carries orders out may be a task.
#[tokio::test]
async fn futures_can_be_sent() {
    fn can_be_sent<T: Send>(_: &T) {}
    let mut upstream = connect(server(OLD, &[]).await, &[]).await;
    can_be_sent(&upstream.look("INBOX", None, Access::Read));
    can_be_sent(&upstream.folders(true));
    can_be_sent(&upstream.evidence("INBOX", 1, &[1], &["Subject"], |_| {}));
    can_be_sent(&upstream.find("INBOX", "<x>", None));
    can_be_sent(&upstream.body("INBOX", 1, 1, 1, &mut Vec::new()));
    let order = everpost_domain::replica::Order::CreateFolder {
        folder: everpost_domain::replica::FolderId(1),
        name: "x".into(),
    };
    can_be_sent(&upstream.carry_out(&order, None, &orders::Known64));
}

#[tokio::test]
async fn a_hundred_thousand_messages() {
    const MANY: u32 = 100_000;
    let select =
        format!("* {MANY} EXISTS\r\n* OK [UIDVALIDITY 7]\r\n* OK [HIGHESTMODSEQ 9]\r\nTAG OK\r\n");
    let lines = (1..=MANY).map(|number| {
        let flags = ["", "\\Seen", "\\Seen $one"][number as usize % 3];
        format!(
            "* {number} FETCH (UID {} FLAGS ({flags}) MODSEQ ({number}))\r\n",
            number * 2
        )
    });
    let all: String = lines.chain(["TAG OK\r\n".to_owned()]).collect();
    let uids = (1..MANY).map(|number| format!(" {}", number * 2));
    let found: String = uids.collect();
    let found = format!("* SEARCH{found}\r\nTAG OK\r\n");
    let fewer = format!(
        "* {} EXISTS\r\n* OK [UIDVALIDITY 7]\r\n* OK [HIGHESTMODSEQ 10]\r\nTAG OK\r\n",
        MANY - 1
    );
    let greeting = "* OK [CAPABILITY IMAP4rev1 CONDSTORE] x\r\n";
    let leak = |text: String| -> &'static str { text.leak() };
    let script = Vec::leak(vec![
        ("EXAMINE", leak(select)),
        ("SELECT", leak(fewer)),
        ("UID FETCH 1:* (FLAGS MODSEQ)", leak(all)),
        ("UID FETCH 1:* (FLAGS) (CHANGEDSINCE 9)", "TAG OK\r\n"),
        ("UID SEARCH ALL", leak(found)),
    ]);
    let mut upstream = connect(server(greeting, script).await, &[]).await;
    let seen = upstream.look("INBOX", None, Access::Read).await.unwrap();
    assert_eq!(
        (seen.exists, seen.uidnext, seen.modseq),
        (MANY, 2 * MANY + 1, Some(9))
    );
    let before = take(&BTreeMap::new(), &seen).unwrap();
    assert_eq!(before.len(), 100_000);
    assert_eq!(before[&10].flags, Flags::SEEN.with(Flags(32)));
    // One went: with so many, the UIDs that are there are one line of half a million octets.
    let seen = upstream
        .look("INBOX", Some(&seen.known()), Access::Write)
        .await
        .unwrap();
    // Where it is not told, UIDNEXT does not fall.
    assert_eq!(seen.uidnext, 2 * MANY + 1);
    let after = take(&before, &seen).unwrap();
    assert_eq!(after.len(), 99_999);
    assert!(!after.contains_key(&(2 * MANY)));
}
