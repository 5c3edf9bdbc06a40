//! Whether the mail server took a mail though nobody heard its answer.
//!
//! What speaks for it: the archive has a copy, by the rules by which copies are one message, that somebody sent to somebody:
//! captured as the mail server passed it on, or taken to be sent on. A copy that was merely put into a folder, by a mail
//! program or an import, says nothing: programs put what they failed to send into Sent as well. Nothing here speaks against
//! it: that a capture is silent proves something only where all that the server takes is captured, which nobody here knows.

use bytes::Bytes;
use everpost_codec::link::message::Evidence;
use everpost_domain::identity::Origin;
use everpost_domain::message::HeldEvidence;
use everpost_store::{Incoming, Prepared, StoreError, Tenant};

use crate::capture::now;

/// What is known of a mail, and how. Nothing of it is kept.
pub async fn evidence(tenant: &Tenant, raw: Bytes) -> Result<(Evidence, String), StoreError> {
    let prepare = tokio::task::spawn_blocking(move || {
        let incoming = Incoming {
            raw,
            origin: Origin::EventSink,
            held: HeldEvidence::default(),
            position: 0,
            envelope: None,
            places: Vec::new(),
            owners: Vec::new(),
            report_of: None,
            onward: None,
        };
        Prepared::new(incoming, now())
    });
    let item = prepare.await.map_err(|_| StoreError::Stopped)?;
    for copy in tenant.copies_like(&item).await? {
        let deliveries = tenant.deliveries(&copy).await?;
        if deliveries.iter().any(|one| one.envelope.is_some()) {
            let words = format!("it passed as {copy}");
            return Ok((Evidence::There, words));
        }
    }
    let words = "the archive has no copy that was sent".to_owned();
    Ok((Evidence::Unknown, words))
}
