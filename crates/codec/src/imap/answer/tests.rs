//! What is said, byte by byte.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use crate::imap::command::{Form, Section, SectionOf, StatusItem};
use crate::imap::set::Numbers;
use proptest::prelude::*;

fn said(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

fn set(text: &str) -> Numbers {
    Numbers::parse(text.as_bytes()).unwrap()
}

#[test]
fn strings() {
    let string = |text: &str| said(|out| super::string(out, text.as_bytes()));
    for (text, wanted) in [
        ("", "\"\""),
        ("a b", "\"a b\""),
        ("a\"b\\c", "\"a\\\"b\\\\c\""),
        ("ä", "{2}\r\nä"),
        ("a\r\nb", "{4}\r\na\r\nb"),
        ("a\tb", "{3}\r\na\tb"),
        ("a\0b", "\"ab\""),
    ] {
        assert_eq!(string(text), wanted);
    }
    assert!(string(&"x".repeat(1_001)).starts_with("{1001}\r\n"));
    assert_eq!(said(|out| nstring(out, None)), "NIL");
    assert_eq!(said(|out| nstring(out, Some(b"x"))), "\"x\"");
    let astring = |text: &str| said(|out| super::astring(out, text.as_bytes()));
    assert_eq!(astring("Message-ID"), "Message-ID");
    assert_eq!(astring("nil"), "\"nil\"");
    assert_eq!(astring("a b"), "\"a b\"");
    assert_eq!(astring(""), "\"\"");
    assert_eq!(said(|out| literal_head(out, 7, true)), "~{7}\r\n");
    assert_eq!(
        said(|out| flags(out, ["\\Seen", "$x", "a b", "", "ü"])),
        "(\\Seen $x)"
    );
    assert_eq!(said(|out| flags(out, Vec::<String>::new())), "()");
}

#[test]
fn names() {
    let name = |name: &str, utf8| said(|out| mailbox(out, name, utf8));
    assert_eq!(name("INBOX", false), "\"INBOX\"");
    assert_eq!(name("Entwürfe", false), "\"Entw&APw-rfe\"");
    assert_eq!(name("Entwürfe", true), "\"Entwürfe\"");
    assert_eq!(name("a\"b\\c", true), "\"a\\\"b\\\\c\"");
    assert_eq!(name("a\r\nb", true), "{4}\r\na\r\nb");
}

#[test]
fn lines() {
    let line = |tag, condition, code: Option<Code>, text| {
        said(|out| super::line(out, tag, condition, code.as_ref(), text))
    };
    assert_eq!(
        line(Some("a1"), Condition::Ok, None, "done"),
        "a1 OK done\r\n"
    );
    assert_eq!(line(None, Condition::Bye, None, ""), "* BYE .\r\n");
    assert_eq!(
        line(None, Condition::Bad, None, "[x]\r\ny é"),
        "* BAD (x]??y ?\r\n"
    );
    let no = |code| line(Some("a"), Condition::No, Some(code), "x");
    assert_eq!(no(Code::TryCreate), "a NO [TRYCREATE] x\r\n");
    let owned = |words: &[&str]| {
        words
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    let codes = [
        (
            Code::AppendUid(38_505, set("3955:3957")),
            "APPENDUID 38505 3955:3957",
        ),
        (
            Code::CopyUid(38_505, set("304,319:320"), set("3956:3958")),
            "COPYUID 38505 304,319:320 3956:3958",
        ),
        (
            Code::BadCharset(owned(&["UTF-8", "US ASCII"])),
            "BADCHARSET (UTF-8 \"US ASCII\")",
        ),
        (
            Code::Capability(owned(&["IMAP4rev1", "IDLE"])),
            "CAPABILITY IMAP4rev1 IDLE",
        ),
        (
            Code::HighestModSeq(715_194_045_007),
            "HIGHESTMODSEQ 715194045007",
        ),
        (Code::MailboxId("M-1".to_owned()), "MAILBOXID (M-1)"),
        (Code::Modified(set("7,9")), "MODIFIED 7,9"),
        (
            Code::PermanentFlags(owned(&["\\Seen", "\\*"])),
            "PERMANENTFLAGS (\\Seen \\*)",
        ),
        (Code::UidNext(4), "UIDNEXT 4"),
        (Code::UidValidity(5), "UIDVALIDITY 5"),
        (Code::Unseen(6), "UNSEEN 6"),
        (Code::ReadWrite, "READ-WRITE"),
        (Code::ReadOnly, "READ-ONLY"),
        (Code::NoModSeq, "NOMODSEQ"),
        (Code::Closed, "CLOSED"),
        (Code::AuthenticationFailed, "AUTHENTICATIONFAILED"),
        (Code::PrivacyRequired, "PRIVACYREQUIRED"),
        (Code::NonExistent, "NONEXISTENT"),
        (Code::AlreadyExists, "ALREADYEXISTS"),
        (Code::TooBig, "TOOBIG"),
        (Code::UnknownCte, "UNKNOWN-CTE"),
    ];
    for (code, wanted) in codes {
        assert_eq!(said(|out| code.write(out)), wanted);
    }
}

#[test]
fn folders() {
    let listed = Listed {
        attributes: &["\\HasNoChildren", "\\Sent"],
        name: "Gesendet/ü",
        ..Listed::default()
    };
    let line = |listed: Listed<'_>| said(|out| listed.write(out, false));
    assert_eq!(
        line(listed),
        "* LIST (\\HasNoChildren \\Sent) \"/\" \"Gesendet/&APw-\"\r\n"
    );
    let lsub = Listed {
        lsub: true,
        name: "a",
        ..Listed::default()
    };
    assert_eq!(line(lsub), "* LSUB () \"/\" \"a\"\r\n");
    let childinfo = Listed {
        name: "a",
        child_info: &["SUBSCRIBED"],
        old_name: Some("b"),
        ..Listed::default()
    };
    assert_eq!(
        line(childinfo),
        "* LIST () \"/\" \"a\" (\"CHILDINFO\" (\"SUBSCRIBED\") \"OLDNAME\" (\"b\"))\r\n"
    );
    let old = Listed {
        name: "a",
        old_name: Some("b"),
        ..Listed::default()
    };
    assert_eq!(line(old), "* LIST () \"/\" \"a\" (\"OLDNAME\" (\"b\"))\r\n");
    let items = [
        (StatusItem::Messages, Figure::Number(3)),
        (StatusItem::MailboxId, Figure::Id("M1")),
        (StatusItem::AppendLimit, Figure::Nil),
    ];
    assert_eq!(
        said(|out| status(out, "a b", false, &items)),
        "* STATUS \"a b\" (MESSAGES 3 MAILBOXID (M1) APPENDLIMIT NIL)\r\n"
    );
    assert_eq!(
        said(|out| flags_line(out, ["\\Seen"])),
        "* FLAGS (\\Seen)\r\n"
    );
    assert_eq!(said(|out| exists(out, 3)), "* 3 EXISTS\r\n");
    assert_eq!(said(|out| recent(out, 0)), "* 0 RECENT\r\n");
    assert_eq!(said(|out| expunged(out, 3)), "* 3 EXPUNGE\r\n");
}

#[test]
fn what_was_found() {
    assert_eq!(
        said(|out| search(out, [2, 84, 882], None)),
        "* SEARCH 2 84 882\r\n"
    );
    assert_eq!(said(|out| search(out, [], None)), "* SEARCH\r\n");
    assert_eq!(
        said(|out| search(out, [2, 5], Some(917))),
        "* SEARCH 2 5 (MODSEQ 917)\r\n"
    );
    assert_eq!(said(|out| sort(out, [5, 3])), "* SORT 5 3\r\n");
    let line = |found: Esearch<'_>| said(|out| found.write(out));
    let none = Esearch {
        tag: "a1",
        ..Esearch::default()
    };
    assert_eq!(line(none.clone()), "* ESEARCH (TAG \"a1\")\r\n");
    let all = Esearch {
        uid: true,
        min: Some(2),
        max: Some(47),
        count: Some(3),
        all: Some(set("2,10:11")),
        modseq: Some(917),
        ..none.clone()
    };
    assert_eq!(
        line(all),
        "* ESEARCH (TAG \"a1\") UID MIN 2 MAX 47 COUNT 3 ALL 2,10:11 MODSEQ 917\r\n"
    );
    let partial = |range, numbers| Esearch {
        partial: Some((range, numbers)),
        ..none.clone()
    };
    assert_eq!(
        line(partial((-1, -100), set("200:250"))),
        "* ESEARCH (TAG \"a1\") PARTIAL (-1:-100 200:250)\r\n"
    );
    assert_eq!(
        line(partial((1, 2), Numbers::default())),
        "* ESEARCH (TAG \"a1\") PARTIAL (1:2 NIL)\r\n"
    );
    assert_eq!(
        said(|out| vanished(out, true, &set("41,43:116"))),
        "* VANISHED (EARLIER) 41,43:116\r\n"
    );
    assert_eq!(
        said(|out| vanished(out, false, &set("405"))),
        "* VANISHED 405\r\n"
    );
    assert_eq!(said(|out| vanished(out, false, &Numbers::default())), "");
}

#[test]
fn fetched() {
    let line = said(|out| {
        let mut fetch = Fetch::new(out, 12);
        fetch.uid(99);
        fetch.flags(["\\Seen", "Old"]);
        fetch.modseq(624);
        fetch.internal_date(0, 60);
        fetch.save_date(None);
        fetch.size(4_286);
        fetch.object_id("EMAILID", Some("M1"));
        fetch.object_id("THREADID", None);
        fetch.binary_size(&[1, 2], 7);
        let section = Section {
            part: vec![1],
            of: SectionOf::Text,
        };
        literal(fetch.section(&section, Form::Body, Some(3)), b"ab");
        fetch.end();
    });
    assert_eq!(
        line,
        "* 12 FETCH (UID 99 FLAGS (\\Seen Old) MODSEQ (624) INTERNALDATE \"01-Jan-1970 01:00:00 +0100\" SAVEDATE NIL \
         RFC822.SIZE 4286 EMAILID (M1) THREADID NIL BINARY.SIZE[1.2] 7 BODY[1.TEXT]<3> {2}\r\nab)\r\n"
    );
    let mut out = Vec::new();
    Fetch::new(&mut out, 1).uid(1);
    let mut fetch = Fetch::resume(&mut out, true);
    fetch.size(2);
    fetch.end();
    assert_eq!(out, b"* 1 FETCH (UID 1 RFC822.SIZE 2)\r\n");
}

#[test]
fn sections() {
    let name = |part: &[u32], of, form, from| {
        let section = Section {
            part: part.to_vec(),
            of,
        };
        section_name(&section, form, from)
    };
    let fields = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    use SectionOf::*;
    assert_eq!(name(&[], Whole, Form::Body, None), "BODY[]");
    assert_eq!(name(&[], Whole, Form::Body, Some(0)), "BODY[]<0>");
    assert_eq!(name(&[1, 2], Whole, Form::Binary, None), "BINARY[1.2]");
    assert_eq!(name(&[1], Mime, Form::Body, None), "BODY[1.MIME]");
    assert_eq!(name(&[], Header, Form::Body, None), "BODY[HEADER]");
    assert_eq!(
        name(&[], Fields(fields(&["From", "a(b"])), Form::Body, None),
        "BODY[HEADER.FIELDS (From \"a(b\")]"
    );
    assert_eq!(
        name(&[3], FieldsNot(fields(&["X"])), Form::Body, None),
        "BODY[3.HEADER.FIELDS.NOT (X)]"
    );
    assert_eq!(name(&[], Whole, Form::Rfc822, None), "RFC822");
    assert_eq!(name(&[], Header, Form::Rfc822Header, None), "RFC822.HEADER");
    assert_eq!(name(&[], Text, Form::Rfc822Text, None), "RFC822.TEXT");
}

proptest! {
    #[test]
    fn strings_are_read_again(text in proptest::collection::vec(1u8.., 0..40)) {
        let mut command = b"a LOGIN ".to_vec();
        string(&mut command, &text);
        command.extend_from_slice(b" x\r\n");
        let (_, command) = crate::imap::parse(&command, false).unwrap();
        prop_assert_eq!(command, crate::imap::command::Command::Login { user: text, password: b"x".to_vec() });
    }

    #[test]
    fn texts_stay_on_their_line(text in any::<String>()) {
        let line = said(|out| super::line(out, None, Condition::Ok, None, &text));
        prop_assert!(line.is_ascii() && line.matches('\n').count() == 1 && line.ends_with("\r\n"));
    }
}
