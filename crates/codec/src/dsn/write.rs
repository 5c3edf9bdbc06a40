//! Writes notifications.

use super::{Action, Notify, Ret, xtext};
use everpost_domain::message::{format_rfc5322, scan};
use memchr::memmem;

/// A message that the sender did not ask back in full comes back in full up to this size, in bytes.
const SMALL: usize = 50_000;

/// Longest line of a mail, in bytes without its end (RFC 5322 §2.1.1).
const LINE: usize = 998;

/// Where lines are folded, where they can be.
const FOLD: usize = 76;

/// A notification to be written. Text of any kind may come from outside: what cannot stand where it belongs
/// is replaced.
#[derive(Debug, Clone)]
pub struct Notification<'a> {
    /// Divides the parts: 1 to 70 characters of RFC 2046 that occur in nothing of this.
    pub boundary: &'a str,
    /// The notification's own Message-ID, without brackets.
    pub message_id: &'a str,
    /// Its time, in seconds since 1970.
    pub unix: i64,
    /// The name of the server that tells.
    pub reporting_mta: &'a str,
    /// The address in its From field.
    pub from: &'a str,
    /// Who is told: the reverse path of the message, without brackets.
    pub reverse_path: &'a str,
    /// `ENVID` of the message as it came, in xtext.
    pub envelope_id: Option<&'a str>,
    /// When the message came, in seconds since 1970.
    pub arrived: Option<i64>,
    /// The server that it came from.
    pub received_from: Option<&'a str>,
    /// `RET` of the message.
    pub ret: Option<Ret>,
    /// Whether the message came with `SMTPUTF8`, so that its sender's server takes such mail.
    pub smtputf8: bool,
    /// The message.
    pub original: &'a [u8],
    /// Its recipients, and what became of each.
    pub recipients: &'a [Outcome<'a>],
}

/// What became of a message for one recipient.
#[derive(Debug, Clone)]
pub struct Outcome<'a> {
    /// The address that delivery was tried to.
    pub address: &'a str,
    /// `ORCPT` as it came: type, `;`, xtext.
    pub orcpt: Option<&'a str>,
    /// `NOTIFY`; `None` where the sender did not say.
    pub notify: Option<Notify>,
    /// What became of it.
    pub action: Action,
    /// The enhanced status code (RFC 3463). One that contradicts `action` is replaced.
    pub status: &'a str,
    /// The server that answered.
    pub remote_mta: Option<&'a str>,
    /// Its reply: code, enhanced code, text.
    pub reply: Option<&'a str>,
    /// When it was last tried, in seconds since 1970.
    pub attempted: Option<i64>,
    /// Until when it will be tried, in seconds since 1970.
    pub retry_until: Option<i64>,
}

/// Why no notification is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotWritten {
    /// The message has the null reverse path: it may be a notification itself.
    #[error("a message without a sender is never answered")]
    NullSender,
    /// Of no recipient does the sender want to hear this.
    #[error("the sender does not want to be told")]
    NobodyAsked,
    /// The boundary is none, or occurs in the text.
    #[error("the boundary cannot divide this notification")]
    Boundary,
}

/// Writes a notification, lines ended by CRLF.
///
/// Told is of those recipients only of whom the sender wants to hear it ([`Notify`]). The message comes
/// back in full if some recipient failed and the sender asked for it (`RET=FULL`), or did not say and it
/// has at most 50,000 bytes; otherwise its header does. Its lines are ended by CRLF then, and a message that SMTP
/// cannot carry (NUL, lines above 998 bytes) comes back as a header without such lines.
/// Types of RFC 6533 are used only where an address needs them and the sender's server can take them.
pub fn write(notification: &Notification<'_>) -> Result<Vec<u8>, NotWritten> {
    if notification.reverse_path.is_empty() {
        return Err(NotWritten::NullSender);
    }
    let told: Vec<&Outcome<'_>> = notification
        .recipients
        .iter()
        .filter(|one| one.notify.unwrap_or(Notify::UNSAID).wants(one.action))
        .collect();
    if told.is_empty() {
        return Err(NotWritten::NobodyAsked);
    }
    let writer = Writer::new(notification, told);
    let human = writer.human();
    let status = writer.status();
    let (kind, returned) = writer.returned();
    let boundary = notification.boundary;
    let delimiter = format!("--{boundary}");
    let parts = [human.as_bytes(), status.as_bytes(), &returned];
    let used = |part: &&[u8]| memmem::find(part, delimiter.as_bytes()).is_some();
    if !is_boundary(boundary) || parts.iter().any(used) {
        return Err(NotWritten::Boundary);
    }
    let utf8 = writer.utf8;
    let charset = if utf8 { "utf-8" } else { "us-ascii" };
    let status_kind = if utf8 {
        "message/global-delivery-status"
    } else {
        "message/delivery-status"
    };
    let heads = [
        format!("text/plain; charset={charset}"),
        status_kind.to_string(),
        kind.to_string(),
    ];
    let mut out = writer.header(parts.iter().all(|part| part.is_ascii()));
    for (head, part) in heads.iter().zip(parts) {
        out.extend_from_slice(format!("{delimiter}\r\nContent-Type: {head}\r\n").as_bytes());
        out.extend_from_slice(transfer(part.is_ascii()).as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("{delimiter}--\r\n").as_bytes());
    Ok(out)
}

struct Writer<'a> {
    all: &'a Notification<'a>,
    told: Vec<&'a Outcome<'a>>,
    /// Text may be more than ASCII.
    utf8: bool,
}

impl<'a> Writer<'a> {
    fn new(all: &'a Notification<'a>, told: Vec<&'a Outcome<'a>>) -> Self {
        let plain = told
            .iter()
            .all(|one| one.address.is_ascii() && one.orcpt.is_none_or(str::is_ascii));
        // Who writes from such an address can read it.
        let utf8 = !all.reverse_path.is_ascii() || (all.smtputf8 && !plain);
        Writer { all, told, utf8 }
    }

    fn header(&self, ascii: bool) -> Vec<u8> {
        let all = self.all;
        let worst = self.worst();
        let subject = match worst {
            Action::Failed => "Your message could not be delivered",
            Action::Delayed => "Your message is delayed",
            Action::Relayed => "Your message was passed on",
            Action::Delivered | Action::Expanded => "Your message was delivered",
        };
        let mut out = String::new();
        self.field(
            &mut out,
            "From",
            &format!("Mail Delivery System <{}>", all.from),
        );
        self.field(&mut out, "To", &format!("<{}>", all.reverse_path));
        self.field(&mut out, "Subject", subject);
        self.field(&mut out, "Date", &format_rfc5322(all.unix));
        self.field(&mut out, "Message-ID", &format!("<{}>", all.message_id));
        out.push_str("Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n");
        out.push_str("Content-Type: multipart/report; report-type=delivery-status;\r\n");
        out.push_str(&format!(" boundary=\"{}\"\r\n", all.boundary));
        out.push_str(transfer(ascii));
        out.push_str("\r\n");
        out.into_bytes()
    }

    /// What the subject is about if recipients differ.
    fn worst(&self) -> Action {
        let ranked = [Action::Failed, Action::Delayed, Action::Relayed];
        let any = |action: &Action| self.told.iter().any(|one| one.action == *action);
        ranked.into_iter().find(any).unwrap_or(Action::Delivered)
    }

    /// The part for people.
    fn human(&self) -> String {
        let mut out = String::new();
        self.line(
            &mut out,
            "",
            &format!("This is the mail system at {}.", self.all.reporting_mta),
        );
        for (action, words) in [
            (Action::Failed, "Your message could not be delivered to:"),
            (
                Action::Delayed,
                "Your message could not be delivered yet. You need not send it again. Delivery is still tried to:",
            ),
            (
                Action::Relayed,
                "Your message was handed to servers that do not tell of delivery, for:",
            ),
            (Action::Delivered, "Your message was delivered to:"),
            (Action::Expanded, "Your message was delivered to the list:"),
        ] {
            let of_action: Vec<_> = self
                .told
                .iter()
                .filter(|one| one.action == action)
                .collect();
            if of_action.is_empty() {
                continue;
            }
            out.push_str("\r\n");
            self.line(&mut out, "", words);
            for one in of_action {
                out.push_str("\r\n");
                self.line(&mut out, "  ", &format!("<{}>", self.address(one.address)));
                if let Some(reply) = one.reply {
                    let remote = one.remote_mta.unwrap_or("The mail system");
                    self.line(&mut out, "    ", &format!("{remote} said: {reply}"));
                }
                if let Some(until) = one.retry_until {
                    self.line(
                        &mut out,
                        "    ",
                        &format!("Tried until {}", format_rfc5322(until)),
                    );
                }
            }
        }
        out
    }

    /// The part for machines.
    fn status(&self) -> String {
        let all = self.all;
        let mut out = String::new();
        if let Some(id) = all.envelope_id {
            self.field(&mut out, "Original-Envelope-Id", &xtext::decode(id));
        }
        self.field(
            &mut out,
            "Reporting-MTA",
            &format!("dns; {}", all.reporting_mta),
        );
        if let Some(from) = all.received_from {
            self.field(&mut out, "Received-From-MTA", &format!("dns; {from}"));
        }
        if let Some(arrived) = all.arrived {
            self.field(&mut out, "Arrival-Date", &format_rfc5322(arrived));
        }
        for one in &self.told {
            out.push_str("\r\n");
            if let Some((kind, address)) = one.orcpt.and_then(|orcpt| orcpt.split_once(';')) {
                let utf8 = kind.eq_ignore_ascii_case("utf-8");
                let address = match (utf8, self.utf8) {
                    // Encoded twice: as xtext on its way, and the Unicode within.
                    (true, true) => xtext::decode_unicode(&xtext::decode(address)),
                    _ => xtext::decode(address),
                };
                self.typed(&mut out, "Original-Recipient", kind, &address);
            }
            self.typed(&mut out, "Final-Recipient", "rfc822", one.address);
            self.field(&mut out, "Action", one.action.name());
            self.field(&mut out, "Status", &status(one));
            if let Some(remote) = one.remote_mta {
                self.field(&mut out, "Remote-MTA", &format!("dns; {remote}"));
            }
            if let Some(reply) = one.reply {
                self.field(&mut out, "Diagnostic-Code", &format!("smtp; {reply}"));
            }
            if let Some(attempted) = one.attempted {
                self.field(&mut out, "Last-Attempt-Date", &format_rfc5322(attempted));
            }
            if let Some(until) = one.retry_until.filter(|_| one.action == Action::Delayed) {
                self.field(&mut out, "Will-Retry-Until", &format_rfc5322(until));
            }
        }
        out
    }

    /// What comes back: its type and its bytes.
    fn returned(&self) -> (&'static str, Vec<u8>) {
        let original = self.all.original;
        let failed = self.told.iter().any(|one| one.action == Action::Failed);
        let full = match self.all.ret {
            Some(ret) => ret == Ret::Full,
            None => original.len() <= SMALL,
        };
        let lines = crlf(original);
        if full && failed && lines.iter().all(|line| is_sendable(line)) {
            let kind = ["message/rfc822", "message/global"];
            let kind = kind.get(usize::from(self.utf8)).copied();
            return (kind.unwrap_or_default(), join(&lines));
        }
        let structure = scan(original);
        let end = structure.parts.first().map_or(0, |part| part.header.end);
        let mut header = crlf(original.get(..end).unwrap_or_default());
        header.retain(|line| is_sendable(line) && !line.is_empty());
        let kind = ["text/rfc822-headers", "message/global-headers"];
        let kind = kind.get(usize::from(self.utf8)).copied();
        (kind.unwrap_or_default(), join(&header))
    }

    /// A field whose value is an address with its type.
    fn typed(&self, out: &mut String, name: &str, kind: &str, address: &str) {
        let kind = if address.is_ascii() { kind } else { "utf-8" };
        self.field(out, name, &format!("{kind}; {}", self.address(address)));
    }

    /// An address as it can be written here.
    fn address(&self, address: &str) -> String {
        if self.utf8 || address.is_ascii() {
            address.to_string()
        } else {
            xtext::encode_unicode(address)
        }
    }

    /// A field, folded.
    fn field(&self, out: &mut String, name: &str, value: &str) {
        out.push_str(name);
        out.push(':');
        self.words(out, name.len() + 1, " ", value);
    }

    /// A line of text; what is too long goes on below it.
    fn line(&self, out: &mut String, indent: &str, text: &str) {
        out.push_str(indent);
        let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
        self.word(out, first);
        self.words(out, indent.len() + first.len(), indent, rest);
    }

    /// Words after `used` bytes of a line, each after a blank or a line break with `indent`; then a break.
    fn words(&self, out: &mut String, used: usize, indent: &str, text: &str) {
        let mut used = used;
        for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
            if word.is_empty() {
                continue;
            }
            if used + 1 + word.len() > FOLD && used > indent.len() {
                out.push_str("\r\n");
                out.push_str(indent);
                used = indent.len();
            } else {
                out.push(' ');
                used += 1;
            }
            self.word(out, word);
            used += word.len();
        }
        out.push_str("\r\n");
    }

    /// A word, as much of it as a line holds.
    fn word(&self, out: &mut String, word: &str) {
        for (at, c) in word.char_indices() {
            if at + FOLD > LINE - 4 {
                out.push_str("...");
                break;
            }
            let fits = if self.utf8 {
                !c.is_control()
            } else {
                matches!(c, ' '..='~')
            };
            out.push(if fits { c } else { '?' });
        }
    }
}

/// The field that says what bytes a part has.
fn transfer(ascii: bool) -> &'static str {
    if ascii {
        ""
    } else {
        "Content-Transfer-Encoding: 8bit\r\n"
    }
}

/// The status code, or the least that `action` says.
fn status(one: &Outcome<'_>) -> String {
    let class = one.action.class();
    let mut numbers = one.status.split('.');
    let number = |part: Option<&str>| {
        part.is_some_and(|p| (1..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()))
    };
    let fits = numbers.next() == Some(class)
        && number(numbers.next())
        && number(numbers.next())
        && numbers.next().is_none();
    if fits {
        one.status.to_string()
    } else {
        format!("{class}.0.0")
    }
}

/// The characters of RFC 2046 §5.1.1, without blanks.
fn is_boundary(boundary: &str) -> bool {
    let proper = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&b);
    (1..=70).contains(&boundary.len()) && boundary.bytes().all(proper)
}

/// The lines of a message, whatever ends them.
fn crlf(message: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = Vec::new();
    for line in message.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        lines.extend(line.split(|&byte| byte == b'\r'));
    }
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    lines
}

fn join(lines: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(lines.iter().map(|line| line.len() + 2).sum());
    for line in lines {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// True if SMTP carries the line.
fn is_sendable(line: &[u8]) -> bool {
    line.len() <= LINE && memchr::memchr(0, line).is_none()
}
