//! Which agreements suffice: the customer's choice.

use super::Facts;

/// Facts that a profile may demand to be known and equal on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extra {
    /// Length of the whole message.
    pub size: bool,
    /// The author's addresses.
    pub sender: bool,
    /// The addresses in To and Cc.
    pub recipients: bool,
    /// The subject.
    pub subject: bool,
}

impl Extra {
    /// The first demanded fact that is unknown or unequal, by name.
    pub(super) fn conflict(&self, left: &Facts, right: &Facts) -> Option<&'static str> {
        fn unequal<T: PartialEq>(left: &Option<T>, right: &Option<T>) -> bool {
            left.is_none() || left != right
        }
        [
            ("size", self.size && left.size != right.size),
            (
                "sender",
                self.sender && unequal(&left.sender, &right.sender),
            ),
            (
                "recipients",
                self.recipients && unequal(&left.recipients, &right.recipients),
            ),
            (
                "subject",
                self.subject && unequal(&left.subject, &right.subject),
            ),
        ]
        .into_iter()
        .find_map(|(name, conflict)| conflict.then_some(name))
    }
}

/// The agreements that, with an equal header key, make two messages the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sufficient {
    /// An equal key of the same server.
    pub server_key: bool,
    /// Equal bytes, both captured.
    pub total_hash: bool,
    /// The parts of one among those of the other.
    pub part_subset: bool,
}

/// How strictly messages are matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Only attachments are asked about, with
    /// [`attachments_present`](super::attachments_present); messages are never matched.
    pub attachments_only: bool,
    /// What suffices.
    pub sufficient: Sufficient,
    /// What must be equal besides.
    pub extra: Extra,
    /// Whether two captures with different bytes are different messages, whatever their
    /// parts. Off by default: each hop adds trace headers.
    pub eliminate_on_total_mismatch: bool,
}

impl Profile {
    /// Any agreement suffices.
    pub const STANDARD: Profile = Profile {
        attachments_only: false,
        sufficient: Sufficient {
            server_key: true,
            total_hash: true,
            part_subset: true,
        },
        extra: Extra {
            size: false,
            sender: false,
            recipients: false,
            subject: false,
        },
        eliminate_on_total_mismatch: false,
    };

    /// Size, author and recipients must be equal besides.
    pub const STRICT: Profile = Profile {
        extra: Extra {
            size: true,
            sender: true,
            recipients: true,
            subject: false,
        },
        ..Profile::STANDARD
    };

    /// For storage management: which attachments are stored already, whatever the mail
    /// around them.
    pub const ATTACHMENTS_ONLY: Profile = Profile {
        attachments_only: true,
        ..Profile::STANDARD
    };

    /// True if the profile demands more than any agreement.
    pub fn requires_extra(&self) -> bool {
        self.extra != Extra::default()
    }
}

impl Default for Profile {
    fn default() -> Self {
        Profile::STANDARD
    }
}
