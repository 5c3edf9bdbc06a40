//! A letter as people write it in a page, as a message.

use std::borrow::Cow;

use bytes::Bytes;
use everpost_codec::imap::message::crlf;
use everpost_codec::smtp::Survey;
use everpost_domain::message::{Address, Head};
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address as Written;
use mail_builder::headers::{Header, message_id::MessageId};
use mail_builder::mime::{BodyPart, MimePart};

/// Characters of a subject or a name.
const LONGEST: usize = 1000;
/// Octets of a line that goes through everywhere (RFC 5322 §2.1.1).
const LONGEST_LINE: usize = 998;

/// A letter.
#[derive(Debug, Clone, Default)]
pub struct Letter {
    /// Who writes.
    pub from: Address,
    /// To whom.
    pub to: Vec<Address>,
    /// Who gets a copy.
    pub cc: Vec<Address>,
    /// Who gets one without the others knowing.
    pub bcc: Vec<Address>,
    /// What about.
    pub subject: String,
    /// What it says.
    pub text: String,
}

/// What a letter goes out with.
#[derive(Debug, Clone, Default)]
pub(super) struct Stamp {
    /// Message-ID, without brackets.
    pub(super) id: String,
    /// Date, in seconds since 1970.
    pub(super) at: i64,
    /// Ids of the conversation that it goes on, the answered message's last.
    pub(super) references: Vec<String>,
    /// A message that goes along.
    pub(super) along: Option<Bytes>,
}

/// One line of text, without what could end it.
fn line(text: &str) -> String {
    let tame = |c: char| if c.is_control() { ' ' } else { c };
    let text: String = text.trim().chars().map(tame).take(LONGEST).collect();
    text
}

/// Text whose every line ends as mail wants it.
fn lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace(['\r', '\0'], "\n");
    let lines = text.trim_end_matches('\n').split('\n');
    lines.map(|line| format!("{line}\r\n")).collect()
}

fn person(one: &Address) -> Written<'static> {
    let name = Some(line(&one.name)).filter(|name| !name.is_empty());
    Written::new_address(name, one.email.clone())
}

fn people(list: &[Address]) -> Written<'static> {
    Written::new_list(list.iter().map(person).collect())
}

impl Letter {
    /// Everybody whom it is for, each once.
    pub(super) fn recipients(&self) -> Vec<&str> {
        let mut all: Vec<&str> = Vec::new();
        for one in self.to.iter().chain(&self.cc).chain(&self.bcc) {
            if !all
                .iter()
                .any(|known| known.eq_ignore_ascii_case(&one.email))
            {
                all.push(&one.email);
            }
        }
        all
    }

    /// The message that is sent: nobody reads in it who gets a blind copy.
    pub(super) fn write(&self, stamp: Stamp) -> std::io::Result<Vec<u8>> {
        let mut builder = MessageBuilder::new()
            .from(person(&self.from))
            .date(stamp.at)
            .message_id(stamp.id)
            .subject(line(&self.subject));
        builder = match (self.to.is_empty(), self.cc.is_empty()) {
            // RFC 5322 allows neither; programs take it for junk.
            (true, true) => builder.to(Written::new_group(Some("undisclosed-recipients"), vec![])),
            (true, false) => builder,
            (false, _) => builder.to(people(&self.to)),
        };
        if !self.cc.is_empty() {
            builder = builder.cc(people(&self.cc));
        }
        if let Some(answered) = stamp.references.last().cloned() {
            builder = builder
                .in_reply_to(answered)
                .references(MessageId::from(stamp.references));
        }
        builder = builder.text_body(lines(&self.text));
        if let Some(along) = &stamp.along {
            builder.attachments = Some(vec![whole(along)]);
        }
        builder.write_to_vec()
    }

    /// What the writer keeps of it: with the field that the sent message lacks.
    pub(super) fn kept(&self, sent: Bytes) -> Bytes {
        if self.bcc.is_empty() {
            return sent;
        }
        let mut raw = b"Bcc: ".to_vec();
        let column = raw.len();
        people(&self.bcc).write_header(&mut raw, column);
        raw.extend_from_slice(&sent);
        raw.into()
    }
}

/// A message as a part. RFC 2046 §5.2.1: it is not encoded; what cannot go as it is goes as a file.
fn whole(raw: &[u8]) -> MimePart<'static> {
    let raw = crlf(raw).into_owned();
    let mut survey = Survey::new();
    survey.push(&raw);
    let content = survey.finish();
    let long = raw
        .split(|byte| *byte == b'\n')
        .any(|line| line.len() > LONGEST_LINE + 1);
    let name = "message.eml";
    if content.is_binary() || long {
        let part = MimePart::new("application/octet-stream", BodyPart::Binary(raw.into()));
        return part.attachment(name);
    }
    let encoding = if content.eight_bit { "8bit" } else { "7bit" };
    let part = MimePart::new("message/rfc822", BodyPart::Binary(Cow::Owned(raw)));
    part.attachment(name).transfer_encoding(encoding)
}

/// The conversation that an answer to a message goes on (RFC 5322 §3.6.4), as far as its ids are ones.
pub(super) fn references(head: &Head) -> Vec<String> {
    let before = match head.references.as_slice() {
        [] if head.in_reply_to.len() == 1 => head.in_reply_to.as_slice(),
        all => all,
    };
    let ids = before.iter().chain(&head.message_id);
    let ids = ids.filter_map(|id| String::from_utf8(id.clone()).ok());
    let is_one = |id: &String| {
        let fits = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>');
        !id.is_empty() && id.len() <= LONGEST_LINE - 100 && id.chars().all(fits)
    };
    ids.filter(is_one).collect()
}
