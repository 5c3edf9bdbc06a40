//! The names of fields, and what stands behind each.

use super::Field;

/// What a field asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// Words, or an address or domain where the field holds addresses.
    Words(Field),
    /// To, Cc and Bcc alike.
    Recipients,
    Has,
    Mailbox,
    Folder,
    Sent,
    Before,
    After,
    Held,
    Age,
    Size,
    MessageId,
    Stem,
    AttachmentType,
    Language,
    /// Its value is a name, a colon and words.
    Header,
    Tag,
    Server,
    Flag,
    Group,
}

impl Target {
    /// True where `field>value` is a way to write it.
    pub(super) fn is_compared(self) -> bool {
        matches!(
            self,
            Target::Sent | Target::Held | Target::Age | Target::Size
        )
    }
}

/// Every field of the language, in the order messages list them.
pub(super) const FIELDS: [(&str, Target); 29] = [
    ("from", Target::Words(Field::From)),
    ("to", Target::Recipients),
    ("to-only", Target::Words(Field::To)),
    ("cc", Target::Words(Field::Cc)),
    ("bcc", Target::Words(Field::Bcc)),
    ("any", Target::Words(Field::Any)),
    ("subject", Target::Words(Field::Subject)),
    ("body", Target::Words(Field::Body)),
    ("attachment", Target::Words(Field::Attachment)),
    ("filename", Target::Words(Field::Filename)),
    ("type", Target::AttachmentType),
    ("has", Target::Has),
    ("list", Target::Words(Field::List)),
    ("header", Target::Header),
    ("stem", Target::Stem),
    ("lang", Target::Language),
    ("mailbox", Target::Mailbox),
    ("in", Target::Folder),
    ("is", Target::Flag),
    ("tag", Target::Tag),
    ("group", Target::Group),
    ("server", Target::Server),
    ("sent", Target::Sent),
    ("before", Target::Before),
    ("after", Target::After),
    ("held", Target::Held),
    ("age", Target::Age),
    ("size", Target::Size),
    ("msgid", Target::MessageId),
];

/// Other names, for people who come from other programs.
const SYNONYMS: [(&str, Target); 5] = [
    ("date", Target::Sent),
    ("ext", Target::AttachmentType),
    ("folder", Target::Folder),
    ("label", Target::Tag),
    ("language", Target::Language),
];

/// The field of that name, in any case.
pub(super) fn find(name: &str) -> Option<Target> {
    FIELDS
        .iter()
        .chain(&SYNONYMS)
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|&(_, t)| t)
}

/// The name a text field is printed with; none for a bare word.
pub(super) fn name(field: Field) -> Option<&'static str> {
    if field == Field::Any {
        return None;
    }
    FIELDS
        .iter()
        .find(|&&(_, target)| target == Target::Words(field))
        .map(|&(name, _)| name)
}

/// The field that was probably meant.
pub(super) fn suggest(name: &str) -> Option<&'static str> {
    let names = FIELDS.iter().chain(&SYNONYMS);
    closest(&name.to_ascii_lowercase(), names.map(|&(name, _)| name))
}

/// The candidate that was probably meant by `name`.
pub(super) fn closest<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let (distance, best) = candidates
        .map(|candidate| (distance(name, candidate), candidate))
        .min_by_key(|&(distance, _)| distance)?;
    // Two slips in a word of three letters would suggest anything.
    (distance <= if best.len() > 4 { 2 } else { 1 }).then_some(best)
}

/// Slips of typing between two words: letters left out, put in, changed, or swapped with
/// a neighbour.
fn distance(a: &str, b: &str) -> usize {
    // Names are short; what is much longer is no slip of one.
    if a.len() > 32 {
        return usize::MAX;
    }
    let b: Vec<char> = b.chars().collect();
    let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX - 1);
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut last = None;
    for (line, x) in a.chars().enumerate() {
        let mut row = vec![line + 1];
        for (column, &y) in b.iter().enumerate() {
            let mut cost = (at(&above, column) + usize::from(x != y))
                .min(at(&above, column + 1) + 1)
                .min(at(&row, column) + 1);
            let left = column.checked_sub(1);
            let swapped = last == Some(y) && left.and_then(|l| b.get(l)) == Some(&x);
            if let (true, Some(left)) = (swapped && !before.is_empty(), left) {
                cost = cost.min(at(&before, left) + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut above, row);
        last = Some(x);
    }
    at(&above, b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips() {
        assert_eq!(distance("form", "from"), 1);
        assert_eq!(distance("subjct", "subject"), 1);
        assert_eq!(distance("", "cc"), 2);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(suggest("form"), Some("from"));
        assert_eq!(suggest("Subjekt"), Some("subject"));
        assert_eq!(suggest("mesgid"), Some("msgid"));
        assert_eq!(suggest("tags"), Some("tag"));
        assert_eq!(suggest("http"), None);
    }
}
