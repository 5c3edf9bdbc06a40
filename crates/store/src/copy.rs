//! A copy's row: what is clear, and how its sealed columns open.

use std::cell::RefCell;

use everpost_domain::digest::Digest;
use everpost_domain::message::Head;
use everpost_domain::wire::{Reader, Writer};
use sqlx::any::AnyRow;

use crate::catalog::sql::Columns;
use crate::error::{Result, StoreError};
use crate::keys::TenantKeys;
use crate::seal::Key;
use crate::vault::Run;

const HEAD_NONCE: u64 = 1;
const RECORD_NONCE: u64 = 2;

/// A row of `copy`, sealed columns still sealed.
pub(crate) struct CopyRow {
    pub(crate) id: i64,
    pub(crate) day: i64,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) held_from: i64,
    pub(crate) event: i64,
    pub(crate) bucket: i64,
    pub(crate) skeleton: Run,
    key: Vec<u8>,
    head: Vec<u8>,
    record: Vec<u8>,
}

impl CopyRow {
    /// Reads the columns that `statements::COPY` names, in that order.
    pub(crate) fn read(row: &AnyRow) -> Result<Self> {
        let natural = |column| -> Result<u64> {
            u64::try_from(row.int(column)?)
                .map_err(|_| StoreError::damaged("copy row", "a number is negative"))
        };
        Ok(CopyRow {
            id: row.int(0)?,
            day: row.int(1)?,
            digest: Digest(row.array(2)?),
            size: natural(3)?,
            held_from: row.int(4)?,
            event: row.int(5)?,
            bucket: row.int(6)?,
            skeleton: Run {
                frame: row.int(7)?,
                at: natural(8)?,
                length: natural(9)?,
            },
            key: row.blob(10)?,
            head: row.blob(11)?,
            record: row.blob(12)?,
        })
    }

    pub(crate) fn key(&self, keys: &TenantKeys) -> Result<Key> {
        copy_key(keys, &self.digest, &self.key)
    }

    pub(crate) fn head(&self, keys: &TenantKeys) -> Result<Head> {
        open_head(&self.key(keys)?, &self.digest, &self.head)
    }

    /// Bytes of the sealed head.
    pub(crate) fn sealed_size(&self) -> usize {
        self.head.len()
    }

    pub(crate) fn record(&self, keys: &TenantKeys) -> Result<Vec<u8>> {
        open_record(&self.key(keys)?, &self.digest, &self.record)
    }
}

fn label(digest: &Digest) -> Vec<u8> {
    [b"copy".as_slice(), &digest.0].concat()
}

fn item(digest: &Digest, what: &str) -> StoreError {
    StoreError::damaged(format!("copy {digest}"), what)
}

/// Wraps a copy's key for its row.
pub(crate) fn wrap_copy_key(keys: &TenantKeys, digest: &Digest, key: &Key) -> Result<Vec<u8>> {
    keys.wrap(&label(digest), key)
}

/// Unwraps a copy's key.
pub(crate) fn copy_key(keys: &TenantKeys, digest: &Digest, wrapped: &[u8]) -> Result<Key> {
    keys.unwrap(&label(digest), wrapped)
        .ok_or_else(|| item(digest, "its key does not open"))
}

/// The level that heads are compressed at: they are small, so that higher ones cost much
/// and find little.
const HEAD_LEVEL: i32 = 3;

thread_local! {
    /// Its tables are much larger than what it compresses, so it is made once a thread.
    static PACKER: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
}

thread_local! {
    /// Likewise.
    static UNPACKER: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

fn unpack(packed: &[u8], length: usize) -> std::io::Result<Vec<u8>> {
    UNPACKER.with_borrow_mut(|kept| {
        let unpacker = match kept {
            Some(unpacker) => unpacker,
            None => kept.insert(zstd::bulk::Decompressor::new()?),
        };
        unpacker.decompress(packed, length)
    })
}

/// A head as it is sealed: 0 and the encoded head, or 1, its length and its zstd frame.
pub(crate) fn pack_head(head: &Head) -> Vec<u8> {
    let encoded = head.encode();
    let packed = PACKER.with_borrow_mut(|packer| {
        if packer.is_none() {
            *packer = zstd::bulk::Compressor::new(HEAD_LEVEL).ok();
        }
        packer
            .as_mut()
            .and_then(|packer| packer.compress(&encoded).ok())
    });
    let mut out = Writer::new();
    match packed.filter(|packed| packed.len() < encoded.len()) {
        Some(packed) => out.byte(1).number(encoded.len() as u64).raw(&packed),
        None => out.byte(0).raw(&encoded),
    };
    out.finish()
}

/// Seals what [`pack_head`] made.
pub(crate) fn seal_head(key: &Key, digest: &Digest, mut packed: Vec<u8>) -> Result<Vec<u8>> {
    key.seal_once(HEAD_NONCE, &digest.0, &mut packed)?;
    Ok(packed)
}

/// A head is at most this large when opened: a bound against a damaged length field.
const HEAD_MAX: usize = 64 << 20;

/// Opens a head.
pub(crate) fn open_head(key: &Key, digest: &Digest, sealed: &[u8]) -> Result<Head> {
    let plain = key
        .open_once(HEAD_NONCE, &digest.0, sealed.to_vec())
        .ok_or_else(|| item(digest, "its head does not open"))?;
    let encoded = match plain.split_first() {
        Some((0, encoded)) => encoded.to_vec(),
        Some((1, packed)) => {
            let mut packed = Reader::new(packed);
            let length = packed.length()?.min(HEAD_MAX);
            unpack(packed.rest(), length)
                .map_err(|_| item(digest, "its head does not decompress"))?
        }
        _ => return Err(item(digest, "its head has an unknown codec")),
    };
    Ok(Head::decode(&encoded)?)
}

/// Seals a record.
pub(crate) fn seal_record(key: &Key, digest: &Digest, mut record: Vec<u8>) -> Result<Vec<u8>> {
    key.seal_once(RECORD_NONCE, &digest.0, &mut record)?;
    Ok(record)
}

/// Opens a record.
pub(crate) fn open_record(key: &Key, digest: &Digest, sealed: &[u8]) -> Result<Vec<u8>> {
    key.open_once(RECORD_NONCE, &digest.0, sealed.to_vec())
        .ok_or_else(|| item(digest, "its record does not open"))
}
