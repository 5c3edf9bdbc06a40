//! One try: a message and the servers of its place.

use bytes::Bytes;
use everpost_codec::smtp::client::{Envelope, Outcome, Verdict as Said};
use everpost_codec::smtp::{
    Content, Mail, Mailbox, Notify, OriginalRecipient, Path, Rcpt, Return, Survey,
};
use everpost_domain::relay::{LegState, wait_after};
use everpost_store::{Attempt, Errand, Leg, Settled, StoreError, Verdict, now_us};

use super::Relay;
use crate::authenticity::forged;
use crate::relay::route::{NoHosts, servers};
use crate::relay::send::{Connection, Unusable};
use crate::relay::trace::{Came, Wanted, fields};

/// What became of an errand at a place.
pub(super) struct Done {
    pub(super) settled: Vec<Settled>,
    /// The server talked to us.
    pub(super) answered: bool,
    /// The connection, if it can be used again.
    pub(super) open: Option<Connection>,
}

impl Relay {
    /// Brings one message to its place.
    pub(super) async fn carry(
        &self,
        errand: &Errand,
        open: Option<Connection>,
    ) -> Result<Done, StoreError> {
        let place = errand
            .legs
            .first()
            .map(|leg| leg.place.clone())
            .unwrap_or_default();
        let raw = Bytes::from(self.tenant.raw(&errand.copy).await?);
        let prefix = Bytes::from(fields(&self.tenant, &self.options.hostname, errand));
        let mut message = vec![prefix, self.signature(errand, &raw).await];
        message.extend(without_forgeries(&raw, &self.options.hostname));
        let mut survey = Survey::new();
        for piece in &message {
            survey.push(piece);
        }
        let envelope = match envelope_of(errand, survey.finish()) {
            Some(envelope) => envelope,
            None => {
                return Ok(self.all(
                    errand,
                    Verdict::Permanent,
                    "",
                    "553 5.1.3 not an address",
                    true,
                ));
            }
        };
        let connection = match open {
            Some(connection) => Ok(connection),
            None => self.connect(&place).await?,
        };
        let mut connection = match connection {
            Ok(connection) => connection,
            Err(Failed {
                verdict,
                server,
                words,
                answered,
            }) => {
                return Ok(self.all(errand, verdict, &server, &words, answered));
            }
        };
        let legs: Vec<i64> = errand.legs.iter().map(|leg| leg.id).collect();
        let about_to = async {
            let ours = self.tenant.relay_sending(&legs).await;
            ours.is_ok_and(|ours| ours.len() == legs.len())
        };
        let (report, again) = connection.send(envelope, &message, about_to).await;
        let server = connection.server.clone();
        let Some(report) = report else {
            // Another node has it, or the catalog is out of reach: nothing left.
            return Ok(self.all(
                errand,
                Verdict::Temporary,
                &server,
                "451 4.3.0 not sent",
                true,
            ));
        };
        let settled = errand.legs.iter().zip(&report.outcomes);
        let settled = settled.map(|(leg, outcome)| self.of_outcome(leg, outcome, &server));
        Ok(Done {
            settled: settled.collect(),
            answered: true,
            open: again.then_some(connection),
        })
    }

    /// Our signatures of a message, if it began here. What cannot be signed goes on without.
    async fn signature(&self, errand: &Errand, raw: &Bytes) -> Bytes {
        if self.options.signers.is_empty() || !Came::read(&errand.how).is_ours() {
            return Bytes::new();
        }
        let (signers, raw) = (self.options.signers.clone(), raw.clone());
        let signed = tokio::task::spawn_blocking(move || signers.sign(&raw)).await;
        let error = match signed {
            Ok(Ok(fields)) => return Bytes::from(fields),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::warn!(mail = errand.mail, error, "not signed");
        Bytes::new()
    }

    /// A connection to the first of a place's servers that has us.
    async fn connect(&self, place: &str) -> Result<Result<Connection, Failed>, StoreError> {
        let domains = self.tenant.mail_domains().await?;
        let options = &self.options;
        let found = servers(
            place,
            &domains,
            options.smarthost.as_deref(),
            &options.hostname,
            &*self.hosts,
        );
        let mut failed = Failed {
            verdict: Verdict::Temporary,
            server: String::new(),
            words: "451 4.4.4 no server was found".into(),
            answered: false,
        };
        let no_hosts = |failed: &mut Failed, NoHosts { why, for_good }: NoHosts| {
            (failed.verdict, failed.words) = match for_good {
                true => (Verdict::Permanent, format!("556 5.1.10 {why}")),
                false => (Verdict::Temporary, format!("451 4.4.3 {why}")),
            };
        };
        let servers = match found.await {
            Ok(servers) => servers,
            Err(none) => {
                no_hosts(&mut failed, none);
                return Ok(Err(failed));
            }
        };
        for server in servers {
            let addresses = match self.hosts.addresses(server.name.clone()).await {
                Ok(addresses) => addresses,
                Err(none) => {
                    no_hosts(&mut failed, none);
                    continue;
                }
            };
            for mut address in addresses {
                address.set_port(server.port);
                self.tally.connected();
                let login = options.login.as_ref();
                let opened =
                    Connection::open(&server, address, &options.hostname, &options.trust, login);
                match opened.await {
                    Ok(connection) => return Ok(Ok(connection)),
                    Err(Unusable::Unreachable(why)) => {
                        failed.words = format!("451 4.4.1 {why}");
                        failed.server = server.to_string();
                    }
                    Err(Unusable::Refused(outcome)) => {
                        failed.words = words_of(&outcome);
                        failed.server = server.to_string();
                        failed.answered = true;
                        // RFC 5321 §3.1: a greeting of 554 is no last word on the mail.
                        failed.verdict = Verdict::Temporary;
                    }
                }
            }
        }
        Ok(Err(failed))
    }

    /// One outcome for all recipients.
    fn all(
        &self,
        errand: &Errand,
        verdict: Verdict,
        server: &str,
        words: &str,
        answered: bool,
    ) -> Done {
        let settled = errand.legs.iter().map(|leg| {
            let attempt = Attempt {
                at: now_us(),
                server: server.to_owned(),
                verdict,
                words: words.to_owned(),
            };
            self.decide(leg, attempt)
        });
        Done {
            settled: settled.collect(),
            answered,
            open: None,
        }
    }

    fn of_outcome(&self, leg: &Leg, outcome: &Outcome, server: &str) -> Settled {
        let verdict = match outcome.verdict {
            Said::Accepted => Verdict::Accepted,
            Said::Temporary => Verdict::Temporary,
            Said::Permanent => Verdict::Permanent,
            Said::Uncertain => Verdict::Uncertain,
        };
        let attempt = Attempt {
            at: now_us(),
            server: server.to_owned(),
            verdict,
            words: words_of(outcome),
        };
        self.decide(leg, attempt)
    }

    /// What follows from a try.
    fn decide(&self, leg: &Leg, attempt: Attempt) -> Settled {
        let age = (now_us() - leg.at).max(0).unsigned_abs() / 1_000_000;
        let (state, wait) = match attempt.verdict {
            Verdict::Accepted => (LegState::Delivered, 0),
            Verdict::Permanent => (LegState::Failed, 0),
            Verdict::Uncertain => (LegState::Uncertain, self.options.uncertain_wait),
            _ if age >= self.options.give_up => (LegState::Failed, 0),
            _ => {
                let spread = leg.id.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
                (LegState::Waiting, wait_after(leg.tries + 1, spread))
            }
        };
        Settled {
            leg: leg.clone(),
            state,
            wait,
            attempt: Some(attempt),
        }
    }
}

/// Why there is no connection.
struct Failed {
    verdict: Verdict,
    server: String,
    words: String,
    answered: bool,
}

/// A message without the results of checks that somebody else wrote in our name (RFC 8601 §5): what we found stands
/// before it. The archive has it as it came.
fn without_forgeries(raw: &Bytes, our_name: &str) -> Vec<Bytes> {
    let (mut pieces, mut from) = (Vec::new(), 0);
    for forgery in forged(raw, our_name) {
        pieces.push(raw.slice(from..forgery.start.max(from)));
        from = forgery.end.max(from);
    }
    pieces.push(raw.slice(from..));
    pieces
}

/// One line of a reply.
pub(crate) fn words_of(outcome: &Outcome) -> String {
    let mut text = Vec::new();
    outcome.reply.write(&mut text);
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().map(|line| line.trim_end());
    let text = lines.collect::<Vec<_>>().join(" ");
    text.chars().take(1_000).collect()
}

fn envelope_of(errand: &Errand, content: Content) -> Option<Envelope> {
    let came = Came::read(&errand.how);
    let from = match errand.sender.is_empty() {
        true => Path::Null,
        false => Path::Mailbox(errand.sender.parse().ok()?),
    };
    let mut recipients = Vec::with_capacity(errand.legs.len());
    for leg in &errand.legs {
        let to: Mailbox = leg.recipient.parse().ok()?;
        let wanted = Wanted::read(&leg.options);
        let mut rcpt = Rcpt::new(to);
        rcpt.notify = wanted.notify.as_deref().and_then(Notify::parse);
        let original = |(kind, address)| OriginalRecipient { kind, address };
        rcpt.original = wanted.original.map(original);
        recipients.push(rcpt);
    }
    let priority = errand
        .legs
        .iter()
        .map(|leg| leg.priority)
        .max()
        .unwrap_or(0);
    let mail = Mail {
        from,
        smtputf8: came.smtputf8,
        ret: came
            .full
            .map(|full| if full { Return::Full } else { Return::Headers }),
        envid: came.envid,
        priority: (priority != 0).then_some(priority),
        ..Mail::default()
    };
    Some(Envelope {
        mail,
        recipients,
        content,
    })
}
