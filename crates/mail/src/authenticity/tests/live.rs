//! Checks against a name server that runs.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use everpost_testkit::corpus;

use super::*;
use crate::authenticity::{Limits, Policy};

#[tokio::test]
async fn what_was_signed_passes_and_all_of_it_is_written_down() {
    let bind = dns();
    let raw = with(&rsa().sign(LETTER).unwrap(), LETTER);
    let raw = with(&ed().sign(&raw).unwrap(), &raw);
    let checks = check(&bind, &raw).await;
    let verdicts: Vec<_> = checks.dkim.iter().map(|one| one.verdict).collect();
    assert_eq!(verdicts, [Verdict::Pass; 2], "{checks:#?}");
    assert_eq!(checks.dkim[0].selector, "ed");
    assert_eq!(checks.dkim[1].algorithm, "rsa-sha256");
    assert_eq!(checks.spf.verdict, Verdict::Pass);
    assert_eq!(checks.dmarc.verdict, Verdict::Pass);
    assert_eq!(checks.dmarc.policy, Some(Policy::Reject));
    assert!(checks.dmarc.spf_aligned && checks.dmarc.dkim_aligned);
    assert_eq!(checks.arc.verdict, Verdict::None);

    // Records as they are published, to the letter, and with a time.
    let recorded = |asked, name: &str| {
        let record = checks.record(asked, name).unwrap();
        assert!((record.at - checks.at).abs() < 60);
        record.found.clone()
    };
    let one = |text: String| Found::Texts(vec![text]);
    for signer in [rsa(), ed()] {
        assert_eq!(
            recorded(Asked::Key, &signer.dns_name()),
            one(signer.dns_record())
        );
    }
    let spf = "v=spf1 ip4:192.0.2.1 -all".to_owned();
    assert_eq!(recorded(Asked::Spf, "example.test"), one(spf));
    let policy = "v=DMARC1; p=reject; rua=mailto:d@example.test".to_owned();
    assert_eq!(recorded(Asked::Dmarc, "_dmarc.example.test"), one(policy));

    // Years later, without DNS.
    drop(bind);
    let kept = Checks::decode(&checks.encode()).unwrap();
    assert_eq!(kept, checks);
    assert!(kept.verify_later(&raw).same);
    let place = raw.len() - 20;
    let mut other = raw.clone();
    other[place] ^= 1;
    let again = kept.verify_later(&other);
    assert!(!again.same);
    assert!(again.dkim.iter().all(|one| one.verdict == Verdict::Fail));
    let text = serde_json::to_value(&kept).unwrap();
    assert_eq!(text["dkim"][0]["verdict"], "pass");
    assert_eq!(text["records"][0]["asked"], "key");
}

#[tokio::test]
async fn a_client_that_may_not_send_fails_and_a_signature_still_speaks_for_the_author() {
    let bind = dns();
    let mut from = came("ann@example.test");
    from.client = "2001:db8::1".parse().unwrap();
    let raw = with(&ed().sign(LETTER).unwrap(), LETTER);
    let checks = checker(&bind).check(&raw.into(), &from).await;
    assert_eq!(checks.spf.verdict, Verdict::Fail);
    assert_eq!(checks.dmarc.verdict, Verdict::Pass);
    let plain = Bytes::from_static(LETTER);
    let checks = checker(&bind).check(&plain, &from).await;
    assert_eq!(checks.dmarc.verdict, Verdict::Fail);
    // A client by IPv6 that is one by IPv4.
    from.client = "::ffff:192.0.2.1".parse().unwrap();
    let checks = checker(&bind).check(&plain, &from).await;
    assert_eq!(checks.spf.verdict, Verdict::Pass);
}

#[tokio::test]
async fn what_dns_does_not_know_is_an_error_for_ever() {
    let revoked = txt("revoked._domainkey.example.test.", "v=DKIM1; p=");
    let bind = Bind::start(&[(".", &revoked)]).unwrap();
    for selector in ["revoked", "unknown"] {
        let signer = Signer::from_pem("example.test", selector, &ED).unwrap();
        let raw = with(&signer.sign(LETTER).unwrap(), LETTER);
        let checks = check(&bind, &raw).await;
        assert_eq!(checks.dkim[0].verdict, Verdict::PermError, "{selector}");
        assert_eq!(checks.spf.verdict, Verdict::None);
        assert_eq!(checks.dmarc.verdict, Verdict::None);
        assert!(checks.verify_later(&raw).same);
    }
}

#[tokio::test]
async fn where_dns_says_no_the_mail_may_be_as_it_says() {
    // A server that refuses what lies outside of its zones.
    let bind = Bind::start(&[("elsewhere.test", "")]).unwrap();
    let raw = with(&ed().sign(LETTER).unwrap(), LETTER);
    let checks = check(&bind, &raw).await;
    assert_eq!(checks.dkim[0].verdict, Verdict::TempError);
    assert_eq!(checks.spf.verdict, Verdict::TempError);
    assert_eq!(checks.dmarc.verdict, Verdict::TempError);
    assert!(checks.verify_later(&raw).same);
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    // It hears every question and answers none.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let resolver = resolver(silent.local_addr().unwrap());
    let limits = Limits {
        deadline: Duration::from_millis(300),
        ..Limits::default()
    };
    let checker = Checker::new(resolver, "mx.archive.test").with_limits(limits);
    let raw = with(&ed().sign(LETTER).unwrap(), LETTER);
    let start = Instant::now();
    let checks = checker.check(&raw.into(), &came("ann@example.test")).await;
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(checks.dkim[0].verdict, Verdict::TempError);
    assert_eq!(checks.spf.verdict, Verdict::TempError);
    assert_eq!(checks.dmarc.verdict, Verdict::TempError);
}

#[tokio::test]
async fn only_so_many_signatures_and_questions() {
    let bind = dns();
    let mut raw = LETTER.to_vec();
    for _ in 0..12 {
        raw = with(&ed().sign(LETTER).unwrap(), &raw);
    }
    let checks = check(&bind, &raw).await;
    assert_eq!((checks.dkim.len(), checks.unchecked), (10, 2));
    assert_eq!(checks.dkim[9].verdict, Verdict::Pass);
    let limits = Limits {
        questions: 0,
        ..Limits::default()
    };
    let raw = Bytes::from(raw);
    let checker = checker(&bind).with_limits(limits);
    let checks = checker.check(&raw, &came("ann@example.test")).await;
    assert_eq!(checks.dkim[0].verdict, Verdict::TempError);
    assert_eq!(checks.dmarc.verdict, Verdict::TempError);
    assert!(checks.records.is_empty());
}

/// Mail of all kinds, and a name server that knows no name, or answers for none.
#[tokio::test]
async fn no_mail_breaks_it() {
    let nothing = Bind::start(&[(".", "")]).unwrap();
    let refusing = Bind::start(&[("elsewhere.test", "")]).unwrap();
    let mails = corpus::mails().unwrap();
    let step = (mails.len() / 1500).max(1);
    let mut seen = std::collections::BTreeMap::<_, usize>::new();
    for (index, mail) in mails.into_iter().step_by(step).enumerate() {
        let bind = if index % 8 == 0 { &refusing } else { &nothing };
        let raw = Bytes::from(mail.bytes);
        let checks = check(bind, &raw).await;
        for one in &checks.dkim {
            assert_ne!(one.verdict, Verdict::Pass, "{}", mail.name);
            *seen.entry(one.verdict.as_str()).or_default() += 1;
        }
        assert_ne!(
            checks.spf.reason, "it could not be evaluated",
            "{}",
            mail.name
        );
        assert_ne!(checks.dmarc.verdict, Verdict::Pass, "{}", mail.name);
        assert_ne!(checks.arc.verdict, Verdict::Pass, "{}", mail.name);
        assert!(checks.verify_later(&raw).same, "{}", mail.name);
        assert_eq!(Checks::decode(&checks.encode()).unwrap(), checks);
        let header = checks.header("mx.archive.test");
        assert_eq!(super::pure::fields_of(&header), 1, "{}", mail.name);
    }
    println!("signatures: {seen:?}");
}
