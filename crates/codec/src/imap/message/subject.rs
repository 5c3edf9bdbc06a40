//! The base subject: what SORT and THREAD compare (RFC 5256 §2.1).

/// A subject without what programs put around it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BaseSubject {
    /// The base subject; compare it by [`fold`].
    pub text: String,
    /// A reply or a forward: `Re:`, `Fwd:`, `(fwd)` or `[fwd: …]` was taken off.
    pub reply: bool,
}

/// The base subject of a decoded subject (as `Head::subject` and `header_text` give it). The steps
/// have the RFC's numbers, and are what it says to the letter: a client that sorts by itself comes
/// to the same order.
pub fn base_subject(subject: &str) -> BaseSubject {
    // (1)
    let words = subject.split([' ', '\t', '\r', '\n']);
    let words = words.filter(|word| !word.is_empty());
    let subject = words.collect::<Vec<_>>().join(" ");
    let mut text = subject.as_str();
    let mut reply = false;
    loop {
        // (2)
        text = text.trim_end_matches(' ');
        while let Some(rest) = strip_end(text, "(fwd)") {
            text = rest.trim_end_matches(' ');
            reply = true;
        }
        // (3) to (5)
        loop {
            text = text.trim_start_matches(' ');
            let bare = without_blobs(text);
            if let Some(rest) = without_mark(bare) {
                text = rest;
                reply = true;
                continue;
            }
            // No mark will follow, so that all blobs go at once but one that is all there is.
            text = if bare.is_empty() {
                last_blob(text)
            } else {
                bare
            };
            break;
        }
        // (6)
        let inside = strip_start(text, "[fwd:").and_then(|rest| rest.strip_suffix(']'));
        match inside {
            Some(inside) => text = inside,
            None => break,
        }
        reply = true;
    }
    BaseSubject {
        text: text.to_string(),
        reply,
    }
}

/// `text` in the form in which letters are compared and sorted: upper case, character by character,
/// as i;unicode-casemap has it (RFC 5051; so `_` sorts behind all letters of ASCII). That collation
/// would also decompose accents; it takes tables of Unicode that are not here, and mail is composed
/// nearly always.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_uppercase();
    }
    text.chars().map(upper).collect()
}

/// The one character that is `c` in upper case; `c` if there are several (`ß`).
fn upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

fn strip_start<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(start.len())?;
    head.eq_ignore_ascii_case(start).then_some(rest)
}

fn strip_end<'a>(text: &'a str, end: &str) -> Option<&'a str> {
    let (rest, tail) = text.split_at_checked(text.len().checked_sub(end.len())?)?;
    tail.eq_ignore_ascii_case(end).then_some(rest)
}

/// What follows a subj-blob: `[`, anything but brackets, `]`, blanks.
fn without_blob(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('[')?;
    let (_, rest) = rest.split_at_checked(rest.find(['[', ']'])?)?;
    Some(rest.strip_prefix(']')?.trim_start_matches(' '))
}

/// What follows all blobs.
fn without_blobs(mut text: &str) -> &str {
    while let Some(rest) = without_blob(text) {
        text = rest;
    }
    text
}

/// The last of the blobs that `text` consists of.
fn last_blob(mut text: &str) -> &str {
    while let Some(rest) = without_blob(text).filter(|rest| !rest.is_empty()) {
        text = rest;
    }
    text
}

/// What follows a subj-refwd: `Re`, `Fw` or `Fwd`, blanks, a blob or none, and a colon.
fn without_mark(text: &str) -> Option<&str> {
    ["re", "fwd", "fw"].iter().find_map(|mark| {
        let rest = strip_start(text, mark)?.trim_start_matches(' ');
        without_blob(rest).unwrap_or(rest).strip_prefix(':')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn base_subjects() {
        let table: [(&str, &str, bool); 27] = [
            ("", "", false),
            ("Lunch", "Lunch", false),
            ("  a \t b  ", "a b", false),
            ("Re: Lunch", "Lunch", true),
            ("re:Lunch", "Lunch", true),
            ("RE  : Lunch", "Lunch", true),
            ("Fw: Lunch", "Lunch", true),
            ("FWD: Lunch", "Lunch", true),
            ("Re: Fwd: re: Lunch", "Lunch", true),
            ("Re[2]: Lunch", "Lunch", true),
            ("Re [list]: Lunch", "Lunch", true),
            ("[list] Re: Lunch", "Lunch", true),
            ("[a] [b]Re: [c] Lunch", "Lunch", true),
            ("[list] Lunch", "Lunch", false),
            ("[list]", "[list]", false),
            ("Re: [list]", "[list]", true),
            ("[a][b]", "[b]", false),
            ("Lunch (fwd)", "Lunch", true),
            ("Lunch (FWD) (fwd) ", "Lunch", true),
            ("[fwd: Lunch]", "Lunch", true),
            ("[Fwd: Re: Lunch (fwd)]", "Lunch", true),
            ("[fwd: [fwd: Lunch]]", "Lunch", true),
            ("Re: ", "", true),
            ("Reply: Lunch", "Reply: Lunch", false),
            ("AW: Lunch", "AW: Lunch", false),
            ("[open Re: Lunch", "[open Re: Lunch", false),
            ("Re: äöü", "äöü", true),
        ];
        for (subject, text, reply) in table {
            let base = base_subject(subject);
            assert_eq!((base.text.as_str(), base.reply), (text, reply), "{subject}");
        }
    }

    #[test]
    fn folding() {
        assert_eq!(fold("äöü Straße σας"), "ÄÖÜ STRAßE ΣΑΣ");
        assert_eq!(fold("aBc_"), "ABC_");
    }

    proptest! {
        #[test]
        fn a_base_subject_is_its_own(subject in r"(Re|fwd|\[|\]|:| |\(fwd\)|\[fwd:|a|ä){0,30}") {
            let base = base_subject(&subject);
            let again = base_subject(&base.text);
            prop_assert_eq!(&again.text, &base.text);
            prop_assert!(!again.reply);
        }
    }

    /// The time a flood of marks takes is bounded by its length.
    #[test]
    fn floods() {
        for piece in ["[] ", "[fwd:", "Re: ", "(fwd)", "re[", "[x]"] {
            base_subject(&piece.repeat(20_000));
        }
    }
}
