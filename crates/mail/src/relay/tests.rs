//! Who is told what, and what proves what, over a real archive.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use bytes::Bytes;
use everpost_codec::journal::{Envelope, Reports};
use everpost_codec::smtp::{Mail, Mailbox, Rcpt};
use everpost_domain::digest::Digest;
use everpost_domain::message::format_rfc3339;
use everpost_domain::relay::LegState;
use everpost_store::{
    Attempt, Errand, MailDomain, Options, Recipient, Settled, Store, Tenant, UnknownRecipient,
    Verdict,
};

use super::by_log;
use super::evidence::by_journal;
use super::front::{Front, Incoming, Organization, Peer, Sender};
use super::trace::fields;
use crate::capture::{Arrived, Capture, CaptureOptions, now};

const RAW: &[u8] = b"From: carol@example.com\r\nTo: ann@a.test\r\nSubject: Pier 7\r\n\
    Message-ID: <1@example.com>\r\nDate: Mon, 3 Jun 2024 10:00:00 +0000\r\n\r\nHello\r\n";

/// An archive that receives for a domain.
struct Archive {
    _folder: tempfile::TempDir,
    organization: Organization,
}

impl Archive {
    async fn of(domain: &str, recipients: &[Recipient]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let opened = Store::open(Options::create(folder.path().join("data"))).await;
        let tenant = opened.unwrap().store.tenant(None).unwrap();
        let known = MailDomain {
            name: domain.into(),
            unknown: UnknownRecipient::Reject,
            server: Some("127.0.0.1:1".into()),
        };
        tenant.put_mail_domain(&known, "op").await.unwrap();
        tenant.put_recipients(recipients, "op").await.unwrap();
        let options = CaptureOptions {
            domains: vec![domain.into()],
            reports: Reports::Ignored,
            room: 1 << 20,
            spool: 1 << 20,
        };
        let capture = Capture::new(tenant.clone(), &options);
        Archive {
            _folder: folder,
            organization: Organization { tenant, capture },
        }
    }

    fn tenant(&self) -> &Tenant {
        &self.organization.tenant
    }

    fn front(&self) -> Front {
        Front::new(vec![self.organization.clone()], None)
    }

    /// What is due to the one place there is.
    async fn take(&self) -> Errand {
        let due = self.tenant().relay_due().await.unwrap();
        let taken = self.tenant().relay_take(due[0].place, 10).await.unwrap();
        taken.into_iter().next().unwrap()
    }

    /// The server's journal brings the message as it was sent on in `errand`.
    async fn journal(&self, errand: &Errand) {
        let prefix = fields(self.tenant(), "mx.a.test", errand);
        let arrived = Arrived {
            raw: Bytes::from([&prefix, RAW].concat()),
            envelope: Envelope::default(),
            is_whole: false,
        };
        self.organization.capture.take(arrived).await.unwrap();
    }
}

/// Mail of a stranger for these.
async fn send(front: &Front, to: &[&str]) -> Digest {
    let mail = Mail::default();
    let mut incoming = Incoming::new(mail.clone());
    for to in to {
        let rcpt = Rcpt::new(to.parse::<Mailbox>().unwrap());
        let accepted = front.recipient(&Sender::Stranger, &mail, &rcpt).await;
        incoming.add(accepted.unwrap());
    }
    let peer = Peer {
        address: None,
        helo: "client.test".into(),
        protocol: "ESMTP".into(),
    };
    let raw = Bytes::from_static(RAW);
    let taken = front.take(raw, incoming, &peer, &Sender::Stranger).await;
    taken.unwrap()
}

fn settled(errand: &Errand, place: usize, state: LegState, verdict: Verdict) -> Settled {
    Settled {
        leg: errand.legs[place].clone(),
        state,
        wait: 0,
        attempt: Some(Attempt {
            at: 1,
            server: String::new(),
            verdict,
            words: String::new(),
        }),
    }
}

/// The legs are handed out, and the sender ends before it hears an answer.
async fn lose(tenant: &Tenant, errand: &Errand) {
    let legs: Vec<i64> = errand.legs.iter().map(|leg| leg.id).collect();
    assert_eq!(tenant.relay_sending(&legs).await.unwrap(), legs);
    tenant.relay_wake(true, 900).await.unwrap();
    assert_eq!(tenant.relay_uncertain().await.unwrap().len(), legs.len());
}

#[tokio::test]
async fn a_copy_of_an_earlier_try_proves_nothing() {
    let people = ["ann@a.test", "bob@a.test"].map(Recipient::mailbox);
    let archive = Archive::of("a.test", &people).await;
    let tenant = archive.tenant();
    send(&archive.front(), &["ann@a.test", "bob@a.test"]).await;
    // Bob's was taken, Ann's not yet: the server's journal has the message all the same.
    let first = archive.take().await;
    let ids: Vec<i64> = first.legs.iter().map(|leg| leg.id).collect();
    tenant.relay_sending(&ids).await.unwrap();
    let ends = [
        settled(&first, 0, LegState::Waiting, Verdict::Temporary),
        settled(&first, 1, LegState::Delivered, Verdict::Accepted),
    ];
    tenant.relay_settle(&ends).await.unwrap();
    archive.journal(&first).await;
    let second = archive.take().await;
    assert_eq!(second.legs.len(), 1);
    lose(tenant, &second).await;
    assert_eq!(by_journal(tenant).await.unwrap(), 0);
    archive.journal(&second).await;
    assert_eq!(by_journal(tenant).await.unwrap(), 1);
    assert_eq!(tenant.relay_status().await.unwrap().open(), 0);
}

#[tokio::test]
async fn a_log_denies_only_what_it_covers_and_proves_only_whom_it_names() {
    let archive = Archive::of("a.test", &[Recipient::mailbox("ann@a.test")]).await;
    let tenant = archive.tenant();
    send(&archive.front(), &["ann@a.test"]).await;
    lose(tenant, &archive.take().await).await;
    let now = now();
    let line = |after: i64, text: &str| format!("{} mx {text}\n", format_rfc3339(now + after));
    let story = |to: &str| {
        [
            line(0, "postfix/cleanup[1]: 4ABC12D: message-id=<1@example.com>"),
            line(0, "postfix/qmgr[1]: 4ABC12D: from=<>, size=9, nrcpt=1 (queue active)"),
            line(0, &format!(
                "postfix/lmtp[1]: 4ABC12D: to=<{to}>, relay=none, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (ok)"
            )),
        ]
        .concat()
    };
    let other = |after| {
        line(
            after,
            "postfix/qmgr[1]: 4DEF12A: from=<x@example.com>, size=9, nrcpt=1 (queue active)",
        )
    };
    let settle = async |log: String| {
        let found = by_log(tenant, log.as_bytes(), now, None).await.unwrap();
        (found.delivered, found.not_delivered, found.open)
    };
    // It begins after the try, or ends with it.
    assert_eq!(settle(other(1) + &other(9000)).await, (0, 0, 1));
    assert_eq!(settle(other(-9000) + &other(1)).await, (0, 0, 1));
    // The message was taken, for somebody else.
    let around = |story: String| other(-9000) + &story + &other(9000);
    assert_eq!(settle(around(story("bob@a.test"))).await, (0, 0, 1));
    // Nobody knows of which zone its times are.
    let zoneless = "Jan  1 00:00:00 mx postfix/qmgr[1]: 4FED12A: removed\n";
    assert_eq!(settle(around(zoneless.into())).await, (0, 0, 1));
    assert_eq!(settle(around(String::new())).await, (0, 1, 0));
    lose(tenant, &archive.take().await).await;
    assert_eq!(settle(story("ann@a.test")).await, (1, 0, 0));
}

#[tokio::test]
async fn no_organization_hears_of_anothers_recipients() {
    let one = Archive::of("a.test", &[Recipient::mailbox("ann@a.test")]).await;
    let other = Archive::of("b.test", &[Recipient::mailbox("eve@b.test")]).await;
    let both = vec![one.organization.clone(), other.organization.clone()];
    let id = send(&Front::new(both, None), &["ann@a.test", "eve@b.test"]).await;
    for (archive, own) in [(&one, "ann@a.test"), (&other, "eve@b.test")] {
        let deliveries = archive.tenant().deliveries(&id).await.unwrap();
        let envelope = deliveries[0].envelope.as_ref().unwrap();
        assert_eq!(envelope.recipients, [own]);
        let legs = archive.tenant().relay_legs(0, true).await.unwrap();
        assert_eq!(legs.len(), 1);
        assert_eq!(legs[0].recipient, own);
    }
}

#[tokio::test]
async fn aliases_that_lead_to_each_other_end() {
    let names: Vec<String> = (0..40)
        .map(|number| format!("all{number}@a.test"))
        .collect();
    let alias = |name: &String| Recipient {
        targets: [&names[..], &["ann@a.test".to_owned()]].concat(),
        ..Recipient::mailbox(name.clone())
    };
    let mut people: Vec<Recipient> = names.iter().map(alias).collect();
    people.push(Recipient::mailbox("ann@a.test"));
    let archive = Archive::of("a.test", &people).await;
    let front = archive.front();
    send(&front, &["all0@a.test", "ann+x@a.test"]).await;
    let legs = archive.tenant().relay_legs(0, true).await.unwrap();
    assert_eq!(legs.len(), 1, "Ann has it once");
    let rcpt = Rcpt::new("nobody@a.test".parse().unwrap());
    let mail = Mail::default();
    let refused = front.recipient(&Sender::Stranger, &mail, &rcpt).await;
    assert_eq!(refused.unwrap_err().code, 550);
}
