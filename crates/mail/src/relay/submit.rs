//! A mail that a user hands to the organization's mail server, as that user: what an agent does while all is well.

use std::net::SocketAddr;

use bytes::Bytes;
use everpost_codec::smtp::client::{Envelope, Login, Verdict};
use everpost_codec::smtp::{Mail, Path, Protocol, Rcpt, Survey};

use super::route::Server;
use super::run::words_of;
use super::send::{Connection, Trust, Unusable};

/// The server that takes a user's mail.
#[derive(Clone)]
pub struct Submission {
    /// Its name, which its certificate must have if that is asked, or its address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What we call ourselves.
    pub hostname: String,
    /// Who is trusted.
    pub trust: Trust,
    /// Who the user is to it.
    pub login: Option<Login>,
}

/// What became of a mail for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Whether it was taken.
    pub verdict: Verdict,
    /// In the server's words, or ours.
    pub words: String,
}

impl Submission {
    /// Hands a mail over: what was said of each recipient, in order.
    ///
    /// # Errors
    /// Why none of it left: the server is out of reach, or does not have us.
    pub async fn hand(&self, from: &str, to: &[String], raw: &Bytes) -> Result<Vec<Said>, String> {
        let no_address = |address: &str| format!("{address} is no address");
        let sender = match from {
            "" => Path::Null,
            from => Path::Mailbox(from.parse().map_err(|_| no_address(from))?),
        };
        let mut recipients = Vec::with_capacity(to.len());
        for one in to {
            recipients.push(Rcpt::new(one.parse().map_err(|_| no_address(one))?));
        }
        let mut connection = self.connect().await?;
        let mut survey = Survey::new();
        survey.push(raw);
        let envelope = Envelope {
            mail: Mail {
                from: sender,
                ..Mail::default()
            },
            recipients,
            content: survey.finish(),
        };
        let sent = connection.send(envelope, std::slice::from_ref(raw), async { true });
        let (report, again) = sent.await;
        if again {
            connection.quit().await;
        }
        let Some(report) = report else {
            return Err(format!("{}:{} went away", self.host, self.port));
        };
        let said = report.outcomes.iter().map(|outcome| Said {
            verdict: outcome.verdict,
            words: words_of(outcome),
        });
        Ok(said.collect())
    }

    async fn connect(&self) -> Result<Connection, String> {
        let server = Server {
            name: self.host.clone(),
            port: self.port,
            protocol: Protocol::Smtp,
            is_smarthost: true,
        };
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let addresses: Vec<SocketAddr> = found.map_err(|error| error.to_string())?.collect();
        let mut why = format!("{} has no address", self.host);
        for address in addresses {
            let login = self.login.as_ref();
            let opened = Connection::open(&server, address, &self.hostname, &self.trust, login);
            match opened.await {
                Ok(connection) => return Ok(connection),
                Err(Unusable::Unreachable(words)) => why = words,
                Err(Unusable::Refused(outcome)) => return Err(words_of(&outcome)),
            }
        }
        Err(why)
    }
}
