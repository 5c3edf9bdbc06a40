//! Serving a user's mailbox over IMAP: the same for the agent, beside the mail program, and for the standby mailbox of the service.
//!
//! ```text
//! stream ─ Talk ─ codec::imap::Session ─ event ─▶ a command's file: folders, view, fetch, change, find, append
//!                                                     │
//!                                  store::Replica ◀───┘  rows, flags, UIDs; bytes of the copies
//! ```
//! Nothing here waits for a mail server: what a command asks is answered from the mailbox (docs/clients.md, R3). A message
//! that is appended is durable before its OK; where that cannot be, the connection ends instead of a NO that programs take
//! for the end of the matter (R5).

mod append;
mod bodies;
mod change;
mod fetch;
mod find;
mod folders;
mod open;
mod summary;
mod talk;
#[cfg(test)]
mod tests;
mod view;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use everpost_codec::imap::answer::Code;
use everpost_codec::imap::server::Config;
use everpost_codec::smtp::Credentials;
use everpost_store::{Replica, StoreError, now_us};
use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};

pub use crate::capture::smtp::Security;
use append::Unhearing;
pub use bodies::Bodies;
use bodies::Insisting;
pub use summary::describe;
pub(crate) use summary::{KEPT_FIELDS, describe_header};
use talk::Talk;

/// Knows whose mailbox somebody may have.
pub trait Mailboxes: Send + Sync {
    /// `None`: nobody of that name and password.
    fn open(
        &self,
        credentials: Credentials,
        from: Option<IpAddr>,
    ) -> BoxFuture<'static, Result<Option<Replica>, StoreError>>;
}

/// How a listener answers.
#[derive(Debug, Clone)]
pub struct ImapOptions {
    /// What it calls itself.
    pub hostname: String,
    /// Bytes of a message.
    pub max_message: u64,
    /// Passwords may be said without TLS: on loopback, for programs with no place for a certificate.
    pub in_clear: bool,
}

/// What a connection is made of.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// The way from a connection to a mailbox. Cheap to clone.
#[derive(Clone)]
pub struct ImapRoad {
    config: Config,
    mailboxes: Arc<dyn Mailboxes>,
    patience: Patience,
    unhearing: Arc<Unhearing>,
    bodies: Option<Arc<dyn Bodies>>,
    /// When this process began to serve, µs since 1970.
    began: i64,
}

/// How long is waited for what.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// For the login.
    login: Duration,
    /// For the next command, and in IDLE for its end.
    command: Duration,
    /// For a program to take what it is sent.
    write: Duration,
    /// Between two looks at what other nodes changed, in IDLE.
    look: Duration,
    /// Between two words to a program that waits.
    word: Duration,
    /// For messages of which only the header is here.
    insisting: Insisting,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            login: Duration::from_secs(60),
            // RFC 9051 §5.4: at least 30 minutes. Programs do not notice that they are alone until their next look.
            command: Duration::from_secs(24 * 3600),
            write: Duration::from_secs(300),
            look: Duration::from_secs(5),
            // docs/clients.md, R18.
            word: Duration::from_secs(5),
            // A mail server that starts again is back by then; of a longer outage the program is not to wait for the end, for
            // while it waits it hears nothing of the folder.
            insisting: Insisting {
                again: Duration::from_secs(3),
                long: Duration::from_secs(20),
            },
        }
    }
}

impl ImapRoad {
    /// For a listener.
    pub fn new(options: &ImapOptions, mailboxes: Arc<dyn Mailboxes>) -> Self {
        let mut config = Config::new(options.hostname.clone());
        config.max_message = options.max_message;
        config.auth_in_clear = options.in_clear;
        ImapRoad {
            config,
            mailboxes,
            patience: Patience::default(),
            unhearing: Arc::default(),
            bodies: None,
            began: now_us(),
        }
    }

    /// Where only the header of a message is here, its bytes are asked of `bodies`.
    #[must_use]
    pub fn with_bodies(self, bodies: Arc<dyn Bodies>) -> Self {
        ImapRoad {
            bodies: Some(bodies),
            ..self
        }
    }

    /// Serves a connection until it ends, or until `stop` returns and no command is under way.
    pub async fn serve(
        &self,
        stream: Box<dyn Stream>,
        from: Option<IpAddr>,
        security: Security,
        stop: impl Future<Output = ()> + Send,
    ) {
        let mut config = self.config.clone();
        config.starttls = matches!(security, Security::Offered(_));
        config.tls = matches!(security, Security::Within);
        let tls = match security {
            Security::Offered(tls) => Some(tls),
            _ => None,
        };
        let mut talk = Talk::new(self, config, stream, from, tls, Box::pin(stop));
        // An error is the connection's: there is nobody left to tell.
        talk.run().await.ok();
        if let Some(said) = talk.said {
            self.unhearing.add(said);
        }
    }
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    how: End,
    code: Option<Code>,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Ok,
    No,
    Bad,
    /// Nothing is answered: the connection ends.
    Cut,
}

impl Told {
    fn ok(text: &str) -> Self {
        Told::new(End::Ok, None, text)
    }

    fn ok_with(code: Code, text: &str) -> Self {
        Told::new(End::Ok, Some(code), text)
    }

    fn no(code: Code, text: &str) -> Self {
        Told::new(End::No, Some(code), text)
    }

    fn bad(text: &str) -> Self {
        Told::new(End::Bad, None, text)
    }

    fn new(how: End, code: Option<Code>, text: &str) -> Self {
        let text = text.to_owned();
        Told { how, code, text }
    }
}

/// What an order at the archive that failed is to a client. What passes ends the connection: a NO would be shown to the user, or
/// taken for the end of the matter.
impl From<StoreError> for Told {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::NotFound(_) => Code::NonExistent,
            StoreError::Exists(_) => Code::AlreadyExists,
            StoreError::Invalid(_) => Code::Cannot,
            StoreError::Damaged { .. } | StoreError::Key(_) => Code::ServerBug,
            _ => {
                tracing::warn!(code = error.code(), %error, "an IMAP connection ends");
                return Told::new(End::Cut, None, "");
            }
        };
        Told::no(code, &error.to_string())
    }
}

impl From<std::io::Error> for Told {
    fn from(_: std::io::Error) -> Self {
        Told::new(End::Cut, None, "")
    }
}
