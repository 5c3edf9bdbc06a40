//! Mail that goes on: the states of one message's way to one recipient (a *leg*), and what moves it
//! from one to the next.
//!
//! ```text
//!            ┌────────────── later ───────────────┐
//! waiting ─ taken ─ sending ─┬─ delivered         │
//!    ▲        │        │     ├─ failed ── a notification to the sender
//!    │        └────────┼─────┘
//!    │                 └─ uncertain ── evidence: delivered, or waiting again
//!    └── held (by the operator, for an unknown recipient, for a user whose server is down)
//! ```
//! `sending` is written down before the last byte of a message leaves: whoever finds a leg there after a
//! crash knows that the other server may have taken it.

/// Where a leg is. The numbers stand in the table `relay_leg`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LegState {
    /// Until it is due.
    Waiting,
    /// A node is at it, and has not handed the message out.
    Taken,
    /// The message is being handed out: the other server may have it.
    Sending,
    /// Nobody here knows whether the other server took it.
    Uncertain,
    /// Until somebody, or a change of its recipient's state, lets it go on.
    Held,
    /// The other server is responsible.
    Delivered,
    /// Given up; its sender was told if it wanted to be.
    Failed,
    /// Taken out by an operator.
    Dropped,
    /// The same bytes came for the same recipient before: recorded, not delivered twice.
    Repeated,
}

/// Why a leg is held. The numbers stand in the table `relay_leg`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// An operator said so.
    Operator,
    /// Nobody knows the recipient.
    UnknownRecipient,
    /// The recipient's mail server is not used now: the mail waits, however long.
    Standby,
    /// It waits likewise, and meanwhile lies in the recipient's standby mailbox.
    StandbyMailbox,
}

/// What an operator may want of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Try at once.
    Retry,
    /// Hold it.
    Hold,
    /// Let what is held go on.
    Release,
    /// Take it out of the queue; the message stays in the archive.
    Drop,
    /// It is known that the other server has it.
    Delivered,
    /// It is known that the other server does not have it.
    NotDelivered,
}

impl LegState {
    /// Every state.
    pub const ALL: [LegState; 9] = [
        LegState::Waiting,
        LegState::Taken,
        LegState::Sending,
        LegState::Uncertain,
        LegState::Held,
        LegState::Delivered,
        LegState::Failed,
        LegState::Dropped,
        LegState::Repeated,
    ];
    /// The last one of a leg that is still under way; states above are ends.
    pub const LAST_OPEN: LegState = LegState::Held;

    /// As it is stored.
    pub fn code(self) -> i64 {
        self as i64
    }

    /// Of a stored number.
    pub fn from_code(code: i64) -> Option<Self> {
        LegState::ALL.into_iter().find(|state| state.code() == code)
    }

    /// Whether the leg is still under way.
    pub fn is_open(self) -> bool {
        self <= LegState::LAST_OPEN
    }

    /// Its name for people and programs.
    pub fn name(self) -> &'static str {
        match self {
            LegState::Waiting => "waiting",
            LegState::Taken => "taken",
            LegState::Sending => "sending",
            LegState::Uncertain => "uncertain",
            LegState::Held => "held",
            LegState::Delivered => "delivered",
            LegState::Failed => "failed",
            LegState::Dropped => "dropped",
            LegState::Repeated => "repeated",
        }
    }

    /// What an order makes of a leg; `None` where it says nothing of a leg in this state.
    pub fn ordered(self, order: Order) -> Option<LegState> {
        match (self, order) {
            (LegState::Waiting | LegState::Held | LegState::Uncertain, Order::Drop) => {
                Some(LegState::Dropped)
            }
            (LegState::Waiting, Order::Retry)
            | (LegState::Held, Order::Release)
            | (LegState::Uncertain, Order::NotDelivered) => Some(LegState::Waiting),
            (LegState::Waiting, Order::Hold) => Some(LegState::Held),
            (LegState::Uncertain, Order::Delivered) => Some(LegState::Delivered),
            _ => None,
        }
    }
}

impl Why {
    /// Every reason.
    pub const ALL: [Why; 4] = [
        Why::Operator,
        Why::UnknownRecipient,
        Why::Standby,
        Why::StandbyMailbox,
    ];

    /// As it is stored; 0 is no reason.
    pub fn code(self) -> i64 {
        match self {
            Why::Operator => 1,
            Why::UnknownRecipient => 2,
            Why::Standby => 3,
            Why::StandbyMailbox => 4,
        }
    }

    /// Of a stored number.
    pub fn from_code(code: i64) -> Option<Self> {
        Why::ALL.into_iter().find(|why| why.code() == code)
    }

    /// Its name for people and programs.
    pub fn name(self) -> &'static str {
        match self {
            Why::Operator => "operator",
            Why::UnknownRecipient => "unknown recipient",
            Why::Standby => "standby",
            Why::StandbyMailbox => "standby mailbox",
        }
    }
}

impl Order {
    /// Every order.
    pub const ALL: [Order; 6] = [
        Order::Retry,
        Order::Hold,
        Order::Release,
        Order::Drop,
        Order::Delivered,
        Order::NotDelivered,
    ];

    /// Its name in the API and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Order::Retry => "retry",
            Order::Hold => "hold",
            Order::Release => "release",
            Order::Drop => "drop",
            Order::Delivered => "delivered",
            Order::NotDelivered => "not-delivered",
        }
    }

    /// By its name.
    pub fn named(name: &str) -> Option<Self> {
        Order::ALL.into_iter().find(|order| order.name() == name)
    }
}

/// Seconds from a failed try to the next. `tries`: how many there were, from 1; `spread`: any number that
/// differs from leg to leg, so that those which failed together do not come back together.
///
/// RFC 5321 §4.5.4.1 asks for half an hour between tries to a server that does not answer, and for
/// shorter waits at first.
pub fn wait_after(tries: u32, spread: u64) -> u64 {
    let wait = match tries {
        0 | 1 => 60,
        2 => 300,
        3 => 900,
        4..=12 => 1_800,
        13..=24 => 3_600,
        _ => 4 * 3_600,
    };
    wait + spread % (wait / 4)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use super::*;

    #[test]
    fn stored_numbers_are_what_they_were() {
        let states = LegState::ALL.map(|state| (state.code(), state.name()));
        assert_eq!(states.first(), Some(&(0, "waiting")));
        assert_eq!(states.last(), Some(&(8, "repeated")));
        for state in LegState::ALL {
            assert_eq!(LegState::from_code(state.code()), Some(state));
        }
        for why in Why::ALL {
            assert_eq!(Why::from_code(why.code()), Some(why));
            assert_ne!(why.code(), 0);
        }
    }

    #[test]
    fn no_order_touches_what_is_over_or_under_way() {
        for state in LegState::ALL {
            let busy = matches!(state, LegState::Taken | LegState::Sending);
            for order in Order::ALL {
                let ordered = state.ordered(order);
                if busy || !state.is_open() {
                    assert_eq!(ordered, None, "{state:?} {order:?}");
                }
                assert_eq!(Order::named(order.name()), Some(order));
            }
        }
        // Only evidence ends a leg as delivered.
        for state in LegState::ALL {
            for order in Order::ALL {
                if state.ordered(order) == Some(LegState::Delivered) {
                    assert_eq!((state, order), (LegState::Uncertain, Order::Delivered));
                }
            }
        }
    }

    #[test]
    fn waits_grow_and_stay_below_five_hours() {
        let waits: Vec<u64> = (1..100).map(|tries| wait_after(tries, 0)).collect();
        assert!(waits.is_sorted());
        assert_eq!(waits.first(), Some(&60));
        assert!((1..100).all(|tries| wait_after(tries, u64::MAX) <= 5 * 3_600));
        // Five days of tries are not many.
        let mut day = 0;
        let tries = waits.iter().take_while(|wait| {
            day += **wait;
            day < 5 * 86_400
        });
        assert!((25..60).contains(&tries.count()));
    }
}
