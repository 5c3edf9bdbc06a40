//! What was made of a captured mail, for whoever sends a test message to see whether journaling works.

use super::{Captured, Inner, Report};
use everpost_domain::message::{Head, scan};
use std::fmt;

/// Most recipients that are listed.
const LISTED: usize = 50;

/// A mail as it was understood. Its [`Display`](fmt::Display) is one fact a line, doubts last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    /// What it is taken for, in a word or two.
    pub form: String,
    /// What it says: name and value.
    pub facts: Vec<(String, String)>,
    /// What is not as it should be.
    pub doubts: Vec<String>,
}

impl Description {
    fn fact(&mut self, name: &str, value: impl Into<String>) {
        self.facts.push((name.to_string(), value.into()));
    }

    fn optional(&mut self, name: &str, value: Option<&String>) {
        if let Some(value) = value {
            self.fact(name, value);
        }
    }

    fn recipients(&mut self, captured: &Captured) {
        let all = captured.recipients();
        for recipient in all.iter().take(LISTED) {
            self.fact("recipient", recipient.to_string());
        }
        if all.len() > LISTED {
            self.fact("recipient", format!("and {} more", all.len() - LISTED));
        }
        if all.is_empty() {
            self.doubts.push("no recipient is named".to_string());
        }
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.form)?;
        for (name, value) in &self.facts {
            writeln!(f, "  {name}: {value}")?;
        }
        for doubt in &self.doubts {
            writeln!(f, "  ! {doubt}")?;
        }
        Ok(())
    }
}

impl Captured {
    /// Says what was understood; `raw` is the mail that was [classified](super::classify).
    pub fn describe(&self, raw: &[u8]) -> Description {
        let mut out = Description::default();
        match self {
            Captured::Report(report) => {
                out.form = "journal report".to_string();
                report.describe(raw, &mut out);
            }
            Captured::Plain { why, .. } => {
                out.form = "plain copy".to_string();
                out.fact("because", why.to_string());
                out.fact("sender", path(self.sender()));
                message(raw, &mut out);
            }
        }
        out.recipients(self);
        out
    }
}

impl Report {
    fn describe(&self, raw: &[u8], out: &mut Description) {
        let by = if self.marked { "header" } else { "structure" };
        out.fact("recognised by", by);
        if self.wraps > 0 {
            out.fact("bounced", format!("{} times", self.wraps));
        }
        out.fact("sender", path(&self.sender));
        out.optional("on behalf of", self.on_behalf_of.as_ref());
        out.fact("subject", &self.subject);
        out.optional("message-id", self.message_id.as_ref());
        out.optional("label", self.label.as_ref());
        out.optional("mailbox", self.mailbox.as_ref());
        for inner in &self.inner {
            let form = match inner {
                Inner::Within(_) => "message, as it stands",
                Inner::Decoded(_) => "message, decoded",
                Inner::Tnef(_) => "TNEF",
            };
            let size = inner.bytes(raw).len();
            out.fact("original", format!("{form}, {size} bytes"));
        }
        match self.inner.as_slice() {
            [] => out.doubts.push("the original is missing".to_string()),
            [Inner::Tnef(_), ..] => {
                let doubt = "the original is TNEF: the server converts mail before it is journaled";
                out.doubts.push(doubt.to_string());
            }
            [first, ..] => {
                let bytes = first.bytes(raw);
                let head = Head::read(bytes, &scan(bytes));
                let named = self.message_id.as_ref().map(String::as_bytes);
                if head.message_id.as_deref() != named {
                    let doubt = "the original has another Message-ID than the report names";
                    out.doubts.push(doubt.to_string());
                }
            }
        }
        for line in &self.unread {
            out.doubts.push(format!("not understood: {line}"));
        }
    }
}

/// Subject and Message-ID of a message.
fn message(raw: &[u8], out: &mut Description) {
    let head = Head::read(raw, &scan(raw));
    out.fact("subject", head.subject);
    if let Some(id) = head.message_id {
        out.fact("message-id", String::from_utf8_lossy(&id));
    }
    out.fact("original", format!("the mail itself, {} bytes", raw.len()));
}

/// A path, which may be the null path.
fn path(address: &str) -> String {
    if address.is_empty() {
        "<>".to_string()
    } else {
        address.to_string()
    }
}
