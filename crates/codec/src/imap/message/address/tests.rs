//! Tests of address lists.

use super::*;

/// `name|route|local|host`, `name:` and `;`, one a line.
fn of(value: &str) -> String {
    let mut out = Vec::new();
    read(value.as_bytes(), &mut out);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let or_dash = |bytes: &Option<Vec<u8>>| bytes.as_deref().map_or("-".into(), text);
    let line = |element: &Element| match element {
        Element::Mailbox {
            name,
            route,
            local,
            host,
        } => format!(
            "{}|{}|{}|{}",
            or_dash(name),
            or_dash(route),
            text(local),
            text(host)
        ),
        Element::Open(name) => format!("{}:", text(name)),
        Element::Close => ";".into(),
    };
    out.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn lists() {
    let table = [
        ("", ""),
        (" ", ""),
        (",,", ""),
        ("ann@x.org", "-|-|ann|x.org"),
        ("<ann@x.org>", "-|-|ann|x.org"),
        ("Ann Lee <ann@x.org>", "Ann Lee|-|ann|x.org"),
        ("\"Lee, Ann\" <ann@x.org>", "Lee, Ann|-|ann|x.org"),
        ("\"Ann \\\"A\\\" Lee\" <a@x>", "Ann \"A\" Lee|-|a|x"),
        ("=?utf-8?q?=C3=84?= <a@x>", "=?utf-8?q?=C3=84?=|-|a|x"),
        ("Ann Q. Lee <a@x>", "Ann Q. Lee|-|a|x"),
        ("\"Ann   Lee \" <a@x>", "Ann Lee|-|a|x"),
        ("\"\" <a@x>", "-|-|a|x"),
        ("a@x (Ann Lee)", "Ann Lee|-|a|x"),
        ("a@x (Ann (A) Lee)", "Ann (A) Lee|-|a|x"),
        ("<a@x> (Ann)", "Ann|-|a|x"),
        ("a@x, b@y;c@z", "-|-|a|x\n-|-|b|y\n-|-|c|z"),
        ("\"a b\"@x", "-|-|a b|x"),
        ("<\"a@b\"@x>", "-|-|a@b|x"),
        ("ann . lee @ x . org", "-|-|ann.lee|x.org"),
        ("Ann Lee a@x", "Ann Lee|-|a|x"),
        ("a@x Ann Lee", "Ann Lee|-|a|x"),
        ("a@[IPv6:::1], b@x", "-|-|a|[IPv6:::1]\n-|-|b|x"),
        ("<a@[10.0.0.1]>", "-|-|a|[10.0.0.1]"),
        ("<@h1,@h2:a@x>", "-|@h1,@h2|a|x"),
        ("root", "-|-|root|"),
        ("Ann Lee", "Ann Lee|-||"),
        ("\"Ann\"", "Ann|-||"),
        ("Ann <>", "Ann|-||"),
        ("<>", ""),
        ("a@x b@y", "-|-|a|x\n-|-|b|y"),
        ("Ann a@x Bob b@y", "Ann|-|a|x\nBob|-|b|y"),
        ("<a@x> <b@y>", "-|-|a|x\n-|-|b|y"),
        ("Ann <a@x> Bob <b@y> (B)", "Ann|-|a|x\nBob|-|b|y"),
        ("a@b@c", "-|-|a@b|c"),
        ("(nobody)", ""),
        ("a:(nobody);(end)", "a:\n;"),
        ("a@", "-|-|a|"),
        ("@x", "-|-||x"),
        ("undisclosed-recipients:;", "undisclosed-recipients:\n;"),
        (
            "A Group: a@x, Bob <b@y>;, c@z",
            "A Group:\n-|-|a|x\nBob|-|b|y\n;\n-|-|c|z",
        ),
        ("open: a@x", "open:\n-|-|a|x\n;"),
        ("a: b: c@x;", "a:\n;\nb:\n-|-|c|x\n;"),
        ("mailto:a@x", "-|-|a|x"),
        ("\"Ann <a@x>, b@y", "Ann|-|a|x\n-|-|b|y"),
        ("(Ann <a@x>, b@y", "Ann|-|a|x\n-|-|b|y"),
        ("Ann <a@x, b@y", "Ann|-|a|x\n-|-|b|y"),
        ("a@x>, b@y", "-|-|a|x\n-|-|b|y"),
        ("a@x\r\n\t, b@y", "-|-|a|x\n-|-|b|y"),
    ];
    for (value, expected) in table {
        assert_eq!(of(value), expected, "{value}");
    }
}

/// Time is bounded by length, not by its square.
#[test]
fn floods() {
    for piece in [
        "\"", "(", "<", "<a@", ">", "a:", "a@[", "@", ",", ";", "a@x ", "(a)a@x", "\\\"", ". ",
        "a ",
    ] {
        of(&piece.repeat(200_000));
    }
    let many = of(&"a@x,".repeat(ADDRESSES + 5));
    assert_eq!(many.lines().count(), ADDRESSES);
}
