//! Deliveries: each time a copy came, with the SMTP envelope where there was one.

use everpost_domain::digest::Digest;
use everpost_domain::wire::{Reader, Writer};

use crate::admit::Envelope;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::statements;
use crate::error::{Result, StoreError};
use crate::keys::envelope_key;
use crate::seal::Key;
use crate::tenant::Tenant;

/// One delivery of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// When, µs since 1970.
    pub at: i64,
    /// The job that brought it; 0 for none.
    pub job: i64,
    /// Its place in the source.
    pub position: u64,
    /// Who sent it to whom.
    pub envelope: Option<Envelope>,
}

/// The second has what was found behind the recipients.
const VERSIONS: [u8; 2] = [1, 2];

/// Seals an envelope for its row.
pub(crate) fn seal_envelope(copy: &Key, digest: &Digest, envelope: &Envelope) -> Result<Vec<u8>> {
    let mut out = Writer::new();
    let [plain, with_found] = VERSIONS;
    let version = if envelope.found.is_empty() {
        plain
    } else {
        with_found
    };
    out.byte(version)
        .text(&envelope.sender)
        .number(envelope.recipients.len() as u64);
    for recipient in &envelope.recipients {
        out.text(recipient);
    }
    if version == with_found {
        out.bytes(&envelope.found);
    }
    envelope_key(copy).seal(&digest.0, &out.finish())
}

/// Opens what [`seal_envelope`] sealed.
pub(crate) fn open_envelope(copy: &Key, digest: &Digest, sealed: &[u8]) -> Result<Envelope> {
    let damaged = |what: &str| StoreError::damaged(format!("an envelope of copy {digest}"), what);
    let plain = envelope_key(copy)
        .open(&digest.0, sealed)
        .ok_or_else(|| damaged("it does not open"))?;
    let mut reader = Reader::new(&plain);
    let version = reader.byte()?;
    if !VERSIONS.contains(&version) {
        return Err(damaged("its version is unknown"));
    }
    let mut envelope = Envelope {
        sender: reader.text()?.to_string(),
        ..Envelope::default()
    };
    // However many the count names: the bytes end before a damaged count does harm.
    for _ in 0..reader.length()? {
        envelope.recipients.push(reader.text()?.to_string());
    }
    if VERSIONS.last() == Some(&version) {
        envelope.found = reader.bytes()?.to_vec();
    }
    Ok(envelope)
}

impl Tenant {
    /// Every delivery of a copy, oldest first.
    pub async fn deliveries(&self, id: &Digest) -> Result<Vec<Delivery>> {
        let mut db = self.store.catalog.read().await?;
        let copy = self.find_copy(&mut db, id).await?;
        let key = copy.key(&self.state.keys)?;
        let rows = sql::fetch(
            &mut db,
            statements::DELIVERIES_OF_COPY,
            values![self.id(), copy.id],
        )
        .await?;
        let read = |row: &sqlx::any::AnyRow| {
            let envelope = row.blob_or_null(3)?;
            Ok(Delivery {
                at: row.int(0)?,
                job: row.int(1)?,
                position: u64::try_from(row.int(2)?).unwrap_or(0),
                envelope: envelope
                    .map(|sealed| open_envelope(&key, id, &sealed))
                    .transpose()?,
            })
        };
        rows.iter().map(read).collect()
    }
}
