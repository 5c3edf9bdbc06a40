//! The first exchange: version, what the filter may change, and which steps it is told of.

use super::frame::{FRAME, write};
use super::{Error, command};

/// Versions spoken.
const OLDEST: u32 = 2;
const NEWEST: u32 = 6;

/// What a filter may do to a message (`SMFIF_*`).
mod action {
    pub(super) const ADD_HEADERS: u32 = 0x01;
    /// Say which macros it wants to have.
    pub(super) const LIST_MACROS: u32 = 0x100;
}

/// Which steps the filter is told of, and what it answers (`SMFIP_*`). No `SMFIP_NO*` flag is here: all
/// steps are wanted. Nor is `SMFIP_RCPT_REJ`: recipients that the MTA refused are none of a message.
mod step {
    /// No answer to a header field.
    pub(super) const QUIET_HEADER: u32 = 0x80;
    pub(super) const QUIET_HELO: u32 = 0x2000;
    pub(super) const QUIET_DATA: u32 = 0x1_0000;
    pub(super) const QUIET_UNKNOWN: u32 = 0x2_0000;
    pub(super) const QUIET_END_OF_HEADER: u32 = 0x4_0000;
    pub(super) const QUIET_BODY: u32 = 0x8_0000;
    /// Values of header fields keep the blank that they begin with.
    pub(super) const LEADING_SPACE: u32 = 0x10_0000;
}

/// Steps that are never refused: each answer less is a round trip less.
const QUIET: [(u8, u32); 6] = [
    (command::HEADER, step::QUIET_HEADER),
    (command::HELO, step::QUIET_HELO),
    (command::DATA, step::QUIET_DATA),
    (command::UNKNOWN, step::QUIET_UNKNOWN),
    (command::END_OF_HEADER, step::QUIET_END_OF_HEADER),
    (command::BODY, step::QUIET_BODY),
];

/// Macros asked for, by the number of their stage (`SMFIM_*`). An MTA that takes a list sends nothing else.
const MACROS: [(u32, &[u8]); 7] = [
    (
        0,
        b"j {daemon_name} {client_addr} {client_name} {client_port} {client_ptr} _",
    ),
    (1, b"{tls_version} {cipher} {cert_subject} {cert_issuer}"),
    (2, b"i {auth_type} {auth_authen} {auth_author} {mail_addr}"),
    (3, b"i {rcpt_addr} {rcpt_mailer} {rcpt_host}"),
    (4, b"i"),
    (5, b"i {auth_type} {auth_authen} {client_addr}"),
    (6, b"i"),
];

/// What a session asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Most bytes of a frame, command included; see [`FRAME`].
    pub frame: u32,
    /// Whether header fields may be added at the end of a message.
    pub add_headers: bool,
    /// Whether to name the macros that are wanted, where the MTA takes such lists. Else it sends what it
    /// is configured to send (Postfix: `milter_*_macros`).
    pub list_macros: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            frame: FRAME,
            add_headers: false,
            list_macros: true,
        }
    }
}

/// What MTA and filter agreed upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Negotiated {
    /// The version both speak, 2 to 6.
    pub version: u32,
    actions: u32,
    steps: u32,
}

impl Negotiated {
    /// True if values of header fields come with the blank after the colon, so that they are exact.
    pub fn exact_headers(&self) -> bool {
        self.steps & step::LEADING_SPACE != 0
    }

    /// True if header fields may be added at the end of a message.
    pub fn adds_headers(&self) -> bool {
        self.actions & action::ADD_HEADERS != 0
    }

    /// True if the MTA waits for an answer to `command`.
    pub(super) fn answered(&self, command: u8) -> bool {
        let quiet = QUIET.iter().find(|(other, _)| *other == command);
        quiet.is_none_or(|(_, flag)| self.steps & flag == 0)
    }
}

/// Reads what the MTA offers, and writes what is chosen of it.
pub(super) fn negotiate(
    data: &[u8],
    options: &Options,
    out: &mut Vec<u8>,
) -> Result<Negotiated, Error> {
    let malformed = || Error::Malformed(command::NEGOTIATE);
    let number = |at: usize| {
        let bytes = data.get(at..).and_then(<[u8]>::first_chunk::<4>);
        bytes
            .map(|bytes| u32::from_be_bytes(*bytes))
            .ok_or_else(malformed)
    };
    let version = number(0)?;
    if version < OLDEST {
        return Err(Error::Version(version));
    }
    let (offered_actions, offered_steps) = (number(4)?, number(8)?);
    let mut actions = 0;
    if options.add_headers {
        actions |= action::ADD_HEADERS;
    }
    if options.list_macros {
        actions |= action::LIST_MACROS;
    }
    let quiet = QUIET.iter().fold(0, |flags, (_, flag)| flags | flag);
    let agreed = Negotiated {
        version: version.min(NEWEST),
        actions: actions & offered_actions,
        steps: (quiet | step::LEADING_SPACE) & offered_steps,
    };
    let mut answer = Vec::new();
    for number in [agreed.version, agreed.actions, agreed.steps] {
        answer.extend_from_slice(&number.to_be_bytes());
    }
    if agreed.actions & action::LIST_MACROS != 0 {
        for (stage, names) in MACROS {
            answer.extend_from_slice(&stage.to_be_bytes());
            answer.extend_from_slice(names);
            answer.push(0);
        }
    }
    write(command::NEGOTIATE, &answer, out);
    Ok(agreed)
}
