//! The state of a user's mail: where it is delivered, and which changes of it are legal; and the agent that follows it.

pub mod agent;
pub mod outbox;
pub mod recovery;

use serde::{Deserialize, Serialize};

/// The state that the service holds of a user. The numbers stand in the table `recipient`.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum UserState {
    /// The organization's mail server is used.
    #[default]
    Ready,
    /// It is down or left alone: the service is the mail server.
    Active,
    /// It is used again, and what came meanwhile is being put back into it.
    Recovery,
}

impl UserState {
    /// Every state.
    pub const ALL: [UserState; 3] = [UserState::Ready, UserState::Active, UserState::Recovery];

    /// As it is stored.
    pub fn code(self) -> i64 {
        self as i64
    }

    /// Of a stored number.
    pub fn from_code(code: i64) -> Option<Self> {
        UserState::ALL
            .into_iter()
            .find(|state| state.code() == code)
    }

    /// Its name for people and programs.
    pub fn name(self) -> &'static str {
        match self {
            UserState::Ready => "ready",
            UserState::Active => "active",
            UserState::Recovery => "recovery",
        }
    }

    /// By its name.
    pub fn named(name: &str) -> Option<Self> {
        UserState::ALL
            .into_iter()
            .find(|state| state.name() == name)
    }

    /// Whether a change is legal. To be told what is so already is no change, and legal.
    pub fn may_become(self, next: UserState) -> bool {
        use UserState::{Active, Ready, Recovery};
        self == next
            || matches!(
                (self, next),
                (Ready | Recovery, Active) | (Active, Recovery) | (Recovery, Ready)
            )
    }

    /// Whether new mail goes to the organization's mail server.
    pub fn uses_primary(self) -> bool {
        self != UserState::Active
    }
}

#[cfg(test)]
mod tests {
    use super::UserState::{self, Active, Ready, Recovery};

    #[test]
    fn only_these_changes_are_legal() {
        let legal = [
            (Ready, Active),
            (Active, Recovery),
            (Recovery, Ready),
            (Recovery, Active),
        ];
        for from in UserState::ALL {
            for to in UserState::ALL {
                let expected = from == to || legal.contains(&(from, to));
                assert_eq!(from.may_become(to), expected, "{from:?} {to:?}");
            }
            assert_eq!(UserState::from_code(from.code()), Some(from));
            assert_eq!(UserState::named(from.name()), Some(from));
        }
    }
}
