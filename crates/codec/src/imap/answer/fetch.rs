//! A message's FETCH.

use super::string;
use crate::imap::command::{Form, Section, SectionOf};
use crate::imap::date::internal_date;

/// A FETCH under way: begin it, give its items, and [`end`](Fetch::end) it.
///
/// Values that come in pieces go to what [`item`](Fetch::item) returns: a name and a blank stand there already.
#[derive(Debug)]
pub struct Fetch<'o> {
    out: &'o mut Vec<u8>,
    some: bool,
}

impl<'o> Fetch<'o> {
    /// Of the message of this number.
    pub fn new(out: &'o mut Vec<u8>, number: u32) -> Self {
        out.extend_from_slice(format!("* {number} FETCH (").as_bytes());
        Fetch { out, some: false }
    }

    /// Goes on with one whose begin is in the buffer or was sent already: a driver that flushes between the items of a message
    /// keeps no borrow of the buffer meanwhile. `some`: an item was given.
    pub fn resume(out: &'o mut Vec<u8>, some: bool) -> Self {
        Fetch { out, some }
    }

    /// The next item's name; its value is to be written next.
    pub fn item(&mut self, name: &str) -> &mut Vec<u8> {
        if std::mem::replace(&mut self.some, true) {
            self.out.push(b' ');
        }
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b' ');
        self.out
    }

    fn plain(&mut self, name: &str, value: &str) {
        self.item(name).extend_from_slice(value.as_bytes());
    }

    /// UID.
    pub fn uid(&mut self, uid: u32) {
        self.plain("UID", &uid.to_string());
    }

    /// FLAGS.
    pub fn flags<F: AsRef<str>>(&mut self, flags: impl IntoIterator<Item = F>) {
        string::flags(self.item("FLAGS"), flags);
    }

    /// MODSEQ.
    pub fn modseq(&mut self, modseq: u64) {
        self.plain("MODSEQ", &format!("({modseq})"));
    }

    /// INTERNALDATE, in a zone so many minutes east of UTC.
    pub fn internal_date(&mut self, unix: i64, offset_minutes: i16) {
        self.date("INTERNALDATE", unix, offset_minutes);
    }

    /// SAVEDATE.
    pub fn save_date(&mut self, unix: Option<i64>) {
        match unix {
            Some(unix) => self.date("SAVEDATE", unix, 0),
            None => self.plain("SAVEDATE", "NIL"),
        }
    }

    fn date(&mut self, name: &str, unix: i64, offset_minutes: i16) {
        self.plain(
            name,
            &format!("\"{}\"", internal_date(unix, offset_minutes)),
        );
    }

    /// RFC822.SIZE.
    pub fn size(&mut self, octets: u64) {
        self.plain("RFC822.SIZE", &octets.to_string());
    }

    /// EMAILID or THREADID (RFC 8474): an id of letters, digits, `-` and `_`; or NIL.
    pub fn object_id(&mut self, name: &str, id: Option<&str>) {
        match id {
            Some(id) => self.plain(name, &format!("({id})")),
            None => self.plain(name, "NIL"),
        }
    }

    /// A section's name; its string is to be written next. `from`: where its bytes begin, if a range was asked for.
    pub fn section(&mut self, section: &Section, form: Form, from: Option<u32>) -> &mut Vec<u8> {
        let name = section_name(section, form, from);
        self.item(&name)
    }

    /// BINARY.SIZE (RFC 3516 §4.2).
    pub fn binary_size(&mut self, part: &[u32], octets: u64) {
        let name = format!("BINARY.SIZE[{}]", dotted(part));
        self.plain(&name, &octets.to_string());
    }

    /// Ends it.
    pub fn end(self) {
        self.out.extend_from_slice(b")\r\n");
    }
}

fn dotted(part: &[u32]) -> String {
    let numbers: Vec<_> = part.iter().map(u32::to_string).collect();
    numbers.join(".")
}

/// How a section is named in the answer: as it was asked for, without PEEK and with where it begins (RFC 9051 §7.5.2).
pub fn section_name(section: &Section, form: Form, from: Option<u32>) -> String {
    let verb = match form {
        Form::Rfc822 => return "RFC822".to_owned(),
        Form::Rfc822Header => return "RFC822.HEADER".to_owned(),
        Form::Rfc822Text => return "RFC822.TEXT".to_owned(),
        Form::Body => "BODY",
        Form::Binary => "BINARY",
    };
    let fields = |name: &str, fields: &[String]| {
        let mut out = format!("{name} (").into_bytes();
        for (at, field) in fields.iter().enumerate() {
            out.extend_from_slice(if at > 0 { b" " } else { b"" });
            string::astring(&mut out, field.as_bytes());
        }
        out.push(b')');
        String::from_utf8_lossy(&out).into_owned()
    };
    let of = match &section.of {
        SectionOf::Whole => String::new(),
        SectionOf::Header => "HEADER".to_owned(),
        SectionOf::Text => "TEXT".to_owned(),
        SectionOf::Mime => "MIME".to_owned(),
        SectionOf::Fields(names) => fields("HEADER.FIELDS", names),
        SectionOf::FieldsNot(names) => fields("HEADER.FIELDS.NOT", names),
    };
    let part = dotted(&section.part);
    let dot = if part.is_empty() || of.is_empty() {
        ""
    } else {
        "."
    };
    let from = from.map_or_else(String::new, |from| format!("<{from}>"));
    format!("{verb}[{part}{dot}{of}]{from}")
}
