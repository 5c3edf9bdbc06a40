//! Which bit a keyword has in a mailbox.

use everpost_domain::replica::Flags;
use everpost_store::{Replica, StoreError};

use crate::upstream::Keywords;

/// The keywords of a mailbox, by bit.
pub(super) struct Words(Vec<String>);

impl Words {
    pub(super) async fn of(replica: &Replica) -> Result<Self, StoreError> {
        Ok(Words(replica.keywords().await?))
    }

    /// Gives bits to keywords that are new, as far as there are any left.
    pub(super) async fn learn<'a>(
        &mut self,
        replica: &Replica,
        names: impl Iterator<Item = &'a String>,
    ) -> Result<(), StoreError> {
        for name in names {
            if name.starts_with('\\') || !self.bit(name).is_empty() {
                continue;
            }
            match replica.flags(std::slice::from_ref(name)).await {
                Ok(_) => self.0 = replica.keywords().await?,
                // There is room for no more: they live on the server only.
                Err(StoreError::Invalid(_)) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Keywords for Words {
    fn bit(&self, keyword: &str) -> Flags {
        let place = self
            .0
            .iter()
            .position(|one| one.eq_ignore_ascii_case(keyword));
        place.map_or(Flags::NONE, |place| {
            Flags(1 << (Flags::FIRST_KEYWORD + place))
        })
    }

    fn name(&self, bit: Flags) -> Option<String> {
        let place = usize::try_from(bit.0.trailing_zeros()).ok()?;
        self.0
            .get(place.checked_sub(Flags::FIRST_KEYWORD)?)
            .cloned()
    }
}
