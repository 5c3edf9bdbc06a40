//! Address fields.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests may panic"
)]
use super::*;
use proptest::prelude::*;

fn read(value: &[u8]) -> Vec<(String, String)> {
    let mut out = Vec::new();
    read_addresses(value, &mut out);
    out.into_iter()
        .map(|address| (address.name, address.email))
        .collect()
}

#[test]
fn reads_what_people_write() {
    let table: [(&str, &[(&str, &str)]); 43] = [
        (
            "bob@y.org. carol@z.org",
            &[("", "bob@y.org."), ("", "carol@z.org")],
        ),
        (
            "Pete <pete(his account)@silly.test(his host)>",
            &[("Pete", "pete@silly.test")],
        ),
        ("jdoe@test   . example", &[("", "jdoe@test.example")]),
        ("ann@x.org", &[("", "ann@x.org")]),
        ("<ann@x.org>", &[("", "ann@x.org")]),
        ("Ann <ann@x.org>", &[("Ann", "ann@x.org")]),
        (
            "Ann Lee<Ann@X.org>,bob@y.org",
            &[("Ann Lee", "Ann@X.org"), ("", "bob@y.org")],
        ),
        ("\"Lee, Ann\" <ann@x.org>", &[("Lee, Ann", "ann@x.org")]),
        (
            "\"a \\\"b\\\" c\" <ann@x.org>",
            &[("a \"b\" c", "ann@x.org")],
        ),
        ("\"Ann\" \"Lee\" <ann@x.org>", &[("Ann Lee", "ann@x.org")]),
        (
            "Dr. Ann L. Lee <ann@x.org>",
            &[("Dr. Ann L. Lee", "ann@x.org")],
        ),
        ("ann@x.org (Ann Lee)", &[("Ann Lee", "ann@x.org")]),
        (
            "ann@x.org (Ann (the) Lee)",
            &[("Ann (the) Lee", "ann@x.org")],
        ),
        ("(c) Ann (c) <ann@x.org> (c)", &[("Ann", "ann@x.org")]),
        ("<@a.org,@b.org:ann@x.org>", &[("", "ann@x.org")]),
        ("\"ann lee\"@x.org", &[("", "\"ann lee\"@x.org")]),
        ("<\"ann lee\"@x.org>", &[("", "\"ann lee\"@x.org")]),
        ("ann @ x.org", &[("", "ann@x.org")]),
        (
            "ann@[IPv6:2001:db8::1], bob@y.org",
            &[("", "ann@[IPv6:2001:db8::1]"), ("", "bob@y.org")],
        ),
        (
            "undisclosed-recipients:;",
            &[("undisclosed-recipients", "")],
        ),
        (
            "Team: ann@x.org, Bob <bob@y.org>;, carol@z.org",
            &[
                ("Team", ""),
                ("", "ann@x.org"),
                ("Bob", "bob@y.org"),
                ("", "carol@z.org"),
            ],
        ),
        ("Undisclosed recipients", &[("Undisclosed recipients", "")]),
        ("root", &[("", "root")]),
        ("root (Cron Daemon)", &[("Cron Daemon", "root")]),
        ("Cron Daemon <root>", &[("Cron Daemon", "root")]),
        ("Ann ann@x.org", &[("Ann", "ann@x.org")]),
        (
            "ann@x.org bob@y.org",
            &[("", "ann@x.org"), ("", "bob@y.org")],
        ),
        (
            "Ann <ann@x.org> Bob <bob@y.org>",
            &[("Ann", "ann@x.org"), ("Bob", "bob@y.org")],
        ),
        (
            "ann@x.org; bob@y.org",
            &[("", "ann@x.org"), ("", "bob@y.org")],
        ),
        ("<ann@x.org> Ann", &[("Ann", "ann@x.org")]),
        (
            "Ann <ann@x.org, Bob <bob@y.org>",
            &[("Ann", "ann@x.org"), ("Bob", "bob@y.org")],
        ),
        ("\"Ann <ann@x.org>", &[("Ann", "ann@x.org")]),
        ("Ann (oops <ann@x.org>", &[("Ann oops", "ann@x.org")]),
        ("Ann <>", &[("Ann", "")]),
        ("ann@x.org <>", &[("", "ann@x.org")]),
        ("\"ann@x.org\" <ann@x.org>", &[("", "ann@x.org")]),
        (
            "\"boss@x.org\" <evil@y.org>",
            &[("boss@x.org", "evil@y.org")],
        ),
        ("mailto:ann@x.org", &[("", "ann@x.org")]),
        ("<mailto:ann@x.org>", &[("", "ann@x.org")]),
        (
            "=?utf-8?Q?=C3=84nn?= =?utf-8?Q?_Lee?= <ann@x.org>",
            &[("Änn Lee", "ann@x.org")],
        ),
        (
            "\"=?iso-8859-1?Q?Lee,_=C4nn?=\" <ann@x.org>",
            &[("Lee, Änn", "ann@x.org")],
        ),
        (
            "Ann\r\n Lee\r\n <ann@x.org>,\r\n\tbob@y.org",
            &[("Ann Lee", "ann@x.org"), ("", "bob@y.org")],
        ),
        (" , ,; ", &[]),
    ];
    for (value, expected) in table {
        let expected: Vec<_> = expected
            .iter()
            .map(|(n, e)| (n.to_string(), e.to_string()))
            .collect();
        assert_eq!(read(value.as_bytes()), expected, "{value}");
    }
    assert_eq!(
        read(b"J\xf6rg <j@x.org>"),
        [("Jörg".to_string(), "j@x.org".to_string())]
    );
    assert_eq!(
        read("Jörg <jörg@x.org>".as_bytes()),
        [("Jörg".to_string(), "jörg@x.org".to_string())]
    );
}

#[test]
fn hostile_fields_stay_linear_and_bounded() {
    for piece in [
        "<", ">", "(", ")", "\"", "\\\"", "a@b : ", "a <> ", "@", ",", "a,", "a@b,", "a@b ", "[",
        "(a@b ", "x: ", ":", "<a<", "=?", "\"@", " @ ",
    ] {
        let flood = piece.repeat((2 << 20) / piece.len());
        assert!(read(flood.as_bytes()).len() <= ADDRESSES);
        read(format!("a@b {flood}").as_bytes());
        read(format!("\"\\{flood}").as_bytes());
    }
}

proptest! {
    #[test]
    fn never_panics(bytes: Vec<u8>, text in "[a@b.<>(),;:\"\\\\ \\[\\]]{0,40}") {
        read(&bytes);
        read(text.as_bytes());
    }

    #[test]
    fn finds_every_proper_address(names in prop::collection::vec("[A-Za-z]{1,8}( [A-Za-z]{1,8})?", 1..8)) {
        let value: Vec<String> = names.iter().enumerate().map(|(n, name)| format!("{name} <a{n}@x.org>")).collect();
        let expected: Vec<_> = names.iter().enumerate().map(|(n, name)| (name.clone(), format!("a{n}@x.org"))).collect();
        prop_assert_eq!(read(value.join(", ").as_bytes()), expected);
    }
}
