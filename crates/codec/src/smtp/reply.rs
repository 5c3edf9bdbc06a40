//! Replies: a code, an enhanced status code, and text.

use std::fmt;

use super::limits;

/// An enhanced status code (RFC 3463), `class.subject.detail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Enhanced {
    /// 2 (success), 4 (later) or 5 (never).
    pub class: u8,
    /// What it is about: 1 address, 2 mailbox, 3 system, 4 network, 5 protocol, 6 content, 7 policy.
    pub subject: u16,
    /// The detail within the subject.
    pub detail: u16,
}

impl Enhanced {
    /// Reads `5.1.1`.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse::<u16>().ok().filter(|&number| number < 1_000);
            number.filter(|_| digits)
        };
        let mut parts = text.split('.');
        let class = parts.next().and_then(number)?;
        let code = Enhanced {
            class: u8::try_from(class).ok().filter(|c| [2, 4, 5].contains(c))?,
            subject: parts.next().and_then(number)?,
            detail: parts.next().and_then(number)?,
        };
        parts.next().is_none().then_some(code)
    }
}

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// A reply (RFC 5321 §4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Three digits, 200 to 599.
    pub code: u16,
    /// The enhanced code, if there is one; its class is the code's first digit.
    pub enhanced: Option<Enhanced>,
    /// The text without codes, one item a line.
    pub lines: Vec<String>,
}

impl Reply {
    /// A reply of one line. The enhanced code is `subject.detail` in the class of `code`, so that the
    /// two cannot contradict each other; a code of the class 3 has none.
    pub fn new(code: u16, [subject, detail]: [u16; 2], text: impl Into<String>) -> Self {
        let class = match code {
            200..=299 => Some(2),
            400..=499 => Some(4),
            500..=599 => Some(5),
            _ => None,
        };
        Reply {
            code,
            enhanced: class.map(|class| Enhanced {
                class,
                subject,
                detail,
            }),
            lines: vec![text.into()],
        }
    }

    /// A reply of one line without an enhanced code, as greetings and answers to EHLO have to be.
    pub fn plain(code: u16, text: impl Into<String>) -> Self {
        Reply {
            code,
            enhanced: None,
            lines: vec![text.into()],
        }
    }

    /// Whether it says yes (2yz, 3yz).
    pub fn is_positive(&self) -> bool {
        (200..400).contains(&self.code)
    }

    /// Whether it says "later" (4yz).
    pub fn is_temporary(&self) -> bool {
        (400..500).contains(&self.code)
    }

    /// Whether it says "never" (5yz).
    pub fn is_permanent(&self) -> bool {
        (500..600).contains(&self.code)
    }

    /// Appends it as it goes over the wire. Its text may quote what a peer sent: what is not
    /// printable ASCII becomes `?`, so that it makes no second reply, and long lines are cut
    /// ([`limits::REPLY_LINE`]).
    pub fn write(&self, out: &mut Vec<u8>) {
        let enhanced = self.enhanced.map(|code| format!("{code} "));
        let enhanced = enhanced.unwrap_or_default();
        // Code, separator and CRLF.
        let room = limits::REPLY_LINE - 6 - enhanced.len();
        let last = self.lines.len().saturating_sub(1);
        let none = [String::new()];
        let lines = if self.lines.is_empty() {
            &none[..]
        } else {
            &self.lines
        };
        for (at, line) in lines.iter().enumerate() {
            let between = if at < last { '-' } else { ' ' };
            out.extend_from_slice(format!("{:03}{between}{enhanced}", self.code).as_bytes());
            let plain = |char: char| {
                if matches!(char, ' '..='~') {
                    char as u8
                } else {
                    b'?'
                }
            };
            out.extend(line.chars().take(room).map(plain));
            out.extend_from_slice(b"\r\n");
        }
    }
}

impl fmt::Display for Reply {
    /// On one line, as a report quotes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, " {enhanced}")?;
        }
        (self.lines.iter().filter(|line| !line.is_empty()))
            .try_for_each(|line| write!(f, " {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enhanced_codes() {
        assert_eq!(Enhanced::parse("5.1.10").unwrap().to_string(), "5.1.10");
        for text in [
            "", "5", "5.1", "5.1.1.1", "3.1.1", "5.1000.1", "5.+1.1", "5..1", "x.1.1",
        ] {
            assert_eq!(Enhanced::parse(text), None, "{text}");
        }
    }

    #[test]
    fn text_makes_no_second_reply() {
        let mut out = Vec::new();
        Reply::new(550, [1, 1], "no é\r\n250 fine").write(&mut out);
        assert_eq!(out, b"550 5.1.1 no ???250 fine\r\n");
        out.clear();
        Reply::new(550, [1, 1], "x".repeat(9_999)).write(&mut out);
        assert_eq!(out.len(), limits::REPLY_LINE);
        out.clear();
        let lines = vec!["a".to_owned(), "b".to_owned()];
        Reply {
            code: 250,
            enhanced: None,
            lines,
        }
        .write(&mut out);
        assert_eq!(out, b"250-a\r\n250 b\r\n");
        out.clear();
        Reply {
            code: 250,
            enhanced: None,
            lines: Vec::new(),
        }
        .write(&mut out);
        assert_eq!(out, b"250 \r\n");
    }
}
