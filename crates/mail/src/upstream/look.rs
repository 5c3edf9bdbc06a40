//! Looking at a folder: all of it, or what changed since.
//!
//! | the server has | asked | gone are |
//! |---|---|---|
//! | QRESYNC | the folder is opened with what is known; changes come with that | VANISHED |
//! | CONDSTORE | `UID FETCH 1:* (FLAGS) (CHANGEDSINCE …)` | looked for by SEARCH, if the number of messages says that some are |
//! | neither | `UID FETCH 1:* (FLAGS)`, always | those that are not there |
//!
//! What cannot be read, or does not add up to the number of messages, is no sighting: a message that was not told of would be taken
//! for deleted.

use everpost_codec::imap::Numbers;
use everpost_codec::imap::client::{Answer, Code, Kind, Request, Status};

use super::seen::{Gone, Keeps, Known, Listing, Seen, Told};
use super::trouble::{Refusal, Trouble, agreed};
use super::{Upstream, limits, unsayable};

/// How a folder is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// EXAMINE: nothing changes by it. Servers don't tell then which flags the folder keeps.
    Read,
    /// SELECT: messages are not recent any more for other programs.
    Write,
}

/// A folder that is open.
#[derive(Debug, Clone)]
pub(super) struct Opened {
    pub(super) folder: String,
    pub(super) access: Access,
    pub(super) uidvalidity: u32,
    pub(super) uidnext: Option<u32>,
    pub(super) modseq: Option<u64>,
    pub(super) keeps: Option<Keeps>,
}

/// What is said while a folder is opened or listed.
#[derive(Default)]
struct Heard {
    uidvalidity: Option<u32>,
    uidnext: Option<u32>,
    modseq: Option<u64>,
    keeps: Option<Keeps>,
    listing: Listing,
    gone: Vec<(u32, u32)>,
    found: Vec<(u32, u32)>,
    malformed: Option<String>,
    /// Flags of a message came without its UID.
    is_unclear: bool,
}

impl Heard {
    fn hear(&mut self, answer: Answer) {
        match answer {
            Answer::Status(Status {
                code: Some(code), ..
            }) => match code {
                Code::UidValidity(uidvalidity) => self.uidvalidity = Some(uidvalidity),
                Code::UidNext(uidnext) => self.uidnext = Some(uidnext),
                Code::HighestModseq(modseq) => {
                    self.modseq = Some(modseq).filter(|modseq| *modseq > 0)
                }
                Code::PermanentFlags(flags) => self.keeps = Some(Keeps::new(flags)),
                // What came before was about the folder that was open.
                Code::Other(code) if code == "CLOSED" => *self = Heard::default(),
                _ => {}
            },
            Answer::Fetched(fetched) => {
                match (fetched.uid, fetched.flags) {
                    (Some(uid), Some(flags)) => self.listing.put(uid, flags, fetched.modseq),
                    // What somebody changes meanwhile may come so, and comes again.
                    (None, Some(_)) => self.is_unclear = true,
                    _ => {}
                }
                if self.listing.len() > limits::MESSAGES || self.listing.sets() > limits::SETS {
                    self.malformed = Some("too many messages or flags".to_owned());
                    self.listing = Listing::default();
                }
            }
            Answer::Vanished { uids, .. } => {
                self.listing.remove(&uids);
                self.gone.extend(uids.0);
            }
            Answer::Found(found) => self.found.extend(found.numbers.0),
            Answer::Malformed(line) => self.malformed = Some(line),
            _ => {}
        }
    }
}

/// In order, as one set.
fn in_order(ranges: Vec<(u32, u32)>) -> Numbers {
    Numbers(Numbers(ranges).ranges(u32::MAX))
}

/// What a folder says that was opened with what is known of it.
struct Start {
    opened: Opened,
    /// What QRESYNC told.
    changes: Option<(Listing, Numbers)>,
}

impl Upstream {
    /// Looks at a folder. With `since`, only what changed is told, where the server can.
    ///
    /// # Errors
    /// [`Trouble::Refused`] where the folder cannot be opened.
    pub async fn look(
        &mut self,
        folder: &str,
        since: Option<&Known>,
        access: Access,
    ) -> Result<Seen, Trouble> {
        let start = self.start(folder, access, since).await?;
        self.connection.news.is_stirred = false;
        let opened = start.opened;
        let since = since.filter(|known| known.uidvalidity == opened.uidvalidity);
        let before = since.map(|known| known.uidnext);
        // A server whose count went back was put back; nothing follows from it.
        let since = since.and_then(|known| {
            let (modseq, now) = (known.modseq?, opened.modseq?);
            (now >= modseq).then_some((known, modseq))
        });
        let told = match (since, start.changes) {
            (Some((known, _)), Some((changed, gone))) => {
                let is_quiet = changed.is_empty() && gone.is_empty();
                let is_same = (Some(known.uidnext), known.modseq, known.messages)
                    == (opened.uidnext, opened.modseq, self.connection.news.exists);
                match is_quiet && is_same {
                    true => Told::AsBefore,
                    false => Told::Changes {
                        changed,
                        gone: Gone::These(gone),
                    },
                }
            }
            (Some((known, modseq)), None) => self.changes(&opened, known, modseq).await?,
            (None, _) => Told::All(self.all().await?),
        };
        let highest = match &told {
            Told::All(listing) => listing.uids().last(),
            _ => None,
        };
        // Where it is not told, it must not fall when the last message goes: that would look as if the server was put back.
        let guessed = highest.map(|uid| uid.saturating_add(1)).max(before);
        let uidnext = opened.uidnext.or(guessed);
        Ok(Seen {
            uidvalidity: opened.uidvalidity,
            uidnext: uidnext.unwrap_or(1),
            modseq: opened.modseq,
            exists: self.connection.news.exists,
            keeps: opened.keeps,
            told,
        })
    }

    /// Opens a folder anew.
    async fn start(
        &mut self,
        folder: &str,
        access: Access,
        since: Option<&Known>,
    ) -> Result<Start, Trouble> {
        let Some(wire) = self.names.theirs(folder) else {
            return Err(Trouble::Refused(Refusal::ours(
                "the server cannot have such a folder",
            )));
        };
        let word = match access {
            Access::Read => "EXAMINE",
            Access::Write => "SELECT",
        };
        let mut request = Request::new(word).quoted(&wire).map_err(unsayable)?;
        let resync = since.filter(|_| self.has_qresync);
        let resync = resync.and_then(|known| Some((known.uidvalidity, known.modseq?)));
        if let Some((uidvalidity, modseq)) = resync {
            request = request.word(&format!("(QRESYNC ({uidvalidity} {modseq}))"));
        } else if self.capabilities.condstore() {
            request = request.word("(CONDSTORE)");
        }
        let mut heard = Heard::default();
        self.opened = None;
        self.connection.news.exists = 0;
        let status = self
            .connection
            .exchange(request, &mut |answer| heard.hear(answer))
            .await?;
        let is_read_only = status
            .code
            .as_ref()
            .is_some_and(|code| code.name() == "READ-ONLY");
        agreed(status).map_err(Trouble::Refused)?;
        if let Some(line) = heard.malformed {
            return Err(self.connection.broken(Trouble::Nonsense(line)));
        }
        let uidvalidity = heard.uidvalidity.ok_or_else(|| {
            let why = "a folder without UIDVALIDITY";
            self.connection.broken(Trouble::Nonsense(why.to_owned()))
        })?;
        let access = if is_read_only { Access::Read } else { access };
        let opened = Opened {
            folder: folder.to_owned(),
            access,
            uidvalidity,
            uidnext: heard.uidnext,
            // Some count for everybody, as soon as anybody asked.
            modseq: heard.modseq.filter(|_| self.capabilities.condstore()),
            keeps: heard.keeps.filter(|_| access == Access::Write),
        };
        if let Some(keeps) = &opened.keeps {
            self.keeps.insert(folder.to_owned(), keeps.clone());
        }
        self.opened = Some(opened.clone());
        let changes = resync.filter(|(known, _)| *known == uidvalidity && !heard.is_unclear);
        let changes = changes.map(|_| (heard.listing, in_order(heard.gone)));
        Ok(Start { opened, changes })
    }

    /// Opens a folder, unless it is open in that way or a better one.
    ///
    /// # Errors
    /// [`Trouble::Refused`] where it cannot be opened.
    pub(super) async fn open(&mut self, folder: &str, access: Access) -> Result<Opened, Trouble> {
        match &self.opened {
            Some(opened) if opened.folder == folder && opened.access >= access => {
                Ok(opened.clone())
            }
            _ => Ok(self.start(folder, access, None).await?.opened),
        }
    }

    /// Closes what is open, if that can be done without expunging.
    pub(super) async fn close(&mut self) -> Result<(), Trouble> {
        let access = self.opened.as_ref().map(|opened| opened.access);
        let word = match access {
            None => return Ok(()),
            Some(_) if self.capabilities.has("UNSELECT") => "UNSELECT",
            // Of a folder that was opened to be read, nothing is expunged.
            Some(Access::Read) => "CLOSE",
            Some(Access::Write) => return Ok(()),
        };
        self.opened = None;
        self.ask(Request::new(word), &mut |_| {}).await
    }

    async fn heard(&mut self, request: Request) -> Result<Heard, Trouble> {
        let mut heard = Heard::default();
        self.ask(request, &mut |answer| heard.hear(answer)).await?;
        match heard.malformed.take() {
            Some(line) => Err(self.connection.broken(Trouble::Nonsense(line))),
            None => Ok(heard),
        }
    }

    /// All messages of the folder that is open.
    async fn all(&mut self) -> Result<Listing, Trouble> {
        // Messages that go meanwhile shift numbers; then it is listed again.
        for _ in 0..3 {
            let (exists, expunges) = (self.connection.news.exists, self.connection.news.expunges);
            if exists == 0 {
                return Ok(Listing::default());
            }
            let items = match self.has_modseq() {
                true => "UID FETCH 1:* (FLAGS MODSEQ)",
                false => "UID FETCH 1:* (FLAGS)",
            };
            let heard = self.heard(Request::new(items)).await?;
            let told = u32::try_from(heard.listing.len()).unwrap_or(u32::MAX);
            if expunges == self.connection.news.expunges && told >= exists {
                return Ok(heard.listing);
            }
        }
        Err(Trouble::Refused(Refusal {
            is_permanent: false,
            ..Refusal::ours("the folder did not keep still")
        }))
    }

    fn has_modseq(&self) -> bool {
        self.opened
            .as_ref()
            .is_some_and(|opened| opened.modseq.is_some())
    }

    /// What changed in the folder that is open, where the server counts changes but does not remember what went.
    async fn changes(
        &mut self,
        opened: &Opened,
        known: &Known,
        modseq: u64,
    ) -> Result<Told, Trouble> {
        let exists = self.connection.news.exists;
        let is_same = (Some(known.uidnext), known.modseq, known.messages)
            == (opened.uidnext, opened.modseq, exists);
        if is_same {
            return Ok(Told::AsBefore);
        }
        let request = format!("UID FETCH 1:* (FLAGS) (CHANGEDSINCE {modseq})");
        let heard = match exists {
            0 => Heard::default(),
            _ => self.heard(Request::new(request)).await?,
        };
        let new = heard
            .listing
            .uids()
            .filter(|uid| *uid >= known.uidnext)
            .count();
        let is_whole =
            u64::from(known.messages) + new as u64 == u64::from(self.connection.news.exists);
        let gone = match is_whole && heard.gone.is_empty() {
            true => Gone::These(Numbers::default()),
            false => Gone::AllBut(self.present().await?),
        };
        Ok(Told::Changes {
            changed: heard.listing,
            gone,
        })
    }

    /// The UIDs that are there.
    async fn present(&mut self) -> Result<Numbers, Trouble> {
        let request = match self.capabilities.has("ESEARCH") {
            true => "UID SEARCH RETURN (ALL) ALL",
            false => "UID SEARCH ALL",
        };
        let heard = self.heard(Request::new(request)).await?;
        Ok(in_order(heard.found))
    }

    /// Asks what changes nothing; a no is trouble.
    pub(super) async fn ask(
        &mut self,
        request: Request,
        ear: super::connection::Ear<'_>,
    ) -> Result<(), Trouble> {
        let status = self.connection.exchange(request, ear).await?;
        match status.kind {
            Kind::Ok => Ok(()),
            _ => Err(Trouble::Refused(Refusal::said(status))),
        }
    }
}
