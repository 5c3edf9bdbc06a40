//! Signatures by recorded keys, the header, the record, forged fields.

use std::time::Duration;

use mail_auth::common::crypto::{Ed25519Key, RsaKey, Sha256};
use mail_auth::common::headers::HeaderWriter;
use mail_auth::dkim::DkimSigner;
use proptest::prelude::*;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::*;
use crate::authenticity::fields::{Fields, Split, tags, unsigned};
use crate::authenticity::{Arc, Dmarc, Identity, Policy, SignError, Spf, arc, forged};

fn ed_key() -> Ed25519Key {
    let der = PrivatePkcs8KeyDer::from_pem_slice(ED.as_bytes()).unwrap();
    Ed25519Key::from_pkcs8_der(der.secret_pkcs8_der()).unwrap()
}

#[test]
fn any_byte_that_was_signed_matters() {
    for signer in [rsa(), ed()] {
        let records = [key(&signer)];
        let raw = with(&signer.sign(LETTER).unwrap(), LETTER);
        assert_eq!(verdicts(&raw, &records), [Verdict::Pass]);
        let field = raw.len() - LETTER.len();
        let mut changed = 0;
        for place in field..raw.len() {
            let line = raw[..place].rsplit(|&byte| byte == b'\n').next().unwrap();
            let free = [&b"Received"[..], b"X-Other"];
            let free = free
                .iter()
                .any(|name| line.starts_with(name) || raw[place - line.len()..].starts_with(name));
            if raw[place].is_ascii_whitespace()
                || free
                || raw[place].is_ascii_alphabetic() && line.len() < 12
            {
                // Blanks are folded, names of fields and their case are no part of it.
                continue;
            }
            let mut other = raw.clone();
            other[place] ^= 1;
            if other[place].is_ascii_whitespace() {
                continue;
            }
            changed += 1;
            assert_ne!(
                verdicts(&other, &records),
                [Verdict::Pass],
                "at {place}: {}",
                String::from_utf8_lossy(&other[place.saturating_sub(10)..place + 1])
            );
        }
        assert!(changed > 120, "{changed}");
    }
}

#[test]
fn what_way_stations_do_is_borne_and_what_forgers_do_is_not() {
    let signer = ed();
    let records = [key(&signer)];
    let raw = with(&signer.sign(LETTER).unwrap(), LETTER);
    let text = String::from_utf8(raw).unwrap();
    let after = |old: &str, new: &str| {
        assert!(text.contains(old), "{old}");
        verdicts(text.replacen(old, new, 1).as_bytes(), &records)
    };
    // Relaxed forms (RFC 6376 §3.4).
    assert_eq!(after("X-Other: not signed\r\n", ""), [Verdict::Pass]);
    assert_eq!(after("A letter \r\n  in", "A letter in"), [Verdict::Pass]);
    assert_eq!(
        after("see  you \t soon. \r\n", "see you soon.\r\n"),
        [Verdict::Pass]
    );
    assert_eq!(after("Ann\r\n\r\n\r\n", "Ann\r\n"), [Verdict::Pass]);
    // A second of what must be one, before or behind.
    for field in [
        "From: e@evil.test\r\n",
        "Subject: other\r\n",
        "To: e@evil.test\r\n",
    ] {
        assert_eq!(
            verdicts(&with(field, text.as_bytes()), &records),
            [Verdict::Fail]
        );
        let behind = format!("X-Other: not signed\r\n{field}");
        assert_eq!(after("X-Other: not signed\r\n", &behind), [Verdict::Fail]);
    }
    assert_eq!(after("Ann\r\n\r\n", "Ann\r\nPS: pay\r\n"), [Verdict::Fail]);
    assert_eq!(after("d=example.test", "d=evil.test"), [Verdict::TempError]);
    assert_eq!(after("v=1", "v=2"), [Verdict::Neutral]);
    assert_eq!(after("v=1;", "v=1; v=1;"), [Verdict::Neutral]);
    assert_eq!(
        after("a=ed25519-sha256", "a=rsa-sha256"),
        [Verdict::PermError]
    );
    assert_eq!(
        after("c=relaxed/relaxed", "c=relaxed/relaxed; i=@evil.test"),
        [Verdict::PermError]
    );
    assert_eq!(
        after("c=relaxed/relaxed", "c=relaxed/relaxed; q=http"),
        [Verdict::Neutral]
    );
    // Where carriage returns are left over, a reader may see what a verifier did not.
    assert_eq!(after("Yours, Ann", "Yours,\r Ann"), [Verdict::Policy]);
}

#[test]
fn keys_say_what_they_are_for() {
    let signer = ed();
    let raw = with(&signer.sign(LETTER).unwrap(), LETTER);
    let record = signer.dns_record();
    let tried = |more: &str| {
        let text = record.replace("v=DKIM1;", &format!("v=DKIM1;{more}"));
        verdicts(&raw, &[published(&signer.dns_name(), &text)])[0]
    };
    assert_eq!(tried(""), Verdict::Pass);
    assert_eq!(
        tried(" h=sha256:sha1; s=email; t=y:s; n=a note;"),
        Verdict::Pass
    );
    assert_eq!(tried(" h=sha1;"), Verdict::PermError);
    assert_eq!(tried(" s=tlsrpt;"), Verdict::PermError);
    assert_eq!(tried(" k=rsa;"), Verdict::PermError);
    assert_eq!(tried(" nonsense;"), Verdict::PermError);
    // Several at one name: the one that fits counts, in whatever order they come.
    let mut several = published(&signer.dns_name(), "v=DKIM1; p=");
    if let Found::Texts(texts) = &mut several.found {
        texts.push(record.clone());
    }
    assert_eq!(verdicts(&raw, &[several]), [Verdict::Pass]);
    // A key for the domain itself, and a signature for one below.
    let below = DkimSigner::from_key(ed_key())
        .domain("example.test")
        .selector("ed")
        .headers(["From"])
        .agent_user_identifier("ann@sub.example.test");
    let raw = with(&below.sign(LETTER).unwrap().to_header(), LETTER);
    let strict = record.replace("v=DKIM1;", "v=DKIM1; t=s;");
    let verdict = |text: &str| verdicts(&raw, &[published(&signer.dns_name(), text)])[0];
    assert_eq!(verdict(&record), Verdict::Pass);
    assert_eq!(verdict(&strict), Verdict::PermError);
}

#[test]
fn time_is_that_of_the_check() {
    let signer = DkimSigner::from_key(ed_key())
        .domain("example.test")
        .selector("ed")
        .headers(["From", "From"])
        .expiration(1000);
    let raw = with(&signer.sign(LETTER).unwrap().to_header(), LETTER);
    let now = crate::authenticity::dns::now();
    let at = |at| dkim::judge(&raw, &[key(&ed())], at, 10)[0].verdict;
    assert_eq!(at(now), Verdict::Pass);
    assert_eq!(at(now + 2000), Verdict::Fail);
}

#[test]
fn a_signature_of_a_part_is_not_relied_on() {
    let signer = DkimSigner::from_key(ed_key())
        .domain("example.test")
        .selector("ed")
        .headers(["From"])
        .header_canonicalization(mail_auth::dkim::Canonicalization::Simple)
        .body_canonicalization(mail_auth::dkim::Canonicalization::Simple)
        .body_length(true);
    let plain = b"From: ann@example.test\r\n\r\nHello\r\n";
    let raw = with(&signer.sign(plain).unwrap().to_header(), plain);
    let records = [key(&ed())];
    assert_eq!(verdicts(&raw, &records), [Verdict::Pass]);
    let longer = [&raw[..], b"PS: pay\r\n"].concat();
    assert_eq!(verdicts(&longer, &records), [Verdict::Policy]);
    let shorter = &raw[..raw.len() - 3];
    assert_eq!(verdicts(shorter, &records), [Verdict::Fail]);
    // From must be signed.
    let signer = DkimSigner::from_key(ed_key())
        .domain("example.test")
        .selector("ed")
        .headers(["Subject"]);
    let raw = with(&signer.sign(LETTER).unwrap().to_header(), LETTER);
    assert_eq!(verdicts(&raw, &records), [Verdict::PermError]);
}

#[test]
fn a_header_without_end_holds_nothing() {
    let signer = ed();
    let mut raw = b"X: y\r\n".repeat(10_001);
    raw.extend(with(&signer.sign(LETTER).unwrap(), LETTER));
    assert_eq!(verdicts(&raw, &[key(&signer)]), []);
    let mut raw = signer.sign(LETTER).unwrap().into_bytes();
    raw.extend(b"X: y\r\n".repeat(10_001));
    raw.extend(LETTER);
    assert_eq!(verdicts(&raw, &[key(&signer)]), [Verdict::PermError]);
    assert_eq!(signer.sign(&raw), Err(SignError::Header));
}

#[test]
fn keys_are_made_read_and_published() {
    for (signer, kind) in [(rsa(), "k=rsa; "), (ed(), "k=ed25519; ")] {
        let record = signer.dns_record();
        assert!(record.starts_with("v=DKIM1; ") && record.contains(kind));
        assert!(signer.is_published_by(&record));
        assert!(signer.is_published_by(&record.replace("; p=", ";t=s; p= ")));
        assert!(!signer.is_published_by(&record.replace("; p=", "; p=A")));
    }
    assert_eq!(rsa().dns_name(), "rsa._domainkey.example.test");
    assert!(!rsa().is_published_by(&ed().dns_record()));
    let pem = |text: &str| Signer::from_pem("example.test", "s", text).err();
    assert!(matches!(pem("nonsense"), Some(SignError::Key(_))));
    assert!(matches!(
        pem(&RSA.replace("MII", "MIJ")),
        Some(SignError::Key(_))
    ));
    for (domain, selector) in [
        ("exa mple.test", "s"),
        ("example..test", "s"),
        ("a.test", "s;d=b.test"),
    ] {
        assert!(matches!(
            Signer::from_pem(domain, selector, &ED).err(),
            Some(SignError::Name(_))
        ));
    }
    assert_eq!(ed().sign(b"Subject: x\r\n\r\n"), Err(SignError::NoFrom));
    // What `mail-auth` reads of the same text.
    let der = PrivatePkcs8KeyDer::from_pem_slice(RSA.as_bytes()).unwrap();
    RsaKey::<Sha256>::from_key_der(PrivateKeyDer::Pkcs8(der)).unwrap();
}

#[test]
fn a_signature_may_stand_in_a_header() {
    for signer in [rsa(), ed()] {
        let field = signer.sign(LETTER).unwrap();
        assert!(field.ends_with("\r\n") && fields_of(&field) == 1);
        assert!(field.lines().all(|line| line.len() <= 80), "{field}");
        let unfolded = field.replace("\r\n\t", "");
        for name in ["From", "Subject", "Date", "To", "Message-ID"] {
            let h = unfolded
                .split("h=")
                .nth(1)
                .unwrap()
                .split(';')
                .next()
                .unwrap();
            let times = h.split(':').filter(|one| one.trim() == name).count();
            assert_eq!(times, 2, "{name} in {h}");
        }
        assert!(!unfolded.contains(" l="));
    }
}

/// How many fields a text is, if it is nothing but fields.
pub(super) fn fields_of(text: &str) -> usize {
    assert!(text.ends_with("\r\n") && !text.contains("\r\n\r\n"));
    assert!(
        text.lines()
            .all(|line| !line.trim().is_empty() && line.len() < 998)
    );
    let bare = text.replace("\r\n", "");
    assert!(!bare.contains(['\r', '\n']));
    let fields: Vec<_> = Fields::of(text.as_bytes()).collect();
    assert!(fields.iter().all(|field| !field.name.is_empty()));
    fields.len()
}

fn simple() -> Checks {
    Checks {
        at: AT,
        came: came("ann@example.test"),
        spf: Spf {
            verdict: Verdict::SoftFail,
            identity: Identity::MailFrom,
            domain: "example.test".to_owned(),
            reason: String::new(),
        },
        dkim: vec![Dkim {
            verdict: Verdict::Fail,
            domain: "example.test".to_owned(),
            selector: "ed".to_owned(),
            identity: "@example.test".to_owned(),
            algorithm: "ed25519-sha256".to_owned(),
            begins: "Ab+/1234".to_owned(),
            reason: "the body is not what was signed".to_owned(),
        }],
        unchecked: 0,
        dmarc: Dmarc {
            verdict: Verdict::Fail,
            domain: "example.test".to_owned(),
            published: "example.test".to_owned(),
            policy: Some(Policy::Reject),
            spf_aligned: false,
            dkim_aligned: false,
            reason: String::new(),
        },
        arc: Arc {
            verdict: Verdict::None,
            sets: 0,
            domain: String::new(),
            selector: String::new(),
            reason: String::new(),
        },
        records: Vec::new(),
    }
}

#[test]
fn the_header_is_as_rfc_8601_has_it() {
    assert_eq!(
        simple().header("mx.archive.test"),
        "Authentication-Results: mx.archive.test;\r\n\
         \tspf=softfail smtp.mailfrom=ann@example.test;\r\n\
         \tdkim=fail reason=\"the body is not what was signed\"\r\n\
         \theader.d=example.test header.i=@example.test header.s=ed\r\n\
         \theader.a=ed25519-sha256 header.b=\"Ab+/1234\";\r\n\
         \tdmarc=fail header.from=example.test policy.dmarc=reject;\r\n\
         \tarc=none\r\n"
    );
}

#[test]
fn forged_fields_are_found() {
    let ours = [
        "Authentication-Results: mx.archive.test; spf=pass\r\n",
        "authentication-results : MX.archive.test.;\r\n\tspf=pass\r\n",
        "Authentication-Results:\r\n (a (nested\\) comment))\r\n\tmx.archive.test 1; spf=pass\r\n",
        "Authentication-Results: \"mx.archive\\.test\"; spf=pass\r\n",
        "Authentication-Results: mx.archive.test\n",
        // Broken, so that nobody knows.
        "Authentication-Results: (never closed mx.archive.test; spf=pass\r\n",
        "Authentication-Results: \"mx.archive.test; spf=pass\r\n",
    ];
    let others = [
        "Authentication-Results: mx.other.test; spf=pass (for mx.archive.test)\r\n",
        "ARC-Authentication-Results: i=1; mx.archive.test; spf=pass\r\n",
        "X-Authentication-Results: mx.archive.test; spf=pass\r\n",
        "Authentication-Results: not.mx.archive.test; spf=pass\r\n",
        "Authentication-Results:\r\n",
    ];
    for field in ours {
        for other in others {
            let raw = format!("{other}{field}{field}From: a@b.test\r\n{field}\r\n{field}");
            let first = other.len()..other.len() + 2 * field.len();
            let second = first.end + 16..first.end + 16 + field.len();
            assert_eq!(
                forged(raw.as_bytes(), "mx.archive.test"),
                [first, second],
                "{raw}"
            );
        }
    }
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z.@\"\\\\()\r\n\t ;=\u{e4}\u{0}]{0,40}",
        Just("x\r\nBcc: evil@evil.test\r\n\r\nbody".to_owned()),
        Just("\"; dkim=pass header.d=bank.test (".to_owned()),
        Just("a".repeat(5000)),
    ]
}

fn verdict() -> impl Strategy<Value = Verdict> {
    proptest::sample::select(Verdict::ALL.to_vec())
}

prop_compose! {
    fn signature()(verdict in verdict(), domain in texts(), selector in texts(), identity in texts(),
                   algorithm in texts(), begins in texts(), reason in texts()) -> Dkim {
        Dkim { verdict, domain, selector, identity, algorithm, begins, reason }
    }
}

fn record() -> impl Strategy<Value = Record> {
    let asked = proptest::sample::select(vec![Asked::Key, Asked::Spf, Asked::Dmarc, Asked::Name]);
    let found = prop_oneof![
        proptest::collection::vec(texts(), 0..3).prop_map(Found::Texts),
        Just(Found::NoData),
        Just(Found::NoName),
        texts().prop_map(Found::Trouble),
    ];
    (asked, texts(), found, any::<i64>()).prop_map(|(asked, name, found, at)| Record {
        asked,
        name,
        found,
        at,
    })
}

prop_compose! {
    fn checks()(base in (any::<i64>(), any::<u32>(), any::<u32>(), any::<bool>(), any::<[bool; 2]>()),
                client in any::<std::net::IpAddr>(),
                text in proptest::collection::vec(texts(), 10..11),
                verdicts in [verdict(), verdict(), verdict()],
                policy in proptest::sample::select(vec![None, Some(Policy::None), Some(Policy::Quarantine), Some(Policy::Reject)]),
                dkim in proptest::collection::vec(signature(), 0..4),
                records in proptest::collection::vec(record(), 0..4)) -> Checks {
        let (at, unchecked, sets, helo, [spf_aligned, dkim_aligned]) = base;
        let mut text = text.into_iter();
        let mut next = || text.next().unwrap();
        Checks {
            at,
            came: Came { client, helo: next(), sender: next() },
            spf: Spf {
                verdict: verdicts[0],
                identity: if helo { Identity::Helo } else { Identity::MailFrom },
                domain: next(),
                reason: next(),
            },
            dkim,
            unchecked,
            dmarc: Dmarc {
                verdict: verdicts[1],
                domain: next(),
                published: next(),
                policy,
                spf_aligned,
                dkim_aligned,
                reason: next(),
            },
            arc: Arc { verdict: verdicts[2], sets, domain: next(), selector: next(), reason: next() },
            records,
        }
    }
}

proptest! {
    #[test]
    fn what_is_kept_comes_back(checks in checks(), cut in any::<prop::sample::Index>()) {
        let bytes = checks.encode();
        prop_assert_eq!(Checks::decode(&bytes), Ok(checks));
        let cut = cut.index(bytes.len());
        prop_assert!(Checks::decode(&bytes[..cut]).is_err());
    }

    #[test]
    fn any_bytes_are_checks_or_an_error(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        Checks::decode(&bytes).ok();
        if let Some(first) = bytes.first_mut() {
            *first = 1;
        }
        if let Ok(checks) = Checks::decode(&bytes) {
            prop_assert_eq!(Checks::decode(&checks.encode()), Ok(checks));
        }
    }

    #[test]
    fn a_damaged_record_is_checks_or_an_error(checks in checks(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut bytes = checks.encode();
        let at = at.index(bytes.len());
        bytes[at] = to;
        Checks::decode(&bytes).ok();
    }

    /// Whatever is in it: one field, whose results are those that it should have.
    #[test]
    fn nothing_gets_out_of_the_header(checks in checks(), server in texts()) {
        let header = checks.header(&server);
        prop_assert_eq!(fields_of(&header), 1);
        prop_assert!(header.is_ascii());
        let mut methods = Vec::new();
        let (mut quoted, mut escaped, mut part) = (false, false, String::new());
        for sign in header.chars() {
            match sign {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                '(' | ')' => prop_assert!(quoted),
                ';' if !quoted => methods.push(std::mem::take(&mut part)),
                _ if quoted => {}
                _ => part.push(sign),
            }
        }
        prop_assert!(!quoted);
        methods.push(part);
        let names: Vec<_> = methods[1..].iter().map(|one| one.trim().split('=').next().unwrap().to_owned()).collect();
        let mut expected = vec!["spf"];
        expected.extend(vec!["dkim"; checks.dkim.len().max(1)]);
        expected.extend(["dmarc", "arc"]);
        prop_assert_eq!(names, expected);
        // What we write, we find.
        if server.is_ascii() && server.len() < 300 && !server.contains(|c: char| c.is_control()) {
            prop_assert_eq!(forged(header.as_bytes(), &server).len(), 1);
        }
    }

    /// Fields and body are all of the message, and ranges lie within and apart.
    #[test]
    fn a_message_is_cut_without_loss(raw in proptest::collection::vec(
        prop_oneof![Just(b"A-B: c".to_vec()), Just(b"\r\n".to_vec()), Just(b"\n".to_vec()), Just(b" \t".to_vec()),
                    Just(b"Authentication-Results: x;".to_vec()), proptest::collection::vec(any::<u8>(), 0..4)], 0..12)) {
        let raw = raw.concat();
        let split = Split::of(&raw);
        let mut at = 0;
        for field in &split.fields {
            prop_assert_eq!(field.range.start, at);
            prop_assert!(field.range.end > at);
            at = field.range.end;
        }
        let gap = raw.len() - split.body.len() - at;
        prop_assert!(matches!(&raw[at..at + gap], b"" | b"\n" | b"\r\n"));
        let mut end = 0;
        for range in forged(&raw, "x") {
            prop_assert!(range.start >= end && range.end <= raw.len() && !range.is_empty());
            end = range.end + 1;
        }
        unsigned(&raw);
        tags(&raw);
    }

    /// Fields that look like signatures, by any key: never a pass, never a panic.
    #[test]
    fn nonsense_does_not_hold(value in "[a-z0-9=;: \t/@.+-]{0,80}", text in "[a-zA-Z0-9=;: /+]{0,60}", tail in proptest::collection::vec(any::<u8>(), 0..60)) {
        let field = format!("DKIM-Signature: v=1; a=rsa-sha256; d=example.test; s=x; h=from; bh=AAAA; b=AAAA; {value}\r\n");
        let sets = format!("ARC-Seal: i=1; cv=none; d=example.test; s=x; a=rsa-sha256; b=AAAA; {value}\r\n\
            ARC-Message-Signature: i=1; d=example.test; s=x; h=from; bh=AAAA; b=AAAA; {value}\r\n\
            ARC-Authentication-Results: i=1; {value}\r\n");
        let raw = [field.as_bytes(), sets.as_bytes(), LETTER, &tail].concat();
        let records = [published("x._domainkey.example.test", &format!("v=DKIM1; p={text}"))];
        prop_assert_ne!(judged(&raw, &records)[0].verdict, Verdict::Pass);
        prop_assert_ne!(arc::judge(&raw, &records, AT).verdict, Verdict::Pass);
    }
}

#[test]
fn a_hostile_header_costs_little() {
    let names = "from:".repeat(200_000);
    let many: String = (0..100_000).map(|n| format!("x{n}=y;")).collect();
    let start = std::time::Instant::now();
    for field in [
        format!("DKIM-Signature: v=1; a=rsa-sha256; d=e.test; s=x; bh=AAAA; b=AAAA; h={names}\r\n"),
        format!(
            "DKIM-Signature: v=1; a=rsa-sha256; d=e.test; s=x; bh=AAAA; b=AAAA; h=from; {many}\r\n"
        ),
        "DKIM-Signature: v=1\r\n".repeat(50_000),
        "ARC-Seal: i=1\r\nARC-Message-Signature: i=1\r\nARC-Authentication-Results: i=1\r\n"
            .repeat(20_000),
    ] {
        let raw = with(&field, LETTER);
        assert!(
            judged(&raw, &[])
                .iter()
                .all(|one| one.verdict != Verdict::Pass)
        );
        assert_ne!(arc::judge(&raw, &[], AT).verdict, Verdict::Pass);
    }
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
}
