//! Addresses of envelopes, kept as they were written.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::limits;

/// Whom a message is from: the reverse path of MAIL (RFC 5321 §4.1.1.2).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Path {
    /// `<>`: nobody, as reports have it, so that no report answers a report.
    #[default]
    Null,
    /// An address.
    Mailbox(Mailbox),
}

impl fmt::Display for Path {
    /// Without brackets; nothing for the null path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Null => Ok(()),
            Path::Mailbox(mailbox) => mailbox.fmt(f),
        }
    }
}

/// An address: a local part, and a domain or address literal (RFC 5321 §4.1.2, RFC 6531 §3.3).
///
/// The text is kept letter for letter: quotes and case mean what the address's own server says.
/// More is taken than the RFC's grammar has, because mail exists that uses it: dots anywhere in an
/// unquoted local part (`a..b@example.org`), underscores in a domain, and no domain at all, which
/// is right for `Postmaster` and which a server takes otherwise only if it is set to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mailbox {
    text: String,
    /// Octets of the local part.
    local: usize,
}

impl Mailbox {
    /// Reads an address, without brackets and source route.
    pub fn parse(text: &str) -> Result<Self, AddressFault> {
        if text.len() > limits::PATH {
            return Err(AddressFault::TooLong);
        }
        let local = local_part(text).ok_or(AddressFault::Syntax)?;
        match text.split_at_checked(local) {
            Some((_, "")) => {}
            Some((_, rest)) => domain_or_literal(rest.strip_prefix('@').unwrap_or_default())?,
            None => return Err(AddressFault::Syntax),
        }
        Ok(Mailbox {
            text: text.to_owned(),
            local,
        })
    }

    /// The address as it was written, without brackets.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part before the `@`, as it was written.
    pub fn local(&self) -> &str {
        self.text.get(..self.local).unwrap_or_default()
    }

    /// What the local part means: without quotes and backslashes.
    pub fn local_unquoted(&self) -> String {
        let local = self.local();
        let Some(quoted) = local.strip_prefix('"').and_then(|q| q.strip_suffix('"')) else {
            return local.to_owned();
        };
        let mut out = String::with_capacity(quoted.len());
        let mut chars = quoted.chars();
        while let Some(char) = chars.next() {
            out.extend(if char == '\\' {
                chars.next()
            } else {
                Some(char)
            });
        }
        out
    }

    /// The domain or address literal, as it was written; `None` for a lone local part.
    pub fn domain(&self) -> Option<&str> {
        self.text.get(self.local + 1..)
    }

    /// Whether it is ASCII; another needs SMTPUTF8.
    pub fn is_ascii(&self) -> bool {
        self.text.is_ascii()
    }

    /// Whether it is `Postmaster` without a domain, which every server takes (RFC 5321 §4.5.1).
    pub fn is_postmaster(&self) -> bool {
        self.domain().is_none() && self.text.eq_ignore_ascii_case("postmaster")
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.text)
    }
}

impl std::str::FromStr for Mailbox {
    type Err = AddressFault;

    fn from_str(text: &str) -> Result<Self, AddressFault> {
        Mailbox::parse(text)
    }
}

/// Why a text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressFault {
    /// It does not follow the grammar.
    #[error("not an address")]
    Syntax,
    /// It is longer than [`limits::PATH`], or its domain than [`limits::DOMAIN`].
    #[error("the address is too long")]
    TooLong,
}

/// What stands between the brackets at the start of `text`, without a source route, and what comes
/// after them.
pub(super) fn bracketed(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('<')?;
    let (mut quoted, mut escaped) = (false, false);
    let end = inside.find(|char| {
        let ends = char == '>' && !quoted;
        if char == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = char == '\\' && quoted && !escaped;
        ends
    })?;
    let (path, rest) = inside.split_at_checked(end)?;
    Some((without_route(path)?, rest.strip_prefix('>')?))
}

/// A source route is to be taken and ignored (RFC 5321 §3.3, appendix C).
fn without_route(path: &str) -> Option<&str> {
    if !path.starts_with('@') {
        return Some(path);
    }
    let mut literal = false;
    let colon = path.find(|char| {
        literal = match char {
            '[' => true,
            ']' => false,
            _ => literal,
        };
        char == ':' && !literal
    })?;
    let (hops, rest) = path.split_at_checked(colon)?;
    let known = hops.split(',').all(|hop| {
        hop.strip_prefix('@')
            .is_some_and(|domain| domain_or_literal(domain).is_ok())
    });
    known.then_some(rest.strip_prefix(':')?)
}

/// Octets of the local part that `text` starts with.
fn local_part(text: &str) -> Option<usize> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find('@').unwrap_or(text.len());
        let local = text.get(..end)?;
        let plain = |char: char| char == '.' || is_atext(char);
        return (!local.is_empty() && local.chars().all(plain)).then_some(end);
    };
    let mut escaped = false;
    for (at, char) in quoted.char_indices() {
        match char {
            _ if char.is_control() => return None,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            // Both quotes are counted.
            '"' => {
                let end = at + 2;
                let closes = text.get(end..)?;
                return (closes.is_empty() || closes.starts_with('@')).then_some(end);
            }
            _ => {}
        }
    }
    None
}

/// `atext` of RFC 5322 §3.2.3 with RFC 6531's characters beyond ASCII.
pub(super) fn is_atext(char: char) -> bool {
    char.is_ascii_alphanumeric()
        || "!#$%&'*+-/=?^_`{|}~".contains(char)
        || (!char.is_ascii() && !char.is_control() && !char.is_whitespace())
}

fn domain_or_literal(text: &str) -> Result<(), AddressFault> {
    if text.len() > limits::DOMAIN {
        return Err(AddressFault::TooLong);
    }
    let right = match text.strip_prefix('[') {
        Some(literal) => literal.strip_suffix(']').is_some_and(is_literal),
        None => text.split('.').all(is_label),
    };
    right.then_some(()).ok_or(AddressFault::Syntax)
}

fn is_label(label: &str) -> bool {
    let part = |char: char| {
        char.is_ascii_alphanumeric()
            || matches!(char, '-' | '_')
            || (!char.is_ascii() && is_atext(char))
    };
    !label.is_empty()
        && label.len() <= limits::LABEL
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(part)
}

/// RFC 5321 §4.1.3, with a tag that nobody knows yet taken as it comes.
fn is_literal(text: &str) -> bool {
    match text.split_once(':') {
        None => text.parse::<Ipv4Addr>().is_ok(),
        Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6") => {
            address.parse::<Ipv6Addr>().is_ok()
        }
        Some((tag, content)) => {
            let plain = |char: char| char.is_ascii_graphic() && !matches!(char, '[' | ']' | '\\');
            !tag.is_empty()
                && tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                && !content.is_empty()
                && content.chars().all(plain)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses() {
        let cases = [
            ("ann@example.org", "ann", "ann", Some("example.org")),
            ("a..b.@example.org", "a..b.", "a..b.", Some("example.org")),
            ("\"a b\"@example.org", "\"a b\"", "a b", Some("example.org")),
            (
                r#""a\"@>\\"@x.org"#,
                r#""a\"@>\\""#,
                r#"a"@>\"#,
                Some("x.org"),
            ),
            ("\"\"@x.org", "\"\"", "", Some("x.org")),
            ("ann@[192.0.2.1]", "ann", "ann", Some("[192.0.2.1]")),
            (
                "ann@[IPv6:2001:db8::1]",
                "ann",
                "ann",
                Some("[IPv6:2001:db8::1]"),
            ),
            ("ann@[x400:abc]", "ann", "ann", Some("[x400:abc]")),
            (
                "josé@bücher.example",
                "josé",
                "josé",
                Some("bücher.example"),
            ),
            ("ann@my_host", "ann", "ann", Some("my_host")),
            ("Postmaster", "Postmaster", "Postmaster", None),
            ("\"a@b\"", "\"a@b\"", "a@b", None),
        ];
        for (text, local, unquoted, domain) in cases {
            let mailbox = Mailbox::parse(text).unwrap();
            assert_eq!(mailbox.local(), local);
            assert_eq!(mailbox.local_unquoted(), unquoted);
            assert_eq!(mailbox.domain(), domain);
            assert_eq!(mailbox.to_string(), text);
        }
        assert!(Mailbox::parse("postMaster").unwrap().is_postmaster());
    }

    #[test]
    fn no_addresses() {
        for text in [
            "",
            "@x.org",
            "a@",
            "a@b@c",
            "a b@x.org",
            "a@x..org",
            "a@.org",
            "a@x.org.",
            "a@-x.org",
            "a@[1.2.3]",
            "a@[IPv6:zz]",
            "a@[]",
            "a@[1.2.3.4",
            "\"a@x.org",
            "\"a\"b@x.org",
            "a\0@x",
            "a\r\nb@x.org",
            "\"a\nb\"@x.org",
            "a@x y",
            "<a@b>",
            "a@b>",
            "a\u{a0}b@x",
            "a@x\u{85}",
        ] {
            assert_eq!(Mailbox::parse(text), Err(AddressFault::Syntax), "{text:?}");
        }
        let long = format!("{}@x.org", "a".repeat(limits::PATH));
        assert_eq!(Mailbox::parse(&long), Err(AddressFault::TooLong));
        let domain = format!("a@{}", "b.".repeat(limits::DOMAIN));
        assert_eq!(Mailbox::parse(&domain), Err(AddressFault::TooLong));
    }

    #[test]
    fn brackets() {
        let cases = [
            ("<a@b> SIZE=1", Some(("a@b", " SIZE=1"))),
            ("<>", Some(("", ""))),
            (r#"<"a>\">"@b>x"#, Some((r#""a>\">"@b"#, "x"))),
            ("<@r.org,@[IPv6:::1]:a@b>", Some(("a@b", ""))),
            ("<@r.org a@b>", None),
            ("<@r.org:>", Some(("", ""))),
            ("<@-:a@b>", None),
            ("<a@b", None),
            ("a@b", None),
            ("<\"a@b>", None),
        ];
        for (text, parts) in cases {
            assert_eq!(bracketed(text), parts, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_or_not(text in "\\PC{0,40}|[a-z@\".\\\\<>\\[\\]: ]{0,20}") {
            if let Ok(mailbox) = Mailbox::parse(&text) {
                prop_assert_eq!(mailbox.as_str(), &text);
                let bracket = format!("<{text}>rest");
                prop_assert_eq!(bracketed(&bracket), Some((text.as_str(), "rest")));
                let rest = mailbox.domain().map(|domain| format!("@{domain}"));
                prop_assert_eq!(mailbox.local().to_owned() + &rest.unwrap_or_default(), text.clone());
            }
            let _ = bracketed(&text);
        }
    }
}
