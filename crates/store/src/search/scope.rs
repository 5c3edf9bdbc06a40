//! What an asker may see.

/// What of the archive a question is about and its asker may see.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Scope {
    /// Everything of the tenant: its operator's view.
    #[default]
    Everything,
    /// Copies that lie in at least one of these areas; without areas, nothing.
    Within(Vec<Area>),
}

/// Copies that mailboxes hold, from a time to a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Area {
    /// Addresses of the mailboxes; case does not matter. A copy is in if one of them owns it.
    pub mailboxes: Vec<String>,
    /// Held at or after this time (µs since 1970). The time since when a copy is held is
    /// used and not its Date field, which its sender chose.
    pub from: Option<i64>,
    /// Held before this time (µs since 1970).
    pub until: Option<i64>,
}

impl Scope {
    /// The mail of mailboxes: what a user sees of the addresses they own.
    pub fn mailboxes(addresses: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Scope::Within(vec![Area {
            mailboxes: addresses.into_iter().map(Into::into).collect(),
            from: None,
            until: None,
        }])
    }

    /// The mail of a case: of its people, held from a time to a time (µs since 1970).
    pub fn case(
        people: impl IntoIterator<Item = impl Into<String>>,
        from: Option<i64>,
        until: Option<i64>,
    ) -> Self {
        Scope::Within(vec![Area {
            mailboxes: people.into_iter().map(Into::into).collect(),
            from,
            until,
        }])
    }

    /// What lies in this scope or in the other.
    #[must_use]
    pub fn or(self, other: Scope) -> Self {
        match (self, other) {
            (Scope::Within(mut areas), Scope::Within(more)) => {
                areas.extend(more);
                Scope::Within(areas)
            }
            _ => Scope::Everything,
        }
    }
}
