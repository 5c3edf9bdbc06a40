//! The server over real connections: alone, and beside a Dovecot that is asked the same.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

mod absent;
mod alone;
mod beside;
mod kept;
mod talk;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use everpost_codec::smtp::Credentials;
use everpost_store::{Options, Replica, Store, StoreError, Tenant};
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::{ImapOptions, ImapRoad, Mailboxes, Security};
use talk::Talk;

const ANN: &str = "ann@example.test";
const PASSWORD: &str = "secret of ann";

/// A server of one mailbox.
struct Server {
    address: SocketAddr,
    road: ImapRoad,
    tenant: Tenant,
    runtime: Runtime,
    _folder: tempfile::TempDir,
}

struct One(Tenant);

impl Mailboxes for One {
    fn open(
        &self,
        credentials: Credentials,
        _: Option<IpAddr>,
    ) -> BoxFuture<'static, Result<Option<Replica>, StoreError>> {
        let tenant = self.0.clone();
        Box::pin(async move {
            match credentials {
                Credentials::Password { user, password, .. }
                    if user == ANN && password.reveal() == PASSWORD =>
                {
                    tenant.replica(ANN).await.map(Some)
                }
                _ => Ok(None),
            }
        })
    }
}

impl Server {
    fn start() -> Self {
        Server::with(|road| road)
    }

    /// Of a road that is somehow else.
    fn with(change: impl FnOnce(ImapRoad) -> ImapRoad) -> Self {
        let runtime = Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let opened = runtime.block_on(Store::open(Options::create(folder.path().join("data"))));
        let tenant = opened.unwrap().store.tenant(None).unwrap();
        let options = ImapOptions {
            hostname: "imap.archive.test".into(),
            max_message: 1 << 20,
            in_clear: true,
        };
        let road = change(ImapRoad::new(&options, Arc::new(One(tenant.clone()))));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let serving = road.clone();
        runtime.spawn(async move {
            while let Ok((stream, from)) = listener.accept().await {
                let road = serving.clone();
                tokio::spawn(async move {
                    let stop = std::future::pending();
                    let from = Some(from.ip());
                    road.serve(Box::new(stream), from, Security::None, stop)
                        .await;
                });
            }
        });
        Server {
            address,
            road,
            tenant,
            runtime,
            _folder: folder,
        }
    }

    /// A connection of Ann.
    fn ann(&self) -> Talk {
        Talk::of(self.address, ANN, PASSWORD)
    }

    fn replica(&self) -> Replica {
        self.runtime.block_on(self.tenant.replica(ANN)).unwrap()
    }
}

/// A mail with CRLF line ends.
fn letter(number: usize) -> String {
    format!(
        "From: Carol <carol@example.com>\r\nTo: {ANN}\r\nSubject: letter {number}\r\n\
         Message-ID: <{number}@example.com>\r\nDate: Mon, 3 Jun 2024 10:00:0{} +0000\r\n\r\nPier {number}.\r\n",
        number % 10
    )
}

/// A command that appends it.
fn append(folder: &str, how: &str, mail: &str) -> String {
    format!("APPEND {folder} {how}{{{}}}\r\n{mail}", mail.len())
}
