//! The verdict of matching, and how it came about.

use super::{HeaderKey, Overlap, Purpose};
use std::fmt;

/// What decided that two messages are the same, always with an equal header key but for
/// a stub pointer. The numbers are durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Rule {
    /// The same server's key is equal.
    HeaderServerKey = 1,
    /// Both were captured with the same bytes.
    HeaderTotalHash = 2,
    /// The parts of one are among those of the other.
    HeaderPartSubset = 3,
    /// The mailbox holds a stub that names the archived copy.
    StubPointer = 4,
}

impl Rule {
    /// The durable number of this rule.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The rule with this number.
    pub fn from_code(code: u8) -> Option<Rule> {
        [
            Rule::HeaderServerKey,
            Rule::HeaderTotalHash,
            Rule::HeaderPartSubset,
            Rule::StubPointer,
        ]
        .into_iter()
        .find(|rule| rule.code() == code)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rule::HeaderServerKey => "header+server_key",
            Rule::HeaderTotalHash => "header+total_hash",
            Rule::HeaderPartSubset => "header+part_subset",
            Rule::StubPointer => "stub_pointer",
        })
    }
}

/// Are they the same?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The message is the same as this candidate.
    Same {
        /// [`Candidate::id`](super::Candidate::id).
        candidate: i64,
        /// What decided.
        rule: Rule,
    },
    /// It is none of the candidates.
    Different,
    /// It cannot be told. Archive it; never skip or delete because of it.
    Undecidable,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Same { candidate, rule } => write!(f, "same as {candidate} by {rule}"),
            Verdict::Different => f.write_str("different"),
            Verdict::Undecidable => f.write_str("undecidable"),
        }
    }
}

/// Why a match is undecidable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// The message has no Message-ID or no readable Date.
    NoHeaderKey,
    /// Two candidates match equally well and differ.
    Tie(i64, i64),
    /// The question was about attachments, which are asked for by themselves.
    AttachmentsOnly,
}

/// What was found about one candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// It is a stub that names the message.
    StubPointer,
    /// Its header key is another, or it has none.
    OtherHeaderKey,
    /// A fact that the profile demands is unknown or another.
    ExtraDiffers(&'static str),
    /// The same server's key is equal.
    ServerKeyEqual,
    /// The same server says that they are two messages.
    ServerKeyConflict,
    /// Both were captured, with the same bytes.
    TotalHashEqual,
    /// Both were captured, with other bytes, and the profile takes that as decisive.
    TotalHashConflict,
    /// No cheap key decided: its parts had to be looked at.
    Survived,
    /// Its part set, or the message's, has nothing to compare.
    NothingToCompare,
    /// The part sets were compared, the message's being the left one.
    Parts(Overlap, Accepted),
}

/// Whether an overlap suffices for the purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted(pub bool);

/// One step of a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// [`Candidate::id`](super::Candidate::id).
    pub candidate: i64,
    /// What was found.
    pub finding: Finding,
}

/// How a verdict came about. Its text is what `match explain` prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// What the question was for.
    pub purpose: Purpose,
    /// The message's header key.
    pub header_key: Option<HeaderKey>,
    /// The steps in order.
    pub steps: Vec<Step>,
    /// Why the match is undecidable, if it is.
    pub doubt: Option<Doubt>,
    /// Part sets of candidates that were asked for: 0 where a cheap key decided, else
    /// one for each candidate that no cheap key ruled out.
    pub part_sets: usize,
}

impl Trace {
    pub(super) fn note(&mut self, candidate: i64, finding: Finding) {
        self.steps.push(Step { candidate, finding });
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "purpose: {}", self.purpose)?;
        match &self.header_key {
            Some(key) => writeln!(
                f,
                "header key: <{}> sent at {} s",
                key.message_id.escape_ascii(),
                key.sent
            )?,
            None => writeln!(f, "header key: none")?,
        }
        for step in &self.steps {
            writeln!(f, "candidate {}: {}", step.candidate, step.finding)?;
        }
        writeln!(f, "part sets computed: {}", self.part_sets)?;
        match self.doubt {
            None => Ok(()),
            Some(Doubt::NoHeaderKey) => writeln!(f, "undecidable: no Message-ID or no Date"),
            Some(Doubt::Tie(one, two)) => {
                writeln!(
                    f,
                    "undecidable: {one} and {two} match equally well and differ"
                )
            }
            Some(Doubt::AttachmentsOnly) => {
                writeln!(f, "undecidable: only attachments are asked about")
            }
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::StubPointer => f.write_str("stub of this message"),
            Finding::OtherHeaderKey => f.write_str("other header key"),
            Finding::ExtraDiffers(fact) => write!(f, "{fact} unknown or different"),
            Finding::ServerKeyEqual => f.write_str("server key equal"),
            Finding::ServerKeyConflict => {
                f.write_str("other key for the whole message by the same server")
            }
            Finding::TotalHashEqual => f.write_str("captured with the same bytes"),
            Finding::TotalHashConflict => f.write_str("captured with other bytes"),
            Finding::Survived => f.write_str("no cheap key decides"),
            Finding::NothingToCompare => f.write_str("no parts to compare"),
            Finding::Parts(overlap, Accepted(accepted)) => write!(
                f,
                "{} of {} parts among its {}: {}",
                overlap.common,
                overlap.left,
                overlap.right,
                if *accepted {
                    "suffices"
                } else {
                    "does not suffice"
                }
            ),
        }
    }
}
