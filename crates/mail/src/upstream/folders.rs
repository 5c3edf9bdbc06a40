//! Which folders there are.

use std::collections::{BTreeMap, BTreeSet};

use everpost_codec::imap::client::{Answer, Counts as Said, Listed, Request};
use everpost_domain::replica::{Flags, FolderSighting, Messages, Role};

use super::names::Ours;
use super::seen::Keeps;
use super::trouble::{Trouble, agreed};
use super::{Upstream, limits};

/// A folder of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Its name, levels apart by `/`, without the server's prefix.
    pub name: String,
    /// What it is for: `\Sent`, `\Trash`, `\All`, …
    pub uses: Vec<String>,
    /// Whether it is subscribed.
    pub is_subscribed: bool,
    /// Whether it can be opened: others are but a level of names.
    pub is_selectable: bool,
    /// What it has, if that was asked and told.
    pub counts: Option<Counts>,
}

/// How a folder stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Messages in it.
    pub messages: u32,
    /// UIDNEXT
    pub uidnext: u32,
    /// UIDVALIDITY
    pub uidvalidity: u32,
    /// HIGHESTMODSEQ, where the server has one.
    pub modseq: Option<u64>,
}

/// The folders of a user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folders {
    /// The user's own, by name.
    pub all: Vec<Folder>,
    /// Those that have no name here, as far as they can be shown: control characters, empty levels, two of one name.
    pub unreadable: Vec<String>,
}

impl Folder {
    /// What it is for, where that matters.
    pub fn role(&self) -> Option<Role> {
        let is_for = |name: &str| self.uses.iter().any(|one| one.eq_ignore_ascii_case(name));
        let roles = [
            ("\\Archive", Role::Archive),
            ("\\Drafts", Role::Drafts),
            ("\\Junk", Role::Junk),
            ("\\Sent", Role::Sent),
            ("\\Trash", Role::Trash),
        ];
        roles
            .into_iter()
            .find(|(name, _)| is_for(name))
            .map(|(_, role)| role)
    }

    /// Whether it shows mail that lies in other folders (`\All`, `\Flagged`): taking it for a folder would double that.
    pub fn is_view(&self) -> bool {
        let is_view = |name: &String| {
            ["\\All", "\\Flagged"]
                .iter()
                .any(|view| view.eq_ignore_ascii_case(name))
        };
        self.uses.iter().any(is_view)
    }

    /// For the replica, where [`Known::is_as`](super::Known::is_as) says that nothing changed.
    pub fn as_before(
        &self,
        counts: &Counts,
        keeps: Option<&Keeps>,
        bits: &mut dyn FnMut(&str) -> Flags,
    ) -> FolderSighting {
        self.sighting(counts, keeps, Messages::AsBefore, bits)
    }

    /// For the replica, of a folder that could not be looked at.
    pub fn not_seen(&self) -> FolderSighting {
        let nothing = Counts {
            messages: 0,
            uidnext: 0,
            uidvalidity: 0,
            modseq: None,
        };
        let counts = self.counts.unwrap_or(nothing);
        self.sighting(&counts, None, Messages::NotSeen, &mut |_| Flags::NONE)
    }

    fn sighting(
        &self,
        counts: &Counts,
        keeps: Option<&Keeps>,
        messages: Messages,
        bits: &mut dyn FnMut(&str) -> Flags,
    ) -> FolderSighting {
        FolderSighting {
            uidvalidity: counts.uidvalidity,
            uidnext: counts.uidnext,
            modseq: counts.modseq,
            subscribed: self.is_subscribed,
            role: self.role(),
            keeps: keeps.map_or(Flags(31), |keeps| keeps.bits(bits)),
            messages,
        }
    }
}

fn counts(said: &Said) -> Option<Counts> {
    Some(Counts {
        messages: said.messages?,
        uidnext: said.uidnext?,
        uidvalidity: said.uidvalidity?,
        modseq: said.modseq,
    })
}

/// What a list brought.
#[derive(Default)]
struct Heard {
    listed: Vec<Listed>,
    subscribed: BTreeSet<Vec<u8>>,
    counts: BTreeMap<Vec<u8>, Counts>,
    malformed: Option<String>,
}

impl Heard {
    fn hear(&mut self, answer: Answer) {
        match answer {
            Answer::Listed(listed) if self.listed.len() < limits::FOLDERS => {
                self.listed.push(listed)
            }
            Answer::Listed(_) => self.malformed = Some("too many folders".to_owned()),
            // One that is only above of what is subscribed is none.
            Answer::Subscribed(listed) if !has(&listed, "\\Noselect") => {
                self.subscribed.insert(listed.name);
            }
            Answer::Counted(said) => {
                if let Some(counts) = counts(&said) {
                    self.counts.insert(said.name, counts);
                }
            }
            Answer::Malformed(line) => self.malformed = Some(line),
            _ => {}
        }
    }
}

fn has(listed: &Listed, attribute: &str) -> bool {
    listed
        .attributes
        .iter()
        .any(|one| one.eq_ignore_ascii_case(attribute))
}

impl Upstream {
    /// All folders of the user. `counting`: with what they have, which costs a question each where the server has no
    /// LIST-STATUS.
    ///
    /// # Errors
    /// Where the server cannot be asked, or its answer be read: a folder left out would look deleted.
    pub async fn folders(&mut self, counting: bool) -> Result<Folders, Trouble> {
        let mut heard = Heard::default();
        let items = self.status_items();
        let is_extended = self.capabilities.has("LIST-EXTENDED");
        let counts_too = counting && self.capabilities.has("LIST-STATUS");
        let request = match is_extended {
            false => "LIST \"\" \"*\"".to_owned(),
            true => {
                let uses = if self.capabilities.has("SPECIAL-USE") {
                    " SPECIAL-USE"
                } else {
                    ""
                };
                let counts = match counts_too {
                    true => format!(" STATUS ({items})"),
                    false => String::new(),
                };
                format!("LIST \"\" \"*\" RETURN (SUBSCRIBED{uses}{counts})")
            }
        };
        self.ask(Request::new(request), &mut |answer| heard.hear(answer))
            .await?;
        if !is_extended {
            let request = Request::new("LSUB \"\" \"*\"");
            self.ask(request, &mut |answer| heard.hear(answer)).await?;
        }
        if let Some(line) = heard.malformed {
            return Err(self.connection.broken(Trouble::Nonsense(line)));
        }
        let mut folders = self.named(&heard, is_extended);
        if counting && !counts_too {
            for folder in folders.all.iter_mut().filter(|folder| folder.is_selectable) {
                folder.counts = self.counts(&folder.name).await?;
            }
        }
        Ok(folders)
    }

    fn named(&mut self, heard: &Heard, is_extended: bool) -> Folders {
        let mut folders = Folders::default();
        let mut known: BTreeSet<String> = BTreeSet::new();
        self.names.forget();
        for listed in &heard.listed {
            let shown = || String::from_utf8_lossy(&listed.name).into_owned();
            let name = match self.names.ours(&listed.name) {
                Ours::Named(name) => name,
                Ours::Foreign => continue,
                Ours::Unreadable => {
                    folders.unreadable.push(shown());
                    continue;
                }
            };
            if !known.insert(name.clone()) {
                folders.unreadable.push(shown());
                continue;
            }
            self.names.remember(&name, &listed.name);
            let is_none = has(listed, "\\Noselect") || has(listed, "\\NonExistent");
            let is_subscribed = match is_extended {
                true => has(listed, "\\Subscribed"),
                false => heard.subscribed.contains(&listed.name),
            };
            const STATES: [&str; 10] = [
                "\\Noselect",
                "\\NonExistent",
                "\\Subscribed",
                "\\HasChildren",
                "\\HasNoChildren",
                "\\Marked",
                "\\Unmarked",
                "\\NoInferiors",
                "\\Remote",
                "\\Recent",
            ];
            let is_state =
                |one: &String| STATES.iter().any(|state| state.eq_ignore_ascii_case(one));
            folders.all.push(Folder {
                name,
                uses: listed
                    .attributes
                    .iter()
                    .filter(|one| !is_state(one))
                    .cloned()
                    .collect(),
                is_subscribed,
                is_selectable: !is_none,
                counts: heard.counts.get(&listed.name).copied(),
            });
        }
        folders.all.sort_by(|one, other| one.name.cmp(&other.name));
        folders
    }

    fn status_items(&self) -> &'static str {
        match self.capabilities.condstore() {
            true => "MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ",
            false => "MESSAGES UIDNEXT UIDVALIDITY",
        }
    }

    /// What a folder has. `None` if the server does not tell, as where there is no such folder.
    ///
    /// # Errors
    /// Where the server cannot be asked.
    pub async fn counts(&mut self, folder: &str) -> Result<Option<Counts>, Trouble> {
        let Some(wire) = self.names.theirs(folder) else {
            return Ok(None);
        };
        // Of the folder that is open, servers may tell what they knew when it was opened.
        if self
            .opened
            .as_ref()
            .is_some_and(|opened| opened.folder == folder)
        {
            self.close().await?;
        }
        let request = Request::new("STATUS")
            .quoted(&wire)
            .map_err(super::unsayable)?;
        let request = request.word(&format!("({})", self.status_items()));
        let mut told = None;
        let mut ear = |answer| {
            if let Answer::Counted(said) = answer {
                told = counts(&said);
            }
        };
        let status = self.connection.exchange(request, &mut ear).await?;
        Ok(agreed(status).ok().and(told))
    }
}
