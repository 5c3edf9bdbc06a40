//! A message that lies in a user's folder, for the archive.

use bytes::Bytes;
use everpost_domain::identity::Origin;
use everpost_domain::message::HeldEvidence;
use everpost_store::{Incoming, Placement, Prepared};

use crate::capture::now;

/// What a program put into a folder, or what a mail server has there.
pub fn filed(raw: Bytes, owner: &str, folder: &str) -> Prepared {
    let now = now();
    let incoming = Incoming {
        raw,
        origin: Origin::Other,
        held: HeldEvidence {
            capture: Some(now),
            ..HeldEvidence::default()
        },
        position: 0,
        envelope: None,
        places: vec![Placement {
            mailbox: owner.to_owned(),
            folder: folder.to_owned(),
            flags: 0,
            keywords: Vec::new(),
        }],
        owners: vec![owner.to_owned()],
        report_of: None,
        onward: None,
    };
    Prepared::new(incoming, now)
}
