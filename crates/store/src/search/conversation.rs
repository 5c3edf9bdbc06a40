//! The conversation of a message: who answered whom.

use everpost_domain::digest::Digest;
use everpost_domain::message::Address;

use super::Scope;
use crate::error::{Result, StoreError};
use crate::tenant::Tenant;

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationItem {
    /// Its id, as a search gives it.
    pub id: Digest,
    /// The Date field, seconds since 1970.
    pub sent: Option<i64>,
    /// Who wrote it.
    pub from: Vec<Address>,
    /// Its subject.
    pub subject: String,
    /// How many answers lie between it and the message that began: 0 for a beginning, also
    /// where what it answers is not in the archive or out of scope.
    pub depth: u32,
}

/// Messages that answer each other, each answer below what it answers, in order of date.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conversation {
    /// The messages.
    pub items: Vec<ConversationItem>,
    /// False where the conversation is larger than what was looked at.
    pub complete: bool,
}

impl Tenant {
    /// The conversation of a copy's message, as far as Message-ID, In-Reply-To and
    /// References tell of it. Subjects are not compared.
    pub async fn conversation(&self, id: &Digest, scope: &Scope) -> Result<Conversation> {
        let _ = (id, scope);
        Err(StoreError::Invalid("not built yet".into()))
    }
}
