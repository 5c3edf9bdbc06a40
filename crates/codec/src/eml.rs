//! Single mail files: nothing to take apart, only to tell from files that are no mail.

/// Bytes looked at.
const WINDOW: usize = 64 << 10;

/// Whether a file looks like a mail: a field that mail has stands in its first block of
/// lines, with only text before it. Leading empty lines, a byte order mark, `From_` lines
/// and damaged lines do not matter.
///
/// Broken mail is mail, and must be kept; so one known field is enough, whatever is
/// around it. A field nobody knows is not: `Note: milk, eggs` is a text.
pub fn looks_like_mail(file: &[u8]) -> bool {
    let window = file.get(..WINDOW).unwrap_or(file);
    let text = window.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(window);
    for line in text.trim_ascii_start().split(|&byte| byte == b'\n') {
        let ended = line.iter().rev().take_while(|&&byte| byte == b'\r').count();
        let line = line.get(..line.len() - ended).unwrap_or_default();
        // A CR alone ends a line too: some files come from there.
        for line in line.split(|&byte| byte == b'\r') {
            if is_mail_field(line) {
                return true;
            }
            // Formats of machines have a NUL long before they have a field by chance.
            if line.is_empty() || line.contains(&0) {
                return false;
            }
        }
    }
    false
}

/// Whether a line starts with the name of a field that mail has, and a colon.
fn is_mail_field(line: &[u8]) -> bool {
    let Some(colon) = line.iter().take(80).position(|&byte| byte == b':') else {
        return false;
    };
    let name = line
        .get(..colon)
        .unwrap_or_default()
        .trim_ascii_end()
        .to_ascii_lowercase();
    let proper = name
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    proper
        && (FIELDS.contains(&name.as_slice())
            || FAMILIES
                .iter()
                .any(|start| name.len() > start.len() && name.starts_with(start)))
}

/// Names of RFC 5322, MIME, and what programs write beside them.
const FIELDS: [&[u8]; 42] = [
    b"from",
    b"to",
    b"cc",
    b"bcc",
    b"date",
    b"subject",
    b"sender",
    b"reply-to",
    b"message-id",
    b"in-reply-to",
    b"references",
    b"received",
    b"return-path",
    b"mime-version",
    b"content-type",
    b"delivered-to",
    b"envelope-to",
    b"apparently-to",
    b"comments",
    b"keywords",
    b"importance",
    b"priority",
    b"precedence",
    b"organization",
    b"user-agent",
    b"status",
    b"newsgroups",
    b"path",
    b"lines",
    b"xref",
    b"authentication-results",
    b"dkim-signature",
    b"domainkey-signature",
    b"autocrypt",
    b"thread-topic",
    b"thread-index",
    b"disposition-notification-to",
    b"errors-to",
    b"original-recipient",
    b"auto-submitted",
    b"encoding",
    b"message-context",
];

/// Starts of names of which there are many.
const FAMILIES: [&[u8]; 8] = [
    b"x-",
    b"list-",
    b"resent-",
    b"content-",
    b"arc-",
    b"received-",
    b"delivery-",
    b"original-",
];

#[cfg(test)]
mod tests {
    use super::looks_like_mail;

    #[test]
    fn mail_and_other_files() {
        let long = [
            b"nonsense line\n".repeat(1000).as_slice(),
            b"Subject: late\n",
        ]
        .concat();
        let mails: [&[u8]; 13] = [
            b"Subject: x\n\nbody",
            b"\xEF\xBB\xBF\r\n\r\n  \nfrom : a@b\r\n",
            b"From ann Mon Jan  1 00:00:00 2024\nDate: x",
            b">From ann\r\nReceived: from x\r\n",
            b"no field here\n\xff\xfe\nX-Strange: 1\n",
            b"What: ever\nMessage-ID:<1@x>\n",
            b"Mac: 1\rTo: ann\r\rbody",
            b"Odd: 1\r\r\nTo: ann\r\r\n",
            b"MIME-Version:1.0",
            b"Content-Transfer-Encoding: 8bit\n",
            b"To:",
            b"ARC-Seal: i=1\n",
            &long,
        ];
        for mail in mails {
            assert!(looks_like_mail(mail), "{}", mail.escape_ascii());
        }
        let too_far = [
            b"nonsense line\n".repeat(5000).as_slice(),
            b"Subject: late\n",
        ]
        .concat();
        let others: [&[u8]; 13] = [
            b"",
            b"\n\n",
            b"%PDF-1.7\n%\xe2\xe3\n1 0 obj\n<< /Date (x) >>\n",
            b"\xff\xd8\xff\xe0\0\x10JFIF\nDate: x\n",
            b"PK\x03\x04\x14\0\0\0\nTo: x",
            b"Note: milk, eggs\nTime: now\n",
            b"A text of two paragraphs.\n\nSubject: not a header\n",
            b"Lone CRs.\r\rSubject: not a header\r",
            b"x-: y\n",
            b": x\n",
            b"he wrote to: ann\n",
            b"{\"from\": \"ann\"}",
            &too_far,
        ];
        for other in others {
            assert!(!looks_like_mail(other), "{}", other.escape_ascii());
        }
    }
}
