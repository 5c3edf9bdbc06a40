//! Carrying out what the replica orders.

use bytes::Bytes;
use everpost_domain::replica::{Flags, Order};

use super::Upstream;
use super::orders::Unchanged;
use super::seen::{Keeps, flags_of};
use super::trouble::{Refusal, Trouble, Verdict};

/// A message that is to be appended.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Its INTERNALDATE, in seconds since 1970.
    pub date: i64,
    /// Its bytes.
    pub bytes: Vec<Bytes>,
}

/// What flags are called: a mailbox writes down which bit a keyword has.
pub trait Keywords: Sync {
    /// The bit of a keyword, or none if it has none.
    fn bit(&self, keyword: &str) -> Flags;
    /// The keyword of one bit.
    fn name(&self, bit: Flags) -> Option<String>;
}

/// The names of flags.
fn names(flags: Flags, keywords: &dyn Keywords) -> Vec<String> {
    const SYSTEM: [(Flags, &str); 5] = [
        (Flags::SEEN, "\\Seen"),
        (Flags::ANSWERED, "\\Answered"),
        (Flags::FLAGGED, "\\Flagged"),
        (Flags::DELETED, "\\Deleted"),
        (Flags::DRAFT, "\\Draft"),
    ];
    let bits = (0..64_u32)
        .map(|bit| Flags(1 << bit))
        .filter(|bit| flags.has(*bit));
    let name = |bit: Flags| {
        let known = SYSTEM.iter().find(|(known, _)| *known == bit);
        known.map_or_else(|| keywords.name(bit), |(_, name)| Some((*name).to_owned()))
    };
    bits.filter_map(name).collect()
}

fn strs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

impl Upstream {
    /// Carries an order out. `letter`: what is to be appended, if that is ordered. See [`outcome`](super::outcome) for what is to be made of
    /// the answer.
    ///
    /// # Errors
    /// See [`Trouble`]: but for [`Trouble::Lost`], nothing was done.
    pub async fn carry_out(
        &mut self,
        order: &Order,
        letter: Option<&Letter>,
        keywords: &dyn Keywords,
    ) -> Result<Verdict, Trouble> {
        match order {
            Order::CreateFolder { name, .. } => self.create(name).await,
            Order::RenameFolder { from, to, .. } => self.rename(from, to).await,
            Order::Subscribe {
                name, subscribed, ..
            } => self.subscribe(name, *subscribed).await,
            Order::DeleteFolder {
                name,
                uidvalidity,
                uidnext,
                ..
            } => self.delete_folder(name, *uidvalidity, *uidnext).await,
            Order::Append { to, flags, .. } => {
                let Some(letter) = letter else {
                    return Ok(Verdict::Refused(Refusal::ours(
                        "there are no bytes to append",
                    )));
                };
                let names = names(*flags, keywords);
                self.append(to, &strs(&names), letter.date, &letter.bytes)
                    .await
            }
            Order::Copy { from, to, .. } => self.copy(from, to).await,
            Order::Move { from, to, .. } => self.relocate(from, to).await,
            Order::Store {
                at, add, remove, ..
            } => {
                let (add, remove) = (names(*add, keywords), names(*remove, keywords));
                self.store(at, &strs(&add), &strs(&remove), None).await
            }
            Order::Delete {
                at, flags, modseq, ..
            } => {
                // Of flags that the folder does not keep, the server knows nothing.
                let kept = self
                    .keeps
                    .get(&at.folder)
                    .map(|keeps: &Keeps| keeps.bits(&mut |keyword| keywords.bit(keyword)));
                let mask = kept.unwrap_or(Flags::ALL).without(Flags::DELETED);
                let is_same = |now: &[String]| {
                    let now = flags_of(now, &mut |keyword| keywords.bit(keyword));
                    now.common(mask) == flags.common(mask)
                };
                let unchanged = Unchanged {
                    modseq: *modseq,
                    flags: &is_same,
                };
                self.delete(at, &unchanged).await
            }
        }
    }
}
