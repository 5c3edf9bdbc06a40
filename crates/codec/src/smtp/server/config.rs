//! What a server offers and how much it takes.

use crate::smtp::{Extensions, Mechanism, Protocol, limits};

/// The settings of a [`Session`](super::Session).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The server's name in its greeting.
    pub hostname: String,
    /// SMTP or LMTP.
    pub protocol: Protocol,
    /// What EHLO offers. STARTTLS and AUTH are named only where they may be used; `size` and
    /// `recipients`, if they are there, say [`max_size`](Config::max_size) and
    /// [`max_recipients`](Config::max_recipients), whatever is written here.
    pub offers: Extensions,
    /// The connection was encrypted before its first byte (implicit TLS, RFC 8314).
    pub tls: bool,
    /// AUTH is offered without TLS too: for loopback and tests.
    pub auth_in_clear: bool,
    /// MAIL is refused until there is TLS (RFC 3207 §4).
    pub needs_tls: bool,
    /// MAIL is refused until there was AUTH (RFC 4954 §6).
    pub needs_auth: bool,
    /// Octets of a message.
    pub max_size: u64,
    /// Recipients asked for in a transaction, accepted or not.
    pub max_recipients: usize,
    /// Commands taken without a message or a login coming of them. RCPT and BDAT are not counted;
    /// they lead nowhere without MAIL, which is.
    pub max_idle_commands: u32,
    /// Errors until the connection is closed. A refused recipient is none.
    pub max_errors: u32,
    /// Octets of a refused message that are passed over so that it can be answered.
    pub max_passed_over: u64,
    /// Bare LF and CR in DATA are bytes of the message like others, kept as they are; for a journal,
    /// whose sender is known and whose mail must not be lost. They end no line in either case.
    pub bare_line_ends: bool,
    /// NUL in DATA is kept too. In BDAT it always is.
    pub nul_in_data: bool,
    /// Addresses may lack a domain, as in LMTP behind a local server.
    pub local_names: bool,
}

impl Config {
    /// Offers all that needs no certificate and no accounts, within the limits of
    /// [`limits`].
    pub fn new(hostname: impl Into<String>, protocol: Protocol) -> Self {
        Config {
            hostname: hostname.into(),
            protocol,
            offers: Extensions {
                pipelining: true,
                chunking: true,
                eight_bit: true,
                smtputf8: true,
                dsn: true,
                enhanced_codes: true,
                priorities: true,
                size: Some(limits::MESSAGE),
                recipients: Some(limits::RECIPIENTS as u64),
                ..Extensions::default()
            },
            tls: false,
            auth_in_clear: false,
            needs_tls: false,
            needs_auth: false,
            max_size: limits::MESSAGE,
            max_recipients: limits::RECIPIENTS,
            max_idle_commands: limits::IDLE_COMMANDS,
            max_errors: limits::ERRORS,
            max_passed_over: limits::PASSED_OVER,
            bare_line_ends: false,
            nul_in_data: false,
            local_names: protocol == Protocol::Lmtp,
        }
    }

    /// What is offered while the connection has TLS, or has not.
    pub(super) fn offers(&self, tls: bool) -> Extensions {
        let mut offers = self.offers.clone();
        offers.starttls &= !tls;
        offers.size = offers.size.map(|_| self.max_size);
        offers.recipients = offers.recipients.map(|_| self.max_recipients as u64);
        // Without BDAT there is nothing to send it in.
        offers.binary &= offers.chunking;
        if !self.auth_allowed(tls) {
            offers.auth = Vec::new();
        }
        offers
    }

    pub(super) fn auth_allowed(&self, tls: bool) -> bool {
        tls || self.auth_in_clear
    }

    pub(super) fn has(&self, mechanism: &str) -> Option<Mechanism> {
        Mechanism::parse(mechanism).filter(|known| self.offers.auth.contains(known))
    }
}
