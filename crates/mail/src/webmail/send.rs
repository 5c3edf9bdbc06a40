//! A letter on its way: through the same door as mail that people submit by SMTP, and once a key.

use everpost_codec::smtp::{self, Mailbox, Path, Rcpt, Reply};
use everpost_domain::digest::Digest;
use everpost_store::{FlagOrder, Handed, Replica, SpecialUse, StoreError, now_us};
use tokio::sync::{Mutex, MutexGuard};

use super::compose::{Letter, Stamp, references};
use super::read::{raw, row, special};
use crate::capture::now;
use crate::link::put;
use crate::relay::LINK;
use crate::relay::front::{Front, Incoming, Peer, Sender};

/// Recipients of one letter: as many as a connection of SMTP takes.
const MOST_RECIPIENTS: usize = 1000;
/// People who send at the same time without waiting for one another.
const TURNS: usize = 64;

/// The message that a letter is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Original {
    /// It answers this one: folder and UID.
    Answered(u32, u32),
    /// This one goes along, whole.
    Forwarded(u32, u32),
}

impl Original {
    fn place(self) -> (u32, u32) {
        match self {
            Original::Answered(folder, uid) | Original::Forwarded(folder, uid) => (folder, uid),
        }
    }

    /// What is marked at it when the letter was sent.
    fn flag(self) -> &'static str {
        match self {
            Original::Answered(..) => "\\Answered",
            Original::Forwarded(..) => "$Forwarded",
        }
    }
}

/// Who sends.
#[derive(Debug, Clone, Copy)]
pub struct SentBy<'a> {
    /// The number of the account.
    pub account: i64,
    /// Addresses that it may send as.
    pub own: &'a [String],
    /// Bytes that a mail may have.
    pub most: u64,
}

/// What is to be sent.
#[derive(Debug, Clone)]
pub struct Sending {
    /// The sender's name for it: the same for each time that the same is asked for.
    pub key: String,
    /// The letter.
    pub letter: Letter,
    /// What it is about, if it is about something.
    pub original: Option<Original>,
}

/// A letter that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The copy that goes out.
    pub copy: Digest,
    /// The folder of sent mail.
    pub folder: u32,
    /// Its UID there.
    pub uid: u32,
    /// It went out at an earlier request.
    pub before: bool,
}

/// Why a letter was not sent. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The archive cannot do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is no letter that could be sent.
    #[error("{0}")]
    Invalid(String),
    /// A recipient or the sender is not taken; of all, the first.
    #[error("{address}: {}", .reply.lines.join(" "))]
    Refused {
        /// Whose address.
        address: String,
        /// What the door said.
        reply: Reply,
    },
}

/// Each person sends one letter at a time, so that the same letter, asked for twice at once, stands once among those sent.
#[derive(Debug)]
pub struct Turns(Vec<Mutex<()>>);

impl Default for Turns {
    fn default() -> Self {
        Turns((0..TURNS).map(|_| Mutex::default()).collect())
    }
}

impl Turns {
    async fn of(&self, account: i64) -> Option<MutexGuard<'_, ()>> {
        let place = usize::try_from(account.unsigned_abs()).unwrap_or(0) % TURNS;
        Some(self.0.get(place)?.lock().await)
    }
}

/// Sends a letter, unless it was sent under this key before; keeps it among those sent, and marks its original. Whoever did
/// not hear the answer asks again: what is missing is done then.
pub async fn send(
    front: &Front,
    replica: &Replica,
    turns: &Turns,
    by: SentBy<'_>,
    sending: &Sending,
) -> Result<Sent, SendError> {
    let _turn = turns.of(by.account).await;
    let tenant = replica.tenant();
    let handed = Handed::by_person(by.account, &sending.key);
    let known = tenant.submission(handed.device, handed.number).await?;
    let before = known.is_some();
    let copy = match known {
        Some(known) => known.copy,
        None => hand_in(front, replica, by, sending, &handed).await?,
    };
    let sent = sending.letter.kept(tenant.raw(&copy).await?.into());
    let folder = special(replica, SpecialUse::Sent).await?;
    let seen = ["\\Seen".to_owned()];
    let (folder, uids) = put(replica, &folder.name, &seen, now(), sent).await?;
    if let Some(original) = sending.original {
        mark(replica, original).await?;
    }
    Ok(Sent {
        copy,
        folder,
        uid: uids.first().copied().unwrap_or_default(),
        before,
    })
}

/// Marks what a letter is about; it may be gone by now.
async fn mark(replica: &Replica, original: Original) -> Result<(), StoreError> {
    let (folder, uid) = original.place();
    let flags = replica.flags(&[original.flag().to_owned()]).await?;
    let order = FlagOrder::Add(flags);
    match replica.store_flags(folder, &[uid], order, None).await {
        Ok(_) | Err(StoreError::NotFound(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Writes the message and takes it in, receipt and all.
async fn hand_in(
    front: &Front,
    replica: &Replica,
    by: SentBy<'_>,
    sending: &Sending,
    handed: &Handed,
) -> Result<Digest, SendError> {
    let letter = &sending.letter;
    let sender = Sender::User(by.own.to_vec());
    let refused = |address: &str| {
        let address = address.to_owned();
        move |reply| SendError::Refused { address, reply }
    };
    let from = letter.from.email.as_str();
    front.may_send_as(&sender, from).map_err(refused(from))?;
    let no_address = |_| Reply::new(553, [1, 3], "that is no address");
    let path = Mailbox::parse(from).map_err(no_address);
    let path = path.map_err(refused(from))?;
    let recipients = letter.recipients();
    if !(1..=MOST_RECIPIENTS).contains(&recipients.len()) {
        let what = format!("a letter has 1 to {MOST_RECIPIENTS} recipients");
        return Err(SendError::Invalid(what));
    }
    let mut incoming = Incoming::new(smtp::Mail {
        smtputf8: !from.is_ascii() || !recipients.iter().all(|one| one.is_ascii()),
        from: Path::Mailbox(path),
        ..smtp::Mail::default()
    });
    for address in recipients {
        let asked = match Mailbox::parse(address).map_err(no_address) {
            Ok(to) => {
                let rcpt = Rcpt::new(to);
                front.recipient(&sender, &incoming.mail, &rcpt).await
            }
            Err(reply) => Err(reply),
        };
        incoming.add(asked.map_err(refused(address))?);
    }
    incoming.handed = Some(handed.clone());
    let raw = written(replica, by, sending).await?;
    if raw.len() as u64 > by.most {
        let what = "it is larger than this server takes".to_owned();
        return Err(SendError::Invalid(what));
    }
    let peer = Peer {
        // Where somebody sits who reads their mail is nobody else's matter.
        address: None,
        helo: "console".into(),
        protocol: LINK.to_owned(),
    };
    let taken = front.take(raw.into(), incoming, &peer, &sender).await;
    let copy = taken.map_err(refused(from))?;
    let tenant = replica.tenant();
    let stands = tenant.submission(handed.device, handed.number).await?;
    Ok(match stands {
        // Another node may have been a little faster: its bytes are those that go out.
        Some(stands) => stands.copy,
        // All of it is other organizations' mail.
        None => tenant.record_submission(handed, &copy).await?.copy,
    })
}

/// The message of a letter.
async fn written(
    replica: &Replica,
    by: SentBy<'_>,
    sending: &Sending,
) -> Result<Vec<u8>, SendError> {
    let letter = sending.letter.clone();
    let domain = letter.from.email.rsplit_once('@');
    let domain = domain.map_or("localhost", |(_, domain)| domain);
    let seed = format!("{}\n{}\n{}", by.account, sending.key, now_us());
    let name = Digest::of(seed.as_bytes()).to_string();
    let mut stamp = Stamp {
        id: format!("{}@{domain}", name.get(..32).unwrap_or_default()),
        at: now(),
        ..Stamp::default()
    };
    if let Some(original) = sending.original {
        let (folder, uid) = original.place();
        let row = row(replica, folder, uid).await?;
        match original {
            Original::Answered(..) => {
                let heads = replica.tenant().heads(&[row.copy]).await?;
                stamp.references = heads.first().map(references).unwrap_or_default();
            }
            Original::Forwarded(..) => stamp.along = Some(raw(replica, &row).await?.into()),
        }
    }
    let write = tokio::task::spawn_blocking(move || letter.write(stamp));
    let written = write.await.map_err(|_| StoreError::Stopped)?;
    written.map_err(|error| SendError::Invalid(error.to_string()))
}
