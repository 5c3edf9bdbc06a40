//! Mail of the standby mailbox comes into the mailbox that the user knows, once.

use bytes::Bytes;
use everpost_codec::link::message::{FolderState, Mark, RowState};
use everpost_domain::replica::Fingerprint;
use everpost_mail::filing::filed;
use everpost_mail::imap::describe;
use everpost_store::{Notes, Replica, SpecialUse, StoreError, Tenant};

use crate::accounts::Kind;
use crate::link::{LinkClient, LinkError};

/// Bytes that are wanted at a time.
const MOST: u64 = 8 << 20;

/// Why not all came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unpulled {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who fetches mail for one account.
pub(crate) struct Puller {
    pub(crate) account: i64,
    pub(crate) tenant: Tenant,
    pub(crate) replica: Replica,
    pub(crate) link: LinkClient,
}

impl Puller {
    /// Fetches all that is new; how many messages that were.
    pub(crate) async fn pull(&self) -> Result<usize, Unpulled> {
        let kind = Kind::Marks.of(self.account);
        let mut came = 0;
        loop {
            let marks = self.tenant.notes::<Mark>(kind).await?;
            let marks: Vec<Mark> = marks.into_iter().map(|(_, mark)| mark).collect();
            let (answer, bodies) = self.link.fetch(marks.clone(), MOST).await?;
            let mut bodies = bodies.into_iter();
            for row in answer.rows.iter().filter(|row| row.body.is_some()) {
                let folder = answer.folders.iter().find(|one| one.id == row.folder);
                let (Some(folder), Some(raw)) = (folder, bodies.next()) else {
                    break;
                };
                came += usize::from(self.take(folder, row, raw).await?);
            }
            let mut notes = Notes::new();
            for old in marks {
                notes = notes.forget(kind, i64::from(old.folder));
            }
            for folder in &answer.folders {
                notes = notes.put(kind, i64::from(folder.id), &folder.mark);
            }
            self.tenant.write_notes(notes).await?;
            if !answer.more {
                return Ok(came);
            }
        }
    }

    /// Puts a message where the user looks for it, unless it is here already.
    async fn take(
        &self,
        from: &FolderState,
        row: &RowState,
        raw: Bytes,
    ) -> Result<bool, StoreError> {
        let is_sent =
            from.used_for.as_deref().and_then(SpecialUse::named) == Some(SpecialUse::Sent);
        if from.name != "INBOX" && !is_sent {
            return Ok(false);
        }
        let print = Fingerprint::of(&raw);
        // What was pulled before a crash, what the mail server had before it died, what this very program sent.
        let is_here = self.replica.look(|core| {
            let mut all = core.messages();
            all.any(|one| one.key == print.key && one.content == Some(print.content))
        });
        if is_here.await? {
            return Ok(false);
        }
        let folders = self.replica.folders().await?;
        let here = folders.iter().find(|folder| match is_sent {
            true => folder.used_for == Some(SpecialUse::Sent),
            false => folder.name == "INBOX",
        });
        let here = match here {
            Some(folder) => folder.clone(),
            None => {
                let made = self.replica.create_folder("Sent", Some(SpecialUse::Sent));
                let made = made.await?;
                self.replica.subscribe("Sent", true).await?;
                made
            }
        };
        let flags = self.replica.flags(&row.flags).await?;
        let item = filed(raw.clone(), self.replica.owner(), &here.name);
        let new = describe(&raw, item.digest(), flags, row.date);
        self.tenant.admit(vec![item], None).await?;
        // The service brings what came to the mail server; what was sent there is ours to bring.
        match is_sent {
            true => self.replica.append(here.id, &[new], false).await?,
            false => self.replica.receive(here.id, &[new]).await?,
        };
        Ok(true)
    }
}
