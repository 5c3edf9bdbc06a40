//! Orders about folders.

use everpost_codec::imap::client::{Answer, Kind, Request};

use super::trouble::{Refusal, Trouble, Verdict};
use super::{Upstream, unsayable};

impl Upstream {
    /// Orders something about folders by their names.
    async fn order(&mut self, word: &str, names: &[&str]) -> Result<Option<Refusal>, Trouble> {
        let mut request = Request::new(word).changing();
        for name in names {
            let Some(wire) = self.names.theirs(name) else {
                let no = "the server cannot have such a folder";
                return Ok(Some(Refusal::ours(no)));
            };
            request = request.quoted(&wire).map_err(unsayable)?;
        }
        self.connection.freshen().await?;
        let status = self.connection.exchange(request, &mut |_| {}).await?;
        Ok((status.kind != Kind::Ok).then(|| Refusal::said(status)))
    }

    /// Whether the server has a folder of this name.
    ///
    /// # Errors
    /// Where the server cannot be asked.
    pub async fn has_folder(&mut self, name: &str) -> Result<bool, Trouble> {
        let Some(wire) = self.names.theirs(name) else {
            return Ok(false);
        };
        let request = Request::new("LIST \"\"").quoted(&wire).map_err(unsayable)?;
        let mut has = false;
        let mut ear = |answer| {
            if let Answer::Listed(listed) = answer {
                let is_none = |one: &String| one.eq_ignore_ascii_case("\\NonExistent");
                // A wildcard in the name would find others, too.
                let is_this = listed.name == wire
                    || listed.name.eq_ignore_ascii_case(&wire)
                        && wire.eq_ignore_ascii_case(b"INBOX");
                has |= is_this && !listed.attributes.iter().any(is_none);
            }
        };
        self.ask(request, &mut ear).await?;
        Ok(has)
    }

    /// Makes a folder. That it is there already is well.
    ///
    /// # Errors
    /// [`Trouble::Lost`]: it may have been made; [`has_folder`](Upstream::has_folder) tells.
    pub async fn create(&mut self, name: &str) -> Result<Verdict, Trouble> {
        Ok(match self.order("CREATE", &[name]).await? {
            None => Verdict::done(),
            Some(no) if no.code.as_deref() == Some("ALREADYEXISTS") => Verdict::done(),
            // Not all have the code.
            Some(no) if no.code.is_none() && self.has_folder(name).await? => Verdict::done(),
            Some(no) => Verdict::Refused(no),
        })
    }

    /// Renames a folder, and those below it with it.
    ///
    /// # Errors
    /// [`Trouble::Lost`]: it may have the new name.
    pub async fn rename(&mut self, from: &str, to: &str) -> Result<Verdict, Trouble> {
        // What becomes of the name that is open, and of those below, servers see differently.
        self.close().await?;
        self.opened = None;
        Ok(match self.order("RENAME", &[from, to]).await? {
            None => {
                self.names.forget_below(from);
                self.keeps.clear();
                Verdict::done()
            }
            Some(no) if no.is_missing() => Verdict::NotAsThought,
            Some(no) => Verdict::Refused(no),
        })
    }

    /// Deletes a folder, if it is empty and still has this UIDVALIDITY and UIDNEXT. IMAP cannot ask and delete in one: what
    /// arrives between the two goes with the folder.
    ///
    /// # Errors
    /// [`Trouble::Lost`]: it may be gone.
    pub async fn delete_folder(
        &mut self,
        name: &str,
        uidvalidity: u32,
        uidnext: u32,
    ) -> Result<Verdict, Trouble> {
        self.close().await?;
        self.opened = None;
        let counts = self.counts(name).await?;
        let is_as_thought = counts.is_some_and(|counts| {
            (counts.messages, counts.uidvalidity, counts.uidnext) == (0, uidvalidity, uidnext)
        });
        if !is_as_thought {
            return Ok(Verdict::NotAsThought);
        }
        Ok(match self.order("DELETE", &[name]).await? {
            None => Verdict::done(),
            Some(no) if no.is_missing() => Verdict::NotAsThought,
            Some(no) => Verdict::Refused(no),
        })
    }

    /// Subscribes a folder, or ends that.
    ///
    /// # Errors
    /// [`Trouble::Lost`]: it may have been done.
    pub async fn subscribe(&mut self, name: &str, is_wanted: bool) -> Result<Verdict, Trouble> {
        let word = if is_wanted {
            "SUBSCRIBE"
        } else {
            "UNSUBSCRIBE"
        };
        Ok(match self.order(word, &[name]).await? {
            None => Verdict::done(),
            Some(no) => Verdict::Refused(no),
        })
    }
}
