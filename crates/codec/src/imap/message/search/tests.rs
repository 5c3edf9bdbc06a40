//! Tests of SEARCH.

use super::*;
use crate::imap::set::Numbers;
use everpost_domain::message::{Structure, scan};

/// A message that counts how often it is opened.
struct Mail {
    raw: Vec<u8>,
    structure: Structure,
    header: Option<HeaderText>,
    body: Option<BodyText>,
}

impl Mail {
    fn new(raw: &str) -> Mail {
        Mail {
            raw: raw.as_bytes().to_vec(),
            structure: scan(raw.as_bytes()),
            header: None,
            body: None,
        }
    }
}

impl Candidate for Mail {
    fn number(&self) -> u32 {
        3
    }
    fn uid(&self) -> u32 {
        30
    }
    fn is_saved(&self) -> bool {
        true
    }
    fn has_flag(&self, flag: &str) -> bool {
        flag.eq_ignore_ascii_case("\\Seen")
    }
    fn internal_date(&self) -> i64 {
        // 1970-01-02T00:00:00Z
        86_400
    }
    fn size(&self) -> u64 {
        100
    }
    fn modseq(&self) -> u64 {
        7
    }
    fn email_id(&self) -> &str {
        "E1"
    }
    fn thread_id(&self) -> Option<&str> {
        None
    }
    fn header(&mut self) -> &HeaderText {
        self.header
            .get_or_insert_with(|| HeaderText::read(&self.raw, &self.structure))
    }
    fn body(&mut self) -> &BodyText {
        self.body
            .get_or_insert_with(|| BodyText::read(&self.raw, &self.structure))
    }
}

const CONTEXT: Context = Context {
    now: 86_500,
    largest_number: 5,
    largest_uid: 50,
};

const MAIL: &str = "From: =?utf-8?q?J=C3=BCrgen?= <jurgen@x.org>\r\n\
     Subject: Quarterly\r\n report\r\nX-Empty:\r\n\
     Date: Wed, 1 Jan 2020 23:30:00 -0200\r\n\
     Content-Type: multipart/mixed; boundary=b\r\n\r\n\
     --b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
     Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe aus K=F6ln\r\n\
     --b\r\nContent-Type: text/html\r\n\r\n<b>Wei</b>mar <a href=\"http://y.org/z\">z</a>\r\n\
     --b\r\nContent-Type: application/pdf; name=\"invoice.pdf\"\r\n\r\nsecret\r\n\
     --b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninnermost\r\n--b--\r\n";

fn day(year: u16, month: u8, day: u8) -> Day {
    Day { year, month, day }
}

fn header(name: &str, value: &str) -> SearchKey {
    SearchKey::Header(name.into(), value.as_bytes().to_vec())
}

fn body(value: &str) -> SearchKey {
    SearchKey::Body(value.as_bytes().to_vec())
}

fn text(value: &str) -> SearchKey {
    SearchKey::Text(value.as_bytes().to_vec())
}

#[test]
fn keys() {
    use SearchKey::*;
    let set = |ranges: &[(u32, u32)]| Saved::These(Numbers(ranges.to_vec()));
    let table = [
        (And(vec![]), true),
        (Sequence(set(&[(1, 2)])), false),
        (Sequence(set(&[(9, 9), (2, 3)])), true),
        (Sequence(set(&[(u32::MAX, 2)])), true),
        (Sequence(set(&[(4, u32::MAX)])), false),
        (Uid(set(&[(u32::MAX, 60)])), false),
        (Uid(set(&[(20, u32::MAX)])), true),
        (Uid(Saved::Saved), true),
        (Flag("\\seen".into()), true),
        (Flag("$Junk".into()), false),
        (Recent, false),
        (Not(Box::new(Recent)), true),
        (On(day(1970, 1, 2)), true),
        (Before(day(1970, 1, 2)), false),
        (Before(day(1970, 1, 3)), true),
        (Since(day(1970, 1, 2)), true),
        (Since(day(1970, 1, 3)), false),
        // The field's own day, not that of UTC.
        (SentOn(day(2020, 1, 1)), true),
        (SentSince(day(2020, 1, 2)), false),
        (SentBefore(day(2020, 1, 2)), true),
        (Larger(99), true),
        (Larger(100), false),
        (Smaller(100), false),
        (Smaller(101), true),
        (Younger(100), true),
        (Younger(99), false),
        (Older(100), true),
        (Older(101), false),
        (ModSeq(7), true),
        (ModSeq(8), false),
        (EmailId("E1".into()), true),
        (ThreadId("T1".into()), false),
        (header("FROM", "JÜRGEN"), true),
        (header("from", "x.org"), true),
        (header("subject", "quarterly report"), true),
        (header("subject", "jürgen"), false),
        (header("x-empty", ""), true),
        (header("x-none", ""), false),
        (body("GRÜSSE"), false),
        (body("grüße aus köln"), true),
        (body("weimar"), true),
        (body("y.org"), true),
        (body("quarterly"), false),
        (body("inner"), true),
        (body("innermost"), true),
        (body("secret"), false),
        (body("invoice"), false),
        (body(""), true),
        (text("invoice"), true),
        (text("quarterly"), true),
        (text("köln"), true),
        (text("Subject: Quarter"), true),
        (text("nothing"), false),
        // Latin-1 of an old client.
        (Body(b"k\xf6ln".to_vec()), true),
        (Or(Box::new(body("nothing")), Box::new(Larger(5))), true),
        (And(vec![body("köln"), Larger(500)]), false),
    ];
    for (key, expected) in table {
        let query = Query::new(&key, CONTEXT);
        assert_eq!(query.matches(&mut Mail::new(MAIL)), expected, "{key:?}");
    }
}

#[test]
fn cheap_keys_decide_first() {
    let seen = || SearchKey::Flag("\\Seen".into());
    let unseen = || SearchKey::Not(Box::new(seen()));
    let both = SearchKey::And(vec![text("x"), header("to", "y"), unseen()]);
    let either = SearchKey::Or(Box::new(text("x")), Box::new(seen()));
    for key in [both, either] {
        let mut mail = Mail::new(MAIL);
        Query::new(&key, CONTEXT).matches(&mut mail);
        assert!(mail.header.is_none() && mail.body.is_none());
    }
    let mut mail = Mail::new(MAIL);
    let key = SearchKey::And(vec![body("x"), header("to", "y")]);
    assert!(!Query::new(&key, CONTEXT).matches(&mut mail));
    assert!(mail.header.is_some() && mail.body.is_none());
}

#[test]
fn needs() {
    let sent = SearchKey::SentOn(day(2020, 1, 1));
    let table = [
        (SearchKey::Recent, (false, false, false)),
        (sent.clone(), (true, false, false)),
        (header("to", "a"), (false, true, false)),
        (body("a"), (false, false, true)),
        (text("a"), (false, true, true)),
        (
            SearchKey::Not(Box::new(SearchKey::And(vec![sent, body("a")]))),
            (true, false, true),
        ),
    ];
    for (key, expected) in table {
        let needs = Query::new(&key, CONTEXT).needs();
        assert_eq!((needs.sent, needs.header, needs.body), expected, "{key:?}");
    }
    let key = SearchKey::Or(Box::new(header("To", "a")), Box::new(header("CC", "a")));
    let query = Query::new(&key, CONTEXT);
    assert_eq!(
        query.fields().unwrap().into_iter().collect::<Vec<_>>(),
        ["cc", "to"]
    );
    assert!(Query::new(&text("a"), CONTEXT).fields().is_none());
    let kept = HeaderText::of_fields(None, [("To", "Ännchen")]);
    assert!(kept.field_contains("to", "ÄNN"));
}

#[test]
fn charsets() {
    assert!(charset_known(None) && charset_known(Some("UTF-8")));
    assert!(!charset_known(Some("ISO-8859-1")));
}

/// Beyond the limit nothing is looked at, and nothing is slow.
#[test]
fn large_bodies() {
    let raw = format!("\r\nfirst {}\r\nlast", "x".repeat(9 << 20));
    let mut mail = Mail::new(&raw);
    assert!(Query::new(&body("first"), CONTEXT).matches(&mut mail));
    assert!(!Query::new(&body("last"), CONTEXT).matches(&mut mail));
}
