//! ENVELOPE: the header as a client lists it (RFC 9051 §7.5.2, RFC 3501 §7.4.2).
//!
//! Nothing is decoded: clients read encoded words (RFC 2047) themselves, and IMAP4rev1 has no other
//! way to tell them. Raw 8-bit bytes, which mail holds against all rules, go out in literals.

use super::address::{self, Element, NO_HOST, NO_MAILBOX};
use super::write::{one_line, write_nstring, write_string};
use everpost_domain::message::{Structure, fields};

/// Appends the ENVELOPE of a message.
pub fn write_envelope(out: &mut Vec<u8>, raw: &[u8], structure: &Structure) {
    let header = structure.parts.first().map(|part| part.header.clone());
    let header = header.and_then(|range| raw.get(range)).unwrap_or_default();
    write_envelope_of(out, header);
}

/// The fields that an ENVELOPE tells. A field of text counts by its first occurrence, one of
/// addresses by all: a second To should not be, but whom it names is a recipient.
#[derive(Default)]
struct Envelope {
    date: Option<Vec<u8>>,
    subject: Option<Vec<u8>>,
    from: Vec<Element>,
    sender: Vec<Element>,
    reply_to: Vec<Element>,
    to: Vec<Element>,
    cc: Vec<Element>,
    bcc: Vec<Element>,
    in_reply_to: Option<Vec<u8>>,
    message_id: Option<Vec<u8>>,
}

/// Appends the ENVELOPE that a header block tells; an empty one is ten times NIL.
pub(super) fn write_envelope_of(out: &mut Vec<u8>, header: &[u8]) {
    let mut envelope = Envelope::default();
    for field in fields(header) {
        let name = field.name.to_ascii_lowercase();
        let (list, text) = match name.as_slice() {
            b"from" => (Some(&mut envelope.from), None),
            b"sender" => (Some(&mut envelope.sender), None),
            b"reply-to" => (Some(&mut envelope.reply_to), None),
            b"to" => (Some(&mut envelope.to), None),
            b"cc" => (Some(&mut envelope.cc), None),
            b"bcc" => (Some(&mut envelope.bcc), None),
            b"date" => (None, Some(&mut envelope.date)),
            b"subject" => (None, Some(&mut envelope.subject)),
            b"in-reply-to" => (None, Some(&mut envelope.in_reply_to)),
            b"message-id" => (None, Some(&mut envelope.message_id)),
            _ => continue,
        };
        if let Some(list) = list {
            address::read(field.value, list);
        }
        if let Some(text) = text {
            text.get_or_insert_with(|| one_line(field.value));
        }
    }
    // Sender and Reply-To that are missing or empty are From (RFC 9051 §7.5.2).
    let or_from = |list: &[Element]| -> Vec<Element> {
        if list.is_empty() {
            &envelope.from
        } else {
            list
        }
        .to_vec()
    };
    let (sender, reply_to) = (or_from(&envelope.sender), or_from(&envelope.reply_to));
    out.push(b'(');
    write_nstring(out, envelope.date.as_deref());
    out.push(b' ');
    write_nstring(out, envelope.subject.as_deref());
    for list in [
        &envelope.from,
        &sender,
        &reply_to,
        &envelope.to,
        &envelope.cc,
        &envelope.bcc,
    ] {
        out.push(b' ');
        write_addresses(out, list);
    }
    out.push(b' ');
    write_nstring(out, envelope.in_reply_to.as_deref());
    out.push(b' ');
    write_nstring(out, envelope.message_id.as_deref());
    out.push(b')');
}

fn write_addresses(out: &mut Vec<u8>, list: &[Element]) {
    if list.is_empty() {
        out.extend_from_slice(b"NIL");
        return;
    }
    out.push(b'(');
    for element in list {
        out.push(b'(');
        match element {
            Element::Mailbox {
                name,
                route,
                local,
                host,
            } => {
                write_nstring(out, name.as_deref());
                out.push(b' ');
                write_nstring(out, route.as_deref());
                for (text, missing) in [(local, NO_MAILBOX), (host, NO_HOST)] {
                    out.push(b' ');
                    write_string(out, if text.is_empty() { missing } else { text });
                }
            }
            Element::Open(name) => {
                out.extend_from_slice(b"NIL NIL ");
                write_string(out, name);
                out.extend_from_slice(b" NIL");
            }
            Element::Close => out.extend_from_slice(b"NIL NIL NIL NIL"),
        }
        out.push(b')');
    }
    out.push(b')');
}

#[cfg(test)]
mod tests;
