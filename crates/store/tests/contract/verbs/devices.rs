//! Agents: their devices, what they handed over, and the mailboxes that they write back.

use everpost_codec::link::Code;
use everpost_codec::link::message::Heartbeat;
use everpost_domain::digest::Digest;
use everpost_store::{Device, Handed, NewDevice, Onward, Tenant, Unwanted};

use crate::mails::{ANN, prepared_onward};
use crate::story::Story;

pub(super) async fn tell(story: &mut Story) {
    story.chapter("devices");
    let device = enrolled(story).await;
    remembered(story, &device).await;
    ledger(story).await;
    like(story).await;
    ended(story, &device).await;
}

/// What of a device is the same each time.
fn shown(device: &Device) -> String {
    format!(
        "{} {} of {}: {} {}, changes up to {}, {:?}{}",
        device.public_id(),
        device.name,
        device.owner,
        device.version,
        device.page.len(),
        device.changed,
        device.heartbeat,
        if device.revoked > 0 { ", revoked" } else { "" },
    )
}

async fn enrolled(story: &mut Story) -> Device {
    let tenant = story.tenant();
    for owner in ["nobody", "nobody@example.org"] {
        let code = async || tenant.enrol_code(owner, "op", 60).await;
        story.ask("a code of nobody", code).await.unwrap_err();
    }
    let code = story
        .done(async || tenant.enrol_code(ANN, "op", 600).await)
        .await
        .unwrap();
    story.say("a code has", &code.len());
    let ticket = Code::parse(&code).unwrap().ticket();
    let new = |key: u8| {
        let mut base = [0; 32];
        base[0] = 9;
        NewDevice {
            key: [key; 32],
            exchange: base,
            name: "laptop".into(),
            version: "1".into(),
        }
    };
    let wrong = async || tenant.enrol(&[0; 32], &new(1)).await.map(drop);
    story.ask("a wrong code", wrong).await.unwrap_err();
    let first = async || tenant.enrol(&ticket, &new(1)).await;
    let device = story.done(first).await.unwrap();
    story.say_text("enrolled", &shown(&device));
    let again = story.done(first).await.unwrap();
    story.say("the same again", &(again == device));
    let other = async || tenant.enrol(&ticket, &new(2)).await.map(drop);
    story.ask("another with the code", other).await.unwrap_err();
    story.say(
        "ids",
        &(Device::id_of("D7"), Device::id_of("x"), Device::name_of(7)),
    );
    device
}

async fn remembered(story: &mut Story, device: &Device) {
    let tenant = story.tenant();
    let beat = Heartbeat {
        version: "2".into(),
        owed: 3,
        ..Heartbeat::default()
    };
    tenant.device_seen(device.id, &beat).await.unwrap();
    tenant.device_changed(device.id, 5).await.unwrap();
    let found = tenant.device(device.id).await.unwrap().unwrap();
    story.say_text("by its id", &shown(&found));
    let page = tenant.device_of_page(&device.page).await.unwrap();
    story.say("by its page", &(page == Some(found)));
    story.say("no such page", &tenant.device_of_page("").await.unwrap());
    let all = tenant.devices().await.unwrap();
    story.say("all", &all.iter().map(shown).collect::<Vec<_>>());
    story.say("from a browser", &Handed::by_person(7, "a key"));
    let handed = Handed {
        device: device.id,
        number: 1,
        unwanted: vec![Unwanted {
            recipient: "x@example.org".into(),
            code: 550,
            words: "nobody".into(),
        }],
    };
    for mail in ["plain", "reply"] {
        let copy = story.mails.id(mail);
        let record = async || tenant.record_submission(&handed, &copy).await;
        story.ask("handed over", record).await.unwrap();
    }
    for number in [1, 2] {
        let found = async || tenant.submission(device.id, number).await;
        story.ask("by its number", found).await.unwrap();
    }
}

async fn ledger(story: &mut Story) {
    let tenant: Tenant = story.tenant();
    let key = Digest::of(b"a message");
    let lease = tenant.change_ledger(ANN, |ledger, now| ledger.lease("D1", now, 600));
    story.answer("leased", &lease.await);
    let change = tenant.change_ledger(ANN, |ledger, now| {
        let intended = ledger.intend(1, now, &key, "INBOX");
        ledger.appended(1, &key, "INBOX", 7);
        (intended, ledger.intend(9, now, &key, "INBOX").is_err())
    });
    story.answer("written", &change.await);
    let whole = tenant.recovery_ledger(ANN).await.unwrap();
    story.say("lines", &whole.lines(&key));
    story.answer("since", &tenant.recovery_since(ANN, 0).await);
    story.answer(
        "of nobody",
        &tenant.recovery_since("x@example.org", 0).await,
    );
}

async fn like(story: &mut Story) {
    let tenant = story.tenant();
    let plain = story.mails.get("plain").raw.clone();
    let item = prepared_onward(&plain, Onward::default());
    story.answer("like it", &tenant.copies_like(&item).await);
    let other = prepared_onward(b"Subject: never came\r\n\r\n", Onward::default());
    story.answer("like none", &tenant.copies_like(&other).await);
}

async fn ended(story: &mut Story, device: &Device) {
    let tenant = story.tenant();
    for _ in 0..2 {
        let revoke = async || tenant.revoke_device(device.id, "op").await;
        story.ask("revoked", revoke).await.ok();
    }
    let found = tenant.device(device.id).await.unwrap().unwrap();
    story.say_text("by its id", &shown(&found));
}
