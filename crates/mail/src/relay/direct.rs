//! A mail that does not go through the queue: what is to be told when the queue, or the archive, is what does not work.

use bytes::Bytes;
use everpost_codec::smtp::client::{Envelope, Login, Verdict};
use everpost_codec::smtp::{Mail, Path, Rcpt, Survey};

use super::route::{MailHosts, place_of, servers};
use super::run::words_of;
use super::send::{Connection, Trust, Unusable};

/// How such a mail goes.
pub struct Direct<'a> {
    /// What we call ourselves.
    pub hostname: &'a str,
    /// The server that takes all of them, as `HOST:PORT`.
    pub server: Option<&'a str>,
    /// The one for whom there is no other, as `HOST:PORT`; without it, DNS says.
    pub smarthost: Option<&'a str>,
    /// Who we are to it.
    pub login: Option<&'a Login>,
    /// Who is trusted.
    pub trust: &'a Trust,
    /// What finds servers.
    pub hosts: &'a dyn MailHosts,
}

impl Direct<'_> {
    /// Hands a message to the server of one recipient.
    ///
    /// # Errors
    /// In words, what every server said that was asked.
    pub async fn send(&self, from: &str, to: &str, raw: &Bytes) -> Result<(), String> {
        let no_address = |address: &str| format!("{address} is no address");
        let sender = from.parse().map_err(|_| no_address(from))?;
        let recipient = to.parse().map_err(|_| no_address(to))?;
        let place = match (self.server, to.rsplit_once('@')) {
            (Some(server), _) => format!("server {server}"),
            (None, Some((_, domain))) => place_of(None, &domain.to_lowercase()),
            (None, None) => return Err(no_address(to)),
        };
        let found = servers(&place, &[], self.smarthost, self.hostname, self.hosts);
        let mut why = "there is no server".to_owned();
        for server in found.await.map_err(|none| none.why)? {
            let addresses = match self.hosts.addresses(server.name.clone()).await {
                Ok(addresses) => addresses,
                Err(none) => {
                    why = none.why;
                    continue;
                }
            };
            for mut address in addresses {
                address.set_port(server.port);
                let opened =
                    Connection::open(&server, address, self.hostname, self.trust, self.login);
                let mut connection = match opened.await {
                    Ok(connection) => connection,
                    Err(Unusable::Unreachable(words)) => {
                        why = words;
                        continue;
                    }
                    Err(Unusable::Refused(outcome)) => {
                        why = format!("{server}: {}", words_of(&outcome));
                        continue;
                    }
                };
                let mut survey = Survey::new();
                survey.push(raw);
                let envelope = Envelope {
                    mail: Mail {
                        from: Path::Mailbox(sender),
                        ..Mail::default()
                    },
                    recipients: vec![Rcpt::new(recipient)],
                    content: survey.finish(),
                };
                let sent = connection.send(envelope, std::slice::from_ref(raw), async { true });
                let (report, again) = sent.await;
                if again {
                    connection.quit().await;
                }
                let outcome = report.and_then(|report| report.outcomes.into_iter().next());
                return match outcome {
                    Some(outcome) if outcome.verdict == Verdict::Accepted => Ok(()),
                    Some(outcome) => Err(format!("{server}: {}", words_of(&outcome))),
                    None => Err(format!("{server} went away")),
                };
            }
        }
        Err(why)
    }
}
