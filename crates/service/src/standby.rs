//! Standby mailboxes over IMAP: for whoever signs in, their own.

use std::net::IpAddr;
use std::sync::Arc;

use everpost_codec::smtp::Credentials;
use everpost_mail::imap::{ImapOptions, ImapRoad, Mailboxes, Security};
use everpost_node::config::{Config, Protocol};
use everpost_node::listen::{Connection, Peer};
use everpost_node::stop::Stop;
use everpost_store::{Replica, StoreError};
use futures::future::BoxFuture;

use crate::app::App;
use crate::capture::name;

/// What serves the connections of mail programs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Standby {
    road: ImapRoad,
    stop: Stop,
}

/// Whether standby mailboxes are served by it.
pub(crate) fn is_mailbox(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Imap | Protocol::Imaps)
}

impl Standby {
    pub(crate) fn new(app: &App, config: &Config, stop: Stop) -> Self {
        let options = ImapOptions {
            hostname: name(config),
            max_message: config.capture.max_message_bytes,
            in_clear: false,
        };
        let own = Arc::new(Own(app.clone()));
        Standby {
            road: ImapRoad::new(&options, own),
            stop,
        }
    }

    /// Serves a connection until it ends.
    pub(crate) async fn serve(self, connection: Connection) {
        let (from, security) = match (connection.peer, connection.upgrade) {
            (Peer::Network { address, tls: true }, _) => (Some(address), Security::Within),
            (Peer::Network { address, .. }, Some(tls)) => (Some(address), Security::Offered(tls)),
            (Peer::Network { address, .. }, None) => (Some(address), Security::None),
            (Peer::Local { .. }, _) => (None, Security::None),
        };
        let stream = Box::new(connection.stream);
        self.road
            .serve(stream, from, security, self.stop.wait())
            .await;
    }
}

struct Own(App);

impl Mailboxes for Own {
    fn open(
        &self,
        credentials: Credentials,
        from: Option<IpAddr>,
    ) -> BoxFuture<'static, Result<Option<Replica>, StoreError>> {
        let app = self.0.clone();
        Box::pin(async move {
            let Credentials::Password { user, password, .. } = credentials else {
                return Ok(None);
            };
            let secret = password.reveal().to_owned();
            match app.sign_in(user, secret, from).await? {
                Some(account) => app.tenant.replica(&account.address).await.map(Some),
                None => Ok(None),
            }
        })
    }
}
