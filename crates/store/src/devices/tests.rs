//! Devices and what is remembered of them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use everpost_codec::link::message::{Heartbeat, Primary};
use everpost_codec::link::{Code, Exchange, LinkKey};
use everpost_domain::continuity::recovery::Denied;
use everpost_domain::digest::Digest;
use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use ring::rand::SystemRandom;

use super::{Device, Handed, NewDevice, Submission, Unwanted};
use crate::StoreError;
use crate::directory::Recipient;
use crate::trial::Trial;

const ANN: &str = "ann@example.org";

/// An agent's half of an enrolment.
struct Half(EphemeralPrivateKey, NewDevice);

impl Half {
    fn new(key: u8) -> Self {
        let own = EphemeralPrivateKey::generate(&X25519, &SystemRandom::new()).unwrap();
        let public = own.compute_public_key().unwrap();
        let new = NewDevice {
            key: [key; 32],
            exchange: public.as_ref().try_into().unwrap(),
            name: " Ann's\r\nlaptop ".into(),
            version: "0.1.0".into(),
        };
        Half(own, new)
    }

    fn key(self, code: &Code, device: &Device) -> LinkKey {
        let exchange = Exchange {
            device: self.1.key,
            agent: self.1.exchange,
            service: device.exchange,
        };
        let theirs = UnparsedPublicKey::new(&X25519, device.exchange);
        agree_ephemeral(self.0, &theirs, |secret| {
            LinkKey::agree(secret, &code.salt(), &exchange)
        })
        .unwrap()
        .unwrap()
    }
}

async fn with_ann() -> Trial {
    let trial = Trial::new(Vec::new(), 1).await;
    let ann = [Recipient::mailbox(ANN)];
    trial.tenant.put_recipients(&ann, "op").await.unwrap();
    trial
}

fn is_refused(answer: Result<Device, StoreError>) -> bool {
    let text = answer.map(drop).unwrap_err().to_string();
    text == "there is no such code in force"
}

#[tokio::test]
async fn a_code_makes_one_device_and_both_sides_have_its_key() {
    let trial = with_ann().await;
    let tenant = &trial.tenant;
    assert!(
        tenant
            .enrol_code("eve@example.org", "op", 60)
            .await
            .is_err()
    );
    assert!(tenant.enrol_code(ANN, "op", 0).await.is_err());
    let code = tenant
        .enrol_code(" Ann@example.org", "op", 60)
        .await
        .unwrap();
    let code = Code::parse(&code).unwrap();

    let wrong = tenant.enrol(&[7; 32], &Half::new(1).1).await;
    assert!(is_refused(wrong));
    let first = Half::new(1);
    let device = tenant.enrol(&code.ticket(), &first.1).await.unwrap();
    assert_eq!(
        (device.owner.as_str(), device.name.as_str()),
        (ANN, "Ann'slaptop")
    );
    assert_eq!(device.page.len(), 32);
    // The same once more, as a server in between may do it.
    let again = tenant.enrol(&code.ticket(), &first.1).await.unwrap();
    assert_eq!(again, device);
    assert!(first.key(&code, &device) == device.link_key);
    // The agent began again before it heard the answer.
    let second = Half::new(1);
    let again = tenant.enrol(&code.ticket(), &second.1).await.unwrap();
    assert_eq!((again.id, &again.page), (device.id, &device.page));
    assert!(again.link_key != device.link_key);
    assert!(second.key(&code, &again) == again.link_key);
    // Somebody else with the code.
    assert!(is_refused(
        tenant.enrol(&code.ticket(), &Half::new(2).1).await
    ));
    let weak = NewDevice {
        exchange: [0; 32],
        ..Half::new(1).1
    };
    assert!(tenant.enrol(&code.ticket(), &weak).await.is_err());

    let found = tenant.device_of_page(&device.page).await.unwrap().unwrap();
    assert_eq!(found, again);
    assert!(tenant.device_of_page("00").await.unwrap().is_none());
    tenant.revoke_device(device.id, "op").await.unwrap();
    assert!(tenant.revoke_device(device.id, "op").await.is_err());
    assert!(tenant.device_of_page(&device.page).await.unwrap().is_none());
    assert!(tenant.device(device.id).await.unwrap().unwrap().revoked > 0);
    assert!(is_refused(
        tenant.enrol(&code.ticket(), &Half::new(1).1).await
    ));
}

#[tokio::test]
async fn an_old_code_is_none() {
    let trial = with_ann().await;
    let tenant = &trial.tenant;
    let code = tenant.enrol_code(ANN, "op", 1).await.unwrap();
    let ticket = Code::parse(&code).unwrap().ticket();
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert!(is_refused(tenant.enrol(&ticket, &Half::new(1).1).await));
}

#[tokio::test]
async fn what_a_device_said_and_did_is_remembered() {
    let trial = with_ann().await;
    let tenant = &trial.tenant;
    let code = tenant.enrol_code(ANN, "op", 60).await.unwrap();
    let ticket = Code::parse(&code).unwrap().ticket();
    let device = tenant.enrol(&ticket, &Half::new(1).1).await.unwrap();
    assert_eq!((device.seen, device.changed), (0, 0));
    let beat = Heartbeat {
        primary: Primary::Silent,
        ..Heartbeat::default()
    };
    tenant.device_seen(device.id, &beat).await.unwrap();
    tenant.device_changed(device.id, 7).await.unwrap();
    tenant.device_changed(device.id, 3).await.unwrap();
    let device = &tenant.devices().await.unwrap()[0];
    assert!(device.seen > 0);
    assert_eq!(
        (device.changed, device.heartbeat.as_ref()),
        (7, Some(&beat))
    );

    let handed = Handed {
        device: device.id,
        number: 1,
        unwanted: vec![Unwanted {
            recipient: "x@example.org".into(),
            code: 550,
            words: "nobody".into(),
        }],
    };
    let taken = Submission {
        copy: Digest::of(b"one"),
        unwanted: handed.unwanted.clone(),
    };
    assert_eq!(tenant.submission(device.id, 1).await.unwrap(), None);
    let record = |mail: &'static [u8]| {
        let handed = handed.clone();
        async move {
            tenant
                .record_submission(&handed, &Digest::of(mail))
                .await
                .unwrap()
        }
    };
    assert_eq!(record(b"one").await, taken);
    assert_eq!(record(b"two").await, taken);
    assert!(tenant.submission(device.id, u64::MAX).await.is_err());
    assert_eq!(Device::id_of("D17"), Some(17));
    for wrong in ["D", "17x", "-1", "0", "+1", "99999999999999999999"] {
        assert_eq!(Device::id_of(wrong), None, "{wrong}");
    }
}

#[tokio::test]
async fn a_ledger_comes_back_line_by_line() {
    let trial = with_ann().await;
    let tenant = &trial.tenant;
    assert!(
        tenant
            .recovery_ledger(ANN)
            .await
            .unwrap()
            .all()
            .next()
            .is_none()
    );
    let keys = [Digest::of(b"a"), Digest::of(b"b")];
    let lease = |who: &'static str| {
        tenant.change_ledger(ANN, move |ledger, now| ledger.lease(who, now, 60))
    };
    assert_eq!(lease("D1").await.unwrap(), Ok(1));
    assert!(matches!(
        lease("D2").await.unwrap(),
        Err(Denied::Taken { .. })
    ));
    let write = tenant.change_ledger(ANN, |ledger, now| {
        ledger.intend(1, now, &keys[0], "INBOX").unwrap();
        ledger.intend(1, now, &keys[1], "Sent").unwrap();
        ledger.intend(1, now, &keys[0], "Trip").unwrap();
        ledger.appended(1, &keys[0], "INBOX", 9);
        ledger.clone()
    });
    let written = write.await.unwrap();
    assert_eq!(
        tenant.recovery_ledger("ANN@example.org").await.unwrap(),
        written
    );
    let since = tenant.recovery_since(ANN, 0).await.unwrap();
    assert_eq!(since.len(), 3);
    let last = since.last().unwrap().number;
    let write = tenant.change_ledger(ANN, |ledger, _| {
        ledger.appended(1, &keys[1], "Sent", 4);
        ledger.clone()
    });
    let written = write.await.unwrap();
    assert_eq!(tenant.recovery_ledger(ANN).await.unwrap(), written);
    let since = tenant.recovery_since(ANN, last).await.unwrap();
    assert_eq!(since.len(), 1);
    assert_eq!((since[0].key, since[0].line.uid), (keys[1], Some(4)));
    // What a change does not change is not written.
    let denied = tenant.change_ledger(ANN, |ledger, now| ledger.intend(2, now, &keys[0], "INBOX"));
    assert_eq!(denied.await.unwrap(), Err(Denied::Over(2)));
    let number = since[0].number;
    assert!(tenant.recovery_since(ANN, number).await.unwrap().is_empty());
}
