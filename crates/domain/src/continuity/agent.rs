//! The agent beside a user's mail program: what it does about what it hears.
//!
//! ```text
//!             told active                told recovery
//!   ready ───────────────▶ active ─────────────────────▶ recovery ── reconciled, told ready ──▶ ready
//!     ▲                      ▲                               │
//!     │ enrolled             └───────── told active ─────────┘
//!   unenrolled                        any ── kill ──▶ killed ── un-kill ──▶ as at the start
//! ```
//! The service owns the truth of a user's state; the agent follows. It is told by a state page, and by an indicator of
//! new mail that only rises (0 and above; HTTP 404 says that there is nothing to be fetched). Whoever runs this carries
//! out the effects in their order; each is harmless when it comes again, so that a crash between is no matter.

use serde::{Deserialize, Serialize};

use super::UserState;

/// What an agent is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// It has no valid token: the mail program works with the mail server, and nothing is known of the user.
    Unenrolled,
    /// The mail server is used.
    Ready,
    /// The service is the mail server.
    Active,
    /// The mail server is used again, and gets what came and went meanwhile.
    Recovery,
    /// Dormant by order: the mail program works with the mail server, whatever that does.
    Killed,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Mode; 5] = [
        Mode::Unenrolled,
        Mode::Ready,
        Mode::Active,
        Mode::Recovery,
        Mode::Killed,
    ];
}

/// What an agent hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The program begins: at its first start, or again after it ended in whatever way.
    Started,
    /// There is a token: from the store of the system, a hidden entry of the mailbox, or the user.
    Enrolled,
    /// The service does not take the token (401).
    TokenRefused,
    /// There is no other token to be had.
    NoToken,
    /// What the state page says.
    Told(UserState),
    /// What the indicator says; `None` for 404.
    Indicator(Option<u64>),
    /// The mail server does not take or give mail.
    PrimaryFailed,
    /// It does again.
    PrimaryAnswered,
    /// The user told the mail program to go online, or offline.
    UserSwitched,
    /// The user sends something.
    Sent,
    /// All that the mail server lacked is there, verified.
    Reconciled,
    /// The order to be dormant.
    Killed,
    /// That order is lifted.
    Lifted,
}

/// Which way mail goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Via {
    /// The organization's mail server.
    Primary,
    /// The service.
    Service,
}

/// What an agent does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Looks for a token: the system's store, the mailbox, the user.
    LookForToken,
    /// Forgets the token that it has at hand and reads the mailbox's again.
    ReadTokenAgain,
    /// Opens the local endpoints for the mail program.
    Open,
    /// Closes them: the mail program works with the mail server.
    Close,
    /// Reads the state page at once.
    ReadState,
    /// Sends what the service wants to know of an agent that is well.
    Heartbeat,
    /// Mail comes from there, and goes there.
    Use(Via),
    /// Holds the mail program offline, or rather lets it believe that all is well.
    LockOffline,
    /// Lets it go.
    Unlock,
    /// Tells the user that the change to online was undone, and why.
    ExplainOffline,
    /// Tells the user of an activation, if the organization wants that.
    Announce,
    /// Sends the outbox that way, in its order.
    Flush(Via),
    /// What was sent goes into the outbox: it leaves when there is a way.
    Queue,
    /// Fetches new mail from the service, into the inbox that the user knows.
    Fetch,
    /// Looks at the indicator from now on.
    Watch,
    /// Does so no more.
    Unwatch,
    /// Begins to bring the mail server what it lacks, or goes on where it was.
    Reconcile,
    /// Stops that, and keeps the place.
    Pause,
    /// Tells the service that the mail server is down.
    ReportDown,
    /// Tells it that the mail server answers.
    ReportUp,
    /// Tells it that all is brought back.
    ReportReconciled,
    /// Tells it that the indicator is not what it may be: the number that was seen.
    ReportIndicator(u64),
}

/// An agent, as it is kept between two events; all of it is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    mode: Mode,
    /// The highest indicator that was seen.
    indicator: u64,
    /// The mail server answers, as far as is known.
    is_up: bool,
    /// There is something that the mail server may lack.
    owes: bool,
    /// The mode when it was killed.
    slept: Mode,
    /// The service said ready while something was still owed.
    may_rest: bool,
}

impl Default for Agent {
    fn default() -> Self {
        Agent {
            mode: Mode::Unenrolled,
            indicator: 0,
            is_up: true,
            owes: false,
            slept: Mode::Unenrolled,
            may_rest: false,
        }
    }
}

impl Agent {
    /// What it is doing.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The highest indicator that was seen.
    pub fn indicator(&self) -> u64 {
        self.indicator
    }

    /// Whether the mail server may lack something that this agent has.
    pub fn owes(&self) -> bool {
        self.owes
    }

    /// Takes what it hears, and says what it does. Every mode has an answer to every input.
    pub fn step(&mut self, input: Input) -> Vec<Effect> {
        use Effect::{
            Close, Flush, Heartbeat, LookForToken, Open, Queue, ReadState, ReadTokenAgain,
        };
        use Mode::{Active, Killed, Ready, Recovery, Unenrolled};
        match (self.mode, input) {
            (Killed, Input::Lifted) => {
                self.mode = self.slept;
                self.step(Input::Started)
            }
            (Killed, Input::Started) => vec![Close],
            (Killed, _) => Vec::new(),
            (_, Input::Killed) => self.kill(),
            (_, Input::Lifted) => Vec::new(),

            (_, Input::Started) => self.start(),
            (Unenrolled, Input::Enrolled) => {
                self.mode = Ready;
                vec![Open, ReadState]
            }
            (_, Input::Enrolled) => vec![ReadState],
            (Unenrolled, Input::TokenRefused) => vec![LookForToken],
            (_, Input::TokenRefused) => vec![ReadTokenAgain],
            (Ready, Input::NoToken) => {
                self.mode = Unenrolled;
                vec![LookForToken]
            }
            // What it holds for the user it keeps; the outbox waits.
            (_, Input::NoToken) => vec![LookForToken],
            (Unenrolled, _) => Vec::new(),

            (_, Input::Told(state)) => self.told(state),
            (Active, Input::Indicator(seen)) => self.indicated(seen),
            // There should be none; only a rise could be new mail, and that is fetched when it is active.
            (Ready | Recovery, Input::Indicator(Some(seen))) => vec![Effect::ReportIndicator(seen)],
            (Ready | Recovery, Input::Indicator(None)) => Vec::new(),

            (_, Input::PrimaryFailed) => {
                let news = std::mem::replace(&mut self.is_up, false);
                match self.mode {
                    Ready if news => vec![Effect::ReportDown],
                    Recovery if news => vec![Effect::Pause],
                    _ => Vec::new(),
                }
            }
            (_, Input::PrimaryAnswered) => {
                let news = !std::mem::replace(&mut self.is_up, true);
                match self.mode {
                    Ready if news => vec![Flush(Via::Primary), Effect::ReportUp],
                    Active if news => vec![Effect::ReportUp],
                    Recovery if news => {
                        vec![Effect::Unlock, Flush(Via::Primary), Effect::Reconcile]
                    }
                    _ => Vec::new(),
                }
            }
            (Active, Input::UserSwitched) => vec![Effect::LockOffline, Effect::ExplainOffline],
            (_, Input::UserSwitched) => Vec::new(),
            (Active, Input::Sent) => {
                self.owes = true;
                vec![Queue, Flush(Via::Service)]
            }
            (_, Input::Sent) if self.is_up => vec![Queue, Flush(Via::Primary)],
            (_, Input::Sent) => vec![Queue, Heartbeat],
            (Recovery, Input::Reconciled) => {
                self.owes = false;
                let mut effects = vec![Effect::ReportReconciled];
                effects.extend(self.rest());
                effects
            }
            (_, Input::Reconciled) => Vec::new(),
        }
    }

    /// After a start everything is put as the mode wants it.
    fn start(&self) -> Vec<Effect> {
        use Effect::{LockOffline, LookForToken, Open, ReadState, Use, Watch};
        match self.mode {
            Mode::Unenrolled => vec![LookForToken],
            Mode::Ready => vec![Open, Use(Via::Primary), ReadState],
            Mode::Active => vec![
                Open,
                LockOffline,
                Use(Via::Service),
                Effect::Flush(Via::Service),
                Watch,
                ReadState,
            ],
            Mode::Recovery => vec![Open, Use(Via::Primary), Effect::Reconcile, ReadState],
            Mode::Killed => vec![Effect::Close],
        }
    }

    fn kill(&mut self) -> Vec<Effect> {
        let way = match self.mode {
            Mode::Active => Via::Service,
            _ => Via::Primary,
        };
        let mut effects = match self.mode {
            Mode::Active => vec![Effect::Flush(way), Effect::Unwatch, Effect::Unlock],
            Mode::Recovery => vec![Effect::Pause, Effect::Unlock],
            Mode::Ready => vec![Effect::Flush(way)],
            Mode::Unenrolled | Mode::Killed => Vec::new(),
        };
        effects.push(Effect::Close);
        self.slept = self.mode;
        self.mode = Mode::Killed;
        effects
    }

    fn told(&mut self, state: UserState) -> Vec<Effect> {
        use Effect::{Announce, Flush, Heartbeat, LockOffline, Unlock, Unwatch, Use, Watch};
        use Mode::{Active, Ready, Recovery};
        self.may_rest = state == UserState::Ready;
        match (self.mode, state) {
            (Ready | Recovery, UserState::Active) => {
                let paused = self.mode == Recovery;
                self.mode = Active;
                self.owes = true;
                let mut effects = Vec::new();
                if paused {
                    effects.push(Effect::Pause);
                }
                effects.extend([
                    LockOffline,
                    Use(Via::Service),
                    Flush(Via::Service),
                    Effect::Fetch,
                    Watch,
                    Announce,
                ]);
                effects
            }
            (Active, UserState::Ready | UserState::Recovery) => {
                self.mode = Recovery;
                let mut effects = vec![Effect::Fetch, Unwatch, Use(Via::Primary)];
                if self.is_up {
                    effects.extend([Unlock, Flush(Via::Primary), Effect::Reconcile]);
                }
                effects
            }
            (Ready, UserState::Recovery) if self.owes => {
                self.mode = Recovery;
                vec![Effect::Reconcile]
            }
            (Recovery, UserState::Ready) => self.rest(),
            (Ready, UserState::Ready) => vec![Heartbeat],
            (Ready, UserState::Recovery)
            | (Active, UserState::Active)
            | (Recovery, UserState::Recovery) => Vec::new(),
            (Mode::Unenrolled | Mode::Killed, _) => Vec::new(),
        }
    }

    /// Recovery is over when nothing is owed and the service says so too.
    fn rest(&mut self) -> Vec<Effect> {
        if self.owes || !self.may_rest {
            return Vec::new();
        }
        self.mode = Mode::Ready;
        vec![Effect::Unlock, Effect::Heartbeat]
    }

    fn indicated(&mut self, seen: Option<u64>) -> Vec<Effect> {
        match seen {
            None => vec![Effect::Unwatch, Effect::ReadState],
            Some(seen) if seen > self.indicator => {
                self.indicator = seen;
                vec![Effect::Fetch]
            }
            Some(seen) if seen < self.indicator => vec![Effect::ReportIndicator(seen)],
            Some(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use proptest::prelude::*;

    use super::*;

    fn inputs() -> impl Strategy<Value = Input> {
        let plain = [
            Input::Started,
            Input::Enrolled,
            Input::TokenRefused,
            Input::NoToken,
            Input::Indicator(None),
            Input::PrimaryFailed,
            Input::PrimaryAnswered,
            Input::UserSwitched,
            Input::Sent,
            Input::Reconciled,
            Input::Killed,
            Input::Lifted,
        ];
        prop_oneof![
            prop::sample::select(plain.to_vec()),
            prop::sample::select(UserState::ALL.to_vec()).prop_map(Input::Told),
            (0_u64..5).prop_map(|seen| Input::Indicator(Some(seen))),
        ]
    }

    /// An agent in a mode.
    fn in_mode(mode: Mode) -> Agent {
        let mut agent = Agent::default();
        let way: &[Input] = match mode {
            Mode::Unenrolled => &[],
            Mode::Ready => &[Input::Enrolled],
            Mode::Active => &[Input::Enrolled, Input::Told(UserState::Active)],
            Mode::Recovery => &[
                Input::Enrolled,
                Input::Told(UserState::Active),
                Input::Told(UserState::Recovery),
            ],
            Mode::Killed => &[Input::Enrolled, Input::Killed],
        };
        for input in way {
            agent.step(*input);
        }
        assert_eq!(agent.mode(), mode);
        agent
    }

    /// Where each mode goes for each input that moves some: every cell of the table that is not named here stays.
    #[test]
    fn modes_change_as_the_table_says() {
        use Mode::{Active, Killed, Ready, Recovery, Unenrolled};
        let table = [
            (Input::Enrolled, [Ready, Ready, Active, Recovery, Killed]),
            (
                Input::NoToken,
                [Unenrolled, Unenrolled, Active, Recovery, Killed],
            ),
            (
                Input::Told(UserState::Active),
                [Unenrolled, Active, Active, Active, Killed],
            ),
            (
                Input::Told(UserState::Recovery),
                [Unenrolled, Ready, Recovery, Recovery, Killed],
            ),
            // Not before all is brought back.
            (
                Input::Told(UserState::Ready),
                [Unenrolled, Ready, Recovery, Recovery, Killed],
            ),
            (Input::Killed, [Killed; 5]),
            (Input::Lifted, [Unenrolled, Ready, Active, Recovery, Ready]),
            (Input::Started, Mode::ALL),
            (Input::TokenRefused, Mode::ALL),
            (Input::Indicator(None), Mode::ALL),
            (Input::Indicator(Some(7)), Mode::ALL),
            (Input::PrimaryFailed, Mode::ALL),
            (Input::PrimaryAnswered, Mode::ALL),
            (Input::UserSwitched, Mode::ALL),
            (Input::Sent, Mode::ALL),
            (Input::Reconciled, Mode::ALL),
        ];
        for (input, expected) in table {
            for (mode, expected) in Mode::ALL.into_iter().zip(expected) {
                let mut agent = in_mode(mode);
                agent.step(input);
                assert_eq!(agent.mode(), expected, "{mode:?} {input:?}");
            }
        }
    }

    #[test]
    fn an_outage_from_its_beginning_to_its_end() {
        use Effect::{
            Announce, Fetch, Flush, LockOffline, Pause, Queue, Unlock, Unwatch, Use, Watch,
        };
        let mut agent = in_mode(Mode::Ready);
        assert_eq!(agent.step(Input::PrimaryFailed), [Effect::ReportDown]);
        assert_eq!(agent.step(Input::PrimaryFailed), []);
        assert_eq!(agent.step(Input::Sent), [Queue, Effect::Heartbeat]);
        let service = Flush(Via::Service);
        let begun = [
            LockOffline,
            Use(Via::Service),
            service,
            Fetch,
            Watch,
            Announce,
        ];
        assert_eq!(agent.step(Input::Told(UserState::Active)), begun);
        assert_eq!(agent.step(Input::Told(UserState::Active)), []);
        assert_eq!(
            agent.step(Input::Indicator(Some(u64::MAX / 2 + 6))),
            [Fetch]
        );
        assert_eq!(agent.step(Input::Indicator(Some(u64::MAX / 2 + 6))), []);
        assert_eq!(
            agent.step(Input::Indicator(Some(3))),
            [Effect::ReportIndicator(3)]
        );
        assert_eq!(agent.step(Input::Sent), [Queue, service]);
        // It is back, but the service did not say so yet.
        assert_eq!(agent.step(Input::PrimaryAnswered), [Effect::ReportUp]);
        let primary = Flush(Via::Primary);
        let back = [
            Fetch,
            Unwatch,
            Use(Via::Primary),
            Unlock,
            primary,
            Effect::Reconcile,
        ];
        assert_eq!(agent.step(Input::Told(UserState::Recovery)), back);
        // A second outage in the middle of it.
        let again = agent.step(Input::Told(UserState::Active));
        assert_eq!(again, [&[Pause][..], &begun].concat());
        agent.step(Input::Told(UserState::Recovery));
        // The service says ready at once: what is owed comes first.
        assert_eq!(agent.step(Input::Told(UserState::Ready)), []);
        let over = [Effect::ReportReconciled, Unlock, Effect::Heartbeat];
        assert_eq!(agent.step(Input::Reconciled), over);
        assert_eq!((agent.mode(), agent.owes()), (Mode::Ready, false));
    }

    proptest! {
        /// What no order of events can break.
        #[test]
        fn whatever_comes_promises_hold(all in prop::collection::vec(inputs(), 0..60)) {
            let mut agent = Agent::default();
            // What the last order about it was.
            let (mut locked, mut watching, mut told) = (false, false, None);
            for input in all {
                let before = agent;
                let effects = agent.step(input);
                if let (Input::Told(state), true) = (input, before.mode() != Mode::Killed) {
                    told = Some(state);
                }
                for effect in &effects {
                    match effect {
                        Effect::LockOffline => locked = true,
                        Effect::Unlock => locked = false,
                        Effect::Watch => watching = true,
                        Effect::Unwatch => watching = false,
                        _ => {}
                    }
                }
                // The indicator never falls, and only a rise, a beginning or an end of an activation fetches.
                prop_assert!(agent.indicator() >= before.indicator());
                if effects.contains(&Effect::Fetch) {
                    prop_assert!(before.mode() == Mode::Active || agent.mode() == Mode::Active);
                }
                // It is active only because it was told so, and stays so until it was told otherwise.
                if agent.mode() == Mode::Active && before.mode() != Mode::Killed {
                    prop_assert_eq!(told, Some(UserState::Active));
                }
                // What is owed ends with a reconciliation and nothing else.
                if before.owes() && !agent.owes() {
                    prop_assert_eq!(input, Input::Reconciled);
                }
                if agent.mode() == Mode::Ready && before.mode() != Mode::Killed {
                    prop_assert!(!agent.owes());
                }
                // Nobody's mail program is held or watched for where the mail server is used.
                if matches!(agent.mode(), Mode::Ready | Mode::Unenrolled | Mode::Killed) {
                    prop_assert!(!watching && !locked, "{:?} {:?}", input, agent);
                }
                // Nothing that is sent gets lost: it is queued before it goes anywhere.
                if input == Input::Sent && !matches!(before.mode(), Mode::Unenrolled | Mode::Killed) {
                    prop_assert_eq!(effects.first(), Some(&Effect::Queue));
                }
                // The same again changes nothing more, but for what is sent.
                if input != Input::Lifted {
                    let settled = agent;
                    let mut again = agent;
                    again.step(input);
                    prop_assert_eq!(again, settled);
                }
            }
        }
    }
}
