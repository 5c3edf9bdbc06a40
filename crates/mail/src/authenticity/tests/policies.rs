//! SPF and DMARC, case by case.

use super::*;
use crate::authenticity::{Identity, Policy};

const AUTHOR: &[u8] = b"From: a@sub.example.test\r\nSubject: x\r\n\r\nx\r\n";

async fn by(zone: &str, raw: &[u8], sender: &str) -> Checks {
    let bind = Bind::start(&[(".", zone)]).unwrap();
    let raw = Bytes::copy_from_slice(raw);
    checker(&bind).check(&raw, &came(sender)).await
}

#[tokio::test]
async fn a_null_sender_is_judged_by_its_helo() {
    let zone = txt("mail.example.test.", "v=spf1 ip4:192.0.2.0/24 -all");
    let checks = by(&zone, LETTER, "").await;
    assert_eq!(checks.spf.identity, Identity::Helo);
    assert_eq!(checks.spf.domain, "mail.example.test");
    assert_eq!(checks.spf.verdict, Verdict::Pass);
    let header = checks.header("mx");
    assert!(header.contains("smtp.helo=mail.example.test"), "{header}");
}

#[tokio::test]
async fn two_spf_records_are_none_that_counts() {
    let two = txt("example.test.", "v=spf1 +all") + &txt("example.test.", "v=spf1 -all");
    let checks = by(&two, LETTER, "ann@example.test").await;
    assert_eq!(checks.spf.verdict, Verdict::PermError);
    let included = txt("in.test.", "v=spf1 +all")
        + &txt("in.test.", "v=spf1 -all")
        + &txt("example.test.", "v=spf1 include:in.test -all");
    let checks = by(&included, LETTER, "ann@example.test").await;
    assert_eq!(checks.spf.verdict, Verdict::PermError);
    assert!(checks.record(Asked::Spf, "in.test").is_some());
}

#[tokio::test]
async fn who_includes_himself_does_not_go_on_for_ever() {
    let zone = txt("example.test.", "v=spf1 include:example.test -all");
    let checks = by(&zone, LETTER, "ann@example.test").await;
    assert_eq!(checks.spf.verdict, Verdict::PermError);
}

/// What a mail of a@sub.example.test gets: records, sender, then the verdict, whose policy, and which.
type Case<'a> = (
    &'a [(&'a str, &'a str)],
    &'a str,
    Verdict,
    &'a str,
    Option<Policy>,
);

#[tokio::test]
async fn dmarc_by_cases() {
    let all = ("example.test.", "v=spf1 +all");
    let here = ("sub.example.test.", "v=spf1 +all");
    let other = ("other.test.", "v=spf1 +all");
    let cases: &[Case<'_>] = &[
        // No policy at all.
        (&[all], "a@example.test", Verdict::None, "", None),
        // The policy of the domain above, and SPF for that domain.
        (
            &[all, ("_dmarc.example.test.", "v=DMARC1; p=reject")],
            "a@example.test",
            Verdict::Pass,
            "example.test",
            Some(Policy::Reject),
        ),
        // The same, but only the very domain counts.
        (
            &[all, ("_dmarc.example.test.", "v=DMARC1; p=reject; aspf=s")],
            "a@example.test",
            Verdict::Fail,
            "example.test",
            Some(Policy::Reject),
        ),
        // It has another policy for what is below.
        (
            &[
                other,
                here,
                ("_dmarc.example.test.", "v=DMARC1; p=reject; sp=quarantine"),
            ],
            "a@other.test",
            Verdict::Fail,
            "example.test",
            Some(Policy::Quarantine),
        ),
        // And one for what does not exist.
        (
            &[
                other,
                (
                    "_dmarc.example.test.",
                    "v=DMARC1; p=none; sp=none; np=reject",
                ),
            ],
            "a@other.test",
            Verdict::Fail,
            "example.test",
            Some(Policy::Reject),
        ),
        // Tested only.
        (
            &[
                other,
                here,
                ("_dmarc.example.test.", "v=DMARC1; p=reject; t=y"),
            ],
            "a@other.test",
            Verdict::Fail,
            "example.test",
            Some(Policy::Quarantine),
        ),
        // A domain below has one of its own, and its owner says that it is another's.
        (
            &[
                all,
                ("_dmarc.example.test.", "v=DMARC1; p=reject"),
                ("_dmarc.sub.example.test.", "v=DMARC1; p=none; psd=n"),
            ],
            "a@example.test",
            Verdict::Fail,
            "sub.example.test",
            Some(Policy::None),
        ),
        // A domain under which others register: neighbours do not speak for each other.
        (
            &[
                ("_dmarc.example.test.", "v=DMARC1; p=reject; psd=y"),
                ("next.example.test.", "v=spf1 +all"),
            ],
            "a@next.example.test",
            Verdict::Fail,
            "example.test",
            Some(Policy::Reject),
        ),
        // Several records are none, and what is written wrongly, too.
        (
            &[
                here,
                ("_dmarc.sub.example.test.", "v=DMARC1; p=reject"),
                ("_dmarc.sub.example.test.", "v=DMARC1; p=none"),
            ],
            "a@sub.example.test",
            Verdict::PermError,
            "",
            None,
        ),
        (
            &[here, ("_dmarc.sub.example.test.", "v=DMARC1; p=perhaps")],
            "a@sub.example.test",
            Verdict::PermError,
            "",
            None,
        ),
    ];
    for (records, sender, verdict, published, policy) in cases {
        let zone: String = records.iter().map(|(name, text)| txt(name, text)).collect();
        let dmarc = by(&zone, AUTHOR, sender).await.dmarc;
        let got = (dmarc.verdict, dmarc.published.as_str(), dmarc.policy);
        assert_eq!(
            got,
            (*verdict, *published, *policy),
            "{records:?} {dmarc:?}"
        );
    }
}

#[tokio::test]
async fn an_author_must_be_clear() {
    let zone =
        txt("_dmarc.example.test.", "v=DMARC1; p=reject") + &txt("example.test.", "v=spf1 +all");
    for from in [
        "From: a@example.test, b@other.test\r\n",
        "From: a@example.test\r\nFrom: b@other.test\r\n",
        "Subject: no author\r\n",
        "From: nobody\r\n",
        "From: <a@>\r\n",
        "From: a@example..test\r\n",
    ] {
        let raw = format!("{from}\r\nx\r\n");
        let dmarc = by(&zone, raw.as_bytes(), "a@example.test").await.dmarc;
        assert_eq!(dmarc.verdict, Verdict::PermError, "{from} {dmarc:?}");
    }
    let same = b"From: a@example.test, B <b@EXAMPLE.test>\r\n\r\nx\r\n";
    let dmarc = by(&zone, same, "a@example.test").await.dmarc;
    assert_eq!(dmarc.verdict, Verdict::Pass);
}
