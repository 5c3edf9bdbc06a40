//! A copy's record: what matching and the log need to know of it, sealed beside the head.

use everpost_domain::digest::Digest;
use everpost_domain::identity::{Facts, KeyScope, Origin, PartSet, ServerKey};
use everpost_domain::log::CaptureRecord;
use everpost_domain::message::{Head, HeldFromSource};
use everpost_domain::wire::{Damaged, Reader, Writer};

const VERSION: u8 = 1;

/// See docs/format.md, Sealed columns.
pub(crate) struct Record {
    pub(crate) origin: Origin,
    pub(crate) held_source: HeldFromSource,
    pub(crate) server_key: Option<ServerKey>,
    pub(crate) parts: PartSet,
}

impl Record {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.byte(VERSION)
            .byte(self.origin.code())
            .byte(self.held_source.code());
        out.option(self.server_key.as_ref(), |out, key| {
            out.text(&key.issuer)
                .bytes(&key.value)
                .byte(key.scope.code());
        });
        out.raw(&self.parts.encode());
        out.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != VERSION {
            return Err(Damaged("record of an unknown version"));
        }
        let origin = Origin::from_code(reader.byte()?).ok_or(Damaged("unknown origin"))?;
        let held_source = HeldFromSource::from_code(reader.byte()?)
            .ok_or(Damaged("unknown source of held_from"))?;
        let server_key = reader.option(|reader| {
            Ok(ServerKey {
                issuer: reader.text()?.to_string(),
                value: reader.bytes()?.to_vec(),
                scope: KeyScope::from_code(reader.byte()?).ok_or(Damaged("unknown key scope"))?,
            })
        })?;
        let parts = PartSet::decode(reader.rest())?;
        Ok(Record {
            origin,
            held_source,
            server_key,
            parts,
        })
    }

    /// What matching asks of an admitted copy.
    pub(crate) fn facts(&self, digest: &Digest, size: u64, head: &Head) -> Facts {
        facts(self.origin, self.server_key.clone(), digest, size, head)
    }

    /// What the leaf of the copy's admission commits to.
    pub(crate) fn capture(&self, copy: Digest, size: u64, time_us: i64) -> CaptureRecord {
        let parts = self.parts.parts().iter().map(|part| part.digest).collect();
        CaptureRecord {
            copy,
            size,
            parts,
            time_us,
            origin: self.origin.code(),
        }
    }
}

/// Facts of a message from its parts. A harvested record without its server key cannot be
/// made (the harvester refuses), so such a row is treated as mail of unproved origin.
pub(crate) fn facts(
    origin: Origin,
    server_key: Option<ServerKey>,
    digest: &Digest,
    size: u64,
    head: &Head,
) -> Facts {
    Facts::new(origin, server_key)
        .unwrap_or_else(|_| Facts::other())
        .with_head(head)
        .with_bytes(*digest, size)
}
