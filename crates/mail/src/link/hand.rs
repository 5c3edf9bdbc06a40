//! A mail that a device hands over: through the same door as mail that people submit by SMTP, and once a number.

use std::net::IpAddr;

use bytes::Bytes;
use everpost_codec::link::message::{Fate, Mail, NotFor};
use everpost_codec::smtp::{self, Mailbox, Path, Rcpt, Reply, Survey};
use everpost_domain::digest::Digest;
use everpost_store::{Device, Handed, StoreError, Submission, Tenant, Unwanted};

use crate::relay::LINK;
use crate::relay::front::{Front, Incoming, Peer, Sender};

/// Recipients of one mail: as many as a connection of SMTP takes.
const MOST_RECIPIENTS: usize = 1000;

/// Who hands over.
#[derive(Debug, Clone, Copy)]
pub struct HandedBy<'a> {
    /// The device.
    pub device: &'a Device,
    /// Addresses that its user may send as.
    pub own: &'a [String],
    /// Where it speaks from.
    pub address: Option<IpAddr>,
    /// Bytes that a mail may have.
    pub most: u64,
}

/// What a door said no with.
fn refused(reply: &Reply) -> Fate {
    let words = reply.lines.join(" ");
    match reply.is_temporary() {
        true => Fate::Later { words },
        false => Fate::Refused {
            code: reply.code,
            words,
        },
    }
}

fn no(code: u16, words: &str) -> Fate {
    Fate::Refused {
        code,
        words: words.to_owned(),
    }
}

fn receipt(taken: Submission) -> Fate {
    let not_for = taken.unwanted.into_iter().map(|one| NotFor {
        recipient: one.recipient,
        code: one.code,
        words: one.words,
    });
    Fate::Taken {
        copy: taken.copy,
        not_for: not_for.collect(),
    }
}

/// The header has bytes that only servers with SMTPUTF8 take.
fn is_international(raw: &[u8]) -> bool {
    !crate::relay::header(raw).is_ascii()
}

/// Takes a mail, unless it was taken before. What this answers with `Taken` is durable, receipt and all.
///
/// # Errors
/// Where the archive cannot be asked: the device comes again.
pub async fn hand_over(
    front: &Front,
    tenant: &Tenant,
    from: HandedBy<'_>,
    mail: &Mail,
    raw: Bytes,
) -> Result<Fate, StoreError> {
    if let Some(known) = tenant.submission(from.device.id, mail.number).await? {
        return Ok(match known.copy == mail.sha256 {
            true => receipt(known),
            false => no(554, "another mail was handed over under this number"),
        });
    }
    if let Err(fate) = fits(from, mail, &raw) {
        return Ok(fate);
    }
    let sender = Sender::User(from.own.to_vec());
    if let Err(reply) = front.may_send_as(&sender, &mail.sender) {
        return Ok(refused(&reply));
    }
    let Ok(path) = Mailbox::parse(&mail.sender) else {
        return Ok(no(553, "the sender is no address"));
    };
    let mut addresses = std::iter::once(&mail.sender).chain(&mail.recipients);
    let mut incoming = Incoming::new(smtp::Mail {
        smtputf8: is_international(&raw) || !addresses.all(|one| one.is_ascii()),
        from: Path::Mailbox(path),
        ..smtp::Mail::default()
    });
    let mut unwanted = Vec::new();
    for recipient in &mail.recipients {
        let asked = match Mailbox::parse(recipient) {
            Ok(to) => {
                let rcpt = Rcpt::new(to);
                front.recipient(&sender, &incoming.mail, &rcpt).await
            }
            Err(_) => Err(Reply::new(553, [1, 3], "that is no address")),
        };
        match asked {
            Ok(accepted) => incoming.add(accepted),
            // Nothing of it is taken now: a mail leaves whole.
            Err(reply) if reply.is_temporary() => return Ok(refused(&reply)),
            Err(reply) => unwanted.push(Unwanted {
                recipient: recipient.clone(),
                code: reply.code,
                words: reply.lines.join(" "),
            }),
        }
    }
    if let [first, rest @ ..] = unwanted.as_slice()
        && rest.len() + 1 == mail.recipients.len()
    {
        return Ok(no(first.code, &first.words));
    }
    let handed = Handed {
        device: from.device.id,
        number: mail.number,
        unwanted,
    };
    incoming.handed = Some(handed.clone());
    let peer = Peer {
        address: from.address,
        helo: from.device.name.replace(' ', "-"),
        protocol: LINK.to_owned(),
    };
    let copy = match front.take(raw, incoming, &peer, &sender).await {
        Ok(copy) => copy,
        Err(reply) => return Ok(refused(&reply)),
    };
    let stands = match tenant.submission(from.device.id, mail.number).await? {
        Some(stands) => stands,
        // All of it is other organizations' mail.
        None => tenant.record_submission(&handed, &copy).await?,
    };
    Ok(receipt(stands))
}

/// Whether it can be sent at all.
fn fits(from: HandedBy<'_>, mail: &Mail, raw: &Bytes) -> Result<(), Fate> {
    if Digest::of(raw) != mail.sha256 {
        return Err(no(554, "its bytes have another digest"));
    }
    if raw.len() as u64 > from.most {
        return Err(no(552, "it is larger than this server takes"));
    }
    if !(1..=MOST_RECIPIENTS).contains(&mail.recipients.len()) {
        return Err(no(554, "it has no recipients, or too many"));
    }
    let mut survey = Survey::new();
    survey.push(raw);
    // What ends a line at one server and not at the next hides a second message in the first.
    match survey.finish().is_binary() {
        true => Err(no(
            554,
            "its lines end otherwise than with CRLF, or it has NULs",
        )),
        false => Ok(()),
    }
}
