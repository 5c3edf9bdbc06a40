//! The same commands to us and to a Dovecot: the answers are the same, but for what each may choose.
//!
//! The table below has our own cases for what the groups of the Dovecot project's imaptest look at.

use everpost_testkit::peers::Dovecot;

use super::talk::{Talk, text};
use super::{ANN, PASSWORD, Server};

/// Commands, one a line, each group with a mailbox that is empty again. `@NAME` appends a mail of [`MAILS`]; a line that begins
/// with `?` is asked and its answer not compared.
const CASES: &str = include_str!("cases.txt");

/// Mails by name.
fn mail(name: &str) -> String {
    let head = |more: &str| {
        format!(
            "From: Carol <carol@example.com>\r\nTo: ann@example.test\r\n{more}Date: Mon, 3 Jun 2024 10:00:00 +0200\r\n"
        )
    };
    match name {
        "plain" => head("Subject: plain\r\nMessage-ID: <plain@x>\r\n") + "\r\nHello pier.\r\nTwo lines.\r\n",
        "reply" => {
            head("Subject: Re: plain\r\nMessage-ID: <reply@x>\r\nIn-Reply-To: <plain@x>\r\nReferences: <plain@x>\r\n")
                + "\r\nAn answer.\r\n"
        }
        "other" => {
            "From: Zoe <zoe@example.org>\r\nTo: bob@example.test, ann@example.test\r\nCc: Eve <eve@example.test>\r\n\
             Subject: another\r\nMessage-ID: <other@x>\r\nDate: Sat, 1 Jun 2024 08:00:00 +0000\r\n\r\nSomething else about a harbour.\r\n"
                .to_owned()
        }
        "encoded" => {
            head("Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <encoded@x>\r\nMIME-Version: 1.0\r\n\
                  Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n")
                + "\r\nw6RwZmVsIHVuZCBiaXJuZW4K\r\n"
        }
        "mixed" => {
            head("Subject: mixed\r\nMessage-ID: <mixed@x>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b1\"\r\n")
                + "\r\npreamble\r\n--b1\r\nContent-Type: text/plain; charset=us-ascii\r\nContent-ID: <one@x>\r\n\r\nfirst part\r\n\
                   --b1\r\nContent-Type: message/rfc822\r\nContent-Description: inside\r\n\r\n\
                   From: Dan <dan@example.net>\r\nSubject: inner\r\nDate: Sun, 2 Jun 2024 10:00:00 +0000\r\n\r\ninner text\r\n\
                   --b1\r\nContent-Type: application/octet-stream; name=\"f.bin\"\r\nContent-Disposition: attachment; filename=\"f.bin\"\r\n\
                   Content-Transfer-Encoding: base64\r\n\r\nAAECAwQF\r\n--b1--\r\nepilogue\r\n"
        }
        _ => panic!("no mail {name}"),
    }
}

/// What each server may say as it likes, taken out: numbers that it chose, words for people, the order of what has none.
fn common(lines: Vec<Vec<u8>>) -> Vec<String> {
    const OWN: [&str; 9] = [
        "* OK [HIGHESTMODSEQ",
        "* OK [UIDVALIDITY",
        "* OK [UNSEEN",
        "* OK [MAILBOXID",
        "* OK [PERMANENTFLAGS",
        "* OK [CLOSED]",
        "* OK [COPYUID",
        "* FLAGS (",
        "* CAPABILITY",
    ];
    /// Codes of an end that a program reads.
    const READ: [&str; 5] = [
        "TRYCREATE",
        "READ-ONLY",
        "READ-WRITE",
        "MODIFIED",
        "BADCHARSET",
    ];
    let mut all = Vec::new();
    for line in lines {
        let line = text(&line);
        let upper = line.to_uppercase();
        if OWN.iter().any(|word| upper.starts_with(word)) || upper.ends_with(" RECENT") {
            continue;
        }
        if upper.starts_with("* OK [UIDNEXT") {
            all.push(line.split(']').next().unwrap_or_default().to_owned());
            continue;
        }
        let end = ["OK", "NO", "BAD"]
            .into_iter()
            .find(|end| line.starts_with(end));
        if let Some(end) = end {
            let code = line
                .split('[')
                .nth(1)
                .and_then(|rest| rest.split([' ', ']']).next());
            let code = code.filter(|code| READ.contains(code)).unwrap_or_default();
            all.push(format!("{end} {code}"));
            continue;
        }
        all.push(sorted_items(&line));
    }
    let end = all.pop();
    let ordered = |line: &String| line.contains(" FETCH ") || line.contains("EXPUNGE");
    if !all.iter().any(ordered) {
        all.sort();
    }
    all.extend(end);
    all
}

/// The line with the items of FETCH and STATUS, and the attributes of LIST, in order, and without those that a server may tell
/// unasked.
fn sorted_items(line: &str) -> String {
    let Some((head, rest)) = line.split_once(" (") else {
        return line.to_owned();
    };
    if head.starts_with("* LIST") || head.starts_with("* LSUB") {
        let (attributes, name) = rest.split_once(") ").unwrap_or((rest, ""));
        let free = [
            "\\UnMarked",
            "\\Marked",
            "\\HasNoChildren",
            "\\HasChildren",
            "\\NoInferiors",
            "\\Noselect",
            "",
        ];
        let special = ["\\Sent", "\\Drafts", "\\Trash", "\\Junk", "\\Archive"];
        let told = |word: &&str| !free.contains(word) && !special.contains(word);
        let mut words: Vec<&str> = attributes.split(' ').filter(told).collect();
        words.sort_unstable();
        return format!("{head} ({}) {}", words.join(" "), name.replace('"', ""));
    }
    if !head.ends_with("FETCH") && !head.starts_with("* STATUS") {
        return line.to_owned();
    }
    let mut items = items(rest.strip_suffix(')').unwrap_or(rest).as_bytes());
    items.retain(|item| !item.starts_with("MODSEQ ") && !item.starts_with("UID "));
    for item in &mut items {
        if let Some(flags) = item
            .strip_prefix("FLAGS (")
            .and_then(|rest| rest.strip_suffix(')'))
        {
            let mut flags: Vec<&str> = flags
                .split(' ')
                .filter(|flag| *flag != "\\Recent")
                .collect();
            flags.sort_unstable();
            *item = format!("FLAGS ({})", flags.join(" "));
        }
    }
    items.sort();
    format!("{} {items:?}", head.replace('"', ""))
}

/// Names and values: a value ends at a blank outside of quotes, brackets and literals.
fn items(mut bytes: &[u8]) -> Vec<String> {
    let mut items = Vec::new();
    while !bytes.is_empty() {
        let name = end_of(bytes);
        let value = end_of(bytes.get(name + 1..).unwrap_or_default());
        let end = (name + 1 + value).min(bytes.len());
        let name = text(&bytes[..name]).to_uppercase();
        let value = text(bytes.get(name.len() + 1..end).unwrap_or_default());
        items.push(format!("{name} {}", value.trim_start_matches('~')));
        bytes = bytes.get(end + 1..).unwrap_or_default();
    }
    items
}

fn end_of(bytes: &[u8]) -> usize {
    let (mut at, mut depth, mut quoted) = (0, 0, false);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            b'(' | b'[' if !quoted => depth += 1,
            b')' | b']' if !quoted => depth -= 1,
            b' ' if !quoted && depth == 0 => return at,
            b'{' if !quoted => {
                let length = bytes[at + 1..].split(|byte| *byte == b'}').next();
                let length: usize = text(length.unwrap_or_default()).parse().unwrap_or(0);
                let head = bytes[at..]
                    .iter()
                    .position(|byte| *byte == b'\n')
                    .unwrap_or(0);
                at += head + length;
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len().min(at)
}

fn clear(talk: &mut Talk) {
    talk.ok("LIST \"\" *");
    for folder in ["INBOX", "Drafts", "Sent", "Trash", "Junk", "Archive"] {
        talk.ok(&format!("SELECT {folder}"));
        talk.ok("UID STORE 1:* +FLAGS.SILENT (\\Deleted)");
        talk.ok("EXPUNGE");
    }
    talk.ok("UNSELECT");
    for line in talk.ok("LIST \"\" *") {
        let name = line.rsplit("\"/\" ").next().unwrap_or_default().to_owned();
        let bare = name.trim_matches('"');
        let keep = ["INBOX", "Drafts", "Sent", "Trash", "Junk", "Archive"];
        if line.starts_with("* LIST") && !keep.contains(&bare) {
            talk.say(format!("DELETE {name}").as_bytes());
        }
    }
}

#[test]
fn answers_are_those_of_a_dovecot() {
    let dovecot = Dovecot::start(&["ann"]).unwrap();
    let server = Server::start();
    let mut differing = Vec::new();
    let mut asked = 0;
    for group in CASES.split("\n\n") {
        let mut ours = Talk::of(server.address, ANN, PASSWORD);
        let mut theirs = Talk::of(dovecot.imap(), ANN, PASSWORD);
        clear(&mut ours);
        clear(&mut theirs);
        // UIDs begin where they are now.
        for line in group
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        {
            let (compared, command) = match line.strip_prefix('?') {
                Some(command) => (false, command),
                None => (true, line),
            };
            let command = match command.strip_prefix('@') {
                Some(rest) => {
                    let (name, how) = rest.split_once(' ').unwrap_or((rest, "INBOX"));
                    let mail = mail(name);
                    format!("APPEND {how} {{{}}}\r\n{mail}", mail.len())
                }
                None => command.replace("\\r\\n", "\r\n"),
            };
            let ours = ours.say(command.as_bytes());
            let theirs = theirs.say(command.as_bytes());
            asked += 1;
            let (ours, theirs) = (common(ours), common(theirs));
            if compared && ours != theirs {
                differing.push(format!(
                    "{command}\n  ours   {ours:#?}\n  theirs {theirs:#?}"
                ));
            }
        }
    }
    assert!(asked > 100, "{asked} commands");
    assert!(
        differing.is_empty(),
        "{} differ:\n{}",
        differing.len(),
        differing.join("\n")
    );
}
