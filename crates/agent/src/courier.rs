//! Mail that the user sends: written down before the mail program hears that it was taken, and brought on its way by whichever way
//! there is. What becomes of it is decided by `domain::continuity::outbox`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use everpost_codec::link::message::{self as wire, OutboxCounts};
use everpost_codec::smtp::Reply;
use everpost_codec::smtp::client::Verdict;
use everpost_domain::continuity::agent::Via;
use everpost_domain::continuity::outbox::{Answer, Entry, Evidence, Fate, Outbox};
use everpost_domain::digest::Digest;
use everpost_domain::message::format_rfc5322;
use everpost_mail::capture::smtp::{Letter, Mailer};
use everpost_mail::filing::filed;
use everpost_mail::imap::describe;
use everpost_mail::relay::Submission;
use everpost_store::{Flags, Notes, Replica, StoreError, Tenant};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, Notify, mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::accounts::{Account, Kind};
use crate::link::{LinkClient, LinkError, Outgoing, machine};
use crate::{AgentError, Heard};

/// How often it is looked whether something is due, or can be learned.
const LOOK: Duration = Duration::from_secs(10);

/// A mail in the outbox, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    entry: Entry,
    sender: String,
    recipients: Vec<String>,
    copy: Digest,
}

struct Inside {
    outbox: Outbox,
    letters: BTreeMap<u64, Kept>,
}

/// The outbox of one account, and who brings its mail.
pub(crate) struct Courier {
    account: i64,
    tenant: Tenant,
    replica: Replica,
    link: LinkClient,
    submission: Submission,
    patience: i64,
    inside: Mutex<Inside>,
    stirred: Notify,
    heard: mpsc::Sender<Heard>,
}

impl Courier {
    pub(crate) async fn open(
        account: &Account,
        tenant: &Tenant,
        replica: Replica,
        heard: mpsc::Sender<Heard>,
    ) -> Result<Arc<Self>, AgentError> {
        let kept = tenant
            .notes::<Kept>(Kind::Outbox.of(account.number))
            .await?;
        let numbers = tenant
            .notes::<u64>(Kind::Numbers.of(account.number))
            .await?;
        let last = numbers.first().map_or(0, |(_, last)| *last);
        let entries = kept.iter().map(|(_, kept)| kept.entry.clone()).collect();
        let mut outbox = Outbox::restore(entries, last);
        outbox.wake(machine());
        let letters = kept.into_iter().map(|(_, kept)| (kept.entry.id, kept));
        let link = account.link()?;
        let patience = link.enrolled().config.uncertain_wait_seconds;
        Ok(Arc::new(Courier {
            account: account.number,
            tenant: tenant.clone(),
            replica,
            submission: account.submission()?,
            patience: i64::try_from(patience).unwrap_or(i64::MAX),
            link,
            inside: Mutex::new(Inside {
                letters: letters.collect(),
                outbox,
            }),
            stirred: Notify::new(),
            heard,
        }))
    }

    /// How many wait, are uncertain, and may be doubled.
    pub(crate) async fn counts(&self) -> OutboxCounts {
        let inside = self.inside.lock().await;
        let count = |is: fn(&Entry) -> bool| {
            let all = inside.outbox.entries().iter();
            all.filter(|entry| is(entry)).count() as u64
        };
        OutboxCounts {
            waiting: count(|entry| {
                matches!(entry.fate, Fate::Queued { .. } | Fate::OnItsWay { .. })
            }),
            uncertain: count(|entry| matches!(entry.fate, Fate::Uncertain { .. })),
            doubled: count(|entry| entry.possibly_doubled),
        }
    }

    /// There is another way now: what was put off is due.
    pub(crate) async fn hurry(&self) {
        self.inside.lock().await.outbox.hurry(machine());
        self.stirred.notify_one();
    }

    /// Brings mail on its way for as long as the agent runs.
    pub(crate) async fn run(self: Arc<Self>, via: watch::Receiver<Via>) {
        loop {
            let way = *via.borrow();
            match self.one(way).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "the outbox cannot be kept"),
            }
            if let Err(error) = self.learn().await {
                tracing::error!(%error, "the outbox cannot be kept");
            }
            timeout(LOOK, self.stirred.notified()).await.ok();
        }
    }

    /// Writes an entry down as it is.
    async fn write(&self, inside: &mut Inside, id: u64) -> Result<(), StoreError> {
        let kind = Kind::Outbox.of(self.account);
        let number = id.cast_signed();
        let notes = match (inside.outbox.entry(id), inside.letters.get_mut(&id)) {
            (Some(entry), Some(kept)) => {
                kept.entry = entry.clone();
                Notes::new().put(kind, number, kept)
            }
            _ => {
                inside.letters.remove(&id);
                Notes::new().forget(kind, number)
            }
        };
        self.tenant.write_notes(notes).await
    }

    /// Hands the next mail over; whether there was one.
    async fn one(&self, via: Via) -> Result<bool, StoreError> {
        let (id, kept) = {
            let mut inside = self.inside.lock().await;
            let Some(id) = inside.outbox.next(machine()) else {
                return Ok(false);
            };
            inside.outbox.hand_out(id, via);
            self.write(&mut inside, id).await?;
            match inside.letters.get(&id) {
                Some(kept) => (id, kept.clone()),
                None => return Ok(false),
            }
        };
        let raw = Bytes::from(self.tenant.raw(&kept.copy).await?);
        let handed = match via {
            Via::Primary => self.by_mail_server(&kept, &raw).await,
            Via::Service => self.by_service(id, &kept, raw.clone()).await,
        };
        for (recipient, words) in &handed.refused {
            self.bounce(&kept, recipient, words, &raw).await?;
        }
        let mut inside = self.inside.lock().await;
        if let Some(kept) = inside.letters.get_mut(&id) {
            kept.recipients.retain(|one| !handed.is_settled(one));
        }
        inside.outbox.answered(id, handed.answer, machine());
        // Whoever took it answers for it from now on; its sender knows of what was refused.
        inside.outbox.forget(id);
        self.write(&mut inside, id).await?;
        Ok(true)
    }

    async fn by_mail_server(&self, kept: &Kept, raw: &Bytes) -> Handed {
        let (from, to) = (&kept.sender, &kept.recipients);
        let said = match self.submission.hand(from, to, raw).await {
            Ok(said) => said,
            Err(why) => {
                tracing::info!(why, "the mail server does not take mail");
                return Handed::of(Answer::Later);
            }
        };
        let mut handed = Handed::of(Answer::Accepted);
        let mut taken = 0;
        for (recipient, said) in kept.recipients.iter().zip(said) {
            match said.verdict {
                Verdict::Accepted => {
                    taken += 1;
                    handed.taken.push(recipient.clone());
                }
                Verdict::Permanent => handed.refused.push((recipient.clone(), said.words)),
                Verdict::Temporary if handed.answer == Answer::Accepted => {
                    handed.answer = Answer::Later;
                }
                Verdict::Temporary => {}
                Verdict::Uncertain => handed.answer = Answer::Lost,
            }
        }
        if taken == 0 && handed.answer == Answer::Accepted {
            handed.answer = Answer::Refused;
        }
        handed
    }

    async fn by_service(&self, id: u64, kept: &Kept, raw: Bytes) -> Handed {
        let mail = Outgoing {
            number: id,
            sender: kept.sender.clone(),
            recipients: kept.recipients.clone(),
            raw,
        };
        // The same number again is the same submission, so that nothing is in doubt here: it is only asked again.
        let receipts = match self.link.submit(std::slice::from_ref(&mail)).await {
            Ok(receipts) => receipts,
            Err(error) => {
                tracing::info!(%error, "the service does not take mail");
                return Handed::of(Answer::Later);
            }
        };
        match receipts.into_iter().next().map(|receipt| receipt.fate) {
            Some(wire::Fate::Taken { not_for, .. }) => Handed {
                answer: Answer::Accepted,
                refused: not_for
                    .into_iter()
                    .map(|one| (one.recipient, format!("{} {}", one.code, one.words)))
                    .collect(),
                taken: Vec::new(),
            },
            Some(wire::Fate::Refused { code, words }) => Handed {
                answer: Answer::Refused,
                refused: kept
                    .recipients
                    .iter()
                    .map(|one| (one.clone(), format!("{code} {words}")))
                    .collect(),
                taken: Vec::new(),
            },
            _ => Handed::of(Answer::Later),
        }
    }

    /// Asks what became of what nobody knows of; what stays unknown for long is tried again.
    async fn learn(&self) -> Result<(), StoreError> {
        let doubtful: Vec<(u64, Digest)> = {
            let inside = self.inside.lock().await;
            let all = inside.outbox.uncertain();
            all.filter_map(|entry| Some((entry.id, inside.letters.get(&entry.id)?.copy)))
                .collect()
        };
        if doubtful.is_empty() {
            return Ok(());
        }
        let mut mails = Vec::new();
        for (id, copy) in doubtful {
            mails.push((id, Bytes::from(self.tenant.raw(&copy).await?)));
        }
        let known = match self.link.evidence(&mails).await {
            Ok(known) => known,
            Err(LinkError::Busy(wait)) => {
                sleep(wait.min(LOOK)).await;
                Vec::new()
            }
            Err(_) => Vec::new(),
        };
        let mut inside = self.inside.lock().await;
        let now = machine();
        let mut settled = Vec::new();
        for one in known {
            let evidence = match one.evidence {
                wire::Evidence::There => Evidence::There,
                wire::Evidence::NotThere => Evidence::NotThere,
                wire::Evidence::Unknown => continue,
            };
            inside.outbox.learned(one.number, evidence, now);
            inside.outbox.forget(one.number);
            settled.push(one.number);
        }
        settled.extend(inside.outbox.give_up_waiting(now, self.patience));
        for id in settled {
            self.write(&mut inside, id).await?;
        }
        Ok(())
    }

    /// Tells the sender that a mail will never be taken.
    async fn bounce(
        &self,
        kept: &Kept,
        recipient: &str,
        words: &str,
        raw: &[u8],
    ) -> Result<(), StoreError> {
        let head = raw.windows(4).position(|four| four == b"\r\n\r\n");
        let head = String::from_utf8_lossy(raw.get(..head.unwrap_or(0)).unwrap_or_default());
        let owner = self.replica.owner();
        let now = machine();
        let id = kept.copy.to_string();
        let id = id.get(..16).unwrap_or_default();
        let text = format!(
            "From: Everpost <postmaster@everpost.invalid>\r\nTo: {owner}\r\nSubject: Your mail could not be delivered\r\n\
             Date: {}\r\nMessage-ID: <{id}.{now}@everpost.invalid>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
             Your mail to {recipient} was refused:\r\n\r\n  {words}\r\n\r\nIts header:\r\n\r\n{head}\r\n",
            format_rfc5322(now)
        );
        let raw = Bytes::from(text);
        let item = filed(raw.clone(), owner, "INBOX");
        let new = describe(&raw, item.digest(), Flags::NONE, now);
        self.tenant.admit(vec![item], None).await?;
        let inbox = self.replica.folder("INBOX").await?.id;
        self.replica.append(inbox, &[new], true).await?;
        Ok(())
    }

    async fn keep(&self, letter: Letter) -> Result<(), StoreError> {
        let owner = self.replica.owner();
        let item = filed(Bytes::from(letter.raw), owner, "Outbox");
        let copy = item.digest();
        self.tenant.admit(vec![item], None).await?;
        let mut inside = self.inside.lock().await;
        // Until it is written nobody knows of it: its sender tries again.
        let mut outbox = inside.outbox.clone();
        let id = outbox.add(machine());
        let Some(entry) = outbox.entry(id).cloned() else {
            return Ok(());
        };
        let kept = Kept {
            entry,
            sender: letter.sender,
            recipients: letter.recipients,
            copy,
        };
        let notes = Notes::new()
            .put(Kind::Outbox.of(self.account), id.cast_signed(), &kept)
            .put(Kind::Numbers.of(self.account), 0, &id);
        self.tenant.write_notes(notes).await?;
        inside.letters.insert(id, kept);
        inside.outbox = outbox;
        Ok(())
    }
}

/// What came of handing a mail over.
struct Handed {
    answer: Answer,
    /// Recipients for whom it will never be taken, and why.
    refused: Vec<(String, String)>,
    /// Recipients for whom it was taken, where it was not for all.
    taken: Vec<String>,
}

impl Handed {
    fn of(answer: Answer) -> Self {
        Handed {
            answer,
            refused: Vec::new(),
            taken: Vec::new(),
        }
    }

    fn is_settled(&self, recipient: &String) -> bool {
        self.taken.contains(recipient) || self.refused.iter().any(|(one, _)| one == recipient)
    }
}

/// Takes mail for a courier from the mail program.
pub(crate) struct Desk(pub(crate) Vec<(Vec<String>, Arc<Courier>)>);

impl Mailer for Desk {
    fn take(&self, letter: Letter) -> BoxFuture<'static, Result<(), Reply>> {
        let is = |own: &Vec<String>| {
            let mut all = own.iter();
            all.any(|one| one.eq_ignore_ascii_case(&letter.sender))
        };
        let found = self.0.iter().find(|(own, _)| own == &letter.own);
        let courier = found.filter(|(own, _)| is(own)).map(|(_, one)| one.clone());
        Box::pin(async move {
            let Some(courier) = courier else {
                return Err(Reply::new(553, [5, 7], "that address is not yours"));
            };
            let kept = courier.keep(letter).await;
            kept.map_err(|error| {
                tracing::error!(%error, "a mail cannot be kept");
                Reply::new(451, [4, 3], "it cannot be kept now, come again")
            })?;
            courier.stirred.notify_one();
            courier.heard.send(Heard::Sent).await.ok();
            Ok(())
        })
    }
}
