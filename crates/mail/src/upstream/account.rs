//! Whose mail on which server, and how patient we are with it.

use std::time::Duration;

use everpost_codec::smtp::Secret;
use rustls::RootCertStore;

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte (port 993).
    Implicit,
    /// By STARTTLS, without which nothing is said (port 143).
    StartTls,
    /// Not at all: for loopback, and networks in which nobody else listens. The password goes in the clear.
    None,
}

/// What proves who the user is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// By AUTHENTICATE PLAIN, LOGIN, or the command LOGIN, whichever the server has.
    Password(Secret),
    /// A token of OAuth, by OAUTHBEARER (RFC 7628) or XOAUTH2.
    Token(Secret),
}

/// A user's mail on a server.
#[derive(Debug, Clone)]
pub struct Account {
    /// The server's name, which its certificate must have, or its address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: Tls,
    /// Whose certificates are believed.
    pub roots: RootCertStore,
    /// The user's name on the server.
    pub user: String,
    /// What proves it.
    pub proof: Proof,
    /// Capabilities that are not used though the server has them: for those where they are broken. `IDLE`, `QRESYNC`, …
    pub ignored: Vec<String>,
    /// How long things may take.
    pub patience: Patience,
}

impl Account {
    /// An account that ignores nothing.
    pub fn new(
        (host, port): (&str, u16),
        tls: Tls,
        roots: RootCertStore,
        (user, proof): (&str, Proof),
    ) -> Self {
        Account {
            host: host.to_owned(),
            port,
            tls,
            roots,
            user: user.to_owned(),
            proof,
            ignored: Vec::new(),
            patience: Patience::default(),
        }
    }
}

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// To connect, each address, and for a handshake.
    pub connect: Duration,
    /// For the server to say anything while a command is under way, or to take anything.
    pub silence: Duration,
    /// For a command to end, however much is said meanwhile.
    pub command: Duration,
    /// In IDLE, until it is begun anew. A server that is gone is noticed so much, and a silence, later. Servers end it after 30
    /// minutes (RFC 2177), and boxes on the way forget connections before.
    pub idle: Duration,
    /// Between two looks, where the server has no IDLE.
    pub poll: Duration,
    /// How long nothing may have been heard before a change is ordered; after that the server is asked whether it is there, so that an order
    /// does not get lost in a dead connection.
    pub fresh: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            connect: Duration::from_secs(30),
            silence: Duration::from_secs(120),
            command: Duration::from_secs(30 * 60),
            idle: Duration::from_secs(4 * 60),
            poll: Duration::from_secs(60),
            fresh: Duration::from_secs(15),
        }
    }
}
