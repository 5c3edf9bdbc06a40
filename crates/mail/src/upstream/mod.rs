//! Working with the organization's mail server over IMAP: looking at a user's mail there, and bringing it what it is owed.
//!
//! ```text
//! agent ─ Upstream ─ Connection ─ codec::imap::client::Client ─ TLS ─ Dovecot, Cyrus, Exchange, …
//!            │ folders, look, evidence, body      what is there
//!            │ carry_out, append, store, …        what is to be
//!            │ find                               what became of it
//!            └ idle                               when to look again
//! ```
//!
//! **What is an answer, and what is none.** Each order ends in one of three ways: it was carried out, it was not, or nobody knows
//! ([`Trouble::Lost`]): its last byte was handed out, and the connection broke before the server's word. Then a look,
//! or [`Upstream::find`], tells. Whoever drops a future of an order half way does not know either.
//!
//! **Why it is our own** stands with [the machine](everpost_codec::imap::client).
//!
//! One connection serves one user and does one thing at a time. All of its memory is bounded: an answer, a piece of a message, and of a
//! folder three numbers a message.

mod account;
mod capabilities;
mod connection;
mod evidence;
mod find;
mod folder_orders;
mod folders;
mod idle;
mod limits;
mod login;
mod look;
mod names;
mod orders;
mod replica;
mod seen;
#[cfg(test)]
mod tests;
mod trouble;

use std::collections::BTreeMap;

use everpost_codec::imap::client::{Answer, Namespaces, Request, Unsayable};

pub use account::{Account, Patience, Proof, Tls};
pub use capabilities::Capabilities;
use connection::Connection;
pub use evidence::{Body, Traits};
pub use find::Traces;
pub use folders::{Counts, Folder, Folders};
pub use idle::Woken;
pub use look::Access;
use look::Opened;
use names::Names;
pub use orders::Unchanged;
pub use replica::{Keywords, Letter};
pub use seen::{Gone, Keeps, Known, Listing, Seen, Told, Torn, flags_of};
pub use trouble::{Done, Refusal, Trouble, Verdict, outcome};

/// A user's mail on a server, over one connection. After any [`Trouble`] but [`Trouble::Refused`] it is of no more use.
pub struct Upstream {
    connection: Connection,
    capabilities: Capabilities,
    names: Names,
    opened: Option<Opened>,
    /// What folders keep that were opened for writing.
    keeps: BTreeMap<String, Keeps>,
    has_qresync: bool,
}

fn unsayable(error: Unsayable) -> Trouble {
    Trouble::Refused(Refusal::ours(&error.to_string()))
}

impl Upstream {
    /// Connects and logs in.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn connect(account: &Account) -> Result<Self, Trouble> {
        let login::Entered {
            connection,
            capabilities,
        } = login::enter(account).await?;
        let mut upstream = Upstream {
            connection,
            capabilities,
            names: Names::default(),
            opened: None,
            keeps: BTreeMap::new(),
            has_qresync: false,
        };
        upstream.settle().await?;
        Ok(upstream)
    }

    /// Says who we are, and asks how names are made.
    async fn settle(&mut self) -> Result<(), Trouble> {
        // There are servers that serve only whom they know the name of.
        if self.capabilities.has("ID") {
            let request = Request::new("ID (\"name\" \"Everpost\")");
            self.polite(request, &mut |_| {}).await?;
        }
        if self.capabilities.has("QRESYNC") && self.capabilities.has("ENABLE") {
            let mut has = false;
            let mut ear = |answer| {
                if let Answer::Enabled(words) = answer {
                    has |= words.iter().any(|word| word == "QRESYNC");
                }
            };
            self.polite(Request::new("ENABLE QRESYNC"), &mut ear)
                .await?;
            self.has_qresync = has;
        }
        let mut namespaces = Namespaces::default();
        if self.capabilities.has("NAMESPACE") {
            let mut ear = |answer| {
                if let Answer::Namespaces(told) = answer {
                    namespaces = told;
                }
            };
            self.polite(Request::new("NAMESPACE"), &mut ear).await?;
        }
        let mut delimiter = None;
        let mut ear = |answer| {
            if let Answer::Listed(listed) = answer {
                delimiter = listed.delimiter;
            }
        };
        self.polite(Request::new("LIST \"\" \"\""), &mut ear)
            .await?;
        self.names = Names::new(delimiter, &namespaces);
        Ok(())
    }

    /// Asks what the server may as well refuse.
    async fn polite(&mut self, request: Request, ear: connection::Ear<'_>) -> Result<(), Trouble> {
        match self.ask(request, ear).await {
            Err(Trouble::Refused(_)) => Ok(()),
            other => other,
        }
    }

    /// What the server can do.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Which flags a folder keeps, if it was opened for writing on this connection.
    pub fn keeps(&self, folder: &str) -> Option<&Keeps> {
        self.keeps.get(folder)
    }

    /// Asks whether the server is there.
    ///
    /// # Errors
    /// Where it is not.
    pub async fn noop(&mut self) -> Result<(), Trouble> {
        self.ask(Request::new("NOOP"), &mut |_| {}).await
    }

    /// Says goodbye.
    pub async fn quit(self) {
        self.connection.quit().await;
    }
}
