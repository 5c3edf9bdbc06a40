//! Against a real Dovecot, against one that is cut off at every byte, and against servers that can do little.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod cut;
mod idle;
mod looks;
mod orders;
mod proxy;
mod scripted;
mod tls;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use everpost_codec::smtp::Secret;
use everpost_domain::replica::{Base, Copied, Flags, Messages, Place, RemoteId, Validity};
use everpost_testkit::peers::Dovecot;
use rustls::RootCertStore;

use super::*;

/// A patience that tests have.
fn patience() -> Patience {
    Patience {
        connect: Duration::from_secs(10),
        silence: Duration::from_secs(10),
        ..Patience::default()
    }
}

fn account(address: SocketAddr, ignored: &[&str]) -> Account {
    let host = address.ip().to_string();
    let proof = Proof::Password(Secret::new("secret of ann"));
    let roots = RootCertStore::empty();
    let mut account = Account::new(
        (&host, address.port()),
        Tls::None,
        roots,
        ("ann@example.test", proof),
    );
    account.ignored = ignored.iter().map(ToString::to_string).collect();
    account.patience = patience();
    account
}

async fn connect(address: SocketAddr, ignored: &[&str]) -> Upstream {
    Upstream::connect(&account(address, ignored)).await.unwrap()
}

fn dovecot() -> Dovecot {
    Dovecot::start(&["ann"]).unwrap()
}

fn mail(id: &str) -> Vec<Bytes> {
    let text = format!("From: a@b\r\nMessage-ID: <{id}@x>\r\nSubject: {id}\r\n\r\nHello {id}\r\n");
    vec![Bytes::from(text)]
}

/// Appends a message and tells where it is.
async fn put(upstream: &mut Upstream, folder: &str, id: &str, flags: &[&str]) -> Place {
    let verdict = upstream
        .append(folder, flags, 1_000_000_000, &mail(id))
        .await;
    let Ok(Verdict::Done(Done {
        landed: Some(landed),
        ..
    })) = verdict
    else {
        panic!("{verdict:?}");
    };
    Place {
        folder: folder.to_owned(),
        uidvalidity: landed.uidvalidity,
        uid: landed.uid,
    }
}

/// All messages of a folder with their flags.
async fn all(upstream: &mut Upstream, folder: &str) -> BTreeMap<u32, Vec<String>> {
    let seen = upstream.look(folder, None, Access::Read).await.unwrap();
    let Told::All(listing) = seen.told else {
        panic!("{seen:?}");
    };
    listing
        .iter()
        .map(|(uid, flags, _)| (uid, flags.to_vec()))
        .collect()
}

/// Bits of the keywords of these tests.
fn bits(keyword: &str) -> Flags {
    match keyword {
        "$one" => Flags(32),
        "$two" => Flags(64),
        _ => Flags::NONE,
    }
}

fn folder(name: &str) -> Folder {
    Folder {
        name: name.to_owned(),
        uses: Vec::new(),
        is_subscribed: false,
        is_selectable: true,
        counts: None,
    }
}

fn base(uid: u32, copied: Copied) -> Base {
    Base {
        remote: RemoteId(1),
        validity: Validity {
            generation: 1,
            uidvalidity: 1,
            turn: 0,
        },
        uid,
        flags: copied.flags,
        modseq: copied.modseq,
    }
}

/// Takes in what was seen, as a replica would.
fn take(before: &BTreeMap<u32, Copied>, seen: &Seen) -> Result<BTreeMap<u32, Copied>, Torn> {
    let bases = before.iter().map(|(uid, copied)| base(*uid, *copied));
    let sighting = seen.sighting(&folder("INBOX"), bases, None, &mut bits)?;
    Ok(match sighting.messages {
        Messages::AsBefore => before.clone(),
        Messages::All(all) => all,
        Messages::NotSeen => panic!(),
    })
}
