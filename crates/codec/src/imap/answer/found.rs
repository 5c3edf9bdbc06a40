//! Answers to SEARCH and SORT, and VANISHED.

use super::string;
use crate::imap::set::Numbers;

fn list(out: &mut Vec<u8>, verb: &str, numbers: impl IntoIterator<Item = u32>, end: &str) {
    out.extend_from_slice(verb.as_bytes());
    for number in numbers {
        out.extend_from_slice(format!(" {number}").as_bytes());
    }
    out.extend_from_slice(end.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// A plain SEARCH's line. `modseq`: the highest of what was found, if the search named MODSEQ and found something (RFC 7162
/// §3.1.5).
pub fn search(out: &mut Vec<u8>, numbers: impl IntoIterator<Item = u32>, modseq: Option<u64>) {
    let end = modseq.map_or_else(String::new, |modseq| format!(" (MODSEQ {modseq})"));
    list(out, "* SEARCH", numbers, &end);
}

/// A SORT's line.
pub fn sort(out: &mut Vec<u8>, numbers: impl IntoIterator<Item = u32>) {
    list(out, "* SORT", numbers, "");
}

/// An ESEARCH (RFC 4731 §3.1, RFC 9394 §3.1). Who found nothing tells neither `min`, `max` nor `all`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Esearch<'a> {
    /// The command's.
    pub tag: &'a str,
    /// The numbers are UIDs.
    pub uid: bool,
    /// MIN.
    pub min: Option<u32>,
    /// MAX.
    pub max: Option<u32>,
    /// COUNT.
    pub count: Option<u32>,
    /// ALL; of a SORT in its order, as [`Numbers::of`] keeps it.
    pub all: Option<Numbers>,
    /// PARTIAL: the range as it was asked, and what lies in it.
    pub partial: Option<((i64, i64), Numbers)>,
    /// MODSEQ.
    pub modseq: Option<u64>,
}

impl Esearch<'_> {
    /// Writes the line.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"* ESEARCH (TAG ");
        string::string(out, self.tag.as_bytes());
        out.push(b')');
        let mut line = String::new();
        if self.uid {
            line.push_str(" UID");
        }
        let figures = [
            ("MIN", self.min.map(u64::from)),
            ("MAX", self.max.map(u64::from)),
            ("COUNT", self.count.map(u64::from)),
        ];
        let figure = |line: &mut String, name: &str, figure: Option<u64>| {
            if let Some(figure) = figure {
                line.push_str(&format!(" {name} {figure}"));
            }
        };
        for (name, value) in figures {
            figure(&mut line, name, value);
        }
        if let Some(all) = self.all.as_ref().filter(|all| !all.is_empty()) {
            line.push_str(&format!(" ALL {all}"));
        }
        if let Some(((from, to), numbers)) = &self.partial {
            let found = match numbers.is_empty() {
                true => "NIL".to_owned(),
                false => numbers.to_string(),
            };
            line.push_str(&format!(" PARTIAL ({from}:{to} {found})"));
        }
        figure(&mut line, "MODSEQ", self.modseq);
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

/// `* VANISHED …`, or with `(EARLIER)` as the answer to a FETCH or SELECT (RFC 7162 §3.2.10). Of nothing, nothing is said.
pub fn vanished(out: &mut Vec<u8>, earlier: bool, uids: &Numbers) {
    if uids.is_empty() {
        return;
    }
    let earlier = if earlier { "(EARLIER) " } else { "" };
    out.extend_from_slice(format!("* VANISHED {earlier}{uids}\r\n").as_bytes());
}
