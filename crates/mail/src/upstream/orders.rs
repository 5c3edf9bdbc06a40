//! Orders about messages. Each is answered with a verdict, or with the trouble that tells whether it may have been carried
//! out: see [`Trouble`].

use bytes::Bytes;
use everpost_codec::imap::Numbers;
use everpost_codec::imap::client::{Answer, Code, Kind, Request, is_flag};
use everpost_domain::replica::{Landed, Place};

use super::look::{Access, Opened};
use super::seen::{Keeps, usual};
use super::trouble::{Done, Refusal, Trouble, Verdict};
use super::{Upstream, unsayable};

/// What has to be as it was for a message to be deleted.
pub struct Unchanged<'a> {
    /// Its MODSEQ, where that is known: the server compares it.
    pub modseq: Option<u64>,
    /// Otherwise this looks at its flags right before.
    pub flags: &'a (dyn Fn(&[String]) -> bool + Sync),
}

/// What is heard while a change is made.
#[derive(Default)]
struct Heard {
    landed: Option<Landed>,
    flags: Option<Vec<String>>,
    gone: bool,
}

impl Heard {
    fn hear(&mut self, answer: Answer, uid: u32) {
        match answer {
            Answer::Status(status) => self.code(status.code.as_ref(), uid),
            Answer::Fetched(fetched) if fetched.uid == Some(uid) => {
                self.flags = fetched.flags.map(usual).or(self.flags.take());
            }
            Answer::Expunged(_) => self.gone = true,
            Answer::Vanished {
                earlier: false,
                uids,
            } => self.gone |= uids.contains(uid, 0),
            _ => {}
        }
    }

    /// Where a message arrived. MOVE says it before it is done, COPY with the answer.
    fn code(&mut self, code: Option<&Code>, uid: u32) {
        let (uidvalidity, uid) = match code {
            Some(Code::AppendUid { uidvalidity, uids }) => (uidvalidity, only(uids)),
            Some(Code::CopyUid {
                uidvalidity,
                from,
                to,
            }) if only(from) == Some(uid) => (uidvalidity, only(to)),
            _ => return,
        };
        self.landed = uid.map(|uid| Landed {
            uidvalidity: *uidvalidity,
            uid,
        });
    }
}

fn only(numbers: &Numbers) -> Option<u32> {
    match numbers.0.as_slice() {
        [(from, to)] if from == to => Some(*from),
        _ => None,
    }
}

/// What may be ordered of flags in a folder, and what may not.
fn kept<'a>(flags: &[&'a str], keeps: Option<&Keeps>) -> (Vec<&'a str>, Vec<String>) {
    let is_kept = |flag: &str| is_flag(flag) && keeps.is_none_or(|keeps| keeps.takes(flag));
    let (kept, unkept): (Vec<&str>, Vec<&str>) = flags.iter().partition(|flag| is_kept(flag));
    (kept, unkept.into_iter().map(str::to_owned).collect())
}

/// What happens after a change was made: whoever cannot be asked about it leaves it in doubt.
fn after<T>(asked: Result<T, Trouble>) -> Result<T, Trouble> {
    asked.map_err(|trouble| match trouble {
        lost @ Trouble::Lost(_) => lost,
        other => Trouble::Lost(other.to_string()),
    })
}

impl Upstream {
    /// Has a folder take a message in. `date`: its INTERNALDATE.
    ///
    /// # Errors
    /// [`Trouble::Lost`]: it may be there; [`find`](Upstream::find) tells.
    pub async fn append(
        &mut self,
        folder: &str,
        flags: &[&str],
        date: i64,
        message: &[Bytes],
    ) -> Result<Verdict, Trouble> {
        let octets: u64 = message.iter().map(|part| part.len() as u64).sum();
        let refused = |text: &str| Ok(Verdict::Refused(Refusal::ours(text)));
        if self
            .capabilities
            .append_limit()
            .is_some_and(|limit| octets > limit)
        {
            return refused("the message is longer than the server takes");
        }
        // A server without BINARY would store something else, and say nothing.
        let is_binary = message.iter().any(|part| part.contains(&0));
        if is_binary && !self.capabilities.has("BINARY") {
            return refused("the message has NUL, which the server cannot take");
        }
        let Some(wire) = self.names.theirs(folder) else {
            return refused("the server cannot have such a folder");
        };
        let (flags, unkept) = kept(flags, self.keeps.get(folder));
        let mut request = Request::new("APPEND").quoted(&wire).map_err(unsayable)?;
        if !flags.is_empty() {
            request = request.flags(flags);
        }
        let request = request.date(date).message(octets, is_binary).changing();
        self.connection.freshen().await?;
        let mut heard = Heard::default();
        let mut ear = |answer| heard.hear(answer, 0);
        let status = self
            .connection
            .exchange_with(request, message, &mut ear)
            .await?;
        if status.kind != Kind::Ok {
            return Ok(Verdict::Refused(Refusal::said(status)));
        }
        heard.code(status.code.as_ref(), 0);
        Ok(Verdict::Done(Done {
            landed: heard.landed.filter(|_| self.capabilities.uidplus()),
            unkept,
            remains: false,
        }))
    }

    /// Opens the folder of a message for writing. What is not as it has to be is an answer.
    async fn at(&mut self, place: &Place) -> Result<Result<Opened, Verdict>, Trouble> {
        let opened = match self.open(&place.folder, Access::Write).await {
            Ok(opened) => opened,
            Err(Trouble::Refused(no)) if no.is_missing() => return Ok(Err(Verdict::NotAsThought)),
            Err(Trouble::Refused(no)) => return Ok(Err(Verdict::Refused(no))),
            Err(trouble) => return Err(trouble),
        };
        if opened.uidvalidity != place.uidvalidity {
            return Ok(Err(Verdict::NotAsThought));
        }
        if opened.access == Access::Read {
            return Ok(Err(Verdict::Refused(Refusal::ours(
                "the folder can only be read",
            ))));
        }
        self.connection.freshen().await?;
        Ok(Ok(opened))
    }

    /// Orders something about a message of the folder that is open.
    async fn change(
        &mut self,
        request: Request,
        uid: u32,
    ) -> Result<(Heard, Option<Refusal>), Trouble> {
        let mut heard = Heard::default();
        let mut ear = |answer| heard.hear(answer, uid);
        let status = self
            .connection
            .exchange(request.changing(), &mut ear)
            .await?;
        if status.kind != Kind::Ok {
            return Ok((heard, Some(Refusal::said(status))));
        }
        heard.code(status.code.as_ref(), uid);
        // A message that somebody changed meanwhile is as good as not there.
        if matches!(&status.code, Some(Code::Modified(uids)) if uids.contains(uid, 0)) {
            heard.flags = None;
            heard.gone = true;
        }
        Ok((heard, None))
    }

    /// The flags of a message of the folder that is open; `None` if it is not there.
    async fn flags(&mut self, uid: u32) -> Result<Option<Vec<String>>, Trouble> {
        let mut heard = Heard::default();
        let request = Request::new(format!("UID FETCH {uid} (FLAGS)"));
        self.ask(request, &mut |answer| heard.hear(answer, uid))
            .await?;
        Ok(heard.flags)
    }

    /// Sets and clears flags. Those that the folder does not keep are not ordered, and reported. `unchanged_since`: only if the
    /// message's MODSEQ is not above that, where the server counts changes.
    ///
    /// If both are wanted and the second is refused, the first was done.
    ///
    /// # Errors
    /// [`Trouble::Lost`]: the flags may be changed.
    pub async fn store(
        &mut self,
        place: &Place,
        add: &[&str],
        remove: &[&str],
        unchanged_since: Option<u64>,
    ) -> Result<Verdict, Trouble> {
        let opened = match self.at(place).await? {
            Ok(opened) => opened,
            Err(verdict) => return Ok(verdict),
        };
        let (add, mut unkept) = kept(add, opened.keeps.as_ref());
        let (remove, more) = kept(remove, opened.keeps.as_ref());
        unkept.extend(more);
        let mut condition = match unchanged_since.filter(|_| opened.modseq.is_some()) {
            Some(modseq) => format!(" (UNCHANGEDSINCE {modseq})"),
            None => String::new(),
        };
        let uid = place.uid;
        let mut is_there = false;
        for (word, flags) in [("+FLAGS", &add), ("-FLAGS", &remove)] {
            if flags.is_empty() {
                continue;
            }
            let request = Request::new(format!("UID STORE {uid}{condition} {word}"));
            let (heard, no) = self
                .change(request.flags(flags.iter().copied()), uid)
                .await?;
            if let Some(no) = no {
                return Ok(Verdict::Refused(no));
            }
            if heard.gone {
                return Ok(Verdict::NotAsThought);
            }
            is_there |= heard.flags.is_some();
            // After the first it is changed, by us.
            condition.clear();
        }
        // To a message that is not there anything can be done; some are silent about flags that were set before, too.
        if !is_there && after(self.flags(uid).await)?.is_none() {
            return Ok(Verdict::NotAsThought);
        }
        Ok(Verdict::Done(Done {
            unkept,
            ..Done::default()
        }))
    }

    /// Copies a message.
    ///
    /// # Errors
    /// [`Trouble::Lost`]: the copy may be there.
    pub async fn copy(&mut self, from: &Place, to: &str) -> Result<Verdict, Trouble> {
        self.bring(from, to, "COPY").await
    }

    async fn bring(&mut self, from: &Place, to: &str, word: &str) -> Result<Verdict, Trouble> {
        let Some(wire) = self.names.theirs(to) else {
            let no = "the server cannot have such a folder";
            return Ok(Verdict::Refused(Refusal::ours(no)));
        };
        if let Err(verdict) = self.at(from).await? {
            return Ok(verdict);
        }
        let uid = from.uid;
        let request = Request::new(format!("UID {word} {uid}"));
        let request = request.quoted(&wire).map_err(unsayable)?;
        let (heard, no) = self.change(request, uid).await?;
        if let Some(no) = no {
            return Ok(Verdict::Refused(no));
        }
        // Of nothing, nothing is copied, and that is OK, too.
        let is_proven = heard.landed.is_some() || word == "MOVE" && heard.gone;
        if !is_proven && (word == "MOVE" || after(self.flags(uid).await)?.is_none()) {
            return Ok(Verdict::NotAsThought);
        }
        Ok(Verdict::landed(
            heard.landed.filter(|_| self.capabilities.uidplus()),
        ))
    }

    /// Moves a message: by MOVE, or else by COPY, `\Deleted` and UID EXPUNGE. Without UIDPLUS the old one stays, marked, unless
    /// nothing else is: see [`delete`](Upstream::delete).
    ///
    /// # Errors
    /// [`Trouble::Lost`]: it may be there, here, or at both.
    pub async fn relocate(&mut self, from: &Place, to: &str) -> Result<Verdict, Trouble> {
        if self.capabilities.moves() {
            return self.bring(from, to, "MOVE").await;
        }
        let mut done = match self.bring(from, to, "COPY").await? {
            Verdict::Done(done) => done,
            verdict => return Ok(verdict),
        };
        let unchanged = Unchanged {
            modseq: None,
            flags: &|_| true,
        };
        // The copy is made and known; whatever becomes of the old one shows in the next look.
        done.remains = !matches!(self.delete(from, &unchanged).await, Ok(Verdict::Done(_)));
        Ok(Verdict::Done(done))
    }

    /// Deletes a message for good, if it is as it was: marks it `\Deleted`, and expunges it and no other by UID EXPUNGE.
    ///
    /// Without UIDPLUS there is only EXPUNGE, which takes all that is marked. It is sent if a search right before found nothing
    /// marked but this message; otherwise the message stays, and that is a refusal. What somebody marks between search and
    /// EXPUNGE is expunged with it: there is no way to prevent that on such a server.
    ///
    /// Where it is refused after the message was marked, it stays marked.
    ///
    /// # Errors
    /// [`Trouble::Lost`]: it may be gone, or marked.
    pub async fn delete(
        &mut self,
        place: &Place,
        unchanged: &Unchanged<'_>,
    ) -> Result<Verdict, Trouble> {
        let opened = match self.at(place).await? {
            Ok(opened) => opened,
            Err(verdict) => return Ok(verdict),
        };
        let uid = place.uid;
        let modseq = unchanged.modseq.filter(|_| opened.modseq.is_some());
        let condition = match modseq {
            Some(modseq) => format!(" (UNCHANGEDSINCE {modseq})"),
            None => {
                let flags = self.flags(uid).await?;
                if !flags.is_some_and(|flags| (unchanged.flags)(&flags)) {
                    return Ok(Verdict::NotAsThought);
                }
                String::new()
            }
        };
        let has_uidplus = self.capabilities.uidplus();
        let others_are_marked = || {
            let text = "other messages are marked, and the server cannot expunge this one alone";
            Ok(Verdict::Refused(Refusal {
                is_permanent: false,
                ..Refusal::ours(text)
            }))
        };
        if !has_uidplus && !self.is_marked_alone(uid).await? {
            return others_are_marked();
        }
        let request = Request::new(format!("UID STORE {uid}{condition} +FLAGS (\\Deleted)"));
        let (heard, no) = self.change(request, uid).await?;
        if let Some(no) = no {
            return Ok(Verdict::Refused(no));
        }
        if heard.gone {
            return Ok(Verdict::NotAsThought);
        }
        let request = match has_uidplus {
            true => Request::new(format!("UID EXPUNGE {uid}")),
            // Somebody may have been quicker.
            false if after(self.is_marked_alone(uid).await)? => Request::new("EXPUNGE"),
            false => return others_are_marked(),
        };
        let (heard, no) = after(self.change(request, uid).await)?;
        match no {
            Some(no) => Ok(Verdict::Refused(no)),
            None if heard.gone => Ok(Verdict::done()),
            None => Ok(match after(self.flags(uid).await)? {
                // It was not there to be expunged.
                None => Verdict::NotAsThought,
                Some(_) => Verdict::Refused(Refusal::ours("the server does not expunge it")),
            }),
        }
    }

    /// Whether no other message of the folder is marked `\Deleted`.
    async fn is_marked_alone(&mut self, uid: u32) -> Result<bool, Trouble> {
        let mut found = Vec::new();
        let mut ear = |answer| {
            if let Answer::Found(more) = answer {
                found.extend(more.numbers.0);
            }
        };
        self.ask(Request::new("UID SEARCH DELETED"), &mut ear)
            .await?;
        Ok(found.iter().all(|range| *range == (uid, uid)))
    }
}
