//! Small stores of generated mail for the tests of this crate.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use everpost_domain::cut::{Encoder, Recipe};
use everpost_domain::digest::Digest;
use everpost_domain::identity::Origin;
use everpost_domain::message::HeldEvidence;
use everpost_domain::query::Query;
use object_store::ObjectStore;
use roaring::RoaringTreemap;

use crate::{Incoming, Options, Placement, Prepared, Scope, Store, Tenant};

/// Numbers that are the same every time for the same seed (xorshift64*).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.roll() % limit.max(1) as u64) as usize
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count.div_ceil(8))
            .flat_map(|_| self.roll().to_le_bytes())
            .take(count)
            .collect()
    }
}

/// A store in a folder of its own.
pub(crate) struct Trial {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) tenant: Tenant,
    /// What was admitted.
    pub(crate) mails: BTreeMap<Digest, Vec<u8>>,
}

const WORDS: [&str; 12] = [
    "array", "disk", "parity", "rebuild", "spare", "stripe", "patch", "sector", "kernel", "mdadm",
    "resync", "chunk",
];

/// Mails in threads; each seventh has an attachment, some of them the same one; the one
/// called `large` has one of more than a piece.
pub(crate) fn mails(count: usize, large: Option<usize>, seed: u64) -> Vec<Vec<u8>> {
    let mut dice = Dice::new(seed);
    let shared = dice.bytes(9000);
    (0..count)
        .map(|number| {
            let thread = number / 6;
            let mut mail = format!(
                "From: Ann {thread} <ann{thread}@example.org>\r\nTo: list@example.org\r\nDate: Mon, {:02} Jan 2024 10:{:02}:00 +0000\r\n\
                 Subject: {}thread {thread} of the archive\r\nMessage-ID: <{number}.{seed}@example.org>\r\n",
                1 + number % 28,
                number % 60,
                if number % 6 == 0 { "" } else { "Re: " },
            );
            if number % 6 > 0 {
                mail.push_str(&format!("References: <{}.{seed}@example.org>\r\n", thread * 6));
            }
            let text: Vec<&str> = (0..60 + dice.below(200)).map(|_| WORDS[dice.below(WORDS.len())]).collect();
            let text = text.join(" ");
            let attached = match number {
                _ if large == Some(number) => Some(dice.bytes(5 << 20)),
                _ if number % 21 == 0 => Some(shared.clone()),
                _ if number % 7 == 0 => Some(text.as_bytes().iter().copied().cycle().take(12_000 + number).collect()),
                _ => None,
            };
            let Some(attached) = attached else {
                return format!("{mail}\r\n{text}\r\n").into_bytes();
            };
            mail.push_str(&format!(
                "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b{number}\r\n\r\n--b{number}\r\n\r\n{text}\r\n--b{number}\r\n\
                 Content-Type: application/octet-stream; name=f{number}.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            ));
            let mut mail = mail.into_bytes();
            let mut encoder = Encoder::new(Recipe::Base64 { line: 76, crlf: true, ends: 1 });
            encoder.push(&attached, &mut mail);
            encoder.finish(&mut mail);
            mail.extend_from_slice(format!("--b{number}--\r\n").as_bytes());
            mail
        })
        .collect()
}

impl Tenant {
    /// The seqs for which a query holds, and those for which it cannot be told.
    pub(crate) async fn matched(
        &self,
        query: &Query,
    ) -> crate::Result<(RoaringTreemap, RoaringTreemap)> {
        let ask = self.ask(query, &Scope::Everything).await?;
        let matches = self.find(&ask, None).await?.matches;
        Ok((matches.seqs(), matches.unknown_seqs()))
    }
}

impl Trial {
    /// A store with these mails, `group` of them in each pack; logged and indexed.
    pub(crate) async fn new(mails: Vec<Vec<u8>>, group: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let opened = Store::open(Options::create(folder.path().join("data")))
            .await
            .unwrap();
        let tenant = opened.store.tenant(None).unwrap();
        let mut trial = Trial {
            folder,
            store: opened.store,
            tenant,
            mails: BTreeMap::new(),
        };
        trial.admit(mails, group).await;
        trial
    }

    /// Admits more.
    pub(crate) async fn admit(&mut self, mails: Vec<Vec<u8>>, group: usize) {
        for group in mails.chunks(group) {
            let items = group.iter().map(|mail| prepared(mail)).collect();
            self.tenant.admit(items, None).await.unwrap();
        }
        self.mails
            .extend(mails.into_iter().map(|mail| (Digest::of(&mail), mail)));
        self.tenant.advance_log().await.unwrap();
        self.tenant.advance_index(true).await.unwrap();
    }

    /// Closes the store and opens it again, with `objects` instead of the folder if given.
    pub(crate) async fn reopen(self, objects: Option<Arc<dyn ObjectStore>>) -> Self {
        let Trial {
            folder,
            store,
            tenant,
            mails,
        } = self;
        drop(tenant);
        store.inner.catalog.close().await;
        drop(store);
        Self::open(folder, mails, objects).await
    }

    /// Opens the store in a folder that holds one.
    pub(crate) async fn open(
        folder: tempfile::TempDir,
        mails: BTreeMap<Digest, Vec<u8>>,
        objects: Option<Arc<dyn ObjectStore>>,
    ) -> Self {
        let options = Options {
            objects,
            ..Options::new(folder.path().join("data"))
        };
        let store = Store::open(options).await.unwrap().store;
        let tenant = store.tenant(None).unwrap();
        Trial {
            folder,
            store,
            tenant,
            mails,
        }
    }

    /// A copy of this store's folder. The catalog's log must have been moved into its file.
    pub(crate) fn twin(&self) -> tempfile::TempDir {
        let twin = tempfile::tempdir().unwrap();
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            std::fs::create_dir_all(twin.path().join(&folder)).unwrap();
            for entry in std::fs::read_dir(self.folder.path().join(&folder)).unwrap() {
                let entry = entry.unwrap();
                let path = folder.join(entry.file_name());
                if entry.path().is_dir() {
                    folders.push(path);
                } else {
                    std::fs::copy(entry.path(), twin.path().join(path)).unwrap();
                }
            }
        }
        twin
    }

    /// Every file below `objects/KIND`, sorted.
    pub(crate) fn objects(&self, kind: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.store.data().join("objects").join(kind)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path)
                } else {
                    files.push(path)
                }
            }
        }
        files.sort();
        files
    }

    /// Checks that every mail but those of `lost` reads as it came in.
    pub(crate) async fn all_readable_but(&self, lost: &[Digest]) {
        self.store.inner.vault.forget();
        for (id, mail) in &self.mails {
            let raw = self.tenant.raw(id).await;
            if lost.contains(id) {
                assert!(raw.is_err(), "{id} is called lost and can be read");
            } else {
                assert!(
                    raw.as_ref().is_ok_and(|raw| raw == mail),
                    "{id}: {:?}",
                    raw.map(|raw| raw.len())
                );
            }
        }
    }

    /// Runs SQL as nobody should.
    pub(crate) async fn sql(&self, text: &str) {
        let mut tx = self.store.inner.catalog.begin().await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(text.to_string()))
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// Numbers that a query gives, one a row.
    pub(crate) async fn numbers(&self, text: &str) -> Vec<i64> {
        let mut db = self.store.inner.catalog.read().await.unwrap();
        sqlx::query_scalar(sqlx::AssertSqlSafe(text.to_string()))
            .fetch_all(&mut *db)
            .await
            .unwrap()
    }
}

/// A mail as an import of files would bring it.
pub(crate) fn prepared(mail: &[u8]) -> Prepared {
    let incoming = Incoming {
        raw: Bytes::copy_from_slice(mail),
        origin: Origin::Other,
        held: HeldEvidence::default(),
        position: 0,
        envelope: None,
        places: vec![Placement {
            mailbox: "ann@example.org".into(),
            folder: "INBOX".into(),
            flags: 1,
            keywords: vec!["$Work".into()],
        }],
        owners: Vec::new(),
        report_of: None,
        onward: None,
    };
    Prepared::new(incoming, 1_700_000_000)
}

/// Changes one byte of a file.
pub(crate) fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1 << (at % 8);
    std::fs::write(path, bytes).unwrap();
}
