//! Where a story is told: an address, whole or with faults.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use everpost_store::{Address, Bucket, Cluster, Options, StoreError, open_objects};
use everpost_testkit::faults::Faults;
use everpost_testkit::peers::{Postgres, Proxy, Seaweed};

/// One effect in so many goes wrong at first; a verb that failed is left alone for twice as long
/// each time, for it may begin anew.
const EVERY: u64 = 3;
/// Before one verb in so many, every connection to the catalog is cut.
const CUT: u64 = 7;

/// What the address is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Embedded,
    Cluster,
}

/// The servers of the cluster addresses.
pub(crate) struct Peers {
    postgres: Postgres,
    seaweed: Seaweed,
}

const BUCKET: &str = "contract";

impl Peers {
    pub(crate) fn start() -> Self {
        let postgres = Postgres::start().unwrap();
        let seaweed = Seaweed::start().unwrap();
        seaweed.create_bucket(BUCKET, false).unwrap();
        Peers { postgres, seaweed }
    }
}

/// A place for one story.
pub(crate) struct Place {
    pub(crate) kind: Kind,
    pub(crate) name: &'static str,
    folder: tempfile::TempDir,
    address: Address,
    faults: Option<Faults>,
    proxy: Option<Proxy>,
    verbs: Cell<u64>,
}

/// Syncs of files are not what is told of here: in memory, where the system has such a folder.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    match memory.is_dir() {
        true => tempfile::tempdir_in(memory).unwrap(),
        false => tempfile::tempdir().unwrap(),
    }
}

impl Place {
    /// A directory.
    pub(crate) fn embedded(name: &'static str, faulty: bool) -> Self {
        Self::at(name, Kind::Embedded, Address::Embedded, faulty, None)
    }

    /// A database and a part of a bucket.
    pub(crate) fn cluster(name: &'static str, peers: &Peers, faulty: bool) -> Self {
        let database = format!("contract_{faulty}");
        peers.postgres.create_database(&database).unwrap();
        let proxy = faulty.then(|| Proxy::before(peers.postgres.address()).unwrap());
        let server = proxy
            .as_ref()
            .map_or(peers.postgres.address(), Proxy::address);
        let cluster = Cluster {
            objects: Bucket {
                name: BUCKET.into(),
                prefix: database.clone(),
                endpoint: Some(peers.seaweed.endpoint()),
                region: Some("us-east-1".into()),
                credentials: Some((
                    peers.seaweed.access_key().into(),
                    peers.seaweed.secret_key().into(),
                )),
            },
            catalog: peers.postgres.url_by(server, &database),
        };
        let address = Address::Cluster(Box::new(cluster));
        Self::at(name, Kind::Cluster, address, faulty, proxy)
    }

    fn at(
        name: &'static str,
        kind: Kind,
        address: Address,
        faulty: bool,
        proxy: Option<Proxy>,
    ) -> Self {
        let folder = scratch();
        let data = folder.path().join("data");
        let faults = faulty.then(|| {
            std::fs::create_dir(&data).unwrap();
            let objects = open_objects(&address, &data).unwrap();
            let faults = Faults::over(objects).named(match kind {
                Kind::Embedded => "LocalFileSystem",
                // As the client calls what is no answer about an object.
                Kind::Cluster => "S3",
            });
            faults.every(EVERY);
            faults
        });
        Place {
            kind,
            name,
            folder,
            address,
            faults,
            proxy,
            verbs: Cell::new(0),
        }
    }

    /// A path beside the data directory.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder of everything.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// How the store is opened here.
    pub(crate) fn options(&self, create: bool) -> Options {
        let mut options = match create {
            true => Options::create(self.beside("data")),
            false => Options::new(self.beside("data")),
        };
        options.address = self.address.clone();
        let faults = self.faults.clone();
        options.objects = faults.map(|faults| Arc::new(faults) as _);
        options
    }

    /// True if an error is one of those that this place brings about; what failed by it is asked
    /// again.
    pub(crate) fn brought_about(&self, error: &StoreError) -> bool {
        self.faults.is_some() && ["E-OBJECT", "E-UNREACHABLE"].contains(&error.code())
    }

    /// Before a verb: now and then its connections are gone.
    pub(crate) fn before_verb(&self) {
        self.verbs.set(self.verbs.get() + 1);
        if let Some(proxy) = &self.proxy
            && self.verbs.get().is_multiple_of(CUT)
        {
            proxy.cut();
            proxy.mend().unwrap();
        }
    }

    /// After a verb failed so many times in turn; 0: it was done.
    pub(crate) fn after_failures(&self, times: u32) {
        if let Some(faults) = &self.faults {
            faults.every(EVERY << times.min(20));
        }
    }

    /// Effects that went wrong so far.
    pub(crate) fn failures(&self) -> u64 {
        self.faults.as_ref().map_or(0, Faults::failed)
    }

    /// True if there are faults here.
    pub(crate) fn is_faulty(&self) -> bool {
        self.faults.is_some()
    }
}
