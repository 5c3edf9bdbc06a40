//! What the tests of import and export share.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use everpost_domain::digest::Digest;
use everpost_domain::query::parse;
use everpost_mail::export::{ExportOptions, ExportReport, Format, export};
use everpost_mail::import::{ImportError, ImportOptions, ImportReport, Source, import};
use everpost_store::{Options, Scope, Store, Tenant};

/// The mailbox of most tests.
pub(crate) const ANN: &str = "ann@example.org";

/// An archive of its own.
pub(crate) struct Archive {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) tenant: Tenant,
}

/// A message at one place: digest, mailbox, folder, flags, keywords, delivered.
pub(crate) type Placed = (Digest, String, String, u32, Vec<String>, i64);

impl Archive {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self::open(dir).await
    }

    async fn open(dir: tempfile::TempDir) -> Self {
        let store = Store::open(Options::create(dir.path().join("data")))
            .await
            .unwrap()
            .store;
        let tenant = store.tenant(None).unwrap();
        Archive { dir, store, tenant }
    }

    /// Closes the store and opens it again, as the next command would.
    pub(crate) async fn again(self) -> Self {
        let Archive { dir, store, tenant } = self;
        drop(tenant);
        store.close().await.unwrap();
        Self::open(dir).await
    }

    pub(crate) fn packs(&self) -> PathBuf {
        self.dir.path().join("data/objects/packs")
    }

    pub(crate) async fn import(&self, source: Source) -> ImportReport {
        self.import_with(source, &ImportOptions::new(ANN))
            .await
            .unwrap()
    }

    pub(crate) async fn import_with(
        &self,
        source: Source,
        options: &ImportOptions,
    ) -> Result<ImportReport, ImportError> {
        let report = import(&self.tenant, &source, options, |_| {}).await?;
        assert!(report.counts.balances(), "{:?}", report.counts);
        Ok(report)
    }

    /// Imports messages as files of a folder.
    pub(crate) async fn put(&self, folder: &str, messages: &[Vec<u8>]) {
        let dir = tempfile::tempdir().unwrap();
        for (number, message) in messages.iter().enumerate() {
            write(&dir.path().join(format!("{number}.eml")), message);
        }
        let options = ImportOptions {
            folder: Some(folder.into()),
            ..ImportOptions::new(ANN)
        };
        let report = self.import_with(eml(dir.path()), &options).await.unwrap();
        assert_eq!(
            report.counts.rejected + report.counts.failed,
            0,
            "{:?}",
            report.errors
        );
    }

    pub(crate) async fn export(&self, query: &str, format: Format, out: &Path) -> ExportReport {
        let options = ExportOptions {
            query: parse(query).unwrap(),
            scope: everpost_store::Scope::Everything,
            text: query.into(),
            format,
            out: out.to_path_buf(),
            actor: "tester".into(),
            dry_run: false,
        };
        let counted = export(
            &self.tenant,
            &ExportOptions {
                dry_run: true,
                ..options.clone()
            },
            |_| {},
        )
        .await
        .unwrap();
        let report = export(&self.tenant, &options, |_| {}).await.unwrap();
        assert_eq!(
            (counted.copies, counted.items, counted.bytes),
            (report.copies, report.items, report.bytes)
        );
        report
    }

    /// Everything that lies somewhere, sorted.
    pub(crate) async fn placed(&self) -> Vec<Placed> {
        let mut walk = self
            .tenant
            .walk(&parse("").unwrap(), &Scope::Everything)
            .await
            .unwrap();
        let mut placed = Vec::new();
        loop {
            let batch = walk.next().await.unwrap();
            if batch.is_empty() {
                placed.sort();
                return placed;
            }
            for held in batch {
                let held = held.unwrap();
                for place in held.places {
                    let delivered = place.delivered / 1_000_000;
                    placed.push((
                        held.id,
                        place.mailbox,
                        place.folder,
                        place.flags,
                        place.keywords,
                        delivered,
                    ));
                }
            }
        }
    }

    /// Hands every copy's bytes to `each`.
    pub(crate) async fn each(&self, mut each: impl FnMut(Digest, &[u8])) {
        let mut walk = self
            .tenant
            .walk(&parse("").unwrap(), &Scope::Everything)
            .await
            .unwrap();
        while walk.left() > 0 {
            for held in walk.next().await.unwrap() {
                let (held, mut raw) = (held.unwrap(), Vec::new());
                let read = self.tenant.read_held(&held, |bytes| {
                    raw.extend_from_slice(bytes);
                    Ok(())
                });
                read.await.unwrap();
                each(held.id, &raw);
            }
        }
    }

    /// Digests and folders of everything, sorted.
    pub(crate) async fn folders(&self) -> Vec<(Digest, String)> {
        self.placed()
            .await
            .into_iter()
            .map(|(id, _, folder, ..)| (id, folder))
            .collect()
    }
}

pub(crate) fn eml(path: &Path) -> Source {
    Source::Eml {
        path: path.to_path_buf(),
    }
}

pub(crate) fn maildir(path: &Path) -> Source {
    Source::Maildir {
        path: path.to_path_buf(),
    }
}

pub(crate) fn mbox(path: &Path) -> Source {
    Source::Mbox {
        path: path.to_path_buf(),
        dialect: "auto".parse().unwrap(),
    }
}

/// Writes a file and the directories above it.
pub(crate) fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// A small message.
pub(crate) fn message(number: usize) -> Vec<u8> {
    format!(
        "From: ann@example.org\nTo: bob@example.org\nSubject: number {number}\nMessage-ID: <{number}@example.org>\nDate: Mon, 1 Jan 2024 10:00:{:02} +0000\n\nText of {number}.\n",
        number % 60
    )
    .into_bytes()
}

/// The directory of the one mailbox of an export.
pub(crate) fn mailbox_dir(out: &Path) -> PathBuf {
    out.join("ann@example%2Eorg")
}

/// Runs a test that must end: a stage that waits for ever is a failure and no hanging test.
pub(crate) fn ends(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let done =
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(900), test).await });
    runtime.shutdown_background();
    assert!(done.is_ok(), "it waits for ever");
}
