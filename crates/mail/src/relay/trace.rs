//! What a message carries of its way: the fields that are put before it, and how they are known again.

use everpost_domain::message::format_rfc5322;
use everpost_store::{Errand, Leg, Tenant};
use serde::{Deserialize, Serialize};

/// The field by which we know what we sent on.
const HOP: &str = "Everpost-Hop";
/// The protocol of what this program sends.
pub(super) const INTERNAL: &str = "internal";
/// The protocol of what an agent hands over: within HTTPS, and signed by a device of whom it is from.
pub const LINK: &str = "HTTPS";
/// A message that passed us so often goes round in circles. It may pass twice: to its server, and from there back
/// for a user whose mail is here meanwhile.
pub(super) const MOST_HOPS: usize = 3;
/// A message with so many `Received` fields does (RFC 5321 §6.3 asks for at least 100).
pub(super) const MOST_RECEIVED: usize = 100;

/// How a message came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Came {
    /// When, in seconds since 1970.
    pub at: i64,
    /// The address that it came from.
    pub client: String,
    /// What the client called itself.
    pub helo: String,
    /// The protocol, as `Received` names it (RFC 3848).
    pub protocol: String,
    /// It came with SMTPUTF8.
    pub smtputf8: bool,
    /// `ENVID` (RFC 3461), decoded.
    pub envid: Option<String>,
    /// `RET`: whether all of it is wanted back.
    pub full: Option<bool>,
    /// Field to be put before it, as the results of checks; whole lines.
    pub field: String,
}

/// What the sender wants of a recipient (RFC 3461).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wanted {
    /// `NOTIFY`, as it came.
    pub notify: Option<String>,
    /// `ORCPT`, type and address, decoded.
    pub original: Option<(String, String)>,
}

impl Came {
    /// As a queue keeps it.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether it began here: somebody who signed in sent it (RFC 3848, RFC 6531 §4.3), or this program.
    pub(super) fn is_ours(&self) -> bool {
        [INTERNAL, LINK].contains(&self.protocol.as_str()) || self.protocol.ends_with('A')
    }

    /// Of a queue; what cannot be read is left out, as it decides nothing.
    pub(super) fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }
}

impl Wanted {
    /// As a queue keeps it.
    pub fn to_text(&self) -> String {
        match self == &Wanted::default() {
            true => String::new(),
            false => serde_json::to_string(self).unwrap_or_default(),
        }
    }

    pub(super) fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }
}

/// Text of a stranger within a comment or word of a field: what could end it is left out.
fn tame(text: &str) -> String {
    let fits = |c: &char| c.is_ascii_graphic() && !"()<>;\\\"".contains(*c);
    text.chars().filter(fits).take(255).collect()
}

/// The name of one try of one leg: what carries it was handed to that try's server, for that recipient.
fn try_name(leg: i64, tries: u32) -> String {
    format!("{leg}.{tries}")
}

/// The name of the try that left a leg uncertain.
pub(super) fn uncertain_name(leg: &Leg) -> String {
    try_name(leg.id, leg.tries.saturating_sub(1))
}

/// The fields that are put before a message that goes on (RFC 5321 §4.4).
pub(super) fn fields(tenant: &Tenant, host: &str, errand: &Errand) -> Vec<u8> {
    let came = Came::read(&errand.how);
    let names = errand.legs.iter().map(|leg| try_name(leg.id, leg.tries));
    let name = names.collect::<Vec<_>>().join(",");
    let seal = tenant.relay_seal(&name);
    let recipient = match errand.legs.as_slice() {
        // Of several, none is told of the others.
        [one] => format!("\r\n\tfor <{}>", tame_address(&one.recipient)),
        _ => String::new(),
    };
    let client = match tame(&came.client) {
        // It began here.
        none if none.is_empty() => none,
        client => format!(" ([{client}])"),
    };
    let mut text = format!("{HOP}: {name} {seal}\r\n{}", came.field);
    text.push_str(&format!(
        "Received: from {}{client}\r\n\tby {host} (Everpost) with {} id {}{recipient};\r\n\t{}\r\n",
        Some(tame(&came.helo))
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "unknown".into()),
        Some(tame(&came.protocol))
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "SMTP".into()),
        errand.mail,
        format_rfc5322(came.at),
    ));
    text.into_bytes()
}

fn tame_address(address: &str) -> String {
    let fits = |c: &char| !c.is_control() && !c.is_whitespace() && !"<>;()".contains(*c);
    address.chars().filter(fits).take(320).collect()
}

/// The header of a message: up to the first empty line.
pub(crate) fn header(raw: &[u8]) -> &[u8] {
    let lines = raw.split_inclusive(|byte| *byte == b'\n');
    let mut end = 0;
    for line in lines {
        if matches!(line, b"\n" | b"\r\n") {
            break;
        }
        end += line.len();
    }
    raw.get(..end).unwrap_or(raw)
}

/// What we sent a message on by, once for each time, as its header says and our key proves: the tries of its legs.
pub(super) fn hops(tenant: &Tenant, raw: &[u8]) -> Vec<Vec<String>> {
    let lines = header(raw).split(|byte| *byte == b'\n');
    let mut found = Vec::new();
    for line in lines {
        let Some((field, value)) = std::str::from_utf8(line)
            .ok()
            .and_then(|line| line.split_once(':'))
        else {
            continue;
        };
        if !field.eq_ignore_ascii_case(HOP) {
            continue;
        }
        let mut words = value.split_whitespace();
        if let (Some(name), Some(seal)) = (words.next(), words.next())
            && tenant.relay_is_seal(name, seal)
        {
            found.push(name.split(',').map(str::to_owned).collect());
        }
    }
    found
}

/// How many `Received` fields a message has.
pub(super) fn received(raw: &[u8]) -> usize {
    let lines = header(raw).split(|byte| *byte == b'\n');
    let field = b"received:";
    lines
        .filter(|line| {
            line.get(..field.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(field))
        })
        .count()
}
