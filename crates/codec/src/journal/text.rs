//! The text of a report: lines that name the envelope.

use super::{Kind, Recipient, Report};
use everpost_domain::message::header_text;

/// Most recipients of a report. Exchange expands lists of tens of thousands.
const RECIPIENTS: usize = 100_000;

/// Most lines that are kept because they were not understood, and most bytes of each.
const UNREAD: usize = 20;
const UNREAD_LINE: usize = 200;

/// What the lines of a report begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Sender,
    OnBehalfOf,
    Subject,
    MessageId,
    Label,
    Mailbox,
    Sent,
    Received,
    Recipient(Kind),
}

const NAMES: [(&str, Name); 12] = [
    ("sender", Name::Sender),
    ("on-behalf-of", Name::OnBehalfOf),
    ("subject", Name::Subject),
    ("message-id", Name::MessageId),
    ("label", Name::Label),
    ("mailbox", Name::Mailbox),
    ("sentutc", Name::Sent),
    ("receivedutc", Name::Received),
    ("to", Name::Recipient(Kind::To)),
    ("cc", Name::Recipient(Kind::Cc)),
    ("bcc", Name::Recipient(Kind::Bcc)),
    ("recipient", Name::Recipient(Kind::Recipient)),
];

/// What a text says, and how well it follows the grammar.
pub(super) struct Text {
    pub(super) report: Report,
    /// The text begins with the sender.
    sender_first: bool,
    sender: bool,
    subject: bool,
}

impl Text {
    /// Reads the text. Never fails: what is no line of a report is kept as not understood.
    pub(super) fn read(text: &str) -> Text {
        let mut found = Text {
            report: Report::default(),
            sender_first: false,
            sender: false,
            subject: false,
        };
        let mut logical = String::new();
        for line in text.lines() {
            let line = line.trim_end();
            if line.is_empty() {
                continue;
            }
            let goes_on =
                line.starts_with([' ', '\t']) || (is_open(&logical) && split(line).is_none());
            if !logical.is_empty() && goes_on {
                logical.push(' ');
                logical.push_str(line.trim_start());
            } else {
                found.line(&std::mem::take(&mut logical));
                logical.push_str(line);
            }
        }
        found.line(&logical);
        found
    }

    /// True if the text names an envelope, at least in part.
    pub(super) fn names_envelope(&self) -> bool {
        let known = [
            self.sender,
            self.subject,
            self.report.message_id.is_some(),
            !self.report.recipients.is_empty(),
        ];
        let known = known.into_iter().filter(|known| *known).count();
        (self.sender || !self.report.recipients.is_empty()) && known > 1
    }

    /// True if the text is what a server writes, all of it and nothing else.
    pub(super) fn is_strict(&self) -> bool {
        self.sender_first
            && self.subject
            && self.report.message_id.is_some()
            && !self.report.recipients.is_empty()
            && self.report.unread.is_empty()
    }

    fn line(&mut self, line: &str) {
        if line.is_empty() {
            return;
        }
        if !self.field(line) && self.report.unread.len() < UNREAD {
            self.report
                .unread
                .push(line.chars().take(UNREAD_LINE).collect());
        }
    }

    /// Takes a line in; false if it is none of a report, or one that is there already.
    fn field(&mut self, line: &str) -> bool {
        let Some((name, value)) = split(line) else {
            return false;
        };
        let value = value.trim();
        let report = &mut self.report;
        let begin = !self.sender && !self.subject && report.message_id.is_none();
        let slot = match name {
            Name::Sender => {
                let first = !self.sender;
                if first {
                    self.sender_first =
                        begin && report.recipients.is_empty() && report.unread.is_empty();
                    report.sender = address(value);
                    self.sender = true;
                }
                return first;
            }
            Name::Subject => {
                let first = !self.subject;
                if first {
                    report.subject = header_text(value.as_bytes());
                    self.subject = true;
                }
                return first;
            }
            Name::Recipient(kind) => {
                let room = report.recipients.len() < RECIPIENTS;
                if room && let Some(recipient) = recipient(kind, value) {
                    report.recipients.push(recipient);
                    return true;
                }
                return false;
            }
            Name::MessageId => {
                let id = value.trim_matches(['<', '>', ' ']);
                if report.message_id.is_none() && !id.is_empty() {
                    report.message_id = Some(id.to_string());
                    return true;
                }
                // Mail without a Message-ID exists.
                return id.is_empty();
            }
            Name::OnBehalfOf => {
                let first = report.on_behalf_of.is_none();
                report.on_behalf_of.get_or_insert_with(|| address(value));
                return first;
            }
            Name::Label => &mut report.label,
            Name::Mailbox => &mut report.mailbox,
            Name::Sent => &mut report.sent,
            Name::Received => &mut report.received,
        };
        let first = slot.is_none();
        slot.get_or_insert_with(|| value.to_string());
        first
    }
}

/// The name and value of a line.
fn split(line: &str) -> Option<(Name, &str)> {
    let (name, value) = line.split_once(':')?;
    let name = name.trim();
    let (_, name) = NAMES.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
    Some((*name, value))
}

/// True if the line of a recipient breaks off before what it announces: a server on the way cut it at
/// the blank.
fn is_open(line: &str) -> bool {
    let ends = line.ends_with(',') || line.ends_with(':');
    ends && matches!(split(line), Some((Name::Recipient(_), value)) if !value.is_empty())
}

/// `address[, Expanded: list][, Forwarded: address]`. Divided at these words and not at commas, which
/// X.500 names hold. (The grammar of 2007 forgot the comma.)
fn recipient(kind: Kind, value: &str) -> Option<Recipient> {
    let lower = value.to_ascii_lowercase();
    let mut marks: Vec<(usize, usize, bool)> = Vec::new();
    for (word, expanded) in [("expanded:", true), ("forwarded:", false)] {
        for (at, _) in lower.match_indices(word) {
            let before = lower.get(..at).unwrap_or_default();
            if before.ends_with([' ', ',']) {
                marks.push((at, at + word.len(), expanded));
            }
        }
    }
    marks.sort_unstable();
    let end = marks.first().map_or(value.len(), |(at, ..)| *at);
    let mut found = Recipient::unaddressed(address(value.get(..end)?));
    found.kind = kind;
    for (index, (_, start, expanded)) in marks.iter().enumerate() {
        let end = marks.get(index + 1).map_or(value.len(), |(at, ..)| *at);
        let origin = Some(address(value.get(*start..end)?)).filter(|one| !one.is_empty());
        let slot = if *expanded {
            &mut found.expanded
        } else {
            &mut found.forwarded
        };
        if slot.is_none() {
            *slot = origin;
        }
    }
    (!found.address.is_empty()).then_some(found)
}

/// An address without blanks and commas around it, a name before it, brackets and `SMTP:`.
fn address(value: &str) -> String {
    let mut text = value.trim_matches([' ', '\t', ',']);
    if let Some(inside) = text.strip_suffix('>')
        && let Some((_, inside)) = inside.rsplit_once('<')
    {
        text = inside.trim();
    }
    let prefix = text.get(..5).filter(|p| p.eq_ignore_ascii_case("smtp:"));
    let bare = prefix.and_then(|_| text.get(5..)).unwrap_or(text);
    bare.trim().to_string()
}
