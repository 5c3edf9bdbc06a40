//! One line.

use super::Stamp;
use crate::dsn::{Reputation, reputation};

/// Longest line that is read, in bytes: syslogs cut theirs at 2 to 8 KiB, and Postfix's own at 32.
const LINE: usize = 64 << 10;

/// Programs of Postfix whose lines tell of mail.
const PROGRAMS: [&str; 14] = [
    "smtpd", "pickup", "cleanup", "qmgr", "oqmgr", "nqmgr", "smtp", "lmtp", "local", "virtual",
    "pipe", "error", "discard", "bounce",
];

/// A line of Postfix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it was written.
    pub stamp: Stamp,
    /// The host that wrote it.
    pub host: String,
    /// The program: the last part of its name (`smtpd`, `cleanup`, `qmgr`).
    pub program: String,
    /// What comes before that: `postfix`, `postfix/submission`.
    pub service: String,
    /// The queue id; `None` for what was never queued.
    pub queue_id: Option<String>,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A client hands over a message (smtpd).
    Client {
        /// `name[address]` of the client.
        client: String,
        /// Who signed in.
        sasl_username: Option<String>,
    },
    /// A local user hands one over (pickup).
    Pickup {
        /// The sender.
        from: String,
    },
    /// The Message-ID without brackets, as the header says it (cleanup). Says nothing of acceptance yet.
    MessageId(String),
    /// The message rests in the queue (qmgr): it was accepted.
    Queued {
        /// The reverse path.
        from: String,
        /// Bytes of the queue file's message.
        size: u64,
        /// Its recipients.
        recipients: u32,
    },
    /// An attempt to deliver, with its end.
    Delivery(Box<Delivered>),
    /// A server's reply on the way, before another is tried.
    Said(String),
    /// The message is given up, too old (qmgr).
    Expired,
    /// A notification about it was made, with this queue id (bounce).
    Notified(String),
    /// A message or recipient was refused, with the reply (smtpd, cleanup).
    Rejected {
        /// The sender, where it is named.
        from: Option<String>,
        /// The recipient, where it is named.
        to: Option<String>,
        /// All that the line says.
        text: String,
    },
    /// The message left the queue: nothing more happens under this id.
    Removed,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Delivered, or taken by the next server.
    Sent,
    /// Will be tried again.
    Deferred,
    /// Given up.
    Bounced,
    /// Anything else: `deliverable`, `undeliverable` (probes), `expired`.
    Other,
}

/// The server that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// Its name, or what Postfix calls it: `local`, `virtual`.
    pub host: String,
    /// Its address.
    pub address: Option<String>,
    /// Its port.
    pub port: Option<u16>,
}

/// An attempt to deliver to one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The recipient.
    pub to: String,
    /// The recipient as the message came with it, where that is another.
    pub orig_to: Option<String>,
    /// The server; `None` where none was reached.
    pub relay: Option<Relay>,
    /// Milliseconds since the message came.
    pub delay_ms: Option<u64>,
    /// The enhanced status code.
    pub dsn: Option<String>,
    /// How it ended.
    pub status: Status,
    /// The reason or reply, without the parentheses around it.
    pub text: String,
}

impl Entry {
    /// Reads a line; `None` if it is none of Postfix, or says nothing of mail.
    pub fn read(line: &[u8]) -> Option<Entry> {
        let line = String::from_utf8_lossy(line.get(..LINE).unwrap_or(line));
        let line = line.trim_end();
        // The priority that syslog sends along.
        let line = match line.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
            Some((priority, rest)) if priority.parse::<u16>().is_ok() => rest,
            _ => line,
        };
        let (stamp, rest) = Stamp::read(line)?;
        let (host, rest) = rest.trim_start().split_once(' ')?;
        let (tag, text) = rest.split_once(": ")?;
        let name = tag.split_once('[').map_or(tag, |(name, _)| name);
        let (service, program) = name.rsplit_once('/')?;
        if name.contains(' ') || !PROGRAMS.contains(&program) {
            return None;
        }
        let (queue_id, text) = match text.split_once(": ") {
            Some(("NOQUEUE", text)) => (None, text),
            Some((id, text)) if is_queue_id(id) => (Some(id.to_string()), text),
            _ => return None,
        };
        Some(Entry {
            stamp,
            host: host.to_string(),
            program: program.to_string(),
            service: service.to_string(),
            queue_id,
            event: Event::read(program, text)?,
        })
    }

    /// What the line says of our reputation, if a server refused mail because of it.
    pub fn reputation(&self) -> Option<Reputation> {
        match &self.event {
            Event::Delivery(delivered) if delivered.status != Status::Sent => {
                reputation(&delivered.text)
            }
            Event::Said(text) => reputation(text),
            // What we refuse others is not about us.
            _ => None,
        }
    }
}

impl Event {
    fn read(program: &str, text: &str) -> Option<Event> {
        if text == "removed" {
            return program.ends_with("qmgr").then_some(Event::Removed);
        }
        if text.starts_with("to=<") {
            return Delivered::read(text).map(|found| Event::Delivery(Box::new(found)));
        }
        if program == "bounce"
            && let Some((_, id)) = text.split_once(" notification: ")
            && is_queue_id(id)
        {
            return Some(Event::Notified(id.to_string()));
        }
        let refused = ["reject: ", "milter-reject: "].iter();
        if let Some(text) = refused.filter_map(|word| text.strip_prefix(word)).next() {
            let fields = text
                .split_once("; from=")
                .map(|(_, after)| format!("from={after}"));
            let value = |name: &str| Fields(fields.as_deref().unwrap_or_default()).get(name);
            return Some(Event::Rejected {
                from: value("from"),
                to: value("to"),
                text: text.to_string(),
            });
        }
        if text.starts_with("host ") && text.contains(" said: ") {
            return Some(Event::Said(text.to_string()));
        }
        let get = |name: &str| Fields(text).get(name);
        match program {
            "smtpd" => Some(Event::Client {
                client: get("client")?,
                sasl_username: get("sasl_username"),
            }),
            "pickup" => Some(Event::Pickup { from: get("from")? }),
            "cleanup" => get("message-id").map(Event::MessageId),
            "qmgr" | "oqmgr" | "nqmgr" => {
                if get("status").is_some_and(|status| status.starts_with("expired")) {
                    return Some(Event::Expired);
                }
                let recipients = get("nrcpt")?;
                let recipients = recipients.split(' ').next()?;
                Some(Event::Queued {
                    from: get("from")?,
                    size: get("size")?.parse().ok()?,
                    recipients: recipients.parse().ok()?,
                })
            }
            _ => None,
        }
    }
}

impl Delivered {
    fn read(text: &str) -> Option<Delivered> {
        let get = |name: &str| Fields(text).get(name);
        let last = get("status")?;
        let (word, reply) = last.split_once(' ').unwrap_or((&last, ""));
        let reply = reply.trim();
        let inside = reply.strip_prefix('(').and_then(|r| r.strip_suffix(')'));
        Some(Delivered {
            to: get("to")?,
            orig_to: get("orig_to"),
            relay: get("relay").and_then(|relay| Relay::read(&relay)),
            delay_ms: get("delay").and_then(|delay| milliseconds(&delay)),
            dsn: get("dsn"),
            status: match word.trim_end_matches(',') {
                "sent" => Status::Sent,
                "deferred" => Status::Deferred,
                "bounced" => Status::Bounced,
                _ => Status::Other,
            },
            text: inside.unwrap_or(reply).to_string(),
        })
    }
}

impl Relay {
    /// `host[address]:port`, `host[address]`, `local`; `none` is none.
    fn read(text: &str) -> Option<Relay> {
        if text == "none" {
            return None;
        }
        let Some((host, rest)) = text.split_once('[') else {
            let (host, address, port) = (text.to_string(), None, None);
            return Some(Relay {
                host,
                address,
                port,
            });
        };
        let (address, rest) = rest.split_once(']')?;
        Some(Relay {
            host: host.to_string(),
            address: Some(address.to_string()),
            port: rest.strip_prefix(':').and_then(|port| port.parse().ok()),
        })
    }
}

/// Seconds with up to two decimals, as milliseconds.
fn milliseconds(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    let whole: u64 = whole.parse().ok()?;
    whole.checked_mul(1_000)?.checked_add(digits.parse().ok()?)
}

/// `name=value, name=<value>, …` to names and values, brackets removed. All that follows `status=` is its
/// value, for it may be the reply of any server. Ends at the first thing that is no field: header fields that
/// Postfix was told to log begin otherwise, and their text must not pass for ours.
struct Fields<'a>(&'a str);

impl Fields<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let mut fields = Fields(self.0);
        let found = fields.find(|(other, _)| *other == name)?;
        Some(found.1.to_string())
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, after) = self.0.split_once('=')?;
        let name = name.trim_start_matches([',', ' ']);
        let proper = |b: u8| b.is_ascii_alphabetic() || matches!(b, b'_' | b'-');
        if name.is_empty() || !name.bytes().all(proper) {
            return None;
        }
        let (value, after) = if name == "status" {
            (after, "")
        } else {
            value(after)?
        };
        self.0 = after;
        Some((name, value))
    }
}

/// A value and what follows it. In brackets it ends at `>` before a comma, a blank or the end, but not in the
/// quotes of a local part, which may hold anything.
fn value(text: &str) -> Option<(&str, &str)> {
    let Some(inside) = text.strip_prefix('<') else {
        let end = text.find(", ").unwrap_or(text.len());
        return text.split_at_checked(end);
    };
    let (mut quoted, mut escaped) = (inside.starts_with('"'), false);
    for (at, c) in inside.char_indices() {
        let after = inside.get(at + 1..);
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' if at > 0 => quoted = false,
            '>' if !quoted
                && after.is_some_and(|after| after.is_empty() || after.starts_with([',', ' '])) =>
            {
                return inside.get(..at).zip(after);
            }
            _ => {}
        }
    }
    None
}

/// Short ids are hexadecimal; long ones (`enable_long_queue_ids`) digits and letters without vowels. Words that
/// begin a line (`warning`, `statistics`) are neither.
fn is_queue_id(id: &str) -> bool {
    let short = |b: u8| b.is_ascii_digit() || (b'A'..=b'F').contains(&b);
    let long = |b: u8| b.is_ascii_alphanumeric() && !b"AEIOUaeiou".contains(&b);
    let digit = id.bytes().any(|b| b.is_ascii_digit());
    ((6..=20).contains(&id.len()) && id.bytes().all(short))
        || ((10..=32).contains(&id.len()) && digit && id.bytes().all(long))
}
