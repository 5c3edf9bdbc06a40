//! A copy as the engine takes it.

use super::related::answer_term;
use super::schema::{ATTACHED, ATTACHMENTS_UNREAD, BODY_UNREAD, Fields};
use super::tokens::NAME_END;
use super::writer::Doc;
use everpost_domain::message::Address;
use everpost_domain::query::attachments_unread;
use everpost_domain::text::fold_exact;
use std::collections::BTreeSet;
use tantivy::TantivyDocument;
use tantivy::schema::Field;

/// Longest whole value (address, file name, Message-ID) that can be looked up; the
/// engine's terms end at 64 KiB, and no sane one comes near this.
const WHOLE_LIMIT: usize = 16 * 1024;

/// Fields and values of a copy.
pub(crate) fn document(fields: &Fields, doc: &Doc<'_>) -> TantivyDocument {
    let head = doc.head;
    let mut out = TantivyDocument::new();
    out.add_text(fields.body, &doc.text.body);
    out.add_text(fields.subject, &head.subject);
    addresses(
        &mut out,
        fields.from,
        fields.from_x,
        head.from.iter().chain(&head.sender),
    );
    addresses(&mut out, fields.to, fields.to_x, head.to.iter());
    addresses(&mut out, fields.cc, fields.cc_x, head.cc.iter());
    addresses(&mut out, fields.bcc, fields.bcc_x, head.bcc.iter());
    for name in &head.filenames {
        out.add_text(fields.filename, name);
        whole(&mut out, fields.name, &fold_exact(name));
    }
    if let Some(id) = head
        .message_id
        .as_ref()
        .filter(|id| id.len() <= WHOLE_LIMIT)
    {
        out.add_bytes(fields.msgid, id);
    }
    let named = head.references.iter().chain(&head.in_reply_to);
    let answers: BTreeSet<[u8; 8]> = named.map(|id| answer_term(id)).collect();
    for term in answers {
        out.add_bytes(fields.answers, &term);
    }
    // The sender is whom a reader would name: the first author.
    if let Some(author) = head.from.iter().find(|author| !author.email.is_empty()) {
        whole(&mut out, fields.sender, &fold_exact(&author.email));
    }
    if let Some(list) = &head.list_id {
        out.add_text(fields.list, list);
    }
    for line in doc.headers {
        out.add_text(
            fields.header,
            format!("{}{NAME_END}{}", line.name, line.value),
        );
    }
    let kinds: BTreeSet<&str> = doc.attachments.iter().map(|one| one.kind).collect();
    for kind in kinds.into_iter().filter(|kind| !kind.is_empty()) {
        whole(&mut out, fields.kind, kind);
    }
    for text in doc.attachments.iter().filter_map(|one| one.text) {
        out.add_text(fields.attachment, text);
    }
    if let Some(language) = doc.language {
        out.add_text(fields.language, language);
    }
    out.add_u64(fields.seq, doc.seq);
    // Without a date there is no value, and no date test holds.
    if let Some(sent) = &head.sent {
        out.add_i64(fields.sent, sent.unix);
    }
    out.add_i64(fields.held, doc.held);
    out.add_u64(fields.size, doc.size);
    let bit = |bit: u64, set: bool| if set { bit } else { 0 };
    let unread = attachments_unread(doc.text, doc.attachments);
    out.add_u64(
        fields.flags,
        bit(ATTACHED, head.attachments > 0)
            | bit(BODY_UNREAD, doc.text.body_unread)
            | bit(ATTACHMENTS_UNREAD, unread),
    );
    out
}

/// Names and addresses are values of their own, so that no phrase spans two of them.
fn addresses<'a>(
    out: &mut TantivyDocument,
    words: Field,
    exact: Field,
    addresses: impl Iterator<Item = &'a Address>,
) {
    for address in addresses {
        if !address.name.is_empty() {
            out.add_text(words, &address.name);
        }
        if address.email.is_empty() {
            continue;
        }
        out.add_text(words, &address.email);
        let email = fold_exact(&address.email);
        whole(out, exact, &address_term(&email));
        if let Some((_, domain)) = email.rsplit_once('@') {
            let mut above = Some(domain);
            while let Some(domain) = above.filter(|domain| !domain.is_empty()) {
                whole(out, exact, &domain_term(domain));
                above = domain.split_once('.').map(|(_, rest)| rest);
            }
        }
    }
}

fn whole(out: &mut TantivyDocument, field: Field, value: &str) {
    if value.len() <= WHOLE_LIMIT {
        out.add_text(field, value);
    }
}

/// The term of an address, folded.
pub(crate) fn address_term(address: &str) -> String {
    format!("a:{address}")
}

/// The term of a domain, folded.
pub(crate) fn domain_term(domain: &str) -> String {
    format!("d:{domain}")
}
