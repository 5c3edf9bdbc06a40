//! What messages are: their headers, sizes and dates, and their bytes.

use std::collections::BTreeSet;

use everpost_codec::imap::Numbers;
use everpost_codec::imap::client::{Answer, Fetched, Message, Request};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::connection::Happening;
use super::look::Access;
use super::trouble::{Refusal, Trouble, agreed};
use super::{Upstream, limits};

/// What the server says of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traits {
    /// Its UID.
    pub uid: u32,
    /// The header fields that were asked for, as they stand in the message. `None` if they are too long to be kept.
    pub header: Option<Vec<u8>>,
    /// INTERNALDATE, in seconds since 1970. `None` if it makes no sense.
    pub date: Option<i64>,
    /// RFC822.SIZE
    pub size: u64,
}

impl Traits {
    /// Its Message-ID, with its angle brackets, if that field was asked for and is there.
    pub fn message_id(&self) -> Option<String> {
        let header = self.header.as_deref()?;
        let text = String::from_utf8_lossy(header).replace("\r\n", "\n");
        // Folded lines belong to the one above.
        let text = text.replace("\n ", " ").replace("\n\t", " ");
        let value = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim_end()
                .eq_ignore_ascii_case("Message-ID")
                .then_some(value)
        });
        value
            .map(|value| value.trim().to_owned())
            .filter(|id| !id.is_empty())
    }
}

/// What came of asking for a message's bytes.
#[derive(Debug)]
pub enum Body {
    /// All went into the sink: so many octets.
    Whole(u64),
    /// There is no such message, or not any more.
    Gone,
    /// It has so many octets, which is too much. What is in the sink is worth nothing.
    TooLong(u64),
    /// The sink did not take it. The connection is not of use any more.
    NotTaken(std::io::Error),
}

/// Sets that commands have room for.
pub(super) fn portions(uids: &[u32]) -> impl Iterator<Item = Numbers> + '_ {
    uids.chunks(limits::UIDS).flat_map(|chunk| {
        let whole = Numbers::of(chunk.iter().copied());
        match whole.to_string().len() <= limits::SET {
            true => vec![whole],
            // Eleven octets at most a UID with its comma.
            false => chunk
                .chunks(limits::SET / 11)
                .map(|few| Numbers::of(few.iter().copied()))
                .collect(),
        }
    })
}

impl Upstream {
    /// What messages of a folder are, in the order in which the server tells; those that are gone are left out. `fields`: which
    /// header fields are wanted, such as `Message-ID`.
    ///
    /// # Errors
    /// [`Trouble::Refused`] where the folder cannot be opened, or has another UIDVALIDITY.
    pub async fn evidence(
        &mut self,
        folder: &str,
        uidvalidity: u32,
        uids: &[u32],
        fields: &[&str],
        mut take: impl FnMut(Traits) + Send,
    ) -> Result<(), Trouble> {
        self.open_as(folder, uidvalidity).await?;
        let fields: Vec<&str> = fields
            .iter()
            .copied()
            .filter(|field| is_field(field))
            .collect();
        let fields = fields.join(" ");
        let mut sorted = uids.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        for portion in portions(&sorted) {
            let mut malformed = None;
            let mut missing: BTreeSet<u32> = portion
                .0
                .iter()
                .flat_map(|(from, to)| *from..=*to)
                .collect();
            let mut ear = |answer| match answer {
                Answer::Fetched(fetched) => {
                    // Each once, whatever is said besides.
                    if let Some(traits) = traits(fetched).filter(|one| missing.remove(&one.uid)) {
                        take(traits);
                    }
                }
                Answer::Malformed(line) => malformed = Some(line),
                _ => {}
            };
            let request = Request::new("UID FETCH").numbers(&portion).word(&format!(
                "(INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS ({fields})])"
            ));
            self.ask(request, &mut ear).await?;
            if let Some(line) = malformed {
                return Err(self.connection.broken(Trouble::Nonsense(line)));
            }
            self.are_gone(&missing).await?;
        }
        Ok(())
    }

    /// Makes sure that messages are not there of which nothing was told: they are taken for gone.
    async fn are_gone(&mut self, uids: &BTreeSet<u32>) -> Result<(), Trouble> {
        let uids: Vec<u32> = uids.iter().copied().collect();
        for portion in portions(&uids) {
            let mut is_there = false;
            let mut ear = |answer| {
                if let Answer::Fetched(Fetched { uid: Some(uid), .. }) = answer {
                    is_there |= portion.contains(uid, 0);
                }
            };
            let request = Request::new("UID FETCH").numbers(&portion).word("(UID)");
            self.ask(request, &mut ear).await?;
            if is_there {
                let why = "of a message it tells nothing".to_owned();
                return Err(self.connection.broken(Trouble::Nonsense(why)));
            }
        }
        Ok(())
    }

    /// Opens a folder that has to have this UIDVALIDITY.
    pub(super) async fn open_as(&mut self, folder: &str, uidvalidity: u32) -> Result<(), Trouble> {
        let opened = self.open(folder, Access::Read).await?;
        match opened.uidvalidity == uidvalidity {
            true => Ok(()),
            false => Err(Trouble::Refused(Refusal {
                is_permanent: false,
                ..Refusal::ours("the folder has another UIDVALIDITY")
            })),
        }
    }

    /// The bytes of a message, exactly, as they come. `limit`: octets that are taken.
    ///
    /// # Errors
    /// As [`evidence`](Upstream::evidence). What is in the sink then is worth nothing.
    pub async fn body(
        &mut self,
        folder: &str,
        uidvalidity: u32,
        uid: u32,
        limit: u64,
        sink: &mut (impl AsyncWrite + Unpin + Send),
    ) -> Result<Body, Trouble> {
        self.open_as(folder, uidvalidity).await?;
        let request = format!("UID FETCH {uid} (UID BODY.PEEK[])");
        self.connection.begin(Request::new(request).streaming())?;
        let deadline = self.connection.deadline();
        let silence = self.connection.patience().silence;
        let mut body = Body::Gone;
        let mut begun: Option<u64> = None;
        let mut others = false;
        loop {
            match self.connection.step(silence, deadline).await? {
                // One only was asked for.
                Happening::Begins(_) if begun.is_some() => others = true,
                Happening::Begins(octets) if octets > limit => {
                    // To hear all of it for nothing would take long, and there is no way to stop it.
                    self.connection.give_up();
                    return Ok(Body::TooLong(octets));
                }
                Happening::Begins(octets) => begun = Some(octets),
                Happening::Piece(piece) if !others => {
                    if let Err(error) = sink.write_all(&piece).await {
                        self.connection.give_up();
                        return Ok(Body::NotTaken(error));
                    }
                }
                Happening::Answer(Answer::Fetched(Fetched {
                    uid: told,
                    message: Some(message),
                    ..
                })) => match message {
                    _ if told != Some(uid) => others = true,
                    Message::Streamed(octets) => body = Body::Whole(octets),
                    Message::Whole(bytes) if bytes.len() as u64 > limit => {
                        body = Body::TooLong(bytes.len() as u64);
                    }
                    Message::Whole(bytes) => {
                        if let Err(error) = sink.write_all(&bytes).await {
                            self.connection.give_up();
                            return Ok(Body::NotTaken(error));
                        }
                        body = Body::Whole(bytes.len() as u64);
                    }
                    Message::Nothing => {}
                },
                Happening::Answer(answer) => self.connection.note(&answer),
                Happening::Done(status) => {
                    if others {
                        let why = "a message that was not asked for".to_owned();
                        return Err(self.connection.broken(Trouble::Nonsense(why)));
                    }
                    // Some say NO to what is gone.
                    return match agreed(status) {
                        Ok(_) => Ok(body),
                        Err(no)
                            if no.is_missing() || no.code.as_deref() == Some("EXPUNGEISSUED") =>
                        {
                            Ok(Body::Gone)
                        }
                        Err(no) => Err(Trouble::Refused(no)),
                    };
                }
                _ => {}
            }
        }
    }
}

fn is_field(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn traits(fetched: Fetched) -> Option<Traits> {
    Some(Traits {
        uid: fetched.uid?,
        size: fetched.size?,
        date: fetched.date,
        header: fetched.header,
    })
}
