//! Checks as a field that others read: `Authentication-Results` (RFC 8601).
//!
//! Names and reasons in it come from whoever sent the mail. Each is a token, an address of plain letters, or a
//! quoted string without line breaks; nothing is ever written as a comment.

use super::checks::{Checks, Dkim, Identity, Verdict};

/// Where lines are broken (RFC 5322 §2.1.1).
const LINE: usize = 78;
/// What one value may have: a line may be longer where it has no blank, yet never 998 bytes.
const VALUE: usize = 320;
/// What a reason may have.
const REASON: usize = 200;
/// What a word of a reason may have.
const WORD: usize = 60;

impl Checks {
    /// The field `Authentication-Results` with its line ending, folded, in the name of `authserv_id`
    /// (RFC 8601 §2.2).
    pub fn header(&self, authserv_id: &str) -> String {
        let mut out = Folder::new("Authentication-Results:");
        out.word(&value(authserv_id));
        self.results(&mut out);
        out.finish()
    }

    /// What follows the name of the server.
    pub(super) fn results(&self, out: &mut Folder) {
        method(out, "spf", self.spf.verdict, &self.spf.reason);
        match self.spf.identity {
            Identity::MailFrom => property(out, "smtp.mailfrom", &self.came.sender),
            Identity::Helo => property(out, "smtp.helo", &self.spf.domain),
        }
        for one in &self.dkim {
            signature(out, one);
        }
        if self.dkim.is_empty() {
            method(out, "dkim", Verdict::None, "");
        }
        method(out, "dmarc", self.dmarc.verdict, &self.dmarc.reason);
        property(out, "header.from", &self.dmarc.domain);
        if let Some(policy) = self.dmarc.policy {
            property(out, "policy.dmarc", policy.as_str());
        }
        method(out, "arc", self.arc.verdict, &self.arc.reason);
        if self.arc.verdict != Verdict::None {
            property(out, "smtp.remote-ip", &self.came.client.to_string());
        }
    }
}

fn signature(out: &mut Folder, one: &Dkim) {
    method(out, "dkim", one.verdict, &one.reason);
    property(out, "header.d", &one.domain);
    property(out, "header.i", &one.identity);
    property(out, "header.s", &one.selector);
    property(out, "header.a", &one.algorithm);
    property(out, "header.b", &one.begins);
}

fn method(out: &mut Folder, name: &str, verdict: Verdict, reason: &str) {
    out.line();
    out.word(&format!("{name}={}", verdict.as_str()));
    let words: Vec<String> = harmless(reason, REASON)
        .split_whitespace()
        .map(|word| escaped(&word.chars().take(WORD).collect::<String>()))
        .collect();
    if words.is_empty() {
        return;
    }
    // A blank of a quoted string may be where a line is broken (RFC 5322 §3.2.4).
    let last = words.len() - 1;
    for (index, word) in words.iter().enumerate() {
        let before = if index == 0 { "reason=\"" } else { "" };
        let after = if index == last { "\"" } else { "" };
        out.word(&format!("{before}{word}{after}"));
    }
}

fn property(out: &mut Folder, name: &str, text: &str) {
    if !text.is_empty() {
        out.word(&format!("{name}={}", value(text)));
    }
}

/// A value as RFC 8601 §2.2 lets it stand: a token (RFC 2045 §5.1), an address, or a quoted string.
pub(super) fn value(text: &str) -> String {
    let text = harmless(text, VALUE);
    let token = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&byte))
    };
    let address = text.split_once('@').is_some_and(|(local, domain)| {
        (local.is_empty() || token(local))
            && domain
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
            && !domain.is_empty()
    });
    if token(&text) || address {
        text
    } else {
        format!("\"{}\"", escaped(&text))
    }
}

/// A text without signs that end a line or are none of ASCII, cut.
fn harmless(text: &str, most: usize) -> String {
    text.chars()
        .take(most)
        .map(|c| if matches!(c, ' '..='~') { c } else { '?' })
        .collect()
}

/// As it stands between quotes.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// A field, broken between words.
pub(super) struct Folder {
    out: String,
    width: usize,
}

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        Folder {
            out: name.to_owned(),
            width: name.len(),
        }
    }

    /// Another result.
    fn line(&mut self) {
        self.out.push_str(";\r\n\t");
        self.width = 0;
    }

    /// Another word.
    pub(super) fn word(&mut self, word: &str) {
        // A semicolon may follow, and a tab is as wide as eight.
        if self.width > 0 && self.width + 1 + word.len() + 1 + 8 > LINE {
            self.out.push_str("\r\n\t");
            self.width = 0;
        }
        if self.width > 0 {
            self.out.push(' ');
            self.width += 1;
        }
        self.out.push_str(word);
        self.width += word.len();
    }

    pub(super) fn finish(mut self) -> String {
        self.out.push_str("\r\n");
        self.out
    }
}
