//! Reads notifications of any server.

use super::{Action, xtext};
use everpost_domain::message::{
    Field, Head, Kind, Part, Structure, decode, fields, header_text, parse_date, scan,
};

/// Most recipients of one notification.
const RECIPIENTS: usize = 10_000;

/// Most bytes of the part for machines that are read: 10,000 recipients of a kilobyte.
const STATUS: usize = 10 << 20;

/// Most further parts for machines that are looked at.
const PARTS: usize = 4;

/// What a notification says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dsn {
    /// The server that tells.
    pub reporting_mta: Option<String>,
    /// `ENVID` of the message, decoded.
    pub envelope_id: Option<String>,
    /// When the message came to that server, in seconds since 1970.
    pub arrived: Option<i64>,
    /// Of whom it tells, at most 10,000.
    pub recipients: Vec<Delivery>,
    /// The Message-ID of the message that came back, or of its header, without brackets.
    pub message_id: Option<Vec<u8>>,
}

/// What became of the message for one recipient.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// The address that the sender wrote.
    pub original: Option<String>,
    /// The address that delivery was tried to.
    pub address: Option<String>,
    /// What became of it; `None` for a word that the RFC does not have.
    pub action: Option<Action>,
    /// The enhanced status code: three numbers.
    pub status: Option<String>,
    /// The server that answered.
    pub remote_mta: Option<String>,
    /// Its reply.
    pub diagnostic: Option<String>,
    /// When it was last tried, in seconds since 1970.
    pub attempted: Option<i64>,
    /// Until when it will be tried, in seconds since 1970.
    pub retry_until: Option<i64>,
}

/// Reads a delivery status notification; `None` if the mail is none. Of several parts for machines, which some
/// servers write, the first that tells of a recipient is read.
pub fn read(raw: &[u8]) -> Option<Dsn> {
    let structure = scan(raw);
    let mut parts = outer(&structure).filter(|part| {
        matches!(
            &*part.content_type,
            "message/delivery-status" | "message/global-delivery-status"
        )
    });
    let mut dsn = status_part(&decode(raw, parts.next()?));
    if dsn.recipients.is_empty() {
        let others = parts
            .take(PARTS)
            .map(|part| status_part(&decode(raw, part)));
        if let Some(better) = others.into_iter().find(|one| !one.recipients.is_empty()) {
            dsn = better;
        }
    }
    dsn.message_id = outer(&structure)
        .filter(|part| {
            matches!(
                &*part.content_type,
                "message/rfc822"
                    | "message/global"
                    | "text/rfc822-headers"
                    | "message/global-headers"
                    // Of old servers.
                    | "message/rfc822-headers"
            )
        })
        .find_map(|part| {
            let message = decode(raw, part);
            Head::read(&message, &scan(&message)).message_id
        });
    Some(dsn)
}

/// What a part for machines says.
fn status_part(text: &[u8]) -> Dsn {
    let mut dsn = Dsn::default();
    let mut groups = groups(text.get(..STATUS).unwrap_or(text))
        .into_iter()
        .peekable();
    let tells_of_one = |group: &&[u8]| {
        fields(group).any(|field| field.is("Final-Recipient") || field.is("Action"))
    };
    // The first group is of the message, unless a server left it out.
    if let Some(group) = groups.next_if(|group| !tells_of_one(group)) {
        for field in fields(group) {
            dsn.take(&field);
        }
    }
    for group in groups.take(RECIPIENTS) {
        let mut delivery = Delivery::default();
        for field in fields(group) {
            delivery.take(&field);
        }
        if delivery != Delivery::default() {
            dsn.recipients.push(delivery);
        }
    }
    dsn
}

/// The parts that lie in no nested message.
fn outer(structure: &Structure) -> impl Iterator<Item = &Part> {
    let parts = &structure.parts;
    parts.iter().filter(|part| {
        let mut parent = part.parent;
        while let Some(part) = parent.and_then(|at| parts.get(at)) {
            if part.kind == Kind::Message {
                return false;
            }
            parent = part.parent;
        }
        true
    })
}

/// Blocks of lines between empty lines.
fn groups(text: &[u8]) -> Vec<&[u8]> {
    let mut out = Vec::new();
    let (mut start, mut at) = (0, 0);
    let mut close = |start: usize, end: usize| {
        let group = text.get(start..end).unwrap_or_default();
        if !group.trim_ascii().is_empty() {
            out.push(group);
        }
    };
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let end = at + line.len();
        if line.trim_ascii().is_empty() {
            close(start, at);
            start = end;
        }
        at = end;
    }
    close(start, at);
    out
}

impl Dsn {
    fn take(&mut self, field: &Field<'_>) {
        if field.is("Reporting-MTA") {
            self.reporting_mta.get_or_insert_with(|| typed(field).1);
        } else if field.is("Original-Envelope-Id") {
            self.envelope_id
                .get_or_insert_with(|| header_text(field.value));
        } else if field.is("Arrival-Date") {
            self.arrived = self.arrived.or_else(|| unix(field));
        }
    }
}

impl Delivery {
    fn take(&mut self, field: &Field<'_>) {
        if field.is("Original-Recipient") {
            self.original.get_or_insert_with(|| address(field));
        } else if field.is("Final-Recipient") {
            self.address.get_or_insert_with(|| address(field));
        } else if field.is("Action") {
            // `failed (undeliverable)`
            let value = header_text(field.value);
            let word = value.split([' ', '(', ';']).find(|word| !word.is_empty());
            self.action = self.action.or_else(|| word.and_then(Action::named));
        } else if field.is("Status") {
            self.status = self.status.take().or_else(|| status(field));
        } else if field.is("Remote-MTA") {
            self.remote_mta.get_or_insert_with(|| typed(field).1);
        } else if field.is("Diagnostic-Code") {
            self.diagnostic.get_or_insert_with(|| typed(field).1);
        } else if field.is("Last-Attempt-Date") {
            self.attempted = self.attempted.or_else(|| unix(field));
        } else if field.is("Will-Retry-Until") {
            self.retry_until = self.retry_until.or_else(|| unix(field));
        }
    }
}

/// `type; value`; a server that forgets the type is understood.
fn typed(field: &Field<'_>) -> (String, String) {
    let text = header_text(field.value);
    match text.split_once(';') {
        Some((kind, value)) if !kind.trim().contains(' ') => {
            (kind.trim().to_ascii_lowercase(), value.trim().to_string())
        }
        _ => (String::new(), text),
    }
}

fn address(field: &Field<'_>) -> String {
    let (kind, value) = typed(field);
    let bare = value
        .strip_prefix('<')
        .and_then(|value| value.strip_suffix('>'));
    let value = bare.unwrap_or(&value);
    if kind == "utf-8" {
        xtext::decode_unicode(value)
    } else {
        value.to_string()
    }
}

/// `5.1.1 (bad destination mailbox address)`
fn status(field: &Field<'_>) -> Option<String> {
    let text = header_text(field.value);
    let code = text.split([' ', '(', ';']).find(|word| !word.is_empty())?;
    let numbers = code.split('.').collect::<Vec<_>>();
    let number = |text: &&str| {
        (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    (numbers.len() == 3 && numbers.iter().all(number)).then(|| code.to_string())
}

fn unix(field: &Field<'_>) -> Option<i64> {
    parse_date(field.value).map(|sent| sent.unix)
}
