//! What a device asks of its service.

use std::sync::Arc;

use bytes::Bytes;
use everpost_codec::link::message::{
    AgentConfig, Change, ChangeAnswer, ChangeAsk, Doubtful, EnrolAnswer, EnrolAsk, EvidenceAnswer,
    EvidenceAsk, FetchAnswer, FetchAsk, Heartbeat, HeartbeatAnswer, Known, LeaseAnswer, LeaseAsk,
    LedgerAnswer, LedgerAsk, Mail, Mark, Receipt, StatePage, SubmitAnswer, SubmitAsk,
};
use everpost_codec::link::{
    Batch, Bytes32, Code, Direction, ENROLLING, Head, LONGEST_WAIT, LinkKey, MOST_SEALED, PREFIX,
    Way, fit,
};
use everpost_domain::digest::Digest;
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::http::{Http, LinkError, SMALL, Signer, Trust, machine, whole};
use super::key::{DeviceKey, Half, random};

/// What enrolment made of an installation. It holds a secret: keep it as the device's key is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// The device's id.
    pub device: String,
    /// The user's address.
    pub address: String,
    /// All addresses that the user may send as.
    pub addresses: Vec<String>,
    /// The name of the state page.
    pub page: String,
    /// The configuration, as it was then.
    pub config: AgentConfig,
    link_key: Bytes32,
}

/// A mail to be handed over.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Its number in the outbox.
    pub number: u64,
    /// Who sends it.
    pub sender: String,
    /// Whom it is for.
    pub recipients: Vec<String>,
    /// Its bytes.
    pub raw: Bytes,
}

/// A device's line to its service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LinkClient {
    http: Arc<Http>,
    key: Arc<DeviceKey>,
    enrolled: Arc<Enrolled>,
    /// The service has one batch of a device under way at a time.
    turn: Arc<Mutex<()>>,
}

fn odd(error: impl std::fmt::Display) -> LinkError {
    LinkError::Protocol(format!("the answer is none: {error}"))
}

async fn json<T: DeserializeOwned>(answer: reqwest::Response) -> Result<T, LinkError> {
    serde_json::from_slice(&whole(answer, SMALL).await?).map_err(odd)
}

fn body<T: Serialize>(what: &T) -> Result<Bytes, LinkError> {
    let text = serde_json::to_vec(what);
    text.map(Bytes::from)
        .map_err(|error| LinkError::Protocol(error.to_string()))
}

fn path(of: &str) -> String {
    format!("{PREFIX}/{of}")
}

impl Enrolled {
    /// Comes to the service at `base` (`https://HOST:PORT`) with a code. Whoever did not hear the answer comes again with the
    /// same key: keep that before.
    ///
    /// # Errors
    /// [`LinkError::Refused`] where the code is wrong, used or over.
    pub async fn enrol(
        base: &str,
        trust: &Trust,
        key: &DeviceKey,
        code: &Code,
        name: &str,
        version: &str,
    ) -> Result<Self, LinkError> {
        let half = Half::new()?;
        let ask = EnrolAsk {
            ticket: Bytes32(code.ticket()),
            key: Bytes32(key.public()),
            exchange: Bytes32(half.public),
            name: name.to_owned(),
            version: version.to_owned(),
        };
        let http = Http::new(base, trust, machine)?;
        let signer = Signer { key, id: ENROLLING };
        let asked = Some(body(&ask)?);
        let answer = http
            .ask(Method::POST, &path("enrol"), None, asked, Some(signer))
            .await?;
        let answer: EnrolAnswer = json(answer).await?;
        let link_key = half.agree(code, key.public(), answer.exchange.0)?;
        Ok(Enrolled {
            device: answer.device,
            address: answer.address,
            addresses: answer.addresses,
            page: answer.page,
            config: answer.config,
            link_key: Bytes32(*link_key.reveal()),
        })
    }
}

impl LinkClient {
    /// The line of an enrolled device to the service at `base`.
    ///
    /// # Errors
    /// Where `trust` holds no certificates.
    pub fn new(
        base: &str,
        trust: &Trust,
        key: DeviceKey,
        enrolled: Enrolled,
    ) -> Result<Self, LinkError> {
        LinkClient::by_clock(base, trust, key, enrolled, machine)
    }

    /// The same by another clock than the machine's, in seconds since 1970. It may be wrong.
    ///
    /// # Errors
    /// As [`LinkClient::new`].
    pub fn by_clock(
        base: &str,
        trust: &Trust,
        key: DeviceKey,
        enrolled: Enrolled,
        clock: fn() -> i64,
    ) -> Result<Self, LinkError> {
        Ok(LinkClient {
            http: Arc::new(Http::new(base, trust, clock)?),
            key: Arc::new(key),
            enrolled: Arc::new(enrolled),
            turn: Arc::default(),
        })
    }

    /// What enrolment made of it.
    pub fn enrolled(&self) -> &Enrolled {
        &self.enrolled
    }

    /// The service's time, in seconds since 1970, as far as it is known: leases and evidence are by it.
    pub fn time(&self) -> i64 {
        self.http.time()
    }

    fn signer(&self) -> Signer<'_> {
        Signer {
            key: &self.key,
            id: &self.enrolled.device,
        }
    }

    fn page(&self, of: &str) -> String {
        path(&format!("{of}/{}", self.enrolled.page))
    }

    /// The state page.
    pub async fn state(&self) -> Result<StatePage, LinkError> {
        let page = self.page("state");
        let answer = self.http.ask(Method::GET, &page, None, None, None);
        json(answer.await?).await
    }

    /// The indicator of new mail; `None` where there is none now, which the state page tells more of.
    pub async fn indicator(&self) -> Result<Option<u64>, LinkError> {
        let page = self.page("indicator");
        let answer = self.http.ask(Method::GET, &page, None, None, None).await;
        match answer {
            Ok(answer) => {
                let text = whole(answer, SMALL).await?;
                let text = String::from_utf8_lossy(&text);
                text.trim().parse().map(Some).map_err(odd)
            }
            Err(LinkError::Protocol(what)) if what.starts_with(StatusCode::NOT_FOUND.as_str()) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The state page as soon as generation or indicator is another, at the latest after so many seconds.
    pub async fn wait(
        &self,
        generation: u64,
        indicator: Option<u64>,
        seconds: u64,
    ) -> Result<StatePage, LinkError> {
        // Longer than a silent service is believed in would look like one that is gone.
        let seconds = seconds.min(LONGEST_WAIT).min(100);
        let mut query = format!("generation={generation}&seconds={seconds}");
        if let Some(indicator) = indicator {
            query.push_str(&format!("&indicator={indicator}"));
        }
        let page = self.page("wait");
        let answer = self.http.ask(Method::GET, &page, Some(&query), None, None);
        json(answer.await?).await
    }

    /// Says how this agent is.
    pub async fn heartbeat(&self, beat: &Heartbeat) -> Result<HeartbeatAnswer, LinkError> {
        let (path, body) = (path("heartbeat"), Some(body(beat)?));
        let asked = self
            .http
            .ask(Method::POST, &path, None, body, Some(self.signer()));
        json(asked.await?).await
    }

    /// Hands mails over, from the first on as many as one batch takes: a receipt for each of those, in order.
    pub async fn submit(&self, mails: &[Outgoing]) -> Result<Vec<Receipt>, LinkError> {
        let count = fit(mails.iter().map(|mail| mail.raw.len() as u64));
        let some = mails.iter().take(count);
        let raws = some.clone().map(|mail| mail.raw.clone()).collect();
        let named = some.map(|mail| Mail {
            number: mail.number,
            sender: mail.sender.clone(),
            recipients: mail.recipients.clone(),
            size: mail.raw.len() as u64,
            sha256: Digest::of(&mail.raw),
        });
        let ask = SubmitAsk {
            mails: named.collect(),
        };
        let asked: Vec<(u64, Digest)> = ask.mails.iter().map(|m| (m.number, m.sha256)).collect();
        let answer: Batch<SubmitAnswer> = self.carry("submit", ask, raws).await?;
        let receipts = answer.head.receipts;
        // A mail is forgotten for its own receipt alone.
        match receipts.iter().map(|r| (r.number, r.sha256)).eq(asked) {
            true => Ok(receipts),
            false => Err(odd("receipts of other mails")),
        }
    }

    /// What is new in the standby mailbox since these marks, and the bytes of the rows that have some, in order. Whoever keeps
    /// it keeps the marks of the answer with it.
    pub async fn fetch(
        &self,
        marks: Vec<Mark>,
        most: u64,
    ) -> Result<(FetchAnswer, Vec<Bytes>), LinkError> {
        let ask = FetchAsk { marks, most };
        let answer: Batch<FetchAnswer> = self.carry("fetch", ask, Vec::new()).await?;
        let bodies = answer.head.rows.iter().filter_map(|row| row.body);
        let right = bodies
            .zip(&answer.messages)
            .all(|(body, raw)| Digest::of(raw) == body.sha256);
        match right {
            true => Ok((answer.head, answer.messages)),
            false => Err(odd("a message has another digest")),
        }
    }

    /// Does to the standby mailbox what the user did. `appended`: the bytes of each `Append`, in order.
    pub async fn change(
        &self,
        changes: Vec<Change>,
        appended: Vec<Bytes>,
    ) -> Result<ChangeAnswer, LinkError> {
        let ask = ChangeAsk { changes };
        let answer: Batch<ChangeAnswer> = self.carry("change", ask, appended).await?;
        Ok(answer.head)
    }

    /// What is known of uncertain mails, from the first on of as many as one batch takes; by their numbers.
    pub async fn evidence(&self, mails: &[(u64, Bytes)]) -> Result<Vec<Known>, LinkError> {
        let count = fit(mails.iter().map(|(_, raw)| raw.len() as u64));
        let some = mails.iter().take(count);
        let raws = some.clone().map(|(_, raw)| raw.clone()).collect();
        let named = some.map(|(number, raw)| Doubtful {
            number: *number,
            size: raw.len() as u64,
        });
        let ask = EvidenceAsk {
            mails: named.collect(),
        };
        let answer: Batch<EvidenceAnswer> = self.carry("evidence", ask, raws).await?;
        Ok(answer.head.known)
    }

    /// Asks to write the user's mailbox back, or to go on with it, for so many seconds.
    pub async fn lease(&self, seconds: u32) -> Result<LeaseAnswer, LinkError> {
        let ask = LeaseAsk { seconds };
        let answer: Batch<LeaseAnswer> = self.carry("lease", ask, Vec::new()).await?;
        Ok(answer.head)
    }

    /// Writes intentions and results into the ledger, and reads what is new in it.
    pub async fn ledger(&self, ask: LedgerAsk) -> Result<LedgerAnswer, LinkError> {
        let answer: Batch<LedgerAnswer> = self.carry("ledger", ask, Vec::new()).await?;
        Ok(answer.head)
    }

    /// Sends a batch and opens the one that answers it.
    async fn carry<A, B>(
        &self,
        of: &str,
        head: A,
        messages: Vec<Bytes>,
    ) -> Result<Batch<B>, LinkError>
    where
        A: Head + Send + 'static,
        B: Head + Send + 'static,
    {
        let _turn = self.turn.lock().await;
        let wrong =
            |error: everpost_codec::link::BatchFault| LinkError::Protocol(error.to_string());
        let path = path(of);
        let nonce = random()?;
        let key = LinkKey::from_bytes(self.enrolled.link_key.0);
        let (device, at) = (self.enrolled.device.clone(), path.clone());
        let sealed = apart(move || {
            let way = Way {
                key: &key,
                direction: Direction::ToService,
                path: &at,
                device: &device,
                answers: None,
            };
            way.seal(nonce, &head, &messages)
        });
        let sealed = Bytes::from(sealed.await?.map_err(wrong)?);
        let asked = self
            .http
            .ask(Method::POST, &path, None, Some(sealed), Some(self.signer()));
        let answer = whole(asked.await?, MOST_SEALED).await?;
        let device = self.enrolled.device.clone();
        let opened = apart(move || {
            let way = Way {
                key: &key,
                direction: Direction::ToAgent,
                path: &path,
                device: &device,
                answers: Some(nonce),
            };
            way.unseal(answer)?.unpack()
        });
        opened.await?.map_err(wrong)
    }
}

/// Runs what takes long off the threads that answer.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, LinkError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| LinkError::Protocol(error.to_string()))
}
