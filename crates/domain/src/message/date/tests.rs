//! Dates as mail writes them.
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

fn sent(text: &str) -> Option<(String, i16)> {
    parse_date(text.as_bytes()).map(|sent| (format_rfc3339(sent.unix), sent.offset_minutes))
}

#[test]
fn reads_what_mail_writes() {
    let table = [
        ("Tue, 2 Jan 2024 03:04:05 +0000", "2024-01-02T03:04:05Z", 0),
        (
            " Tue, 2 Jan 2024\r\n 03:04:05 +0200 (CEST)",
            "2024-01-02T01:04:05Z",
            120,
        ),
        ("2 Jan 2024 03:04 -0530", "2024-01-02T08:34:00Z", -330),
        ("Tue,2 Jan 24 03:04:05 EST", "2024-01-02T08:04:05Z", -300),
        ("Tue, 002 Jan 2024 03:04:05 Z", "2024-01-02T03:04:05Z", 0),
        ("2 Jan 99 03:04:05 PDT", "1999-01-02T10:04:05Z", -420),
        ("2 Jan 104 03:04:05 GMT", "2004-01-02T03:04:05Z", 0),
        ("2 Jan 49 00:00:00 Z", "2049-01-02T00:00:00Z", 0),
        ("2 Jan 50 00:00:00 Z", "1950-01-02T00:00:00Z", 0),
        ("Tue, 2 Jan 2024 03:04:05 A", "2024-01-02T03:04:05Z", 0),
        ("Tue, 2 Jan 2024 03:04:05 XYZ", "2024-01-02T03:04:05Z", 0),
        (
            "Tue, 2 Jan 2024 03:04:05 GMT+0200",
            "2024-01-02T01:04:05Z",
            120,
        ),
        (
            "Tue, 2 Jan 2024 03:04:05 +02:00",
            "2024-01-02T01:04:05Z",
            120,
        ),
        ("Tue, 2 Jan 2024 03:04:05 +2", "2024-01-02T01:04:05Z", 120),
        ("Tue, 2 Jan 2024 03:04:05 CET", "2024-01-02T02:04:05Z", 60),
        (
            "Tue (a (nested) comment), 2 (x\\)y) Jan 2024 03:04:05 -0000",
            "2024-01-02T03:04:05Z",
            0,
        ),
        ("Tue, 02-Jan-2024 03:04:05 GMT", "2024-01-02T03:04:05Z", 0),
        ("Tue Jan  2 03:04:05 2024", "2024-01-02T03:04:05Z", 0),
        ("Tue Jan  2 03:04:05 EST 2024", "2024-01-02T08:04:05Z", -300),
        ("Tue Jan  2 03:04:05 2024 +0100", "2024-01-02T02:04:05Z", 60),
        ("January 2, 2024 3:04:05 PM", "2024-01-02T15:04:05Z", 0),
        (
            "Tuesday, 2 January 2024 12:04 AM -0800",
            "2024-01-02T08:04:00Z",
            -480,
        ),
        ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z", 0),
        ("2024-01-02 03:04:05.678 +0100", "2024-01-02T02:04:05Z", 60),
        ("Sat, 31 Dec 2016 23:59:60 +0000", "2016-12-31T23:59:59Z", 0),
        (
            "Tue, 2 Jan 2024 03:04:05 +0100 and junk",
            "2024-01-02T02:04:05Z",
            60,
        ),
        ("2 Jan 2024", "2024-01-02T00:00:00Z", 0),
        ("Thu, 29 Feb 2024 00:00:00 +0000", "2024-02-29T00:00:00Z", 0),
        ("1 Jan 1900 00:00:00 +0000", "1900-01-01T00:00:00Z", 0),
        ("31 Dec 9999 23:59:59 +0000", "9999-12-31T23:59:59Z", 0),
        ("mar, 5 Jan 2024 00:00:00 +0000", "2024-01-05T00:00:00Z", 0),
        (
            "Tue, 2 Jan 2024 03:04:05 +2400",
            "2024-01-01T03:04:05Z",
            1440,
        ),
    ];
    for (text, instant, offset) in table {
        assert_eq!(sent(text), Some((instant.to_string(), offset)), "{text}");
    }
}

#[test]
fn refuses_what_is_no_instant() {
    for text in [
        "",
        "never",
        "2024",
        "31 Feb 2024 00:00:00 +0000",
        "29 Feb 2023 00:00:00 +0000",
        "0 Jan 2024 00:00:00",
        "32 Jan 2024 00:00:00",
        "2 Jan 2024 24:00:00 +0000",
        "2 Jan 2024 10:60:00 +0000",
        "2 Jan 2024 10:00:00 +2401",
        "2 Jan 2024 10:00:00 +9999",
        "2 Jan 1899 10:00:00 +0000",
        "2 Jan 10000 10:00:00 +0000",
        "2 Foo 2024 10:00:00 +0000",
        "Tue Jan 2 10:00:00",
        "(2 Jan 2024 10:00:00",
        "13/02/2024 10:00",
        "99999999999999999999 Jan 2024",
        "2 Jan 2024 10:00:00 +99999999999999999999",
    ] {
        assert_eq!(sent(text), None, "{text}");
    }
}

#[test]
fn day_is_zero_where_the_date_is_no_use() {
    let at = |unix| {
        day(Some(Sent {
            unix,
            offset_minutes: 0,
        }))
    };
    assert_eq!(day(None), 0);
    assert_eq!(at(-1), 0);
    assert_eq!(at(86_399), 0);
    assert_eq!(at(86_400), 1);
    assert_eq!(at(253_402_300_799), 2_932_896);
    assert_eq!(at(253_402_300_800), 0);
    // Local midnight in the east is the day before in UTC.
    assert_eq!(day(parse_date(b"2 Jan 1970 00:30 +0100")), 0);
}

#[test]
fn mbox_from_lines() {
    let expected = parse_date(b"2 Jan 2024 03:04:05 +0000").map(|sent| sent.unix);
    for line in [
        "From ann@x.org Tue Jan  2 03:04:05 2024",
        ">From ann@x.org Tue Jan  2 03:04:05 2024\r\n",
        "From ann@x.org  Tue Jan 02 04:04:05 2024 +0100",
        "From ann@x.org Tue Jan  2 04:04:05 +0100 2024",
        "From \"ann Mon Jan\"@x.org Tue Jan  2 03:04:05 GMT 2024",
        "From - Tue Jan 02 03:04:05 2024",
        "From ann@x.org Tue, 2 Jan 2024 03:04:05 +0000",
        "From ann@x.org 2024-01-02 03:04:05",
    ] {
        assert_eq!(mbox_from_date(line.as_bytes()), expected, "{line}");
    }
    assert_eq!(mbox_from_date(b"From ann@x.org"), None);
    assert_eq!(mbox_from_date(b"From: ann@x.org"), None);
}

proptest! {
    #[test]
    fn never_panics(bytes: Vec<u8>, text in "[0-9A-Za-z:+. ,()-]{0,60}") {
        parse_date(&bytes);
        mbox_from_date(&[b"From ", bytes.as_slice()].concat());
        parse_date(text.as_bytes());
    }

    #[test]
    fn any_instant_formats(unix: i64) {
        format_rfc3339(unix);
    }

    #[test]
    fn reads_what_it_formats(unix in -2_208_988_800i64..253_402_300_800) {
        let text = format_rfc3339(unix);
        prop_assert_eq!(parse_date(text.as_bytes()).map(|s| s.unix), Some(unix), "{}", text);
    }
}
