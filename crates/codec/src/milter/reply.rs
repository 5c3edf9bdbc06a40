//! Verdicts of the filter.

use super::frame::write;

/// Replies, filter to MTA (`SMFIR_*`).
mod code {
    pub(super) const ACCEPT: u8 = b'a';
    pub(super) const CONTINUE: u8 = b'c';
    pub(super) const ADD_HEADER: u8 = b'h';
    pub(super) const PROGRESS: u8 = b'p';
    pub(super) const REJECT: u8 = b'r';
    pub(super) const TEMPFAIL: u8 = b't';
    pub(super) const REPLY: u8 = b'y';
}

/// Most bytes of a reply's text: SMTP ends a line at 512 bytes (RFC 5321 §4.5.3.1.5).
const TEXT: usize = 450;

/// What becomes of the step that was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Go on; after [`Event::End`](super::Event::End): the message may pass.
    Continue,
    /// Go on and tell nothing more: of the connection if this answers its begin, else of the message.
    Accept,
    /// Refuse for now (451), so that the client tries again.
    TempFail,
    /// Refuse for good (550).
    Reject,
    /// Refuse with these words.
    Refuse(Reply),
}

/// An SMTP reply that refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply(String);

impl Reply {
    /// A reply of `code` (400 to 599), enhanced code (RFC 3463) and text; `None` if they contradict each
    /// other. Of the text, what is not printable ASCII becomes `?`, and 450 bytes are kept.
    pub fn new(code: u16, enhanced: (u8, u16, u16), text: &str) -> Option<Reply> {
        let (class, subject, detail) = enhanced;
        let fits = (400..600).contains(&code) && code / 100 == u16::from(class);
        if !fits || subject > 999 || detail > 999 {
            return None;
        }
        let mut line = format!("{code} {class}.{subject}.{detail} ");
        for c in text.chars().take(TEXT) {
            match c {
                // The MTA takes the text for a format.
                '%' => line.push_str("%%"),
                ' '..='~' => line.push(c),
                _ => line.push('?'),
            }
        }
        Some(Reply(line))
    }
}

impl Answer {
    /// True if the step is refused.
    pub fn refuses(&self) -> bool {
        !matches!(self, Answer::Continue | Answer::Accept)
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Answer::Continue => write(code::CONTINUE, &[], out),
            Answer::Accept => write(code::ACCEPT, &[], out),
            Answer::TempFail => write(code::TEMPFAIL, &[], out),
            Answer::Reject => write(code::REJECT, &[], out),
            Answer::Refuse(Reply(line)) => {
                write(code::REPLY, &[line.as_bytes(), b"\0"].concat(), out);
            }
        }
    }
}

/// Asks the MTA for more patience.
pub(super) fn write_progress(out: &mut Vec<u8>) {
    write(code::PROGRESS, &[], out);
}

/// Adds a header field at the end of the header.
pub(super) fn write_header(name: &str, value: &str, out: &mut Vec<u8>) {
    let data = [name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat();
    write(code::ADD_HEADER, &data, out);
}
