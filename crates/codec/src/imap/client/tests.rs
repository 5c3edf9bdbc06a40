//! What servers say, as they say it, and what becomes of commands.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use super::*;
use crate::imap::Numbers;
use proptest::prelude::*;

/// A client that was greeted.
fn greeted() -> Client {
    let mut client = Client::new();
    let mut input: &[u8] = b"* OK hello\r\n";
    assert!(matches!(client.next(&mut input), Some(Event::Greeting(_))));
    client
}

/// What is heard when these bytes come in such pieces, with the messages joined.
fn heard(client: &mut Client, bytes: &[u8], piece: usize) -> Vec<String> {
    let mut told = Vec::new();
    let mut message: Vec<u8> = Vec::new();
    for mut input in bytes.chunks(piece.max(1)) {
        while let Some(event) = client.next(&mut input) {
            match event {
                Event::Piece(bytes) => message.extend_from_slice(bytes),
                Event::Ends => {
                    told.push(format!("{:?}", String::from_utf8_lossy(&message)));
                    message.clear();
                }
                Event::Fault(fault) => {
                    told.push(format!("{fault:?}"));
                    return told;
                }
                event => told.push(format!("{event:?}")),
            }
        }
        assert!(input.is_empty());
    }
    told
}

fn answer(line: &str) -> Answer {
    let mut client = greeted();
    let whole = format!("{line}\r\n");
    let mut input = whole.as_bytes();
    match client.next(&mut input) {
        Some(Event::Answer(answer)) => answer,
        other => panic!("{line:?}: {other:?}"),
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn set(text: &str) -> Numbers {
    Numbers::parse(text.as_bytes()).unwrap()
}

#[test]
fn fetched_in_every_manner() {
    let fetched = |line: &str| match answer(line) {
        Answer::Fetched(fetched) => fetched,
        other => panic!("{line:?}: {other:?}"),
    };
    let plain = Fetched {
        number: 1,
        uid: Some(5),
        flags: Some(words("\\Seen")),
        ..Fetched::default()
    };
    for line in [
        "* 1 FETCH (UID 5 FLAGS (\\Seen))",
        "* 1 fetch (flags (\\Seen) uid 5)",
        "* 1 FETCH (UID 5  FLAGS  ( \\Seen ) )  ",
        "* 1 FETCH (UID 5 FLAGS (\\Seen) X-GM-MSGID 123 X-GM-LABELS (\"\\\\Sent\" (a (b)) NIL))",
        "* 1 FETCH (EMAILID (M1) UID 5 THREADID NIL FLAGS (\\Seen))",
        "* 1 FETCH (UID 5 FLAGS (\\Seen) MODSEQ (0))",
    ] {
        assert_eq!(fetched(line), plain, "{line:?}");
    }
    let odd = fetched("* 1 FETCH (UID 5 FLAGS (a]b [x] $MDNSent caf\u{e9}))");
    assert_eq!(odd.flags, Some(words("a]b [x] $MDNSent caf\u{e9}")));
    let all = fetched(concat!(
        "* 7 FETCH (UID 4294967295 MODSEQ (18446744073709551615) RFC822.SIZE 5000000000 ",
        "INTERNALDATE \"7-Jul-1996 02:44:25 +0000\" BODY[HEADER.FIELDS (\"Message-ID\")] {16}\r\n",
        "Message-ID: <a>\n)"
    ));
    assert_eq!(all.modseq, Some(u64::MAX));
    assert_eq!(all.size, Some(5_000_000_000));
    assert_eq!(all.date, Some(836_707_465));
    assert_eq!(all.header.as_deref(), Some(b"Message-ID: <a>\n".as_slice()));
    let empty = fetched("* 7 FETCH (UID 1 BODY[HEADER.FIELDS (MESSAGE-ID)] \"\\\"\\\\\")");
    assert_eq!(empty.header.as_deref(), Some(b"\"\\".as_slice()));
    let quoted = fetched("* 7 FETCH (BODY[] \"abc\" UID 1)");
    assert_eq!(quoted.message, Some(Message::Whole(b"abc".to_vec())));
    let gone = fetched("* 7 FETCH (BODY[] NIL UID 1)");
    assert_eq!(gone.message, Some(Message::Nothing));
    // An unwanted message is kept if it is small, and passed over if it is not.
    let long = format!(
        "* 7 FETCH (BODY[HEADER] {{300000}}\r\n{} UID 1)",
        "x".repeat(300_000)
    );
    let long = fetched(&long);
    assert_eq!((long.uid, long.header), (Some(1), None));
}

#[test]
fn other_answers() {
    let listed = |attributes: &str, delimiter: Option<char>, name: &str| {
        Answer::Listed(Listed {
            attributes: words(attributes),
            delimiter,
            name: name.as_bytes().to_vec(),
        })
    };
    let found = |numbers: &str| {
        Answer::Found(Found {
            numbers: set(numbers),
            ..Found::default()
        })
    };
    let cases = [
        (
            "* LIST (\\HasNoChildren) \"/\" Entw\u{fc}rfe",
            listed("\\HasNoChildren", Some('/'), "Entw\u{fc}rfe"),
        ),
        (
            "* LIST () \"\\\\\" \"a\\\"b\"",
            listed("", Some('\\'), "a\"b"),
        ),
        (
            "* LIST (\\Noselect) NIL \"\"",
            listed("\\Noselect", None, ""),
        ),
        ("* LIST () \".\" {3}\r\na b", listed("", Some('.'), "a b")),
        (
            "* LIST (\\Sent) \".\" x (\"CHILDINFO\" (\"SUBSCRIBED\"))",
            listed("\\Sent", Some('.'), "x"),
        ),
        ("* SEARCH", Answer::Found(Found::default())),
        ("* SEARCH 1 2 3 7 (MODSEQ 9) ", found("1:3,7")),
        (
            "* ESEARCH (TAG \"E1\") UID COUNT 5 ALL 1:5 X (1 2)",
            Answer::Found(Found {
                tag: Some(b"E1".to_vec()),
                count: Some(5),
                numbers: set("1:5"),
            }),
        ),
        ("* ESEARCH UID", Answer::Found(Found::default())),
        (
            "* VANISHED (EARLIER) 1:5,300",
            Answer::Vanished {
                earlier: true,
                uids: set("1:5,300"),
            },
        ),
        (
            "* VANISHED 7",
            Answer::Vanished {
                earlier: false,
                uids: set("7"),
            },
        ),
        ("* 5 EXISTS", Answer::Exists(5)),
        ("* 5 EXPUNGE", Answer::Expunged(5)),
        ("* 5 RECENT", Answer::Other("RECENT".into())),
        ("* FLAGS (\\Seen a]b)", Answer::Flags(words("\\Seen a]b"))),
        (
            "* CAPABILITY IMAP4rev1 Idle ",
            Answer::Capabilities(words("IMAP4REV1 IDLE")),
        ),
        ("* ENABLED", Answer::Enabled(Vec::new())),
        ("* XLIST 5 (", Answer::Other("XLIST".into())),
        (
            "* STATUS \"a b\" (MESSAGES 5 UIDNEXT 0 MAILBOXID (F1) SIZE 9 NEW (1))",
            Answer::Counted(Counts {
                name: b"a b".to_vec(),
                messages: Some(5),
                size: Some(9),
                id: Some("F1".into()),
                ..Counts::default()
            }),
        ),
        (
            "* NAMESPACE ((\"INBOX.\" \".\" \"X-P\" (\"a\"))) NIL ((\"#shared.\" NIL))",
            Answer::Namespaces(Namespaces {
                personal: vec![Namespace {
                    prefix: b"INBOX.".to_vec(),
                    delimiter: Some('.'),
                }],
                foreign: vec![Namespace {
                    prefix: b"#shared.".to_vec(),
                    delimiter: None,
                }],
            }),
        ),
    ];
    for (line, means) in cases {
        assert_eq!(answer(line), means, "{line:?}");
    }
}

#[test]
fn what_makes_no_sense_is_not_hidden() {
    for line in [
        "* 1 FETCH",
        "* 1 FETCH (UID 0)",
        "* 1 FETCH (UID x)",
        "* 1 FETCH (UID 5 FLAGS \\Seen)",
        "* 1 FETCH (UID 5 FLAGS (\\Seen)",
        "* 1 FETCH (UID 5 X ((((",
        "* 1 FETCH (UID 5 BODY[HEADER] \"abc",
        "* 99999999999 EXISTS",
        "* VANISHED",
        "* VANISHED 0",
        "* VANISHED 1:*",
        "* VANISHED (LATER) 1",
        "* SEARCH 1 0",
        "* SEARCH x",
        "* ESEARCH (TAG \"a\" UID",
        "* ESEARCH UID ALL",
        "* LIST \"/\" x",
        "* STATUS x",
        "*",
        "* ",
        "E1 HUH",
        "",
    ] {
        assert!(matches!(answer(line), Answer::Malformed(_)), "{line:?}");
    }
}

#[test]
fn codes_and_texts() {
    let status = |line: &str| match answer(line) {
        Answer::Status(status) => (status.code, status.text),
        other => panic!("{line:?}: {other:?}"),
    };
    let other = |text: &str| Some(Code::Other(text.to_owned()));
    for (line, code, text) in [
        ("* OK", None, ""),
        ("* ok ", None, ""),
        ("* BYE", None, ""),
        (
            "* NO [ALERT] caf\u{e9} {5}",
            other("ALERT"),
            "caf\u{e9} {5}",
        ),
        ("* OK [UIDNEXT 5]", Some(Code::UidNext(5)), ""),
        ("* OK [UIDNEXT 0] x", other("UIDNEXT 0"), "x"),
        ("* OK [UIDVALIDITY 9] y", Some(Code::UidValidity(9)), "y"),
        (
            "* OK [HIGHESTMODSEQ 7] y",
            Some(Code::HighestModseq(7)),
            "y",
        ),
        ("* OK [NOMODSEQ] y", other("NOMODSEQ"), "y"),
        (
            "* OK [PERMANENTFLAGS (\\Seen a]b \\*)] y",
            Some(Code::PermanentFlags(words("\\Seen a]b \\*"))),
            "y",
        ),
        (
            "* OK [COPYUID 1 2:3 5,4] y",
            Some(Code::CopyUid {
                uidvalidity: 1,
                from: set("2:3"),
                to: set("5,4"),
            }),
            "y",
        ),
        (
            "* OK [APPENDUID 1 2] y",
            Some(Code::AppendUid {
                uidvalidity: 1,
                uids: set("2"),
            }),
            "y",
        ),
        ("* OK [x", None, "[x"),
        ("* OK [X] [Y]", other("X"), "[Y]"),
    ] {
        assert_eq!(status(line), (code, text.to_owned()), "{line:?}");
    }
    assert_eq!(Code::Other("OVERQUOTA 5".into()).name(), "OVERQUOTA");
}

/// What the client says until it waits.
fn said(client: &mut Client) -> String {
    let output = client.output().to_vec();
    client.written(output.len());
    String::from_utf8(output).unwrap()
}

fn append(octets: u64) -> Request {
    let request = Request::new("APPEND").quoted(b"a\"b").unwrap();
    request
        .flags(["\\Seen", "no flag"])
        .date(0)
        .message(octets, false)
        .changing()
}

const APPEND: &str = "APPEND \"a\\\"b\" (\\Seen) \"01-Jan-1970 00:00:00 +0000\"";

#[test]
fn an_append_that_waits() {
    let mut client = greeted();
    client.send(append(5)).unwrap();
    assert_eq!(said(&mut client), format!("E1 {APPEND} {{5}}\r\n"));
    assert_eq!(client.send(append(5)), Err(NotReady));
    assert_eq!(client.message(b"x"), Err(NotReady));
    assert_eq!(heard(&mut client, b"+ go on {7}\r\n", 3), ["Message"]);
    client.message(b"hell").unwrap();
    assert_eq!(client.fate(), Fate::NotSent);
    assert_eq!(client.message(b"oo"), Err(NotReady));
    client.message(b"o").unwrap();
    assert_eq!(client.fate(), Fate::Unknown);
    assert_eq!(said(&mut client), "hello\r\n");
    let told = heard(
        &mut client,
        b"* 5 EXISTS\r\nE1 OK [APPENDUID 1 2] done\r\n",
        1,
    );
    assert!(
        told[1].starts_with("Done(Status { kind: Ok, code: Some(AppendUid"),
        "{told:?}"
    );
    assert_eq!(client.fate(), Fate::NotSent);
    assert!(client.is_between());
}

#[test]
fn an_append_that_does_not_wait() {
    let mut client = greeted();
    client.literal_plus = LiteralPlus::Small;
    client.send(append(5)).unwrap();
    assert_eq!(said(&mut client), format!("E1 {APPEND} {{5+}}\r\n"));
    assert_eq!(client.next(&mut b"".as_slice()), Some(Event::Message));
    assert_eq!(client.next(&mut b"".as_slice()), None);
    client.message(b"hello").unwrap();
    assert_eq!(said(&mut client), "hello\r\n");
    heard(&mut client, b"E1 OK\r\n", 1);
    for (plus, octets, form) in [
        (LiteralPlus::Small, 4_097, "{4097}"),
        (LiteralPlus::Any, 4_097, "{4097+}"),
        (LiteralPlus::Any, 65_537, "{65537}"),
        (LiteralPlus::Never, 0, "{0}"),
    ] {
        let mut client = greeted();
        client.literal_plus = plus;
        client.send(append(octets)).unwrap();
        assert!(said(&mut client).contains(form));
    }
}

#[test]
fn an_append_that_is_refused() {
    let mut client = greeted();
    client.send(append(5)).unwrap();
    let told = heard(&mut client, b"E1 NO [OVERQUOTA] full\r\n", 99);
    assert_eq!(told.len(), 1);
    assert!(client.is_ready());
    // In the middle of the message: the rest would be read as commands.
    client.send(append(5)).unwrap();
    heard(&mut client, b"+\r\n", 99);
    client.message(b"he").unwrap();
    let told = heard(&mut client, b"E2 NO no\r\n", 99);
    assert_eq!(told.len(), 1);
    assert!(!client.is_ready());
    // A message of nothing.
    let mut client = greeted();
    client.send(append(0)).unwrap();
    assert!(heard(&mut client, b"+\r\n", 99).is_empty());
    assert_eq!(client.fate(), Fate::Unknown);
    assert!(said(&mut client).ends_with("{0}\r\n\r\n"));
}

#[test]
fn fates() {
    let mut client = greeted();
    let store = Request::new("UID STORE 5 +FLAGS (\\Seen)");
    client.send(store.clone()).unwrap();
    assert_eq!(client.fate(), Fate::NotSent);
    heard(&mut client, b"E1 OK\r\n", 99);
    client.send(store.changing()).unwrap();
    assert_eq!(client.fate(), Fate::Unknown);
    let told = heard(&mut client, b"E1 OK\r\n", 99);
    assert_eq!(told, ["WrongTag"]);
    assert_eq!(client.fate(), Fate::Unknown);
}

#[test]
fn talks() {
    let mut client = greeted();
    assert_eq!(client.reply("x"), Err(NotReady));
    client.send(Request::new("IDLE").talking()).unwrap();
    assert_eq!(heard(&mut client, b"+ idling\r\n", 99).len(), 1);
    client.reply("DONE").unwrap();
    assert_eq!(said(&mut client), "E1 IDLE\r\nDONE\r\n");
    heard(&mut client, b"E1 OK\r\n", 99);
    // A password that no quotes can have.
    let login = Request::new("LOGIN")
        .string(b"ann")
        .unwrap()
        .string("p\u{e4}".as_bytes());
    client.send(login.unwrap()).unwrap();
    assert_eq!(said(&mut client), "E2 LOGIN \"ann\" {3}\r\n");
    assert!(heard(&mut client, b"+\r\n", 99).is_empty());
    assert_eq!(said(&mut client), "p\u{e4}\r\n");
    assert!(Request::new("X").quoted(b"a\r\nb").is_err());
    assert!(Request::new("X").string(b"a\0b").is_err());
}

#[test]
fn greetings() {
    for (line, is_ready) in [
        ("* OK hi\r\n", true),
        ("* PREAUTH hi\r\n", true),
        ("* BYE no\r\n", false),
    ] {
        let mut client = Client::new();
        assert_eq!(heard(&mut client, line.as_bytes(), 2).len(), 1);
        assert_eq!(client.is_ready(), is_ready);
    }
    for line in ["220 smtp\r\n", "* 5 EXISTS\r\n", "+ x\r\n", "E1 OK\r\n"] {
        assert_eq!(
            heard(&mut Client::new(), line.as_bytes(), 2),
            ["NoGreeting"],
            "{line}"
        );
    }
}

#[test]
fn limits_hold() {
    let mut client = greeted();
    let long = vec![b'x'; limits::LINE + 1];
    assert_eq!(heard(&mut client, &long, 1_000), ["LineTooLong"]);
    let mut client = greeted();
    let mut line = b"* SEARCH".to_vec();
    for number in 1..100_000 {
        line.extend_from_slice(format!(" {}", number * 2).as_bytes());
    }
    line.extend_from_slice(b"\r\n");
    let told = heard(&mut client, &line, 1_000);
    assert!(told[0].starts_with("Answer(Found("));
    let mut client = greeted();
    let many = b"* X {1}\r\na".to_vec();
    let more = b" {1}\r\na".repeat(limits::LITERALS);
    assert_eq!(
        heard(&mut client, &[many, more].concat(), 1_000),
        ["TooManyLiterals"]
    );
    // More announced than will ever come: nothing is set aside for it.
    let mut client = greeted();
    let told = heard(&mut client, b"* X {18446744073709551615}\r\nabc", 1_000);
    assert!(told.is_empty());
}

#[test]
fn messages_stream() {
    let mut client = greeted();
    client
        .send(Request::new("UID FETCH 5 (BODY.PEEK[])").streaming())
        .unwrap();
    let bytes = b"* 1 FETCH (UID 5 BODY[] {7}\r\na\r\nb\r\n} FLAGS (x))\r\nE1 OK\r\n";
    for piece in 1..20 {
        let mut client = greeted();
        client
            .send(Request::new("UID FETCH 5 (BODY.PEEK[])").streaming())
            .unwrap();
        let told = heard(&mut client, bytes, piece);
        assert_eq!(told[..2], ["Begins(7)", "\"a\\r\\nb\\r\\n}\""]);
        assert!(
            told[2].contains("uid: Some(5)") && told[2].contains("Streamed(7)"),
            "{told:?}"
        );
        assert_eq!(told.len(), 4);
    }
    let empty = heard(&mut client, b"* 1 FETCH (BODY[] {0}\r\n UID 5)\r\n", 3);
    assert_eq!(empty[..2], ["Begins(0)", "\"\""]);
}

#[test]
fn flags_that_can_be_sent() {
    for good in ["\\Seen", "$Label1", "a[b", "NonJunk"] {
        assert!(is_flag(good), "{good}");
    }
    for bad in [
        "",
        "\\",
        "a b",
        "a)",
        "a]",
        "\\*",
        "caf\u{e9}",
        "a\r\nb",
        "\\\\x",
        "a\"b",
    ] {
        assert!(!is_flag(bad), "{bad}");
    }
}

/// Bytes that often make sense.
fn talk() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "* ",
        "E1 ",
        "+ ",
        "OK",
        "NO",
        "BYE",
        " [",
        "]",
        "(",
        ")",
        "\"",
        "\\",
        "{3}\r\n",
        "{9}",
        "~{2}\r\n",
        "\r\n",
        "\n",
        " ",
        "1 FETCH (UID 5 ",
        "BODY[] ",
        "BODY[HEADER] ",
        "FLAGS (",
        "\\Seen",
        "MODSEQ (7)",
        "SEARCH 1 2",
        "ESEARCH (TAG \"E1\") UID ALL 1:3",
        "VANISHED (EARLIER) 1:3,9",
        "LIST () \"/\" x",
        "NAMESPACE ((\"\" \"/\")) NIL NIL",
        "STATUS x (MESSAGES 1)",
        "NIL",
        "5",
        "abc",
        "EXISTS",
        "CAPABILITY IDLE",
        "COPYUID 1 2 3",
        "PERMANENTFLAGS (\\*)",
    ]);
    let word = prop_oneof![
        8 => words.prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn pieces_do_not_matter(bytes in talk(), piece in 1_usize..20) {
        let hear = |piece: usize| {
            let mut client = greeted();
            client.send(Request::new("UID FETCH 5 (BODY.PEEK[])").streaming().talking()).unwrap();
            heard(&mut client, &bytes, piece)
        };
        prop_assert_eq!(hear(piece), hear(bytes.len()));
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200), piece in 1_usize..20) {
        heard(&mut Client::new(), &bytes, piece);
        heard(&mut greeted(), &bytes, piece);
    }

    #[test]
    fn strings_come_back(text in prop::collection::vec(1_u8..=255, 0..30)) {
        // As the server would write it, too.
        let plain = !text.iter().any(|byte| matches!(byte, b'\r' | b'\n'));
        let mut client = greeted();
        client.send(Request::new("X").string(&text).unwrap()).unwrap();
        let mut output = said(&mut greeted_with(client)).into_bytes();
        if plain && output.contains(&b'"') {
            let from = output.iter().position(|byte| *byte == b'"').unwrap();
            let mut line = b"* LIST () NIL ".to_vec();
            line.append(&mut output.split_off(from));
            let mut input = line.as_slice();
            let mut client = greeted();
            let Some(Event::Answer(Answer::Listed(listed))) = client.next(&mut input) else {
                panic!("{:?}", String::from_utf8_lossy(&line));
            };
            prop_assert_eq!(listed.name, text);
        }
    }
}

fn greeted_with(mut client: Client) -> Client {
    // Whatever had to be a literal is not looked at.
    if client.output().ends_with(b"}\r\n") {
        client.written(usize::MAX);
    }
    client
}
