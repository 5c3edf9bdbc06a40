//! From a mail to what lies in mailboxes: who gets it, in which folder, with which flags
//! and which trace fields.

use super::calendar::{Zone, rfc5322};
use super::encode::field;
use super::people::{HOME, Person};
use super::random::Random;
use super::{DemoItem, Flags};

/// A mail on its way.
#[derive(Debug, Clone, Default)]
pub(super) struct Mail {
    pub(super) raw: Vec<u8>,
    pub(super) sent: i64,
    pub(super) from: Person,
    pub(super) readers: Vec<Person>,
    /// Where tidy readers file it.
    pub(super) folder: &'static str,
    /// Who answered it.
    pub(super) answered: Vec<Person>,
    /// Fields that a list server sets in front; its sender's own copy lacks them.
    pub(super) list_fields: Vec<u8>,
}

/// Every copy of `mail`. `now` is when the demo ends: what is fresh then may be unread.
pub(super) fn deliver(mail: Mail, now: i64, random: &mut Random) -> Vec<DemoItem> {
    let mut out = Vec::new();
    let fresh = now - mail.sent < 14 * 86_400;
    if mail.from.is_staff() {
        out.push(DemoItem {
            mailbox: mail.from.address(),
            folder: "Sent".to_owned(),
            flags: Flags {
                seen: true,
                ..Flags::default()
            },
            delivered: mail.sent,
            raw: mail.raw.clone(),
        });
    }
    let inside = mail.from.domain.ends_with(HOME);
    // A mail with many readers passes the gateway once; or once for each of them, when
    // the other side sends it so. Then one mail has copies that differ in their trace.
    let singly = !inside && random.chance(30);
    let mut common = None;
    for reader in mail
        .readers
        .iter()
        .filter(|reader| reader.is_staff() && !reader.is(&mail.from))
    {
        let delivered = mail.sent + random.between(1, 40);
        let raw = match &common {
            Some(raw) if !singly => Vec::clone(raw),
            _ => {
                let mut raw = if inside {
                    Vec::new()
                } else {
                    trace(&mail.from, reader, delivered, random)
                };
                raw.extend_from_slice(&mail.list_fields);
                raw.extend_from_slice(&mail.raw);
                raw
            }
        };
        common.get_or_insert_with(|| raw.clone());
        // Whether somebody files mail away is a habit, not chance.
        let tidy = reader.local.len() % 3 != 0;
        let answered = mail.answered.iter().any(|one| one.is(reader));
        let folder = if tidy && !(fresh && random.chance(60)) {
            mail.folder
        } else {
            "INBOX"
        };
        out.push(DemoItem {
            mailbox: reader.address(),
            folder: folder.to_owned(),
            flags: Flags {
                seen: !fresh || answered || random.chance(55),
                answered,
                flagged: random.chance(4),
            },
            delivered,
            raw,
        });
    }
    out
}

/// The fields that the way from another firm leaves on a mail.
fn trace(from: &Person, reader: &Person, delivered: i64, random: &mut Random) -> Vec<u8> {
    let mut out = Vec::new();
    let date = rfc5322(delivered, Zone::Central);
    let octet = random.between(2, 250);
    field("Return-Path", &format!("<{}>", from.address()), &mut out);
    field("Delivered-To", &reader.address(), &mut out);
    field(
        "Received",
        &format!(
            "from gate.{HOME} (gate.{HOME} [192.0.2.7]) by store.{HOME} with LMTP id {} for <{}>; {date}",
            random.hex(18),
            reader.address()
        ),
        &mut out,
    );
    field(
        "Received",
        &format!(
            "from mail.{0} (mail.{0} [198.51.100.{octet}]) by gate.{HOME} with ESMTPS id {1} (version=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384); {date}",
            from.domain,
            random.hex(11)
        ),
        &mut out,
    );
    field(
        "Authentication-Results",
        &format!(
            "gate.{HOME}; dkim=pass header.d={0}; spf=pass smtp.mailfrom={1}; dmarc=pass",
            from.domain,
            from.address()
        ),
        &mut out,
    );
    field(
        "DKIM-Signature",
        &format!(
            "v=1; a=rsa-sha256; c=relaxed/relaxed; d={}; s=quay; h=from:to:subject:date:message-id; bh={}=; b={} {} {}",
            from.domain,
            random.hex(43),
            random.hex(64),
            random.hex(64),
            random.hex(64)
        ),
        &mut out,
    );
    out
}
