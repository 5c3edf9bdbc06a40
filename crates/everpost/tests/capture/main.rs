//! Mail in flow: the real program, a real Postfix, and clients that speak to it directly.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

mod alerts;
mod client;
mod door;
mod journal;
mod milter;
mod onward;
mod origin;
mod people;
mod postfix;
mod relay;
#[allow(dead_code, reason = "what other tests use of it")]
#[path = "../service/common.rs"]
mod service;
mod tenants;

use std::path::{Path, PathBuf};

use everpost_domain::digest::Digest;
use everpost_store::{Options, Store, Tenant};

/// An empty archive, and a configuration whose domains are these.
struct Archive {
    folder: tempfile::TempDir,
    data: PathBuf,
    config: String,
}

impl Archive {
    fn new(capture: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (data, config) = (folder.path().join("data"), folder.path().join("c.toml"));
        std::fs::write(&config, format!("[capture]\n{capture}\n")).unwrap();
        let archive = Archive {
            config: config.to_str().unwrap().into(),
            data,
            folder,
        };
        archive.within(true, async |_| ());
        archive
    }

    /// Has it relay as `mx.archive.test`, with `more` in section `[relay]` and after it.
    fn relays(&self, more: &str) {
        let config = std::fs::read_to_string(&self.config).unwrap();
        let relay = format!("[relay]\nhostname = 'mx.archive.test'\n{more}");
        std::fs::write(&self.config, config + &relay).unwrap();
    }

    /// The service with this listener of mail.
    fn serve(&self, listen: &str) -> service::Service {
        let command = ["service", "--config", &self.config, "--listen", listen];
        service::Service::start(&self.data, &command)
    }

    /// Something in the archive itself, while no service runs.
    fn within<T>(&self, create: bool, work: impl AsyncFnOnce(&Tenant) -> T) -> T {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let options = match create {
                true => Options::create(&self.data),
                false => Options::new(&self.data),
            };
            let store = Store::open(options).await.unwrap().store;
            let done = work(&store.tenant(None).unwrap()).await;
            store.close().await.unwrap();
            done
        })
    }

    /// The ids of all copies, once the index has them, while no service runs.
    fn copies(&self) -> Vec<Digest> {
        let search = ["search", "", "--by", "copy", "--limit", "100000"];
        let lines = service::lines(&self.data, &search);
        let (summary, hits) = lines.split_last().unwrap();
        assert_eq!(summary["copies"].as_u64().unwrap() as usize, hits.len());
        let ids = hits.iter().map(|hit| hit["id"].as_str().unwrap());
        ids.map(|id| id.parse().unwrap()).collect()
    }
}

/// Where a running service takes mail.
fn address(service: &service::Service, listener: &str) -> std::net::SocketAddr {
    let address = service.ready["listeners"][listener].as_str().unwrap();
    address.parse().unwrap()
}

/// Numbers that look random, the same for a seed.
struct Dice(u64);

impl Dice {
    /// By `EVERPOST_SEED`, or by the clock; the seed is printed.
    fn new() -> Self {
        let given = std::env::var("EVERPOST_SEED").ok();
        let given = given.and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.unwrap().as_nanos() as u64
        });
        println!("EVERPOST_SEED={seed}");
        Dice(seed)
    }

    /// Below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// A path as an argument.
fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
